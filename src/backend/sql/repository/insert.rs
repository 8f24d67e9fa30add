//! Creating models.

use std::{collections::BTreeMap, mem, sync::Arc};

use futures_util::future::join;
use sea_orm::Value;

use super::{
    SqlTable, View,
    new::{NewRows, Run},
    not_stored,
};
use crate::{
    backend::{
        Backend as _, Decoder, Models, Rows,
        sql::{Engine, WholeInsert, engine::StatementKind},
    },
    context::{Access, Cx, RUNNING},
    coop::Budget,
    error::{Error, ErrorKind, Result},
    transaction::Entry,
    value::{Key, is_array},
};

/// How many models are encoded at most while others are stored. The first part is small, so that the engine has something to do
/// soon, and each is larger than the one before, because each costs the engine something.
const MAX_PART_SIZE: usize = 16 * FIRST_PART_SIZE;

/// How many models are encoded first, and at a time: as many rows as DuckDB works on at a time.
const FIRST_PART_SIZE: usize = 2048;

/// What makes models of the rows that an insert returns, and whether they are wanted.
#[derive(Clone, Copy)]
pub(super) struct InsertReturning<'d> {
    pub(super) decoder: &'d Arc<dyn Decoder>,
    pub(super) returning: bool,
}

impl<G: Engine> SqlTable<G> {
    pub(super) async fn insert(
        &self,
        cx: &Cx,
        given: &dyn Rows,
        decoder: &Arc<dyn Decoder>,
        returning: bool,
    ) -> Result<Box<dyn Models>> {
        self.require_readable()?;
        let new = NewRows::of(&self.table, given, self.store.clock().now(), &self.plain.catalog);
        let wanted = InsertReturning { decoder, returning };
        let stored = match self.is_appendable(new, returning)? {
            true => self.append(cx, new, wanted).await,
            false => self.insert_by_statements(cx, new, wanted).await,
        };
        match stored {
            Err(error) => Err(self.with_constraint(error, given).await),
            stored => stored,
        }
    }

    /// Names the constraint that a duplicate violates, where the engine did not.
    pub(super) async fn with_constraint(&self, error: Error, given: &dyn Rows) -> Error {
        if error.kind() != ErrorKind::Duplicate || error.constraint().is_some() {
            return error;
        }
        match self.values(given, |_| Ok(())).await {
            Ok(rows) => error.with_constraint(self.store.engine().violated_by(&self.table, rows).await),
            Err(_) => error,
        }
    }

    async fn insert_by_statements(&self, cx: &Cx, new: NewRows<'_>, wanted: InsertReturning<'_>) -> Result<Box<dyn Models>> {
        let mut rows = self.values_for(cx, &new, |_| Ok(())).await?;
        let entry = self.store.enter(cx, Access::Write)?;
        if wanted.returning
            && self.is_plain
            && self.table.scope.is_all()
            && self.store.engine().profile().skips_returning
            && let [row] = rows.as_mut_slice()
            && let Some(insert) = self.statements(&self.plain).whole_insert(row)?
        {
            return self.insert_whole(cx, &entry, mem::take(row), insert, wanted.decoder).await;
        }
        let is_single = rows.len() == 1;
        let kind = if is_single { StatementKind::Insert } else { StatementKind::Any };
        // One that is asked about single models alone takes one statement after it was asked about a table.
        let is_statement = is_single || self.store.engine().profile().asks_for_single_models;
        let statements = self.statements(&self.plain);
        let runs = if wanted.returning { statements.told_apart(&rows) } else { statements.insert_runs(&rows) };
        let held = match runs.len() {
            0 | 1 if is_statement => self.store.hold(cx, &entry, Access::Write, kind).await?,
            _ => self.store.hold_together(cx, &entry).await?,
        };
        let (mut held, view) = self.viewed(cx, held, Access::Write, is_single, self.ids_have_forms()).await?;
        if let Err(refused) = self.check_rows(&view, &rows).await {
            return held.refuse(refused).await;
        }
        // Of several rows, a trigger may skip one.
        if view.catalog.is_changed_afterwards || (view.catalog.is_rewritten && !is_single) {
            held = held.together(&self.store, cx.limits()).await?;
        }
        let stored = cx.limits().bound(RUNNING, self.insert_runs(held.guard()?, &view, &rows, wanted)).await;
        held.finish(stored).await
    }

    /// Stores one row of which nothing is left to the engine.
    async fn insert_whole(
        &self,
        cx: &Cx,
        entry: &Entry,
        row: Vec<Value>,
        insert: Arc<WholeInsert>,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Box<dyn Models>> {
        let statement = insert.with(&row);
        let mut given = decoder.models();
        given.push_row(row)?;
        let mut held = self.store.hold(cx, entry, Access::Write, StatementKind::Insert).await?;
        let stored = cx.limits().bound(RUNNING, self.store.engine().insert(held.guard()?, statement, insert, decoder)).await;
        let stored = held.finish(stored).await?;
        Ok(stored.unwrap_or(given))
    }

    /// Inserts rows on a connection, by as many statements as it takes.
    pub(super) async fn insert_runs(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        wanted: InsertReturning<'_>,
    ) -> Result<Box<dyn Models>> {
        let engine = self.store.engine();
        let statements = self.statements(view);
        let is_single = rows.len() == 1;
        let kind = if is_single { StatementKind::Insert } else { StatementKind::Any };
        let has_id = !self.table.id.is_empty();
        // An engine that is not asked about a single row shows by returning it what it made of it.
        let is_uncounted = !engine.profile().counts_every_row && view.catalog.is_changed_afterwards;
        let reads_back = wanted.returning || is_uncounted || (is_single && !engine.profile().asks_for_single_models);
        let mut stored = wanted.decoder.models();
        let runs = if reads_back { statements.told_apart(rows) } else { statements.insert_runs(rows) };
        for run in runs.into_iter().filter_map(|run| rows.get(run)) {
            let statement = statements.insert(run, reads_back)?;
            let count = if reads_back {
                let mut models = engine.fetch(guard, statement, kind, wanted.decoder).await?;
                let count = models.len();
                if count >= run.len() {
                    self.put_in_order(run, &mut *models)?;
                    stored.append(models)?;
                }
                count as u64
            } else {
                engine.execute(guard, statement, kind).await?
            };
            if count < run.len() as u64 {
                return Err(not_stored());
            }
        }
        if reads_back && has_id && view.catalog.is_changed_afterwards && !self.table.is_append_only {
            // The models as triggers have left them.
            let keys: Vec<_> = (0..stored.len()).map(|at| stored.key(at, &self.table)).collect();
            stored = self.look_up_on(guard, &statements, &keys, wanted.decoder).await?.in_order_of(&keys, not_stored)?;
        }
        Ok(stored)
    }

    /// Whether the engine's bulk path is the way to store models: there are enough, and no cast of the entity's is in the way.
    fn is_appendable(&self, new: NewRows<'_>, returning: bool) -> Result<bool> {
        let engine = self.store.engine();
        let is_long = engine.profile().appends_from.is_some_and(|least| new.len() >= least);
        if !is_long || !self.table.is_saved_as_it_is() || (returning && !(self.is_plain && engine.profile().appends_as_given)) {
            return Ok(false);
        }
        // What one model has a list in, all have.
        let first = new.row(0).map_err(|error| error.at_index(0))?;
        Ok(!first.iter().any(is_array))
    }

    /// Stores models by the engine's bulk path, as far as that is possible.
    async fn append(&self, cx: &Cx, new: NewRows<'_>, wanted: InsertReturning<'_>) -> Result<Box<dyn Models>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold_together(cx, &entry).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, self.ids_have_forms()).await?;
        let new = new.described_by(&view.catalog);
        if let Entry::Joined(..) = entry
            && let Err(refused) = self.check(new).await
        {
            return held.refuse(refused).await;
        }
        let stored = cx.limits().bound(RUNNING, self.append_runs(held.guard()?, &view, new, wanted)).await;
        held.finish(stored).await
    }

    async fn append_runs(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        new: NewRows<'_>,
        wanted: InsertReturning<'_>,
    ) -> Result<Box<dyn Models>> {
        let mut stored = wanted.decoder.models();
        for run in self.runs(new).await? {
            let new = new.part(run.rows);
            // What is left to the engine, or to a trigger, only the engine can answer.
            let is_as_given =
                !view.catalog.is_rewritten && (!wanted.returning || self.can_skip_returning(guard, &run.named, new).await?);
            let target = if is_as_given { self.target(guard, view, &run.named, new).await? } else { None };
            match target {
                Some(target) => {
                    self.append_to(guard, &target, new).await?;
                    if wanted.returning {
                        self.as_given(new, &mut *stored).await?;
                    }
                }
                None => stored.append(self.insert_runs(guard, view, &self.rows(new).await?, wanted).await?)?,
            }
        }
        Ok(stored)
    }

    /// Refuses values that cannot be stored.
    async fn check(&self, new: NewRows<'_>) -> Result<()> {
        let mut budget = Budget::new();
        for nth in 0..new.len() {
            new.row(nth).map_err(|error| error.at_index(nth))?;
            budget.consume().await;
        }
        Ok(())
    }

    async fn rows(&self, new: NewRows<'_>) -> Result<Vec<Vec<Value>>> {
        let (mut rows, mut budget) = (Vec::with_capacity(new.len()), Budget::new());
        for nth in 0..new.len() {
            rows.push(new.row(nth)?);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// The models that were stored as they were given.
    async fn as_given(&self, new: NewRows<'_>, stored: &mut dyn Models) -> Result<()> {
        let mut budget = Budget::new();
        for nth in 0..new.len() {
            stored.push_row(new.row(nth)?)?;
            budget.consume().await;
        }
        Ok(())
    }

    async fn runs(&self, new: NewRows<'_>) -> Result<Vec<Run>> {
        let is_named = |column: &usize| !new.catalog.column(*column).is_generated && !self.table.computed.contains(column);
        let all: Vec<_> = (0..self.table.columns.len()).filter(is_named).collect();
        if !all.iter().any(|column| self.table.may_be_left_out(*column)) {
            return Ok(vec![Run { named: all, rows: 0..new.len() }]);
        }
        let (mut runs, mut budget) = (Vec::new(), Budget::new());
        for nth in 0..new.len() {
            new.put(nth, &mut runs)?;
            budget.consume().await;
        }
        Ok(runs)
    }

    /// Whether models that name these columns are stored just as they are given.
    async fn can_skip_returning(&self, guard: &mut G::ConnectionGuard, named: &[usize], new: NewRows<'_>) -> Result<bool> {
        if named.len() < self.table.columns.len() || !self.store.engine().profile().skips_returning {
            return Ok(named.len() == self.table.columns.len());
        }
        match self.statements(&self.plain).whole_insert(&new.row(0)?)? {
            Some(insert) => self.store.engine().can_skip_returning(guard, &self.table, insert).await,
            None => Ok(false),
        }
    }

    /// Where models go that name these columns, if the engine's bulk path leads there and they are enough for it.
    async fn target(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        named: &[usize],
        new: NewRows<'_>,
    ) -> Result<Option<G::Target>> {
        let engine = self.store.engine();
        if named.is_empty() || engine.profile().appends_from.is_none_or(|least| new.len() < least) {
            return Ok(None);
        }
        let insert = self.statements(view).insert(&[new.row(0)?], false)?.sql;
        engine.target(guard, &self.table, named, insert).await
    }

    /// Stores models by the engine's bulk path, of which a part is encoded while the one before it is stored.
    async fn append_to(&self, guard: &mut G::ConnectionGuard, target: &G::Target, new: NewRows<'_>) -> Result<()> {
        let (mut from, mut length) = (0, FIRST_PART_SIZE);
        let mut next_part = || {
            let part = new.part(from..new.len().min(from + length));
            (from, length) = (from + part.len(), MAX_PART_SIZE.min(4 * length));
            part
        };
        let mut encoded = self.encode(target, next_part()).await?;
        while !encoded.is_empty() {
            let storing = self.store.engine().append(guard, target, mem::take(&mut encoded));
            let (stored, next) = join(storing, self.encode(target, next_part())).await;
            stored?;
            encoded = next?;
        }
        Ok(())
    }

    async fn encode(&self, target: &G::Target, part: NewRows<'_>) -> Result<Vec<G::Encoded>> {
        let mut encoded = Vec::new();
        for rows in part.parts(FIRST_PART_SIZE) {
            encoded.push(G::encode(target, &rows)?);
            tokio::task::yield_now().await;
        }
        Ok(encoded)
    }

    /// Puts what an insert returned into the order of its rows, which no engine promises. Ids that the engine generates rise in
    /// the order of the rows; other ids are those of the rows.
    fn put_in_order(&self, rows: &[Vec<Value>], models: &mut dyn Models) -> Result<()> {
        if rows.len() < 2 {
            return Ok(());
        }
        let by_id: BTreeMap<Key, usize> = (0..models.len()).map(|at| (models.key(at, &self.table), at)).collect();
        let is_left = |position, row: &Vec<Value>| row.get(position).is_some_and(|id| self.table.is_left_to_engine(position, id));
        if self.table.generated.zip(rows.first()).is_some_and(|(position, row)| is_left(position, row)) {
            models.arrange(&by_id.into_values().collect::<Vec<_>>());
            return Ok(());
        }
        let changed = || Error::new(ErrorKind::Internal, "the engine stored another id than it was given");
        let order = rows.iter().map(|row| by_id.get(&self.table.key_of(row)).copied().ok_or_else(changed));
        models.arrange(&order.collect::<Result<Vec<_>>>()?);
        Ok(())
    }
}
