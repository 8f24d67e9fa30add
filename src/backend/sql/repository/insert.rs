//! Creating models.

use std::collections::BTreeMap;

use sea_orm::Value;

use super::{ROWS_A_TURN, SqlRepository};
use crate::{
    backend::sql::{Engine, statement::AppendRun},
    context::{Access, Cx},
    entity::{Storable, unreadable},
    error::{Error, ErrorKind, Result},
    value::{Key, integer},
};

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    pub(super) async fn insert(&self, cx: &Cx, models: &[E::Model], returning: bool) -> Result<Vec<E::Model>> {
        let now = self.store.clock().now();
        let stamp = |row: &mut [Value]| {
            self.shape.stamp_new(row, now);
            Ok(())
        };
        let rows = self.values_for(cx, models, stamp).await?;
        let stored = match self.appendable(&rows, returning) {
            Some(runs) => self.append(cx, runs, rows, returning).await,
            None => self.insert_by_statements(cx, rows, returning).await,
        };
        match stored {
            Err(error) => Err(self.with_constraint(error, models).await),
            stored => stored,
        }
    }

    /// Names the constraint that a duplicate violates, where the engine did not.
    pub(super) async fn with_constraint(&self, error: Error, models: &[E::Model]) -> Error {
        if error.kind() != ErrorKind::Duplicate || error.constraint().is_some() {
            return error;
        }
        match self.values(models, |_| Ok(())).await {
            Ok(rows) => error.with_constraint(self.store.engine().violated_by::<E>(rows).await),
            Err(_) => error,
        }
    }

    async fn insert_by_statements(&self, cx: &Cx, rows: Vec<Vec<Value>>, returning: bool) -> Result<Vec<E::Model>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let mut held = match self.statements().insert_runs(&rows).len() {
            0 | 1 => self.store.hold(&entry, Access::Write).await?,
            _ => self.store.hold_together(&entry).await?,
        };
        let stored = self.insert_runs(held.lease()?, &rows, returning).await;
        held.finish(stored).await
    }

    /// Inserts rows on a connection, by as many statements as it takes.
    pub(super) async fn insert_runs(&self, lease: &mut G::Lease, rows: &[Vec<Value>], returning: bool) -> Result<Vec<E::Model>> {
        let runs = self.statements().insert_runs(rows);
        let mut stored = Vec::with_capacity(if returning { rows.len() } else { 0 });
        for run in runs.into_iter().filter_map(|run| rows.get(run)) {
            let statement = self.statements().insert(run, returning)?;
            if returning {
                let models = self.store.engine().fetch::<E>(lease, statement).await?;
                stored.extend(self.in_order_of(run, models)?);
            } else {
                self.store.engine().execute(lease, statement).await?;
            }
        }
        Ok(stored)
    }

    /// The rows in runs for the engine's bulk path, if that is the way to store them: there are enough, no cast of the entity's is in the
    /// way, and nothing has to be answered that only the engine knows.
    fn appendable(&self, rows: &[Vec<Value>], returning: bool) -> Option<Vec<AppendRun<E>>> {
        if rows.len() < self.store.engine().appends_from()? || !self.shape.is_saved_as_it_is() {
            return None;
        }
        let runs = self.statements().append_runs(rows);
        let complete = |columns: &[E::Column]| !columns.is_empty() && (!returning || columns.len() == self.shape.columns.len());
        runs.iter().all(|run| complete(&run.columns)).then_some(runs)
    }

    async fn append(
        &self,
        cx: &Cx,
        runs: Vec<AppendRun<E>>,
        mut rows: Vec<Vec<Value>>,
        returning: bool,
    ) -> Result<Vec<E::Model>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let mut held = self.store.hold_together(&entry).await?;
        let lease = held.lease()?;
        let stored = async {
            // What was given is what is stored.
            let mut models = Vec::new();
            for rows in rows.chunks(ROWS_A_TURN).filter(|_| returning) {
                for row in rows {
                    models.push(E::model_of(row.clone()).map_err(unreadable)?);
                }
                tokio::task::yield_now().await;
            }
            for run in runs {
                let rest = rows.split_off(run.rows.len());
                let rows = std::mem::replace(&mut rows, rest);
                self.store.engine().append::<E>(lease, run.columns, rows).await?;
            }
            Ok(models)
        };
        let stored = stored.await;
        held.finish(stored).await
    }

    /// Puts what an insert returned into the order of its rows, which no engine promises. Ids that the engine generates rise in
    /// the order of the rows; other ids are those of the rows.
    fn in_order_of(&self, rows: &[Vec<Value>], mut models: Vec<E::Model>) -> Result<Vec<E::Model>> {
        if rows.len() < 2 {
            return Ok(models);
        }
        let first_id = self.shape.generated.zip(rows.first()).and_then(|(position, row)| row.get(position));
        if first_id.and_then(integer) == Some(0) {
            models.sort_by_cached_key(|model| self.shape.key_of_model(model));
            return Ok(models);
        }
        let mut by_id: BTreeMap<Key, E::Model> =
            models.into_iter().map(|model| (self.shape.key_of_model(&model), model)).collect();
        let changed = || Error::new(ErrorKind::Internal, "the engine stored another id than it was given");
        rows.iter().map(|row| by_id.remove(&self.shape.key_of_values(row)).ok_or_else(changed)).collect()
    }
}
