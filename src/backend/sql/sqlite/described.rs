//! The catalog of an entity's table, on one connection.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use sea_orm::sea_query::ArrayType;

use super::{
    connection::SqliteConnection,
    error::classify,
    facts::{self, Facts, TextRow, UnreadableIds},
    forms,
    watch::Mark,
};
use crate::{
    backend::sql::Catalog,
    clock::this_moment,
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// The catalog of a table in the snapshot of the connection's transaction, whose state of the data is given if it is known.
/// Values outside the id are checked only for a statement that compares values that may be stored in several forms.
pub(super) fn catalog(
    connection: &SqliteConnection,
    table: &Table,
    schema_version: i64,
    mark: &mut Option<Mark>,
    compares_forms: bool,
) -> Result<Arc<Catalog>> {
    let identity = table.identity;
    let watch = connection.watch();
    let known = if connection.is_foreign() { None } else { watch.facts(identity, schema_version, *mark) };
    let facts = match known {
        Some(facts) => facts,
        None => {
            let Some(facts) = load(connection, table)? else { return Ok(Catalog::plain()) };
            if !connection.is_foreign() {
                watch.learn(identity, schema_version, *mark, &facts);
            }
            facts
        }
    };
    if has_null_ids(connection, table, &facts)? {
        let text = facts.uuid_id.map_or(Ok(false), |id| has_text_ids(connection, table, &facts, id))?;
        return Ok(facts.catalog(facts.with_forms(), UnreadableIds { text, null: true }));
    }
    let (own, any) = watch.catalogs(identity, &facts);
    if facts.with_forms().is_empty() {
        return Ok(own);
    }
    if let Some(known) = mark.and_then(|mark| watch.checked(identity, &facts, mark)) {
        return Ok(known);
    }
    // What a transaction has changed may be undone.
    if let Some(mark) = mark.as_mut().filter(|_| compares_forms && connection.is_unchanged())
        && watch.begin_check(identity, &facts)
    {
        let began = this_moment();
        // One that is stopped begins again on a thread that may block.
        let others = others(connection, table, &facts).inspect_err(|_| watch.give_up_check(identity))?;
        let text = facts.uuid_id.is_some_and(|id| others.contains(&id));
        let catalog = if others.is_empty() { own } else { facts.catalog(&others, UnreadableIds { text, null: false }) };
        *mark = watch.end_check(identity, &catalog, others.is_empty(), *mark, began);
        return Ok(catalog);
    }
    match facts.uuid_id {
        // An index answers at once.
        Some(id) if has_text_ids(connection, table, &facts, id)? => {
            Ok(facts.catalog(facts.with_forms(), UnreadableIds { text: true, null: false }))
        }
        _ if !compares_forms => Ok(own),
        Some(id) if facts.with_forms() == [id] => Ok(own),
        _ => Ok(any),
    }
}

/// The columns that have values in another form than is written here.
fn others(connection: &SqliteConnection, table: &Table, facts: &Facts) -> Result<Vec<usize>> {
    let mut others = Vec::new();
    for position in facts.with_forms() {
        let Some((name, value_type)) = facts.column(*position) else { continue };
        if connection.is_true(&forms::has_other(table, name, value_type, facts.uuid_id == Some(*position)))? {
            others.push(*position);
        }
    }
    Ok(others)
}

fn has_text_ids(connection: &SqliteConnection, table: &Table, facts: &Facts, id: usize) -> Result<bool> {
    facts.column(id).map_or(Ok(false), |(name, _)| connection.is_true(&forms::has_text_ids(table, name)))
}

fn has_null_ids(connection: &SqliteConnection, table: &Table, facts: &Facts) -> Result<bool> {
    let id = facts.nullable_id.and_then(|id| facts.column(id));
    id.map_or(Ok(false), |(name, _)| connection.is_true(&forms::has_nulls(table, name)))
}

/// What the schema says of a table. `None` if it is not there as the entity says.
fn load(connection: &SqliteConnection, table: &Table) -> Result<Option<Arc<Facts>>> {
    let [columns, tables] = facts::queries(table);
    let (columns, tables) = (connection.texts(&columns)?, connection.texts(&tables)?);
    let collations = match facts::collations(table, &columns) {
        Some(query) => connection.texts(&query)?,
        None => Vec::new(),
    };
    Ok(Facts::new(table, &columns, &tables, &collations).map(|facts| Arc::new(facts.probed())))
}

/// Whether a row that names every column is stored in the table of an entity as it is given.
///
/// Only a transaction that may write already is told: nobody else changes the table before it stores the row, and one that has
/// read cannot wait for its turn to write any more.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) if the table has ids in another form, under which the model may be there already.
pub(super) fn stores_rows_as_given(connection: &SqliteConnection, table: &Table) -> Result<bool> {
    begin_to_write(connection, table)?;
    if connection.is_foreign() || !connection.may_write(table.schema()) {
        return refuse_text_ids(connection, table).map(|()| false);
    }
    let (identity, watch, version) = (table.identity, connection.watch(), connection.data_version()?);
    let (facts, has_own_ids) = match watch.facts_of(identity, connection.id(), version) {
        Some(known) => known,
        None => {
            let mark = watch.seen(watch.before(), connection.id(), version, false);
            let schema_version = connection.schema_version()?;
            match watch.facts(identity, schema_version, Some(mark)) {
                Some(facts) => (facts, false),
                None => {
                    let Some(facts) = load(connection, table)? else { return Ok(false) };
                    watch.learn(identity, schema_version, Some(mark), &facts);
                    (facts, false)
                }
            }
        }
    };
    if let Some(id) = facts.uuid_id.filter(|_| !has_own_ids) {
        if has_text_ids(connection, table, &facts, id)? {
            return Err(refused(&facts, id));
        }
        if connection.is_unchanged() {
            watch.learn_ids(identity, connection.id(), version);
        }
    }
    Ok(facts.stores_rows_as_given)
}

/// Takes the right to write in a transaction that has not done anything yet. One that has read cannot wait for it.
pub(super) fn begin_to_write(connection: &SqliteConnection, table: &Table) -> Result<()> {
    if !connection.is_idle_transaction(table.schema()) {
        return Ok(());
    }
    match connection.ask(&forms::begin_to_write(table), |statement| statement.raw_query().next().map(drop).map_err(classify)) {
        Err(error) if error.kind() == ErrorKind::Contention => Err(error),
        // The statement that is about to run says what else is wrong.
        _ => Ok(()),
    }
}

/// Refuses a table in which a model that was not found by its id may be there under the same id in another form.
pub(super) fn refuse_text_ids(connection: &SqliteConnection, table: &Table) -> Result<()> {
    let Some(id) = uuid_id(table) else { return Ok(()) };
    match connection.is_true(&forms::has_text_ids(table, id)) {
        Ok(true) => Err(facts::text_ids().in_column(id)),
        Ok(false) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The name of the id's first column, if it holds UUIDs.
pub(super) fn uuid_id(table: &Table) -> Option<&str> {
    let first = table.columns.get(*table.id.first()?)?;
    (first.value_type == ArrayType::Uuid).then(|| first.name())
}

fn refused(facts: &Facts, id: usize) -> Error {
    facts.column(id).map_or_else(facts::text_ids, |(name, _)| facts::text_ids().in_column(name))
}

impl SqliteConnection {
    /// Runs a query of its own, and answers its rows as text.
    fn texts(&self, sql: &str) -> Result<Vec<TextRow>> {
        self.ask(sql, |query| {
            let columns = query.column_count();
            let mut rows = query.raw_query();
            let mut texts = Vec::new();
            while let Some(row) = rows.next().map_err(classify)? {
                let text = |at| row.get_ref(at).map_err(classify).map(text_of);
                texts.push((0..columns).map(text).collect::<Result<_>>()?);
            }
            Ok(texts)
        })
    }

    /// Runs a query of its own that answers one truth.
    fn is_true(&self, sql: &str) -> Result<bool> {
        self.number(sql).map(|number| number != 0)
    }

    /// Runs a query of its own that answers one number.
    pub(super) fn number(&self, sql: &str) -> Result<i64> {
        self.ask(sql, |query| {
            let missing = || Error::new(ErrorKind::Internal, "the engine returned no number");
            let mut rows = query.raw_query();
            rows.next().map_err(classify)?.ok_or_else(missing)?.get(0).map_err(classify)
        })
    }
}

/// A value as text.
pub(super) fn text_of(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}
