//! Creating models or replacing those that are there.

use sea_orm::{IdenStatic, Value, sea_query::ArrayType};

use super::SqlRepository;
use crate::{
    backend::sql::Engine,
    context::{Access, Cx},
    entity::Storable,
    error::{Error, ErrorKind, Result},
    query::{Merged, OnConflict, Resolution, Upserted},
    value::integer,
};

impl<E: Storable, G: Engine> SqlRepository<E, G> {
    pub(super) async fn upsert(&self, cx: &Cx, models: &[E::Model], on_conflict: &OnConflict<E::Model>) -> Result<Upserted> {
        let resolution = self.shape.resolution(on_conflict)?;
        let now = self.store.clock().now();
        let complete = |row: &mut [Value]| {
            self.shape.stamp_new(row, now);
            self.shape.fill_defaults(row)
        };
        let rows = self.values_for(cx, models, complete).await?;
        if rows.is_empty() {
            return self.do_nothing(cx, Access::Write).await.map(|()| Upserted::default());
        }
        let mut merged = Merged::new(&self.shape, &resolution);
        for (nth, row) in rows.into_iter().enumerate() {
            merged.push(row);
            self.take_turns(nth).await;
        }
        let (rows, mut upserted) = merged.finish();
        let (known, new): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| self.shape.may_exist(row, &resolution));
        let entry = self.store.enter(cx, Access::Write)?;
        let mut held = self.store.hold_together(&entry).await?;
        let lease = held.lease()?;
        let stored = async {
            let mut inserted = 0;
            // Rows that name the same columns go together.
            let (with_id, without_id): (Vec<_>, Vec<_>) =
                known.into_iter().partition(|row| self.statements().sent(row).len() == self.shape.columns.len());
            let total = (with_id.len() + without_id.len()) as u64;
            for rows in [with_id, without_id] {
                for part in rows.chunks(self.rows_at_once()) {
                    inserted += match self.store.engine().upserts() {
                        true => self.upsert_at_once(lease, part, &resolution).await?,
                        false => self.upsert_in_turn(lease, part, &resolution).await?,
                    };
                }
            }
            self.insert_runs(lease, &new, false).await?;
            upserted.inserted += inserted + new.len() as u64;
            match resolution.replaced {
                Some(_) => upserted.updated += total - inserted,
                None => upserted.ignored += total - inserted,
            }
            Ok(upserted)
        };
        let stored = stored.await;
        match held.finish(stored).await {
            Err(error) => Err(self.lost_race(self.with_constraint(error, models).await, &resolution)),
            stored => stored,
        }
    }

    /// What a duplicate comes to of a key that was looked for and not found: another transaction stored it meanwhile.
    fn lost_race(&self, error: Error, resolution: &Resolution) -> Error {
        let columns = resolution.target.iter().filter_map(|position| self.shape.columns.get(*position));
        let names: Vec<_> = columns.map(|column| column.as_str()).collect();
        let column = |constraint: &str| constraint.split(", ").next().and_then(|name| name.rsplit('.').next()).map(str::to_owned);
        let is_told = |constraint: &str| column(constraint).is_some_and(|column| names.contains(&column.as_str()));
        let is_lost =
            !self.store.engine().upserts() && error.kind() == ErrorKind::Duplicate && error.constraint().is_some_and(is_told);
        if !is_lost {
            return error;
        }
        Error::new(ErrorKind::Contention, "another transaction stored the same key").with_source(error)
    }

    /// By one statement, whoever else writes meanwhile. Answers how many rows were new.
    async fn upsert_at_once(&self, lease: &mut G::Lease, rows: &[Vec<Value>], resolution: &Resolution) -> Result<u64> {
        let statement = self.statements().upsert(rows, resolution)?;
        let answered = self.store.engine().rows(lease, statement, Some(vec![ArrayType::Int])).await?;
        Ok(answered.iter().filter(|row| row.values.first().and_then(integer) == Some(1)).count() as u64)
    }

    /// First what is there, then what is not: nobody else comes between, because writers take turns, or because whoever does is refused.
    async fn upsert_in_turn(&self, lease: &mut G::Lease, rows: &[Vec<Value>], resolution: &Resolution) -> Result<u64> {
        let columns = rows.first().map(|row| self.statements().sent(row)).unwrap_or_default();
        let source = self.source(lease, &columns, rows).await?;
        if let Some(replace) = self.statements().replace_from(&source, &columns, resolution)? {
            self.store.engine().execute(lease, replace).await?;
        }
        let insert = self.statements().insert_missing(&source, &columns, resolution)?;
        let inserted = self.store.engine().execute(lease, insert).await?;
        self.end_source(lease, &source).await?;
        Ok(inserted)
    }
}
