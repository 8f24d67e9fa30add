//! What a new session has to be before it is used.

use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgConnectOptions};

use crate::error::{Error, ErrorKind};

/// The setting by which a session is known to be one of the server's own: a pooler does not pass it on.
const MARK: &str = "larder.direct";

/// Begins every statement that prepares a new session, so that it can be told from the statements of operations.
const NEW_SESSION: &str = "/* a new session */";

/// The setting by which a server checks, while a statement runs, whether its client is still there.
const WATCH: &str = "client_connection_check_interval";
const WATCH_INTERVAL: &str = "500ms";

/// Which server is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TargetSession {
    #[default]
    Any,
    ReadWrite,
    ReadOnly,
    Primary,
    Standby,
    PreferStandby,
}

impl TargetSession {
    /// As `target_session_attrs` has it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "any" => Self::Any,
            "read-write" => Self::ReadWrite,
            "read-only" => Self::ReadOnly,
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            // There is one host.
            "prefer-standby" => Self::PreferStandby,
            _ => return None,
        })
    }

    /// Whether a server that refuses to write is what was asked for.
    pub(super) fn may_only_read(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Standby | Self::PreferStandby)
    }

    fn check(self, is_standby: bool, only_reads: bool) -> Result<(), Error> {
        let refused = |kind, message| Err(Error::new(kind, message));
        match self {
            Self::ReadWrite if only_reads => {
                refused(ErrorKind::ReadOnly, "`target_session_attrs=read-write`, and the server only reads")
            }
            Self::Primary if is_standby => {
                refused(ErrorKind::ReadOnly, "`target_session_attrs=primary`, and the server is a standby")
            }
            Self::ReadOnly if !only_reads => {
                refused(ErrorKind::Connection, "`target_session_attrs=read-only`, and the server writes")
            }
            Self::Standby if !is_standby => {
                refused(ErrorKind::Connection, "`target_session_attrs=standby`, and the server is a primary")
            }
            _ => Ok(()),
        }
    }
}

/// What the sessions of a store have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionOptions {
    pub(super) settings: Vec<(String, String)>,
    pub(super) target: TargetSession,
    /// Whether each has to be one of the server's own.
    pub(super) is_direct: bool,
    /// Whether the server soon ends a statement whose client has closed the connection.
    pub(super) ends_with_client: bool,
}

impl SessionOptions {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Asks the server to check, while a statement runs, whether its client is still there. Servers before version 14 refuse the
    /// setting, and so do servers on systems that cannot tell.
    pub(super) async fn watch_client(&mut self, connection: &mut PgConnection) {
        let set = format!("{NEW_SESSION} SELECT set_config('{WATCH}', '{WATCH_INTERVAL}', false)");
        self.ends_with_client = sqlx::raw_sql(AssertSqlSafe(set)).execute(connection).await.is_ok();
        if self.ends_with_client {
            self.set(WATCH, WATCH_INTERVAL);
        }
    }

    /// Makes a new connection a session of the store's. What is refused is said by larder's own error.
    pub(super) async fn prepare(&self, connection: &mut PgConnection) -> sqlx::Result<()> {
        let found = SessionProperties::of(connection).await?;
        if self.is_direct && !found.is_direct {
            let message = "a pooler has come between the store and its server: open the store again";
            return Err(own(Error::new(ErrorKind::Connection, message)));
        }
        self.target.check(found.is_standby, found.only_reads).map_err(own)?;
        if self.settings.is_empty() {
            return Ok(());
        }
        let each = (0..self.settings.len()).map(|nth| format!("set_config(${}, ${}, false)", 2 * nth + 1, 2 * nth + 2));
        let sql = format!("{NEW_SESSION} SELECT {}", each.collect::<Vec<_>>().join(", "));
        let set = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let set = self.settings.iter().fold(set, |set, (name, value)| set.bind(name).bind(value));
        set.execute(&mut *connection).await.map(drop)
    }
}

/// Hands an error of larder's through the pool.
fn own(error: Error) -> sqlx::Error {
    sqlx::Error::Configuration(error.into())
}

/// What a new session is.
pub(super) struct SessionProperties {
    pub(super) is_direct: bool,
    is_standby: bool,
    only_reads: bool,
}

impl SessionProperties {
    /// Without a statement that is kept, and so right through any pooler.
    pub(super) async fn of(connection: &mut PgConnection) -> sqlx::Result<Self> {
        let question = format!(
            "{NEW_SESSION} SELECT current_setting('{MARK}', true) = 'on' AS direct, pg_is_in_recovery() AS standby, \
             current_setting('transaction_read_only') = 'on' AS reads"
        );
        let row = sqlx::raw_sql(AssertSqlSafe(question)).fetch_one(connection).await?;
        let is_direct = row.try_get::<Option<bool>, _>("direct")?.unwrap_or_default();
        Ok(Self { is_direct, is_standby: row.try_get("standby")?, only_reads: row.try_get("reads")? })
    }
}

/// The same way to a server, that asks it to mark its sessions.
pub(super) fn marked(connect: &PgConnectOptions) -> PgConnectOptions {
    connect.clone().options([(MARK, "on")])
}
