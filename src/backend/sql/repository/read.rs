//! Reading models.

use std::collections::BTreeMap;

use sea_orm::Statement;

use super::{SqlRepository, View};
use crate::{
    backend::sql::{Engine, engine::Effort, produced::Produced, statement::Statements, store::Held, transaction::SqlTransaction},
    context::{Access, Cx, Entry, RUNNING, WAITING},
    coop::Budget,
    entity::{IdOf, Storable},
    error::Result,
    query::{Filter, Projection, Query},
    repository::in_usual_parts,
    row::Row,
    stream::ModelStream,
    value::Key,
};

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    /// The connection for a statement, and the statement, written for the table as the database describes it. A statement that cannot be written or
    /// sent leaves the transaction of the context as it was.
    pub(super) async fn prepared<'a>(
        &self,
        cx: &Cx,
        entry: &'a Entry<SqlTransaction<G>>,
        (access, effort): (Access, Effort),
        compares_forms: bool,
        write: impl FnOnce(&Statements<'_, E>) -> Result<Statement> + Send,
    ) -> Result<(Held<'a, G>, Statement)> {
        let held = self.store.hold(cx, entry, access, effort).await?;
        let (held, view) = self.viewed(cx, held, access, false, compares_forms).await?;
        let checked = |statement| self.store.engine().check(&statement).map(|()| statement);
        match write(&self.statements(&view)).and_then(checked) {
            Ok(statement) => Ok((held, statement)),
            Err(refused) => held.refuse(refused).await,
        }
    }

    /// The connection for a call, of a single model or not, and the table as the database describes it.
    pub(super) async fn viewed<'a>(
        &self,
        cx: &Cx,
        mut held: Held<'a, G>,
        access: Access,
        is_single: bool,
        compares_forms: bool,
    ) -> Result<(Held<'a, G>, View)> {
        if is_single && !self.asks_for_single_models {
            return Ok((held, self.plain.clone()));
        }
        let viewed = match held.lease() {
            Ok(lease) => cx.limits().bound(RUNNING, self.view(lease, access, compares_forms)).await,
            Err(error) => Err(error),
        };
        match viewed {
            Ok(view) => Ok((held, view)),
            Err(error) => held.finish(Err(error)).await,
        }
    }

    /// The models that a statement answers, of which so many are expected, if they are looked for by their ids.
    async fn fetch(
        &self,
        cx: &Cx,
        expected: usize,
        compares_forms: bool,
        write: impl FnOnce(&Statements<'_, E>) -> Result<Statement> + Send,
    ) -> Result<Vec<E::Model>> {
        let entry = self.store.enter(cx, Access::Read)?;
        let (held, statement) = self.prepared(cx, &entry, (Access::Read, Effort::Read), compares_forms, write).await?;
        self.fetch_on(cx, held, statement, expected).await
    }

    async fn fetch_on(&self, cx: &Cx, mut held: Held<'_, G>, statement: Statement, expected: usize) -> Result<Vec<E::Model>> {
        let fetch = self.store.engine().fetch::<E>(held.lease()?, statement, Effort::Read);
        let models = match cx.limits().bound(RUNNING, fetch).await {
            // Boxed, because it is rare: its state would enlarge that of every call.
            Ok(models) if models.len() < expected => Box::pin(self.missed(cx, &mut held)).await.map(|()| models),
            models => models,
        };
        held.finish(models).await
    }

    async fn missed(&self, cx: &Cx, held: &mut Held<'_, G>) -> Result<()> {
        cx.limits().bound(RUNNING, self.store.engine().missed::<E>(held.lease()?)).await
    }

    pub(super) async fn find_one(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        self.require_readable()?;
        let key = self.shape.key_of_id(id)?;
        if self.asks_for_single_models {
            return Ok(Box::pin(self.fetch(cx, 1, self.ids_have_forms(), |statements| statements.find(&key))).await?.pop());
        }
        let find = self.statements(&self.plain).find(&key)?;
        self.store.engine().check(&find)?;
        let entry = self.store.enter(cx, Access::Read)?;
        let held = self.store.hold(cx, &entry, Access::Read, Effort::Read).await?;
        Ok(self.fetch_on(cx, held, find, 1).await?.pop())
    }

    pub(super) async fn look_up(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = self.keys(ids).await?;
        if keys.is_empty() {
            return self.do_nothing(cx, Access::Read).await.map(|()| Vec::new());
        }
        let mut found = BTreeMap::new();
        for part in keys.chunks(self.ids_at_once()) {
            let models = self.fetch(cx, part.len(), self.ids_have_forms(), |statements| Ok(statements.find_many(part))).await?;
            self.by_key(models, &mut found).await;
        }
        let (mut models, mut budget) = (Vec::with_capacity(found.len()), Budget::new());
        for key in &keys {
            models.extend(found.get(key).cloned());
            budget.consume().await;
        }
        Ok(models)
    }

    /// [`look_up`](Self::look_up) on a connection.
    pub(super) async fn look_up_on(
        &self,
        lease: &mut G::Lease,
        statements: &Statements<'_, E>,
        keys: &[Key],
    ) -> Result<BTreeMap<Key, E::Model>> {
        let mut found = BTreeMap::new();
        for part in keys.chunks(self.ids_at_once()) {
            let models = self.store.engine().fetch::<E>(lease, statements.find_many(part), Effort::Read).await?;
            self.by_key(models, &mut found).await;
        }
        Ok(found)
    }

    pub(super) async fn select(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        let selection = self.selection(query)?;
        let compares_forms = selection.compares(&|column| self.has_forms(column));
        let models = self.fetch(cx, 0, compares_forms, |statements| Ok(statements.select(&selection))).await;
        models.map_err(self.of_document(&selection.condition))
    }

    pub(super) async fn number_of(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        let condition = self.condition(filter)?;
        let entry = self.store.enter(cx, Access::Read)?;
        let count = |statements: &Statements<'_, E>| Ok(statements.count(&condition));
        let compares_forms = condition.compares(&|column| self.has_forms(column));
        let (mut held, statement) = self.prepared(cx, &entry, (Access::Read, Effort::Read), compares_forms, count).await?;
        let number = cx.limits().bound(RUNNING, self.store.engine().number(held.lease()?, statement)).await;
        let number = held.finish(number).await.map_err(self.of_document(&condition))?;
        Ok(number.unsigned_abs())
    }

    pub(super) async fn open_stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        let selection = self.selection(query)?;
        let entry = self.store.enter(cx, Access::Read)?;
        if let Entry::Joined(level, transaction) = &entry {
            // The connection belongs to the transaction, which goes on using it between the parts.
            drop(cx.limits().bound(WAITING, transaction.step(level.id())).await?.finish(Ok(())));
            let (repository, cx) = (self.clone(), cx.clone());
            return Ok(in_usual_parts(self.shape.clone(), query.clone(), move |query| {
                let (repository, cx) = (repository.clone(), cx.clone());
                async move { repository.select(&cx, &query).await.map_err(repository.at("stream")) }
            }));
        }
        let Entry::Alone(patience) = entry else { return Ok(ModelStream::of_chunks(futures_util::stream::empty())) };
        let limits = cx.limits().clone();
        let mut lease = limits.bound(WAITING, self.store.engine().acquire(Access::Read, patience, Effort::Read)).await?;
        limits.bound(WAITING, self.store.engine().limit(&mut lease, &limits)).await?;
        let compares_forms = selection.compares(&|column| self.has_forms(column));
        let view = limits.bound(RUNNING, self.view(&mut lease, Access::Read, compares_forms)).await?;
        let statement = self.statements(&view).select(&selection);
        let repository = self.clone();
        let read = move |sink| async move {
            let read = repository.store.engine().stream::<E>(&mut lease, statement, sink);
            let read = limits.bound(RUNNING, read).await;
            read.map_err(repository.of_document(&selection.condition)).map_err(repository.at("stream"))
        };
        ModelStream::begun(Produced::by(read)).await
    }

    pub(super) async fn columns(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        let columns = self.shape.projected(projection)?;
        let types = columns.iter().map(|column| self.shape.value_type(*column)).collect::<Result<_>>()?;
        let selection = self.selection(query)?;
        let project = |statements: &Statements<'_, E>| Ok(statements.project(&selection, &columns, projection.distinct));
        let entry = self.store.enter(cx, Access::Read)?;
        let has_forms = |column: usize| self.has_forms(column);
        let is_one_of_each = projection.distinct && columns.iter().any(|column| has_forms(*column));
        let compares_forms = is_one_of_each || selection.compares(&has_forms);
        let (mut held, statement) = self.prepared(cx, &entry, (Access::Read, Effort::Read), compares_forms, project).await?;
        let rows = self.store.engine().rows(held.lease()?, statement, Some(types), Effort::Read);
        let rows = cx.limits().bound(RUNNING, rows).await;
        held.finish(rows).await.map_err(self.of_document(&selection.condition))
    }
}
