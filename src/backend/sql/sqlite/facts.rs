//! What SQLite's schema says of the table of an entity. It is asked by text, so that both engines can ask.

use std::sync::Arc;

use sea_orm::sea_query::ArrayType;

use super::affinity::Affinity;
use crate::{
    backend::sql::{
        Catalog,
        catalog::{Described, Form, LosslessValues, TextOrder},
        statement::meaning::is_number,
    },
    error::{Error, ErrorKind},
    table::Table,
    value::integer,
};

/// A row of an answer, as text.
pub(super) type TextRow = Vec<Option<String>>;

/// The table of an entity, as SQLite's schema describes it.
#[derive(Debug)]
pub(super) struct Facts {
    columns: Vec<ColumnFacts>,
    is_rewritten: bool,
    /// Whether a row that names every column is stored as it is given, whatever its values.
    pub(super) stores_rows_as_given: bool,
    /// The positions of the columns whose values can be in several forms.
    with_forms: Vec<usize>,
    /// The position of the id's first column, if it holds UUIDs: an index finds those that are stored as text.
    pub(super) uuid_id: Option<usize>,
    /// The position of the primary key's first column, if the table takes nulls in it: SQLite does so unless `NOT NULL` is
    /// declared. An index finds them.
    pub(super) nullable_id: Option<usize>,
    /// Whether the engine looks for ids in other forms that a statement by id has missed.
    is_probed: bool,
    /// Whether statements that name every column may still store other forms of values than they are given.
    pub(super) is_volatile: bool,
}

/// The kinds of ids in a table that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct UnreadableIds {
    /// UUIDs that are stored as text, or other text and numbers.
    pub(super) text: bool,
    /// Nulls in the first column of the primary key.
    pub(super) null: bool,
}

#[derive(Debug)]
struct ColumnFacts {
    described: Described,
    value_type: ArrayType,
    name: String,
}

/// The queries that [`Facts::new`] needs the answers of: the table's columns, the table and the triggers, and the collations of
/// its columns of text.
pub(super) fn queries(table: &Table) -> [String; 2] {
    let schema = table.schema().unwrap_or("main");
    let master = format!("{}.sqlite_master", quoted(schema, '"'));
    let (schema, table) = (quoted(schema, '\''), quoted(table.name(), '\''));
    [
        format!("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo({table}, {schema})"),
        format!(
            "SELECT type, sql, tbl_name = {table} COLLATE NOCASE, \
             (SELECT strict FROM pragma_table_list WHERE schema = {schema} AND name = {table} COLLATE NOCASE), \
             NOT EXISTS (SELECT 1 FROM pragma_index_list({table}, {schema}) WHERE origin = 'pk'), \
             (SELECT count(*) FROM {master} WHERE type = 'trigger') \
             FROM {master} WHERE (tbl_name = {table} COLLATE NOCASE AND type = 'trigger') \
             OR (name = {table} COLLATE NOCASE AND type IN ('table', 'view'))"
        ),
    ]
}

/// The query that says how the columns of text are compared. `None` if the entity has none, or the table not those of the entity.
///
/// The columns of a compound query are compared as those of its first part.
pub(super) fn collations(table: &Table, columns: &[TextRow]) -> Option<String> {
    let texts: Vec<_> = table.columns.iter().filter(|column| is_text(&column.value_type)).collect();
    if texts.is_empty() || !texts.iter().all(|column| columns.iter().any(|row| is_named(row, column.name()))) {
        return None;
    }
    let (mut selected, mut probed) = (Vec::new(), Vec::new());
    for (nth, column) in texts.iter().enumerate() {
        selected.push(format!("{} AS c{nth}", quoted(column.name(), '"')));
        probed.push(format!(
            "c{nth} = 'A' OR c{nth} = 'a ' OR c{nth} < 'B' OR c{nth} > 'aa' OR c{nth} > '\u{e4}' OR c{nth} < '' OR c{nth} < '9'"
        ));
    }
    let given = vec!["'a'"; texts.len()].join(", ");
    let table = [table.schema(), Some(table.name())].into_iter().flatten().map(|name| quoted(name, '"'));
    Some(format!(
        "SELECT {} FROM (SELECT {} FROM {} WHERE 0 UNION SELECT {given})",
        probed.join(", "),
        selected.join(", "),
        table.collect::<Vec<_>>().join(".")
    ))
}

impl Facts {
    /// From the answers to [`queries`] and [`collations`]. `None` if there is no such table, or it lacks a column of the entity.
    pub(super) fn new(of: &Table, columns: &[TextRow], tables: &[TextRow], collations: &[TextRow]) -> Option<Self> {
        let is = |row: &TextRow, at: usize, text: &str| row.get(at).and_then(Option::as_deref) == Some(text);
        let kind = |kind: &'static str| tables.iter().filter(move |row| is(row, 0, kind));
        let table = kind("table").chain(kind("view")).next()?;
        let sql = table.get(1).and_then(Option::as_deref).unwrap_or_default().to_ascii_uppercase();
        let is_rewritten = is(table, 0, "view")
            || kind("trigger").next().is_some()
            || sql.contains("CONFLICT")
            || sql.starts_with("CREATE VIRTUAL");
        let is_strict = is(table, 3, "1");
        let has_rowid_id =
            is(table, 0, "table") && is(table, 4, "1") && columns.iter().filter(|row| !is(row, 4, "0")).count() == 1;
        let generated = of.generated;
        let mut collations = collations.first().into_iter().flatten();
        let mut is_volatile = !is(table, 5, "0");
        let mut stores_rows_as_given = !is_rewritten;
        let (mut described, mut with_forms, mut uuid_id) = (Vec::new(), Vec::new(), None);
        let mut nullable_id = None;
        for (position, column) in of.columns.iter().enumerate() {
            let value_type = column.value_type.clone();
            let row = columns.iter().find(|row| is_named(row, column.name()))?;
            let declared = row.get(1).and_then(Option::as_deref).unwrap_or_default();
            let affinity = Affinity::of(declared, is_strict);
            let text = match is_text(&value_type).then(|| collations.next()).flatten() {
                Some(Some(folds)) if folds != "0" => TextOrder::Folded,
                // Such a column converts what it is compared with to a number, if it looks like one.
                _ if is_text(&value_type) && !affinity.is_lossless_for(&value_type) => TextOrder::Sorted,
                _ => TextOrder::Bytes,
            };
            let default = row.get(3).and_then(Option::as_deref).filter(|default| !default.eq_ignore_ascii_case("null"));
            let is_rowid = has_rowid_id && declared.eq_ignore_ascii_case("integer") && !is(row, 4, "0");
            // Left to the engine, such an id is null.
            let lacks_id = generated == Some(position) && !is_rowid && default.is_none() && !is(table, 0, "view");
            if has_forms(&value_type) && !column.is_cast() {
                with_forms.push(position);
                is_volatile |= default.is_some();
            }
            if value_type == ArrayType::Uuid && is(row, 4, "1") && !is(table, 0, "view") {
                uuid_id = Some(position);
            }
            let is_nullable = is(row, 2, "0") && !is_rowid && !column.is_null();
            if is_nullable && is(row, 4, "1") {
                nullable_id = Some(position);
            }
            // A primary key and a column with a default may have another value instead of none.
            let stores_null = default.is_none() && is(row, 2, "0") && is(row, 4, "0");
            stores_rows_as_given &= affinity.is_lossless_for(&value_type) && (stores_null || !column.is_null());
            described.push(ColumnFacts {
                described: Described {
                    is_generated: is(row, 5, "2") || is(row, 5, "3"),
                    lossless: lossless_values(affinity, &value_type, lacks_id),
                    text,
                    collation: None,
                    // Such a column makes text of numbers.
                    form: if affinity == Affinity::Text && is_number(&value_type) && !column.is_cast() {
                        Form::Any
                    } else {
                        Form::Own
                    },
                    is_probed: false,
                    is_nullable,
                    list_of: None,
                },
                value_type,
                name: column.name().to_owned(),
            });
        }
        Some(Self {
            columns: described,
            is_rewritten,
            stores_rows_as_given,
            with_forms,
            uuid_id,
            nullable_id,
            is_probed: false,
            is_volatile,
        })
    }

    /// The same for an engine that looks for ids in other forms that a statement by id has missed.
    pub(super) fn probed(self) -> Self {
        Self { is_probed: true, ..self }
    }

    /// The positions of the columns whose values can be in several forms.
    pub(super) fn with_forms(&self) -> &[usize] {
        &self.with_forms
    }

    /// A column's name and the type of its values.
    pub(super) fn column(&self, position: usize) -> Option<(&str, &ArrayType)> {
        self.columns.get(position).map(|column| (column.name.as_str(), &column.value_type))
    }

    /// The catalog if all values are in the forms that larder writes, and the catalog if any value may be in another form. All
    /// ids can be read.
    pub(super) fn usual_catalogs(&self) -> (Arc<Catalog>, Arc<Catalog>) {
        (self.catalog(&[], UnreadableIds::default()), self.catalog(&self.with_forms, UnreadableIds::default()))
    }

    /// The catalog of the table, in which some columns have values of any form, and some ids cannot be read.
    pub(super) fn catalog(&self, any: &[usize], unreadable: UnreadableIds) -> Arc<Catalog> {
        let describe = |(position, column): (usize, &ColumnFacts)| {
            let described = column.described.clone();
            let is_refused = unreadable.text && self.uuid_id == Some(position);
            Described {
                form: if any.contains(&position) { Form::Any } else { described.form },
                lossless: if is_refused { refuses() } else { described.lossless.clone() },
                is_probed: self.is_probed && self.uuid_id == Some(position),
                is_nullable: described.is_nullable && (unreadable.null || self.nullable_id != Some(position)),
                ..described
            }
        };
        let described = self.columns.iter().enumerate().map(describe).collect();
        // What a statement returns is what it was before the triggers.
        Arc::new(Catalog::new(described, self.is_rewritten).changed_afterwards(self.is_rewritten))
    }
}

/// Refuses every id of a table in which some are stored in another form.
fn refuses() -> LosslessValues {
    LosslessValues::Only(Arc::new(|_| Err(text_ids())))
}

/// Why a table is refused in which a model may be there under its id, and not be found by it.
pub(super) fn text_ids() -> Error {
    Error::new(ErrorKind::Corrupt, "the table has ids that are no UUIDs of 16 bytes")
}

fn is_named(row: &TextRow, name: &str) -> bool {
    row.first().and_then(Option::as_deref).is_some_and(|other| other.eq_ignore_ascii_case(name))
}

fn is_text(value_type: &ArrayType) -> bool {
    matches!(value_type, ArrayType::String | ArrayType::Enum(_) | ArrayType::Char)
}

/// Whether other programs store values of a type in other forms than this library.
pub(super) fn has_forms(value_type: &ArrayType) -> bool {
    use ArrayType as T;
    matches!(
        value_type,
        T::Bool
            | T::Uuid
            | T::ChronoDate
            | T::ChronoTime
            | T::ChronoDateTime
            | T::ChronoDateTimeUtc
            | T::ChronoDateTimeLocal
            | T::ChronoDateTimeWithTimeZone
    )
}

fn lossless_values(affinity: Affinity, value_type: &ArrayType, lacks_id: bool) -> LosslessValues {
    if affinity.is_lossless_for(value_type) && !lacks_id {
        return LosslessValues::All;
    }
    LosslessValues::Only(Arc::new(move |value| {
        if lacks_id && integer(value) == Some(0) {
            return Err(Error::new(ErrorKind::Corrupt, "the table does not generate ids: the model would have none"));
        }
        match affinity.is_lossless(value) {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Corrupt, "the column would store the value as one of another type")),
        }
    }))
}

/// A name or a text in quotes.
pub(super) fn quoted(text: &str, quote: char) -> String {
    format!("{quote}{}{quote}", text.replace(quote, &format!("{quote}{quote}")))
}
