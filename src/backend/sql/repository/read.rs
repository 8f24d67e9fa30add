//! Reading models.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::Statement;

use super::{Compared, SqlTable, View};
use crate::{
    backend::{
        Decoder, Models, Parts,
        sql::{Engine, chunk_stream::ChunkStream, engine::StatementKind, held::Held, statement::Statements},
    },
    context::{Access, Cx, RUNNING, WAITING},
    coop::Budget,
    error::{Error, Result},
    query::{ResolvedFilter, Selection},
    row::Row,
    table::Table,
    transaction::Entry,
    value::Key,
};

impl<G: Engine> SqlTable<G> {
    /// The connection for a statement, and the statement, written for the table as the database describes it. A statement that
    /// cannot be written or sent leaves the transaction of the context as it was.
    pub(super) async fn prepared<'a>(
        &self,
        cx: &Cx,
        entry: &'a Entry,
        (access, kind): (Access, StatementKind),
        compared: impl Into<Compared>,
        write: impl FnOnce(&Statements<'_>) -> Result<Statement> + Send,
    ) -> Result<(Held<'a, G>, Statement)> {
        let held = self.store.hold(cx, entry, access, kind).await?;
        let (held, view) = self.viewed(cx, held, access, false, compared).await?;
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
        compared: impl Into<Compared>,
    ) -> Result<(Held<'a, G>, View)> {
        if is_single && !self.asks_for_single_models {
            return Ok((held, self.plain.clone()));
        }
        let compared = compared.into();
        let viewed = match held.guard() {
            Ok(guard) => cx.limits().bound(RUNNING, self.view(guard, access, &compared)).await,
            Err(error) => Err(error),
        };
        match viewed {
            Ok(view) => match self.require_known_scope(&view) {
                Err(refused) if access == Access::Write => held.refuse(refused).await,
                _ => Ok((held, view)),
            },
            Err(error) => held.finish(Err(error)).await,
        }
    }

    /// The models that a statement answers, of which so many are expected, if they are looked for by their ids.
    async fn fetch(
        &self,
        cx: &Cx,
        decoder: &Arc<dyn Decoder>,
        expected: usize,
        compared: impl Into<Compared>,
        write: impl FnOnce(&Statements<'_>) -> Result<Statement> + Send,
    ) -> Result<Box<dyn Models>> {
        let entry = self.store.enter(cx, Access::Read)?;
        let (held, statement) = self.prepared(cx, &entry, (Access::Read, StatementKind::Read), compared, write).await?;
        self.fetch_on(cx, held, statement, decoder, expected).await
    }

    async fn fetch_on(
        &self,
        cx: &Cx,
        mut held: Held<'_, G>,
        statement: Statement,
        decoder: &Arc<dyn Decoder>,
        expected: usize,
    ) -> Result<Box<dyn Models>> {
        let fetch = self.store.engine().fetch(held.guard()?, statement, StatementKind::Read, decoder);
        let models = match cx.limits().bound(RUNNING, fetch).await {
            // Boxed, because it is rare: its state would enlarge that of every call.
            Ok(models) if models.len() < expected => Box::pin(self.missed(cx, &mut held)).await.map(|()| models),
            models => models,
        };
        held.finish(models).await
    }

    async fn missed(&self, cx: &Cx, held: &mut Held<'_, G>) -> Result<()> {
        cx.limits().bound(RUNNING, self.store.engine().missed(held.guard()?, &self.table)).await
    }

    pub(super) async fn find_one(&self, cx: &Cx, key: Key, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        if self.asks_for_single_models {
            let find = self.fetch(cx, decoder, 1, self.ids_have_forms(), |statements| statements.find(&key));
            return Box::pin(find).await;
        }
        let find = self.statements(&self.plain).find(&key)?;
        self.store.engine().check(&find)?;
        let entry = self.store.enter(cx, Access::Read)?;
        let held = self.store.hold(cx, &entry, Access::Read, StatementKind::Read).await?;
        self.fetch_on(cx, held, find, decoder, 1).await
    }

    pub(super) async fn look_up(&self, cx: &Cx, keys: Vec<Key>, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        if keys.is_empty() {
            self.do_nothing(cx, Access::Read).await?;
        }
        let mut found = FoundModels::none(decoder);
        for part in keys.chunks(self.ids_at_once()) {
            let find = self.fetch(cx, decoder, part.len(), self.ids_have_forms(), |statements| Ok(statements.find_many(part)));
            found.add(&self.table, find.await?).await?;
        }
        let (mut order, mut budget) = (Vec::with_capacity(keys.len()), Budget::new());
        for key in &keys {
            order.extend(found.at.get(key));
            budget.consume().await;
        }
        Ok(found.arranged(&order))
    }

    /// [`look_up`](Self::look_up) on a connection.
    pub(super) async fn look_up_on(
        &self,
        guard: &mut G::ConnectionGuard,
        statements: &Statements<'_>,
        keys: &[Key],
        decoder: &Arc<dyn Decoder>,
    ) -> Result<FoundModels> {
        let mut found = FoundModels::none(decoder);
        for part in keys.chunks(self.ids_at_once()) {
            found
                .add(
                    &self.table,
                    self.store.engine().fetch(guard, statements.find_many(part), StatementKind::Read, decoder).await?,
                )
                .await?;
        }
        Ok(found)
    }

    pub(super) async fn select(&self, cx: &Cx, selection: Selection, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        let compared = self.compared_by(&selection)?;
        let models = self.fetch(cx, decoder, 0, compared, |statements| Ok(statements.select(&selection))).await;
        models.map_err(self.of_document(&selection.condition))
    }

    pub(super) async fn number_of(&self, cx: &Cx, condition: ResolvedFilter) -> Result<u64> {
        let compared = self.compared(&condition)?;
        self.number(cx, &condition, compared, |statements| statements.count(&condition)).await
    }

    pub(super) async fn number_of_selected(&self, cx: &Cx, selection: Selection) -> Result<u64> {
        let compared = self.compared_by(&selection)?;
        self.number(cx, &selection.condition, compared, |statements| statements.count_selected(&selection)).await
    }

    /// The number that a statement with a condition answers.
    async fn number(
        &self,
        cx: &Cx,
        condition: &ResolvedFilter,
        compared: Compared,
        count: impl FnOnce(&Statements<'_>) -> Statement + Send,
    ) -> Result<u64> {
        self.require_readable()?;
        let entry = self.store.enter(cx, Access::Read)?;
        let count = |statements: &Statements<'_>| Ok(count(statements));
        let (mut held, statement) = self.prepared(cx, &entry, (Access::Read, StatementKind::Read), compared, count).await?;
        let number = cx.limits().bound(RUNNING, self.store.engine().number(held.guard()?, statement)).await;
        let number = held.finish(number).await.map_err(self.of_document(condition))?;
        Ok(number.unsigned_abs())
    }

    pub(super) async fn open_stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        self.require_readable()?;
        let compared = self.compared_by(&selection)?;
        let mode = match self.store.enter(cx, Access::Read)? {
            Entry::Joined(joined) => {
                drop(joined.step(cx).await?.finish(Ok(())));
                return Ok(None);
            }
            Entry::Alone(mode) => mode,
        };
        let limits = cx.limits().clone();
        let mut guard = limits.bound(WAITING, self.store.engine().acquire(Access::Read, mode, StatementKind::Read)).await?;
        limits.bound(WAITING, self.store.engine().limit(&mut guard, &limits)).await?;
        let view = limits.bound(RUNNING, self.view(&mut guard, Access::Read, &compared)).await?;
        let statement = self.statements(&view).select(&selection);
        let table = self.clone();
        let read = move |sender| async move {
            let read = table.store.engine().stream(&mut guard, statement, decoder, sender);
            let read = limits.bound(RUNNING, read).await;
            read.map_err(table.of_document(&selection.condition))
        };
        Ok(Some(Box::pin(ChunkStream::by(read))))
    }

    pub(super) async fn columns(&self, cx: &Cx, selection: Selection, columns: Vec<usize>, distinct: bool) -> Result<Vec<Row>> {
        self.require_readable()?;
        let types = columns.iter().map(|column| self.table.value_type(*column).cloned()).collect::<Result<_>>()?;
        let project = |statements: &Statements<'_>| Ok(statements.project(&selection, &columns, distinct));
        let entry = self.store.enter(cx, Access::Read)?;
        let mut compared = self.compared_by(&selection)?;
        compared.has_forms |= distinct && columns.iter().any(|column| self.has_forms(*column));
        let (mut held, statement) = self.prepared(cx, &entry, (Access::Read, StatementKind::Read), compared, project).await?;
        let rows = self.store.engine().rows(held.guard()?, statement, Some(types), StatementKind::Read);
        let rows = cx.limits().bound(RUNNING, rows).await;
        held.finish(rows).await.map_err(self.of_document(&selection.condition))
    }
}

/// Models, and where each is among them.
pub(super) struct FoundModels {
    pub(super) models: Box<dyn Models>,
    pub(super) at: BTreeMap<Key, usize>,
}

impl FoundModels {
    pub(super) fn none(decoder: &Arc<dyn Decoder>) -> Self {
        Self { models: decoder.models(), at: BTreeMap::new() }
    }

    pub(super) async fn add(&mut self, table: &Table, models: Box<dyn Models>) -> Result<()> {
        let (before, mut budget) = (self.models.len(), Budget::new());
        for at in 0..models.len() {
            self.at.insert(models.key(at, table), before + at);
            budget.consume().await;
        }
        self.models.append(models)
    }

    pub(super) fn arranged(mut self, order: &[usize]) -> Box<dyn Models> {
        self.models.arrange(order);
        self.models
    }

    /// The models with these ids, in their order; an error if one is not there.
    pub(super) fn in_order_of(self, keys: &[Key], missing: impl Fn() -> Error) -> Result<Box<dyn Models>> {
        let order: Vec<_> = keys.iter().map(|key| self.at.get(key).copied().ok_or_else(&missing)).collect::<Result<_>>()?;
        Ok(self.arranged(&order))
    }
}
