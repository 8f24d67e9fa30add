#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]

// The contract.
mod capability;
#[allow(unreachable_pub, reason = "what SeaORM derives is public")]
mod commit;
mod context;
mod entity;
mod error;
mod query;
mod repository;
mod rules;
mod stream;
mod transaction;

// What the contract rests on.
mod clock;
mod coop;
mod dialect;
mod id;
mod limits;
mod row;
#[cfg_attr(not(feature = "_sql"), expect(dead_code, reason = "statements need the rest of it"))]
mod table;
mod value;

// What stands before a repository.
mod write_behind;

// Behaviours around a store.
pub mod layer;

// The places models are stored in, and how they are opened.
pub mod backend;
mod builder;
mod health;
mod open;
#[cfg(feature = "_sql")]
mod parameter;
mod sql;
mod store;

// How to use it, in words.
pub mod guide;

pub use builder::RepositoryBuilder;
pub use capability::Capabilities;
pub use clock::{Clock, ManualClock, SystemClock, to_microseconds};
pub use context::Cx;
pub use dialect::Dialect;
pub use entity::{IdOf, Storable};
pub use error::{Error, ErrorClass, ErrorKind, Result};
pub use health::{Health, HealthCheck, HealthStatus};
pub use id::new_id;
pub use open::{Durability, OpenOptions, open};
pub use query::{
    Changes, Column, Comparable, Cursor, Field, Filter, JsonKind, MAX_PAGE_SIZE, Numeric, OnConflict, Operand, Ordered, Page,
    PageRequest, Projection, Query, Scalar, TypedColumn, Upserted, field, field_of, kind,
};
pub use repository::{Creator, Deleter, DeleterExt, Reader, ReaderExt, Storage, Transactional, Updater};
pub use row::{Row, column_value};
pub use sql::{Sql, SqlStatement, SqlText};
pub use store::{StatementCounts, Store};
pub use stream::ModelStream;
pub use tokio_util::sync::CancellationToken;
pub use transaction::{AccessMode, Isolation, Locking, Propagation, Retry, TransactionalExt, TxOptions};
pub use write_behind::{
    Distribution, Feed, FeedEvent, FlushReason, Journal, JournalRecovery, JournalSync, Ticket, WhenFull, WriteBehind,
    WriteBehindBuilder, WriteBehindOptions, WriteBehindStats,
};
