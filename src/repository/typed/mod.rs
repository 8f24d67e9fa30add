//! [`Repository`], the one implementation of the contract: models above the door, rows below it.

mod exists;
mod hook;
mod mapping;
mod matches;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, future::BoxFuture};
use sea_orm::{IdenStatic as _, Iterable as _};

use self::mapping::Given;
pub(crate) use self::{
    hook::EntityHook,
    mapping::{Mapping, models_of},
};
use super::{Creator, Deleter, Reader, Transactional, Updater, ext::in_usual_parts, refused::BatchCall};
use crate::{
    backend::{Answer, Backend, Decoder, Read, TableBackend, Write},
    capability::Capabilities,
    context::Cx,
    coop::{Budget, off_thread},
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    query::{Aggregation, Changes, Filter, OnConflict, Outcome, Projection, Query, ResolvedAggregation, Test, Upserted},
    row::Row,
    stream::ModelStream,
    table::Table,
    transaction::TxOptions,
    value::Key,
};

/// A repository of an entity's models in a store.
pub(crate) struct Repository<E: Storable> {
    store: Arc<dyn Backend>,
    table: Arc<dyn TableBackend>,
    mapping: Arc<Mapping<E>>,
    /// The mapping, as a backend takes it.
    decoder: Arc<dyn Decoder>,
}

impl<E: Storable> Clone for Repository<E> {
    fn clone(&self) -> Self {
        let (store, table) = (self.store.clone(), self.table.clone());
        Self { store, table, mapping: self.mapping.clone(), decoder: self.decoder.clone() }
    }
}

impl<E: Storable> Repository<E> {
    pub(crate) fn new(store: &Arc<dyn Backend>, mapping: Arc<Mapping<E>>) -> Self {
        let table = store.table(mapping.table.clone());
        Self { store: store.clone(), table, decoder: mapping.clone(), mapping }
    }

    pub(crate) fn mapping(&self) -> &Mapping<E> {
        &self.mapping
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, &self.mapping.table.full_name())
    }

    fn given<'m>(&'m self, models: &'m [E::Model]) -> Given<'m, E> {
        Given { mapping: &self.mapping, models }
    }

    async fn keys(&self, ids: &[IdOf<E>]) -> Result<Vec<Key>> {
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
        self.table.write(cx, write, &self.decoder)
    }

    /// Refuses models that would not be there for the repository.
    async fn require_within(&self, models: &[E::Model]) -> Result<()> {
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

    async fn insert(&self, cx: &Cx, models: &[E::Model], returning: bool) -> Result<Vec<E::Model>> {
        self.require_within(models).await?;
        let rows = &self.given(models);
        self.write(cx, Write::Insert { rows, returning }).await?.models().and_then(models_of::<E>)
    }

    async fn delete_ids(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<u64> {
        let keys = self.keys(ids).await?;
        self.write(cx, Write::Delete(keys)).await?.number()
    }

    async fn upsert_all(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let resolution = self.mapping.table.resolution(on_conflict)?;
        self.require_within(models).await?;
        let rows = &self.given(models);
        self.write(cx, Write::Upsert { rows, resolution }).await?.upserted()
    }

    async fn upsert_one(&self, cx: &Cx, model: &E::Model, on_conflict: &OnConflict<E::Model>) -> Result<(E::Model, Outcome)> {
        let resolution = self.mapping.table.resolution(on_conflict)?;
        self.require_within(std::slice::from_ref(model)).await?;
        let rows = &self.given(std::slice::from_ref(model));
        let (models, outcome) = self.write(cx, Write::UpsertOne { rows, resolution }).await?.stored()?;
        Ok((only(models_of::<E>(models)?)?, outcome))
    }

    /// The models that a write answers, unless it was refused when it was made.
    async fn answered(&self, cx: &Cx, operation: &'static str, write: Result<Write<'_>>) -> Result<Vec<E::Model>> {
        let answered = async { self.write(cx, write?).await?.models().and_then(models_of::<E>) };
        answered.await.map_err(self.at(operation))
    }

    /// The table, if the store can keep its models.
    fn table(&self) -> Result<&Table> {
        self.table.check().map(|()| &*self.mapping.table)
    }

    async fn select(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        self.table.check()?;
        let selection = self.mapping.table.selection(query)?;
        self.read(cx, Read::Select(selection)).await?.models().and_then(models_of::<E>)
    }

    async fn computed(&self, cx: &Cx, filter: &Filter<E::Model>, aggregation: &Aggregation<E::Model>) -> Result<Vec<Row>> {
        self.table.check()?;
        let resolved = self.mapping.table.aggregation(filter, aggregation)?;
        let ResolvedAggregation { condition, grouping, finish } = resolved;
        let rows = self.read(cx, Read::Aggregate { condition, grouping }).await?.rows()?;
        match finish.is_long(rows.len()) {
            true => off_thread(move || finish.finish(rows)).await?,
            false => finish.finish(rows),
        }
    }

    async fn open_stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        self.table.check()?;
        let selection = self.mapping.table.selection(query)?;
        let Some(parts) = self.table.stream(cx, selection, self.decoder.clone()).await? else {
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.mapping.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move { repository.select(&cx, &query).await.map_err(repository.at("stream")) }
            }));
        };
        let repository = self.clone();
        let read = parts.map(move |part| part.and_then(models_of::<E>).map_err(repository.at("stream")));
        ModelStream::begun(read).await
    }
}

/// The only model of those that a call for one model answers.
fn only<M>(models: Vec<M>) -> Result<M> {
    models.into_iter().next().ok_or_else(|| Error::new(ErrorKind::Internal, "the engine returned no row"))
}

#[async_trait]
impl<E: Storable> Creator<E::Model> for Repository<E> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        self.insert(cx, std::slice::from_ref(model), true).await.and_then(only).map_err(self.at("create"))
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        let stored = self.insert(cx, models, true).await;
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_many"))
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        let stored = self.insert(cx, models, false).await.map(|_| models.len() as u64);
        BatchCall::Create(models).indexed(self, cx, stored).await.map_err(self.at("create_batch"))
    }

    async fn upsert_batch(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let upserted = self.upsert_all(cx, models, on_conflict).await;
        BatchCall::Upsert(models, on_conflict).indexed(self, cx, upserted).await.map_err(self.at("upsert_batch"))
    }

    async fn upsert(&self, cx: &Cx, model: &E::Model, on_conflict: &OnConflict<E::Model>) -> Result<(E::Model, Outcome)> {
        self.upsert_one(cx, model, on_conflict).await.map_err(self.at("upsert"))
    }
}

#[async_trait]
impl<E: Storable> Reader<E::Model, IdOf<E>> for Repository<E> {
    async fn find(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        let key = self.mapping.key_of_id(id).map_err(self.at("find"))?;
        let found = self.read(cx, Read::FindOne(key)).await.and_then(Answer::models).and_then(models_of::<E>);
        Ok(found.map_err(self.at("find"))?.pop())
    }

    async fn find_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = self.keys(ids).await.map_err(self.at("find_many"))?;
        let found = self.read(cx, Read::Find(keys)).await.and_then(Answer::models);
        found.and_then(models_of::<E>).map_err(self.at("find_many"))
    }

    async fn query(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        self.select(cx, query).await.map_err(self.at("query"))
    }

    async fn stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        self.open_stream(cx, query).await.map_err(self.at("stream"))
    }

    async fn count(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.table.check().and_then(|()| self.mapping.table.condition(filter)).map_err(self.at("count"))?;
        self.read(cx, Read::Count(condition)).await.and_then(Answer::number).map_err(self.at("count"))
    }

    fn visible(&self) -> Filter<E::Model> {
        let table = &self.mapping.table;
        let marked = table.rules.deleted_at.and_then(|column| E::Column::iter().nth(column));
        let not_marked = marked.map_or_else(Filter::all, |column| Filter::test(column.as_str(), Test::Null));
        not_marked.and(table.scope.named())
    }

    async fn count_of(&self, cx: &Cx, query: &Query<E::Model>) -> Result<u64> {
        let selection = self.table.check().and_then(|()| self.mapping.table.selection(query)).map_err(self.at("count_of"))?;
        let count = match selection.is_whole() {
            true => Read::Count(selection.condition),
            false => Read::CountSelected(selection),
        };
        self.read(cx, count).await.and_then(Answer::number).map_err(self.at("count_of"))
    }

    async fn project(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        let table = &self.mapping.table;
        let resolved = table.projected(projection).and_then(|columns| {
            self.table.check()?;
            Ok((columns, table.selection(query)?))
        });
        let (columns, selection) = resolved.map_err(self.at("project"))?;
        let project = Read::Project { selection, columns, distinct: projection.distinct };
        self.read(cx, project).await.and_then(Answer::rows).map_err(self.at("project"))
    }

    async fn aggregate(&self, cx: &Cx, filter: &Filter<E::Model>, aggregation: &Aggregation<E::Model>) -> Result<Vec<Row>> {
        self.computed(cx, filter, aggregation).await.map_err(self.at("aggregate"))
    }

    async fn find_locked(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        let key = self.table.check().and_then(|()| self.mapping.key_of_id(id)).map_err(self.at("find_locked"))?;
        let found = self.read(cx, Read::FindLocked(key)).await.and_then(Answer::models).and_then(models_of::<E>);
        Ok(found.map_err(self.at("find_locked"))?.pop())
    }
}

#[async_trait]
impl<E: Storable> Updater<E::Model> for Repository<E> {
    async fn update(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        self.require_within(std::slice::from_ref(model)).await.map_err(self.at("update"))?;
        let updated = self.write(cx, Write::Update(&self.given(std::slice::from_ref(model)))).await;
        let updated = updated.and_then(Answer::models).and_then(models_of::<E>).and_then(only);
        // It leaves a transaction as it was, which would not know of it otherwise.
        updated.map_err(|error| cx.note_conflict(self.store.id(), self.at("update")(error)))
    }

    async fn update_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        self.require_within(models).await.map_err(self.at("update_many"))?;
        let updated = self.write(cx, Write::UpdateMany(&self.given(models))).await;
        let updated = updated.and_then(Answer::models).and_then(models_of::<E>);
        BatchCall::Update(models).indexed(self, cx, updated).await.map_err(self.at("update_many"))
    }

    async fn update_where(&self, cx: &Cx, filter: &Filter<E::Model>, changes: &Changes<E::Model>) -> Result<u64> {
        let table = &self.mapping.table;
        let resolved = self.table.check().and_then(|()| Ok((table.condition(filter)?, table.changes(changes)?)));
        let (condition, changes) = resolved.map_err(self.at("update_where"))?;
        let update = Write::UpdateWhere { condition, changes };
        self.write(cx, update).await.and_then(Answer::number).map_err(self.at("update_where"))
    }

    async fn update_where_returning(
        &self,
        cx: &Cx,
        filter: &Filter<E::Model>,
        changes: &Changes<E::Model>,
    ) -> Result<Vec<E::Model>> {
        let update = self.table().and_then(|table| {
            Ok(Write::UpdateSelected { selection: table.selection_by_id(filter)?, changes: table.changes(changes)? })
        });
        self.answered(cx, "update_where_returning", update).await
    }

    async fn update_first(&self, cx: &Cx, query: &Query<E::Model>, changes: &Changes<E::Model>) -> Result<Vec<E::Model>> {
        let update = self
            .table()
            .and_then(|table| Ok(Write::UpdateFirst { selection: table.first_ones(query)?, changes: table.changes(changes)? }));
        self.answered(cx, "update_first", update).await
    }
}

#[async_trait]
impl<E: Storable> Deleter<E::Model, IdOf<E>> for Repository<E> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        Ok(self.delete_ids(cx, std::slice::from_ref(id)).await.map_err(self.at("delete"))? > 0)
    }

    async fn delete_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<u64> {
        let removed = self.delete_ids(cx, ids).await;
        BatchCall::Delete(ids).indexed(self, cx, removed).await.map_err(self.at("delete_many"))
    }

    async fn delete_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.table.check().and_then(|()| self.mapping.table.condition(filter));
        let condition = condition.map_err(self.at("delete_where"))?;
        self.write(cx, Write::DeleteWhere(condition)).await.and_then(Answer::number).map_err(self.at("delete_where"))
    }

    async fn delete_where_returning(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<Vec<E::Model>> {
        let delete = self.table().and_then(|table| table.selection_by_id(filter)).map(Write::DeleteSelected);
        self.answered(cx, "delete_where_returning", delete).await
    }

    async fn delete_first(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        let delete = self.table().and_then(|table| table.first_ones(query)).map(Write::DeleteFirst);
        self.answered(cx, "delete_first", delete).await
    }
}

#[async_trait]
impl<E: Storable> Transactional for Repository<E> {
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
