//! Creating models or replacing those that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sea_orm::{Value, sea_query::ArrayType};

use super::{SqlTable, View, insert::InsertReturning, not_stored};
use crate::{
    backend::{
        Backend as _, Decoder, Models, Rows,
        sql::{Engine, catalog::Upserts, engine::StatementKind, statement::Source},
    },
    context::{Access, Cx, RUNNING},
    coop::Budget,
    error::{Error, ErrorKind, Result},
    query::{Merged, Outcome, Resolution, ResolvedFilter, StoredAction, Upserted},
    table::TableColumn,
    value::{Key, integer},
};

/// A model that was there when others were inserted.
pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Contention, "another transaction deleted a model that was to be replaced")
}

impl<G: Engine> SqlTable<G> {
    pub(super) async fn upsert(
        &self,
        cx: &Cx,
        given: &dyn Rows,
        resolution: Resolution,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Upserted> {
        self.resolve(cx, given, resolution, InsertReturning { decoder, returning: false }).await.map(|(upserted, _)| upserted)
    }

    pub(super) async fn upsert_one(
        &self,
        cx: &Cx,
        given: &dyn Rows,
        resolution: Resolution,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<(Box<dyn Models>, Outcome)> {
        let (upserted, model) = self.resolve(cx, given, resolution, InsertReturning { decoder, returning: true }).await?;
        let outcome = match upserted {
            Upserted { inserted: 1, .. } => Outcome::Inserted,
            Upserted { updated: 1, .. } => Outcome::Updated,
            _ => Outcome::Ignored,
        };
        Ok((model, outcome))
    }

    /// Creates models or does with those that are there what is to be done. Answers the model that is stored then, if it is
    /// wanted, which is of one model only.
    async fn resolve(
        &self,
        cx: &Cx,
        given: &dyn Rows,
        resolution: Resolution,
        wanted: InsertReturning<'_>,
    ) -> Result<(Upserted, Box<dyn Models>)> {
        let now = self.store.clock().now();
        let complete = |row: &mut [Value]| {
            self.table.stamp_new(row, now);
            self.table.fill_defaults(row)
        };
        let rows = self.values_for(cx, given, complete).await?;
        if rows.is_empty() {
            return self.do_nothing(cx, Access::Write).await.map(|()| (Upserted::default(), wanted.decoder.models()));
        }
        let (mut merged, mut budget) = (Merged::new(&self.table, &resolution), Budget::new());
        for row in rows {
            merged.push(row);
            budget.consume().await;
        }
        let (rounds, new, mut upserted) = merged.finish();
        let mut compared = self.compared(&resolution.condition)?;
        compared.has_forms |= self.resolves_forms(&resolution);
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold_together(cx, &entry).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, compared).await?;
        let changes = if let StoredAction::Change(changes) = &resolution.action { changes.as_slice() } else { &[] };
        if let Err(refused) = self.check_changes(&self.statements(&view), changes) {
            return held.refuse(refused).await;
        }
        for rows in rounds.iter().chain([&new]) {
            if let Err(refused) = self.check_rows(&view, rows).await {
                return held.refuse(refused).await;
            }
        }
        let method = self.method(&view, &resolution);
        let finds_others = self.statements(&view).finds_other_text(&resolution.target);
        let guard = held.guard()?;
        let stored = async {
            let one = rounds.first().and_then(|round| round.first()).filter(|_| wanted.returning).cloned();
            for round in rounds {
                upserted += self.resolve_round(guard, &view, round, &resolution, method).await?;
            }
            let mut models = self.insert_runs(guard, &view, &new, wanted).await?;
            upserted.inserted += new.len() as u64;
            if let Some(row) = one {
                let find = self.statements(&view).find_by(&resolution.target, &row);
                models = self.store.engine().fetch(guard, find, StatementKind::Read, wanted.decoder).await?;
                if models.is_empty() {
                    return Err(gone());
                }
            }
            Ok((upserted, models))
        };
        let stored = cx.limits().bound(RUNNING, stored).await;
        // Before the context's transaction learns of it: contention is what makes that run again.
        let updates_first = matches!(method, UpsertMethod::UpdatesFirst | UpsertMethod::Computed { inserts_first: false });
        let is_clear = new.is_empty() && updates_first && !finds_others;
        let stored = stored.map_err(|error| if is_clear { self.lost_race(error, &resolution) } else { error });
        match held.finish(stored).await.map_err(self.of_document(&resolution.condition)) {
            Err(error) => Err(self.with_constraint(error, given).await),
            stored => stored,
        }
    }

    /// Whether a resolution compares values that may be stored in several forms.
    fn resolves_forms(&self, resolution: &Resolution) -> bool {
        let changes_forms = match &resolution.action {
            StoredAction::Change(changes) => self.compare_forms(changes),
            StoredAction::Keep | StoredAction::Replace(_) => false,
        };
        changes_forms || self.have_forms(&resolution.target)
    }

    /// The way in which rows are resolved in a table.
    fn method(&self, view: &View, resolution: &Resolution) -> UpsertMethod {
        let statements = self.statements(view);
        let is_computed = match &resolution.action {
            StoredAction::Change(changes) => !self.can_change(&statements, changes),
            StoredAction::Keep | StoredAction::Replace(_) => false,
        };
        // How many rows are left as they are cannot be told by counting what a trigger may keep as well.
        let is_uncounted = view.catalog.is_rewritten && resolution.condition != ResolvedFilter::TRUE;
        // `ON CONFLICT` would replace a row whose key has other bytes than the model's. With two statements, the insert fails as
        // a duplicate.
        let finds_own = self.store.engine().profile().upserts_at_once && !statements.finds_other_text(&resolution.target);
        let upserts = if finds_own { view.catalog.upserts } else { Upserts::UpdatesFirst };
        match upserts {
            _ if is_computed || is_uncounted => UpsertMethod::Computed { inserts_first: upserts != Upserts::UpdatesFirst },
            Upserts::AtOnce => UpsertMethod::AtOnce,
            Upserts::InsertsFirst => UpsertMethod::InsertsFirst,
            Upserts::UpdatesFirst => UpsertMethod::UpdatesFirst,
        }
    }

    /// Rows of different keys.
    async fn resolve_round(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: Vec<Vec<Value>>,
        resolution: &Resolution,
        method: UpsertMethod,
    ) -> Result<Upserted> {
        let mut upserted = Upserted::default();
        // Rows that name the same columns go together.
        let mut alike: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in rows {
            alike.entry(self.statements(view).sent(&row)).or_default().push(row);
        }
        for rows in alike.into_values() {
            for part in rows.chunks(self.rows_at_once(resolution.values())) {
                let (inserted, updated) = match method {
                    UpsertMethod::AtOnce => self.upsert_at_once(guard, view, part, resolution).await?,
                    UpsertMethod::InsertsFirst => self.insert_first(guard, view, part, resolution).await?,
                    UpsertMethod::UpdatesFirst => self.update_first(guard, view, part, resolution).await?,
                    UpsertMethod::Computed { inserts_first } => {
                        self.resolve_computed(guard, view, part, resolution, inserts_first).await?
                    }
                };
                let known = (part.len() as u64).saturating_sub(inserted);
                // Where each is written, what the engine counts is not asked.
                let updated = if resolution.writes_all() { known } else { updated };
                upserted.inserted += inserted;
                upserted.updated += updated;
                upserted.ignored += known.saturating_sub(updated);
            }
        }
        Ok(upserted)
    }

    /// The error for a duplicate of a key that was looked up and not found: another transaction stored it in the meantime. Only
    /// where writers do not take turns, and where the column that the engine names cannot stand for another constraint. A key
    /// that was looked up and found is told without the engine's code.
    fn lost_race(&self, error: Error, resolution: &Resolution) -> Error {
        let name = |position: &usize| self.table.columns.get(*position).map(TableColumn::name);
        let told = error.constraint().and_then(|constraint| constraint.split(", ").next()?.rsplit('.').next());
        let is_told = |columns: &[usize]| told.is_some() && columns.iter().any(|column| name(column) == told);
        let is_target = |columns: &&Vec<usize>| columns.iter().all(|column| resolution.target.contains(column));
        let others = self.table.uniques.iter().chain([&self.table.id]).filter(|columns| !is_target(columns));
        let is_lost = self.store.capabilities().concurrent_writers
            && error.code().is_some()
            && error.kind() == ErrorKind::Duplicate
            && is_told(&resolution.target)
            && !others.into_iter().any(|columns| is_told(columns));
        if !is_lost {
            return error;
        }
        Error::new(ErrorKind::Contention, "another transaction stored the same key").with_source(error)
    }

    /// Refuses rows of a source whose keys are taken by models that are not there for the repository. A row that one of these
    /// takes in the meantime is refused by the engine, or is not answered as replaced.
    pub(super) async fn require_untaken(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        (source, rows): (&Source<'_>, &[Vec<Value>]),
        resolution: &Resolution,
    ) -> Result<()> {
        if self.table.scope.is_all() {
            return Ok(());
        }
        let statements = self.statements(view);
        let columns = rows.first().map(|row| statements.sent(row)).unwrap_or_default();
        match self.store.engine().number(guard, statements.count_taken(source, &columns, resolution)).await? {
            0 => Ok(()),
            _ => Err(self.table.taken(resolution)),
        }
    }

    /// By one statement, whoever else writes meanwhile. Answers how many rows were new, and how many were written over.
    async fn upsert_at_once(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<(u64, u64)> {
        let statement = self.statements(view).upsert(rows, resolution)?;
        let answered = self.store.engine().rows(guard, statement, Some(vec![ArrayType::Int]), StatementKind::Any).await?;
        if answered.len() < rows.len() {
            self.require_untaken(guard, view, (&Source::Values(rows), rows), resolution).await?;
            if resolution.writes_all() {
                return Err(not_stored());
            }
        }
        let inserted = answered.iter().filter(|row| row.values.first().and_then(integer) == Some(1)).count();
        Ok((inserted as u64, (answered.len() - inserted) as u64))
    }

    /// First what is not there, then what is.
    async fn insert_first(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<(u64, u64)> {
        let (engine, statements) = (self.store.engine(), self.statements(view));
        let (inserted, known) = self.insert_absent(guard, view, rows, resolution).await?;
        if !known.is_empty() {
            self.require_untaken(guard, view, (&Source::Values(&known), &known), resolution).await?;
        }
        let Some(columns) = known.first().map(|row| statements.sent(row)) else { return Ok((inserted, 0)) };
        let Some(replace) = statements.replace_from(&Source::Values(&known), &columns, resolution)? else {
            return Ok((inserted, 0));
        };
        let replaced = engine.execute(guard, replace, StatementKind::Any).await?;
        if resolution.writes_all() && replaced < known.len() as u64 {
            return Err(if view.catalog.is_rewritten { not_stored() } else { gone() });
        }
        Ok((inserted, replaced))
    }

    /// Inserts the rows whose key is not there. Answers how many these were, and the others.
    pub(super) async fn insert_absent(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<(u64, Vec<Vec<Value>>)> {
        let types = resolution.target.iter().map(|column| self.table.value_type(*column).cloned()).collect::<Result<_>>()?;
        let insert = self.statements(view).insert_new(rows, &resolution.target)?;
        let new = self.store.engine().rows(guard, insert, Some(types), StatementKind::Any).await?;
        let new: BTreeSet<_> = new.into_iter().map(|row| Key(row.values)).collect();
        let known = rows.iter().filter(|row| !new.contains(&resolution.key_of(row))).cloned();
        Ok((new.len() as u64, known.collect()))
    }

    /// First what is there, then what is not: nobody else comes between, because writers take turns, or because whoever does is
    /// refused.
    async fn update_first(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<(u64, u64)> {
        let statements = self.statements(view);
        let columns = rows.first().map(|row| statements.sent(row)).unwrap_or_default();
        let source = self.source(guard, &columns, rows).await?;
        self.require_untaken(guard, view, (&source, rows), resolution).await?;
        let replaced = match statements.replace_from(&source, &columns, resolution)? {
            Some(replace) => Some(self.store.engine().execute(guard, replace, StatementKind::Any).await?),
            None => None,
        };
        let insert = statements.insert_missing(&source, &columns, resolution)?;
        let inserted = self.store.engine().execute(guard, insert, StatementKind::Any).await?;
        self.end_source(guard, &source).await?;
        let is_short = replaced.is_some_and(|replaced| replaced + inserted < rows.len() as u64);
        if is_short && resolution.writes_all() {
            return Err(not_stored());
        }
        Ok((inserted, replaced.unwrap_or_default()))
    }
}

/// In which statements rows are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UpsertMethod {
    AtOnce,
    InsertsFirst,
    UpdatesFirst,
    /// What is there is changed by values that are computed here, before or after the others are inserted.
    Computed {
        inserts_first: bool,
    },
}
