//! One connection, and how long what runs on it may take.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use rusqlite::{
    Connection as Library, OpenFlags, Statement, StatementStatus, TransactionState, config::DbConfig, ffi, hooks::Wal,
    limits::Limit,
};
use sea_orm::Value;

use super::{
    bind::bind,
    error::{classify, code, is_busy},
    fence::{self, Fence},
    prepared_budget::{self, PreparedBudget, is_new},
    settings::{Counts, SqliteSettings},
    watch::Watch,
};
use crate::{
    backend::sql::blocking::Interrupt,
    clock::wait_here,
    error::{Error, ErrorKind, Result},
};

/// How long a statement waits for another process to finish writing.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a checkpoint waits for readers, while writers wait for it.
const READERS_TIMEOUT: Duration = Duration::from_millis(100);

/// How often a table that is locked in a shared cache is tried again, a millisecond apart.
const LOCKED_TRIES: u64 = 5_000;

/// After how many instructions of SQLite's machine a statement that has to be brief is stopped.
const BRIEF_INSTRUCTIONS: i32 = 2_500;

/// The longest value that a statement that has to be brief may read or write, in bytes: a single instruction may search all of
/// it.
pub(super) const BRIEF_VALUE_BYTES: i32 = 16 * 1024;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// How long the log was after the last commit on this thread, in pages.
    static LOG_PAGES: Cell<u32> = const { Cell::new(0) };
}

fn note_log(_: &Wal, pages: std::ffi::c_int) -> rusqlite::Result<()> {
    LOG_PAGES.set(u32::try_from(pages).unwrap_or_default());
    Ok(())
}

pub(super) struct SqliteConnection {
    library: Library,
    /// Whether what runs is to be stopped when it is not brief.
    is_brief: Arc<AtomicBool>,
    /// Whether anything may run on a thread that must not wait.
    runs_in_place: bool,
    /// The longest value that SQLite takes.
    longest: i32,
    waits: bool,
    log_pages: u32,
    /// Whether the disk failed under it, so that it is of no more use.
    is_suspect: Cell<bool>,
    /// Whether nobody waits for what runs.
    is_given_up: Arc<AtomicBool>,
    counts: Arc<Counts>,
    /// A number that no other connection of the process has.
    id: u64,
    watch: Arc<Watch>,
    /// Whether a statement of the application's has run since the connection was taken from the pool.
    is_foreign: Cell<bool>,
    fence: Fence,
    kept: PreparedBudget,
    /// How many rows had been changed on this connection when the transaction began.
    changed_before: Cell<u64>,
}

impl SqliteConnection {
    /// Opens the database. Blocks.
    pub(super) fn open(settings: &SqliteSettings) -> Result<Self> {
        let mut flags = settings.url.flags;
        if let Some(file) = &settings.file {
            file.look()?;
            // A file that was there is not made again.
            flags.set(OpenFlags::SQLITE_OPEN_CREATE, flags.contains(OpenFlags::SQLITE_OPEN_CREATE) && !file.was_opened());
        }
        let library = Library::open_with_flags(&settings.url.name, flags);
        let library = library.map_err(classify).map_err(|error| settings.not_opened(error))?;
        let mut connection = Self {
            longest: library.limit(Limit::SQLITE_LIMIT_LENGTH).map_err(classify)?,
            library,
            is_brief: Arc::default(),
            runs_in_place: settings.runs_in_place,
            waits: true,
            log_pages: 0,
            is_suspect: Cell::new(false),
            is_given_up: Arc::default(),
            counts: settings.counts.clone(),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            watch: settings.watch.clone(),
            is_foreign: Cell::new(false),
            fence: Fence::default(),
            kept: PreparedBudget::default(),
            changed_before: Cell::new(0),
        };
        let set_up = connection.at_length(&mut |connection: &Self| connection.set_up(settings));
        set_up.map_err(|error| settings.not_opened(error))?;
        settings.file.as_ref().map_or(Ok(()), |file| file.note_opened())?;
        Ok(connection)
    }

    fn set_up(&self, settings: &SqliteSettings) -> Result<()> {
        let library = &self.library;
        library.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
        library.set_prepared_statement_cache_capacity(prepared_budget::MAX_STATEMENTS);
        // A name in double quotes that no column has is an error, and not text.
        for config in [DbConfig::SQLITE_DBCONFIG_DQS_DDL, DbConfig::SQLITE_DBCONFIG_DQS_DML] {
            library.set_db_config(config, false).map_err(classify)?;
        }
        if !settings.url.in_memory && !settings.url.read_only {
            let wanted = if settings.write_ahead_log { "wal" } else { "delete" };
            let journal = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
            // SQLite keeps the old journal mode without an error where it cannot change it.
            if library.pragma_update_and_check(None, "journal_mode", wanted, journal).map_err(classify)? != wanted {
                return Err(Error::new(ErrorKind::Connection, "the database kept another journal mode than it was asked for"));
            }
        }
        library.pragma_update(None, "foreign_keys", true).map_err(classify)?;
        library.pragma_update(None, "synchronous", settings.synchronous).map_err(classify)?;
        let is_brief = self.is_brief.clone();
        library.progress_handler(BRIEF_INSTRUCTIONS, Some(move || is_brief.load(Ordering::Relaxed))).map_err(classify)?;
        // In place of SQLite's own checkpoints, which run inside of whichever commit makes the log too long.
        library.wal_hook(Some(note_log));
        self.fence.build(library)
    }

    /// Runs something on a thread that must not wait. `None` if it takes longer: it has then done nothing. What must not be
    /// stopped half-way is not `stoppable`.
    pub(super) fn briefly<T>(&mut self, stoppable: bool, work: &mut impl FnMut(&Self) -> Result<T>) -> Option<Result<T>> {
        if !self.runs_in_place {
            return None;
        }
        let done = self.wait(false).and_then(|()| if stoppable { self.stoppable(work) } else { work(self) });
        self.note_log();
        match done {
            Err(error) if is_busy(&error) => None,
            Err(error) if stoppable && matches!(code(&error), ffi::SQLITE_INTERRUPT | ffi::SQLITE_TOOBIG) => None,
            done => Some(done),
        }
    }

    /// Stops a statement that needs many instructions, or meets a large value.
    fn stoppable<T>(&self, work: &mut impl FnMut(&Self) -> Result<T>) -> Result<T> {
        self.is_brief.store(true, Ordering::Relaxed);
        let done = self.limit_values(BRIEF_VALUE_BYTES).and_then(|()| work(self));
        self.is_brief.store(false, Ordering::Relaxed);
        self.limit_values(self.longest).and(done)
    }

    fn limit_values(&self, longest: i32) -> Result<()> {
        self.library.set_limit(Limit::SQLITE_LIMIT_LENGTH, longest).map(drop).map_err(classify)
    }

    /// Runs something on a thread that may wait.
    pub(super) fn at_length<T>(&mut self, work: &mut impl FnMut(&Self) -> Result<T>) -> Result<T> {
        // Something that panicked may have left them set.
        self.is_brief.store(false, Ordering::Relaxed);
        self.limit_values(self.longest)?;
        self.is_given_up.store(false, Ordering::Relaxed);
        self.wait(true)?;
        let mut done = work(self);
        for _ in 0..LOCKED_TRIES {
            let is_locked = done.as_ref().is_err_and(|error| code(error) == ffi::SQLITE_LOCKED_SHAREDCACHE);
            if !is_locked || self.is_given_up.load(Ordering::Relaxed) {
                break;
            }
            wait_here(Duration::from_millis(1));
            done = work(self);
        }
        self.note_log();
        done
    }

    pub(super) fn runs_in_place(&self) -> bool {
        self.runs_in_place
    }

    fn wait(&mut self, waits: bool) -> Result<()> {
        if self.waits != waits {
            self.library.busy_timeout(if waits { BUSY_TIMEOUT } else { Duration::ZERO }).map_err(classify)?;
            self.waits = waits;
        }
        Ok(())
    }

    fn note_log(&mut self) {
        match LOG_PAGES.take() {
            0 => {}
            pages => self.log_pages = pages,
        }
    }

    /// Whether it can be used by somebody else.
    pub(super) fn is_clean(&self) -> bool {
        !self.is_suspect.get() && !self.fence.is_altered() && self.is_autocommit()
    }

    /// Runs a write in a transaction of its own, of which nothing is left if it fails.
    pub(super) fn alone<T>(&self, work: &mut impl FnMut(&Self) -> Result<T>) -> Result<T> {
        self.command("BEGIN IMMEDIATE")?;
        let done = work(self).and_then(|answer| self.command("COMMIT").map(|()| answer));
        if done.is_err() && !self.is_autocommit() {
            self.command("ROLLBACK")?;
        }
        done
    }

    /// How long the log was after the last commit here, in pages, since this was asked before.
    pub(super) fn take_log_pages(&mut self) -> u32 {
        std::mem::take(&mut self.log_pages)
    }

    /// Runs something with a statement that has its values.
    pub(super) fn prepared<T>(
        &self,
        sql: &str,
        values: &[Value],
        run: impl FnOnce(&mut Statement<'_>) -> Result<T>,
    ) -> Result<T> {
        let ready = |statement: &mut Statement<'_>| {
            self.fence.lower();
            if statement.column_count() == 0 && statement.readonly() && statement.expanded_sql().is_none() {
                return Err(Error::new(ErrorKind::InvalidInput, "text without a statement"));
            }
            // What it needed before is not counted again.
            statement.reset_status(StatementStatus::VmStep);
            let count = if is_new(statement) { &self.counts.prepared } else { &self.counts.reused };
            count.fetch_add(1, Ordering::Relaxed);
            bind(statement, values).map_err(classify)?;
            run(statement)
        };
        let done = match sql.len() > prepared_budget::MAX_STATEMENT_LENGTH {
            true => self.library.prepare(sql).map_err(classify).and_then(|mut statement| ready(&mut statement)),
            false => self.library.prepare_cached(sql).map_err(classify).and_then(|mut statement| {
                let is_kept = self.kept.makes_room_for(&statement, &self.library);
                let done = ready(&mut statement);
                if !is_kept {
                    statement.discard();
                }
                done
            }),
        };
        // It was not even prepared.
        let done = if self.fence.lower() { done.map_err(fence::refused) } else { done };
        self.noted(done)
    }

    /// Remembers that the disk failed.
    fn noted<T>(&self, done: Result<T>) -> Result<T> {
        if done.as_ref().is_err_and(|error| code(error) & 0xff == ffi::SQLITE_IOERR) {
            self.is_suspect.set(true);
        }
        done
    }

    /// Runs a statement without values, such as `COMMIT`.
    pub(super) fn command(&self, sql: &str) -> Result<()> {
        if sql.starts_with("BEGIN") {
            self.changed_before.set(self.total_changes());
        }
        self.ask(sql, |command| command.raw_execute().map_err(classify)).map(drop)
    }

    /// Runs something with a statement that is none of the caller's, and is not counted.
    pub(super) fn ask<T>(&self, sql: &str, run: impl FnOnce(&mut Statement<'_>) -> Result<T>) -> Result<T> {
        let done = self.library.prepare_cached(sql).map_err(classify).and_then(|mut statement| run(&mut statement));
        self.noted(done)
    }

    /// Whether every write is to fail.
    pub(super) fn set_query_only(&self, query_only: bool) -> Result<()> {
        self.library.pragma_update(None, "query_only", query_only).map_err(classify)
    }

    /// Moves the log into the database, as far as nobody is in the way. Says how long it is, in pages, and whether all was moved.
    pub(super) fn checkpoint(&self) -> Result<(u32, bool)> {
        self.checkpoint_by("PRAGMA wal_checkpoint(PASSIVE)")
    }

    /// Moves all of the log, and waits a little for readers, so that it begins anew with the next write. Nobody may write
    /// meanwhile.
    pub(super) fn checkpoint_all(&self) -> Result<(u32, bool)> {
        self.library.busy_timeout(READERS_TIMEOUT).map_err(classify)?;
        let done = self.checkpoint_by("PRAGMA wal_checkpoint(RESTART)");
        self.library.busy_timeout(BUSY_TIMEOUT).map_err(classify)?;
        done
    }

    fn checkpoint_by(&self, pragma: &str) -> Result<(u32, bool)> {
        let lengths = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let (length, moved) = self.library.query_row(pragma, [], lengths).map_err(classify)?;
        Ok((u32::try_from(length).unwrap_or_default(), moved >= length))
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// What is known of the tables of the store.
    pub(super) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// A number that changes when another connection has committed.
    pub(super) fn data_version(&self) -> Result<i64> {
        self.number("PRAGMA data_version")
    }

    /// A number that changes with the schema.
    pub(super) fn schema_version(&self) -> Result<i64> {
        self.number("PRAGMA schema_version")
    }

    /// Notes that a statement of the application's is about to run, which may change anything.
    pub(super) fn note_foreign_write(&self) {
        self.is_foreign.set(true);
        self.fence.raise();
        self.watch.forget();
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.is_foreign.get()
    }

    /// Whether the transaction that the connection is in has changed nothing yet.
    pub(super) fn is_unchanged(&self) -> bool {
        !self.is_foreign() && self.total_changes() == self.changed_before.get()
    }

    /// Notes that what was written here has been committed or rolled back.
    pub(super) fn wrote(&self) {
        if self.is_foreign.replace(false) {
            self.watch.forget();
        }
        self.watch.release();
    }

    /// Whether a transaction is open that has the right to write to a schema already.
    pub(super) fn may_write(&self, schema: Option<&str>) -> bool {
        let state = self.library.transaction_state(Some(schema.unwrap_or("main")));
        state.is_ok_and(|state| state == TransactionState::Write)
    }

    /// Whether a transaction is open that has neither read nor written a schema yet.
    pub(super) fn is_idle_transaction(&self, schema: Option<&str>) -> bool {
        let state = self.library.transaction_state(Some(schema.unwrap_or("main")));
        !self.is_autocommit() && state.is_ok_and(|state| state == TransactionState::None)
    }

    /// Whether no transaction is open.
    pub(super) fn is_autocommit(&self) -> bool {
        self.library.is_autocommit()
    }

    /// How many rows the last statement changed.
    pub(super) fn changes(&self) -> u64 {
        self.library.changes()
    }

    /// How many rows were changed on this connection.
    pub(super) fn total_changes(&self) -> u64 {
        self.library.total_changes()
    }

    /// What stops the call that runs on the connection. Of a transaction in which a write is stopped, SQLite undoes all.
    pub(super) fn interrupt(&self) -> Interrupt {
        let (handle, is_given_up) = (self.library.get_interrupt_handle(), self.is_given_up.clone());
        Arc::new(move || {
            is_given_up.store(true, Ordering::Relaxed);
            handle.interrupt();
        })
    }
}
