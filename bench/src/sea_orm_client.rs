//! SeaORM on a connection of its own, on SQLite and Postgres.

use std::hint::black_box;

use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ConnectOptions, Database, DatabaseConnection, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect,
    TransactionTrait,
    sea_query::{Expr, ExprTrait},
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    Result,
    client::Client,
    groups::{Group, GroupBy},
    missing,
    place::{Engine, Place},
    record::{ActiveModel, Column, Entity, Model},
};

/// As larder's.
pub const CONNECTIONS: u32 = 10;
const ROWS_A_STATEMENT: usize = 1000;

struct SeaOrmClient {
    connection: DatabaseConnection,
    engine: Engine,
}

/// Pings a connection before it uses it, as it does if nothing else is said, or does not.
pub async fn open(place: &Place, pings: bool, connections: u32) -> Result<Box<dyn Client>> {
    let mut options = ConnectOptions::new(place.url.clone());
    options.max_connections(connections).test_before_acquire(pings).sqlx_logging(false);
    let full = place.synchronous() == "FULL";
    options.map_sqlx_sqlite_opts(move |options| {
        let synchronous = if full { SqliteSynchronous::Full } else { SqliteSynchronous::Normal };
        options.journal_mode(SqliteJournalMode::Wal).synchronous(synchronous).foreign_keys(true)
    });
    Ok(Box::new(SeaOrmClient { connection: Database::connect(options).await?, engine: place.engine }))
}

/// A record with every value to be written.
fn new(record: &Model) -> ActiveModel {
    record.clone().into_active_model().reset_all()
}

#[async_trait]
impl Client for SeaOrmClient {
    async fn another(&mut self) -> Result<Box<dyn Client>> {
        Ok(Box::new(Self { connection: self.connection.clone(), engine: self.engine }))
    }

    async fn create_batch(&mut self, records: &[Model]) -> Result<()> {
        let transaction = self.connection.begin().await?;
        for records in records.chunks(ROWS_A_STATEMENT) {
            Entity::insert_many(records.iter().map(new)).exec_without_returning(&transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn create_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            if self.engine == Engine::Postgres {
                // The call of its documentation, which answers the model as it is stored, as larder's does.
                black_box(new(record).insert(&self.connection).await?);
            } else {
                Entity::insert(new(record)).exec_without_returning(&self.connection).await?;
            }
        }
        Ok(())
    }

    async fn find_each(&mut self, records: &[Model]) -> Result<Model> {
        let mut last = None;
        for record in records {
            last = black_box(Entity::find_by_id(record.log_id).one(&self.connection).await?);
        }
        last.ok_or_else(missing)
    }

    async fn update_each(&mut self, records: &[Model]) -> Result<()> {
        for record in records {
            black_box(new(record).update(&self.connection).await?);
        }
        Ok(())
    }

    /// It has no way to update many models by their own values.
    async fn update_batch(&mut self, records: &[Model]) -> Result<()> {
        let transaction = self.connection.begin().await?;
        for record in records {
            black_box(new(record).update(&transaction).await?);
        }
        Ok(transaction.commit().await?)
    }

    async fn scan(&mut self) -> Result<(usize, Model)> {
        let mut models = black_box(Entity::find().order_by_asc(Column::LogId).all(&self.connection).await?);
        Ok((models.len(), models.pop().ok_or_else(missing)?))
    }

    async fn group(&mut self, by: GroupBy) -> Result<Vec<Group>> {
        let whole = |sum: Expr| if self.engine == Engine::Postgres { sum.cast_as("bigint") } else { sum };
        let real = |average: Expr| if self.engine == Engine::Postgres { average.cast_as("float8") } else { average };
        let hour = match self.engine {
            Engine::Postgres => "CAST(EXTRACT(EPOCH FROM date_trunc('hour', timestamp, 'UTC')) AS bigint)",
            _ => "unixepoch(timestamp) / 3600 * 3600",
        };
        let key = if by == GroupBy::Source { Expr::col(Column::SourceId) } else { Expr::cust(hour) };
        let groups = Entity::find().select_only().expr_as(key.clone(), "key").expr_as(Expr::col(Column::LogId).count(), "count");
        let groups = groups.expr_as(whole(Expr::col(Column::ConfigVersion).sum()), "sum");
        let groups = groups.expr_as(real(Expr::col(Column::ConfigVersion).avg()), "average");
        let groups = groups.group_by(key.clone()).order_by_asc(key);
        Ok(match by {
            GroupBy::Source => {
                let groups: Vec<(String, i64, i64, f64)> = groups.into_tuple().all(&self.connection).await?;
                groups.into_iter().map(|(key, count, sum, average)| Group { key, count, sum, average }).collect()
            }
            GroupBy::Hour => {
                let groups: Vec<(i64, i64, i64, f64)> = groups.into_tuple().all(&self.connection).await?;
                groups.into_iter().map(|(key, count, sum, average)| Group { key: key.to_string(), count, sum, average }).collect()
            }
        })
    }

    async fn close(&mut self) -> Result<()> {
        Ok(self.connection.clone().close().await?)
    }
}
