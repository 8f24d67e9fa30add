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

/// The first of the stand-ins for the values of a row, and of other ones: what differs in two statements that were written with
/// either is bound to values of the row.
const FIRST_STAND_INS: [i64; 2] = [0, i64::MIN];

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
    pub(super) fn new(plain: [Statement; 2], returning: String) -> Self {
        Self { template: StatementTemplate::new(plain), returning }
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
        let [one, other] = stand_ins(row.len());
        let template = Arc::new(StatementTemplate::new([write(&one)?, write(&other)?]));
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

/// Stand-ins for the values of a row, and others.
pub(super) fn stand_ins(length: usize) -> [Vec<Value>; 2] {
    FIRST_STAND_INS.map(|first| (first..).take(length).map(Value::from).collect())
}

/// What is bound where two statements have these values.
fn slot(one: Value, other: &Value) -> BindSlot {
    match &one {
        Value::BigInt(Some(nth)) if one != *other => BindSlot::Of(usize::try_from(*nth).unwrap_or(usize::MAX)),
        _ => BindSlot::Always(one),
    }
}

impl StatementTemplate {
    /// The template of a statement that was written with stand-ins, and with others.
    fn new([one, other]: [Statement; 2]) -> Self {
        let values = |statement: Option<Values>| statement.into_iter().flat_map(|values| values.0);
        let slots = values(one.values).zip(values(other.values)).map(|(one, other)| slot(one, &other));
        Self { sql: one.sql, slots: slots.collect(), backend: one.db_backend }
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
