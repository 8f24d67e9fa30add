//! Opens Postgres databases.

use sqlx::{ConnectOptions, postgres::PgPoolOptions};

use super::{
    PostgresStore,
    flavor::PostgresFlavor,
    gate::{Gate, way},
    store, url,
};
use crate::{
    backend::sql::sqlx::{Pools, refused},
    clock::within,
    error::{ErrorKind, Result},
    open::{CONNECTIONS, OpenOptions},
};

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<PostgresStore> {
    let (connect, mut session) = url::parse(url)?;
    let connect = connect.disable_statement_logging();
    // The pool would try again until its timeout and then not say why.
    let opening = async {
        let way = way(&connect).await?;
        session.is_direct = way.is_direct;
        let mut first = way.connect.connect().await.map_err(refused::<PostgresFlavor>)?;
        session.prepare(&mut first).await.map_err(refused::<PostgresFlavor>)?;
        session.watch_client(&mut first).await;
        drop(sqlx::Connection::close(first).await);
        Ok((way.connect, session))
    };
    let opened = within(options.acquire_timeout, opening, ErrorKind::PoolTimeout, "the server did not answer in time").await?;
    let (connect, session) = opened?;
    let gate = Gate::open(session.clone());
    let pool = PgPoolOptions::new()
        .max_connections(options.connections(CONNECTIONS))
        .min_connections(options.min_connections)
        .acquire_timeout(options.acquire_timeout)
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { session.prepare(connection).await })
        })
        .connect_lazy_with(connect);
    Ok(store(Pools::new(pool, true), gate, options.clock.clone(), options.long_transaction))
}
