//! What a transaction can be asked to be.

use std::time::Duration;

use super::retry::Retry;
use crate::{
    capability::Capabilities,
    error::{Error, ErrorKind, Result},
};

/// How far a transaction is kept apart from others, weakest first. Levels are the SQL standard's; what each engine forbids at a
/// level is the engine's own promise.
///
/// A level that is asked for is the least that the transaction gets. A store that lacks the level gives the next stronger one
/// that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// Every statement sees one snapshot, and a write to a row that another transaction has changed since is
    /// [`Contention`](ErrorKind::Contention): no update is lost. The default.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

/// Whether a transaction may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AccessMode {
    /// Reads and writes.
    #[default]
    ReadWrite,
    /// Reads only; a write is [`ReadOnly`](ErrorKind::ReadOnly).
    ReadOnly,
}

/// When a transaction takes its write lock, on engines where only one transaction can write at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Locking {
    /// At the first write. If another transaction has written since the first read, that write is
    /// [`Contention`](ErrorKind::Contention).
    Deferred,
    /// When it begins. What a writing transaction does without asking.
    Immediate,
    /// When it begins, shutting out readers as well where the engine can.
    Exclusive,
}

/// What a transaction has to do with one of the same store that the context is in already.
///
/// | | in a transaction | outside any |
/// |---|---|---|
/// | [`Nested`](Self::Nested) (default) | a part of it that fails by itself | a new one |
/// | [`Required`](Self::Required) | takes part in it: if this fails, it fails | a new one |
/// | [`RequiresNew`](Self::RequiresNew) | another, on a connection of its own | a new one |
/// | [`Mandatory`](Self::Mandatory) | takes part in it | [`TransactionClosed`](ErrorKind::TransactionClosed) |
/// | [`Supports`](Self::Supports) | takes part in it | none |
/// | [`NotSupported`](Self::NotSupported) | none: operations run beside it | none |
/// | [`Never`](Self::Never) | [`InvalidInput`](ErrorKind::InvalidInput) | none |
///
/// On a store without [`savepoints`](crate::Capabilities::savepoints) a nested one takes part in the whole. What runs beside a
/// transaction needs a second connection; where none is to be had at once it is [`NestedAcquire`](ErrorKind::NestedAcquire),
/// because the transaction may be what it would wait for. With [`Supports`](Self::Supports), [`NotSupported`](Self::NotSupported)
/// and [`Never`](Self::Never) the closure may run without a transaction, so that what it did before it failed stays; they are for
/// closures, and not for transactions that are begun by hand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Propagation {
    /// A part of the transaction that can be undone by itself, or a new one.
    #[default]
    Nested,
    /// The transaction that is there, or a new one.
    Required,
    /// Always a new one.
    RequiresNew,
    /// The transaction that is there.
    Mandatory,
    /// The transaction that is there, or none.
    Supports,
    /// None.
    NotSupported,
    /// None, and it is an error if there is one.
    Never,
}

/// What a transaction is asked to be. The default writes, and is isolated by [`Isolation::RepeatableRead`] at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOptions {
    isolation: Option<Isolation>,
    access: AccessMode,
    locking: Option<Locking>,
    retry: Retry,
    timeout: Option<Duration>,
    propagation: Propagation,
    is_sandbox: bool,
    is_of_one_operation: bool,
}

impl TxOptions {
    /// A writing transaction, isolated by [`Isolation::RepeatableRead`] at least.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A transaction that is never committed, and that counts for none to what runs in it.
    pub(crate) fn sandbox() -> Self {
        Self { is_sandbox: true, ..Self::default() }
    }

    pub(crate) fn is_sandbox(&self) -> bool {
        self.is_sandbox
    }

    /// A transaction that a single operation needs for itself, at the engine's own isolation level.
    pub(crate) fn of_one_operation() -> Self {
        Self { is_of_one_operation: true, ..Self::default() }
    }

    /// The isolation level that the transaction needs at least. `None` if the engine's own is enough.
    pub(crate) fn least_isolation(&self) -> Option<Isolation> {
        let is_of_callers = !self.is_of_one_operation && !self.is_sandbox;
        self.isolation.or(is_of_callers.then_some(Isolation::RepeatableRead))
    }

    /// Asks for an isolation level, which the transaction gets at least. Default: [`Isolation::RepeatableRead`]. If the store has
    /// neither the level nor a stronger one, the transaction is [`Unsupported`](ErrorKind::Unsupported).
    #[must_use]
    pub fn isolation(self, isolation: Isolation) -> Self {
        Self { isolation: Some(isolation), ..self }
    }

    /// Asks for a transaction that cannot write.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { access: AccessMode::ReadOnly, ..self }
    }

    /// Chooses when the write lock is taken. [`Unsupported`](ErrorKind::Unsupported) where the engine has no such lock.
    #[must_use]
    pub fn locking(self, locking: Locking) -> Self {
        Self { locking: Some(locking), ..self }
    }

    /// What the transaction has to do with one that the context is in already.
    #[must_use]
    pub fn propagation(self, propagation: Propagation) -> Self {
        Self { propagation, ..self }
    }

    /// How long the transaction may take at most, all attempts together, as by [`Cx::with_timeout`](crate::Cx::with_timeout).
    /// When the time has passed, the closure's future is dropped wherever it is, the transaction is rolled back, and the error is
    /// [`DeadlineExceeded`](ErrorKind::DeadlineExceeded). A transaction that is begun by hand has no closure: its next operation
    /// and its commit answer that error.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: Some(timeout), ..self }
    }

    /// How often the transaction is run again after contention, and whether after a version conflict as well.
    /// [`tx_once`](crate::TransactionalExt::tx_once), a nested transaction and one that is begun by hand are never.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The isolation level asked for.
    #[must_use]
    pub fn isolation_level(&self) -> Option<Isolation> {
        self.isolation
    }

    /// Whether the transaction may write.
    #[must_use]
    pub fn access_mode(&self) -> AccessMode {
        self.access
    }

    /// When the write lock is to be taken.
    #[must_use]
    pub fn locking_mode(&self) -> Option<Locking> {
        self.locking
    }

    /// What the transaction has to do with one that is there.
    #[must_use]
    pub fn propagation_mode(&self) -> Propagation {
        self.propagation
    }

    /// How long the transaction may take.
    #[must_use]
    pub fn time_limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// How often the transaction is run again.
    #[must_use]
    pub fn retry_policy(&self) -> Retry {
        self.retry
    }

    /// Refuses what a store with these abilities cannot give.
    pub(crate) fn check(&self, capabilities: &Capabilities) -> Result<()> {
        if self.isolation.is_some_and(|wanted| capabilities.isolation.iter().all(|offered| *offered < wanted)) {
            return Err(Error::new(ErrorKind::Unsupported, "the store offers neither this isolation level nor a stronger one"));
        }
        if self.is_sandbox && !capabilities.savepoints {
            return Err(Error::new(ErrorKind::Unsupported, "a sandbox needs savepoints, and the store has none"));
        }
        if self.locking.is_some() && !capabilities.locking {
            return Err(Error::new(ErrorKind::Unsupported, "the store does not let a transaction choose its locking"));
        }
        if self.access == AccessMode::ReadOnly && matches!(self.locking, Some(Locking::Immediate | Locking::Exclusive)) {
            return Err(Error::new(ErrorKind::InvalidInput, "a read-only transaction takes no write lock"));
        }
        Ok(())
    }

    /// Refuses a nested transaction that asks for something else than it gets: it lives by the options of the outermost one.
    pub(crate) fn check_nested(&self, outer: &Self) -> Result<()> {
        // Those are the closure's, and not the transaction's.
        let of_closure =
            |options: &Self| Self { retry: outer.retry, timeout: outer.timeout, propagation: outer.propagation, ..*options };
        let is_given = self.isolation.is_some_and(|asked| outer.least_isolation().is_some_and(|given| asked <= given));
        let asked = if is_given { Self { isolation: None, ..*self } } else { *self };
        let (asked, unasked) = (of_closure(&asked), of_closure(&Self::default()));
        if asked == unasked || asked == *outer {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, "a nested transaction has the options of the outermost one"))
    }
}
