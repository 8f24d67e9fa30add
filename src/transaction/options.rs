//! What a transaction can be asked to be.

use crate::error::{Error, ErrorKind, Result};

/// How far a transaction is kept apart from others. Levels are the SQL standard's; what each engine forbids at a level is the
/// engine's own promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Isolation {
    /// Each statement sees what was committed before it began.
    ReadCommitted,
    /// Every statement sees one snapshot.
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

/// What a transaction is asked to be. The default writes, at the engine's own isolation level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOptions {
    isolation: Option<Isolation>,
    access: AccessMode,
    locking: Option<Locking>,
}

impl TxOptions {
    /// A writing transaction at the engine's own isolation level.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for an isolation level. One that the store cannot give is [`Unsupported`](ErrorKind::Unsupported).
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

    /// Refuses what a store with these abilities cannot give.
    pub(crate) fn check(&self, isolation: &[Isolation], locking: bool) -> Result<()> {
        if self.isolation.is_some_and(|wanted| !isolation.contains(&wanted)) {
            return Err(Error::new(ErrorKind::Unsupported, "the store does not offer this isolation level"));
        }
        if self.locking.is_some() && !locking {
            return Err(Error::new(ErrorKind::Unsupported, "the store does not let a transaction choose its locking"));
        }
        if self.access == AccessMode::ReadOnly && matches!(self.locking, Some(Locking::Immediate | Locking::Exclusive)) {
            return Err(Error::new(ErrorKind::InvalidInput, "a read-only transaction takes no write lock"));
        }
        Ok(())
    }

    /// Refuses a nested transaction that asks for something else than it gets: it lives by the options of the outermost one.
    pub(crate) fn check_nested(&self, outer: &Self) -> Result<()> {
        if *self == Self::default() || self == outer {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported, "a nested transaction has the options of the outermost one"))
    }
}
