//! Computing values of groups.

use std::sync::Arc;

use sea_orm::Value;

use super::SqlTable;
use crate::{
    backend::sql::{
        Engine,
        engine::StatementKind,
        held::Held,
        statement::{AggregateStatement, Readout, SumWidth},
    },
    context::{Access, Cx, RUNNING},
    coop::Budget,
    dialect::Dialect,
    error::{Error, ErrorKind, Result},
    query::{Grouping, ResolvedFilter},
    row::Row,
    value::is_null,
};

impl<G: Engine> SqlTable<G> {
    pub(super) async fn aggregate(&self, cx: &Cx, condition: ResolvedFilter, grouping: Grouping) -> Result<Vec<Row>> {
        self.require_readable()?;
        let mut compared = self.compared(&condition)?;
        for measure in &grouping.measures {
            compared = compared.and(self.compared(&measure.condition)?);
        }
        compared.has_forms |= grouping.compares(&|column| self.has_forms(column));
        let entry = self.store.enter(cx, Access::Read)?;
        let held = self.store.hold(cx, &entry, Access::Read, StatementKind::Read).await?;
        let (mut held, view) = self.viewed(cx, held, Access::Read, false, compared).await?;
        let written = |width| self.statements(&view).aggregate(&condition, &grouping, width);
        let narrow = written(SumWidth::Narrow);
        if let Err(refused) = self.store.engine().check(&narrow.statement) {
            return held.refuse(refused).await;
        }
        let rows = match self.groups(cx, &mut held, &grouping, narrow).await {
            Err(error) if self.may_be_too_narrow(&error) => self.groups(cx, &mut held, &grouping, written(SumWidth::Wide)).await,
            rows => rows,
        };
        let rows = held.finish(rows).await.map_err(self.of_document(&condition));
        rows.map_err(|error| self.of_measured_document(&grouping, error))
    }

    /// Whether a sum may have been too large for SQLite's 64 bits, which fails with the code of many other faults.
    fn may_be_too_narrow(&self, error: &Error) -> bool {
        self.store.engine().profile().dialect == Dialect::Sqlite
            && error.kind() == ErrorKind::InvalidInput
            && error.code() == Some("1")
    }

    /// The groups that a statement answers, as they cross the door.
    async fn groups(
        &self,
        cx: &Cx,
        held: &mut Held<'_, G>,
        grouping: &Grouping,
        written: AggregateStatement,
    ) -> Result<Vec<Row>> {
        let AggregateStatement { statement, keys, measures } = written;
        let types = keys.iter().chain(&measures).flat_map(Readout::types).collect();
        let rows = self.store.engine().rows(held.guard()?, statement, Some(types), StatementKind::Read);
        let rows = cx.limits().bound(RUNNING, rows).await?;
        let names = grouping.names(&self.table);
        let (mut groups, mut budget) = (Vec::with_capacity(rows.len()), Budget::new());
        for row in rows {
            let values = self.group(grouping, &row.values, &keys, &measures)?;
            groups.push(Row { names: Arc::clone(&names), values });
            budget.consume().await;
        }
        Ok(groups)
    }

    /// The keys and measures of a group, of the columns of a row.
    fn group(&self, grouping: &Grouping, mut columns: &[Value], keys: &[Readout], measures: &[Readout]) -> Result<Vec<Value>> {
        let mut next = |readout: &Readout| {
            let short = || Error::new(ErrorKind::Internal, "the engine answered fewer columns than it was asked for");
            let (own, rest) = columns.split_at_checked(readout.types().len()).ok_or_else(short)?;
            columns = rest;
            readout.value(own)
        };
        let mut values = Vec::with_capacity(keys.len() + measures.len());
        for (key, readout) in grouping.keys.iter().zip(keys) {
            let value = next(readout).map_err(|error| self.table.in_column(key.column, error))?;
            if is_null(&value) && !self.table.is_nullable(key.column) {
                let error = Error::new(ErrorKind::Corrupt, "a stored null that does not fit the model");
                return Err(self.table.in_column(key.column, error));
            }
            values.push(value);
        }
        for (measure, readout) in grouping.measures.iter().zip(measures) {
            values.push(next(readout).map_err(|error| measure.named(&self.table, error))?);
        }
        Ok(values)
    }

    /// Names the column of the documents that a condition of a measure looks into, if that is what an error is about.
    fn of_measured_document(&self, grouping: &Grouping, error: Error) -> Error {
        match grouping.document(&self.table).filter(|_| self.store.engine().is_of_document(&error)) {
            Some(column) => error.in_column(column),
            None => error,
        }
    }
}
