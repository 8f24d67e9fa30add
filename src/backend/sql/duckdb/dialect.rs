//! DuckDB's SQL: that of Postgres, but for what this file says.

use std::fmt::{self, Write};

use sea_orm::{
    DbBackend, Statement,
    sea_query::{
        ArrayType, BinOper, ColumnDef, ColumnSpec, ColumnType, EscapeBuilder, ExplainStatement, Expr, ForeignKeyBuilder,
        ForeignKeyCreateStatement, ForeignKeyDropStatement, Func, IndexBuilder, IndexCreateStatement, IndexDropStatement, Mode,
        Oper, OperLeftAssocDecider, OptionEnum, OrderExpr, PostgresQueryBuilder as Postgres, PrecedenceDecider, QueryBuilder,
        QueryStatementBuilder, Quote, QuotedBuilder, SchemaBuilder, SchemaStatementBuilder, SelectDistinct, SelectInto,
        SelectStatement, SqlWriter, SqlWriterValues, SubQueryStatement, TableAlterStatement, TableBuilder, TableCreateStatement,
        TableRef, TableRefBuilder, TableRenameStatement, Value,
    },
};

use super::corrected::Corrected;

/// A query in DuckDB's SQL.
pub(crate) fn query(statement: &impl QueryStatementBuilder) -> Statement {
    let mut sql = SqlWriterValues::new("$", true);
    statement.build_collect_any_into(&DuckDb::default(), &mut sql);
    let (sql, values) = sql.into_parts();
    Statement { sql, values: Some(values), db_backend: DbBackend::Postgres }
}

/// A change of the schema in DuckDB's SQL.
pub(crate) fn schema(statement: &impl SchemaStatementBuilder) -> Statement {
    Statement::from_string(DbBackend::Postgres, statement.build(DuckDb::default()))
}

/// A new table, after the sequence that its numbers come from: DuckDB has no identity columns.
///
/// The sequence is named after the table and stays when the table is dropped. One made again under the name goes on counting.
pub(crate) fn create_table(statement: &TableCreateStatement) -> Statement {
    let table = statement.get_table_name().map(|table| written(|sql| DuckDb::default().prepare_table_ref_iden(table, sql)));
    let counts = statement.get_columns().iter().any(|column| column.get_column_spec().auto_increment);
    let Some(table) = table.filter(|_| counts) else { return schema(statement) };
    // `"schema"."table"` becomes `"schema"."table_seq"`.
    let sequence = format!(r#"{}_seq""#, table.strip_suffix('"').unwrap_or(&table));
    let create = statement.build(DuckDb { sequence: Some(sequence.clone()) });
    Statement::from_string(DbBackend::Postgres, format!("CREATE SEQUENCE IF NOT EXISTS {sequence}; {create}"))
}

/// The writer of DuckDB's SQL.
#[derive(Default)]
pub(super) struct DuckDb {
    /// Where the numbers of the table's generated column come from.
    sequence: Option<String>,
}

fn written(write: impl FnOnce(&mut String)) -> String {
    let mut text = String::new();
    write(&mut text);
    text
}

/// Writes to text, which does not fail.
fn put(sql: &mut impl SqlWriter, text: &str) {
    let written: fmt::Result = sql.write_str(text);
    debug_assert!(written.is_ok());
}

/// The cast to the type that a value has to be told to be of, because it travels as text.
pub(crate) fn cast_of(value: &Value) -> Option<&'static str> {
    match value {
        Value::Uuid(_) => Some("::UUID"),
        Value::Json(_) => Some("::JSON"),
        Value::ChronoDateTimeUtc(_) | Value::ChronoDateTimeLocal(_) | Value::ChronoDateTimeWithTimeZone(_) => {
            Some("::TIMESTAMPTZ")
        }
        Value::Array(ArrayType::Uuid, _) => Some("::UUID[]"),
        Value::Array(ArrayType::Json, _) => Some("::JSON[]"),
        Value::Array(
            ArrayType::ChronoDateTimeUtc | ArrayType::ChronoDateTimeLocal | ArrayType::ChronoDateTimeWithTimeZone,
            _,
        ) => Some("::TIMESTAMPTZ[]"),
        _ => None,
    }
}

impl QueryBuilder for DuckDb {
    fn placeholder(&self) -> (&'static str, bool) {
        ("$", true)
    }

    /// Enums are text.
    fn prepare_value(&self, value: Value, sql: &mut impl SqlWriter) {
        let value = match value {
            Value::Enum(OptionEnum::Some(text)) => Value::String(Some(text.value.into_owned())),
            Value::Enum(OptionEnum::None(_)) => Value::String(None),
            other => other,
        };
        let cast = cast_of(&value);
        sql.push_param(value, self);
        put(sql, cast.unwrap_or_default());
    }

    fn write_bytes(&self, bytes: &[u8], text: &mut impl Write) {
        let hex: String = bytes.iter().map(|byte| format!(r"\x{byte:02X}")).collect();
        let written = write!(text, "'{hex}'::BLOB");
        debug_assert!(written.is_ok());
    }

    fn write_string_quoted(&self, string: &str, text: &mut impl Write) {
        Postgres.write_string_quoted(string, text);
    }

    fn prepare_query_statement(&self, query: &SubQueryStatement, sql: &mut impl SqlWriter) {
        match query {
            SubQueryStatement::SelectStatement(select) => self.prepare_select_statement(select, sql),
            SubQueryStatement::InsertStatement(insert) => self.prepare_insert_statement(insert, sql),
            SubQueryStatement::UpdateStatement(update) => self.prepare_update_statement(update, sql),
            SubQueryStatement::DeleteStatement(delete) => self.prepare_delete_statement(delete, sql),
            SubQueryStatement::WithStatement(with) => self.prepare_with_query(with, sql),
        }
    }

    fn prepare_order_expr(&self, order: &OrderExpr, sql: &mut impl SqlWriter) {
        Postgres.prepare_order_expr(order, &mut Corrected::new(sql));
    }

    fn prepare_bin_oper(&self, operator: &BinOper, sql: &mut impl SqlWriter) {
        Postgres.prepare_bin_oper(operator, sql);
    }

    fn prepare_function_name(&self, function: &Func, sql: &mut impl SqlWriter) {
        Postgres.prepare_function_name(function, sql);
    }

    fn prepare_select_distinct(&self, distinct: &SelectDistinct, sql: &mut impl SqlWriter) {
        Postgres.prepare_select_distinct(distinct, sql);
    }

    fn prepare_select_into(&self, into: &SelectInto, sql: &mut impl SqlWriter) {
        Postgres.prepare_select_into(into, sql);
    }

    fn prepare_explain_statement(&self, explain: &ExplainStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_explain_statement(explain, sql);
    }

    fn insert_default_values(&self, _: u32, sql: &mut impl SqlWriter) {
        put(sql, "DEFAULT VALUES");
    }

    fn prepare_table_sample(&self, select: &SelectStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_sample(select, sql);
    }

    fn if_null_function(&self) -> &str {
        Postgres.if_null_function()
    }
}

impl TableBuilder for DuckDb {
    fn prepare_column_def(&self, column: &ColumnDef, sql: &mut impl SqlWriter) {
        put(sql, &Quoted(&column.get_column_name()).to_string());
        if let Some(column_type) = column.get_column_type() {
            put(sql, " ");
            self.prepare_column_type(column_type, sql);
        }
        let spec = column.get_column_spec();
        match &self.sequence {
            Some(sequence) if spec.auto_increment => {
                let next = Expr::cust(format!("nextval('{}')", sequence.replace('\'', "''")));
                let spec = ColumnSpec { default: Some(next), auto_increment: false, ..spec.clone() };
                self.prepare_column_spec(&spec, sql);
            }
            _ => self.prepare_column_spec(spec, sql),
        }
    }

    fn prepare_column_type(&self, column_type: &ColumnType, sql: &mut impl SqlWriter) {
        match column_type {
            ColumnType::TinyInteger => put(sql, "tinyint"),
            ColumnType::TinyUnsigned => put(sql, "utinyint"),
            ColumnType::SmallUnsigned => put(sql, "usmallint"),
            ColumnType::Unsigned => put(sql, "uinteger"),
            ColumnType::BigUnsigned => put(sql, "ubigint"),
            ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Blob => put(sql, "blob"),
            ColumnType::JsonBinary => put(sql, "json"),
            ColumnType::Decimal(None) => put(sql, "decimal(38, 18)"),
            ColumnType::Enum { .. } => put(sql, "varchar"),
            other => Postgres.prepare_column_type(other, sql),
        }
    }

    fn prepare_table_rename_statement(&self, rename: &TableRenameStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_rename_statement(rename, sql);
    }

    fn column_spec_auto_increment_keyword(&self) -> &str {
        ""
    }

    fn prepare_table_alter_statement(&self, alter: &TableAlterStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_alter_statement(alter, &mut Corrected::new(sql));
    }
}

/// A name in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#""{}""#, self.0.replace('"', r#""""#))
    }
}

impl IndexBuilder for DuckDb {
    fn prepare_index_create_statement(&self, create: &IndexCreateStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_index_create_statement(create, sql);
    }

    fn prepare_table_index_expression(&self, create: &IndexCreateStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_index_expression(create, sql);
    }

    fn prepare_table_ref_index_stmt(&self, table: &TableRef, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_ref_index_stmt(table, sql);
    }

    fn prepare_index_drop_statement(&self, drop: &IndexDropStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_index_drop_statement(drop, sql);
    }

    fn prepare_index_prefix(&self, create: &IndexCreateStatement, sql: &mut impl SqlWriter) {
        Postgres.prepare_index_prefix(create, sql);
    }
}

impl ForeignKeyBuilder for DuckDb {
    fn prepare_table_ref_fk_stmt(&self, table: &TableRef, sql: &mut impl SqlWriter) {
        Postgres.prepare_table_ref_fk_stmt(table, sql);
    }

    fn prepare_foreign_key_drop_statement_internal(&self, drop: &ForeignKeyDropStatement, sql: &mut impl SqlWriter, mode: Mode) {
        Postgres.prepare_foreign_key_drop_statement_internal(drop, sql, mode);
    }

    fn prepare_foreign_key_create_statement_internal(
        &self,
        create: &ForeignKeyCreateStatement,
        sql: &mut impl SqlWriter,
        mode: Mode,
    ) {
        Postgres.prepare_foreign_key_create_statement_internal(create, sql, mode);
    }
}

impl SchemaBuilder for DuckDb {}

impl TableRefBuilder for DuckDb {}

impl QuotedBuilder for DuckDb {
    fn quote(&self) -> Quote {
        Postgres.quote()
    }
}

impl EscapeBuilder for DuckDb {
    fn needs_escape(&self, text: &str) -> bool {
        Postgres.needs_escape(text)
    }

    fn write_escaped(&self, text: &mut impl Write, string: &str) {
        Postgres.write_escaped(text, string);
    }

    fn unescape_string(&self, string: &str) -> String {
        Postgres.unescape_string(string)
    }
}

impl OperLeftAssocDecider for DuckDb {
    fn well_known_left_associative(&self, operator: &BinOper) -> bool {
        Postgres.well_known_left_associative(operator)
    }
}

impl PrecedenceDecider for DuckDb {
    fn inner_expr_well_known_greater_precedence(&self, inner: &Expr, outer: &Oper) -> bool {
        Postgres.inner_expr_well_known_greater_precedence(inner, outer)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{Alias, ExprTrait, NullOrdering, Order, Query, Table};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_name_is_not_taken_for_a_type() {
        let mut alter = Table::alter();
        alter.table("decimal").add_column(ColumnDef::new("decimal").decimal().not_null());
        let sql = schema(&alter).sql;
        assert_eq!(sql, r#"ALTER TABLE "decimal" ADD COLUMN "decimal" decimal(38, 18) NOT NULL"#);
    }

    #[test]
    fn values_are_told_their_type_wherever_they_stand() {
        let id = || Expr::col(Alias::new("id")).eq(Uuid::nil());
        let mut select = Query::select();
        select.expr(id()).from("t").and_where(id()).order_by_expr_with_nulls(id(), Order::Desc, NullOrdering::First);
        let sql = query(&select).sql;
        let expected = r#"SELECT "id" = $1::UUID FROM "t" WHERE "id" = $2::UUID ORDER BY "id" = $3::UUID DESC NULLS FIRST"#;
        assert_eq!(sql, expected);
    }
}
