//! [`OpenTable`], a table whose files are open.

use std::sync::Arc;

use super::{
    row_span::RowSpan,
    scan::row_of,
    table_segments::{SegmentOptions, TableSegments},
    time_range::milliseconds,
};
use crate::{
    backend::file::{Findings, Folder, check_table, name_of_table},
    error::{Error, ErrorKind, Result},
    table::Table,
};

/// A table whose rows are read and written.
pub(super) struct OpenTable {
    pub(super) table: Arc<Table>,
    /// The column with the time of a row.
    pub(super) time: Option<usize>,
    pub(super) segments: TableSegments,
}

impl OpenTable {
    /// Opens the files of a table. Blocks.
    pub(super) fn open(
        table: &Arc<Table>,
        folder: &Folder,
        options: &SegmentOptions,
        time: Option<&str>,
        findings: &Findings,
    ) -> Result<Self> {
        check_table(table)?;
        let time = time_of(table, time)?;
        let name = name_of_table(&table.key);
        let span = |line: &str| {
            let at = time.and_then(|column| milliseconds(row_of(table, line).ok()?.get(column)?))?;
            Some(RowSpan { start: at, stop: at })
        };
        let spools = folder.own(&format!("spool.{name}"));
        let (segments, found) = TableSegments::open(folder.root().join(&name), spools, options.clone(), span)?;
        (0..found.adopted).for_each(|_| findings.add_completed());
        findings.add_removed(found.removed);
        found.damaged.into_iter().for_each(|(place, error)| findings.add(format!(".larder/spool.{name}/{place}"), error));
        Ok(Self { table: table.clone(), time, segments })
    }

    /// From when to when rows are.
    pub(super) fn span(&self, rows: impl Iterator<Item = Option<i64>>, now: i64) -> RowSpan {
        let span = rows.flatten().fold(RowSpan::default(), |span, at| span.with(RowSpan { start: at, stop: at }));
        if span == RowSpan::default() { RowSpan { start: now, stop: now } } else { span }
    }
}

/// The column with the time of a row: the one that the URL names, or the first of a type of times that needs a value.
fn time_of(table: &Table, named: Option<&str>) -> Result<Option<usize>> {
    use sea_orm::sea_query::ArrayType as T;
    let is_time = |position: &usize| {
        let value_type = table.columns.get(*position).map(|column| &column.value_type);
        matches!(value_type, Some(T::ChronoDateTimeUtc | T::ChronoDateTimeWithTimeZone | T::ChronoDateTime))
    };
    let Some(name) = named else {
        return Ok((0..table.columns.len()).filter(is_time).find(|position| table.required.contains(position)));
    };
    let position = table.columns.iter().position(|column| column.name() == name);
    let is_number = |position: &usize| table.columns.get(*position).is_some_and(|column| column.value_type == T::BigInt);
    let missing = || Error::new(ErrorKind::Unsupported, "no column of the type of a time has the name that the URL gives");
    position.filter(|position| is_time(position) || is_number(position)).map(Some).ok_or_else(missing)
}
