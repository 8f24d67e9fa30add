//! SQLite: on rusqlite where larder opens the database, and through sqlx on a pool that an application has already. Both take the
//! same statements and store values in the same forms.
//!
//! Writers take turns before they ask for a connection, and a writing transaction is IMMEDIATE: with a write-ahead log, nobody
//! inside one process meets a busy database. Without one, a commit waits for those who read, as another process is waited for:
//! five seconds at most.
//!
//! SQLite runs on the thread that calls it. To pass a statement to another thread and its answer back takes about twenty
//! microseconds, several times what finding a row takes; so what is brief runs in place:
//!
//! - A read begins in place. SQLite counts the instructions of its machine, and one that needs more than some thousands is
//!   stopped and begins again on a thread that may block. So does a write of one model outside a transaction, which is undone
//!   when it is stopped: what refers to the model may have to be looked for. Pages that have to come from the disk are not
//!   counted. One that comes to a large value is stopped as well, because a single instruction may search all of it. Nothing runs
//!   in place on a cache that is shared with other connections, which lock it while they run a statement.
//! - An insert of one model inside a transaction runs in place to its end, if there is a log.
//! - Whatever waits for the disk, for another process or for a table of a shared cache, and everything else that writes, is run
//!   by a thread that may block: commits that sync or are of many rows, the first commit after the log was moved, batches,
//!   changes of sets of models, streams, statements of the caller's.
//!
//! To answer rows that it stores, SQLite makes a table in memory for each statement: some 16 000 instructions beside the 28 000
//! of an insert of six columns (callgrind), a microsecond or more. So the model that a create answers is the one that it was
//! given, where the columns of the table are known to keep it as it is: see [`described`].
//!
//! Where a commit syncs, single writes share one: see [`group_commit`]. Where it does not, the log is moved into the database,
//! which syncs, by a thread of its own: see [`checkpoint`].

mod affinity;
#[cfg(test)]
mod agreement;
mod bind;
mod catalog_queries;
mod checkout;
mod checkpoint;
#[cfg(test)]
mod column_types;
mod connect;
mod connection;
mod decode;
mod described;
mod engine;
mod error;
mod facts;
mod fence;
mod file;
#[cfg(feature = "sea-orm")]
mod flavor;
mod forms;
mod group_commit;
mod guard;
#[cfg(feature = "sea-orm")]
mod handed_in;
mod pool;
mod prepared_budget;
mod run;
mod settings;
#[cfg(feature = "sea-orm")]
mod sqlx_catalog;
mod times;
mod url;
mod watch;

pub(crate) use connect::open;
#[cfg(feature = "sea-orm")]
pub(super) use handed_in::from_pool;

use sea_orm::sea_query::ArrayType;

use self::{catalog_queries::CATALOG, engine::SqliteEngine};
use super::{EngineProfile, SqlStore};
use crate::{capability::Capabilities, dialect::Dialect, transaction::Isolation};

pub(crate) type SqliteStore = SqlStore<SqliteEngine>;

/// Whether values of a type can be read back.
fn reads(value_type: &ArrayType) -> bool {
    // Decimals would be kept as floating-point numbers.
    !matches!(value_type, ArrayType::BigUnsigned | ArrayType::Decimal)
}

/// What SQLite is like, through whichever library.
fn profile(capabilities: Capabilities) -> EngineProfile {
    EngineProfile {
        // From the file, and not just by the library.
        probe: "SELECT count(*) FROM sqlite_master",
        // `SQLITE_MAX_VARIABLE_NUMBER` of the bundled library.
        bind_limit: 32_766,
        counts_every_row: false,
        ..EngineProfile::new("sqlite", Dialect::Sqlite, capabilities, CATALOG)
    }
}

fn capabilities(in_memory: bool) -> Capabilities {
    Capabilities {
        durable: !in_memory,
        schema: true,
        check_constraints: true,
        reads_beside_writer: !in_memory,
        concurrent_writers: false,
        isolation: &[Isolation::Serializable],
        locking: true,
        savepoints: true,
        row_locks: true,
        referential_actions: true,
        unsigned: false,
        decimals: false,
        arrays: false,
        unenforced_keys: true,
        sql: true,
        catalog: true,
    }
}
