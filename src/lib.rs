#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(unreachable_pub)]

// The contract.
mod capability;
mod context;
mod entity;
mod error;
mod repository;
mod transaction;

// What the contract rests on.
mod clock;
mod dialect;
mod id;
mod value;

// The places models are stored in, and how they are opened.
mod backend;
mod open;
mod sql;
mod store;

pub use capability::Capabilities;
pub use clock::{Clock, ManualClock, SystemClock, to_microseconds};
pub use context::Cx;
pub use dialect::Dialect;
pub use entity::{IdOf, Storable};
pub use error::{Error, ErrorClass, ErrorKind, Result};
pub use id::new_id;
pub use open::{Durability, OpenOptions, open};
pub use repository::{Creator, Deleter, Reader, ReaderExt, Storage, Transactional, Updater};
pub use sql::{Sql, SqlStatement};
pub use store::Store;
pub use transaction::{AccessMode, Isolation, Locking, TransactionalExt, TxOptions};
