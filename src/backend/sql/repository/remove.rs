//! Deleting models.

use sea_orm::sea_query::ForeignKeyAction;

use super::SqlTable;
use crate::{
    backend::sql::{Engine, engine::StatementKind, statement::Statements},
    context::{Access, Cx, RUNNING},
    error::Result,
    query::ResolvedFilter,
    table::ForeignKey,
    value::Key,
};

impl<G: Engine> SqlTable<G> {
    pub(super) async fn remove(&self, cx: &Cx, keys: Vec<Key>) -> Result<u64> {
        self.require_readable()?;
        let mark = self.mark()?;
        let parts: Vec<_> = keys.chunks(self.ids_at_once()).collect();
        let entry = self.store.enter(cx, Access::Write)?;
        let kind = if keys.len() == 1 { StatementKind::OneModel } else { StatementKind::Any };
        let is_counted = keys.len() > 1 && mark.is_none() && self.is_counted_before();
        let held = match parts.len() {
            0 | 1 if !is_counted => self.store.hold(cx, &entry, Access::Write, kind).await?,
            _ => self.store.hold_together(cx, &entry).await?,
        };
        let (mut held, view) = self.viewed(cx, held, Access::Write, keys.len() == 1, self.ids_have_forms()).await?;
        let guard = held.guard()?;
        let removed = async {
            let (engine, statements) = (self.store.engine(), self.statements(&view));
            let (mut counted, mut removed) = (0, 0);
            for part in parts.iter().filter(|_| is_counted) {
                counted += engine.number(guard, statements.count_of(part)).await?.unsigned_abs();
            }
            for part in parts {
                removed += engine.execute(guard, statements.delete_ids(part, mark.as_deref())?, kind).await?;
            }
            let removed = removed.max(counted);
            if removed < keys.len() as u64 {
                self.store.engine().missed(guard, &self.table).await?;
            }
            Ok(removed)
        };
        let removed = cx.limits().bound(RUNNING, removed).await;
        held.finish(removed).await
    }

    pub(super) async fn remove_where(&self, cx: &Cx, condition: ResolvedFilter) -> Result<u64> {
        self.require_readable()?;
        let mark = self.mark()?;
        if mark.is_none() && self.is_counted_before() {
            return self.count_and_remove_where(cx, condition).await;
        }
        let entry = self.store.enter(cx, Access::Write)?;
        let delete = |statements: &Statements<'_>| statements.delete_where(&condition, mark.as_deref());
        let compared = self.compared(&condition)?;
        let (mut held, delete) = self.prepared(cx, &entry, (Access::Write, StatementKind::Any), compared, delete).await?;
        let removed = cx.limits().bound(RUNNING, self.store.engine().execute(held.guard()?, delete, StatementKind::Any)).await;
        held.finish(removed).await.map_err(self.of_document(&condition))
    }

    /// Whether deleted models have to be counted before, because the engine does not count those that a foreign key of the same
    /// table deletes first. On such an engine nobody else writes between the count and the deletion.
    pub(super) fn is_counted_before(&self) -> bool {
        let is_own = |key: &ForeignKey| key.parent == self.table.key && matches!(key.on_delete, ForeignKeyAction::Cascade);
        !self.store.engine().profile().counts_every_row && self.table.foreign_keys.iter().any(is_own)
    }

    async fn count_and_remove_where(&self, cx: &Cx, condition: ResolvedFilter) -> Result<u64> {
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold_together(cx, &entry).await?;
        let compared = self.compared(&condition)?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, compared).await?;
        let guard = held.guard()?;
        let removed = async {
            let (engine, statements) = (self.store.engine(), self.statements(&view));
            let counted = engine.number(guard, statements.count(&condition)).await?;
            engine.execute(guard, statements.delete_where(&condition, None)?, StatementKind::Any).await?;
            Ok(counted.unsigned_abs())
        };
        let removed = cx.limits().bound(RUNNING, removed).await;
        held.finish(removed).await.map_err(self.of_document(&condition))
    }
}
