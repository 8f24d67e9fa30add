//! What is between a store and its server: nothing, or a pooler, and of which kind.
//!
//! sqlx gives the same names to the prepared statements of every connection. A pooler that gives a server to one client for a transaction, and
//! to another for the next, runs other clients' statements then. So such a one is refused, and one that gives a server to a client for as long as that is
//! connected is let through.
//!
//! Two signs that do not depend on what other clients do tell them apart. A server takes any setting with a dot in its name when a
//! session begins, and a pooler refuses it, or leaves it out. And a server tells a session that listens of what is notified, whenever
//! it is: through a pooler that comes only to a client that has the server although it does nothing.

use std::time::Duration;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, PgPool, Postgres, Row,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::sync::OnceCell;

use super::{
    flavor::PostgresFlavor,
    session::{Found, Session, marked},
};
use crate::{
    backend::sql::sqlx::refused,
    clock::within,
    error::{Error, ErrorKind, Result},
    id::new_id,
};

/// How long a pooler may take to give a second server, and to pass a notification on.
const PATIENCE: Duration = Duration::from_secs(5);

const ADVICE: &str = "A pooler gives its servers to one client after another (transaction or statement pooling), and statements of one would run \
                      for another. Let it pool sessions (`pool_mode = session`), or connect to the server itself.";

/// What a store knows of the way to its server.
pub(crate) struct Gate {
    pub(super) session: Session,
    /// Whether the way was found to be good, or why not. Not filled as long as nobody has looked.
    found: OnceCell<Option<Error>>,
}

impl Gate {
    /// Of a way that was looked at.
    pub(super) fn open(session: Session) -> Self {
        Self { session, found: OnceCell::new_with(Some(None)) }
    }

    /// Of a pool that somebody else made.
    pub(super) fn unknown() -> Self {
        Self { session: Session::default(), found: OnceCell::new() }
    }

    /// Looks, if nobody has.
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

/// A way to a server that can be used.
pub(super) struct Way {
    pub(super) connect: PgConnectOptions,
    pub(super) is_direct: bool,
}

/// Looks what is in between.
///
/// # Errors
/// [`Unsupported`](ErrorKind::Unsupported) for a pooler that does not pool sessions, or that cannot be told from one; otherwise why there is no connection.
pub(super) async fn way(connect: &PgConnectOptions) -> Result<Way> {
    let direct = marked(connect);
    match direct.connect().await {
        Ok(mut connection) => {
            let found = Found::of(&mut connection).await.map_err(refused::<PostgresFlavor>)?;
            drop(connection.close().await);
            if found.is_direct {
                return Ok(Way { connect: direct, is_direct: true });
            }
        }
        // A pooler answers so to what it does not pass on.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("08P01" | "0A000" | "42704")) => {}
        Err(error) => return Err(refused::<PostgresFlavor>(error)),
    }
    let connect = connect.clone().extra_float_digits(None);
    pools_sessions(&connect).await?;
    Ok(Way { connect, is_direct: false })
}

/// Refuses a pooler that does not pool sessions.
async fn pools_sessions(connect: &PgConnectOptions) -> Result<()> {
    let failed = refused::<PostgresFlavor>;
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).connect_lazy_with(connect.clone());
    let mut listener = PgListener::connect_with(&pool).await.map_err(failed)?;
    let mut other = connect.connect().await.map_err(failed)?;
    let told = within(PATIENCE, listens(&mut listener, &mut other), ErrorKind::Unsupported, "").await;
    drop(listener);
    drop(within(PATIENCE, other.close(), ErrorKind::Connection, "").await);
    drop(within(PATIENCE, pool.close(), ErrorKind::Connection, "").await);
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

/// Whether a session is told of a notification while it does nothing. What others of the pooler's clients can see is kept small: most poolers of
/// transactions are found out before that, because both connections have one server, or one of them has two.
async fn listens(listener: &mut PgListener, other: &mut PgConnection) -> sqlx::Result<bool> {
    let first = server(&mut *listener).await?;
    // One that pools statements refuses this.
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

/// The process of the server that answers.
async fn server<'c>(connection: impl Executor<'c, Database = Postgres>) -> sqlx::Result<i32> {
    sqlx::raw_sql("SELECT pg_backend_pid()").fetch_one(connection).await?.try_get(0)
}
