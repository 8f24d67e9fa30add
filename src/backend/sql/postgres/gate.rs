//! Detects a connection pooler between a store and its server, and refuses one that does not pool sessions.
//!
//! sqlx uses the same names for the prepared statements of every connection. With transaction or statement pooling, several
//! clients share one server connection, so one client would run the statements of another. With session pooling, each client
//! keeps its own server connection.
//!
//! Two checks find this out. Neither depends on what other clients do at the time:
//! 1. A server accepts a custom setting (a name with a dot) in the startup message. A pooler rejects it or does not pass it on.
//! 2. A server sends a notification to a session that listens, even if the session is idle. A pooler passes it on only if the
//!    idle client has kept its server connection, which is session pooling.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres, Row,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::sync::OnceCell;

use super::{
    error::PostgresErrors,
    session::{SessionOptions, SessionProperties, marked},
};
use crate::{
    backend::sql::sqlx::refused,
    clock::within,
    error::{Error, ErrorKind, Result},
    id::new_id,
};

/// The timeout for a second server connection, and for a notification.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

const ADVICE: &str = "A pooler gives its servers to one client after another (transaction or statement pooling), and \
                      statements of one would run for another. Let it pool sessions (`pool_mode = session`), or connect \
                      to the server itself.";

/// What a store knows about the way to its server.
pub(crate) struct Gate {
    pub(super) session: SessionOptions,
    /// `None` if the way can be used, otherwise why not. Empty until the first check.
    found: OnceCell<Option<Error>>,
    /// Whether the server's own transactions are serializable. Empty until the first transaction.
    is_serializable: OnceCell<bool>,
}

impl Gate {
    /// For a way that was checked and can be used.
    pub(super) fn open(session: SessionOptions) -> Self {
        Self { session, found: OnceCell::new_with(Some(None)), is_serializable: OnceCell::new() }
    }

    /// For a pool that the application made, which was not checked yet.
    #[cfg(feature = "sea-orm")]
    pub(super) fn unknown() -> Self {
        Self { session: SessionOptions::default(), found: OnceCell::new(), is_serializable: OnceCell::new() }
    }

    /// Asks which isolation level transactions have that do not name one, unless that is known.
    pub(super) async fn learn_isolation(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let ask = || async move {
            let row = sqlx::raw_sql("SHOW default_transaction_isolation").fetch_one(connection).await?;
            Ok(row.try_get::<String, _>(0)? == "serializable")
        };
        self.is_serializable.get_or_try_init(ask).await.map(drop)
    }

    /// Whether transactions that do not name an isolation level are serializable.
    pub(super) fn is_serializable(&self) -> bool {
        self.is_serializable.get().copied().unwrap_or_default()
    }

    /// Checks the way, unless it was checked before.
    pub(super) async fn check(&self, pool: &PgPool) -> Result<()> {
        let look = || async {
            match way(&pool.connect_options()).await {
                Ok(_) => Ok(None),
                Err(error) if error.kind() == ErrorKind::Unsupported => Ok(Some(error)),
                Err(error) => Err(error),
            }
        };
        match self.found.get_or_try_init(look).await? {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }
}

/// How to connect to a server, directly or through a pooler of sessions.
pub(super) struct Way {
    pub(super) connect: PgConnectOptions,
    pub(super) is_direct: bool,
}

/// Finds out whether there is a pooler, and of which kind.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for a pooler that does not pool sessions, or that cannot be told from one; otherwise
/// why there is no connection.
pub(super) async fn way(connect: &PgConnectOptions) -> Result<Way> {
    let direct = marked(connect);
    match direct.connect().await {
        Ok(mut connection) => {
            let found = SessionProperties::of(&mut connection).await.map_err(refused::<PostgresErrors>)?;
            drop(connection.close().await);
            if found.is_direct {
                return Ok(Way { connect: direct, is_direct: true });
            }
        }
        // The answers of poolers to a setting that they do not pass on.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("08P01" | "0A000" | "42704")) => {}
        Err(error) => return Err(refused::<PostgresErrors>(error)),
    }
    let connect = connect.clone().extra_float_digits(None);
    pools_sessions(&connect).await?;
    Ok(Way { connect, is_direct: false })
}

/// Refuses a pooler that does not pool sessions.
async fn pools_sessions(connect: &PgConnectOptions) -> Result<()> {
    let failed = refused::<PostgresErrors>;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(CHECK_TIMEOUT).connect_lazy_with(connect.clone());
    let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
    let mut other = connect.connect().await.map_err(failed)?;
    let told = within(CHECK_TIMEOUT, listens(&mut listener, &mut other), ErrorKind::Unsupported, "").await;
    drop(listener);
    drop(within(CHECK_TIMEOUT, other.close(), ErrorKind::Connection, "").await);
    drop(within(CHECK_TIMEOUT, pool.close(), ErrorKind::Connection, "").await);
    match told {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Error::new(ErrorKind::Unsupported, ADVICE)),
        Ok(Err(error)) => Err(unclear().with_source(error)),
        Err(_) => Err(unclear()),
    }
}

fn unclear() -> Error {
    Error::new(ErrorKind::Unsupported, format!("Whether a pooler pools sessions could not be found out. {ADVICE}"))
}

/// Whether an idle session receives a notification. The notification is sent only if two cheaper checks find nothing: with
/// transaction pooling, two clients often share one server process, or one client changes its process.
async fn listens(listener: &mut PgListener, other: &mut PgConnection) -> sqlx::Result<bool> {
    let first = server(&mut *listener).await?;
    // A pooler of statements refuses transactions.
    if let Err(error) = other.execute("BEGIN").await {
        return if matches!(error, sqlx::Error::Database(_)) { Ok(false) } else { Err(error) };
    }
    let second = server(&mut *other).await?;
    if first == second || server(&mut *listener).await? != first {
        return Ok(false);
    }
    let channel = format!("larder_{}", new_id().simple());
    listener.listen(&channel).await?;
    other.execute(AssertSqlSafe(format!("NOTIFY \"{channel}\"; COMMIT"))).await?;
    listener.recv().await?;
    Ok(true)
}

/// The process id of the server that answers.
async fn server<'c>(connection: impl Executor<'c, Database = Postgres>) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}
