//! The contract over [`State`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use async_trait::async_trait;
use sea_orm::{IdenStatic, Value};

use super::{
    state::{Row as Values, State},
    store::MemoryStore,
    table::Table,
    transaction::MemoryTransaction,
    write::Writer,
};
use crate::{
    capability::Capabilities,
    context::{Access, Cx, Entry, WAITING},
    entity::{self, IdOf, Shape, Storable},
    error::{Error, ErrorKind, Result, conflict},
    query::{Changes, Filter, Merged, OnConflict, Projection, Query, Selection, Upserted},
    repository::{Creator, Deleter, Reader, Transactional, Updater, in_usual_parts},
    row::Row,
    stream::{CHUNK, ModelStream},
    transaction::TxOptions,
    value::Key,
};

pub(crate) struct MemoryRepository<E: Storable> {
    store: MemoryStore,
    shape: Arc<Shape<E>>,
    table: Arc<Table>,
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
    fn require_own(&self) -> Result<()> {
        match self.is_own {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Unsupported, "the table is that of another entity, which has other columns")),
        }
    }

    async fn read<R>(&self, cx: &Cx, read: impl FnOnce(&State) -> Result<R> + Send) -> Result<R> {
        self.require_own()?;
        match cx.enter::<MemoryTransaction>(self.store.id(), Access::Read)? {
            Entry::Joined(level, transaction) => {
                let mut step = cx.limits().bound(WAITING, transaction.step(level.id())).await?;
                let result = step.work().and_then(|open| read(open.state()));
                step.finish(result)
            }
            Entry::Alone(_) => {
                self.store.refuse_if_closed()?;
                read(&self.store.committed())
            }
        }
    }

    /// Changes the state as a whole or not at all.
    async fn write<R>(&self, cx: &Cx, write: impl FnOnce(&mut Writer<'_, E>) -> Result<R> + Send) -> Result<R> {
        self.require_own()?;
        let now = self.store.clock().now();
        let (shape, table, tables) = (&*self.shape, &*self.table, self.store.tables());
        match cx.enter::<MemoryTransaction>(self.store.id(), Access::Write)? {
            Entry::Joined(level, transaction) => {
                let mut step = cx.limits().bound(WAITING, transaction.step(level.id())).await?;
                let state = step.work().and_then(MemoryTransaction::state_mut);
                let result = state.and_then(|state| {
                    self.store.record(cx, state)?;
                    write(&mut Writer { shape, table, tables: &tables, state, now })
                });
                step.finish(result)
            }
            Entry::Alone(patience) => {
                let _turn = cx.limits().bound(WAITING, self.store.writer(patience)).await?;
                let mut state = self.store.committed();
                self.store.record(cx, &mut state)?;
                let result = write(&mut Writer { shape, table, tables: &tables, state: &mut state, now })?;
                self.store.commit(state);
                Ok(result)
            }
        }
    }

    fn values(&self, models: &[E::Model]) -> Result<Vec<Vec<Value>>> {
        models.iter().map(|model| self.shape.values(model)).collect()
    }

    async fn insert(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<Values>> {
        let rows = self.values(models)?;
        self.write(cx, |writer| writer.insert(rows)).await
    }

    async fn replace_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let rows = self.values(models)?;
        let ids: Vec<_> = rows.iter().map(|row| self.shape.key_of_values(row)).collect();
        // Of two with one id, the last.
        let latest: BTreeMap<_, _> = ids.iter().cloned().zip(rows).collect();
        if latest.len() < ids.len() && self.shape.rules.version.is_some() {
            self.write(cx, |_| Ok(())).await?;
            return Err(conflict());
        }
        let updated = self.write(cx, |writer| writer.update_all(latest)).await?;
        let found = ids.iter().filter_map(|id| updated.get(id));
        found.map(model_of::<E>).collect()
    }

    fn selected(&self, state: &State, selection: &Selection) -> Vec<Values> {
        let after = selection.after_id(&self.shape.id).map_or(Bound::Unbounded, Bound::Excluded);
        let rows = state.rows(&self.table.name).into_iter();
        let rows = rows.flat_map(|rows| rows.by_id.range((after.as_ref(), Bound::Unbounded))).map(|(_, row)| row);
        selection.of(rows, &self.shape.id).into_iter().cloned().collect()
    }

    async fn select(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<Values>> {
        let selection = self.shape.selection(query)?;
        self.read(cx, |state| Ok(self.selected(state, &selection))).await
    }

    fn keys(&self, ids: &[IdOf<E>]) -> Result<Vec<Key>> {
        ids.iter().map(|id| self.shape.key_of_id(id)).collect()
    }

    async fn look_up(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = self.keys(ids)?;
        let wanted = self.shape.not_deleted();
        self.read(cx, |state| {
            let rows = keys.iter().filter_map(|key| state.find(&self.table.name, key));
            rows.filter(|row| wanted.is_met_by(row)).map(model_of::<E>).collect()
        })
        .await
    }

    async fn upsert(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let resolution = self.shape.resolution(on_conflict)?;
        let now = self.store.clock().now();
        let mut merged = Merged::new(&self.shape, &resolution);
        for mut row in self.values(models)? {
            self.shape.stamp_new(&mut row, now);
            self.shape.fill_defaults(&mut row)?;
            merged.push(row);
        }
        self.write(cx, |writer| writer.upsert(merged, &resolution)).await
    }

    async fn columns(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        let columns = self.shape.projected(projection)?;
        let names = columns.iter().filter_map(|column| self.shape.columns.get(*column));
        let names: Arc<[String]> = names.map(|column| column.as_str().to_owned()).collect();
        let part = |row: &Values| Key(columns.iter().filter_map(|column| row.get(*column).cloned()).collect());
        if !projection.distinct {
            let rows = self.select(cx, query).await?;
            return Ok(rows.iter().map(|row| Row { names: names.clone(), values: part(row).0 }).collect());
        }
        let all = Query { limit: None, offset: 0, ..query.clone() };
        let keys: BTreeSet<Key> = self.select(cx, &all).await?.iter().map(part).collect();
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let keys = keys.into_iter().skip(size(query.offset)).take(query.limit.map_or(usize::MAX, size));
        Ok(keys.map(|key| Row { names: names.clone(), values: key.0 }).collect())
    }
}

#[async_trait]
impl<E: Storable> Creator<E::Model> for MemoryRepository<E> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let rows = self.insert(cx, std::slice::from_ref(model)).await.map_err(self.at("create"))?;
        rows.first().map_or_else(|| Ok(model.clone()), model_of::<E>)
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let rows = self.insert(cx, models).await.map_err(self.at("create_many"))?;
        rows.iter().map(model_of::<E>).collect()
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        Ok(self.insert(cx, models).await.map_err(self.at("create_batch"))?.len() as u64)
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        self.upsert(cx, models, on_conflict).await.map_err(self.at("upsert_batch"))
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
        let rows = self.select(cx, query).await.map_err(self.at("query"))?;
        rows.iter().map(model_of::<E>).collect()
    }

    /// Of the rows, which are in memory anyway, only references are held.
    async fn stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        if let Entry::Joined(..) = cx.enter::<MemoryTransaction>(self.store.id(), Access::Read).map_err(self.at("stream"))? {
            self.shape.selection(query).map_err(self.at("stream"))?;
            self.read(cx, |_| Ok(())).await.map_err(self.at("stream"))?;
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.shape.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move {
                    let rows = repository.select(&cx, &query).await.map_err(repository.at("stream"))?;
                    rows.iter().map(model_of::<E>).collect()
                }
            }));
        }
        let rows = self.select(cx, query).await.map_err(self.at("stream"))?;
        let mut rows = rows.into_iter();
        let mut next = move || {
            let chunk: Vec<_> = rows.by_ref().take(CHUNK).collect();
            (!chunk.is_empty()).then(|| chunk.iter().map(model_of::<E>).collect())
        };
        Ok(ModelStream::of_chunks(futures_util::stream::poll_fn(move |_| std::task::Poll::Ready(next()))))
    }

    async fn count(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.shape.condition(filter).map_err(self.at("count"))?;
        let count = self.read(cx, |state| {
            let rows = state.rows(&self.table.name).into_iter().flat_map(|rows| rows.by_id.values());
            Ok(rows.filter(|row| condition.is_met_by(row)).count() as u64)
        });
        count.await.map_err(self.at("count"))
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
        let updated = self.write(cx, |writer| writer.update(row)).await.flatten();
        let noted = |error| cx.note_conflict(self.store.id(), self.at("update")(error));
        model_of::<E>(&updated.map_err(noted)?)
    }

    async fn update_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        self.replace_many(cx, models).await.map_err(self.at("update_many"))
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<E::Model>, changes: &Changes<E::Model>) -> Result<u64> {
        let resolved = self.shape.condition(filter).and_then(|condition| Ok((condition, self.shape.changes(changes)?)));
        let (condition, changes) = resolved.map_err(self.at("update_where"))?;
        self.write(cx, |writer| writer.update_where(&condition, &changes)).await.map_err(self.at("update_where"))
    }
}

#[async_trait]
impl<E: Storable> Deleter<E::Model, IdOf<E>> for MemoryRepository<E> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        let keys = self.keys(std::slice::from_ref(id)).map_err(self.at("delete"))?;
        Ok(self.write(cx, |writer| writer.delete(&keys)).await.map_err(self.at("delete"))? > 0)
    }

    async fn delete_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<u64> {
        let keys = self.keys(ids).map_err(self.at("delete_many"))?;
        self.write(cx, |writer| writer.delete(&keys)).await.map_err(self.at("delete_many"))
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.shape.condition(filter).map_err(self.at("delete_where"))?;
        self.write(cx, |writer| writer.delete_where(&condition)).await.map_err(self.at("delete_where"))
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
