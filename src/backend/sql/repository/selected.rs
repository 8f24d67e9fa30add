//! Writes that answer models, of all that are selected or of the first.

use std::{collections::BTreeMap, sync::Arc};

use sea_orm::{
    Statement,
    sea_query::{ArrayType, Cond},
};

use super::{SqlTable, View, not_stored, read::FoundModels};
use crate::{
    backend::{
        Backend as _, Decoder, Models,
        sql::{
            Engine,
            engine::StatementKind,
            statement::{RowLock, Statements},
        },
    },
    context::{Access, Cx, RUNNING},
    dialect::Dialect,
    error::{Result, locked_outside, no_row_locks},
    query::{Change, Selection},
    transaction::Entry,
    value::{Key, text_of},
};

/// What is done with the rows that are selected.
enum RowEffect {
    /// They are changed, and answered as they are then.
    Change(Vec<Change>),
    /// They are deleted, and answered as they were.
    Delete,
}

impl<G: Engine> SqlTable<G> {
    pub(super) async fn change_selected(
        &self,
        cx: &Cx,
        selection: Selection,
        changes: Vec<Change>,
        lock: RowLock,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let changes = self.with_time(changes, self.store.clock().now())?;
        self.write_selected(cx, selection, RowEffect::Change(changes), lock, decoder).await
    }

    pub(super) async fn remove_selected(
        &self,
        cx: &Cx,
        selection: Selection,
        lock: RowLock,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let effect = self.mark()?.map_or(RowEffect::Delete, RowEffect::Change);
        self.write_selected(cx, selection, effect, lock, decoder).await
    }

    async fn write_selected(
        &self,
        cx: &Cx,
        selection: Selection,
        effect: RowEffect,
        lock: RowLock,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        let changes = if let RowEffect::Change(changes) = &effect { changes.as_slice() } else { &[] };
        let mut compared = self.compared_by(&selection)?;
        compared.has_forms |= self.compare_forms(changes);
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold(cx, &entry, Access::Write, StatementKind::Any).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, compared).await?;
        let statements = self.statements(&view);
        let at_once =
            self.check_changes(&statements, changes).and_then(|()| self.at_once(&statements, &selection, &effect, lock));
        let at_once = match at_once {
            Ok(at_once) => at_once,
            Err(refused) => return held.refuse(refused).await,
        };
        if at_once.is_none() {
            held = held.together(&self.store, cx.limits()).await?;
        }
        let guard = held.guard()?;
        let written = async {
            match (at_once, &effect) {
                (Some(statement), _) => {
                    let mut models = self.store.engine().fetch(guard, statement, StatementKind::Any, decoder).await?;
                    if lock == RowLock::Waits {
                        self.sort_by_id(&mut *models);
                    }
                    Ok(models)
                }
                (None, RowEffect::Change(changes)) => self.change_by_ids(guard, &view, &selection, changes, lock, decoder).await,
                (None, RowEffect::Delete) => self.remove_by_ids(guard, &view, &selection, lock, decoder).await,
            }
        };
        let written = cx.limits().bound(RUNNING, written).await;
        held.finish(written).await.map_err(self.of_document(&selection.condition))
    }

    /// The one statement that does it all. Returns `None` if it takes several.
    fn at_once(
        &self,
        statements: &Statements<'_>,
        selection: &Selection,
        effect: &RowEffect,
        lock: RowLock,
    ) -> Result<Option<Statement>> {
        let catalog = statements.catalog;
        let statement = match (effect, lock) {
            _ if !self.store.engine().profile().returns_updates => None,
            (RowEffect::Change(changes), _) if catalog.is_changed_afterwards || !self.can_change(statements, changes) => None,
            (RowEffect::Change(changes), RowLock::Waits) => {
                statements.update_returning(Cond::all(), &selection.condition, changes)?
            }
            (RowEffect::Change(changes), RowLock::Skips) => statements.update_first(selection, changes)?,
            (RowEffect::Delete, _) if catalog.is_rewritten || self.is_counted_before() => None,
            (RowEffect::Delete, RowLock::Waits) => Some(statements.delete_returning(Cond::all(), &selection.condition)),
            (RowEffect::Delete, RowLock::Skips) => statements.delete_first(selection),
        };
        statement.map(|statement| self.store.engine().check(&statement).map(|()| statement)).transpose()
    }

    /// Finds and locks the rows, changes them by their ids, and reads them back where the change does not return them.
    async fn change_by_ids(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        selection: &Selection,
        changes: &[Change],
        lock: RowLock,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let (engine, statements) = (self.store.engine(), self.statements(view));
        let mut found = FoundModels::none(decoder);
        let keys: Vec<Key> = match self.can_change(&statements, changes) {
            true => {
                let rows = self.locked_rows(guard, &statements, selection, lock, &[]).await?;
                rows.iter().map(|row| self.table.key_of(row)).collect()
            }
            false => self.change_rows(guard, view, selection, lock, changes).await?.keys,
        };
        let returns = engine.profile().returns_updates && !view.catalog.is_changed_afterwards;
        let is_changed = changes.is_empty() || !self.can_change(&statements, changes);
        for part in keys.chunks(self.ids_at_once()) {
            self.claim_rows(guard, view, part, lock).await?;
            let update = if is_changed { None } else { statements.update_ids(part, changes, returns)? };
            match update {
                Some(update) if returns => {
                    found.add(&self.table, engine.fetch(guard, update, StatementKind::Any, decoder).await?).await?;
                    continue;
                }
                Some(update) => drop(engine.execute(guard, update, StatementKind::Any).await?),
                None => {}
            }
            let read = statements.read_back(part);
            found.add(&self.table, engine.fetch(guard, read, StatementKind::Read, decoder).await?).await?;
        }
        let order: Vec<usize> = keys.iter().filter_map(|key| found.at.get(key).copied()).collect();
        Ok(found.arranged(&order))
    }

    /// Reads and locks the rows, and deletes them by their ids.
    async fn remove_by_ids(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        selection: &Selection,
        lock: RowLock,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let (engine, statements) = (self.store.engine(), self.statements(view));
        let mut models = engine.fetch(guard, statements.lock_models(selection, lock), StatementKind::Any, decoder).await?;
        let keys: Vec<Key> = (0..models.len()).map(|at| models.key(at, &self.table)).collect();
        let mut left = FoundModels::none(decoder);
        for part in keys.chunks(self.ids_at_once()) {
            self.claim_rows(guard, view, part, lock).await?;
            engine.execute(guard, statements.delete_ids(part, None)?, StatementKind::Any).await?;
            if view.catalog.is_rewritten {
                // A trigger or a rule may have kept some.
                let read = statements.read_back(part);
                left.add(&self.table, engine.fetch(guard, read, StatementKind::Read, decoder).await?).await?;
            }
        }
        if !left.at.is_empty() {
            let is_deleted = |(at, key): (usize, &Key)| (!left.at.contains_key(key)).then_some(at);
            models.arrange(&keys.iter().enumerate().filter_map(is_deleted).collect::<Vec<_>>());
        }
        Ok(models)
    }

    /// Lets one of two claims of a row fail, where the engine would not by itself.
    async fn claim_rows(&self, guard: &mut G::ConnectionGuard, view: &View, keys: &[Key], lock: RowLock) -> Result<()> {
        if lock != RowLock::Skips || self.store.engine().profile().dialect != Dialect::DuckDb {
            return Ok(());
        }
        let statements = self.statements(view);
        let types = Some(vec![ArrayType::String]);
        let constrained = self.store.engine().rows(guard, statements.constrained(), types, StatementKind::Read).await?;
        let constrained: Vec<String> =
            constrained.iter().filter_map(|row| row.values.first().and_then(text_of)).map(str::to_owned).collect();
        let Some(column) = statements.marked_by(&constrained)? else { return Ok(()) };
        let rows = self.rows_of(guard, &[column], |columns| Ok(statements.columns_of(keys, columns))).await?;
        if let Some(mark) = statements.mark(column, keys) {
            self.store.engine().execute(guard, mark, StatementKind::Any).await?;
        }
        let mut sent = [self.table.id.as_slice(), &[column]].concat();
        sent.sort_unstable();
        let source = self.source(guard, &sent, &rows).await?;
        let put_back =
            self.store.engine().execute(guard, statements.put_back(&source, &sent, column), StatementKind::Any).await?;
        self.end_source(guard, &source).await?;
        if put_back == rows.len() as u64 { Ok(()) } else { Err(not_stored()) }
    }

    fn sort_by_id(&self, models: &mut dyn Models) {
        let by_id: BTreeMap<Key, usize> = (0..models.len()).map(|at| (models.key(at, &self.table), at)).collect();
        models.arrange(&by_id.into_values().collect::<Vec<_>>());
    }

    pub(super) async fn find_locked(&self, cx: &Cx, key: Key, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        if !self.store.capabilities().row_locks {
            return Err(no_row_locks());
        }
        let entry = self.store.enter(cx, Access::Write)?;
        if let Entry::Alone(_) = entry {
            return Err(locked_outside());
        }
        let held = self.store.hold(cx, &entry, Access::Write, StatementKind::Any).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, self.ids_have_forms()).await?;
        let statements = self.statements(&view);
        let find = statements.lock_model(&key);
        if let Err(refused) = self.store.engine().check(&find) {
            return held.refuse(refused).await;
        }
        let guard = held.guard()?;
        let locked = async {
            if let Some(turn) = statements.take_turn() {
                self.store.engine().execute(guard, turn, StatementKind::Any).await?;
            }
            let found = self.store.engine().fetch(guard, find, StatementKind::Any, decoder).await?;
            if found.is_empty() {
                self.store.engine().missed(guard, &self.table).await?;
            }
            Ok(found)
        };
        let locked = cx.limits().bound(RUNNING, locked).await;
        held.finish(locked).await
    }
}
