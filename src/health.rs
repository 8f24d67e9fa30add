//! [`Health`], how a store is.

use std::time::Duration;

use crate::{
    error::{Error, ErrorKind, Result},
    transaction::TransactionStats,
};

/// How well something works. The greater, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HealthStatus {
    /// As it should.
    Up,
    /// It works, and somebody should look at it.
    Degraded,
    /// It does not.
    Down,
}

/// How a store is; from [`Store::health`](crate::Store::health).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Cx, HealthStatus};
///
/// let store = larder::open("memory:").await?;
/// let health = store.health(&Cx::new()).await;
/// assert_eq!(health.status(), HealthStatus::Up);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Health {
    /// Whether the store answers a query. [`Degraded`](HealthStatus::Degraded): all of its connections were in use; or its
    /// Postgres server takes no writes, as a standby does ([`ReadOnly`](ErrorKind::ReadOnly)), and the URL did not ask for such a
    /// one.
    pub connectivity: HealthCheck,
    /// Whether transactions end, and come through. [`Degraded`](HealthStatus::Degraded): one is open for longer than
    /// [`OpenOptions::long_transaction`](crate::OpenOptions::long_transaction), or of those of the last minute more met others in
    /// their way than committed.
    pub transactions: HealthCheck,
    /// How many transactions are open.
    pub open_transactions: usize,
    /// For how long the one that is open longest is, by the store's clock.
    pub longest_transaction: Option<Duration>,
}

/// What one check says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HealthCheck {
    /// How well it works.
    pub status: HealthStatus,
    /// Why it is not up.
    pub error: Option<Error>,
}

impl Health {
    pub(crate) fn new(answered: Result<()>, stats: TransactionStats) -> Self {
        let connectivity = match answered {
            Ok(()) => HealthCheck::up(),
            Err(error) if matches!(error.kind(), ErrorKind::PoolTimeout | ErrorKind::NestedAcquire | ErrorKind::ReadOnly) => {
                HealthCheck::not_up(HealthStatus::Degraded, error)
            }
            Err(error) => HealthCheck::not_up(HealthStatus::Down, error),
        };
        let complaint = match stats {
            TransactionStats { is_long: true, .. } => Some("a transaction is open for long"),
            TransactionStats { is_contended: true, .. } => Some("more transactions met others in their way than committed"),
            _ => None,
        };
        let degraded = |complaint| HealthCheck::not_up(HealthStatus::Degraded, Error::new(ErrorKind::Contention, complaint));
        Self {
            connectivity,
            transactions: complaint.map_or_else(HealthCheck::up, degraded),
            open_transactions: stats.open,
            longest_transaction: stats.longest,
        }
    }

    /// The worst of the checks.
    #[must_use]
    pub fn status(&self) -> HealthStatus {
        self.connectivity.status.max(self.transactions.status)
    }
}

impl HealthCheck {
    pub(crate) fn up() -> Self {
        Self { status: HealthStatus::Up, error: None }
    }

    pub(crate) fn not_up(status: HealthStatus, error: Error) -> Self {
        Self { status, error: Some(error) }
    }
}
