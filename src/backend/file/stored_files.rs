//! [`StoredFiles`], the files of all tables: how they are read, and how a commit changes them.

use std::{collections::BTreeMap, slice};

use super::{
    committed::Committed,
    events::FolderEventKind,
    file_change::{CommitRecord, FileChange, discard, sync_folders},
    file_format::FileFormat,
    folder::Folder,
    folder_watch::Stale,
    shared::Shared,
    staging::Staging,
    table_files::TableFiles,
};
use crate::{
    backend::{RowChange, Tables},
    error::{Error, ErrorKind, Result},
    table::TableName,
};

/// After how many files of a commit the system is asked what it has told, so that its memory does not overflow.
const KEEP_UP: usize = 1000;

/// The files of all tables. Everything here blocks.
pub(super) struct StoredFiles {
    pub(super) folder: Folder,
    pub(super) format: FileFormat,
    pub(super) max_models: usize,
    /// Whether a commit outlives a power failure.
    pub(super) is_synced: bool,
    pub(super) tables: BTreeMap<TableName, TableFiles>,
    /// Whether the folder was left to others.
    pub(super) is_closed: bool,
    /// A commit that is done, and whose files could not all be put in their places.
    pub(super) unfinished: Option<CommitRecord>,
}

impl StoredFiles {
    /// Loads what was defined, and what others have changed.
    pub(super) fn refresh(&mut self, shared: &Shared) {
        if self.is_closed {
            return;
        }
        let mut stale = shared.watch.take();
        if let Err(error) = self.finish() {
            // The files are not yet what the tables are.
            tracing::warn!(%error, "files of a commit are still not in their places");
            stale.into_iter().for_each(|(table, stale)| shared.watch.set_stale(&table, stale));
            stale = BTreeMap::new();
        }
        let defined = shared.take_defined();
        let mut committed = shared.committed();
        for table in defined {
            if !self.tables.contains_key(&table.key) {
                let files = TableFiles::new(table.clone(), self.format);
                shared.watch.add(&table.key, files.name());
                committed.tables.begin_loading(&table);
                self.tables.insert(table.key.clone(), files);
                stale.remove(&table.key);
                self.refresh_table(&table.key, &Stale::Everything, &mut committed, shared);
                if let Some(files) = self.tables.get_mut(&table.key) {
                    files.keep_sums(&mut self.folder);
                }
            }
        }
        for (table, stale) in stale {
            if self.refresh_table(&table, &stale, &mut committed, shared) {
                committed.generation += 1;
                committed.changed.insert(table);
            }
        }
        shared.publish(committed);
    }

    /// Returns whether something in the table is another.
    fn refresh_table(&mut self, table: &TableName, stale: &Stale, committed: &mut Committed, shared: &Shared) -> bool {
        let Some(files) = self.tables.get_mut(table) else { return false };
        if self.format.has_file_of_each() {
            shared.watch.look_into(table, &self.folder.root().join(files.name()));
        }
        let refreshed = files.refresh(&self.folder, stale, &mut committed.tables, &shared.findings);
        let place = files.name().to_owned();
        let too_many = || Error::new(ErrorKind::ResourceExhausted, "a table of more models than `max_models`");
        let refreshed = match refreshed {
            Ok(_) if committed.tables.count(table) > self.max_models => Err(too_many()),
            refreshed => refreshed,
        };
        match refreshed {
            Ok(is_new) => {
                shared.findings.remove(&place);
                committed.refused.remove(table).is_some() || is_new
            }
            Err(error) => {
                shared.findings.add(place, error.clone());
                committed.refused.insert(table.clone(), error).is_none()
            }
        }
    }

    /// Commits what a transaction has made of the tables.
    pub(super) fn commit(&mut self, shared: &Shared, tables: Tables) -> Result<()> {
        self.finish()?;
        if shared.watch.is_stale() {
            self.refresh(shared);
        }
        let committed = shared.committed();
        if tables.generation() != committed.generation {
            return Err(Error::new(ErrorKind::Contention, "somebody has changed files of the store meanwhile"));
        }
        let mut changes: BTreeMap<TableName, Vec<RowChange>> = BTreeMap::new();
        for change in tables.changes_since(&committed.tables) {
            changes.entry(change.table.key.clone()).or_default().push(change);
        }
        let done = self.write(shared, &committed, &changes, &tables);
        if done.as_ref().is_err_and(|error| error.kind() != ErrorKind::CommitUnknown) {
            return done;
        }
        let mut committed = shared.committed();
        committed.changed.extend(changes.into_keys());
        let mut merged = tables.without_tracking();
        merged.take_missing(&committed.tables, |_| Ok(()))?;
        committed.tables = merged;
        shared.publish(committed);
        done
    }

    /// Changes the files. An error that is not `CommitUnknown` says that none was changed.
    fn write(
        &mut self,
        shared: &Shared,
        committed: &Committed,
        changes: &BTreeMap<TableName, Vec<RowChange>>,
        tables: &Tables,
    ) -> Result<()> {
        let mut staging = Staging::new(&mut self.folder);
        let planned = changes.iter().try_for_each(|(table, changes)| {
            committed.refused.get(table).cloned().map_or(Ok(()), Err)?;
            if tables.count(table) > self.max_models {
                return Err(Error::new(ErrorKind::ResourceExhausted, "a table of more models than `max_models`"));
            }
            let files = self.tables.get(table).ok_or_else(|| Error::new(ErrorKind::Internal, "a table without files"))?;
            files.plan(changes, tables, &mut staging, &shared.findings)
        });
        if let Err(error) = planned.and_then(|()| staging.sync()) {
            staging.discard();
            if error.kind() == ErrorKind::Contention {
                changes.keys().for_each(|table| shared.watch.set_stale(table, Stale::Any));
            }
            return Err(error);
        }
        let (file_changes, after) = (std::mem::take(&mut staging.changes), std::mem::take(&mut staging.after));
        let done = self.apply(shared, file_changes);
        if done.as_ref().is_err_and(|error| error.kind() != ErrorKind::CommitUnknown) {
            return done;
        }
        for after in after {
            let (files, changes) = (self.tables.get_mut(&after.table), changes.get(&after.table));
            if let Some((files, changes)) = files.zip(changes) {
                files.done(&self.folder, changes, tables, after);
            }
        }
        done
    }

    fn apply(&mut self, shared: &Shared, changes: Vec<FileChange>) -> Result<()> {
        if let Err(error) = self.make_folders(shared, &changes) {
            discard(&changes, &self.folder);
            return Err(error);
        }
        match changes.as_slice() {
            [] => Ok(()),
            [change] if change.is_whole_by_itself() => self.apply_one(shared, change),
            _ => self.apply_all(shared, CommitRecord(changes)),
        }
    }

    fn make_folders(&self, shared: &Shared, changes: &[FileChange]) -> Result<()> {
        for (table, files) in self.tables.iter().filter(|_| self.format.has_file_of_each()) {
            let name = files.name();
            let path = self.folder.root().join(name);
            let is_there = |path: &str| path.split_once('/').is_some_and(|(folder, _)| folder == name);
            let puts = |change: &FileChange| matches!(change, FileChange::Put { path, .. } if is_there(path));
            if !path.exists() && changes.iter().any(puts) {
                shared.watch.expect(name, FolderEventKind::Written);
                self.folder.make(name)?;
                shared.watch.look_into(table, &path);
            }
        }
        Ok(())
    }

    /// One change is there as a whole or not at all.
    fn apply_one(&self, shared: &Shared, change: &FileChange) -> Result<()> {
        expect(shared, change);
        if let Err(error) = change.apply(&self.folder, self.is_synced) {
            shared.watch.expect_nothing();
            self.tables.keys().for_each(|table| shared.watch.set_stale(table, Stale::Everything));
            discard(slice::from_ref(change), &self.folder);
            return Err(error);
        }
        shared.watch.keep_up();
        if self.is_synced { sync_folders(slice::from_ref(change), &self.folder) } else { Ok(()) }
    }

    /// Several are done when their record is there.
    fn apply_all(&mut self, shared: &Shared, record: CommitRecord) -> Result<()> {
        let recorded = record.write(&self.folder, self.is_synced);
        if recorded.as_ref().is_err_and(|error| error.kind() != ErrorKind::CommitUnknown) {
            discard(&record.0, &self.folder);
            return recorded;
        }
        for (nth, change) in record.0.iter().enumerate() {
            expect(shared, change);
            if nth % KEEP_UP == 0 {
                shared.watch.keep_up();
            }
            if let Err(error) = change.apply(&self.folder, true) {
                return self.leave_unfinished(shared, record, &error, recorded);
            }
        }
        shared.watch.keep_up();
        let finished = match self.is_synced {
            true => sync_folders(&record.0, &self.folder),
            false => Ok(()),
        };
        match finished.and_then(|()| CommitRecord::remove(&self.folder)) {
            Ok(()) => recorded,
            Err(error) => self.leave_unfinished(shared, record, &error, recorded),
        }
    }

    /// The commit is done. Its files are put in their places later.
    fn leave_unfinished(&mut self, shared: &Shared, record: CommitRecord, error: &Error, recorded: Result<()>) -> Result<()> {
        tracing::error!(%error, "files of a commit are not in their places; this is tried again before the next commit");
        shared.watch.expect_nothing();
        self.unfinished = Some(record);
        recorded
    }

    /// Whether the folder is there, and the files of the last commit are in their places.
    pub(super) fn check(&self) -> Result<()> {
        self.folder.check()?;
        match &self.unfinished {
            Some(_) => Err(Error::new(ErrorKind::Io, "the files of a commit could not be put in their places")),
            None => Ok(()),
        }
    }

    /// Leaves the folder to others.
    pub(super) fn close(&mut self) {
        if !self.is_closed {
            self.tables.values_mut().for_each(|files| files.keep_sums(&mut self.folder));
        }
        self.is_closed = true;
        self.folder.unlock();
    }

    /// Puts the files of the last commit in their places, if they are not there.
    fn finish(&mut self) -> Result<()> {
        let Some(record) = self.unfinished.take() else { return Ok(()) };
        let finished = record.finish(&self.folder, self.is_synced);
        if finished.is_err() {
            self.unfinished = Some(record);
        }
        finished
    }
}

/// What this process does itself is no news.
fn expect(shared: &Shared, change: &FileChange) {
    match change {
        FileChange::Put { path, .. } => shared.watch.expect(path, FolderEventKind::MovedHere),
        FileChange::Remove { path } => shared.watch.expect(path, FolderEventKind::Removed),
        // The stamp of the file tells.
        FileChange::Append { .. } => {}
    }
}
