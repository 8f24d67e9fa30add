//! [`StatementCache`], statements that differ from one call to the next only in their values.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use sea_orm::{DbBackend, Statement, Value, Values};

use crate::{dialect::Dialect, error::Result, value::is_array};

/// Identifies a statement of an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StatementKey {
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

/// The most statements that are cached for an entity, which is more than one needs. Inserts that leave other columns to their
/// defaults are other statements.
const MAX_STATEMENTS: usize = 64;

/// The first of the stand-ins, numbers that no statement has of its own.
const FIRST_STAND_IN: i64 = i64::MIN + 4096;

/// The statements that were written for an entity in a dialect.
#[derive(Debug, Default)]
pub(in super::super) struct StatementCache {
    statements: RwLock<BTreeMap<StatementKey, Arc<StatementTemplate>>>,
    whole: OnceLock<Arc<WholeInsert>>,
}

/// The insert of one row that names every column.
#[derive(Debug)]
#[cfg_attr(not(feature = "sqlite"), allow(dead_code, reason = "SQLite alone inserts as given"))]
pub(crate) struct WholeInsert {
    template: StatementTemplate,
    /// The same, returning the row.
    pub(crate) returning: String,
}

impl WholeInsert {
    pub(super) fn new(plain: Statement, returning: String, length: usize) -> Self {
        Self { template: StatementTemplate::new(plain, length), returning }
    }

    /// The insert of a row of values.
    pub(in super::super) fn with(&self, row: &[Value]) -> Statement {
        self.template.with(row)
    }
}

#[derive(Debug)]
struct StatementTemplate {
    sql: String,
    slots: Vec<BindSlot>,
    backend: DbBackend,
}

/// What is bound to one parameter of a statement.
#[derive(Debug)]
enum BindSlot {
    /// A value of the row.
    Of(usize),
    Always(Value),
}

impl StatementCache {
    /// The statement for a row of values. The first time, it is written with stand-ins, which show where each value is bound.
    pub(super) fn statement(
        &self,
        key: StatementKey,
        dialect: Dialect,
        row: &[Value],
        write: impl Fn(&[Value]) -> Result<Statement>,
    ) -> Result<Statement> {
        // How these are written depends on their types.
        let is_special = |value: &Value| matches!(value, Value::Enum(_)) || is_array(value);
        if dialect == Dialect::DuckDb || row.iter().any(is_special) {
            return write(row);
        }
        let known = self.statements.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(template) = known {
            return Ok(template.with(row));
        }
        let template = Arc::new(StatementTemplate::new(write(&stand_ins(row.len()))?, row.len()));
        let statement = template.with(row);
        let mut statements = self.statements.write().unwrap_or_else(PoisonError::into_inner);
        if statements.len() < MAX_STATEMENTS {
            statements.insert(key, template);
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

/// Stand-ins for the values of a row, which show where each is bound.
pub(super) fn stand_ins(length: usize) -> Vec<Value> {
    (FIRST_STAND_IN..).take(length).map(Value::from).collect()
}

fn slot(value: Value, length: usize) -> BindSlot {
    let nth = match value {
        Value::BigInt(Some(number)) => number.checked_sub(FIRST_STAND_IN).and_then(|nth| usize::try_from(nth).ok()),
        _ => None,
    };
    match nth {
        Some(nth) if nth < length => BindSlot::Of(nth),
        _ => BindSlot::Always(value),
    }
}

impl StatementTemplate {
    /// The template of a statement that was written with stand-ins for a row of this length.
    fn new(written: Statement, length: usize) -> Self {
        let values = written.values.into_iter().flat_map(|values| values.0);
        Self { sql: written.sql, slots: values.map(|value| slot(value, length)).collect(), backend: written.db_backend }
    }

    fn with(&self, row: &[Value]) -> Statement {
        let value = |slot: &BindSlot| match slot {
            BindSlot::Of(nth) => row.get(*nth).cloned(),
            BindSlot::Always(value) => Some(value.clone()),
        };
        let values = self.slots.iter().filter_map(value).collect();
        Statement { sql: self.sql.clone(), values: Some(Values(values)), db_backend: self.backend }
    }
}
