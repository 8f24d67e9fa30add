//! [`Compared`], what the catalogs have to tell before a statement is written.

use std::sync::Arc;

use crate::{backend::sql::Engine, error::Result, query::ResolvedFilter, table::Table};

/// Whether a statement compares values that may be stored in several forms, and the other tables that it looks into, each with
/// the same of it.
#[derive(Clone, Default)]
pub(super) struct Compared {
    pub(super) has_forms: bool,
    pub(super) joined: Vec<(Arc<Table>, bool)>,
}

impl From<bool> for Compared {
    fn from(has_forms: bool) -> Self {
        Self { has_forms, joined: Vec::new() }
    }
}

impl Compared {
    /// What a condition compares. `has_forms` tells of a column of its own table whether values may be stored in several forms.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for another table with a name longer than those of the database.
    pub(super) fn by(condition: &ResolvedFilter, engine: &impl Engine, has_forms: impl Fn(usize) -> bool) -> Result<Self> {
        let mut compared = Self { has_forms: condition.compares(&has_forms), joined: Vec::new() };
        for join in condition.joins() {
            if let Some(error) = join.table.too_long(engine.profile().longest_name) {
                return Err(error);
            }
            let is_one = |column: usize| join.table.value_type(column).is_ok_and(|value_type| engine.has_forms(value_type));
            compared.join(join.table.clone(), is_one(join.column) || join.condition.compares(&is_one));
        }
        Ok(compared)
    }

    fn join(&mut self, table: Arc<Table>, has_forms: bool) {
        match self.joined.iter_mut().find(|(known, _)| known.identity == table.identity) {
            Some((_, known)) => *known |= has_forms,
            None => self.joined.push((table, has_forms)),
        }
    }

    /// What this and another condition compare.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.has_forms |= other.has_forms;
        other.joined.into_iter().for_each(|(table, has_forms)| self.join(table, has_forms));
        self
    }
}
