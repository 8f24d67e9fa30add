//! The contract over [`State`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::stream;
use sea_orm::{IdenStatic, Value};
use tokio::task::yield_now;

use super::{
    access::run,
    state::{Row as Values, State},
    store::MemoryStore,
    table::Table,
    transaction::MemoryTransaction,
    write::Writer,
};
use crate::{
    capability::Capabilities,
    context::{Access, Cx, Entry, WAITING},
    coop::{Budget, STEPS},
    entity::{self, IdOf, Shape, Storable},
    error::{Error, ErrorKind, Result, conflict},
    query::{Changes, Filter, Merged, OnConflict, Projection, Query, Selection, Upserted},
    repository::{BatchCall, Creator, Deleter, Reader, Transactional, Updater, in_usual_parts},
    row::Row,
    stream::{CHUNK, ModelStream},
    transaction::TxOptions,
    value::Key,
};

pub(crate) struct MemoryRepository<E: Storable> {
    pub(super) store: MemoryStore,
    pub(super) shape: Arc<Shape<E>>,
    pub(super) table: Arc<Table>,
    /// Whether the rows of the table are those of the entity: another one may have named its table so before.
    is_own: bool,
}

impl<E: Storable> Clone for MemoryRepository<E> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), shape: self.shape.clone(), table: self.table.clone(), is_own: self.is_own }
    }
}

fn model_of<E: Storable>(values: &Values) -> Result<E::Model> {
    entity::model_of::<E>(values.iter().cloned())
}

impl<E: Storable> MemoryRepository<E> {
    pub(crate) fn new(store: MemoryStore, shape: Shape<E>) -> Self {
        let table = Arc::new(Table::of(&shape));
        let is_own = store.add_table(&table);
        Self { store, shape: Arc::new(shape), table, is_own }
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, &self.shape.table())
    }

    /// Rows have their values in the order of the columns.
    pub(super) fn require_own(&self) -> Result<()> {
        match self.is_own {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Unsupported, "the table is that of another entity, which has other columns")),
        }
    }

    /// The values of models that are about to be written. Dropping this is dropping the write: a transaction it belongs to can no longer commit.
    async fn values(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<Vec<Value>>> {
        let entry = cx.enter::<MemoryTransaction>(self.store.id(), Access::Write)?;
        let step = match &entry {
            Entry::Joined(level, transaction) if models.len() >= STEPS => {
                Some(cx.limits().bound(WAITING, transaction.step(level.id())).await?)
            }
            _ => None,
        };
        let rows = self.rows(models).await;
        if let Some(step) = step {
            // Values that are refused leave the transaction as it was.
            step.finish(Ok(()))?;
        }
        rows
    }

    async fn rows(&self, models: &[E::Model]) -> Result<Vec<Vec<Value>>> {
        let (mut rows, mut budget) = (Vec::with_capacity(models.len()), Budget::new());
        for (nth, model) in models.iter().enumerate() {
            rows.push(self.shape.values(model).map_err(|error| error.in_batch(nth, models.len()))?);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// Inserts models, and makes something of each of the rows they become.
    async fn insert<R: Send + 'static>(&self, cx: &Cx, models: &[E::Model], make: fn(&Values) -> Result<R>) -> Result<Vec<R>> {
        let rows = self.values(cx, models).await?;
        self.write(cx, |_| models.len(), move |writer| writer.insert(rows)?.iter().map(make).collect()).await
    }

    async fn replace_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let rows = self.values(cx, models).await?;
        let ids: Vec<_> = rows.iter().map(|row| self.shape.key_of_values(row)).collect();
        // Of two with one id, the last.
        let latest: BTreeMap<_, _> = ids.iter().cloned().zip(rows).collect();
        if latest.len() < ids.len() && self.shape.rules.version.is_some() {
            self.write(cx, |_| 0, |_| Ok(())).await?;
            return Err(conflict());
        }
        let update = move |writer: &mut Writer<'_, E>| {
            let updated = writer.update_all(latest)?;
            ids.iter().filter_map(|id| updated.get(id)).map(model_of::<E>).collect()
        };
        self.write(cx, self.all_about(models.len()), update).await
    }

    /// Makes something of each row that a query selects.
    async fn select<R: Send + 'static>(
        &self,
        cx: &Cx,
        query: &Query<E::Model>,
        make: impl Fn(&Values) -> Result<R> + Send + 'static,
    ) -> Result<Vec<R>> {
        let (shape, table, selection) = (self.shape.clone(), self.table.clone(), self.shape.selection(query)?);
        let first = selection.first_of_all(&shape.id);
        let reach = |state: &State| first.unwrap_or_else(|| state.len(&self.table.name));
        self.read(cx, reach, move |state| selected(state, &table, &selection, &shape.id).iter().map(make).collect()).await
    }

    fn keys(&self, ids: &[IdOf<E>]) -> Result<Vec<Key>> {
        ids.iter().map(|id| self.shape.key_of_id(id)).collect()
    }

    async fn look_up(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let (keys, shape, table) = (self.keys(ids)?, self.shape.clone(), self.table.clone());
        let look_up = move |state: &State| {
            let rows = keys.iter().filter_map(|key| state.find(&table.name, key));
            let wanted = shape.not_deleted();
            rows.filter(|row| wanted.is_met_by(row)).map(model_of::<E>).collect()
        };
        self.read(cx, |_| ids.len(), look_up).await
    }

    async fn upsert(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let resolution = self.shape.resolution(on_conflict)?;
        let (rows, shape) = (self.values(cx, models).await?, self.shape.clone());
        let now = self.store.clock().now();
        let upsert = move |writer: &mut Writer<'_, E>| {
            let mut merged = Merged::new(&shape, &resolution);
            for mut row in rows {
                shape.stamp_new(&mut row, now);
                shape.fill_defaults(&mut row)?;
                merged.push(row);
            }
            writer.upsert(merged, &resolution)
        };
        self.write(cx, self.all_about(models.len()), upsert).await
    }

    async fn columns(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        let columns = self.shape.projected(projection)?;
        let names = columns.iter().filter_map(|column| self.shape.columns.get(*column));
        let names: Arc<[String]> = names.map(|column| column.as_str().to_owned()).collect();
        let part = move |row: &Values| Key(columns.iter().filter_map(|column| row.get(*column).cloned()).collect());
        if !projection.distinct {
            let row = move |row: &Values| Ok(Row { names: names.clone(), values: part(row).0 });
            return self.select(cx, query, row).await;
        }
        let all = Query { limit: None, offset: 0, ..query.clone() };
        let keys = self.select(cx, &all, move |row| Ok(part(row))).await?;
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (offset, limit) = (size(query.offset), query.limit.map_or(usize::MAX, size));
        let count = keys.len();
        let rows = move || {
            let keys: BTreeSet<Key> = keys.into_iter().collect();
            let keys = keys.into_iter().skip(offset).take(limit);
            Ok(keys.map(|key| Row { names: names.clone(), values: key.0 }).collect())
        };
        run(cx, count, rows).await
    }
}

/// The rows that are selected, in their order.
fn selected(state: &State, table: &Table, selection: &Selection, id: &[usize]) -> Vec<Values> {
    let after = selection.after_id(id).map_or(Bound::Unbounded, Bound::Excluded);
    let rows = state.rows(&table.name).into_iter();
    let rows = rows.flat_map(|rows| rows.by_id.range((after.as_ref(), Bound::Unbounded))).map(|(_, row)| row);
    selection.of(rows, id).into_iter().cloned().collect()
}

#[async_trait]
impl<E: Storable> Creator<E::Model> for MemoryRepository<E> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let created = self.insert(cx, std::slice::from_ref(model), model_of::<E>).await.map_err(self.at("create"))?;
        Ok(created.into_iter().next().unwrap_or_else(|| model.clone()))
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let stored = self.insert(cx, models, model_of::<E>).await;
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_many"))
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        let stored = self.insert(cx, models, |_| Ok(())).await.map(|rows| rows.len() as u64);
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_batch"))
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let upserted = self.upsert(cx, models, on_conflict).await;
        BatchCall::Upsert(models, on_conflict).indexed(self, cx, upserted).await.map_err(self.at("upsert_batch"))
    }
}

#[async_trait]
impl<E: Storable> Reader<E::Model, IdOf<E>> for MemoryRepository<E> {
    async fn find(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        let found = self.look_up(cx, std::slice::from_ref(id)).await;
        Ok(found.map_err(self.at("find"))?.pop())
    }

    async fn find_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        self.look_up(cx, ids).await.map_err(self.at("find_many"))
    }

    async fn query(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        self.select(cx, query, model_of::<E>).await.map_err(self.at("query"))
    }

    /// Of the rows, which are in memory anyway, only references are held.
    async fn stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        if let Entry::Joined(..) = cx.enter::<MemoryTransaction>(self.store.id(), Access::Read).map_err(self.at("stream"))? {
            self.shape.selection(query).map_err(self.at("stream"))?;
            self.read(cx, |_| 0, |_| Ok(())).await.map_err(self.at("stream"))?;
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.shape.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move { repository.select(&cx, &query, model_of::<E>).await.map_err(repository.at("stream")) }
            }));
        }
        let rows = self.select(cx, query, |row| Ok(row.clone())).await.map_err(self.at("stream"))?;
        Ok(ModelStream::of_chunks(stream::try_unfold(rows.into_iter(), |mut rows| async move {
            yield_now().await;
            let chunk = rows.by_ref().take(CHUNK).map(|row| model_of::<E>(&row)).collect::<Result<Vec<_>>>()?;
            Ok((!chunk.is_empty()).then_some((chunk, rows)))
        })))
    }

    async fn count(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.shape.condition(filter).map_err(self.at("count"))?;
        let table = self.table.clone();
        let count = move |state: &State| {
            let rows = state.rows(&table.name).into_iter().flat_map(|rows| rows.by_id.values());
            Ok(rows.filter(|row| condition.is_met_by(row)).count() as u64)
        };
        self.read(cx, self.all(), count).await.map_err(self.at("count"))
    }

    async fn project(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        self.columns(cx, query, projection).await.map_err(self.at("project"))
    }
}

#[async_trait]
impl<E: Storable> Updater<E::Model> for MemoryRepository<E> {
    async fn update(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let row = self.shape.values(model).map_err(self.at("update"))?;
        // What is refused without having changed anything leaves a transaction as it was.
        let updated = self.write(cx, self.all_about(1), |writer| writer.update(row)).await.flatten();
        let noted = |error| cx.note_conflict(self.store.id(), self.at("update")(error));
        model_of::<E>(&updated.map_err(noted)?)
    }

    async fn update_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let updated = self.replace_many(cx, models).await;
        BatchCall::Update(models).indexed(self, cx, updated).await.map_err(self.at("update_many"))
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<E::Model>, changes: &Changes<E::Model>) -> Result<u64> {
        let resolved = self.shape.condition(filter).and_then(|condition| Ok((condition, self.shape.changes(changes)?)));
        let (condition, changes) = resolved.map_err(self.at("update_where"))?;
        let update = move |writer: &mut Writer<'_, E>| writer.update_where(&condition, &changes);
        self.write(cx, self.all(), update).await.map_err(self.at("update_where"))
    }
}

#[async_trait]
impl<E: Storable> Deleter<E::Model, IdOf<E>> for MemoryRepository<E> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        let keys = self.keys(std::slice::from_ref(id)).map_err(self.at("delete"))?;
        let deleted = self.write(cx, self.all_about(1), move |writer| writer.delete(&keys)).await;
        Ok(deleted.map_err(self.at("delete"))? > 0)
    }

    async fn delete_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<u64> {
        let keys = self.keys(ids).map_err(self.at("delete_many"))?;
        let deleted = self.write(cx, self.all_about(ids.len()), move |writer| writer.delete(&keys)).await;
        BatchCall::Delete(ids).indexed(self, cx, deleted).await.map_err(self.at("delete_many"))
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.shape.condition(filter).map_err(self.at("delete_where"))?;
        self.write(cx, self.all(), move |writer| writer.delete_where(&condition)).await.map_err(self.at("delete_where"))
    }
}

#[async_trait]
impl<E: Storable> Transactional for MemoryRepository<E> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.store.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.store.begin(cx, options).await
    }
}
