//! [`Shared`], what those who read a store have in common with the one who writes.

use std::sync::{
    Arc, Mutex, PoisonError, RwLock,
    atomic::{AtomicBool, Ordering},
};

use super::{
    column_seed::is_known,
    committed::Committed,
    document::{DELETED_FIELD, VERSION_FIELD},
    findings::Findings,
    folder_watch::FolderWatch,
};
use crate::{
    backend::Tables,
    context::Access,
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// What those who read a store have in common with the one who writes.
pub(super) struct Shared {
    committed: RwLock<Committed>,
    /// Tables that were defined and are not loaded.
    defined: Mutex<Vec<Arc<Table>>>,
    is_defined: AtomicBool,
    pub(super) watch: FolderWatch,
    pub(super) findings: Findings,
}

impl Shared {
    pub(super) fn new(watch: FolderWatch, findings: Findings) -> Self {
        let committed = Committed::default();
        // The table of the idempotency keys is there from the beginning.
        let defined = Mutex::new(committed.tables.definitions());
        Self { committed: RwLock::new(committed), defined, is_defined: AtomicBool::new(true), watch, findings }
    }

    fn with_committed<T>(&self, look: impl FnOnce(&Committed) -> T) -> T {
        look(&self.committed.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn committed(&self) -> Committed {
        self.with_committed(Committed::clone)
    }

    pub(super) fn publish(&self, committed: Committed) {
        *self.committed.write().unwrap_or_else(PoisonError::into_inner) = committed;
    }

    /// The tables for a transaction or an operation.
    pub(super) fn begin(&self) -> Tables {
        self.with_committed(Committed::begin)
    }

    /// Makes a table known, to be loaded before the next operation.
    pub(super) fn define(&self, table: &Arc<Table>) -> Result<()> {
        check_table(table)?;
        self.with_committed(|committed| committed.tables.define(table))?;
        if self.with_committed(|committed| committed.tables.is_loaded(table)) {
            return Ok(());
        }
        self.defined.lock().unwrap_or_else(PoisonError::into_inner).push(table.clone());
        self.is_defined.store(true, Ordering::Release);
        Ok(())
    }

    /// The tables that were defined since this was asked last.
    pub(super) fn take_defined(&self) -> Vec<Arc<Table>> {
        self.is_defined.store(false, Ordering::Release);
        std::mem::take(&mut *self.defined.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether all files that matter are read, and the files of a table can be used.
    pub(super) fn is_current(&self, table: Option<&Table>) -> bool {
        !self.is_defined.load(Ordering::Acquire)
            && !self.watch.is_stale()
            && self.with_committed(|committed| committed.check(table).is_ok())
    }

    pub(super) fn complete(&self, tables: &mut Tables, access: Access) -> Result<()> {
        self.with_committed(|committed| committed.complete(tables, access))
    }
}

/// Refuses a table whose models have no form in files.
pub(in crate::backend) fn check_table(table: &Table) -> Result<()> {
    let refused = |message: String| Error::new(ErrorKind::Unsupported, message);
    for column in &table.columns {
        if [VERSION_FIELD, DELETED_FIELD].contains(&column.name()) {
            return Err(refused("a column with the name of a field that all files have".to_owned()).in_column(column.name()));
        }
        if !is_known(&column.value_type) {
            let message = format!("this store has no form for values of the type {:?}", column.value_type);
            return Err(refused(message).in_column(column.name()));
        }
    }
    Ok(())
}
