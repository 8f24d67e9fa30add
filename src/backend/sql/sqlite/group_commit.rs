//! [`GroupCommit`], single writes that share a commit.
//!
//! Where a commit waits for the disk, writers that wait for each other would each wait for the disk in turn. Here they queue, and
//! whoever gets the turn to write first runs all that are pending in one transaction, on a thread that may block. So nobody
//! depends on another's runtime, which may be blocked or end. Each is answered after the commit. A write that fails leaves
//! nothing and is no business of the others: if it does leave something, or ends the whole transaction, as triggers can, or if
//! the commit is refused, all is undone and each is run once more in a transaction of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use futures_util::FutureExt as _;
use rusqlite::ffi;
use tokio::sync::oneshot;

use super::{
    connection::SqliteConnection,
    error::code,
    pool::{SqlitePool, SqlitePooledConnection},
};
use crate::{
    backend::{
        sql::blocking,
        turns::{INVITATION_TIMEOUT, Turn, Waiter},
    },
    clock::{asked_again, within},
    context::Access,
    error::{Error, ErrorKind, Result},
};

/// The most writes of one commit.
const MAX_GROUP_SIZE: usize = 256;

#[derive(Default)]
pub(super) struct GroupCommit(Mutex<PendingWrites>);

#[derive(Default)]
struct PendingWrites {
    waiting: VecDeque<PendingWrite>,
    next: u64,
}

/// A write that nobody has begun to run.
struct PendingWrite {
    id: u64,
    write: Box<dyn GroupedWrite>,
    /// Waits for the turn to write.
    turn: Waiter,
}

/// A write that can be run again if nothing of it was stored.
trait GroupedWrite: Send {
    /// Runs it inside a transaction.
    fn run(&mut self, connection: &SqliteConnection) -> WriteOutcome;
    /// Runs it in a transaction of its own.
    fn run_alone(&mut self, connection: &SqliteConnection);
    fn fail(&mut self, error: Error);
    /// Tells the caller the result.
    fn answer(self: Box<Self>);
}

/// What a write leaves behind in a transaction.
enum WriteOutcome {
    /// All of its changes, or none.
    Whole,
    /// A part of its changes, although it failed; or it has ended the transaction.
    Broken,
    /// The disk failed.
    Lost(Error),
}

struct SingleWrite<T, W> {
    work: W,
    done: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T: Send, W: FnMut(&SqliteConnection) -> Result<T> + Send> GroupedWrite for SingleWrite<T, W> {
    fn run(&mut self, connection: &SqliteConnection) -> WriteOutcome {
        let before = connection.total_changes();
        let ran = blocking::unless_it_panics(|| (self.work)(connection)).unwrap_or_else(|| Err(blocking::panicked()));
        let outcome = match &ran {
            Err(error) if matches!(code(error) & 0xff, ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT) => {
                WriteOutcome::Lost(error.clone())
            }
            Err(_) if connection.is_autocommit() || connection.total_changes() > before => WriteOutcome::Broken,
            _ => WriteOutcome::Whole,
        };
        self.done = Some(ran);
        outcome
    }

    fn run_alone(&mut self, connection: &SqliteConnection) {
        let ran = blocking::unless_it_panics(|| connection.alone(&mut self.work)).unwrap_or_else(|| {
            let undone = if connection.is_autocommit() { Ok(()) } else { connection.command("ROLLBACK") };
            undone.and(Err(blocking::panicked()))
        });
        self.done = Some(ran);
    }

    fn fail(&mut self, error: Error) {
        self.done = Some(Err(error));
    }

    fn answer(self: Box<Self>) {
        if let Some(done) = self.done {
            drop(self.answer.send(done));
        }
    }
}

impl GroupCommit {
    /// Runs a write that commits together with others. If the future is dropped while the write is pending, it never runs.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        pool: &Arc<SqlitePool>,
        work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        let member = Member {
            group: self,
            id: self.join(Box::new(SingleWrite { work, done: None, answer }), pool.admission().wait_to_write()),
        };
        let ask = |context: &mut Context<'_>| match (answered.poll_unpin(context), member.poll(context)) {
            (Poll::Ready(answer), _) => Poll::Ready(answer),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            (Poll::Pending, Poll::Ready(turn)) => {
                let (group, pool) = (self.clone(), pool.clone());
                drop(tokio::task::spawn_blocking(move || group.lead(&pool, turn)));
                Poll::Pending
            }
        };
        let in_time =
            within(pool.admission().acquire_timeout(), asked_again(INVITATION_TIMEOUT, ask), ErrorKind::PoolTimeout, "").await;
        let answer = match in_time {
            Err(_) if member.give_up() => return Err(pool.admission().late(Access::Write)),
            // It runs already.
            Err(_) => answered.await,
            Ok(answer) => answer,
        };
        answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::CommitUnknown, "what runs the writes panicked")))
    }

    fn lock(&self) -> MutexGuard<'_, PendingWrites> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a write to those that are pending. Returns its number.
    fn join(&self, write: Box<dyn GroupedWrite>, turn: Waiter) -> u64 {
        let mut pending = self.lock();
        let id = pending.next;
        pending.next += 1;
        pending.waiting.push_back(PendingWrite { id, write, turn });
        id
    }

    /// Takes the writes of the next commit. They no longer wait for a turn of their own.
    fn take(&self) -> Vec<Box<dyn GroupedWrite>> {
        let mut pending = self.lock();
        let count = pending.waiting.len().min(MAX_GROUP_SIZE);
        let taken: Vec<_> = pending.waiting.drain(..count).collect();
        drop(pending);
        taken.into_iter().map(|write| write.write).collect()
    }

    /// Runs the pending writes. Blocks.
    fn lead(&self, pool: &Arc<SqlitePool>, turn: Turn) {
        match pool.writer(turn) {
            Ok(pooled) => write_all(self, pooled),
            Err(error) => {
                for mut write in self.take() {
                    write.fail(error.clone());
                    write.answer();
                }
            }
        }
    }
}

/// A caller whose write is pending, or runs.
struct Member<'g> {
    group: &'g GroupCommit,
    id: u64,
}

impl Member<'_> {
    /// Polls for the turn to write, if the write is still pending.
    fn poll(&self, context: &Context<'_>) -> Poll<Turn> {
        let mut pending = self.group.lock();
        match pending.position(self.id).and_then(|position| pending.waiting.get_mut(position)) {
            Some(write) => write.turn.poll(context),
            None => Poll::Pending,
        }
    }

    /// Withdraws the write. Returns `false` if it is no longer pending, because it runs.
    fn give_up(&self) -> bool {
        let mut pending = self.group.lock();
        let left = pending.position(self.id).and_then(|position| pending.waiting.remove(position));
        drop(pending);
        left.is_some()
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl PendingWrites {
    fn position(&self, id: u64) -> Option<usize> {
        // They are in the order of their numbers.
        self.waiting.binary_search_by_key(&id, |write| write.id).ok()
    }
}

/// Runs the pending writes, gives the connection back, and answers.
fn write_all(group: &GroupCommit, mut pooled: SqlitePooledConnection) {
    let mut writes = group.take();
    if let Some(connection) = pooled.connection() {
        let clean = connection.at_length(&mut |connection| {
            run_together(connection, &mut writes);
            if connection.is_autocommit() { Ok(()) } else { connection.command("ROLLBACK") }
        });
        if let Err(error) = clean {
            tracing::debug!(%error, "a connection could not be rolled back and is closed");
        }
    }
    pooled.give_back();
    writes.into_iter().for_each(GroupedWrite::answer);
}

/// Runs writes in one transaction. A connection that is not rolled back is left inside it.
fn run_together(connection: &SqliteConnection, writes: &mut [Box<dyn GroupedWrite>]) {
    if let [alone] = writes {
        return alone.run_alone(connection);
    }
    match commit_together(connection, writes) {
        WriteOutcome::Whole => {}
        // Because of one of them. Of none is anything left.
        WriteOutcome::Broken => {
            let undone = if connection.is_autocommit() { Ok(()) } else { connection.command("ROLLBACK") };
            match undone {
                Ok(()) => writes.iter_mut().for_each(|write| write.run_alone(connection)),
                // What those before it were to be answered is not so.
                Err(error) => writes.iter_mut().for_each(|write| write.fail(error.clone())),
            }
        }
        WriteOutcome::Lost(error) => writes.iter_mut().for_each(|write| write.fail(error.clone())),
    }
}

fn commit_together(connection: &SqliteConnection, writes: &mut [Box<dyn GroupedWrite>]) -> WriteOutcome {
    if let Err(error) = connection.command("BEGIN IMMEDIATE") {
        return WriteOutcome::Lost(error);
    }
    for write in writes {
        match write.run(connection) {
            WriteOutcome::Whole => {}
            broken => return broken,
        }
    }
    match connection.command("COMMIT") {
        Ok(()) => WriteOutcome::Whole,
        // A constraint that is checked only now.
        Err(error) if code(&error) & 0xff == ffi::SQLITE_CONSTRAINT => WriteOutcome::Broken,
        Err(error) => WriteOutcome::Lost(error),
    }
}
