//! Opens Postgres databases.

use std::str::FromStr;

use sqlx::{
    ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{PostgresStore, flavor::PostgresFlavor, from_pool};
use crate::{
    backend::sql::sqlx::classify,
    clock::within,
    error::{Error, ErrorKind, Result},
    open::OpenOptions,
};

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<PostgresStore> {
    // What the parser complains about may quote the password, so its error is not kept.
    let invalid = |_| Error::new(ErrorKind::InvalidInput, "a `postgres:` URL that cannot be understood");
    let connect = PgConnectOptions::from_str(url).map_err(invalid)?.disable_statement_logging();
    // The pool would try again until its timeout and then not say why.
    let opening = connect.connect();
    let opened = within(options.acquire_timeout, opening, ErrorKind::PoolTimeout, "the server did not answer in time");
    let first = opened.await?.map_err(classify::<PostgresFlavor>)?;
    first.close().await.map_err(classify::<PostgresFlavor>)?;
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.unwrap_or(10))
        .min_connections(options.min_connections)
        .acquire_timeout(options.acquire_timeout)
        .connect_lazy_with(connect);
    Ok(from_pool(pool, options.clock.clone(), options.long_transaction))
}
