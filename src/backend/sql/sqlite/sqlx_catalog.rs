//! The catalog of a table, asked through sqlx. SeaORM writes beside it, in forms of its own, so a column is taken to have values
//! of any form.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::types::ValueRef as Stored;
use sqlx::{AssertSqlSafe, Decode, Row as _, Sqlite, SqliteConnection, TypeInfo as _, ValueRef as _, sqlite::SqliteRow};

use super::{
    described::{text_of, uuid_id},
    error::SqlxSqliteErrors,
    facts::{self, Facts, TextRow, UnreadableIds},
    forms,
};
use crate::{
    backend::sql::{Catalog, sqlx::classify},
    error::{Error, ErrorKind, Result},
    table::{Table, TableIdentity},
};

/// The catalogs of tables, as the schema described them.
#[derive(Debug, Default)]
pub(crate) struct SqlxCatalogCache(Mutex<BTreeMap<TableIdentity, CachedFacts>>);

#[derive(Clone, Debug)]
struct CachedFacts {
    schema_version: String,
    facts: Arc<Facts>,
    /// With all ids in the form that is written here, and with some that are not.
    own_ids: Arc<Catalog>,
    text_ids: Arc<Catalog>,
}

impl SqlxCatalogCache {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<TableIdentity, CachedFacts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn forget(&self) {
        self.lock().clear();
    }
}

pub(super) async fn catalog(
    connection: &mut SqliteConnection,
    table: &Table,
    catalogs: &SqlxCatalogCache,
) -> Result<Arc<Catalog>> {
    let has_text_ids = uuid_id(table).map_or_else(|| "SELECT 0".to_owned(), |id| forms::has_text_ids(table, id));
    let state = format!("SELECT (SELECT schema_version FROM pragma_schema_version), ({has_text_ids})");
    let state = match texts(connection, state).await {
        // The statement itself will say so.
        Err(error) if matches!(error.kind(), ErrorKind::TableMissing | ErrorKind::InvalidInput) => return Ok(Catalog::plain()),
        state => state?,
    };
    let value = |at: usize| state.first().and_then(|row| row.get(at).cloned().flatten()).unwrap_or_default();
    let schema_version = value(0);
    let known = catalogs.lock().get(&table.identity).filter(|known| known.schema_version == schema_version).cloned();
    let known = match known {
        Some(known) => known,
        None => {
            let Some(facts) = load(connection, table).await? else { return Ok(Catalog::plain()) };
            let any: Vec<_> = facts.with_forms().iter().copied().filter(|position| facts.uuid_id != Some(*position)).collect();
            let own_ids = facts.catalog(&any, UnreadableIds::default());
            let text_ids = facts.catalog(facts.with_forms(), UnreadableIds { text: true, null: false });
            let known = CachedFacts { schema_version, facts: Arc::new(facts), own_ids, text_ids };
            table.identity.remember(&mut catalogs.lock(), known.clone());
            known
        }
    };
    let text = value(1) == "1";
    if has_null_ids(connection, table, &known.facts).await? {
        return Ok(known.facts.catalog(known.facts.with_forms(), UnreadableIds { text, null: true }));
    }
    Ok(if text { known.text_ids } else { known.own_ids })
}

async fn has_null_ids(connection: &mut SqliteConnection, table: &Table, facts: &Facts) -> Result<bool> {
    let Some((name, _)) = facts.nullable_id.and_then(|id| facts.column(id)) else { return Ok(false) };
    let found = texts(connection, forms::has_nulls(table, name)).await?;
    Ok(found.first().and_then(|row| row.first().cloned().flatten()).as_deref() == Some("1"))
}

async fn load(connection: &mut SqliteConnection, table: &Table) -> Result<Option<Facts>> {
    let [columns, tables] = facts::queries(table);
    let (columns, tables) = (texts(connection, columns).await?, texts(connection, tables).await?);
    let collations = match facts::collations(table, &columns) {
        Some(query) => texts(connection, query).await?,
        None => Vec::new(),
    };
    Ok(Facts::new(table, &columns, &tables, &collations))
}

async fn texts(connection: &mut SqliteConnection, sql: String) -> Result<Vec<TextRow>> {
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(connection).await.map_err(classify::<SqlxSqliteErrors>)?;
    let text = |row: &SqliteRow, at| stored(row, at).map(text_of);
    rows.iter().map(|row| (0..row.len()).map(|at| text(row, at)).collect()).collect()
}

/// A value of a row, as it is stored.
pub(super) fn stored(row: &SqliteRow, at: usize) -> Result<Stored<'_>> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        Error::new(ErrorKind::Corrupt, "a stored value cannot be read").with_source(std::io::Error::other(error))
    };
    let raw = row.try_get_raw(at).map_err(classify::<SqlxSqliteErrors>)?;
    if raw.is_null() {
        return Ok(Stored::Null);
    }
    let name = raw.type_info().name().to_owned();
    match name.as_str() {
        "REAL" => <f64 as Decode<Sqlite>>::decode(raw).map(Stored::Real),
        "TEXT" => <&[u8] as Decode<Sqlite>>::decode(raw).map(Stored::Text),
        "BLOB" => <&[u8] as Decode<Sqlite>>::decode(raw).map(Stored::Blob),
        _ => <i64 as Decode<Sqlite>>::decode(raw).map(Stored::Integer),
    }
    .map_err(unreadable)
}
