//! How Postgres is asked for its tables. Types are followed from domains to what they are based on.

use sea_orm::sea_query::ArrayType;

use super::kind::CITEXT;
use crate::backend::sql::{catalog_queries::CatalogQueries, catalog_type::CatalogType};

pub(super) const CATALOG: CatalogQueries = CatalogQueries {
    // What belongs to an extension is part of it.
    tables: r"
SELECT CASE WHEN NOT pg_table_is_visible(c.oid) THEN n.nspname::text END, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
ORDER BY 1 NULLS FIRST, 2",
    columns: r"
WITH RECURSIVE relation AS (
  SELECT oid, relname::text, relkind IN ('v', 'm') AS is_view FROM pg_class
  WHERE oid = to_regclass(COALESCE(quote_ident($2) || '.', '') || quote_ident($1)) AND relkind IN ('r', 'p', 'f', 'v', 'm')
), part AS (
  SELECT r.relname, r.is_view, a.attnum, a.attname::text, a.attnotnull, a.atthasdef, a.attgenerated <> '' AS is_computed,
    a.attidentity::text AS identity, a.atttypid AS type, pg_get_expr(d.adbin, d.adrelid) AS value,
    array_position(i.indkey::int2[], a.attnum) + 1 AS number, i.indnkeyatts AS parts
  FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid
  LEFT JOIN pg_index i ON i.indrelid = r.oid AND i.indisprimary
  LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
  WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT p.relname, p.is_view, p.attnum, p.attname, p.attnotnull OR t.typnotnull, p.atthasdef OR t.typdefault IS NOT NULL,
    p.is_computed, p.identity, t.typbasetype, p.value, p.number, p.parts
  FROM part p JOIN pg_type t ON t.oid = p.type WHERE t.typtype = 'd'
)
SELECT p.relname, p.is_view::text, p.attname,
  CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace OR t.typname = 'citext' THEN t.typname::text END, format_type(t.oid, -1),
  (NOT p.attnotnull)::text, (p.identity <> '' OR p.atthasdef AND NOT p.is_computed)::text,
  (p.is_computed OR p.identity = 'a' AND p.number IS NULL)::text, COALESCE(p.number, 0)::text,
  COALESCE(p.number = 1 AND p.parts = 1 AND t.typname IN ('int2', 'int4', 'int8')
    AND (p.identity <> '' OR p.value LIKE 'nextval(%'), FALSE)::text
FROM part p JOIN pg_type t ON t.oid = p.type WHERE t.typtype <> 'd' ORDER BY p.attnum",
    keys: r#"
WITH relation AS (
  SELECT to_regclass(COALESCE(quote_ident($2) || '.', '') || quote_ident($1)) AS oid
), key AS (
  SELECT 'unique' AS kind, i.indexrelid AS id, k.nth, a.attname, NULL::oid AS parent, NULL::name AS referred,
    NULL::"char" AS deleted, NULL::"char" AS updated
  FROM relation r JOIN pg_index i ON i.indrelid = r.oid
  CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY k(number, nth)
  LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number
  WHERE i.indisunique AND NOT i.indisprimary AND i.indpred IS NULL AND i.indimmediate AND k.nth <= i.indnkeyatts
  UNION ALL
  SELECT 'reference', c.oid, k.nth, a.attname, c.confrelid, b.attname, c.confdeltype, c.confupdtype
  FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid AND c.contype = 'f'
  CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY k(number, referred, nth)
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number
  JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.referred
)
SELECT k.kind, k.id::int8::text, k.attname::text, CASE WHEN NOT pg_table_is_visible(p.oid) THEN n.nspname::text END,
  p.relname::text, k.referred::text, k.deleted::text, k.updated::text
FROM key k LEFT JOIN pg_class p ON p.oid = k.parent LEFT JOIN pg_namespace n ON n.oid = p.relnamespace
ORDER BY k.kind, k.id, k.nth"#,
    values,
};

/// A type of the system's by its name, or any other by the name that a cast has for it.
fn values(name: &str, cast: &str) -> CatalogType {
    use ArrayType as T;
    CatalogType::Of(match name {
        "bool" => T::Bool,
        "int2" => T::SmallInt,
        "int4" => T::Int,
        "int8" => T::BigInt,
        "float4" => T::Float,
        "float8" => T::Double,
        "numeric" => T::Decimal,
        "text" | "varchar" | "bpchar" | "name" | CITEXT => T::String,
        "bytea" => T::Bytes,
        "uuid" => T::Uuid,
        "json" | "jsonb" => T::Json,
        "date" => T::ChronoDate,
        "time" => T::ChronoTime,
        "timestamp" => T::ChronoDateTime,
        "timestamptz" => T::ChronoDateTimeUtc,
        _ => return CatalogType::TextOf(cast.to_owned()),
    })
}
