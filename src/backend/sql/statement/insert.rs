//! Inserting.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use sea_orm::{
    Statement, Value,
    sea_query::{DynIden, Expr, OnConflict, Query},
};

use super::{
    MAX_ROWS, Statements, idens,
    statement_cache::{StatementKey, WholeInsert, stand_ins},
};
use crate::{
    error::{Error, ErrorKind, Result},
    query::{Resolution, ResolvedFilter, StoredAction},
    value::is_array,
};

impl Statements<'_> {
    /// Splits rows into runs that one statement can insert: the same columns left to the engine, few enough values, and, in a
    /// table that may have several rows of one id, other ids.
    pub(in super::super) fn insert_runs(&self, rows: &[Vec<Value>]) -> Vec<Range<usize>> {
        let most = (self.bind_limit / self.table.columns.len().max(1)).clamp(1, MAX_ROWS);
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut last: Option<Vec<usize>> = None;
        let mut ids = BTreeSet::new();
        for (index, row) in rows.iter().enumerate() {
            let columns = self.sent(row);
            // Rows of one id are told apart by the statement that stores them.
            let is_other = !self.table.is_append_only || ids.insert(self.table.key_of(row));
            let is_alike = last.as_ref() == Some(&columns) && !columns.is_empty();
            match runs.last_mut() {
                Some(run) if run.len() < most && is_alike && is_other => run.end = index + 1,
                _ => {
                    runs.push(index..index + 1);
                    ids = BTreeSet::from_iter(self.table.is_append_only.then(|| self.table.key_of(row)));
                }
            }
            last = Some(columns);
        }
        runs
    }

    /// The same for rows that are returned: each is by itself where what is returned would not tell which of several it is.
    pub(in super::super) fn told_apart(&self, rows: &[Vec<Value>]) -> Vec<Range<usize>> {
        let is_unknown = |position: &usize, row: &[Value]| {
            let is_left = |value| self.table.is_left_to_engine(*position, value);
            self.table.generated != Some(*position) && row.get(*position).is_some_and(is_left)
        };
        let has_unknown_id = |row: &Vec<Value>| self.table.id.iter().any(|position| is_unknown(position, row));
        match self.table.id.is_empty() || (self.table.is_described() && rows.iter().any(has_unknown_id)) {
            true => (0..rows.len()).map(|nth| nth..nth + 1).collect(),
            false => self.insert_runs(rows),
        }
    }

    /// Positions of the columns that an insert names; the others are left to the engine.
    pub(in super::super) fn sent(&self, row: &[Value]) -> Vec<usize> {
        let is_sent = |(position, value): &(usize, &Value)| !self.is_left(*position, value);
        row.iter().enumerate().filter(is_sent).map(|(position, _)| position).collect()
    }

    /// Whether the engine fills in this column of a new row.
    fn is_left(&self, position: usize, value: &Value) -> bool {
        self.is_computed(position) || self.table.is_left_to_engine(position, value)
    }

    /// Inserts rows of one run.
    pub(in super::super) fn insert(&self, rows: &[Vec<Value>], returning: bool) -> Result<Statement> {
        let named = rows.first().map(|row| self.sent(row)).unwrap_or_default();
        let write = |rows: &[&[Value]]| {
            let mut insert = self.insert_rows(&named, rows)?;
            if returning {
                insert.returning(self.returning());
            }
            Ok(self.build(&insert))
        };
        match rows {
            [row] => {
                let key = StatementKey::Insert { named: named.clone(), returning };
                self.cache.statement(key, self.dialect, row, |row| write(&[row]))
            }
            rows => write(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        }
    }

    /// Inserts a row of which nothing is left to the engine. Returns `None` if something is, or if SeaORM makes something else of
    /// a value when it writes a statement.
    pub(in super::super) fn whole_insert(&self, row: &[Value]) -> Result<Option<Arc<WholeInsert>>> {
        let is_left = |(position, value)| is_array(value) || self.is_left(position, value);
        if row.iter().enumerate().any(is_left) {
            return Ok(None);
        }
        let write = || {
            let named: Vec<_> = (0..row.len()).collect();
            let [one, other] = stand_ins(row.len());
            let (mut insert, other) = (self.insert_rows(&named, &[&one])?, self.insert_rows(&named, &[&other])?);
            let plain = [self.build(&insert), self.build(&other)];
            let returning = self.build(insert.returning(self.returning()));
            Ok(WholeInsert::new(plain, returning.sql))
        };
        self.cache.whole_insert(write).map(Some)
    }

    /// Inserts the named columns of rows.
    fn insert_rows(&self, named: &[usize], rows: &[&[Value]]) -> Result<sea_orm::sea_query::InsertStatement> {
        let columns = self.columns(named);
        let mut insert = Query::insert();
        insert.into_table(self.table.table_ref()).columns(idens(&columns));
        if columns.is_empty() {
            insert.or_default_values();
        }
        for row in rows.iter().filter(|_| !columns.is_empty()) {
            let values = named.iter().filter_map(|position| row.get(*position)).zip(&columns);
            let values = insert.values(values.map(|(value, column)| self.value(column, value)));
            values.map_err(|error| Error::new(ErrorKind::Internal, "rows of one insert differ").with_source(error))?;
        }
        Ok(insert)
    }

    /// Inserts the rows of one run whose key is not there, and answers the keys of those that it inserted. For Postgres' tables
    /// of which no row tells whether it was inserted.
    pub(in super::super) fn insert_new(&self, rows: &[Vec<Value>], key: &[usize]) -> Result<Statement> {
        let named = rows.first().map(|row| self.sent(row)).unwrap_or_default();
        let mut insert = self.insert_rows(&named, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let key = self.columns(key);
        insert.on_conflict(OnConflict::columns(idens(&key)).do_nothing().to_owned()).returning(self.returned(key));
        Ok(self.build(&insert))
    }

    /// Inserts rows of one run, and does with those that are there what is to be done. It answers a row for each that it inserted
    /// or replaced: the number 1 if it inserted it, and else 0. This is Postgres' way.
    pub(in super::super) fn upsert(&self, rows: &[Vec<Value>], resolution: &Resolution) -> Result<Statement> {
        let named = rows.first().map(|row| self.sent(row)).unwrap_or_default();
        let mut insert = self.insert_rows(&named, &rows.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let mut on_conflict = OnConflict::columns(idens(&self.columns(&resolution.target)));
        let set: Vec<(DynIden, Expr)> = match &resolution.action {
            StoredAction::Change(changes) => {
                changes.iter().filter_map(|change| self.changed(change).transpose()).collect::<Result<_>>()?
            }
            StoredAction::Keep | StoredAction::Replace(_) => Vec::new(),
        };
        if let StoredAction::Keep = resolution.action {
            on_conflict.do_nothing();
        } else {
            let replaced = if let StoredAction::Replace(replaced) = &resolution.action { replaced.as_slice() } else { &[] };
            let mut replaced = [replaced, self.table.rules.updated_at.as_slice()].concat();
            replaced.retain(|position| !self.is_computed(*position));
            let replaced = idens(&self.columns(&replaced));
            let set = set.into_iter().chain(self.raised_version()?);
            let is_nothing = replaced.is_empty();
            on_conflict.update_columns(replaced);
            let mut is_empty = is_nothing;
            for (column, value) in set {
                is_empty = false;
                on_conflict.value(column, value);
            }
            if is_empty {
                // There has to be something to do, for the row to count.
                on_conflict.update_columns(idens(&self.columns(&resolution.target)));
            }
            let condition = self.written_over(resolution);
            if condition != ResolvedFilter::TRUE {
                on_conflict.action_cond_where(self.lowered(&condition, false));
            }
        }
        // A row that was not there before was not locked, either.
        let is_new = Expr::cust("CASE WHEN xmax = 0 THEN 1 ELSE 0 END");
        insert.on_conflict(on_conflict).returning(Query::returning().expr(is_new));
        Ok(self.build(&insert))
    }
}
