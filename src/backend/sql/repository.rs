//! The contract over any [`Engine`], for any entity.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sea_orm::Value;

use super::{
    engine::Engine,
    statement::{AppendRun, Statements},
    store::SqlStore,
};
use crate::{
    context::{Access, Cx, Entry},
    entity::{IdOf, Shape, Storable, unreadable},
    error::{Error, ErrorKind, Result, not_found},
    repository::{Creator, Deleter, Reader, Transactional, Updater},
    transaction::TxOptions,
    value::{Key, integer},
};

/// How many models are converted before other tasks have a turn: less than a millisecond's work.
const ROWS_A_TURN: usize = 1024;

pub(crate) struct SqlRepository<E: Storable, G: Engine> {
    store: SqlStore<G>,
    shape: Shape<E>,
}

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    pub(crate) fn new(store: SqlStore<G>) -> Self {
        Self { store, shape: Shape::new() }
    }

    fn statements(&self) -> Statements<'_, E> {
        let engine = self.store.engine();
        Statements { shape: &self.shape, dialect: engine.dialect(), bind_limit: engine.bind_limit() }
    }

    fn at(&self, operation: &'static str) -> impl Fn(Error) -> Error + '_ {
        move |error| error.at(operation, E::default().table_name())
    }

    /// The values of models that can be read back. Lets other tasks have their turn meanwhile.
    async fn values(&self, models: &[E::Model]) -> Result<Vec<Vec<Value>>> {
        self.shape.require_readable(|value_type| self.store.engine().reads(value_type))?;
        let mut rows = Vec::with_capacity(models.len());
        for models in models.chunks(ROWS_A_TURN) {
            if !rows.is_empty() {
                tokio::task::yield_now().await;
            }
            for model in models {
                rows.push(self.shape.values(model)?);
            }
        }
        Ok(rows)
    }

    async fn insert(&self, cx: &Cx, models: &[E::Model], returning: bool) -> Result<Vec<E::Model>> {
        let rows = self.values_for(cx, models).await?;
        let stored = match self.appendable(&rows, returning) {
            Some(runs) => self.append(cx, runs, rows, returning).await,
            None => self.insert_by_statements(cx, rows, returning).await,
        };
        match stored {
            Err(error) if error.kind() == ErrorKind::Duplicate && error.constraint().is_none() => {
                let constraint = self.store.engine().violated_by::<E>(self.values(models).await?).await;
                Err(error.with_constraint(constraint))
            }
            stored => stored,
        }
    }

    /// The values of models that are about to be written. Dropping this is dropping the write: a transaction it belongs to can no longer
    /// commit.
    async fn values_for(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<Vec<Value>>> {
        let entry = self.store.enter(cx, Access::Write)?;
        let step = match &entry {
            Entry::Joined(level, transaction) if models.len() > ROWS_A_TURN => Some(transaction.step(level.id()).await?),
            _ => None,
        };
        let rows = self.values(models).await;
        if let Some(step) = step {
            // Values that are refused were not sent, and leave the transaction as it was.
            step.finish(Ok(()))?;
        }
        rows
    }

    async fn insert_by_statements(&self, cx: &Cx, rows: Vec<Vec<Value>>, returning: bool) -> Result<Vec<E::Model>> {
        let runs = self.statements().insert_runs(&rows);
        let runs: Vec<_> = runs.into_iter().filter_map(|run| rows.get(run)).collect();
        let entry = self.store.enter(cx, Access::Write)?;
        let mut held = match runs.len() {
            0 | 1 => self.store.hold(&entry, Access::Write).await?,
            _ => self.store.hold_together(&entry).await?,
        };
        let lease = held.lease()?;
        let stored = async {
            let mut stored = Vec::with_capacity(if returning { rows.len() } else { 0 });
            for run in runs {
                let statement = self.statements().insert(run, returning)?;
                if returning {
                    let models = self.store.engine().fetch::<E>(lease, statement).await?;
                    stored.extend(self.in_order_of(run, models)?);
                } else {
                    self.store.engine().execute(lease, statement).await?;
                }
            }
            Ok(stored)
        };
        let stored = stored.await;
        held.finish(stored).await
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

    async fn look_up(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        let keys = ids.iter().map(|id| self.shape.key_of_id(id)).collect::<Result<Vec<_>>>()?;
        if keys.is_empty() {
            // Nothing to ask for, and still refused where a question would be.
            let entry = self.store.enter(cx, Access::Read)?;
            return self.store.hold(&entry, Access::Read).await?.finish(Ok(Vec::new())).await;
        }
        let mut found = BTreeMap::new();
        for part in keys.chunks(self.statements().ids_at_once()) {
            let models = self.store.fetch::<E>(cx, Access::Read, self.statements().find_many(part)).await?;
            found.extend(models.into_iter().map(|model| (self.shape.key_of_model(&model), model)));
        }
        Ok(keys.iter().filter_map(|key| found.get(key).cloned()).collect())
    }

    async fn replace(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let row = self.values(std::slice::from_ref(model)).await?.pop().unwrap_or_default();
        // A model that is all id has nothing to replace; asking for it is an update all the same, also for the context.
        if !self.store.engine().returns_updates()
            && self.shape.is_saved_as_it_is()
            && let Some(update) = self.statements().update(&row, false)
        {
            // What was given is what is stored.
            let changed = self.store.execute(cx, update).await?;
            return if changed == 0 { Err(not_found()) } else { E::model_of(row).map_err(unreadable) };
        }
        let update = self.statements().update(&row, true);
        let statement = update.unwrap_or_else(|| self.statements().find(&self.shape.key_of_values(&row)));
        self.store.fetch::<E>(cx, Access::Write, statement).await?.pop().ok_or_else(not_found)
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Creator<E::Model> for SqlRepository<E, G> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        let stored = self.insert(cx, std::slice::from_ref(model), true).await.map_err(self.at("create"))?;
        let missing = || self.at("create")(Error::new(ErrorKind::Internal, "the engine returned no row"));
        stored.into_iter().next().ok_or_else(missing)
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        self.insert(cx, models, true).await.map_err(self.at("create_many"))
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        self.insert(cx, models, false).await.map_err(self.at("create_batch"))?;
        Ok(models.len() as u64)
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Reader<E::Model, IdOf<E>> for SqlRepository<E, G> {
    async fn find(&self, cx: &Cx, id: &IdOf<E>) -> Result<Option<E::Model>> {
        let key = self.shape.key_of_id(id).map_err(self.at("find"))?;
        let models = self.store.fetch::<E>(cx, Access::Read, self.statements().find(&key)).await;
        Ok(models.map_err(self.at("find"))?.pop())
    }

    async fn find_many(&self, cx: &Cx, ids: &[IdOf<E>]) -> Result<Vec<E::Model>> {
        self.look_up(cx, ids).await.map_err(self.at("find_many"))
    }

    async fn all(&self, cx: &Cx) -> Result<Vec<E::Model>> {
        self.store.fetch::<E>(cx, Access::Read, self.statements().all()).await.map_err(self.at("all"))
    }

    async fn count(&self, cx: &Cx) -> Result<u64> {
        let number = self.store.number(cx, self.statements().count()).await.map_err(self.at("count"))?;
        Ok(number.unsigned_abs())
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Updater<E::Model> for SqlRepository<E, G> {
    async fn update(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        self.replace(cx, model).await.map_err(self.at("update"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Deleter<E::Model, IdOf<E>> for SqlRepository<E, G> {
    async fn delete(&self, cx: &Cx, id: &IdOf<E>) -> Result<bool> {
        let key = self.shape.key_of_id(id).map_err(self.at("delete"))?;
        let deleted = self.store.execute(cx, self.statements().delete(&key)).await;
        Ok(deleted.map_err(self.at("delete"))? > 0)
    }

    async fn delete_all(&self, cx: &Cx) -> Result<u64> {
        self.store.execute(cx, self.statements().delete_all()).await.map_err(self.at("delete_all"))
    }
}

#[async_trait]
impl<E: Storable, G: Engine> Transactional for SqlRepository<E, G> {
    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.store.begin(cx, options).await
    }
}
