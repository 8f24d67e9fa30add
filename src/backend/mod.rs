//! The door: what a backend does for the repositories above it, which know the types of models. Below it, no type of an entity is
//! known.
//!
//! A program that only uses larder needs nothing of it. It is for authors of backends and of [layers](crate::layer).
//!
//! # A backend
//! Implements [`Backend`], and [`TableBackend`] for each of its tables. It has [`Transactions`], and says by
//! [`TransactionSource`] and [`OpenTransaction`] how one is opened and ends. A backend that holds its rows in memory, whatever
//! keeps them, implements [`TablesSource`] in place of these three. This one keeps nothing:
//!
//! ```
//! # use std::{sync::{Arc, Mutex}, time::Duration};
//! # use async_trait::async_trait;
//! # use larder::{Capabilities, Clock, Cx, Dialect, Error, ErrorKind, Health, Isolation, Result, StatementCounts, Store};
//! # use larder::{SystemClock, Transactional, TxOptions};
//! use larder::backend::{
//!     AcquireMode, Answer, Backend, SqlRequest, StoreId, Table, TableBackend, Tables, TablesBackend, TablesSource, TablesWriter,
//!     Transactions,
//! };
//! use tokio::sync::OwnedMutexGuard;
//!
//! #[derive(Clone)]
//! struct Volatile {
//!     transactions: Arc<Transactions>,
//!     committed: Arc<Mutex<Tables>>,
//!     turn: Arc<tokio::sync::Mutex<()>>,
//! }
//!
//! #[async_trait]
//! impl TablesSource for Volatile {
//!     type Writer = Turn;
//!
//!     fn transactions(&self) -> &Transactions {
//!         &self.transactions
//!     }
//!
//!     fn define(&self, table: &Arc<Table>) -> Result<()> {
//!         self.committed.lock().unwrap().define(table)
//!     }
//!
//!     fn committed(&self) -> Result<Tables> {
//!         Ok(self.committed.lock().unwrap().clone())
//!     }
//!
//!     async fn writer(&self, cx: &Cx, mode: AcquireMode) -> Result<Turn> {
//!         let turn = self.turn.clone();
//!         let turn = match mode {
//!             AcquireMode::NoWait => turn.try_lock_owned().map_err(|_| Error::new(ErrorKind::NestedAcquire, "it writes"))?,
//!             AcquireMode::Wait => cx.bound("while it waited for its turn", async { Ok(turn.lock_owned().await) }).await?,
//!         };
//!         Ok(Turn { store: self.clone(), _turn: turn })
//!     }
//! }
//!
//! struct Turn {
//!     store: Volatile,
//!     _turn: OwnedMutexGuard<()>,
//! }
//!
//! #[async_trait]
//! impl TablesWriter for Turn {
//!     async fn commit(self, tables: Tables) -> Result<()> {
//!         *self.store.committed.lock().unwrap() = tables;
//!         Ok(())
//!     }
//! }
//!
//! #[async_trait]
//! impl Backend for Volatile {
//!     fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend> {
//!         Arc::new(TablesBackend::new(self.clone(), table))
//!     }
//!
//!     async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
//!         self.finds_key(cx, key).await
//!     }
//!
//!     async fn health(&self, _: &Cx) -> Health {
//!         self.transactions.health(Ok(()))
//!     }
//!
//!     fn dialect(&self) -> Result<Dialect> {
//!         Err(Error::new(ErrorKind::Unsupported, "it runs no SQL"))
//!     }
//!
//!     async fn sql(&self, _: &Cx, _: SqlRequest) -> Result<Answer> {
//!         Err(Error::new(ErrorKind::Unsupported, "it runs no SQL"))
//!     }
//!     # fn id(&self) -> StoreId { self.transactions.id() }
//!     # fn name(&self) -> &'static str { "volatile" }
//!     # fn clock(&self) -> &Arc<dyn Clock> { self.transactions.clock() }
//!     # fn statement_counts(&self) -> Option<StatementCounts> { None }
//!     # async fn close(&self) { drop(self.turn.lock().await) }
//!     // And its id, its name, its clock, no counts of statements, and how it is closed.
//! }
//!
//! #[async_trait]
//! impl Transactional for Volatile {
//!     fn is_joined_by(&self, cx: &Cx) -> bool {
//!         self.transactions.are_joined_by(cx)
//!     }
//!
//!     fn capabilities(&self) -> Capabilities {
//!         let mut capabilities = Capabilities::NONE;
//!         (capabilities.savepoints, capabilities.isolation) = (true, &[Isolation::Serializable]);
//!         capabilities
//!     }
//!
//!     async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
//!         self.transactions.begin(self, cx, options).await
//!     }
//! }
//!
//! # mod note {
//! #     use sea_orm::entity::prelude::*;
//! #     #[sea_orm::compact_model]
//! #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
//! #     #[sea_orm(table_name = "note")]
//! #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
//! #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//! #     pub enum Relation {}
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//! # use larder::{Creator, Filter, Reader, TransactionalExt};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let transactions = Arc::new(Transactions::new(Arc::new(SystemClock), Duration::from_secs(60)));
//! let volatile = Volatile { transactions, committed: Arc::default(), turn: Arc::default() };
//! let store = Store::from_backend(Arc::new(volatile));
//! let (notes, cx) = (store.repository::<note::Entity>(), Cx::new());
//! let undone = store.tx(&cx, |cx| {
//!     let notes = notes.clone();
//!     async move {
//!         notes.create(&cx, &note::Model { id: 0, text: "one".into() }).await?;
//!         Err::<(), _>(Error::new(ErrorKind::InvalidInput, "thought better of"))
//!     }
//! });
//! assert!(undone.await.is_err());
//! assert_eq!(notes.count(&cx, &Filter::all()).await?, 0);
//! # Ok(()) }
//! ```

mod admission;
#[cfg(feature = "disk")]
pub(crate) mod disk;
#[cfg(feature = "file")]
pub(crate) mod file;
pub(crate) mod log;
pub(crate) mod memory;
mod models;
mod operation;
#[cfg(feature = "_sql")]
pub(crate) mod sql;
mod tables;
mod turns;

use std::sync::Arc;

use async_trait::async_trait;
pub use futures_util::future::BoxFuture;

#[cfg(feature = "file")]
pub(crate) use self::tables::RowChange;
#[cfg(feature = "disk")]
pub(crate) use self::tables::{StoredRow, projected};
pub use self::{
    models::{Decoder, Models, Parts, Rows},
    operation::{Answer, Leaves, Read, SqlRequest, Wanted, Write},
    tables::{TableWrite, Tables, TablesBackend, TablesSource, TablesTransaction, TablesWriter},
};
use crate::{
    clock::Clock,
    context::Cx,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    health::Health,
    recovery::Recovery,
    repository::Transactional,
    statement_counts::StatementCounts,
};
pub use crate::{
    context::Access,
    query::{
        Change, Comparison, GroupKey, Grouping, Measure, MeasureKind, Quantifier, Resolution, ResolvedFilter, Selection,
        SemiJoin, Test, TimeGrid, Tree,
    },
    table::{Table, TableName},
    transaction::{AcquireMode, Entry, Joined, OpenTransaction, Step, StoreId, TransactionSource, Transactions},
    value::{Key, Put, ReadRow, decode_row, encode_row},
};

/// A kind of store: memory, a database, or a [layer](crate::layer) around another backend.
#[async_trait]
pub trait Backend: Transactional {
    /// What its transactions are known by. A layer has the id of the backend it wraps: repositories of both take part in one
    /// transaction.
    fn id(&self) -> StoreId;

    /// What kind of store it is, such as `sqlite`.
    fn name(&self) -> &'static str;

    /// The dialect of SQL that it understands.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it understands none.
    fn dialect(&self) -> Result<Dialect>;

    /// Where it takes the current time from.
    fn clock(&self) -> &Arc<dyn Clock>;

    /// How often statements were prepared, and found prepared. Returns `None` if it does not count them.
    fn statement_counts(&self) -> Option<StatementCounts>;

    /// What it does for a table.
    fn table(&self, table: Arc<Table>) -> Arc<dyn TableBackend>;

    /// The names of its tables, without those of the system, and without views. Inside a transaction of the context, as that sees
    /// them.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without the capability `catalog`, as it is by itself.
    async fn tables(&self, cx: &Cx) -> Result<Vec<TableName>> {
        let _ = cx;
        Err(no_catalog())
    }

    /// A table or a view, as the catalog describes it. Inside a transaction of the context, as that sees it.
    ///
    /// # Errors
    /// [`TableMissing`](crate::ErrorKind::TableMissing), and [`Unsupported`](crate::ErrorKind::Unsupported) without the
    /// capability `catalog`, as it is by itself.
    async fn describe(&self, cx: &Cx, table: &TableName) -> Result<Arc<Table>> {
        let _ = (cx, table);
        Err(no_catalog())
    }

    /// What it found in its files. Default: nothing, as for a backend that has none, or whose engine looks after them.
    fn recovery(&self) -> Recovery {
        Recovery::default()
    }

    /// Runs a statement that a caller wrote, in the transaction of the context if there is one.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it understands no SQL.
    async fn sql(&self, cx: &Cx, request: SqlRequest) -> Result<Answer>;

    /// Runs a probe query and returns the store's health. Takes part in no transaction.
    async fn health(&self, cx: &Cx) -> Health;

    /// Whether a transaction with this idempotency key has committed. One that has begun and not ended is waited for.
    async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool>;

    /// Refuses further work, waits for what runs, and lets go of what it holds.
    async fn close(&self);
}

fn no_catalog() -> Error {
    Error::new(ErrorKind::Unsupported, "the store does not tell which tables it has (capability `catalog`)")
}

/// What a backend does for one table. The promises are those of the contract's traits: atomicity, order, and what a dropped
/// future leaves behind.
#[async_trait]
pub trait TableBackend: Send + Sync {
    /// Refuses a table that the backend cannot keep models in.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported), which names the column that is the reason, if it is one.
    fn check(&self) -> Result<()>;

    /// Reads. Models are made by the decoder.
    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// Writes, as a whole or not at all. Models are made by the decoder.
    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>>;

    /// The models of a selection in parts. Returns `None` in a transaction of the store's, whose connection others use meanwhile:
    /// there, each part is to be selected by itself.
    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>>;
}
