//! [`OpenTable`], a table whose files are open.

use std::{fs, io, path::Path, sync::Arc};

use sea_orm::Value;

use super::{
    row_span::RowSpan,
    scan::row_of,
    table_segments::{SegmentOptions, TableSegments},
    time_range::milliseconds,
};
use crate::{
    backend::{
        file::{Findings, Folder, check_table, name_of_table, require_folder},
        log::files::{create_folder, failed, write_whole},
    },
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
        now: i64,
    ) -> Result<Self> {
        check_table(table)?;
        let name = name_of_table(&table.key);
        let spools = folder.own(&format!("spool.{name}"));
        let (folder, making) = (folder.root().join(&name), failed("while a folder of the store was made"));
        create_folder(&folder).and_then(|()| create_folder(&spools)).map_err(making)?;
        require_folder(&folder).and_then(|()| require_folder(&spools))?;
        let time = kept_time(table, time, &spools)?;
        let span = |line: &str| {
            let at = time.and_then(|column| milliseconds(row_of(table, line).ok()?.get(column)?))?;
            Some(RowSpan { start: at, stop: at })
        };
        let (segments, found) = TableSegments::open(folder, spools, options.clone(), span, now)?;
        (0..found.adopted).for_each(|_| findings.add_completed());
        findings.add_removed(found.removed);
        found.damaged.into_iter().for_each(|(place, error)| findings.add(format!(".larder/spool.{name}/{place}"), error));
        Ok(Self { table: table.clone(), time, segments })
    }

    /// The time of a row. The default if it has none.
    pub(super) fn span_of(&self, row: &[Value]) -> RowSpan {
        let at = self.time.and_then(|column| milliseconds(row.get(column)?));
        at.map(|at| RowSpan { start: at, stop: at }).unwrap_or_default()
    }
}

/// The column with the time of a row, which stays the same for all segments of a table: their names have its values.
fn kept_time(table: &Table, named: Option<&str>, spools: &Path) -> Result<Option<usize>> {
    let path = spools.join("time");
    let kept = match fs::read_to_string(&path) {
        Ok(kept) => Some(kept),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("while the column of the time was read")(error)),
    };
    let Some(kept) = kept else {
        let time = time_of(table, named)?;
        let name = time.and_then(|column| table.columns.get(column)).map_or("", |column| column.name());
        write_whole(&path, name.as_bytes()).map_err(failed("while the column of the time was written down"))?;
        return Ok(time);
    };
    if named.is_some_and(|named| named != kept) {
        let message = "the segments of the table are named by another column than the one that `time` names";
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    if kept.is_empty() { Ok(None) } else { time_of(table, Some(&kept)) }
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
    let missing = || Error::new(ErrorKind::Unsupported, "the table has no column of this name that holds times");
    position.filter(|position| is_time(position) || is_number(position)).map(Some).ok_or_else(missing)
}
