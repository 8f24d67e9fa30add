//! Opens Postgres databases.

use std::{fs, io::Read, time::Duration};

use sqlx::{ConnectOptions, Connection as _, postgres::PgPoolOptions};

use super::{
    PostgresStore,
    error::PostgresErrors,
    gate::{Gate, way},
    store,
    url::{self, Files},
};
use crate::{
    backend::sql::sqlx::{Pools, refused},
    clock::within,
    coop::off_thread,
    error::{Error, ErrorKind, Result},
    open_options::{CONNECTIONS, OpenOptions},
};

/// How long a connection may have been idle to be used again without a question whether it lives, which is a round trip.
const FRESH: Duration = Duration::from_secs(1);

pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<PostgresStore> {
    options.require(&["max_connections", "min_connections"])?;
    let (connect, mut session, files) = url::parse(url)?;
    check(files).await?;
    let connect = connect.disable_statement_logging();
    // The pool would try again until its timeout and then not say why.
    let opening = async {
        let way = way(&connect).await?;
        session.is_direct = way.is_direct;
        let mut first = way.connect.connect().await.map_err(refused::<PostgresErrors>)?;
        session.prepare(&mut first).await.map_err(refused::<PostgresErrors>)?;
        session.watch_client(&mut first).await;
        drop(first.close().await);
        Ok((way.connect, session))
    };
    let opened = within(options.acquire_timeout, opening, ErrorKind::PoolTimeout, "the server did not answer in time").await?;
    let (connect, session) = opened?;
    let gate = Gate::open(session.clone());
    let pool = PgPoolOptions::new()
        .max_connections(options.connections(CONNECTIONS))
        .min_connections(options.min_connections.unwrap_or_default())
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, known| {
            Box::pin(async move {
                if known.idle_for >= FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move { session.prepare(connection).await })
        })
        .connect_lazy_with(connect);
    Ok(store(Pools::new(pool, true), gate, options.clock.clone(), options.long_transaction))
}

/// Refuses files of certificates and keys that cannot be read. The driver says of one only that something was not found.
async fn check(files: Files) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let unreadable = move || {
        files.into_iter().find_map(|(name, path)| {
            fs::File::open(path).and_then(|mut file| file.read(&mut [0])).err().map(|error| (name, error))
        })
    };
    match off_thread(unreadable).await? {
        Some((name, error)) => {
            Err(Error::new(ErrorKind::InvalidInput, format!("the file of `{name}` cannot be read")).with_source(error))
        }
        None => Ok(()),
    }
}
