//! Texts of statements that differ from one time to another only in their values.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
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
pub(in super::super) struct Texts(RwLock<BTreeMap<Which, Arc<Text>>>);

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
    /// The statement for a row of values. It is written the first time, with values that stand for others, and shows by them where each goes.
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
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
        if let Some(text) = known {
            return Ok(text.with(row));
        }
        let written = write(&(FIRST..).take(row.len()).map(Value::from).collect::<Vec<_>>())?;
        let values = written.values.into_iter().flat_map(|values| values.0);
        let places = values.map(|value| place(value, row.len())).collect();
        let text = Arc::new(Text { sql: written.sql, places, backend: written.db_backend });
        let statement = text.with(row);
        let mut texts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if texts.len() < MOST {
            texts.insert(which, text);
        }
        Ok(statement)
    }
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
    fn with(&self, row: &[Value]) -> Statement {
        let value = |place: &Place| match place {
            Place::Of(nth) => row.get(*nth).cloned(),
            Place::Always(value) => Some(value.clone()),
        };
        let values = self.places.iter().filter_map(value).collect();
        Statement { sql: self.sql.clone(), values: Some(Values(values)), db_backend: self.backend }
    }
}
