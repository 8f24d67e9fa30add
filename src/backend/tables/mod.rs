//! [`Tables`], the rows of a store's tables as a value: what a backend that holds its rows in memory is made of.

mod aggregate;
#[cfg(feature = "file")]
mod changes;
mod constraint;
mod look_up;
mod read;
mod source;
mod state;
mod table_write;
mod transaction;
mod writer;

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use chrono::{DateTime, Utc};
use sea_orm::Value;

#[cfg(feature = "file")]
pub(crate) use self::changes::RowChange;
use self::{constraint::Definitions, state::RowsByTable, writer::Writer};
#[cfg(feature = "disk")]
pub(crate) use self::{read::projected, state::StoredRow};
pub use self::{
    source::{TablesBackend, TablesSource},
    table_write::TableWrite,
    transaction::{TablesTransaction, TablesWriter},
};
use super::{Answer, Decoder};
use crate::{
    context::{Access, Cx},
    error::{Error, ErrorKind, Result},
    idempotency::{self, is_already_committed, recorded},
    table::{Table, TableName},
};

/// The rows of all tables of a store, with the constraints of their entities: primary keys, unique and not null columns, and
/// foreign keys with their actions. Check constraints are SQL text and are not evaluated.
///
/// A clone costs nothing and shares what it does not change, so that a transaction works on one, and commits by putting it in the
/// place of the original. The definitions of the tables are shared by all clones.
///
/// ```
/// # mod note {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "note")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use std::sync::Arc;
/// use larder::{Result, backend::{Table, Tables}};
/// use sea_orm::Value;
///
/// # fn main() -> Result<()> {
/// let table = Arc::new(Table::of::<note::Entity>());
/// let mut tables = Tables::new();
/// tables.define(&table)?;
/// let before = tables.clone();
/// tables.load(&table, [vec![Value::from(1_i64), Value::from("one")]])?;
/// assert_eq!((before.rows(&table).count(), tables.rows(&table).count()), (0, 1));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Tables {
    definitions: Arc<RwLock<Arc<Definitions>>>,
    state: RowsByTable,
}

impl Tables {
    /// No tables, but the one of the [idempotency keys](Cx::with_idempotency_key).
    #[must_use]
    pub fn new() -> Self {
        let keys = idempotency::table();
        let definitions = Definitions::from([(keys.key.clone(), keys)]);
        Self { definitions: Arc::new(RwLock::new(Arc::new(definitions))), state: RowsByTable::default() }
    }

    /// Makes a table known, with its constraints. A table has the columns of the first entity that names it.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) if it is known with other columns, because the values of a row are in their order,
    /// and if it has no primary key.
    pub fn define(&self, table: &Arc<Table>) -> Result<()> {
        table.require_id()?;
        let mut definitions = self.definitions.write().unwrap_or_else(PoisonError::into_inner);
        if definitions.get(&table.key).is_some_and(|known| !known.has_rows_of(table)) {
            return Err(Error::new(ErrorKind::Unsupported, "the table is that of another entity, which has other columns"));
        }
        Arc::make_mut(&mut definitions).insert(table.key.clone(), table.clone());
        Ok(())
    }

    fn known(&self) -> Arc<Definitions> {
        self.definitions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The tables that are known.
    #[must_use]
    pub fn definitions(&self) -> Vec<Arc<Table>> {
        self.known().values().cloned().collect()
    }

    /// The names of the tables that are known.
    #[must_use]
    pub fn names(&self) -> Vec<TableName> {
        self.known().keys().cloned().collect()
    }

    /// A table that is known, for rows by column name.
    ///
    /// # Errors
    /// [`TableMissing`](ErrorKind::TableMissing) if it is not known.
    pub fn describe(&self, table: &TableName) -> Result<Arc<Table>> {
        let missing = || Error::new(ErrorKind::TableMissing, "no repository was made for a table of this name");
        self.known().get(table).map(Table::described).ok_or_else(missing)
    }

    /// The rows of a table, by their ids.
    pub fn rows(&self, table: &Table) -> impl Iterator<Item = &[Value]> {
        self.state.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values()).map(AsRef::as_ref)
    }

    /// Adds rows that were stored before; clones that were made before do not have them. Foreign keys are not checked: what they
    /// point at may follow.
    /// Generated ids go on after the largest of them: the id of a row that was deleted before may be generated again.
    ///
    /// # Errors
    /// [`Duplicate`](ErrorKind::Duplicate), [`NotNull`](ErrorKind::NotNull). The rows before are added.
    pub fn load(&mut self, table: &Table, rows: impl IntoIterator<Item = Vec<Value>>) -> Result<()> {
        rows.into_iter().try_for_each(|row| self.state.insert(table, row).map(drop))
    }

    /// Changes the rows of a table, as a whole or not at all, and returns the changed tables with the answer. The answer is an
    /// error where the write was refused without a change, such as of a version that is not the one stored: it is no reason for a
    /// transaction to fail. What looks at many rows runs on a thread that may block.
    ///
    /// # Errors
    /// Those of the write, for which a transaction fails.
    ///
    /// # Dropping the future
    /// Changes nothing.
    pub async fn write(
        &self,
        cx: &Cx,
        table: &Arc<Table>,
        write: TableWrite,
        decoder: &Arc<dyn Decoder>,
        now: DateTime<Utc>,
    ) -> Result<(Self, Result<Answer>)> {
        let joined = write.condition().map_or(Ok(0), |condition| self.joined(condition))?;
        let reach = self.reach(table, &write) + joined;
        let (mut changed, table, decoder) = (self.clone(), table.clone(), decoder.clone());
        let work = move || {
            let definitions = changed.known();
            let mut writer = Writer { table: &table, definitions: &definitions, state: &mut changed.state, now };
            let answer = write.apply(&mut writer, &decoder)?;
            Ok((changed, answer))
        };
        read::run(cx, reach, work).await
    }

    /// How many rows are looked at, at most, for a write.
    fn reach(&self, table: &Table, write: &TableWrite) -> usize {
        match write.given() {
            None => self.state.len(&table.key),
            Some(count) if !write.may_be_referred_to() => count,
            Some(count) => {
                let definitions = self.known();
                let refers = |other: &&Arc<Table>| other.foreign_keys.iter().any(|key| key.parent == table.key);
                let referring: usize = definitions.values().filter(refers).map(|other| self.state.len(&other.key)).sum();
                count.saturating_mul(referring + 1)
            }
        }
    }

    /// Writes the idempotency key of the context, if it has one.
    ///
    /// # Errors
    /// [`Duplicate`](ErrorKind::Duplicate) if it is there: a transaction with the key has committed.
    pub fn record(&mut self, cx: &Cx, now: DateTime<Utc>) -> Result<()> {
        let Some(key) = cx.key_for(Access::Write) else { return Ok(()) };
        let row = idempotency::row(key, now)?;
        recorded(self.state.insert(&idempotency::table(), row)).map(drop)
    }

    /// Whether a transaction with this idempotency key has committed.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for what is no key.
    pub fn has_committed(&self, key: &str, now: DateTime<Utc>) -> Result<bool> {
        match self.clone().record(&Cx::new().with_idempotency_key(key), now) {
            Ok(()) => Ok(false),
            Err(error) if is_already_committed(&error) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("tables", &self.known().len()).finish_non_exhaustive()
    }
}
