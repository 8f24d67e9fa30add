//! The levels of one transaction: which are open, what failed in each, what waits for the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, ErrorKind, Result};

/// Something to do after the outermost commit.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

/// Which level of which nesting: `serial` tells two levels apart that had the same depth one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelId {
    pub(crate) depth: usize,
    pub(crate) serial: u64,
}

/// A level that is open, or has just been closed. Its hooks may hold contexts, whose end takes the lock of the stack: it is dropped
/// only after that lock.
pub(super) struct Open {
    serial: u64,
    first_error: Option<Error>,
    hooks: Vec<Hook>,
}

/// The open levels, outermost first. Empty once the transaction has ended.
pub(crate) struct Stack {
    open: Vec<Open>,
    next_serial: u64,
    /// Whether the engine can undo a level by itself.
    savepoints: bool,
    /// The shallowest depth that was given up without having been rolled back to yet.
    undo_to: Option<usize>,
}

impl Stack {
    pub(super) fn new(savepoints: bool) -> Self {
        Self { open: Vec::new(), next_serial: 0, savepoints, undo_to: None }
    }

    /// Opens the outermost level.
    pub(crate) fn push(&mut self) -> LevelId {
        let id = LevelId { depth: self.open.len(), serial: self.next_serial };
        self.next_serial += 1;
        self.open.push(Open { serial: id.serial, first_error: None, hooks: Vec::new() });
        id
    }

    /// Opens a level inside `outer`.
    pub(crate) fn push_inside(&mut self, outer: LevelId) -> Result<LevelId> {
        self.check(outer)?;
        Ok(self.push())
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn is_open(&self, id: LevelId) -> bool {
        self.open.get(id.depth).is_some_and(|level| level.serial == id.serial)
    }

    /// Whether a statement of this level may run now.
    pub(crate) fn check(&self, id: LevelId) -> Result<()> {
        if !self.is_open(id) {
            return Err(Error::new(ErrorKind::TransactionClosed, "the transaction of this context has ended"));
        }
        if id.depth + 1 < self.open.len() {
            return Err(Error::new(ErrorKind::NestedAcquire, "a nested transaction is open; use its own context until it ends"));
        }
        match self.open.iter().find_map(|level| level.first_error.as_ref()) {
            Some(first) => Err(aborted(first)),
            None => Ok(()),
        }
    }

    /// Remembers the first error of a level; the level can no longer commit.
    pub(crate) fn fail(&mut self, id: LevelId, error: &Error) {
        if self.is_open(id)
            && let Some(level) = self.open.get_mut(id.depth)
        {
            level.first_error.get_or_insert_with(|| error.clone());
        }
    }

    /// Remembers an error that leaves no level with a transaction to commit.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        for level in &mut self.open {
            level.first_error.get_or_insert_with(|| error.clone());
        }
    }

    /// Closes a level and those inside it. The engine has to be told before its next statement: see [`Stack::undo_to`]. Where it
    /// cannot undo a level by itself, the levels around it can no longer commit.
    #[must_use]
    pub(super) fn abandon(&mut self, id: LevelId) -> Vec<Open> {
        if !self.is_open(id) {
            return Vec::new();
        }
        let closed = self.open.split_off(id.depth);
        if self.savepoints || id.depth == 0 {
            self.undo_to = Some(self.undo_to.map_or(id.depth, |depth| depth.min(id.depth)));
        } else {
            let failed = closed.iter().find_map(|level| level.first_error.clone());
            self.fail_all(&failed.unwrap_or_else(inseparable));
        }
        closed
    }

    pub(crate) fn undo_to(&self) -> Option<usize> {
        self.undo_to
    }

    pub(crate) fn undone(&mut self, depth: usize) {
        if self.undo_to == Some(depth) {
            self.undo_to = None;
        }
    }

    /// Closes a nested level whose savepoint was released: what it did is now part of the level around it.
    pub(crate) fn merge(&mut self, id: LevelId) {
        if self.is_open(id)
            && let Some(level) = self.open.pop()
            && let Some(outer) = self.open.last_mut()
        {
            outer.hooks.extend(level.hooks);
        }
    }

    /// Closes all levels, outermost first.
    #[must_use]
    pub(super) fn end(&mut self) -> Vec<Open> {
        std::mem::take(&mut self.open)
    }

    /// Keeps a hook until the level ends, or gives it back with the reason why not.
    pub(crate) fn add_hook(&mut self, id: LevelId, hook: Hook) -> Result<(), (Hook, Error)> {
        match (self.check(id), self.open.get_mut(id.depth)) {
            (Ok(()), Some(level)) => {
                level.hooks.push(hook);
                Ok(())
            }
            (Ok(()), None) => Ok(()),
            (Err(error), _) => Err((hook, error)),
        }
    }
}

fn inseparable() -> Error {
    Error::new(ErrorKind::TransactionAborted, "a nested transaction was rolled back, and the store cannot undo it by itself")
}

pub(crate) fn aborted(first: &Error) -> Error {
    Error::new(ErrorKind::TransactionAborted, "an earlier statement of the transaction failed").with_source(first.clone())
}

/// Runs what waited for the commit of a transaction that had these levels.
pub(super) fn run_hooks(levels: Vec<Open>) {
    for hook in levels.into_iter().flat_map(|level| level.hooks) {
        if catch_unwind(AssertUnwindSafe(hook)).is_err() {
            tracing::error!("a hook panicked after the commit");
        }
    }
}
