//! [`Committed`], the tables of a store as they were committed last.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    backend::Tables,
    context::Access,
    error::{Error, ErrorKind, Result},
    table::{Table, TableName},
};

/// The tables of a store as they were committed last, and what is known of them.
#[derive(Clone, Default)]
pub(super) struct Committed {
    pub(super) tables: Tables,
    /// How often others have changed something.
    pub(super) generation: u64,
    /// The tables whose rows are not those that were loaded first.
    pub(super) changed: BTreeSet<TableName>,
    /// The tables whose files cannot be used, and why.
    pub(super) refused: BTreeMap<TableName, Error>,
}

impl Committed {
    /// Refuses a table whose files cannot be used.
    pub(super) fn check(&self, table: Option<&Table>) -> Result<()> {
        match table.and_then(|table| self.refused.get(&table.key)) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The tables for a transaction.
    pub(super) fn begin(&self) -> Tables {
        self.tables.clone().tracking(self.generation)
    }

    /// Adds what was loaded since a transaction began. One that writes is alone: nobody can have changed what was loaded, except
    /// others, and then it does not commit.
    pub(super) fn complete(&self, tables: &mut Tables, access: Access) -> Result<()> {
        let late = "a table was loaded and changed since the read-only transaction began";
        tables.take_missing(&self.tables, |table| match access {
            Access::Read if self.changed.contains(table) => Err(Error::new(ErrorKind::Contention, late)),
            _ => Ok(()),
        })
    }
}
