//! The levels of one transaction: which are open, what failed in each, what waits for the commit.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use crate::error::{Error, ErrorKind, Result};

/// Something to do after the outermost commit.
pub(crate) type CommitHook = Box<dyn FnOnce() + Send>;

/// Which level of which nesting: `serial` tells two levels apart that had the same depth one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LevelId {
    pub(crate) depth: usize,
    pub(crate) serial: u64,
}

/// A level that is open, or has just been closed. Its hooks may hold contexts, whose end takes the lock of the stack: it is
/// dropped only after that lock.
pub(super) struct OpenLevel {
    serial: u64,
    /// Whether it can be undone by itself.
    is_separate: bool,
    first_error: Option<Error>,
    hooks: Vec<CommitHook>,
}

impl OpenLevel {
    pub(super) fn into_hooks(self) -> Vec<CommitHook> {
        self.hooks
    }
}

/// The open levels, outermost first. Empty once the transaction has ended.
pub(crate) struct Stack {
    open: Vec<OpenLevel>,
    next_serial: u64,
    /// The shallowest depth that was given up without having been rolled back to yet.
    undo_to: Option<usize>,
    /// Whether a savepoint inside the outermost level, for one statement of it, has not been released yet.
    is_guarded: bool,
    /// What was in the way, contention or a version conflict, until something succeeds after it.
    obstacle: Option<Error>,
    /// What was in the way of the transaction when it was run before.
    earlier: Arc<[Error]>,
}

impl Stack {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), next_serial: 0, undo_to: None, is_guarded: false, obstacle: None, earlier: Arc::new([]) }
    }

    /// Opens the outermost level.
    pub(crate) fn push(&mut self) -> LevelId {
        self.push_level(true)
    }

    fn push_level(&mut self, is_separate: bool) -> LevelId {
        let id = LevelId { depth: self.open.len(), serial: self.next_serial };
        self.next_serial += 1;
        self.open.push(OpenLevel { serial: id.serial, is_separate, first_error: None, hooks: Vec::new() });
        id
    }

    /// Opens a level inside `outer`, that can be undone by itself or not.
    pub(crate) fn push_inside(&mut self, outer: LevelId, is_separate: bool) -> Result<LevelId> {
        self.check(outer)?;
        Ok(self.push_level(is_separate))
    }

    /// Whether a level can be undone by itself.
    pub(super) fn is_separate(&self, id: LevelId) -> bool {
        self.open.get(id.depth).is_some_and(|level| level.is_separate)
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

    /// Remembers the first error of a level; the level can no longer commit. Answers the error with what was in the way before.
    pub(crate) fn fail(&mut self, id: LevelId, error: Error) -> Error {
        let error = self.told(error);
        if self.is_open(id)
            && let Some(level) = self.open.get_mut(id.depth)
        {
            level.first_error.get_or_insert_with(|| error.clone());
        }
        error
    }

    /// Notes whether an error, the last that there was, is one after which a transaction may be run again.
    pub(super) fn told(&mut self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Contention | ErrorKind::Conflict => {
                let error = error.after(self.earlier.clone());
                self.obstacle = Some(error.clone());
                error
            }
            // It speaks of the one before.
            ErrorKind::TransactionAborted => error,
            _ => {
                self.obstacle = None;
                error
            }
        }
    }

    pub(super) fn remember(&mut self, earlier: Arc<[Error]>) {
        self.earlier = earlier;
    }

    /// What was in the way, if nothing has succeeded after it.
    pub(super) fn obstacle(&self) -> Option<Error> {
        self.obstacle.clone()
    }

    /// A statement has succeeded.
    pub(super) fn go_on(&mut self) {
        self.obstacle = None;
    }

    /// Remembers an error that leaves no level with a transaction to commit.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        self.told(error.clone());
        for level in &mut self.open {
            level.first_error.get_or_insert_with(|| error.clone());
        }
    }

    /// Closes a level and those inside it. The engine has to be told before its next statement: see [`Stack::undo_to`]. Where it
    /// cannot undo a level by itself, the levels around it can no longer commit, up to one that it can undo.
    #[must_use]
    pub(super) fn abandon(&mut self, id: LevelId) -> Vec<OpenLevel> {
        if !self.is_open(id) {
            return Vec::new();
        }
        let is_separate = self.is_separate(id);
        let closed = self.open.split_off(id.depth);
        if is_separate {
            self.undo_to = Some(self.undo_to.map_or(id.depth, |depth| depth.min(id.depth)));
        } else {
            let failed = closed.iter().find_map(|level| level.first_error.clone());
            let failed = self.told(failed.unwrap_or_else(inseparable));
            for level in self.open.iter_mut().rev() {
                level.first_error.get_or_insert_with(|| failed.clone());
                if level.is_separate {
                    break;
                }
            }
        }
        closed
    }

    pub(crate) fn undo_to(&self) -> Option<usize> {
        self.undo_to
    }

    /// Notes that the next statement is in a savepoint of its own.
    pub(super) fn guard(&mut self) {
        self.is_guarded = true;
    }

    /// Notes that the statement in the savepoint has failed.
    pub(super) fn undo_guarded(&mut self) {
        self.is_guarded = false;
        self.undo_to = Some(1);
    }

    /// Whether a statement in a savepoint of its own was successful.
    pub(super) fn take_guarded(&mut self) -> bool {
        std::mem::take(&mut self.is_guarded)
    }

    /// What waits for the commit of the outermost level.
    pub(super) fn take_hooks(&mut self) -> Vec<CommitHook> {
        self.open.first_mut().map(|level| std::mem::take(&mut level.hooks)).unwrap_or_default()
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
    pub(super) fn end(&mut self) -> Vec<OpenLevel> {
        std::mem::take(&mut self.open)
    }

    /// Keeps a hook until the level ends, or gives it back with the reason why not.
    pub(crate) fn add_hook(&mut self, id: LevelId, hook: CommitHook) -> Result<(), (CommitHook, Error)> {
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

/// Runs what waited for a commit.
pub(super) fn run_hooks(hooks: impl IntoIterator<Item = CommitHook>) {
    for hook in hooks {
        if catch_unwind(AssertUnwindSafe(hook)).is_err() {
            tracing::error!("a hook panicked after the commit");
        }
    }
}
