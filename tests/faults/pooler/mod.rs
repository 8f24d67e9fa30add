//! pgbouncer between a store and its server.

mod commit;
mod modes;

use larder::Store;
use sea_orm::{ConnectOptions, Database};

use crate::support::pooler::Pooler;

async fn started(url: &str, configuration: &'static [&'static str]) -> Pooler {
    let url = url.to_owned();
    tokio::task::spawn_blocking(move || Pooler::start(&url, configuration)).await.unwrap()
}

/// A store on a pool of SeaORM's.
async fn of_sea_orm(url: &str) -> Store {
    let mut options = ConnectOptions::new(url);
    options.max_connections(4).sqlx_logging(false);
    Store::from_sea_orm(Database::connect(options).await.unwrap()).unwrap()
}
