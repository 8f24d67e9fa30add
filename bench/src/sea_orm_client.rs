//! SeaORM on a connection of its own, on SQLite and Postgres.

use std::hint::black_box;

use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ConnectOptions, Database, DatabaseConnection, EntityTrait, IntoActiveModel, QueryOrder, TransactionTrait,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    Result,
    client::Client,
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

    async fn close(&mut self) -> Result<()> {
        Ok(self.connection.clone().close().await?)
    }
}
