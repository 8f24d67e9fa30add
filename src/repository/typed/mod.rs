//! [`Repository`], the one implementation of the contract: models above the door, rows below it.

mod deleter;
mod exists;
mod hook;
mod mapping;
mod matches;
mod model_type;
mod row_model;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, ready},
};

use self::mapping::Purpose;
pub(crate) use self::{
    hook::EntityHook,
    mapping::{EntityMapping, Mapping, models_of},
    model_type::{EntityModel, ModelType},
    row_model::RowModel,
};
use super::{Creator, Reader, Transactional, Updater, ext::in_usual_parts, refused::BatchCall};
use crate::{
    backend::{Answer, Backend, Decoder, Read, Rows, TableBackend, Write},
    capability::Capabilities,
    context::Cx,
    coop::{Budget, off_thread},
    error::{Error, ErrorKind, Result},
    query::{Aggregation, Changes, Filter, OnConflict, Outcome, Projection, Query, ResolvedAggregation, Test, Upserted},
    row::Row,
    stream::ModelStream,
    table::Table,
    transaction::TxOptions,
    value::Key,
};

/// A repository of a table's models in a store.
pub(crate) struct Repository<T: ModelType> {
    store: Arc<dyn Backend>,
    table: Arc<dyn TableBackend>,
    mapping: Arc<Mapping<T>>,
    /// The mapping, as a backend takes it.
    decoder: Arc<dyn Decoder>,
}

impl<T: ModelType> Clone for Repository<T> {
    fn clone(&self) -> Self {
        let (store, table) = (self.store.clone(), self.table.clone());
        Self { store, table, mapping: self.mapping.clone(), decoder: self.decoder.clone() }
    }
}

impl<T: ModelType> Repository<T> {
    pub(crate) fn new(store: &Arc<dyn Backend>, mapping: Arc<Mapping<T>>) -> Self {
        let table = store.table(mapping.table.clone());
        Self { store: store.clone(), table, decoder: mapping.clone(), mapping }
    }

    pub(crate) fn mapping(&self) -> &Mapping<T> {
        &self.mapping
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, &self.mapping.table.full_name())
    }

    async fn keys(&self, ids: &[T::Id]) -> Result<Vec<Key>> {
        self.table.check()?;
        let (mut keys, mut budget) = (Vec::with_capacity(ids.len()), Budget::new());
        for id in ids {
            keys.push(self.mapping.key_of_id(id)?);
            budget.consume().await;
        }
        Ok(keys)
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read) -> BoxFuture<'a, Result<Answer>> {
        self.table.read(cx, read, &self.decoder)
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>) -> BoxFuture<'a, Result<Answer>> {
        match self.mapping.table.require_writable() {
            Ok(()) => self.table.write(cx, write, &self.decoder),
            Err(refused) => ready(Err(refused)).boxed(),
        }
    }

    /// Refuses models that would not be there for the repository.
    async fn require_within(&self, models: &[T::Model]) -> Result<()> {
        if self.mapping.table.scope.is_all() {
            return Ok(());
        }
        let mut budget = Budget::new();
        for (nth, model) in models.iter().enumerate() {
            let within = self.mapping.table.require_within(|column| self.mapping.value(model, column));
            within.map_err(|error| error.in_batch(nth, models.len()))?;
            budget.consume().await;
        }
        Ok(())
    }

    async fn insert(&self, cx: &Cx, models: &[T::Model], returning: bool) -> Result<Vec<T::Model>> {
        self.require_within(models).await?;
        let rows = &self.mapping.given(models, Purpose::Insert)?;
        self.write(cx, Write::Insert { rows, returning }).await?.models().and_then(models_of::<T>)
    }

    async fn replace(
        &self,
        cx: &Cx,
        models: &[T::Model],
        write: impl for<'r> FnOnce(&'r dyn Rows) -> Write<'r> + Send,
    ) -> Result<Vec<T::Model>> {
        self.mapping.table.require_id()?;
        self.require_within(models).await?;
        let rows = self.mapping.given(models, Purpose::Update)?;
        self.write(cx, write(&rows)).await?.models().and_then(models_of::<T>)
    }

    async fn upsert_all(&self, cx: &Cx, models: &[T::Model], on_conflict: &OnConflict<T::Model>) -> Result<Upserted> {
        let resolution = self.mapping.table.resolution(on_conflict)?;
        self.require_within(models).await?;
        let rows = &self.mapping.given(models, Purpose::Upsert)?;
        self.write(cx, Write::Upsert { rows, resolution }).await?.upserted()
    }

    async fn upsert_one(&self, cx: &Cx, model: &T::Model, on_conflict: &OnConflict<T::Model>) -> Result<(T::Model, Outcome)> {
        let resolution = self.mapping.table.resolution(on_conflict)?;
        self.require_within(std::slice::from_ref(model)).await?;
        let rows = &self.mapping.given(std::slice::from_ref(model), Purpose::Upsert)?;
        let (models, outcome) = self.write(cx, Write::UpsertOne { rows, resolution }).await?.stored()?;
        Ok((only(models_of::<T>(models)?)?, outcome))
    }

    /// The models that a write answers, unless it was refused when it was made.
    async fn answered(&self, cx: &Cx, operation: &'static str, write: Result<Write<'_>>) -> Result<Vec<T::Model>> {
        let answered = async { self.write(cx, write?).await?.models().and_then(models_of::<T>) };
        answered.await.map_err(self.at(operation))
    }

    /// The table, if the store can keep its models.
    fn table(&self) -> Result<&Table> {
        self.table.check().map(|()| &*self.mapping.table)
    }

    async fn select(&self, cx: &Cx, query: &Query<T::Model>) -> Result<Vec<T::Model>> {
        self.table.check()?;
        let selection = self.mapping.table.selection(query)?;
        self.read(cx, Read::Select(selection)).await?.models().and_then(models_of::<T>)
    }

    async fn computed(&self, cx: &Cx, filter: &Filter<T::Model>, aggregation: &Aggregation<T::Model>) -> Result<Vec<Row>> {
        self.table.check()?;
        let resolved = self.mapping.table.aggregation(filter, aggregation)?;
        let ResolvedAggregation { condition, grouping, finish } = resolved;
        let rows = self.read(cx, Read::Aggregate { condition, grouping }).await?.rows()?;
        match finish.is_long(rows.len()) {
            true => off_thread(move || finish.finish(rows)).await?,
            false => finish.finish(rows),
        }
    }

    async fn open_stream(&self, cx: &Cx, query: &Query<T::Model>) -> Result<ModelStream<T::Model>> {
        self.table.check()?;
        let selection = self.mapping.table.selection(query)?;
        let Some(parts) = self.table.stream(cx, selection, self.decoder.clone()).await? else {
            // Each part goes on from where the last one ended.
            self.mapping.table.require_id()?;
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.mapping.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move { repository.select(&cx, &query).await.map_err(repository.at("stream")) }
            }));
        };
        let repository = self.clone();
        let read = parts.map(move |part| part.and_then(models_of::<T>).map_err(repository.at("stream")));
        ModelStream::begun(read).await
    }
}

/// The only model of those that a call for one model answers.
fn only<M>(models: Vec<M>) -> Result<M> {
    models.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Internal, "the engine returned no row"))
}

#[async_trait]
impl<T: ModelType> Creator<T::Model> for Repository<T> {
    async fn create(&self, cx: &Cx, model: &T::Model) -> Result<T::Model> {
        self.insert(cx, std::slice::from_ref(model), true).await.and_then(only).map_err(self.at("create"))
    }

    async fn create_many(&self, cx: &Cx, models: &[T::Model]) -> Result<Vec<T::Model>> {
        let stored = self.insert(cx, models, true).await;
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_many"))
    }

    async fn create_batch(&self, cx: &Cx, models: &[T::Model]) -> Result<u64> {
        let stored = self.insert(cx, models, false).await.map(|_| models.len() as u64);
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_batch"))
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[T::Model], on_conflict: &OnConflict<T::Model>) -> Result<Upserted> {
        let upserted = self.upsert_all(cx, models, on_conflict).await;
        BatchCall::Upsert(models, on_conflict).indexed(self, cx, upserted).await.map_err(self.at("upsert_batch"))
    }

    async fn upsert(&self, cx: &Cx, model: &T::Model, on_conflict: &OnConflict<T::Model>) -> Result<(T::Model, Outcome)> {
        self.upsert_one(cx, model, on_conflict).await.map_err(self.at("upsert"))
    }
}

#[async_trait]
impl<T: ModelType> Reader<T::Model, T::Id> for Repository<T> {
    async fn find(&self, cx: &Cx, id: &T::Id) -> Result<Option<T::Model>> {
        let key = self.mapping.key_of_id(id).map_err(self.at("find"))?;
        let found = self.read(cx, Read::FindOne(key)).await.and_then(Answer::models).and_then(models_of::<T>);
        Ok(found.map_err(self.at("find"))?.pop())
    }

    async fn find_many(&self, cx: &Cx, ids: &[T::Id]) -> Result<Vec<T::Model>> {
        let keys = self.keys(ids).await.map_err(self.at("find_many"))?;
        let found = self.read(cx, Read::Find(keys)).await.and_then(Answer::models);
        found.and_then(models_of::<T>).map_err(self.at("find_many"))
    }

    async fn query(&self, cx: &Cx, query: &Query<T::Model>) -> Result<Vec<T::Model>> {
        self.select(cx, query).await.map_err(self.at("query"))
    }

    async fn stream(&self, cx: &Cx, query: &Query<T::Model>) -> Result<ModelStream<T::Model>> {
        self.open_stream(cx, query).await.map_err(self.at("stream"))
    }

    async fn count(&self, cx: &Cx, filter: &Filter<T::Model>) -> Result<u64> {
        let condition = self.table.check().and_then(|()| self.mapping.table.condition(filter)).map_err(self.at("count"))?;
        self.read(cx, Read::Count(condition)).await.and_then(Answer::number).map_err(self.at("count"))
    }

    fn visible(&self) -> Filter<T::Model> {
        let table = &self.mapping.table;
        let marked = table.rules.deleted_at.and_then(|column| table.columns.get(column));
        let not_marked = marked.map_or_else(Filter::all, |column| Filter::test(column.name().to_owned().into(), Test::Null));
        not_marked.and(table.scope.named())
    }

    async fn count_of(&self, cx: &Cx, query: &Query<T::Model>) -> Result<u64> {
        let selection = self.table.check().and_then(|()| self.mapping.table.selection(query)).map_err(self.at("count_of"))?;
        let count = match selection.is_whole() {
            true => Read::Count(selection.condition),
            false => Read::CountSelected(selection),
        };
        self.read(cx, count).await.and_then(Answer::number).map_err(self.at("count_of"))
    }

    async fn project(&self, cx: &Cx, query: &Query<T::Model>, projection: &Projection<T::Model>) -> Result<Vec<Row>> {
        let table = &self.mapping.table;
        let resolved = table.projected(projection).and_then(|columns| {
            self.table.check()?;
            Ok((columns, table.selection(query)?))
        });
        let (columns, selection) = resolved.map_err(self.at("project"))?;
        let project = Read::Project { selection, columns, distinct: projection.distinct };
        self.read(cx, project).await.and_then(Answer::rows).map_err(self.at("project"))
    }

    async fn aggregate(&self, cx: &Cx, filter: &Filter<T::Model>, aggregation: &Aggregation<T::Model>) -> Result<Vec<Row>> {
        self.computed(cx, filter, aggregation).await.map_err(self.at("aggregate"))
    }

    async fn find_locked(&self, cx: &Cx, id: &T::Id) -> Result<Option<T::Model>> {
        let key = self.table.check().and_then(|()| self.mapping.key_of_id(id)).map_err(self.at("find_locked"))?;
        let found = self.read(cx, Read::FindLocked(key)).await.and_then(Answer::models).and_then(models_of::<T>);
        Ok(found.map_err(self.at("find_locked"))?.pop())
    }
}

#[async_trait]
impl<T: ModelType> Updater<T::Model> for Repository<T> {
    async fn update(&self, cx: &Cx, model: &T::Model) -> Result<T::Model> {
        let updated = self.replace(cx, std::slice::from_ref(model), |rows| Write::Update(rows)).await.and_then(only);
        // It leaves a transaction as it was, which would not know of it otherwise.
        updated.map_err(|error| cx.note_conflict(self.store.id(), self.at("update")(error)))
    }

    async fn update_many(&self, cx: &Cx, models: &[T::Model]) -> Result<Vec<T::Model>> {
        let updated = self.replace(cx, models, |rows| Write::UpdateMany(rows)).await;
        BatchCall::Update(models).indexed(self, cx, updated).await.map_err(self.at("update_many"))
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<T::Model>, changes: &Changes<T::Model>) -> Result<u64> {
        let table = &self.mapping.table;
        let resolved = self.table.check().and_then(|()| Ok((table.condition(filter)?, table.changes(changes)?)));
        let (condition, changes) = resolved.map_err(self.at("update_where"))?;
        let update = Write::UpdateWhere { condition, changes };
        self.write(cx, update).await.and_then(Answer::number).map_err(self.at("update_where"))
    }

    async fn update_where_returning(
        &self,
        cx: &Cx,
        filter: &Filter<T::Model>,
        changes: &Changes<T::Model>,
    ) -> Result<Vec<T::Model>> {
        let update = self.table().and_then(|table| {
            Ok(Write::UpdateSelected { selection: table.selection_by_id(filter)?, changes: table.changes(changes)? })
        });
        self.answered(cx, "update_where_returning", update).await
    }

    async fn update_first(&self, cx: &Cx, query: &Query<T::Model>, changes: &Changes<T::Model>) -> Result<Vec<T::Model>> {
        let update = self
            .table()
            .and_then(|table| Ok(Write::UpdateFirst { selection: table.first_ones(query)?, changes: table.changes(changes)? }));
        self.answered(cx, "update_first", update).await
    }
}

#[async_trait]
impl<T: ModelType> Transactional for Repository<T> {
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
