//! [`Document`], a model as it stands in a file, with the fields that the table does not have.

use std::sync::Arc;

use sea_orm::Value;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{file_format::Notation, shown_value::ShownValue};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// The version of the files that are written here.
pub(super) const FORMAT_VERSION: u64 = 1;

/// The field that says of which version a file is.
pub(super) const VERSION_FIELD: &str = "format_version";

/// The field of a line that says that a model was deleted.
pub(super) const DELETED_FIELD: &str = "$deleted";

/// What a file has of a model.
#[derive(Debug, PartialEq)]
pub(in crate::backend) struct Document {
    pub(in crate::backend) row: Vec<Value>,
    pub(in crate::backend) unknown: Unknown,
}

/// The fields of a file that the table has no columns for, as they stand there.
pub(in crate::backend) type Unknown = Arc<[UnknownField]>;

/// No such fields.
#[cfg(feature = "disk")]
pub(in crate::backend) fn no_unknown() -> Unknown {
    Arc::new([])
}

/// A field that the table has no column for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backend) struct UnknownField {
    pub(super) name: String,
    /// In YAML, all lines of the field, its name included; in JSON its value.
    pub(super) text: String,
}

/// Something in a file that cannot be read.
pub(super) fn corrupt(message: &'static str) -> Error {
    Error::new(ErrorKind::Corrupt, message)
}

/// Refuses a version of which nothing is known here.
pub(super) fn check_version(version: Option<u64>) -> Result<()> {
    match version {
        Some(FORMAT_VERSION) => Ok(()),
        Some(version) if version > FORMAT_VERSION => {
            Err(Error::new(ErrorKind::Unsupported, "a file of a newer `format_version` than this version of larder knows"))
        }
        Some(_) => Err(corrupt("a `format_version` that there is none of")),
        None => Err(corrupt("a file without a `format_version`")),
    }
}

/// The fields of a row, in the order of the table's columns.
pub(super) struct RowFields<'r> {
    pub(super) table: &'r Table,
    pub(super) row: &'r [Value],
    pub(super) notation: Notation,
}

impl RowFields<'_> {
    pub(super) fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let notation = self.notation;
        let mut fields = self.table.columns.iter().zip(self.row);
        fields.try_for_each(|(column, value)| map.serialize_entry(column.name(), &ShownValue { value, notation }))
    }
}

/// As a file of its own has them: behind the version.
impl Serialize for RowFields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(VERSION_FIELD, &FORMAT_VERSION)?;
        self.write(&mut map)?;
        map.end()
    }
}

/// A row that is put together of the fields of a file.
pub(super) struct RowBuilder<'t> {
    table: &'t Table,
    values: Vec<Option<Value>>,
    unknown: Vec<UnknownField>,
}

impl<'t> RowBuilder<'t> {
    pub(super) fn new(table: &'t Table) -> Self {
        Self { table, values: vec![None; table.columns.len()], unknown: Vec::new() }
    }

    /// The position of the column with a name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|column| column.name() == name)
    }

    pub(super) fn set(&mut self, position: usize, value: Value) {
        if let Some(place) = self.values.get_mut(position) {
            *place = Some(value);
        }
    }

    pub(super) fn add_unknown(&mut self, name: String, text: String) {
        self.unknown.push(UnknownField { name, text });
    }

    /// The row. What is missing in the file is null, or its column's default.
    pub(super) fn finish(self) -> Result<Document> {
        let given = self.values.into_iter().zip(&self.table.columns);
        let mut row: Vec<Value> = given.map(|(value, column)| value.unwrap_or_else(|| column.null.clone())).collect();
        self.table.fill_defaults(&mut row)?;
        if let Some(position) = self.table.required.iter().find(|position| row.get(**position).is_none_or(crate::value::is_null))
        {
            return Err(self.table.in_column(*position, corrupt("a value is missing in the file")));
        }
        Ok(Document { row, unknown: self.unknown.into() })
    }
}
