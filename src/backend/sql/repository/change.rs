//! Updating models.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use sea_orm::Value;

use super::{SqlTable, View, not_stored, read::FoundModels};
use crate::{
    backend::{
        Backend as _, Decoder, Models, Rows,
        sql::{
            Engine,
            engine::StatementKind,
            statement::{RowLock, Source, Statements},
        },
    },
    context::{Access, Cx, RUNNING},
    coop::Budget,
    error::{Error, ErrorKind, Result, conflict, not_found},
    query::{Change, ResolvedFilter, Selection, of_type},
    rules::time_of,
    value::{Key, whole_number},
};

impl<G: Engine> SqlTable<G> {
    pub(super) async fn replace(&self, cx: &Cx, given: &dyn Rows, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let now = self.store.clock().now();
        let rows = self.values(given, |row| self.as_changed(row, now)).await?;
        let entry = self.store.enter(cx, Access::Write)?;
        // A statement by itself, unless another has to say what the first one met.
        let held = match self.table.rules.version.is_some() {
            true => self.store.hold_together(cx, &entry).await?,
            false => self.store.hold(cx, &entry, Access::Write, StatementKind::OneModel).await?,
        };
        let (mut held, view) = self.viewed(cx, held, Access::Write, true, self.ids_have_forms()).await?;
        if let Err(refused) = self.check_rows(&view, &rows).await {
            return held.refuse(refused).await;
        }
        let row = rows.into_iter().next().unwrap_or_default();
        let id = self.table.key_of(&row);
        let read_back = ReadBack::of(self, &view);
        if read_back == ReadBack::Afterwards {
            held = held.together(&self.store, cx.limits()).await?;
        }
        let statements = self.statements(&view);
        let updated = self.replace_on(held.guard()?, &statements, row, read_back, decoder);
        let updated = match cx.limits().bound(RUNNING, updated).await {
            Ok(models) if !models.is_empty() => Ok(Ok(models)),
            Ok(_) => {
                let refusal = self.refusal(held.guard()?, &statements, std::slice::from_ref(&id));
                cx.limits().bound(RUNNING, refusal).await.map(Err)
            }
            Err(error) => Err(error),
        };
        held.finish(updated).await?
    }

    async fn replace_on(
        &self,
        guard: &mut G::ConnectionGuard,
        statements: &Statements<'_>,
        row: Vec<Value>,
        read_back: ReadBack,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let engine = self.store.engine();
        let id = self.table.key_of(&row);
        // A model that is all id has nothing to replace; asking for it is an update all the same, also for the context.
        let Some(update) = statements.update(&row, read_back == ReadBack::Returned)? else {
            return engine.fetch(guard, statements.find(&id)?, StatementKind::Read, decoder).await;
        };
        if read_back == ReadBack::Returned {
            return engine.fetch(guard, update, StatementKind::OneModel, decoder).await;
        }
        match (engine.execute(guard, update, StatementKind::OneModel).await?, read_back) {
            (0, _) => Ok(decoder.models()),
            (_, ReadBack::Never) => {
                let mut models = decoder.models();
                models.push_row(self.given(row)).map(|()| models)
            }
            (..) => engine.fetch(guard, statements.find(&id)?, StatementKind::Read, decoder).await,
        }
    }

    /// What the repository makes of a row that is to replace another: the time of the change, and no mark, because what is marked
    /// is not replaced.
    fn as_changed(&self, row: &mut [Value], now: DateTime<Utc>) -> Result<()> {
        self.table.stamp_changed(row, now);
        if let Some(column) = self.table.rules.deleted_at
            && let Some(value) = row.get_mut(column)
        {
            *value = self.table.null(column)?;
        }
        Ok(())
    }

    /// Why models with these ids were not updated, although nothing failed.
    async fn refusal(&self, guard: &mut G::ConnectionGuard, statements: &Statements<'_>, ids: &[Key]) -> Result<Error> {
        self.store.engine().missed(guard, &self.table).await?;
        let is_versioned = self.table.rules.version.is_some();
        if !is_versioned && !statements.catalog.is_rewritten {
            return Ok(not_found());
        }
        let mut there = 0;
        for part in ids.chunks(self.ids_at_once()) {
            there += self.store.engine().number(guard, statements.count_of(part)).await?.unsigned_abs();
        }
        Ok(match (there < ids.len() as u64, is_versioned) {
            (true, _) => not_found(),
            (false, true) => conflict(),
            (false, false) => not_stored(),
        })
    }

    /// Whether the table stores a row just as it is given.
    fn stores_as_given(&self, view: &View) -> bool {
        view.catalog.stores_as_given() && self.table.computed.is_empty()
    }

    /// Whether an updated model is what was given, but for its version.
    fn is_stored_as_given(&self) -> bool {
        self.table.is_saved_as_it_is() && self.table.rules.created_at.is_none()
    }

    /// The row that an update with these values results in.
    fn given(&self, mut row: Vec<Value>) -> Vec<Value> {
        if let Some(value) = self.table.rules.version.and_then(|version| row.get_mut(version))
            && let Some(version) = whole_number(value)
        {
            *value = of_type(version + 1, &value.array_type());
        }
        row
    }

    pub(super) async fn replace_many(&self, cx: &Cx, given: &dyn Rows, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let now = self.store.clock().now();
        let rows = self.values_for(cx, given, |row| self.as_changed(row, now)).await?;
        if rows.is_empty() {
            return self.do_nothing(cx, Access::Write).await.map(|()| decoder.models());
        }
        let mut ids = Vec::with_capacity(rows.len());
        let (mut latest, mut budget) = (BTreeMap::new(), Budget::new());
        for row in rows {
            let id = self.table.key_of(&row);
            ids.push(id.clone());
            // Of two with one id, the last.
            latest.insert(id, row);
            budget.consume().await;
        }
        let entry = self.store.enter(cx, Access::Write)?;
        if latest.len() < ids.len() && self.table.rules.version.is_some() {
            self.store.hold(cx, &entry, Access::Write, StatementKind::Any).await?.finish(Ok(())).await?;
            return Err(conflict());
        }
        let held = self.store.hold_together(cx, &entry).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, self.ids_have_forms()).await?;
        let (keys, rows): (Vec<_>, Vec<_>) = latest.into_iter().unzip();
        if let Err(refused) = self.check_rows(&view, &rows).await {
            return held.refuse(refused).await;
        }
        let updated = cx.limits().bound(RUNNING, self.update_all(held.guard()?, &view, (keys, rows), &ids, decoder)).await;
        held.finish(updated).await
    }

    async fn update_all(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        (keys, rows): (Vec<Key>, Vec<Vec<Value>>),
        ids: &[Key],
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let statements = self.statements(view);
        let all: Vec<usize> = (0..self.table.columns.len()).collect();
        let mut updated = 0;
        for rows in rows.chunks(self.rows_at_once(0)) {
            let source = self.source(guard, &all, rows).await?;
            updated += match statements.update_from(&source, &all)? {
                Some(update) => self.store.engine().execute(guard, update, StatementKind::Any).await?,
                // Models that are all id have nothing to replace.
                None => {
                    let keys: Vec<_> = rows.iter().map(|row| self.table.key_of(row)).collect();
                    self.look_up_on(guard, &statements, &keys, decoder).await?.at.len() as u64
                }
            };
            self.end_source(guard, &source).await?;
        }
        if updated < keys.len() as u64 {
            return Err(self.refusal(guard, &statements, &keys).await?);
        }
        let stored = match self.is_stored_as_given() && self.stores_as_given(view) {
            true => {
                let (mut stored, mut budget) = (FoundModels::none(decoder), Budget::new());
                for (at, (key, row)) in keys.into_iter().zip(rows).enumerate() {
                    stored.models.push_row(self.given(row))?;
                    stored.at.insert(key, at);
                    budget.consume().await;
                }
                stored
            }
            false => self.look_up_on(guard, &statements, &keys, decoder).await?,
        };
        stored.in_order_of(ids, || Error::new(ErrorKind::Internal, "the engine lost a model that it updated"))
    }

    /// How many rows of a source are taken at a time, in a statement with so many other values.
    pub(super) fn rows_at_once(&self, values: usize) -> usize {
        if self.store.engine().profile().stages { usize::MAX } else { self.statements(&self.plain).rows_at_once(values) }
    }

    /// Rows for a statement to take values from.
    pub(super) async fn source<'r>(
        &self,
        guard: &mut G::ConnectionGuard,
        columns: &[usize],
        rows: &'r [Vec<Value>],
    ) -> Result<Source<'r>> {
        if !self.store.engine().profile().stages {
            return Ok(Source::Values(rows));
        }
        self.store.engine().stage(guard, &self.table, columns, rows.to_vec()).await?;
        Ok(Source::Staged)
    }

    pub(super) async fn end_source(&self, guard: &mut G::ConnectionGuard, source: &Source<'_>) -> Result<()> {
        match source {
            Source::Values(_) => Ok(()),
            Source::Staged => self.store.engine().unstage(guard, &self.table).await,
        }
    }

    pub(super) async fn change_where(&self, cx: &Cx, condition: ResolvedFilter, changes: Vec<Change>) -> Result<u64> {
        self.require_readable()?;
        let changes = self.with_time(changes, self.store.clock().now())?;
        let mut compared = self.compared(&condition)?;
        compared.has_forms |= self.compare_forms(&changes);
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold(cx, &entry, Access::Write, StatementKind::Any).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, compared).await?;
        let statements = self.statements(&view);
        if let Err(refused) = self.check_changes(&statements, &changes) {
            return held.refuse(refused).await;
        }
        if !self.can_change(&statements, &changes) {
            held = held.together(&self.store, cx.limits()).await?;
            let selection = Selection::of_all(condition.clone());
            let changed = self.change_rows(held.guard()?, &view, &selection, RowLock::Waits, &changes);
            let changed = cx.limits().bound(RUNNING, changed).await.map(|changed| changed.count);
            return held.finish(changed).await.map_err(self.of_document(&condition));
        }
        let checked = |statement| self.store.engine().check(&statement).map(|()| statement);
        // Where nothing changes, how many there are is asked for as a write, also for the context.
        let written = statements.update_where(&condition, &changes).map(|update| match update {
            Some(update) => (update, false),
            None => (statements.count(&condition), true),
        });
        let (statement, is_counted) = match written.and_then(|(statement, is_counted)| Ok((checked(statement)?, is_counted))) {
            Ok(written) => written,
            Err(refused) => return held.refuse(refused).await,
        };
        let changed = async {
            let engine = self.store.engine();
            match is_counted {
                true => engine.number(held.guard()?, statement).await.map(i64::unsigned_abs),
                false => engine.execute(held.guard()?, statement, StatementKind::Any).await,
            }
        };
        let changed = cx.limits().bound(RUNNING, changed).await;
        held.finish(changed).await.map_err(self.of_document(&condition))
    }

    /// Whether changes compare values that may be stored in several forms.
    pub(super) fn compare_forms(&self, changes: &[Change]) -> bool {
        changes.iter().any(|change| change.compares(&|column| self.has_forms(column)))
    }

    /// Refuses changes to values that a column of the table would not keep, and of columns that the database computes.
    pub(super) fn check_changes(&self, statements: &Statements<'_>, changes: &[Change]) -> Result<()> {
        changes.iter().try_for_each(|change| {
            let Some(column) = self.table.columns.get(change.column()) else { return Ok(()) };
            if statements.is_computed(change.column()) {
                let message = "the database computes the values of this column";
                return Err(Error::new(ErrorKind::InvalidInput, message).in_column(column.name()));
            }
            change.constant().map_or(Ok(()), |value| statements.catalog.check(change.column(), column, value))
        })
    }

    /// Changes, and the time of them where the repository keeps it.
    pub(super) fn with_time(&self, mut changes: Vec<Change>, now: DateTime<Utc>) -> Result<Vec<Change>> {
        if let (false, Some(column)) = (changes.is_empty(), self.table.rules.updated_at) {
            changes.push(Change::Set(column, time_of(self.table.value_type(column)?, now)));
        }
        Ok(changes)
    }

    /// What marks a model as deleted, if that is how it is done.
    pub(super) fn mark(&self) -> Result<Option<Vec<Change>>> {
        let Some(column) = self.table.rules.deleted_at else { return Ok(None) };
        let now = self.store.clock().now();
        let mark = Change::Set(column, time_of(self.table.value_type(column)?, now));
        self.with_time(vec![mark], now).map(Some)
    }
}

/// How an update learns what is stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadBack {
    /// It is what was given.
    Never,
    /// The statement returns it.
    Returned,
    /// It is looked up after the statement, and after the triggers that may have changed it.
    Afterwards,
}

impl ReadBack {
    fn of<G: Engine>(repository: &SqlTable<G>, view: &View) -> Self {
        let returns = repository.store.engine().profile().returns_updates;
        match (view.catalog.is_changed_afterwards, returns) {
            (true, _) => Self::Afterwards,
            (false, true) => Self::Returned,
            (false, false) if repository.is_stored_as_given() && repository.stores_as_given(view) => Self::Never,
            (false, false) => Self::Afterwards,
        }
    }
}
