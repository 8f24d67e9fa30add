//! [`LineFile`], a table in one file of lines: the version, and then a line for each model that was stored or deleted.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    sync::Arc,
};

use crc32fast::Hasher;
use sea_orm::Value;

use super::{
    document::{Document, Unknown, check_version, corrupt},
    file_change::FileChange,
    file_format::FileFormat,
    findings::Findings,
    folder::{Folder, MAX_FILE, Stamp, open_regular, stamp_of},
    folder_watch::Stale,
    json::{self, Line},
    model_files::check_id,
    name,
    staging::{AfterCommit, Staging, check_size},
    sums::Sums,
};
use crate::{
    backend::{RowChange, Tables, log::files::failed},
    error::{Error, ErrorKind, Result},
    table::Table,
    value::Key,
};

/// How many lines that count no more a file may have beside as many as those that do.
const MAX_OUTDATED: usize = 1000;

/// The file of a table, with a line for each change of a model.
pub(super) struct LineFile {
    table: Arc<Table>,
    file: String,
    stamp: Option<Stamp>,
    sum: u32,
    /// What the file was before the store was opened.
    sums: Option<Sums>,
    /// How many lines there are.
    lines: usize,
    /// Whether the last line is not ended.
    is_torn: bool,
    unknown: BTreeMap<Key, Unknown>,
    /// Lines that cannot be read. They stay in the file.
    unreadable: Vec<Vec<u8>>,
}

/// What is in a file.
#[derive(Default)]
struct Contents {
    sum: Hasher,
    models: BTreeMap<Key, LineModel>,
    lines: usize,
    is_torn: bool,
    unreadable: Vec<(usize, Vec<u8>, Error)>,
}

/// The last that a file has of a model.
struct LineModel {
    number: usize,
    document: Document,
}

impl LineFile {
    pub(super) fn new(table: Arc<Table>) -> Self {
        let file = format!("{}.{}", name::of_table(&table.key), FileFormat::JsonLines.extension());
        Self {
            table,
            file,
            stamp: None,
            sum: 0,
            sums: None,
            lines: 0,
            is_torn: false,
            unknown: BTreeMap::new(),
            unreadable: Vec::new(),
        }
    }

    /// The name of the file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    /// Reads what is new, and changes the rows of the tables. Returns whether there was something.
    pub(super) fn refresh(&mut self, folder: &Folder, stale: &Stale, tables: &mut Tables, findings: &Findings) -> Result<bool> {
        let path = folder.root().join(&self.file);
        if *stale == Stale::Any && self.stamp == stamp_of(&path) {
            return Ok(false);
        }
        let (contents, stamp) = match open_regular(&path)? {
            Some((file, stamp)) => (self.read(file)?, Some(stamp)),
            None => (Contents::default(), None),
        };
        let sum = contents.sum.clone().finalize();
        if let (None, Some(stamp)) = (&self.sums, &stamp) {
            let sums = Sums::read(folder, &self.file);
            sums.check(&self.file, stamp, sum)?;
            self.sums = Some(sums);
        }
        self.sum = sum;
        findings.remove_lines(&self.file);
        for (number, _, error) in &contents.unreadable {
            findings.add(format!("{}:{number}", self.file), error.clone());
        }
        (self.stamp, self.lines, self.is_torn) = (stamp, contents.lines, contents.is_torn);
        self.unreadable = contents.unreadable.into_iter().map(|(_, line, _)| line).collect();
        self.unknown.clear();
        self.replace(contents.models, tables, findings)
    }

    /// Makes the rows of the table those of the file. Returns whether one is another.
    fn replace(&mut self, models: BTreeMap<Key, LineModel>, tables: &mut Tables, findings: &Findings) -> Result<bool> {
        let is_outdated = |id: &Key, row: &[Value]| models.get(id).is_none_or(|new| new.document.row != row);
        let rows = tables.rows(&self.table).map(|row| (self.table.key_of(row), row));
        let outdated: Vec<Key> = rows.filter(|(id, row)| is_outdated(id, row)).map(|(id, _)| id).collect();
        let mut is_new = !outdated.is_empty();
        for id in &outdated {
            tables.unload(&self.table, id);
        }
        for (id, LineModel { number, document: Document { row, unknown } }) in models {
            if tables.has(&self.table, &id) {
                self.unknown.extend((!unknown.is_empty()).then_some((id, unknown)));
                continue;
            }
            is_new = true;
            match tables.load(&self.table, [row.clone()]) {
                Ok(()) => self.unknown.extend((!unknown.is_empty()).then_some((id, unknown))),
                Err(error) => {
                    let line = json::write_line(&self.table, &row, &unknown)?;
                    self.unreadable.push(line.trim_end().as_bytes().to_vec());
                    findings.add(format!("{}:{number}", self.file), error);
                }
            }
        }
        Ok(is_new)
    }

    fn read(&self, file: File) -> Result<Contents> {
        let (mut reader, mut contents, mut line) = (BufReader::new(file), Contents::default(), Vec::new());
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_FILE as u64 + 1).read_until(b'\n', &mut line);
            if read.map_err(failed("while the file of a table was read"))? == 0 {
                break;
            }
            if line.len() > MAX_FILE {
                return Err(Error::new(ErrorKind::ResourceExhausted, "a line that is longer than 64 MiB"));
            }
            contents.sum.update(&line);
            contents.is_torn = line.pop_if(|last| *last == b'\n').is_none();
            contents.lines += 1;
            self.read_line(&line, &mut contents)?;
        }
        if contents.lines == 0 { Err(corrupt("an empty file: it was cut")) } else { Ok(contents) }
    }

    fn read_line(&self, line: &[u8], contents: &mut Contents) -> Result<()> {
        let no_text = |error| corrupt("a line that is no UTF-8").with_source(error);
        let read = std::str::from_utf8(line).map_err(no_text).and_then(|text| json::read_line(&self.table, text));
        if contents.lines == 1 {
            return match read {
                Ok(Line::Head(version)) => check_version(Some(version)),
                _ => Err(corrupt("a file that does not begin with a line with the `format_version`")),
            };
        }
        let read = read.and_then(|read| match read {
            Line::Model(document) => check_id(&self.table, &document.row).map(|()| Line::Model(document)),
            read => Ok(read),
        });
        match read {
            // Two files that were joined.
            Ok(Line::Head(version)) => check_version(Some(version))?,
            Ok(Line::Model(document)) => {
                let id = self.table.key_of(&document.row);
                contents.models.insert(id, LineModel { number: contents.lines, document });
            }
            Ok(Line::Deleted(id)) => drop(contents.models.remove(&id)),
            Err(_) if line.iter().all(u8::is_ascii_whitespace) => {}
            Err(error) => contents.unreadable.push((contents.lines, line.to_vec(), error)),
        }
        Ok(())
    }

    /// Stages what a commit does to the table.
    pub(super) fn plan(&self, changes: &[RowChange], tables: &Tables, staging: &mut Staging<'_>) -> Result<()> {
        let path = staging.folder().root().join(&self.file);
        if self.stamp != stamp_of(&path) {
            return Err(Error::new(ErrorKind::Contention, "somebody has changed the file of the table"));
        }
        let is_long = self.lines + changes.len() > 2 * tables.count(&self.table.key) + MAX_OUTDATED;
        let (stamp, sum) = if self.stamp.is_none() || is_long {
            let (stamp, sum) = staging.put(self.file.clone(), &self.whole(tables)?)?;
            (Some(stamp), sum)
        } else {
            let mut text = if self.is_torn { "\n".to_owned() } else { String::new() };
            for change in changes {
                text.push_str(&self.line(change)?);
            }
            let end = self.stamp.map_or(0, |stamp| stamp.length());
            let mut sum = Hasher::new_with_initial(self.sum);
            sum.update(text.as_bytes());
            staging.changes.push(FileChange::Append { path: self.file.clone(), end, text });
            (None, sum.finalize())
        };
        staging.after.push(AfterCommit { table: self.table.key.clone(), name: self.file.clone(), stamp, sum: Some(sum) });
        Ok(())
    }

    fn line(&self, change: &RowChange) -> Result<String> {
        let line = match &change.new {
            Some(row) => {
                let unknown = self.unknown.get(&change.id).cloned().unwrap_or_default();
                json::write_line(&self.table, row, &unknown)?
            }
            None => json::write_deleted(&self.table, &change.id)?,
        };
        check_size(&line).map(|()| line)
    }

    /// The file with a line for each model that is there.
    fn whole(&self, tables: &Tables) -> Result<Vec<u8>> {
        let mut bytes = json::head().into_bytes();
        for line in &self.unreadable {
            bytes.extend(line);
            bytes.push(b'\n');
        }
        for row in tables.rows(&self.table) {
            let unknown = self.unknown.get(&self.table.key_of(row)).cloned().unwrap_or_default();
            let line = json::write_line(&self.table, row, &unknown)?;
            check_size(&line)?;
            bytes.extend(line.as_bytes());
        }
        Ok(bytes)
    }

    /// Keeps the checksum of the file for the next to open the store.
    pub(super) fn keep_sums(&mut self, folder: &mut Folder) {
        // Nothing was read: what is damaged is compared with what it was, however often the store is opened.
        if self.stamp.is_none() {
            return;
        }
        let sums = Sums::of(self.stamp.iter().map(|stamp| (self.file.as_str(), *stamp, self.sum)));
        if self.sums.as_ref() != Some(&sums) {
            sums.keep(folder, &self.file);
            self.sums = Some(sums);
        }
    }

    /// Notes what a commit has done.
    pub(super) fn done(&mut self, folder: &Folder, changes: &[RowChange], tables: &Tables, after: &AfterCommit) {
        self.lines = match after.stamp {
            Some(_) => 1 + self.unreadable.len() + tables.count(&self.table.key),
            None => self.lines + changes.len(),
        };
        self.is_torn = false;
        self.sum = after.sum.unwrap_or_default();
        for change in changes.iter().filter(|change| change.new.is_none()) {
            self.unknown.remove(&change.id);
        }
        self.stamp = stamp_of(&folder.root().join(&self.file));
    }
}
