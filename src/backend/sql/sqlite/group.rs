//! Single writes that share a commit.
//!
//! Where a commit waits for the disk, writers that wait for each other would each wait for the disk in turn. Here they wait in
//! line; whoever of them gets the turn to write first runs all that are there in one transaction, on a thread that may block. So
//! nobody depends on another's runtime, which may be blocked or end. Each is answered after the commit. A write that fails leaves
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
        turns::{PATIENCE, Turn, Waiter},
    },
    clock::{asked_again, within},
    context::Access,
    error::{Error, ErrorKind, Result},
};

/// The most writes of one commit.
const TOGETHER: usize = 256;

#[derive(Default)]
pub(super) struct Group(Mutex<Line>);

#[derive(Default)]
struct Line {
    waiting: VecDeque<InLine>,
    next: u64,
}

/// A write that nobody has begun to run.
struct InLine {
    id: u64,
    write: Box<dyn Write>,
    /// Its place among those who wait for the turn to write.
    turn: Waiter,
}

/// A write that can be run again if it has come to nothing.
trait Write: Send {
    /// Runs it inside a transaction.
    fn run(&mut self, connection: &SqliteConnection) -> Outcome;
    /// Runs it in a transaction of its own.
    fn run_alone(&mut self, connection: &SqliteConnection);
    fn fail(&mut self, error: Error);
    /// Tells the caller what became of it.
    fn answer(self: Box<Self>);
}

/// What a write leaves behind in a transaction.
enum Outcome {
    /// What it was to, or nothing.
    Whole,
    /// Some of it, although it failed; or the end of the transaction.
    Broken,
    /// The disk failed.
    Lost(Error),
}

struct Single<T, W> {
    work: W,
    done: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T: Send, W: FnMut(&SqliteConnection) -> Result<T> + Send> Write for Single<T, W> {
    fn run(&mut self, connection: &SqliteConnection) -> Outcome {
        let before = connection.total_changes();
        let ran = blocking::unless_it_panics(|| (self.work)(connection)).unwrap_or_else(|| Err(blocking::panicked()));
        let outcome = match &ran {
            Err(error) if matches!(code(error) & 0xff, ffi::SQLITE_IOERR | ffi::SQLITE_CORRUPT) => Outcome::Lost(error.clone()),
            Err(_) if connection.is_autocommit() || connection.total_changes() > before => Outcome::Broken,
            _ => Outcome::Whole,
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

impl Group {
    /// Runs a write that commits together with others. If the future is dropped while it waits in line, it never runs.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        pool: &Arc<SqlitePool>,
        work: impl FnMut(&SqliteConnection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        let member = Member { group: self, id: self.join(Box::new(Single { work, done: None, answer }), pool.wait_to_write()) };
        let ask = |context: &mut Context<'_>| match (answered.poll_unpin(context), member.poll(context)) {
            (Poll::Ready(answer), _) => Poll::Ready(answer),
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            (Poll::Pending, Poll::Ready(turn)) => {
                let (group, pool) = (self.clone(), pool.clone());
                drop(tokio::task::spawn_blocking(move || group.lead(&pool, turn)));
                Poll::Pending
            }
        };
        let in_time = within(pool.acquire_timeout(), asked_again(PATIENCE, ask), ErrorKind::PoolTimeout, "").await;
        let answer = match in_time {
            Err(_) if member.give_up() => return Err(pool.late(Access::Write)),
            // It runs already.
            Err(_) => answered.await,
            Ok(answer) => answer,
        };
        answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::CommitUnknown, "what runs the writes panicked")))
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a write in line, and says its number.
    fn join(&self, write: Box<dyn Write>, turn: Waiter) -> u64 {
        let mut line = self.lock();
        let id = line.next;
        line.next += 1;
        line.waiting.push_back(InLine { id, write, turn });
        id
    }

    /// Those whose turn it is. They do not wait for one of their own any more.
    fn take(&self) -> Vec<Box<dyn Write>> {
        let mut line = self.lock();
        let count = line.waiting.len().min(TOGETHER);
        let taken: Vec<_> = line.waiting.drain(..count).collect();
        drop(line);
        taken.into_iter().map(|in_line| in_line.write).collect()
    }

    /// Runs those who wait. Blocks.
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

/// Somebody whose write is in line, or runs.
struct Member<'g> {
    group: &'g Group,
    id: u64,
}

impl Member<'_> {
    /// The turn to write, if the write is still in line.
    fn poll(&self, context: &Context<'_>) -> Poll<Turn> {
        let mut line = self.group.lock();
        match line.place(self.id).and_then(|place| line.waiting.get_mut(place)) {
            Some(in_line) => in_line.turn.poll(context),
            None => Poll::Pending,
        }
    }

    /// Leaves the line; `false` if the write has left it already, to be run.
    fn give_up(&self) -> bool {
        let mut line = self.group.lock();
        let left = line.place(self.id).and_then(|place| line.waiting.remove(place));
        drop(line);
        left.is_some()
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl Line {
    fn place(&self, id: u64) -> Option<usize> {
        // They are in the order of their numbers.
        self.waiting.binary_search_by_key(&id, |in_line| in_line.id).ok()
    }
}

/// Runs those who wait, gives the connection back, and answers.
fn write_all(group: &Group, mut pooled: SqlitePooledConnection) {
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
    writes.into_iter().for_each(Write::answer);
}

/// Runs writes in one transaction. A connection that is not rolled back is left inside it.
fn run_together(connection: &SqliteConnection, writes: &mut [Box<dyn Write>]) {
    if let [alone] = writes {
        return alone.run_alone(connection);
    }
    match commit_together(connection, writes) {
        Outcome::Whole => {}
        // Because of one of them. Of none is anything left.
        Outcome::Broken => {
            let undone = if connection.is_autocommit() { Ok(()) } else { connection.command("ROLLBACK") };
            match undone {
                Ok(()) => writes.iter_mut().for_each(|write| write.run_alone(connection)),
                // What those before it were to be answered is not so.
                Err(error) => writes.iter_mut().for_each(|write| write.fail(error.clone())),
            }
        }
        Outcome::Lost(error) => writes.iter_mut().for_each(|write| write.fail(error.clone())),
    }
}

fn commit_together(connection: &SqliteConnection, writes: &mut [Box<dyn Write>]) -> Outcome {
    if let Err(error) = connection.command("BEGIN IMMEDIATE") {
        return Outcome::Lost(error);
    }
    for write in writes {
        match write.run(connection) {
            Outcome::Whole => {}
            broken => return broken,
        }
    }
    match connection.command("COMMIT") {
        Ok(()) => Outcome::Whole,
        // A constraint that is checked only now.
        Err(error) if code(&error) & 0xff == ffi::SQLITE_CONSTRAINT => Outcome::Broken,
        Err(error) => Outcome::Lost(error),
    }
}
