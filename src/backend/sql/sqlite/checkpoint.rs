//! Moving the write-ahead log into the database.
//!
//! SQLite itself runs a checkpoint inside the commit that makes the log too long, and that commit waits for the disk. Here a
//! separate thread runs the checkpoints, beside readers and the writer. It belongs to no runtime: the one in which the store was
//! opened, or used last, may have ended or be blocked while the store is used in another. The thread ends when the log is moved.
//!
//! A writer that never pauses would keep the log from starting again at its beginning, so above `MAX_LOG_PAGES` pages the thread
//! takes the right to write, and writers wait for it.
//!
//! A reader that keeps a snapshot for long, such as a backup, makes such a checkpoint useless, and the writers would wait in
//! vain. So there is a pause after a failed attempt, and each time a longer one.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::runtime::Builder;

use super::{connection::SqliteConnection, pool::SqlitePool};
use crate::{
    clock::{Moment, this_moment},
    context::Access,
    error::{Error, ErrorKind, Result},
    transaction::AcquireMode,
};

/// From how many pages on the log is moved: SQLite's own limit.
pub(super) const CHECKPOINT_PAGES: u32 = 1_000;

/// From how many pages on writers have to wait for it.
const MAX_LOG_PAGES: u32 = 4_000;

/// How long nothing is moved after a reader was in the way.
const RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The wait after the first attempt with the right to write that failed, and the longest wait after many.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Checkpoints {
    is_running: AtomicBool,
    /// Whether the warning about a long reader was logged since the log was last moved.
    is_told: AtomicBool,
    rest: Mutex<Rest>,
}

/// When to try again after a reader was in the way.
#[derive(Debug, Default)]
struct Rest {
    /// From when on the log may be moved.
    next: Option<Moment>,
    /// When the right to write may be taken again, and the length of the wait before that.
    turn: Option<(Moment, Duration)>,
    #[cfg(test)]
    turns: u32,
}

impl Rest {
    fn is_over(&self, now: Moment) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    /// Whether a turn to write may be taken now.
    fn may_take_turn(&self, now: Moment) -> bool {
        self.turn.is_none_or(|(next, _)| now >= next)
    }

    /// Notes that a reader was in the way of moving a log that is too long; of a turn to write or not.
    fn was_blocked(&mut self, now: Moment, with_turn: bool) {
        self.next = Some(now + RETRY_PAUSE);
        if with_turn {
            let rest = self.turn.map_or(FIRST_BACKOFF, |(_, rest)| (2 * rest).min(MAX_BACKOFF));
            self.turn = Some((now + rest, rest));
        }
    }

    /// Notes that all of the log was moved.
    fn was_moved(&mut self) {
        (self.next, self.turn) = (None, None);
    }
}

impl Checkpoints {
    /// Moves the log in the background, unless that goes on already.
    pub(super) fn begin(pool: &Arc<SqlitePool>) {
        if !pool.checkpoints().rest().is_over(this_moment()) {
            return;
        }
        if !pool.checkpoints().is_running.swap(true, Ordering::AcqRel) {
            let running = CheckpointRun(pool.clone());
            // What is logged goes where it would go if the caller moved the log.
            let log = tracing::dispatcher::get_default(Clone::clone);
            let run = move || tracing::dispatcher::with_default(&log, || running.run());
            let started = thread::Builder::new().name("larder-checkpoint".to_owned()).spawn(run);
            if let Err(error) = started {
                tracing::warn!(%error, "no thread to move the log with");
            }
        }
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct CheckpointRun(Arc<SqlitePool>);

impl CheckpointRun {
    /// Moves the log. Waits for the connection in a runtime of its own.
    fn run(self) {
        let moved = match Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(move_log(&self.0)),
            Err(error) => Err(Error::new(ErrorKind::Internal, "no runtime to move the log in").with_source(error)),
        };
        if let Err(error) = moved {
            tracing::debug!(%error, "the log could not be moved now");
        }
    }
}

impl Drop for CheckpointRun {
    fn drop(&mut self) {
        self.0.checkpoints().is_running.store(false, Ordering::Release);
    }
}

async fn move_log(pool: &Arc<SqlitePool>) -> Result<()> {
    let (length, is_all) = checkpoint(pool, Access::Read).await?;
    let checkpoints = pool.checkpoints();
    let takes_turn = length >= MAX_LOG_PAGES && checkpoints.rest().may_take_turn(this_moment());
    let (length, is_all) = if takes_turn { checkpoint(pool, Access::Write).await? } else { (length, is_all) };
    #[cfg(test)]
    {
        checkpoints.rest().turns += u32::from(takes_turn);
    }
    let is_told = &checkpoints.is_told;
    if is_all {
        checkpoints.rest().was_moved();
    } else if length >= MAX_LOG_PAGES {
        checkpoints.rest().was_blocked(this_moment(), takes_turn);
    }
    if is_all {
        is_told.store(false, Ordering::Relaxed);
    } else if length >= MAX_LOG_PAGES && !is_told.swap(true, Ordering::Relaxed) {
        tracing::warn!(pages = length, "the write-ahead log grows: a reader that goes on for long keeps it from being moved");
    }
    Ok(())
}

/// Moves what can be moved now. Says how long the log is, and whether all of it was moved. Blocks while it moves it.
async fn checkpoint(pool: &Arc<SqlitePool>, access: Access) -> Result<(u32, bool)> {
    let mut pooled = pool.acquire(access, AcquireMode::Wait).await?;
    let connection = pooled.connection().ok_or_else(|| Error::new(ErrorKind::Internal, "a connection that is gone"))?;
    let moved = match access {
        Access::Read => connection.at_length(&mut SqliteConnection::checkpoint),
        Access::Write => connection.at_length(&mut SqliteConnection::checkpoint_all),
    };
    pooled.give_back();
    let (length, is_all) = moved?;
    if is_all {
        pool.log_was_moved();
    }
    Ok((length, is_all))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{connection::SqliteConnection, settings::SqliteSettings, url::SqliteUrl},
        *,
    };
    use crate::open_options::OpenOptions;

    #[test]
    fn a_turn_that_came_to_nothing_is_followed_by_longer_and_longer_rests() {
        let (mut rest, mut now, mut rests) = (Rest::default(), this_moment(), Vec::new());
        for _ in 0..9 {
            assert!(rest.may_take_turn(now));
            rest.was_blocked(now, true);
            assert!(!rest.is_over(now) && rest.is_over(now + RETRY_PAUSE));
            rest.was_blocked(now, false);
            let Some((next, length)) = rest.turn else { unreachable!() };
            assert!(!rest.may_take_turn(next - RETRY_PAUSE));
            rests.push(length.as_secs());
            now = next;
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        rest.was_moved();
        assert!(rest.may_take_turn(now) && rest.is_over(now));
    }

    /// However often the log grows beside it, a reader costs writers one turn for each rest.
    #[tokio::test]
    async fn a_long_reader_is_not_waited_for_again_and_again() -> Result<()> {
        let failed = |error: std::io::Error| Error::new(ErrorKind::Io, "").with_source(error);
        let directory = tempfile::tempdir().map_err(failed)?;
        let url = format!("sqlite:{}", directory.path().join("long.sqlite").display());
        let settings = SqliteSettings::new(SqliteUrl::parse(&url)?, &OpenOptions::new(), 3);
        let (writer, reader) = (SqliteConnection::open(&settings)?, SqliteConnection::open(&settings)?);
        writer.command("CREATE TABLE t (a)")?;
        reader.command("BEGIN")?;
        reader.number("SELECT count(*) FROM t")?;
        writer.command(
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000) \
                        SELECT zeroblob(4096) FROM n",
        )?;
        let pool = Arc::new(SqlitePool::new(settings, vec![writer], 3, Duration::from_secs(5)));
        for _ in 0..20 {
            move_log(&pool).await?;
        }
        assert_eq!(pool.checkpoints().rest().turns, 1);
        reader.command("COMMIT")?;
        // Beside nobody, all of it is moved without a turn.
        move_log(&pool).await?;
        assert_eq!(pool.checkpoints().rest().turns, 1);
        assert!(pool.checkpoints().rest().turn.is_none());
        Ok(())
    }
}
