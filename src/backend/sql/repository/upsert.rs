//! Creating models or replacing those that are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sea_orm::{Value, sea_query::ArrayType};

use super::{SqlTable, View, insert::InsertReturning, not_stored};
use crate::{
    backend::{
        Backend as _, Decoder, Rows,
        sql::{Engine, catalog::Upserts, engine::StatementKind, statement::Source},
    },
    context::{Access, Cx, RUNNING},
    coop::Budget,
    error::{Error, ErrorKind, Result},
    query::{Merged, Resolution, Upserted},
    table::TableColumn,
    value::{Key, integer},
};

/// A model that was there when others were inserted.
fn gone() -> Error {
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
        let now = self.store.clock().now();
        let complete = |row: &mut [Value]| {
            self.table.stamp_new(row, now);
            self.table.fill_defaults(row)
        };
        let rows = self.values_for(cx, given, complete).await?;
        if rows.is_empty() {
            return self.do_nothing(cx, Access::Write).await.map(|()| Upserted::default());
        }
        let (mut merged, mut budget) = (Merged::new(&self.table, &resolution), Budget::new());
        for row in rows {
            merged.push(row);
            budget.consume().await;
        }
        let (known, new, mut upserted) = merged.finish();
        let entry = self.store.enter(cx, Access::Write)?;
        let held = self.store.hold_together(cx, &entry).await?;
        let compares_forms = self.have_forms(&resolution.target);
        let (mut held, view) = self.viewed(cx, held, Access::Write, false, compares_forms).await?;
        for rows in [&known, &new] {
            if let Err(refused) = self.check_rows(&view, rows).await {
                return held.refuse(refused).await;
            }
        }
        // `ON CONFLICT` would replace a row whose key has other bytes than the model's. With two statements, the insert fails as
        // a duplicate.
        let finds_others = self.statements(&view).finds_other_text(&resolution.target);
        let way = match self.store.engine().profile().upserts_at_once && !finds_others {
            true => view.catalog.upserts,
            false => Upserts::UpdatesFirst,
        };
        let guard = held.guard()?;
        let stored = async {
            let mut inserted = 0;
            let total = known.len() as u64;
            // Rows that name the same columns go together.
            let mut alike: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for row in known {
                alike.entry(self.statements(&view).sent(&row)).or_default().push(row);
            }
            for rows in alike.into_values() {
                for part in rows.chunks(self.rows_at_once()) {
                    inserted += match way {
                        Upserts::AtOnce => self.upsert_at_once(guard, &view, part, &resolution).await?,
                        Upserts::InsertsFirst => self.insert_first(guard, &view, part, &resolution).await?,
                        Upserts::UpdatesFirst => self.update_first(guard, &view, part, &resolution).await?,
                    };
                }
            }
            self.insert_runs(guard, &view, &new, InsertReturning { decoder, returning: false }).await?;
            upserted.inserted += inserted + new.len() as u64;
            match resolution.replaced {
                Some(_) => upserted.updated += total - inserted,
                None => upserted.ignored += total - inserted,
            }
            Ok(upserted)
        };
        let stored = cx.limits().bound(RUNNING, stored).await;
        // Before the context's transaction learns of it: contention is what makes that run again.
        let is_clear = new.is_empty() && way == Upserts::UpdatesFirst && !finds_others;
        let stored = stored.map_err(|error| if is_clear { self.lost_race(error, &resolution) } else { error });
        match held.finish(stored).await {
            Err(error) => Err(self.with_constraint(error, given).await),
            stored => stored,
        }
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
    async fn require_untaken(
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

    /// By one statement, whoever else writes meanwhile. Answers how many rows were new.
    async fn upsert_at_once(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<u64> {
        let statement = self.statements(view).upsert(rows, resolution)?;
        let answered = self.store.engine().rows(guard, statement, Some(vec![ArrayType::Int]), StatementKind::Any).await?;
        if answered.len() < rows.len() {
            self.require_untaken(guard, view, (&Source::Values(rows), rows), resolution).await?;
            if resolution.replaced.is_some() {
                return Err(not_stored());
            }
        }
        Ok(answered.iter().filter(|row| row.values.first().and_then(integer) == Some(1)).count() as u64)
    }

    /// First what is not there, then what is. Answers how many rows were new.
    async fn insert_first(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<u64> {
        let (engine, statements) = (self.store.engine(), self.statements(view));
        let types = resolution.target.iter().map(|column| self.table.value_type(*column).cloned()).collect::<Result<_>>()?;
        let insert = statements.insert_new(rows, &resolution.target)?;
        let new: BTreeSet<_> =
            engine.rows(guard, insert, Some(types), StatementKind::Any).await?.into_iter().map(|row| Key(row.values)).collect();
        let key = |row: &Vec<Value>| Key(resolution.target.iter().filter_map(|column| row.get(*column).cloned()).collect());
        let known: Vec<_> = rows.iter().filter(|row| !new.contains(&key(row))).cloned().collect();
        if !known.is_empty() {
            self.require_untaken(guard, view, (&Source::Values(&known), &known), resolution).await?;
        }
        let Some(columns) = known.first().map(|row| statements.sent(row)) else { return Ok(new.len() as u64) };
        if let Some(replace) = statements.replace_from(&Source::Values(&known), &columns, resolution)? {
            let replaced = engine.execute(guard, replace, StatementKind::Any).await?;
            if replaced < known.len() as u64 {
                return Err(if view.catalog.is_rewritten { not_stored() } else { gone() });
            }
        }
        Ok(new.len() as u64)
    }

    /// First what is there, then what is not: nobody else comes between, because writers take turns, or because whoever does is
    /// refused.
    async fn update_first(
        &self,
        guard: &mut G::ConnectionGuard,
        view: &View,
        rows: &[Vec<Value>],
        resolution: &Resolution,
    ) -> Result<u64> {
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
        if replaced.is_some_and(|replaced| replaced + inserted < rows.len() as u64) {
            return Err(not_stored());
        }
        Ok(inserted)
    }
}
