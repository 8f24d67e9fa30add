//! The file: a line for each row, with the name of its table.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
};

use larder::{
    Error, ErrorKind, Result,
    backend::{Tables, decode_row, encode_row},
};
use sea_orm::Value;
use tempfile::NamedTempFile;

/// The rows of tables, by the names of these.
pub(crate) type Rows = BTreeMap<String, Vec<Vec<Value>>>;

/// Reads a file. Returns no rows if there is none.
pub(crate) fn read(path: &Path) -> Result<Rows> {
    let corrupt = |error| Error::new(ErrorKind::Corrupt, "a line of the file").with_source(error);
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Rows::new()),
        text => text.map_err(failed)?,
    };
    let mut rows = Rows::new();
    for line in text.lines() {
        let (table, row): (String, Vec<u8>) = serde_json::from_str(line).map_err(corrupt)?;
        rows.entry(table).or_default().push(decode_row(&row)?);
    }
    Ok(rows)
}

/// Replaces a file by one with these rows. An error says that it did not, unless it is `CommitUnknown`.
pub(crate) fn replace(path: &Path, tables: &Tables, others: &Rows) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let file = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut writer = BufWriter::new(file.as_file());
    for table in tables.definitions() {
        for row in tables.rows(&table) {
            write_row(&mut writer, &table.full_name(), row)?;
        }
    }
    for (table, rows) in others {
        rows.iter().try_for_each(|row| write_row(&mut writer, table, row))?;
    }
    writer.flush().map_err(failed)?;
    drop(writer);
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(failed)?;
    let unknown = |error| Error::new(ErrorKind::CommitUnknown, "the folder was not synced").with_source(error);
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unknown)
}

fn write_row(writer: &mut impl Write, table: &str, row: &[Value]) -> Result<()> {
    serde_json::to_writer(&mut *writer, &(table, encode_row(row)?)).map_err(failed)?;
    writer.write_all(b"\n").map_err(failed)
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Io, "the file was neither read nor written").with_source(error)
}
