//! How DuckDB is asked for its tables. An index says of its columns what the statement says that made it: a name that needs
//! quotes has them.

use sea_orm::sea_query::ArrayType;

use crate::backend::sql::{catalog_queries::CatalogQueries, catalog_type::CatalogType};

/// Whether something is of the table that is asked for. As in a statement, a name before a table's may be that of its schema, or
/// that of an attached database.
macro_rules! of_table {
    () => {
        "lower(table_name) = lower($1::VARCHAR) AND CASE
  WHEN $2::VARCHAR IS NULL THEN database_name = current_database() AND schema_name = current_schema()
  ELSE database_name = current_database() AND lower(schema_name) = lower($2::VARCHAR)
    OR lower(database_name) = lower($2::VARCHAR) AND schema_name = 'main' END"
    };
}

pub(super) const CATALOG: CatalogQueries = CatalogQueries {
    tables: "
SELECT CASE WHEN schema_name <> current_schema() THEN schema_name END, table_name FROM duckdb_tables()
WHERE NOT internal AND NOT temporary AND database_name = current_database() ORDER BY ALL NULLS FIRST",
    columns: concat!(
        "
WITH key AS (
  SELECT database_oid AS place, table_oid AS id, constraint_column_names AS names FROM duckdb_constraints()
  WHERE constraint_type = 'PRIMARY KEY'
)
SELECT c.table_name, (t.table_oid IS NULL)::VARCHAR, c.column_name, c.data_type, NULL::VARCHAR, c.is_nullable::VARCHAR,
  (c.column_default IS NOT NULL AND NOT c.is_generated)::VARCHAR, c.is_generated::VARCHAR,
  COALESCE(list_position(k.names, c.column_name), 0)::VARCHAR,
  COALESCE(k.names = [c.column_name] AND c.column_default LIKE 'nextval(%' AND c.data_type LIKE '%INT%', FALSE)::VARCHAR
FROM (SELECT * FROM duckdb_columns() WHERE ",
        of_table!(),
        ") c LEFT JOIN duckdb_tables() t ON t.database_oid = c.database_oid AND t.table_oid = c.table_oid
LEFT JOIN key k ON k.place = c.database_oid AND k.id = c.table_oid ORDER BY c.column_index"
    ),
    keys: concat!(
        "
WITH key AS (
  SELECT CASE constraint_type WHEN 'UNIQUE' THEN 'unique' ELSE 'reference' END AS kind, constraint_index AS id,
    constraint_column_names AS names, referenced_table AS parent, referenced_column_names AS referred,
    database_name, schema_name, table_name
  FROM duckdb_constraints() WHERE constraint_type IN ('UNIQUE', 'FOREIGN KEY')
  UNION ALL
  SELECT 'unique', index_oid, expressions::VARCHAR[], NULL, NULL, database_name, schema_name, table_name
  FROM duckdb_indexes() WHERE is_unique AND NOT is_primary
), part AS (
  SELECT *, unnest(range(1, len(names) + 1)) AS nth FROM key WHERE ",
        of_table!(),
        r#")
SELECT kind, id::VARCHAR, trim(names[nth], '"'), CASE kind WHEN 'reference' THEN $2::VARCHAR END, parent, referred[nth],
  NULL::VARCHAR, NULL::VARCHAR
FROM part ORDER BY kind, id, nth"#
    ),
    values,
};

fn values(name: &str, _: &str) -> CatalogType {
    use ArrayType as T;
    let simple = name.split('(').next().filter(|_| !name.ends_with(']')).unwrap_or_default();
    CatalogType::Of(match simple {
        "BOOLEAN" => T::Bool,
        "TINYINT" => T::TinyInt,
        "SMALLINT" => T::SmallInt,
        "INTEGER" => T::Int,
        "BIGINT" => T::BigInt,
        "UTINYINT" => T::TinyUnsigned,
        "USMALLINT" => T::SmallUnsigned,
        "UINTEGER" => T::Unsigned,
        "UBIGINT" => T::BigUnsigned,
        "FLOAT" => T::Float,
        "DOUBLE" => T::Double,
        "DECIMAL" => T::Decimal,
        "VARCHAR" | "ENUM" | "\"NULL\"" => T::String,
        "BLOB" => T::Bytes,
        "JSON" => T::Json,
        "UUID" => T::Uuid,
        "DATE" => T::ChronoDate,
        "TIME" => T::ChronoTime,
        "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS" => T::ChronoDateTime,
        "TIMESTAMP WITH TIME ZONE" => T::ChronoDateTimeUtc,
        _ => return CatalogType::TextOf(name.to_owned()),
    })
}
