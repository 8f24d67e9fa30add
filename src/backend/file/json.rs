//! A model as a JSON file, and as a line of one.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, MapAccess, Visitor},
    ser::SerializeMap,
};
use serde_json::value::RawValue;

use super::{
    column_seed::ColumnSeed,
    document::{DELETED_FIELD, Document, FORMAT_VERSION, RowBuilder, RowFields, Unknown, VERSION_FIELD, check_version, corrupt},
    file_format::Notation,
    shown_value::ShownValue,
};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::Key,
};

/// The text of a file with one model.
pub(super) fn write(table: &Table, row: &[sea_orm::Value], unknown: &Unknown) -> Result<String> {
    let fields = RowFields { table, row, notation: Notation::Json };
    let written = serde_json::to_string_pretty(&WithUnknown { fields, unknown, has_version: true });
    written.map(|text| text + "\n").map_err(unwritten)
}

/// The line of a model.
pub(in crate::backend) fn write_line(table: &Table, row: &[sea_orm::Value], unknown: &Unknown) -> Result<String> {
    let fields = RowFields { table, row, notation: Notation::Json };
    let written = serde_json::to_string(&WithUnknown { fields, unknown, has_version: false });
    written.map(|text| text + "\n").map_err(unwritten)
}

/// The line that a file of lines begins with.
pub(super) fn head() -> String {
    format!("{{\"{VERSION_FIELD}\":{FORMAT_VERSION}}}\n")
}

/// The line of a model that was deleted.
pub(super) fn write_deleted(table: &Table, id: &Key) -> Result<String> {
    let written = serde_json::to_string(&Deleted { table, id });
    written.map(|text| text + "\n").map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Unsupported, "a model that has no form in JSON").with_source(error)
}

fn unreadable(error: serde_json::Error) -> Error {
    corrupt("a file that is no JSON, or not that of a model").with_source(error)
}

/// The model that the text of a file is of.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt), or [`Unsupported`](ErrorKind::Unsupported) for a newer version.
pub(super) fn read(table: &Table, text: &str) -> Result<Document> {
    let fields: RawFields<'_> = serde_json::from_str(text).map_err(unreadable)?;
    check_version(fields.get(VERSION_FIELD).map(number).transpose()?)?;
    fields.document(table)
}

/// What a line says.
#[derive(Debug)]
pub(in crate::backend) enum Line {
    /// The head of a file of this version.
    Head(u64),
    Model(Document),
    Deleted(Key),
}

/// What a line says.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt).
pub(in crate::backend) fn read_line(table: &Table, text: &str) -> Result<Line> {
    let fields: RawFields<'_> = serde_json::from_str(text).map_err(unreadable)?;
    if let Some(version) = fields.get(VERSION_FIELD) {
        return number(version).map(Line::Head);
    }
    let Some(id) = fields.get(DELETED_FIELD) else { return fields.document(table).map(Line::Model) };
    let id: RawFields<'_> = serde_json::from_str(id.get()).map_err(unreadable)?;
    let part = |position: &usize| {
        let column = table.columns.get(*position)?;
        value_of(table, *position, id.get(column.name())?).ok()
    };
    let parts: Vec<_> = table.id.iter().filter_map(part).collect();
    if parts.len() < table.id.len() { Err(corrupt("a deleted model without its id")) } else { Ok(Line::Deleted(Key(parts))) }
}

fn number(version: &RawValue) -> Result<u64> {
    serde_json::from_str(version.get()).map_err(unreadable)
}

fn value_of(table: &Table, position: usize, text: &RawValue) -> Result<sea_orm::Value> {
    let column = table.column(position)?;
    let mut json = serde_json::Deserializer::from_str(text.get());
    let read = ColumnSeed { column, notation: Notation::Json }.deserialize(&mut json).and_then(|value| {
        json.end()?;
        Ok(value)
    });
    read.map_err(|error| corrupt("a value that its column does not hold").with_source(error).in_column(column.name()))
}

/// The fields of an object, in their order, with values that were not looked at.
struct RawFields<'t>(Vec<(String, &'t RawValue)>);

impl RawFields<'_> {
    fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    fn document(&self, table: &Table) -> Result<Document> {
        let mut row = RowBuilder::new(table);
        for (name, text) in self.0.iter().filter(|(name, _)| name != VERSION_FIELD) {
            match row.position(name) {
                Some(position) => row.set(position, value_of(table, position, text)?),
                None => row.add_unknown(name.clone(), text.get().to_owned()),
            }
        }
        row.finish()
    }
}

impl<'de> Deserialize<'de> for RawFields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = RawFields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawFields<'de>, A::Error> {
                let (mut fields, mut names) = (Vec::new(), std::collections::BTreeSet::new());
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if !names.insert(name.clone()) {
                        return Err(serde::de::Error::custom("a field that is there twice"));
                    }
                    fields.push((name, value));
                }
                Ok(RawFields(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A row with the fields that are unknown behind it.
struct WithUnknown<'r> {
    fields: RowFields<'r>,
    unknown: &'r Unknown,
    has_version: bool,
}

impl Serialize for WithUnknown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.has_version {
            map.serialize_entry(VERSION_FIELD, &FORMAT_VERSION)?;
        }
        self.fields.write(&mut map)?;
        for field in self.unknown.iter() {
            let text: &RawValue = serde_json::from_str(&field.text).map_err(serde::ser::Error::custom)?;
            map.serialize_entry(&field.name, text)?;
        }
        map.end()
    }
}

/// What says that a model was deleted.
struct Deleted<'d> {
    table: &'d Table,
    id: &'d Key,
}

impl Serialize for Deleted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Id<'d>(&'d Deleted<'d>);

        impl Serialize for Id<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let Deleted { table, id } = self.0;
                let columns = table.id.iter().filter_map(|position| table.columns.get(*position));
                let values = id.values().iter().map(|value| ShownValue { value, notation: Notation::Json });
                serializer.collect_map(columns.map(|column| column.name()).zip(values))
            }
        }

        serializer.collect_map([(DELETED_FIELD, Id(self))])
    }
}
