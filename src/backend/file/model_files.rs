//! [`ModelFiles`], a table with a file for each model.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    sync::Arc,
};

use sea_orm::Value;

use super::{
    document::{Document, Unknown, corrupt},
    file_change::FileChange,
    file_format::FileFormat,
    findings::Findings,
    folder::{Folder, Stamp, read_text, stamp_of},
    folder_watch::Stale,
    json, name,
    staging::{AfterCommit, Staging, check_size},
    sums::Sums,
    yaml,
};
use crate::{
    backend::{RowChange, Tables, log::files::failed},
    clock::{Clock as _, SystemClock},
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{Key, integer},
};

/// How old a file is before its stamp tells for sure that it was not changed since.
const SETTLED_AFTER: i64 = 2_000_000_000;

/// What is known of a file.
struct KnownFile {
    stamp: Stamp,
    sum: u32,
    /// Whether a later change is sure to give it another stamp.
    is_settled: bool,
    /// Whether it cannot be read.
    is_broken: bool,
}

/// The files of a table, one for each model.
pub(super) struct ModelFiles {
    table: Arc<Table>,
    folder: String,
    format: FileFormat,
    files: BTreeMap<String, KnownFile>,
    /// The fields of files that the table does not have, where there are some.
    unknown: BTreeMap<String, Unknown>,
    /// What the files were before the store was opened.
    sums: Option<Sums>,
}

/// What became of a file since it was read last.
enum News {
    Gone,
    Model(Document),
    /// What was read of it before stays.
    Broken(Error),
}

impl ModelFiles {
    pub(super) fn new(table: Arc<Table>, format: FileFormat) -> Self {
        let folder = name::of_table(&table.key);
        Self { table, folder, format, files: BTreeMap::new(), unknown: BTreeMap::new(), sums: None }
    }

    /// The name of the folder.
    pub(super) fn folder(&self) -> &str {
        &self.folder
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}.{}", self.folder, self.format.extension())
    }

    /// Reads what is new, and changes the rows of the tables. Returns whether a row is another.
    pub(super) fn refresh(&mut self, folder: &Folder, stale: &Stale, tables: &mut Tables, findings: &Findings) -> Result<bool> {
        folder.require_table(&folder.root().join(&self.folder))?;
        let mut names = match stale {
            Stale::Files(names) => names.clone(),
            Stale::Any | Stale::Everything => self.listed(folder)?.into_iter().chain(self.files.keys().cloned()).collect(),
        };
        // What a constraint forbade may be allowed together with the others.
        names.extend(self.files.iter().filter(|(_, file)| file.is_broken).map(|(name, _)| name.clone()));
        if self.sums.is_none() {
            self.sums = Some(Sums::read(folder, &self.folder));
        }
        let mut news = Vec::new();
        for name in names {
            if let Some(found) = self.look(folder, &name, *stale == Stale::Any) {
                news.push((name, found));
            }
        }
        Ok(self.apply(news, tables, findings))
    }

    /// The names of the files in the folder, without their extensions. Files of other kinds are left alone.
    pub(super) fn listed(&self, folder: &Folder) -> Result<BTreeSet<String>> {
        names_in(&folder.root().join(&self.folder), self.format)
    }

    /// Looks at a file. Returns `None` if it is as it was.
    fn look(&mut self, folder: &Folder, name: &str, by_stamp: bool) -> Option<News> {
        let path = folder.root().join(self.place(name));
        let known = self.files.get_mut(name);
        if by_stamp && known.as_ref().is_some_and(|known| known.is_settled && Some(known.stamp) == stamp_of(&path)) {
            return None;
        }
        let (text, stamp) = match (read_text(&path), known.is_some()) {
            (Ok(Some(read)), _) => read,
            (Ok(None), true) => return Some(News::Gone),
            (Ok(None), false) => return None,
            (Err(error), _) => {
                let stamp = stamp_of(&path).unwrap_or_default();
                self.files.insert(name.to_owned(), KnownFile { stamp, sum: 0, is_settled: false, is_broken: true });
                return Some(News::Broken(error));
            }
        };
        // A file that was sound and is another now was changed by somebody.
        let may_be_damaged = known.as_ref().is_none_or(|known| known.is_broken);
        let (sum, is_settled) = (crc32fast::hash(text.as_bytes()), is_settled(&stamp));
        let is_same = |known: &&mut KnownFile| !known.is_broken && known.sum == sum && known.stamp.length() == stamp.length();
        if let Some(known) = known.filter(is_same) {
            (known.stamp, known.is_settled) = (stamp, is_settled);
            return None;
        }
        let whole = match self.sums.as_ref().filter(|_| may_be_damaged) {
            Some(sums) => sums.check(name, &stamp, sum),
            None => Ok(()),
        };
        let document = whole.and_then(|()| self.read(name, &text));
        self.files.insert(name.to_owned(), KnownFile { stamp, sum, is_settled, is_broken: document.is_err() });
        Some(document.map_or_else(News::Broken, News::Model))
    }

    fn read(&self, name: &str, text: &str) -> Result<Document> {
        let document = match self.format {
            FileFormat::Yaml => yaml::read(&self.table, text)?,
            _ => json::read(&self.table, text)?,
        };
        check_id(&self.table, &document.row)?;
        if name::of_model(&self.table.key_of(&document.row)) != name {
            return Err(corrupt("the id in the file is not the one that it is named after"));
        }
        Ok(document)
    }

    /// First all rows that are not any more go, and then the new ones come: they may have exchanged what is unique of them.
    fn apply(&mut self, news: Vec<(String, News)>, tables: &mut Tables, findings: &Findings) -> bool {
        let mut is_new = self.remove_gone(&news, tables);
        let mut before = BTreeMap::new();
        for (name, found) in &news {
            if let News::Model(document) = found {
                before.insert(name.clone(), tables.unload(&self.table, &self.table.key_of(&document.row)));
            }
        }
        for (name, found) in news {
            let place = self.place(&name);
            let loaded = match found {
                News::Gone => Ok(Unknown::default()),
                News::Broken(error) => Err(error),
                News::Model(document) => tables.load(&self.table, [document.row]).map(|()| document.unknown),
            };
            match loaded {
                Ok(unknown) => {
                    is_new = true;
                    findings.remove(&place);
                    self.unknown.remove(&name);
                    if !unknown.is_empty() {
                        self.unknown.insert(name, unknown);
                    }
                }
                Err(error) => {
                    self.files.entry(name.clone()).and_modify(|file| file.is_broken = true);
                    if let Some(row) = before.remove(&name).flatten() {
                        // What another has now is not to be had any more.
                        is_new |= tables.load(&self.table, [row]).is_err();
                    }
                    findings.add(place, error);
                }
            }
        }
        is_new
    }

    /// Removes the rows of files that are gone. Returns whether one is.
    fn remove_gone(&mut self, news: &[(String, News)], tables: &mut Tables) -> bool {
        let gone = news.iter().filter(|(_, found)| matches!(found, News::Gone)).map(|(name, _)| name.as_str());
        let gone: BTreeSet<&str> = gone.collect();
        if gone.is_empty() {
            return false;
        }
        let ids = tables.rows(&self.table).map(|row| self.table.key_of(row));
        let ids: Vec<Key> = ids.filter(|id| gone.contains(name::of_model(id).as_str())).collect();
        for id in ids {
            tables.unload(&self.table, &id);
        }
        for name in gone {
            self.files.remove(name);
        }
        true
    }

    /// Stages what a commit does to a model.
    pub(super) fn plan(&self, change: &RowChange, staging: &mut Staging<'_>, findings: &Findings) -> Result<()> {
        let name = name::of_model(&change.id);
        let path = self.place(&name);
        let known = self.files.get(&name);
        if known.is_some_and(|known| known.is_broken) {
            let error = findings.get(&path).unwrap_or_else(|| corrupt(""));
            return Err(
                Error::new(ErrorKind::Corrupt, "the file of the model cannot be read, and is not replaced").with_source(error)
            );
        }
        if known.map(|known| known.stamp) != stamp_of(&staging.folder().root().join(&path)) {
            return Err(Error::new(ErrorKind::Contention, "somebody has changed the file of the model"));
        }
        let put = match &change.new {
            Some(row) => {
                let unknown = self.unknown.get(&name).cloned().unwrap_or_default();
                let text = match self.format {
                    FileFormat::Yaml => yaml::write(&self.table, row, &unknown)?,
                    _ => json::write(&self.table, row, &unknown)?,
                };
                check_size(&text)?;
                Some(staging.put(path, text.as_bytes())?)
            }
            None => {
                staging.changes.push(FileChange::Remove { path });
                None
            }
        };
        let (stamp, sum) = put.unzip();
        staging.after.push(AfterCommit { table: self.table.key.clone(), name, stamp, sum });
        Ok(())
    }

    /// Keeps the checksums of the files for the next to open the store.
    pub(super) fn keep_sums(&mut self, folder: &mut Folder) {
        // What is damaged is compared with what it was, however often the store is opened.
        let before = |name: &str| self.sums.as_ref().and_then(|sums| sums.get(name));
        let sums = self.files.iter().filter_map(|(name, file)| {
            let (stamp, sum) = if file.is_broken { before(name)? } else { (file.stamp, file.sum) };
            Some((name.as_str(), stamp, sum))
        });
        let sums = Sums::of(sums);
        if self.sums.as_ref() != Some(&sums) {
            sums.keep(folder, &self.folder);
            self.sums = Some(sums);
        }
    }

    /// Notes what a commit has done.
    pub(super) fn done(&mut self, after: AfterCommit) {
        match after.stamp.zip(after.sum) {
            Some((stamp, sum)) => {
                self.files.insert(after.name, KnownFile { stamp, sum, is_settled: false, is_broken: false });
            }
            None => {
                self.unknown.remove(&after.name);
                self.files.remove(&after.name);
            }
        }
    }
}

/// Refuses an id that a store would not keep.
pub(super) fn check_id(table: &Table, row: &[Value]) -> Result<()> {
    match table.generated.and_then(|position| row.get(position)) {
        Some(id) if integer(id) == Some(0) => Err(corrupt("an id of zero, for which another would be generated")),
        _ => Ok(()),
    }
}

fn is_settled(stamp: &Stamp) -> bool {
    SystemClock.now().timestamp_nanos_opt().is_some_and(|now| now.saturating_sub(stamp.modified()) > SETTLED_AFTER)
}

/// The names of the files with a format's extension in a folder, without it.
pub(super) fn names_in(path: &Path, format: FileFormat) -> Result<BTreeSet<String>> {
    let listed = || -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(format.extension())?.strip_suffix('.'));
            names.extend(stem.filter(|stem| !stem.is_empty() && !stem.starts_with('.')).map(str::to_owned));
        }
        Ok(names)
    };
    match listed() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        listed => listed.map_err(failed("while the folder of a table was read")),
    }
}
