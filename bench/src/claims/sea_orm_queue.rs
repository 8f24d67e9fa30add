//! SeaORM, as its documentation does it: in a transaction, the job is selected for update, and updated. Where rows cannot be
//! locked, it is changed if it is still there to be had.

use async_trait::async_trait;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectOptions, Database, DatabaseConnection, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Set, TransactionTrait,
    sea_query::{Expr, LockBehavior, LockType},
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{CLAIMED, Column, Entity, Model, Queue, WAITING, WORKERS};
use crate::{
    Result,
    place::{Engine, Place},
    sea_orm_client::CONNECTIONS,
};

struct SeaOrmQueue {
    connection: DatabaseConnection,
    engine: Engine,
}

pub async fn open(place: &Place) -> Result<Vec<Box<dyn Queue>>> {
    let mut options = ConnectOptions::new(place.url.clone());
    options.max_connections(CONNECTIONS).test_before_acquire(false).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(|options| {
        options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal).foreign_keys(true)
    });
    let connection = Database::connect(options).await?;
    let queue = |_| Box::new(SeaOrmQueue { connection: connection.clone(), engine: place.engine }) as Box<dyn Queue>;
    Ok((0..WORKERS).map(queue).collect())
}

#[async_trait]
impl Queue for SeaOrmQueue {
    async fn claim(&mut self, worker: &str) -> Result<Option<Model>> {
        let next = Entity::find().filter(Column::State.eq(WAITING)).order_by_asc(Column::Due).order_by_asc(Column::Id).limit(1);
        if self.engine == Engine::Postgres {
            let transaction = self.connection.begin().await?;
            let locked = next.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
            let Some(job) = locked.one(&transaction).await? else { return Ok(None) };
            let mut job = job.into_active_model();
            (job.state, job.worker) = (Set(CLAIMED), Set(Some(worker.to_owned())));
            let job = job.update(&transaction).await?;
            transaction.commit().await?;
            return Ok(Some(job));
        }
        loop {
            let Some(job) = next.clone().one(&self.connection).await? else { return Ok(None) };
            let taken = Entity::update_many()
                .col_expr(Column::State, Expr::value(CLAIMED))
                .col_expr(Column::Worker, Expr::value(worker))
                .filter(Column::Id.eq(job.id))
                .filter(Column::State.eq(WAITING));
            if taken.exec(&self.connection).await?.rows_affected == 1 {
                return Ok(Some(Model { state: CLAIMED, worker: Some(worker.to_owned()), ..job }));
            }
        }
    }
}
