//! What every library is asked to do, and the libraries.

use async_trait::async_trait;

use crate::{
    Result, duckdb,
    groups::{Group, GroupBy},
    larder_client,
    place::{Engine, Place},
    postgres,
    record::Model,
    sea_orm_client, sqlite,
};

/// A library on a database, as one task uses it.
///
/// Each method does the whole of its work before it returns, so that a call of a method costs nothing that counts. What reads
/// decodes every value into its own type, and answers the last record it has read, so that somebody can look whether it was read
/// at all.
#[async_trait]
pub trait Client: Send {
    /// The same for another task: on the same pool, where the library has one.
    async fn another(&mut self) -> Result<Box<dyn Client>>;

    /// All records in one transaction, the fastest way the library has.
    async fn create_batch(&mut self, records: &[Model]) -> Result<()>;

    /// One record after another, each in its own transaction.
    async fn create_each(&mut self, _records: &[Model]) -> Result<()> {
        Err("it does not create one by one here".into())
    }

    /// One record after another by its id.
    async fn find_each(&mut self, _records: &[Model]) -> Result<Model> {
        Err("it does not find by id here".into())
    }

    /// Stores one record after another as it is now, by its id, each in its own transaction.
    async fn update_each(&mut self, _records: &[Model]) -> Result<()> {
        Err("it does not update here".into())
    }

    /// All records as they are now, by their ids, in one transaction, the fastest way the library has.
    async fn update_batch(&mut self, _records: &[Model]) -> Result<()> {
        Err("it does not update many here".into())
    }

    /// All records at once, and how many there are.
    async fn scan(&mut self) -> Result<(usize, Model)> {
        Err("it does not scan here".into())
    }

    /// The records in groups: how many there are in each, and the sum and the average of their versions.
    async fn group(&mut self, _by: GroupBy) -> Result<Vec<Group>> {
        Err("it does not group here".into())
    }

    /// Whether its methods block the thread for a long time, and its documentation asks for threads for that.
    fn blocks(&self) -> bool {
        false
    }

    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    Larder,
    /// larder's `stream` where it has to do with a scan.
    LarderStream,
    SeaOrm,
    /// SeaORM, told not to ping a connection each time before it is used.
    SeaOrmUntested,
    Sqlx,
    Diesel,
    /// Diesel with Postgres' COPY.
    DieselCopy,
    /// duckdb-rs row by row.
    DuckDbRows,
    Toasty,
    /// The engine's own library by hand.
    Limit,
    /// The same with a thread that writes for everybody, many records to a commit.
    SharedCommits,
}

impl Library {
    pub fn name(self, engine: Engine) -> &'static str {
        match self {
            Self::Larder => "larder",
            Self::LarderStream => "larder (stream)",
            Self::SeaOrm => "SeaORM",
            Self::SeaOrmUntested => "SeaORM (no ping)",
            Self::Sqlx => "sqlx",
            Self::Diesel => "Diesel",
            Self::DieselCopy => "Diesel (COPY)",
            Self::DuckDbRows => "duckdb-rs (rows)",
            Self::Toasty => "Toasty",
            Self::Limit => match engine {
                Engine::Sqlite => "limit: rusqlite",
                Engine::Postgres => "limit: tokio-postgres",
                Engine::DuckDb => "limit: Arrow",
            },
            Self::SharedCommits => "limit: rusqlite, shared commits",
        }
    }

    pub fn is_larder(self) -> bool {
        matches!(self, Self::Larder | Self::LarderStream)
    }

    pub fn is_limit(self) -> bool {
        matches!(self, Self::Limit | Self::SharedCommits)
    }

    pub async fn open(self, place: &Place) -> Result<Box<dyn Client>> {
        match (self, place.engine) {
            (Self::Larder, _) => larder_client::open(place, false).await,
            (Self::LarderStream, _) => larder_client::open(place, true).await,
            (Self::SeaOrm, Engine::Sqlite | Engine::Postgres) => {
                sea_orm_client::open(place, true, sea_orm_client::CONNECTIONS).await
            }
            (Self::SeaOrmUntested, Engine::Sqlite | Engine::Postgres) => {
                sea_orm_client::open(place, false, sea_orm_client::CONNECTIONS).await
            }
            (Self::Sqlx, Engine::Sqlite) => sqlite::sqlx::open(place).await,
            (Self::Diesel, Engine::Sqlite) => sqlite::diesel::open(place),
            (Self::Limit, Engine::Sqlite) => sqlite::limit::open(place),
            (Self::SharedCommits, Engine::Sqlite) => sqlite::shared_commits::open(place),
            (Self::Sqlx, Engine::Postgres) => postgres::sqlx::open(place).await,
            (Self::Diesel, Engine::Postgres) => postgres::diesel::open(place, false),
            (Self::DieselCopy, Engine::Postgres) => postgres::diesel::open(place, true),
            (Self::Limit, Engine::Postgres) => postgres::limit::open(place).await,
            (Self::DuckDbRows, Engine::DuckDb) => duckdb::rows::open(place),
            (Self::Limit, Engine::DuckDb) => duckdb::limit::open(place),
            (library, engine) => Err(format!("{library:?} does not run in this process on {engine:?}").into()),
        }
    }
}
