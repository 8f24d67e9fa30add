//! How SQLite is asked for its tables. What is declared of a column says little: a value is of its own type.

use sea_orm::sea_query::ArrayType;

use super::affinity::Affinity;
use crate::backend::sql::{catalog_queries::CatalogQueries, catalog_type::CatalogType};

pub(super) const CATALOG: CatalogQueries = CatalogQueries {
    tables: r"
SELECT CASE WHEN schema <> 'main' THEN schema END, name FROM pragma_table_list
WHERE type IN ('table', 'virtual') AND schema <> 'temp' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY 1, 2",
    columns: r#"
SELECT l.name, CAST(l.type = 'view' AS TEXT), c.name, c.type, CAST(l.strict AS TEXT), CAST(c."notnull" = 0 AND c.pk = 0 AS TEXT),
  CAST(c.dflt_value IS NOT NULL AND lower(c.dflt_value) <> 'null' AS TEXT), CAST(c.hidden IN (2, 3) AS TEXT), CAST(c.pk AS TEXT),
  CAST(c.pk = 1 AND lower(c.type) = 'integer' AND l.type = 'table' AND l.wr = 0
    AND (SELECT count(*) FROM pragma_table_xinfo(l.name, l.schema) k WHERE k.pk > 0) = 1
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(l.name, l.schema) i WHERE i.origin = 'pk') AS TEXT)
FROM pragma_table_list l, pragma_table_xinfo(l.name, l.schema) c
WHERE l.schema = COALESCE($2, 'main') COLLATE NOCASE AND l.name = $1 COLLATE NOCASE AND c.hidden <> 1 ORDER BY c.cid"#,
    keys: r#"
SELECT kind, CAST(id AS TEXT), name, parent_schema, parent, referred, on_delete, on_update FROM (
  SELECT 'unique' AS kind, i.seq AS id, c.seqno AS nth, c.name, NULL AS parent_schema, NULL AS parent, NULL AS referred,
    NULL AS on_delete, NULL AS on_update
  FROM pragma_index_list($1, COALESCE($2, 'main')) i, pragma_index_info(i.name, COALESCE($2, 'main')) c
  WHERE i."unique" AND i.partial = 0 AND i.origin <> 'pk'
  UNION ALL
  SELECT 'reference', f.id, f.seq, f."from", $2, f."table",
    COALESCE(f."to", (SELECT p.name FROM pragma_table_xinfo(f."table", COALESCE($2, 'main')) p WHERE p.pk = f.seq + 1)),
    f.on_delete, f.on_update
  FROM pragma_foreign_key_list($1, COALESCE($2, 'main')) f
) ORDER BY kind, id, nth"#,
    values,
};

/// By what larder, SeaORM and others declare where they store values that SQLite has no type for; else by the affinity.
fn values(declared: &str, is_strict: &str) -> CatalogType {
    use ArrayType as T;
    let name = declared.split('(').next().unwrap_or_default().trim().to_ascii_lowercase();
    let value_type = match name.as_str() {
        "" => return CatalogType::Any,
        "any" if is_strict == "1" => return CatalogType::Any,
        "boolean" | "bool" => T::Bool,
        "date" | "date_text" => T::ChronoDate,
        "time" | "time_text" => T::ChronoTime,
        "datetime" | "datetime_text" | "timestamp" | "timestamp_text" => T::ChronoDateTime,
        "timestamp_with_timezone_text" | "timestamp with time zone" | "timestamptz" => T::ChronoDateTimeUtc,
        "json" | "json_text" | "jsonb_text" => T::Json,
        "uuid" | "uuid_text" => T::Uuid,
        "binary" | "varbinary" => T::Bytes,
        _ => match Affinity::of(declared, is_strict == "1") {
            Affinity::Integer => T::BigInt,
            Affinity::Text => T::String,
            Affinity::Blob => T::Bytes,
            Affinity::Real | Affinity::Numeric => T::Double,
        },
    };
    CatalogType::Of(value_type)
}
