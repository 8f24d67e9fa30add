//! Texts of statements that differ from one time to another only in their values.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use sea_orm::{DbBackend, Statement, Value, Values};

use crate::{dialect::Dialect, error::Result, value::is_array};

/// Which statement of an entity it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Find,
    /// An insert of one row, by the positions of the columns that it names.
    Insert {
        named: Vec<usize>,
        returning: bool,
    },
    Update {
        returning: bool,
    },
}

/// More than an entity needs. An insert is one for each choice of columns that are left to their defaults.
const MOST: usize = 64;

/// The first of the values that stand for others: numbers that no statement has of its own.
const FIRST: i64 = i64::MIN + 4096;

/// What was written once for an entity in a dialect.
#[derive(Debug, Default)]
pub(in super::super) struct Texts {
    statements: RwLock<BTreeMap<Which, Arc<Text>>>,
    whole: OnceLock<Arc<WholeInsert>>,
}

/// The insert of one row that names every column.
#[derive(Debug)]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite alone inserts as given"))]
pub(crate) struct WholeInsert {
    text: Text,
    /// The same, answering the row.
    pub(crate) returning: String,
}

impl WholeInsert {
    pub(super) fn new(plain: Statement, returning: String, length: usize) -> Self {
        Self { text: Text::new(plain, length), returning }
    }

    /// The insert of a row of values.
    pub(in super::super) fn with(&self, row: &[Value]) -> Statement {
        self.text.with(row)
    }
}

#[derive(Debug)]
struct Text {
    sql: String,
    places: Vec<Place>,
    backend: DbBackend,
}

/// What a statement has in one of its places.
#[derive(Debug)]
enum Place {
    /// A value of the row.
    Of(usize),
    Always(Value),
}

impl Texts {
    /// The statement for a row of values. It is written the first time, with values that stand for others, and shows by them
    /// where each goes.
    pub(super) fn statement(
        &self,
        which: Which,
        dialect: Dialect,
        row: &[Value],
        write: impl Fn(&[Value]) -> Result<Statement>,
    ) -> Result<Statement> {
        // These are written by their types.
        let is_special = |value: &Value| matches!(value, Value::Enum(_)) || is_array(value);
        if dialect == Dialect::DuckDb || row.iter().any(is_special) {
            return write(row);
        }
        let known = self.statements.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
        if let Some(text) = known {
            return Ok(text.with(row));
        }
        let text = Arc::new(Text::new(write(&stand_ins(row.len()))?, row.len()));
        let statement = text.with(row);
        let mut texts = self.statements.write().unwrap_or_else(PoisonError::into_inner);
        if texts.len() < MOST {
            texts.insert(which, text);
        }
        Ok(statement)
    }

    /// The insert of a row that names every column, written the first time.
    pub(super) fn whole_insert(&self, write: impl FnOnce() -> Result<WholeInsert>) -> Result<Arc<WholeInsert>> {
        if let Some(insert) = self.whole.get() {
            return Ok(insert.clone());
        }
        let written = Arc::new(write()?);
        Ok(self.whole.get_or_init(|| written).clone())
    }
}

/// Values that stand for those of a row, and show where each goes.
pub(super) fn stand_ins(length: usize) -> Vec<Value> {
    (FIRST..).take(length).map(Value::from).collect()
}

fn place(value: Value, length: usize) -> Place {
    let nth = match value {
        Value::BigInt(Some(number)) => number.checked_sub(FIRST).and_then(|nth| usize::try_from(nth).ok()),
        _ => None,
    };
    match nth {
        Some(nth) if nth < length => Place::Of(nth),
        _ => Place::Always(value),
    }
}

impl Text {
    /// What was written with stand-ins for a row of this length.
    fn new(written: Statement, length: usize) -> Self {
        let values = written.values.into_iter().flat_map(|values| values.0);
        Self { sql: written.sql, places: values.map(|value| place(value, length)).collect(), backend: written.db_backend }
    }

    fn with(&self, row: &[Value]) -> Statement {
        let value = |place: &Place| match place {
            Place::Of(nth) => row.get(*nth).cloned(),
            Place::Always(value) => Some(value.clone()),
        };
        let values = self.places.iter().filter_map(value).collect();
        Statement { sql: self.sql.clone(), values: Some(Values(values)), db_backend: self.backend }
    }
}
