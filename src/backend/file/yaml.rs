//! A model as a YAML file: the version, a field for each column, the fields that are unknown, and the mark `...` at the end, by
//! which a file that was cut is known.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};
use serde_saphyr::{Options, Spanned};

use super::{
    column_seed::ColumnSeed,
    document::{Document, RowBuilder, RowFields, Unknown, VERSION_FIELD, check_version, corrupt},
    file_format::Notation,
    folder::MAX_FILE,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// The line that ends a file.
const END: &str = "...";

/// How deep values may be nested: a document of 127, in a wrapper, in a field.
const MAX_NESTING: usize = 160;

/// How much longer aliases may make a file, in events of the parser.
const MAX_REPLAYED: usize = 10_000;

/// The text of a file.
pub(super) fn write(table: &Table, row: &[sea_orm::Value], unknown: &Unknown) -> Result<String> {
    let fields = RowFields { table, row, notation: Notation::Yaml };
    // Text of several lines stands as it is. Long lines are not folded.
    let options = serde_saphyr::ser_options! { folded_wrap_chars: usize::MAX };
    let written = serde_saphyr::to_string_with_options(&fields, options);
    let unwritten = |error| Error::new(ErrorKind::Unsupported, "a model that has no form in YAML").with_source(error);
    let mut text = written.map_err(unwritten)?;
    unknown.iter().for_each(|field| text.push_str(&field.text));
    text.push_str(END);
    text.push('\n');
    Ok(text)
}

/// The model that a text is of.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt), or [`Unsupported`](ErrorKind::Unsupported) for a newer version.
pub(super) fn read(table: &Table, text: &str) -> Result<Document> {
    let fields = end_of_fields(text).ok_or_else(|| corrupt("no line `...` ends the file: it was cut, or is being written"))?;
    let seed = FileSeed { table, fields };
    let read = serde_saphyr::with_deserializer_from_str_with_options(fields, options(fields), |yaml| seed.deserialize(yaml));
    let read = read.map_err(|error| corrupt("a file that is no YAML, or not that of a model").with_source(error));
    let document = read.and_then(|(version, document)| {
        check_version(version)?;
        document
    });
    let document = document.map_err(|error| newer_version(fields).err().unwrap_or(error))?;
    check_unknown(&document.unknown)?;
    Ok(document)
}

/// What stands before the mark at the end.
fn end_of_fields(text: &str) -> Option<&str> {
    let fields = text.trim_end().strip_suffix(END)?;
    fields.ends_with('\n').then_some(fields)
}

fn options(text: &str) -> Options {
    // A parser has at most two events for each byte.
    let events = 2 * text.len() + 16;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_NESTING,
            flow_nesting_limit: MAX_NESTING,
            max_events: events,
            max_nodes: events,
            max_total_scalar_bytes: MAX_FILE,
            simple_key_max_lookahead: MAX_FILE,
            max_recorded_anchor_events: MAX_REPLAYED,
            max_recorded_anchor_bytes: 16 * MAX_REPLAYED,
            max_aliases: MAX_REPLAYED,
            max_anchors: MAX_REPLAYED,
            max_merge_keys: MAX_REPLAYED,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// An error for a file of a newer version, which may be of another form.
fn newer_version(text: &str) -> Result<()> {
    #[derive(Deserialize)]
    struct Head {
        format_version: u64,
    }

    match serde_saphyr::from_str_with_options::<Head>(text, options(text)) {
        Ok(head) => check_version(Some(head.format_version)),
        Err(_) => Ok(()),
    }
}

/// Refuses fields that mean something only together with others: they would not be the same behind new ones.
fn check_unknown(unknown: &Unknown) -> Result<()> {
    if unknown.is_empty() {
        return Ok(());
    }
    let text: String = unknown.iter().map(|field| field.text.as_str()).collect();
    let alone = serde_saphyr::from_str_with_options::<IgnoredAny>(&text, options(&text));
    alone.map(drop).map_err(|error| corrupt("an unknown field that refers to another").with_source(error))
}

/// Reads the fields of a file.
struct FileSeed<'t> {
    table: &'t Table,
    fields: &'t str,
}

/// The version, and the rest, which is of no use if the version is another.
type ParsedFile = (Option<u64>, Result<Document>);

impl<'de> DeserializeSeed<'de> for FileSeed<'_> {
    type Value = ParsedFile;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ParsedFile, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FileSeed<'_> {
    type Value = ParsedFile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a model")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ParsedFile, A::Error> {
        let (mut row, mut version) = (RowBuilder::new(self.table), None);
        // Where an unknown field begins.
        let mut begun: Option<(String, Option<usize>)> = None;
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let start = line_start(&key);
            if let Some((name, from)) = begun.take() {
                row.add_unknown(name, self.lines(from, start)?);
            }
            let column = row.position(&key.value).and_then(|at| Some((at, self.table.columns.get(at)?)));
            match column {
                _ if key.value == VERSION_FIELD => version = Some(map.next_value()?),
                Some((position, column)) => {
                    row.set(position, map.next_value_seed(ColumnSeed { column, notation: Notation::Yaml })?);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    begun = Some((key.value, start));
                }
            }
        }
        if let Some((name, from)) = begun {
            row.add_unknown(name, self.lines(from, Some(self.fields.len()))?);
        }
        Ok((version, row.finish()))
    }
}

impl FileSeed<'_> {
    fn lines<E: serde::de::Error>(&self, from: Option<usize>, to: Option<usize>) -> Result<String, E> {
        let lines = from.zip(to).and_then(|(from, to)| self.fields.get(from..to));
        let lines = lines.filter(|lines| lines.ends_with('\n'));
        lines.map(str::to_owned).ok_or_else(|| E::custom("an unknown field that does not stand in lines of its own"))
    }
}

/// Where a field begins, if it begins a line.
fn line_start(key: &Spanned<String>) -> Option<usize> {
    let place = key.referenced;
    let start = place.span().byte_offset().and_then(|offset| usize::try_from(offset).ok());
    start.filter(|_| place.column() == 1)
}
