//! [guide]: crate::guide
//! [queries]: crate::guide::queries
//! [transactions]: crate::guide::transactions
//! [write_behind]: crate::guide::write_behind
//! [guarantees]: crate::guide::guarantees
//! [failures]: crate::guide::failures
//! [sqlite]: crate::guide::sqlite
//! [postgres]: crate::guide::postgres
//! [duckdb]: crate::guide::duckdb
//! [files]: crate::guide::files
//! [segments]: crate::guide::segments
//! [migrations]: crate::guide::migrations
//! [testing]: crate::guide::testing
//! [backends_and_layers]: crate::guide::backends_and_layers
//! [architecture]: https://docs.rs/crate/larder/latest/source/docs/architecture.md
//! [benchmarks]: https://docs.rs/crate/larder/latest/source/docs/benchmarks.md
//! [contributing]: https://docs.rs/crate/larder/latest/source/CONTRIBUTING.md
//!
#![doc = include_str!("../README.md")]
//!
//! # Where to find what
//!
//! - **Open a store**: [`open`] takes a URL, [`OpenOptions`] also settings such as [`Durability`]; [`Store`]. For an application
//!   with a SeaORM connection and the feature `sea-orm`, `Store::from_sea_orm`.
//! - **Define what is stored**: a SeaORM entity whose model can be serialized is [`Storable`]. [`RepositoryBuilder`] names
//!   columns that a repository keeps, and the tenant whose models it sees; [`AppendOnly`] is for tables without a key; [`new_id`]
//!   makes an id.
//! - **Read**: [`Reader`] and [`ReaderExt`], with [`Query`], [`Filter`], [`field`], [`field_of`], [`TextPattern`], [`Page`],
//!   [`PageRequest`], [`Cursor`], [`Projection`], [`ModelStream`], [`for_each_concurrent`].
//! - **Compute values of groups**: [`Aggregation`], [`Aggregate`], [`Having`], [`TimeBucket`].
//! - **Write**: [`Creator`], [`Updater`], [`Deleter`] and [`DeleterExt`], with [`Changes`], [`OnConflict`], [`Upserted`].
//!   [`Storage`] is all of these and [`Reader`].
//! - **Transactions**: [`TransactionalExt::tx`], [`Cx`], [`TxOptions`], [`Isolation`], [`Propagation`], [`Retry`],
//!   [`Cx::on_commit`], [`Cx::with_timeout`], [`Cx::with_cancel`], [`Cx::with_idempotency_key`] with [`Store::has_committed`].
//! - **Many small writes**: [`WriteBehind`], [`WriteBehindOptions`], [`Ticket`], [`Journal`], [`Feed`], [`WriteBehindStats`].
//! - **Tables without entities**: [`Store::tables`], [`Store::describe`] and [`Store::dynamic`], with [`Table`], [`TableName`],
//!   [`Row`], [`Key`], [`field_named`].
//! - **SQL beside repositories**: [`Store::sql`] returns [`Sql`]; [`SqlText`], [`Row`], [`Dialect`].
//! - **Layers**: [`Store::layer`] and [`RepositoryBuilder::layer`] with [`layer::Timeout`], [`layer::Tracing`], [`layer::Hooks`];
//!   [`layer::Around`] for your own.
//! - **Errors and health**: [`Error`], [`ErrorKind`], [`ErrorClass`]; [`Store::health`], [`Health`]; [`Store::capabilities`],
//!   [`Capabilities`]; what a store in files cannot read: [`Store::recovery`], [`Recovery`].
//! - **Tests of an application**: [`TransactionalExt::sandbox`], [`ManualClock`]; see [`guide::testing`].
//! - **A backend of your own**: [`backend`], [`Store::from_backend`]; see [`guide::backends_and_layers`].
//! - **Guide**: [`guide`] has a page on each subject, such as [`guide::transactions`], [`guide::guarantees`] and
//!   [`guide::failures`].
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]

// The contract.
mod capability;
mod concurrent;
mod context;
mod entity;
mod error;
#[allow(unreachable_pub, reason = "what SeaORM derives is public")]
mod idempotency;
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
mod append_only;
pub mod backend;
mod builder;
mod dynamic;
mod health;
mod open;
mod open_options;
#[cfg(any(feature = "_sql", feature = "file"))]
mod parameter;
mod recovery;
#[cfg(feature = "disk")]
mod segment_store;
mod sql;
mod statement_counts;
mod store;

// How to use it, in words, and how to prove a backend.
pub mod guide;
#[cfg(feature = "testing")]
pub mod testing;

// The suite names the crate as its users do.
#[cfg(feature = "testing")]
extern crate self as larder;

pub use append_only::AppendOnly;
pub use builder::RepositoryBuilder;
pub use capability::Capabilities;
pub use clock::{Clock, ManualClock, SystemClock, to_microseconds};
pub use concurrent::for_each_concurrent;
pub use context::Cx;
pub use dialect::Dialect;
pub use entity::{IdOf, Storable};
pub use error::{Error, ErrorClass, ErrorKind, Result};
pub use health::{Health, HealthCheck, HealthStatus};
pub use id::new_id;
pub use open::open;
pub use open_options::{Durability, OpenOptions};
pub use query::{
    Aggregate, Aggregation, Assignable, Changes, Column, ColumnChange, ColumnName, Comparable, ConflictAction, Cursor,
    DateTimeKind, Field, Filter, Having, JsonKind, MAX_PAGE_SIZE, Numeric, OnConflict, Operand, Ordered, Outcome, Page,
    PageRequest, PartOfEach, Projection, Query, QueryParts, Scalar, TextPattern, TimeBucket, TypedColumn, Upserted, field,
    field_named, field_of, kind,
};
pub use recovery::{Recovery, Unreadable};
pub use repository::{Creator, Deleter, DeleterExt, Reader, ReaderExt, Storage, Transactional, Updater};
pub use row::{Row, column_value};
#[cfg(feature = "disk")]
pub use segment_store::{SegmentInfo, SegmentStore};
pub use sql::{Sql, SqlStatement, SqlText};
pub use statement_counts::StatementCounts;
pub use store::Store;
pub use stream::ModelStream;
pub use table::{ColumnDetails, Reference, Table, TableName};
pub use tokio_util::sync::CancellationToken;
pub use transaction::{AccessMode, Isolation, Locking, Propagation, Retry, TransactionalExt, TxOptions};
pub use value::Key;
pub use write_behind::{
    Distribution, Feed, FeedEvent, FlushReason, Journal, JournalRecovery, JournalSync, Ticket, WhenFull, WriteBehind,
    WriteBehindBuilder, WriteBehindOptions, WriteBehindStats,
};
