//! A queue that writes behind, when something breaks under it.

#![allow(dead_code, unused_macros)] // Each feature uses a part of it.

/// Makes tests of each promise: of models that are known by their ids, and by the keys of their batches.
macro_rules! each {
    ($($module:ident $entity:ident: $($promise:ident)*;)*) => {
        $(mod $module {
            use crate::support::entities::$entity::Model;

            $(
                #[tokio::test]
                async fn $promise() {
                    super::$promise::<Model>().await;
                }
            )*
        })*
    };
}

#[cfg(feature = "sqlite")]
mod calls;
#[cfg(feature = "sqlite")]
mod columns;
#[cfg(feature = "sqlite")]
mod journal;
mod killed;
#[cfg(feature = "postgres")]
mod network;
#[cfg(feature = "sqlite")]
mod store;

use std::{fmt::Debug, time::Duration};

use larder::{
    Creator, Cx, Dialect, ErrorKind, Journal, Result, SqlText, Storage, Store, Ticket, WriteBehind, WriteBehindBuilder,
    WriteBehindOptions, WriteBehindStats,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::support::{
    backend::Fixture,
    entities::{note, ticket},
    note,
};

/// Models that are told apart by a number, and how it is found out whether they are stored.
trait Numbered: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static {
    type Repository: Creator<Self> + ?Sized + 'static;

    fn of(number: i32) -> Self;

    fn number(&self) -> i32;

    fn builder(store: &Store) -> WriteBehindBuilder<Self, Self::Repository>;

    /// Reads the numbers that are stored, in the order in which they were.
    fn numbers(dialect: Dialect) -> &'static str;
}

/// By the id, which is the caller's.
impl Numbered for note::Model {
    type Repository = dyn Storage<Self, Uuid>;

    fn of(number: i32) -> Self {
        note(&number.to_string())
    }

    fn number(&self) -> i32 {
        self.body.parse().unwrap()
    }

    fn builder(store: &Store) -> WriteBehindBuilder<Self, Self::Repository> {
        WriteBehind::builder(store.repository::<note::Entity>()).reconcile_by_id()
    }

    fn numbers(dialect: Dialect) -> &'static str {
        match dialect {
            Dialect::Postgres => "SELECT CAST(body AS INTEGER) FROM note ORDER BY xmin::text::bigint, ctid",
            _ => "SELECT CAST(body AS INTEGER) FROM note ORDER BY rowid",
        }
    }
}

/// By the key of the batch: the id is made by the engine, and nothing keeps a second one with the same number out.
impl Numbered for ticket::Model {
    type Repository = dyn Storage<Self, i32>;

    fn of(number: i32) -> Self {
        Self { id: 0, level: Some(number) }
    }

    fn number(&self) -> i32 {
        self.level.unwrap()
    }

    fn builder(store: &Store) -> WriteBehindBuilder<Self, Self::Repository> {
        WriteBehind::builder(store.repository::<ticket::Entity>()).reconcile_by_key()
    }

    fn numbers(_: Dialect) -> &'static str {
        "SELECT level FROM ticket ORDER BY id"
    }
}

/// Small batches, of what there is.
fn options() -> WriteBehindOptions {
    WriteBehindOptions::new().batch_size(20).linger(Duration::from_millis(2))
}

/// Writes nothing by itself.
fn patient() -> WriteBehindOptions {
    WriteBehindOptions::new().linger(WriteBehindOptions::MAX_LINGER)
}

async fn start<M: Numbered>(store: &Store, options: WriteBehindOptions, journal: Option<Journal>) -> Result<WriteBehind<M>> {
    let builder = M::builder(store).options(options);
    match journal {
        Some(journal) => builder.journal(journal).start().await,
        None => builder.start().await,
    }
}

/// Submits a model without waiting.
fn submit<M: Numbered>(queue: &WriteBehind<M>, number: i32) -> Result<Ticket<M>> {
    queue.submit(&Cx::new(), &M::of(number))
}

async fn stored<M: Numbered>(store: &Store) -> Vec<i32> {
    let sql = store.sql().unwrap();
    sql.query_as(&Cx::new(), &SqlText::new(M::numbers(sql.dialect()))).await.unwrap()
}

/// Each accepted model has become one thing.
fn adds_up(stats: &WriteBehindStats) {
    let ends = stats.stored + stats.failed + stats.withdrawn + stats.dropped + stats.abandoned;
    assert_eq!((stats.accepted, stats.depth, stats.bytes), (ends, 0, 0), "{stats:?}");
}

/// Has a journal's models stored, and looks at what is stored then, in its order. Nothing is left in the journal.
async fn settled<M: Numbered>(store: &Store, journal: &Journal) -> (Vec<i32>, u64) {
    let queue = start::<M>(store, options(), Some(journal.clone())).await.unwrap();
    let recovery = queue.recovery().clone();
    assert!(recovery.set_aside.is_empty(), "{recovery:?}");
    let stats = queue.close(&Cx::new()).await;
    assert_eq!((stats.stored, stats.failed), (recovery.replayed, 0), "{stats:?}");
    let numbers = stored::<M>(store).await;
    let queue = start::<M>(store, options(), Some(journal.clone())).await.unwrap();
    assert_eq!((queue.recovery().replayed, queue.recovery().cut_bytes), (0, 0));
    assert_eq!(queue.close(&Cx::new()).await.accepted, 0);
    assert_eq!(stored::<M>(store).await, numbers);
    (numbers, recovery.replayed)
}

fn url_of(fixture: &Fixture) -> String {
    #[cfg(feature = "postgres")]
    if let Some(database) = fixture.guard.downcast_ref::<crate::support::postgres::TestDatabase>() {
        return database.url();
    }
    let (_, url) = fixture.guard.downcast_ref::<(tempfile::TempDir, String)>().unwrap();
    url.clone()
}

/// What was refused, by its kind.
fn kind<T>(outcome: Result<T>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}
