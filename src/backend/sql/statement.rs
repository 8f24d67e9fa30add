//! Statements for the models of an entity.

use std::ops::Range;

use sea_orm::{
    ColumnTrait, IdenStatic, Statement, Value,
    sea_query::{
        Alias, ColumnType, Cond, Expr, ExprTrait, Func, IntoColumnRef, Order, Query, ReturningClause, SelectStatement, SimpleExpr,
    },
};

use crate::{
    dialect::Dialect,
    entity::{Shape, Storable},
    error::{Error, ErrorKind, Result},
    sql::Written,
    value::Key,
};

/// More rows in one statement gain nothing: the cost per row is flat from a few hundred on (measured on SQLite and Postgres).
const MAX_ROWS: usize = 1000;

/// Composite ids are looked up by `OR`, and SQLite limits the depth of an expression to 1000.
const MAX_COMPOSITE_IDS: usize = 500;

/// Builds the statements of one entity in one dialect.
pub(super) struct Statements<'a, E: Storable> {
    pub(super) shape: &'a Shape<E>,
    pub(super) dialect: Dialect,
    pub(super) bind_limit: usize,
}

/// Rows that name the same columns, for the engine's bulk path.
pub(super) struct AppendRun<E: Storable> {
    pub(super) columns: Vec<E::Column>,
    pub(super) rows: Range<usize>,
}

impl<E: Storable> Statements<'_, E> {
    fn build(&self, statement: &impl Written) -> Statement {
        statement.written_in(self.dialect)
    }

    /// Splits rows into runs that one statement can insert: the same columns left to the engine, and few enough values.
    pub(super) fn insert_runs(&self, rows: &[Vec<Value>]) -> Vec<Range<usize>> {
        let most = (self.bind_limit / self.shape.columns.len().max(1)).clamp(1, MAX_ROWS);
        let mut runs: Vec<Range<usize>> = Vec::new();
        let mut last: Option<Vec<usize>> = None;
        for (index, row) in rows.iter().enumerate() {
            let columns = self.sent(row);
            match runs.last_mut() {
                Some(run) if run.len() < most && last.as_ref() == Some(&columns) && !columns.is_empty() => run.end = index + 1,
                _ => runs.push(index..index + 1),
            }
            last = Some(columns);
        }
        runs
    }

    /// Splits rows into runs that name the same columns.
    pub(super) fn append_runs(&self, rows: &[Vec<Value>]) -> Vec<AppendRun<E>> {
        let mut runs: Vec<(Vec<usize>, Range<usize>)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let columns = self.sent(row);
            match runs.last_mut() {
                Some((last, run)) if *last == columns => run.end = index + 1,
                _ => runs.push((columns, index..index + 1)),
            }
        }
        let named = |positions: Vec<usize>| positions.iter().filter_map(|at| self.shape.columns.get(*at).copied()).collect();
        runs.into_iter().map(|(positions, rows)| AppendRun { columns: named(positions), rows }).collect()
    }

    /// Positions of the columns that an insert names; the others are left to the engine.
    fn sent(&self, row: &[Value]) -> Vec<usize> {
        let values = row.iter().enumerate();
        values.filter(|(position, value)| !self.shape.is_left_to_engine(*position, value)).map(|(position, _)| position).collect()
    }

    /// Inserts rows of one run.
    pub(super) fn insert(&self, rows: &[Vec<Value>], returning: bool) -> Result<Statement> {
        let sent = rows.first().map(|row| self.sent(row)).unwrap_or_default();
        let columns: Vec<_> = sent.iter().filter_map(|position| self.shape.columns.get(*position).copied()).collect();
        let mut insert = Query::insert();
        insert.into_table(E::default().table_ref()).columns(columns.iter().copied());
        if columns.is_empty() {
            insert.or_default_values();
        }
        for row in rows.iter().filter(|_| !columns.is_empty()) {
            let values = sent.iter().filter_map(|position| row.get(*position)).zip(&columns);
            let values = insert.values(values.map(|(value, column)| column.save_as(Expr::val(value.clone()))));
            values.map_err(|error| Error::new(ErrorKind::Internal, "rows of one insert differ").with_source(error))?;
        }
        if returning {
            insert.returning(self.returning());
        }
        Ok(self.build(&insert))
    }

    /// Replaces all columns but the id. None if the id is all there is.
    pub(super) fn update(&self, row: &[Value], returning: bool) -> Option<Statement> {
        let columns = self.shape.columns.iter().zip(row).enumerate();
        let changed: Vec<_> = columns
            .filter(|(position, _)| !self.shape.id.contains(position))
            .map(|(_, (column, value))| (*column, column.save_as(Expr::val(value.clone()))))
            .collect();
        if changed.is_empty() {
            return None;
        }
        let mut update = Query::update();
        update.table(E::default().table_ref()).values(changed).cond_where(self.id_is(&self.shape.key_of_values(row)));
        if returning {
            update.returning(self.returning());
        }
        Some(self.build(&update))
    }

    pub(super) fn delete(&self, id: &Key) -> Statement {
        self.build(Query::delete().from_table(E::default().table_ref()).cond_where(self.id_is(id)))
    }

    pub(super) fn delete_all(&self) -> Statement {
        self.build(Query::delete().from_table(E::default().table_ref()))
    }

    pub(super) fn find(&self, id: &Key) -> Statement {
        self.build(self.select().cond_where(self.id_is(id)))
    }

    /// How many ids one statement can look up.
    pub(super) fn ids_at_once(&self) -> usize {
        match self.shape.id.len() {
            0 | 1 => self.bind_limit.min(MAX_ROWS * 8),
            parts => (self.bind_limit / parts).min(MAX_COMPOSITE_IDS),
        }
    }

    pub(super) fn find_many(&self, ids: &[Key]) -> Statement {
        let condition = match self.id_columns().as_slice() {
            [column] => {
                let values = ids.iter().flat_map(|id| &id.0).map(|value| column.save_as(Expr::val(value.clone())));
                Cond::all().add(Expr::col(*column).is_in(values))
            }
            _ => ids.iter().fold(Cond::any(), |any, id| any.add(self.id_is(id))),
        };
        self.build(self.select().cond_where(condition))
    }

    pub(super) fn all(&self) -> Statement {
        let mut select = self.select();
        for column in self.id_columns() {
            select.order_by_expr(self.in_byte_order(column), Order::Asc);
        }
        self.build(&select)
    }

    pub(super) fn count(&self) -> Statement {
        let mut select = Query::select();
        select.expr_as(Func::count(Expr::col(sea_orm::sea_query::Asterisk)), Alias::new("number"));
        self.build(select.from(E::default().table_ref()))
    }

    fn select(&self) -> SelectStatement {
        let mut select = Query::select();
        for column in &self.shape.columns {
            let name = Alias::new(column.as_str());
            select.expr_as(column.select_as(Expr::col((E::default(), *column))), name);
        }
        select.from(E::default().table_ref()).to_owned()
    }

    fn returning(&self) -> ReturningClause {
        Query::returning().exprs(self.shape.columns.iter().map(|column| {
            let (plain, selected) = (Expr::col(*column), column.select_as(Expr::col(*column)));
            if selected == plain { plain } else { self.named(selected, column.as_str()) }
        }))
    }

    /// An expression under a name. Postgres would name a cast after its column by itself, SQLite would not.
    fn named(&self, expression: Expr, name: &str) -> Expr {
        let placeholder = if self.dialect == Dialect::Sqlite { "?" } else { "$1" };
        let name = name.replace('"', "\"\"");
        Expr::cust_with_exprs(format!(r#"{placeholder} AS "{name}""#), [expression])
    }

    fn id_columns(&self) -> Vec<E::Column> {
        self.shape.id.iter().filter_map(|position| self.shape.columns.get(*position).copied()).collect()
    }

    fn id_is(&self, id: &Key) -> Cond {
        let parts = self.id_columns().into_iter().zip(&id.0);
        parts.fold(Cond::all(), |all, (column, value)| {
            all.add(Expr::col(column.into_column_ref()).eq(column.save_as(Expr::val(value.clone()))))
        })
    }

    /// A column as a sort key. Postgres sorts text by the database's language unless told otherwise; the others sort by bytes.
    fn in_byte_order(&self, column: E::Column) -> SimpleExpr {
        use ColumnType as C;
        let key = Expr::col((E::default(), column));
        match column.def().get_column_type() {
            C::String(_) | C::Text | C::Char(_) | C::Enum { .. } if self.dialect == Dialect::Postgres => {
                Expr::cust_with_exprs(r#"$1 COLLATE "C""#, [column.select_as(key)])
            }
            _ => key,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::Path};

    use larder_entity::{ConfigVersion, fiber_membership, raw_log};
    use uuid::Uuid;

    use super::*;

    /// Every statement of two entities: one with a plain id and a default, one with a composite id.
    fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
        let logs = Shape::<raw_log::Entity>::new();
        let members = Shape::<fiber_membership::Entity>::new();
        let of_logs = Statements { shape: &logs, dialect, bind_limit: 100 };
        let of_members = Statements { shape: &members, dialect, bind_limit: 100 };
        let (log_id, config_version) = (Uuid::nil(), ConfigVersion(1));
        let log = raw_log::Model {
            log_id,
            timestamp: chrono::DateTime::UNIX_EPOCH,
            source_id: "source".to_owned(),
            raw_text: "line".to_owned(),
            ingestion_time: None,
            config_version,
        };
        let member = fiber_membership::Model { log_id, fiber_id: Uuid::nil(), config_version };
        let (log, member) = (logs.values(&log)?, members.values(&member)?);
        let (log_key, member_key) = (logs.key_of_values(&log), members.key_of_values(&member));
        let mut all = vec![
            of_logs.insert(&[log.clone(), log.clone()], false)?,
            of_logs.insert(std::slice::from_ref(&log), true)?,
            of_logs.find(&log_key),
            of_logs.find_many(&[log_key.clone(), log_key.clone()]),
            of_logs.all(),
            of_logs.count(),
            of_logs.delete(&log_key),
            of_logs.delete_all(),
            of_members.find(&member_key),
            of_members.find_many(&[member_key.clone(), member_key.clone()]),
            of_members.all(),
            of_members.delete(&member_key),
        ];
        all.extend(of_logs.update(&log, true));
        all.extend(of_members.update(&member, true));
        all.extend(of_logs.update(&log, false));
        Ok(all)
    }

    const DIALECTS: &[(Dialect, &str)] = &[
        (Dialect::Sqlite, "sqlite.sql"),
        (Dialect::Postgres, "postgres.sql"),
        #[cfg(feature = "duckdb-linked")]
        (Dialect::DuckDb, "duckdb.sql"),
    ];

    /// The text of every statement is what it was; `LARDER_UPDATE_SNAPSHOTS=1` writes it anew.
    #[test]
    fn the_text_is_the_snapshot() -> std::io::Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/sql/snapshots");
        for (dialect, name) in DIALECTS {
            let statements = statements(*dialect).map_err(std::io::Error::other)?;
            let text: String = statements.iter().map(|statement| format!("{};\n", statement.sql)).collect();
            if env::var("LARDER_UPDATE_SNAPSHOTS").is_ok() {
                fs::write(folder.join(name), &text)?;
            }
            assert_eq!(text, fs::read_to_string(folder.join(name))?, "{name}");
        }
        Ok(())
    }

    #[test]
    fn a_run_holds_what_one_statement_can() -> Result<()> {
        let shape = Shape::<fiber_membership::Entity>::new();
        let statements = Statements { shape: &shape, dialect: Dialect::Sqlite, bind_limit: 10 };
        let member = fiber_membership::Model { log_id: Uuid::nil(), fiber_id: Uuid::nil(), config_version: ConfigVersion(0) };
        let rows = vec![shape.values(&member)?; 7];
        assert_eq!(statements.insert_runs(&rows), [0..3, 3..6, 6..7]);
        assert!(statements.insert_runs(&[]).is_empty());
        Ok(())
    }
}
