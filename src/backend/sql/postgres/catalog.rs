//! What Postgres' catalog says of a table. Everybody may read it, also on a replica and in a transaction that only reads.
//!
//! What was looked up is used for [`MAX_AGE`]: a look takes a round trip, so that a busy store spends less than a thousandth of
//! its time on it, and a change that another program makes to the table is noticed about as soon. A change that the application
//! makes by itself is noticed at once. So is one that an error tells of, which is what a statement that answers whole rows meets
//! with when a type has changed.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sea_orm::sea_query::{ArrayType, Expr};
use sqlx::{PgConnection, Row as _, postgres::PgRow};

use super::{
    error::PostgresErrors,
    kind::{CITEXT, Kind, kind_of},
    lossless,
    prepared::prepared,
};
use crate::{
    backend::sql::{
        Catalog,
        catalog::{Described, Form, TextOrder, Upserts},
        sqlx::classify,
    },
    clock::{Moment, this_moment},
    error::Result,
    table::{Table, TableIdentity},
};

pub(super) const MAX_AGE: Duration = Duration::from_secs(1);

/// The columns of a table. Types are followed from domains to what they are based on, and from arrays to their elements. What is
/// enabled for `INSERT` and `UPDATE` on a table or on what inherits from it may make other rows of those that are given: rules,
/// triggers, the engine of a foreign table.
///
/// A collation that is of the database's default, or none, is the database's own. That has had a provider of its own since
/// version 15.
const COLUMNS: &str = r#"
WITH RECURSIVE relation AS (
  SELECT oid, relname, relkind, relrowsecurity, relhasrules, relhastriggers, relhassubclass FROM pg_class WHERE oid = to_regclass($1)
), family AS (
  SELECT oid FROM relation
  UNION SELECT i.inhrelid FROM relation r, family f, LATERAL (SELECT inhrelid FROM pg_inherits WHERE inhparent = f.oid OFFSET 0) i
  WHERE r.relhassubclass
), trigger AS (
  SELECT t.tgtype & 2 = 0 AS is_after FROM relation r, family f, LATERAL (
    SELECT tgtype FROM pg_trigger WHERE tgrelid = f.oid AND NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 20 <> 0 OFFSET 0
  ) t WHERE r.relhastriggers OR r.relhassubclass
), changes AS MATERIALIZED (
  SELECT c.is_changed_afterwards, c.is_changed_afterwards OR EXISTS (SELECT FROM trigger)
    OR r.relhassubclass AND EXISTS (SELECT FROM family f JOIN pg_class c ON c.oid = f.oid WHERE c.relkind = 'f') AS is_rewritten
  FROM relation r, LATERAL (
    SELECT r.relkind NOT IN ('r', 'p') OR EXISTS (SELECT FROM trigger WHERE is_after)
      OR r.relhasrules AND EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = r.oid AND w.ev_type <> '1' AND w.ev_enabled <> 'D')
      AS is_changed_afterwards OFFSET 0
  ) c
), part AS (
  SELECT a.attname, a.attgenerated, a.attidentity, NOT a.attnotnull AS is_nullable, a.attcollation, a.atttypmod AS typmod, FALSE AS is_list, FALSE AS is_list_of_domain,
    t.oid, t.typname, t.typtype, t.typtypmod,
    CASE WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END AS based_on
  FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
  WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT p.attname, p.attgenerated, p.attidentity, p.is_nullable, p.attcollation,
    CASE WHEN p.typtype = 'd' AND p.typmod = -1 THEN p.typtypmod ELSE p.typmod END,
    p.is_list OR p.typtype <> 'd', p.is_list_of_domain OR p.is_list AND p.typtype = 'd', t.oid, t.typname, t.typtype, t.typtypmod,
    CASE WHEN t.typtype = 'd' THEN t.typbasetype WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END
  FROM part p, LATERAL (SELECT * FROM pg_type WHERE oid = p.based_on OFFSET 0) t WHERE p.based_on <> 0
), base AS MATERIALIZED (
  SELECT COALESCE(to_jsonb(d) ->> 'datlocprovider', 'c') AS provider, d.datcollate::text AS locale
  FROM pg_database d WHERE d.datname = current_database()
)
SELECT p.attname::text AS name, p.attgenerated <> '' AS is_computed, p.attidentity = 'a' AS is_identity, p.is_nullable, p.is_list, p.is_list_of_domain,
  p.oid::int8 AS type_oid, p.typtype = 'e' AS is_enum, p.typname::text AS type_name, p.typmod,
  COALESCE(l.collisdeterministic, TRUE) AS is_deterministic,
  o.provider = 'b' OR o.provider = 'c' AND (o.locale IN ('C', 'POSIX') OR lower(replace(o.locale, '-', '')) = 'c.utf8') AS is_of_bytes,
  (SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname)
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = p.attcollation) AS collation,
  k.is_rewritten, k.is_changed_afterwards,
  NOT k.is_rewritten AND NOT r.relrowsecurity AS is_copied_to,
  r.relkind IN ('p', 'v') OR r.relname = 'excluded' AS hides_inserts,
  EXISTS (SELECT FROM pg_index i WHERE i.indrelid = r.oid AND i.indisunique AND NOT i.indimmediate) AS has_deferrable_key,
  current_setting('transaction_isolation') <> 'read committed' AS is_of_snapshot, has_table_privilege(r.oid, 'SELECT') AS is_readable,
  current_setting('transaction_isolation') = 'read committed'
    OR clock_timestamp() - transaction_timestamp() < interval '1 second' AS is_current
FROM relation r CROSS JOIN changes k CROSS JOIN base b
JOIN part p ON p.based_on = 0
LEFT JOIN pg_collation l ON l.oid = p.attcollation AND l.collprovider <> 'd'
CROSS JOIN LATERAL (SELECT COALESCE(l.collprovider::text, b.provider) AS provider,
  CASE WHEN l.oid IS NULL THEN b.locale ELSE l.collcollate::text END AS locale) o"#;

/// A column, and in each the same of its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CatalogColumn {
    pub(super) name: String,
    is_computed: bool,
    pub(super) is_identity: bool,
    is_nullable: bool,
    /// Whether it holds lists; the type is that of their elements.
    pub(super) is_list: bool,
    /// Whether the elements are of a domain.
    pub(super) is_list_of_domain: bool,
    pub(super) kind: Kind,
    pub(super) type_name: String,
    /// What is in parentheses behind the type, in a form of the type's own; -1 if nothing is.
    pub(super) typmod: i32,
    is_deterministic: bool,
    is_of_bytes: bool,
    /// The collation of a column of text, as it stands in a statement.
    collation: Option<Arc<str>>,
    is_rewritten: bool,
    /// Whether that may happen after a statement has returned its rows.
    is_changed_afterwards: bool,
    /// Whether an insert cannot say whether it has replaced a row: rows of partitioned tables and of views have no `xmax`, and in
    /// a table of that name `excluded` is not the row that was to be inserted.
    hides_inserts: bool,
    /// Whether a key is checked after the rows are stored, so that `ON CONFLICT` cannot look for it.
    has_deferrable_key: bool,
    /// Whether `COPY` writes to the table as an insert does.
    pub(super) is_copied_to: bool,
    /// Whether the transaction goes on seeing the catalog as it was when it began, while statements meet the table as it is.
    pub(super) is_of_snapshot: bool,
    /// Whether the session's role may read the table.
    pub(super) is_readable: bool,
    /// Whether what is seen is not much older than a transaction that begins now would see it.
    is_current: bool,
}

impl CatalogColumn {
    fn of(row: &PgRow) -> sqlx::Result<Self> {
        let type_name: String = row.try_get("type_name")?;
        Ok(Self {
            name: row.try_get("name")?,
            is_computed: row.try_get("is_computed")?,
            is_identity: row.try_get("is_identity")?,
            is_nullable: row.try_get("is_nullable")?,
            is_list: row.try_get("is_list")?,
            is_list_of_domain: row.try_get("is_list_of_domain")?,
            kind: match row.try_get("is_enum")? {
                true => Kind::Enum,
                false if type_name == CITEXT => Kind::Text,
                false => kind_of(u32::try_from(row.try_get::<i64, _>("type_oid")?).unwrap_or_default()),
            },
            type_name,
            typmod: row.try_get("typmod")?,
            is_deterministic: row.try_get("is_deterministic")?,
            is_of_bytes: row.try_get("is_of_bytes")?,
            collation: row.try_get::<Option<String>, _>("collation")?.map(Arc::from),
            is_rewritten: row.try_get("is_rewritten")?,
            is_changed_afterwards: row.try_get("is_changed_afterwards")?,
            hides_inserts: row.try_get("hides_inserts")?,
            has_deferrable_key: row.try_get("has_deferrable_key")?,
            is_copied_to: row.try_get("is_copied_to")?,
            is_of_snapshot: row.try_get("is_of_snapshot")?,
            is_readable: row.try_get("is_readable")?,
            is_current: row.try_get("is_current")?,
        })
    }

    /// A plain column of a type.
    #[cfg(test)]
    pub(super) fn of_type(type_name: &str, oid: u32, typmod: i32) -> Self {
        Self {
            name: String::new(),
            is_computed: false,
            is_identity: false,
            is_nullable: true,
            is_list: false,
            is_list_of_domain: false,
            kind: kind_of(oid),
            type_name: type_name.to_owned(),
            typmod,
            is_deterministic: true,
            is_of_bytes: true,
            collation: None,
            is_rewritten: false,
            is_changed_afterwards: false,
            hides_inserts: false,
            has_deferrable_key: false,
            is_copied_to: true,
            is_of_snapshot: false,
            is_readable: true,
            is_current: true,
        }
    }

    fn text_order(&self, wanted: &ArrayType, is_cast: bool) -> TextOrder {
        match wanted {
            // An enum is read with a cast to `text`, which removes the blanks.
            ArrayType::String | ArrayType::Char if self.type_name == "bpchar" && !is_cast => TextOrder::Padded,
            ArrayType::String | ArrayType::Enum(_) | ArrayType::Char => match self.is_deterministic && self.type_name != CITEXT {
                false => TextOrder::Folded,
                true if self.is_of_bytes => TextOrder::Bytes,
                true => TextOrder::Sorted,
            },
            _ => TextOrder::Bytes,
        }
    }
}

/// The columns of an entity's table as they are now. Empty if there is no such table.
pub(super) async fn columns(connection: &mut PgConnection, of: &Table) -> Result<Vec<CatalogColumn>> {
    let rows = prepared!(connection, sqlx::query(COLUMNS).bind(quoted_name(of)).fetch_all(&mut *connection));
    let rows = rows.map_err(classify::<PostgresErrors>)?;
    rows.iter().map(|row| CatalogColumn::of(row).map_err(classify::<PostgresErrors>)).collect()
}

/// A table, as SQL names it.
pub(super) fn quoted_name(table: &Table) -> String {
    let schema = table.schema().map(|schema| quoted(schema) + ".").unwrap_or_default();
    schema + &quoted(table.name())
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn catalog(table: &Table, columns: &[CatalogColumn]) -> Arc<Catalog> {
    if columns.is_empty() {
        return Catalog::plain();
    }
    let mut is_rewritten = columns.iter().any(|column| column.is_rewritten);
    let mut described = Vec::new();
    for (position, column) in table.columns.iter().enumerate() {
        let Some(found) = columns.iter().find(|found| found.name == column.name()) else {
            described.push(Described::default());
            continue;
        };
        let lossless = lossless::lossless_values(found, column);
        is_rewritten |= lossless.is_none();
        described.push(Described {
            // An id that the database gives is left out where it is to be made, and named where it is given: then the database
            // refuses it.
            is_generated: found.is_computed || (found.is_identity && !table.id.contains(&position)),
            lossless: lossless.unwrap_or_default(),
            text: found.text_order(&column.value_type, column.select_as(Expr::val("")) != Expr::val("")),
            collation: found.collation.clone(),
            form: Form::Own,
            is_probed: false,
            is_nullable: found.is_nullable && !column.is_null(),
            list_of: ["text", "varchar"].into_iter().find(|name| found.is_list && found.type_name == *name),
        });
    }
    let is_changed_afterwards = columns.iter().any(|column| column.is_changed_afterwards);
    let upserts = match columns.first() {
        Some(column) if column.has_deferrable_key => Upserts::UpdatesFirst,
        Some(column) if column.hides_inserts => Upserts::InsertsFirst,
        _ => Upserts::AtOnce,
    };
    Arc::new(Catalog::new(described, is_rewritten).changed_afterwards(is_changed_afterwards).upserted(upserts))
}

/// A table as it was looked up.
#[derive(Debug)]
struct CachedCatalog {
    columns: Vec<CatalogColumn>,
    since: Moment,
    catalog: Arc<Catalog>,
}

/// The tables that were looked up, by entity.
#[derive(Debug, Default)]
pub(crate) struct PostgresCatalogCache(RwLock<BTreeMap<TableIdentity, CachedCatalog>>);

impl PostgresCatalogCache {
    /// What was looked up of an entity's table not long ago.
    pub(super) fn get(&self, table: &Table) -> Option<Arc<Catalog>> {
        let tables = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let known = tables.get(&table.identity)?;
        (this_moment().saturating_duration_since(known.since) < MAX_AGE).then(|| known.catalog.clone())
    }

    /// What the catalog says of an entity's table.
    pub(super) async fn look_up(&self, connection: &mut PgConnection, table: &Table) -> Result<Arc<Catalog>> {
        let now = this_moment();
        let columns = columns(connection, table).await?;
        let mut tables = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // The same catalog for the same table: statements that were written for it are still good.
        let catalog = match tables.get(&table.identity) {
            Some(known) if known.columns == columns => known.catalog.clone(),
            _ => catalog(table, &columns),
        };
        if columns.first().is_some_and(|column| column.is_current) {
            table.identity.remember(&mut tables, CachedCatalog { columns, since: now, catalog: catalog.clone() });
        }
        Ok(catalog)
    }

    /// Lets every table be looked up anew: one may have changed.
    pub(super) fn forget(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
