//! [`Transactions`], what every backend does to open transactions and to take part in them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{
    entry::{AcquireMode, Entry},
    monitor::Monitor,
    open::{OpenTransaction, StoreId, Transaction},
    options::{AccessMode, TxOptions},
};
use crate::{
    clock::Clock,
    context::{Access, Cx, RUNNING},
    error::{ErrorKind, Result},
    health::Health,
    repository::Transactional,
};

/// The transactions of one store: what they are known by, how they are begun, and how long they are open. See
/// [the module](crate::backend#a-backend) for an example.
pub struct Transactions {
    id: StoreId,
    clock: Arc<dyn Clock>,
    monitor: Arc<Monitor>,
}

/// What a backend does to open a transaction.
#[async_trait]
pub trait TransactionSource: Transactional {
    /// What the backend does for a transaction that is open.
    type Open: OpenTransaction;

    /// Opens one, for an access that is not nested in another transaction of the store.
    ///
    /// # Errors
    /// [`PoolTimeout`](crate::ErrorKind::PoolTimeout), or [`NestedAcquire`](crate::ErrorKind::NestedAcquire) if it is not to
    /// wait; [`Closed`](crate::ErrorKind::Closed) if the store was closed, and what the engine says.
    ///
    /// # Dropping the future
    /// Leaves no transaction open.
    async fn open(&self, cx: &Cx, options: &TxOptions, access: Access, mode: AcquireMode) -> Result<Self::Open>;

    /// Writes the idempotency key of the context, if it has one, in the transaction.
    ///
    /// # Errors
    /// [`Duplicate`](crate::ErrorKind::Duplicate) if a transaction with the key has committed.
    async fn record(&self, cx: &Cx, open: &mut Self::Open) -> Result<()>;
}

impl Transactions {
    /// Those of a new store. A transaction that is open for longer than `long` is reported by [`health`](Self::health).
    pub fn new(clock: Arc<dyn Clock>, long: Duration) -> Self {
        Self { id: StoreId::next(), monitor: Monitor::new(clock.clone(), long), clock }
    }

    /// What they are known by.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// Where the store takes the current time from.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Whether operations with this context join one of them that is open.
    #[must_use]
    pub fn are_joined_by(&self, cx: &Cx) -> bool {
        cx.joins(self.id)
    }

    /// How an operation takes part in the unit of work of its context.
    ///
    /// # Errors
    /// Those that [`Transactional`] lists, except the engine's.
    pub fn enter(&self, cx: &Cx, access: Access) -> Result<Entry> {
        cx.enter(self.id, access)
    }

    /// Begins a transaction, or a nested one where the context carries one of these, and returns the context inside it.
    ///
    /// # Errors
    /// Those that [`Transactional`] lists; [`Unsupported`](crate::ErrorKind::Unsupported) for options that the capabilities of
    /// the source do not include.
    pub async fn begin<S: TransactionSource>(&self, source: &S, cx: &Cx, options: TxOptions) -> Result<Cx> {
        let cx = &cx.to_begin(self.id, &options)?;
        options.check(&source.capabilities())?;
        let access = if options.access_mode() == AccessMode::ReadOnly { Access::Read } else { Access::Write };
        let has_key = cx.key_for(access).is_some();
        // A sandbox may stand beside those of other stores.
        let entered = if options.is_sandbox() { Access::Read } else { access };
        let level = match self.enter(cx, entered)? {
            Entry::Joined(outer) => {
                let inner = cx.limits().bound(RUNNING, outer.nest(&options)).await?;
                if has_key {
                    let mut step = inner.step(cx).await?;
                    let recorded = source.record(cx, step.work()?).await;
                    step.finish(recorded)?;
                }
                inner.into_level()
            }
            Entry::Alone(mode) => {
                let open = async {
                    let mut open = source.open(cx, &options, access, mode).await?;
                    // The key that a sandbox is given is left to what runs in it.
                    if has_key && !options.is_sandbox() {
                        source.record(cx, &mut open).await?;
                    }
                    Ok(open)
                };
                let open = open.await.inspect_err(|error: &crate::Error| {
                    if error.kind() == ErrorKind::Contention {
                        self.monitor.in_the_way();
                    }
                })?;
                Transaction::begun(self.id, options, Box::new(open), self.monitor.clone())
            }
        };
        Ok(cx.inside(level))
    }

    /// The health of a store whose probe had this result, and whose transactions these are.
    #[must_use]
    pub fn health(&self, probe: Result<()>) -> Health {
        Health::new(probe, self.monitor.look())
    }
}

impl fmt::Debug for Transactions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transactions").field("id", &self.id).finish_non_exhaustive()
    }
}
