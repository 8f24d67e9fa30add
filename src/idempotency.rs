//! Idempotency keys of transactions. A transaction with a key writes one model of this entity, so that its key is stored when it
//! commits.

use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use sea_orm::{Value, entity::prelude::*};
use serde::{Deserialize, Serialize};

use crate::{
    clock::to_microseconds,
    error::{Error, ErrorKind, Result},
    table::Table,
    value::portable,
};

/// The most bytes of a key. An index of any engine takes as many.
const MAX_KEY_LENGTH: usize = 255;

#[derive(Clone, Debug, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "larder_commits")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key: String,
    pub begun_at: DateTimeUtc,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    fn new(key: &str, now: DateTime<Utc>) -> Result<Self> {
        if key.is_empty() || key.len() > MAX_KEY_LENGTH {
            return Err(Error::new(ErrorKind::InvalidInput, "an idempotency key is text of 1 to 255 bytes"));
        }
        Ok(Self { key: key.to_owned(), begun_at: to_microseconds(now) })
    }
}

/// The table of the records.
pub(crate) fn table() -> Arc<Table> {
    static TABLE: LazyLock<Arc<Table>> = LazyLock::new(|| Arc::new(Table::of::<Entity>()));
    TABLE.clone()
}

/// The record of a transaction with this key, as a row.
pub(crate) fn row(key: &str, now: DateTime<Utc>) -> Result<Vec<Value>> {
    let Model { key, begun_at } = Model::new(key, now)?;
    Ok(vec![portable(key.into())?, begun_at.into()])
}

/// The result of writing the record. A duplicate means that a transaction with the key has committed.
pub(crate) fn recorded<T>(written: Result<T>) -> Result<T> {
    written.map_err(|error| match error.kind() {
        ErrorKind::Duplicate => Error::new(ErrorKind::Duplicate, "a transaction with this idempotency key has committed")
            .with_source(error)
            .of_commits(),
        _ => error.of_commits(),
    })
}

/// Whether an error says that a transaction with the key has committed.
pub(crate) fn is_already_committed(error: &Error) -> bool {
    error.kind() == ErrorKind::Duplicate && error.model() == Some(Entity.table_name())
}

impl Error {
    fn of_commits(self) -> Self {
        self.at("begin", Entity.table_name())
    }
}
