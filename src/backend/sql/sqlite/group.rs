//! Single writes that share a commit.
//!
//! Where a commit waits for the disk, writers that wait for each other would each wait for the disk in turn. Here they wait in line; whoever has
//! the turn to write runs all that are there in one transaction. Each is answered after the commit. A write that fails leaves nothing and is no
//! business of the others: if it does leave something, or ends the whole transaction, as triggers can, or if the commit is refused, all is undone and each
//! is run once more in a transaction of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::ffi;
use tokio::sync::oneshot;

use super::{
    connection::{Connection, code},
    pool::{Pool, Pooled},
};
use crate::{
    backend::sql::blocking,
    clock::within,
    context::{Access, Patience},
    error::{Error, ErrorKind, Result},
};

/// The most writes of one commit.
const TOGETHER: usize = 256;

#[derive(Default)]
pub(super) struct Group(Mutex<Line>);

#[derive(Default)]
struct Line {
    waiting: VecDeque<(u64, Box<dyn Write>)>,
    next: u64,
    /// Whether a task takes care of those who wait.
    is_led: bool,
}

/// A write that can be run again if it has come to nothing.
trait Write: Send {
    /// Runs it inside a transaction.
    fn run(&mut self, connection: &Connection) -> Outcome;
    /// Runs it in a transaction of its own.
    fn run_alone(&mut self, connection: &Connection);
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

impl<T: Send, W: FnMut(&Connection) -> Result<T> + Send> Write for Single<T, W> {
    fn run(&mut self, connection: &Connection) -> Outcome {
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

    fn run_alone(&mut self, connection: &Connection) {
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
        pool: &Arc<Pool>,
        work: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, mut answered) = oneshot::channel();
        let single = Single { work, done: None, answer };
        let (id, leads) = self.join(Box::new(single));
        let waiting = Waiting { group: self, id };
        if leads {
            tokio::spawn(Leader { group: self.clone(), has_ended: false }.lead(pool.clone()));
        }
        let message = "another transaction kept writing";
        let in_time = within(pool.acquire_timeout(), &mut answered, ErrorKind::PoolTimeout, message).await;
        let answer = match in_time {
            Err(error) if waiting.give_up() => return Err(error),
            // It runs already.
            Err(_) => answered.await,
            Ok(answer) => answer,
        };
        answer.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Cancelled, "the write was given up, with the runtime that it waited in"))
        })
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a write in line. Says its number, and whether somebody has to take care of the line.
    fn join(&self, write: Box<dyn Write>) -> (u64, bool) {
        let mut line = self.lock();
        let id = line.next;
        line.next += 1;
        line.waiting.push_back((id, write));
        (id, !std::mem::replace(&mut line.is_led, true))
    }

    /// Those whose turn it is.
    fn take(&self) -> Vec<Box<dyn Write>> {
        let mut line = self.lock();
        let count = line.waiting.len().min(TOGETHER);
        line.waiting.drain(..count).map(|(_, write)| write).collect()
    }

    /// Ends the lead if nobody waits. Says whether it has.
    fn end(&self) -> bool {
        let mut line = self.lock();
        line.is_led = !line.waiting.is_empty();
        !line.is_led
    }
}

struct Waiting<'g> {
    group: &'g Group,
    id: u64,
}

impl Waiting<'_> {
    /// Leaves the line; `false` if the write has left it already, to be run.
    fn give_up(&self) -> bool {
        let mut line = self.group.lock();
        // They are in the order of their numbers.
        let place = line.waiting.binary_search_by_key(&self.id, |(id, _)| *id);
        let left = place.ok().and_then(|place| line.waiting.remove(place));
        drop(line);
        left.is_some()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// The task that takes care of the line, until nobody waits.
struct Leader {
    group: Arc<Group>,
    /// Whether nobody waited, and the lead is over.
    has_ended: bool,
}

impl Leader {
    async fn lead(mut self, pool: Arc<Pool>) {
        while !self.has_ended {
            let pooled = match pool.acquire(Access::Write, Patience::Timeout).await {
                Ok(pooled) => pooled,
                // Each gives up by itself when its own time is over.
                Err(error) if error.kind() == ErrorKind::PoolTimeout => {
                    self.has_ended = self.group.end();
                    continue;
                }
                Err(error) => {
                    for mut write in self.group.take() {
                        write.fail(error.clone());
                        write.answer();
                    }
                    self.has_ended = self.group.end();
                    continue;
                }
            };
            let group = self.group.clone();
            let written = blocking::call((), None, move |(): &mut ()| Ok(write_all(&group, pooled))).await;
            self.has_ended = written.and_then(|((), has_ended)| has_ended).unwrap_or_else(|_| self.group.end());
        }
    }
}

impl Drop for Leader {
    /// A runtime that ends drops its tasks: whoever waits is not left waiting.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let mut line = self.group.lock();
        line.is_led = false;
        let left = std::mem::take(&mut line.waiting);
        drop(line);
        drop(left);
    }
}

/// Runs those who wait, and says whether the lead is over. The connection is given back here, and not by the task, which its runtime may have
/// stopped running.
fn write_all(group: &Group, mut pooled: Pooled) -> bool {
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
    let has_ended = group.end();
    writes.into_iter().for_each(Write::answer);
    has_ended
}

/// Runs writes in one transaction. A connection that is not rolled back is left inside it.
fn run_together(connection: &Connection, writes: &mut [Box<dyn Write>]) {
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

fn commit_together(connection: &Connection, writes: &mut [Box<dyn Write>]) -> Outcome {
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
