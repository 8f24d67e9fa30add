//! [`FileChange`], what a commit does to a file, and [`CommitRecord`], by which a commit of several is done as a whole.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write as _},
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::folder::{Folder, open_regular};
use crate::{
    backend::log::{
        Frames,
        files::{failed, make_private, private, sync_folder},
        frame,
    },
    error::{Error, ErrorKind, Result},
    id::new_id,
};

/// The name of the record.
const RECORD: &str = "commit";

/// How many bytes a system writes at once, or not at all.
const ONE_WRITE: usize = 4096;

const APPLYING: &str = "while the files of a commit took their places";

/// What a commit does to a file, by its path in the folder of the store. Done twice, it is as if it was done once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FileChange {
    /// A staged file takes the place of what is there.
    Put { path: String, staged: u64 },
    /// The file is removed.
    Remove { path: String },
    /// Lines are appended where the file ended before.
    Append { path: String, end: u64, text: String },
}

impl FileChange {
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Put { path, .. } | Self::Remove { path } | Self::Append { path, .. } => path,
        }
    }

    /// Whether it is there as a whole or not at all, whenever it is interrupted.
    pub(super) fn is_whole_by_itself(&self) -> bool {
        match self {
            Self::Put { .. } | Self::Remove { .. } => true,
            Self::Append { text, .. } => text.len() <= ONE_WRITE && text.trim().lines().count() == 1,
        }
    }

    /// Does it. What was done before is left as it is. What is appended is forced to the disk if it has to be; what takes a place
    /// was before.
    pub(super) fn apply(&self, folder: &Folder, is_synced: bool) -> Result<()> {
        let done = match self {
            Self::Put { path, staged } => match fs::rename(folder.staged(*staged), folder.root().join(path)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.staged(*staged).exists() => Ok(()),
                done => done,
            },
            Self::Remove { path } => match fs::remove_file(folder.root().join(path)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                done => done,
            },
            Self::Append { path, end, text } => return append(&folder.root().join(path), *end, text, is_synced),
        };
        done.map_err(failed(APPLYING))
    }
}

/// Appends lines where a file ended before. If it does not end there any more, others have changed it: then they come at its end.
fn append(path: &Path, end: u64, text: &str, is_synced: bool) -> Result<()> {
    open_regular(path)?;
    let opened = (|| {
        let file = private().read(true).append(true).create(true).open(path)?;
        make_private(&file)?;
        let length = file.metadata()?.len();
        // An earlier attempt may have come up to there.
        if (end..=end + text.len() as u64).contains(&length) {
            file.set_len(end)?;
        }
        Ok((file, length.min(end)))
    })();
    let (mut file, length) = opened.map_err(failed(APPLYING))?;
    let half = |error| Error::new(ErrorKind::CommitUnknown, "an append was not done to its end").with_source(error);
    if let Err(error) = file.write_all(text.as_bytes()) {
        file.set_len(length).map_err(half)?;
        return Err(failed(APPLYING)(error));
    }
    if is_synced { file.sync_data().map_err(half) } else { Ok(()) }
}

/// What a commit does, written down before it does it: if that is interrupted, whoever opens the store goes on with it.
#[derive(Debug)]
pub(super) struct CommitRecord(pub(super) Vec<FileChange>);

impl CommitRecord {
    /// Writes the record. From then on the commit is done, whatever becomes of the process.
    ///
    /// # Errors
    /// [`CommitUnknown`](ErrorKind::CommitUnknown) if the record is there and may not outlive a power failure. Every other kind
    /// says that it is not there.
    pub(super) fn write(&self, folder: &Folder, is_synced: bool) -> Result<()> {
        let mut bytes = Vec::new();
        for change in &self.0 {
            let body = serde_json::to_vec(change).map_err(|error| Error::new(ErrorKind::Internal, "").with_source(error))?;
            frame(&mut bytes, |bytes| bytes.extend(body));
        }
        // An empty record is the end: what is cut is no record.
        frame(&mut bytes, |_| {});
        let (path, new) = (folder.own(RECORD), folder.own("commit.new"));
        let written = (|| {
            drop(fs::remove_file(&new));
            let mut file = private().write(true).create_new(true).open(&new)?;
            make_private(&file)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
            fs::rename(&new, &path)
        })();
        written.map_err(|error| {
            drop(fs::remove_file(&new));
            failed("while the record of a commit was written")(error)
        })?;
        if is_synced { sync_folder(&folder.own("")).map_err(unknown) } else { Ok(()) }
    }

    /// The record of a commit that was not done to its end.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt) for a record that cannot be read.
    pub(super) fn read(folder: &Folder) -> Result<Option<Self>> {
        let corrupt = || Error::new(ErrorKind::Corrupt, "the record of a commit cannot be read");
        let path = folder.own(RECORD);
        if open_regular(&path)?.is_none() {
            return Ok(None);
        }
        let bytes = fs::read(path).map_err(failed("while the record of a commit was read"))?;
        let read = |body: &[u8]| match body {
            [] => Some(None),
            body => serde_json::from_slice(body).ok().filter(is_inside).map(Some),
        };
        let frames = Frames::read(&bytes, read);
        let is_whole = frames.tail.is_none() && frames.damaged.is_empty() && frames.records.last() == Some(&None);
        if !is_whole {
            return Err(corrupt());
        }
        Ok(Some(Self(frames.records.into_iter().flatten().collect())))
    }

    /// Does what the record says, and removes it.
    pub(super) fn finish(&self, folder: &Folder, is_synced: bool) -> Result<()> {
        let applied = self.0.iter().try_for_each(|change| change.apply(folder, true));
        let synced = applied.and_then(|()| if is_synced { sync_folders(&self.0, folder) } else { Ok(()) });
        synced.and_then(|()| Self::remove(folder)).map_err(|error| match error.kind() {
            // The commit itself is known.
            ErrorKind::CommitUnknown => Error::new(ErrorKind::Io, APPLYING).with_source(error),
            _ => error,
        })
    }

    /// Removes the record of a commit that is done to its end.
    pub(super) fn remove(folder: &Folder) -> Result<()> {
        fs::remove_file(folder.own(RECORD)).map_err(failed(APPLYING))
    }

    /// Puts a record that cannot be read aside, with what it may be about.
    pub(super) fn set_aside(folder: &Folder) -> Result<String> {
        let name = format!("damaged-{}", new_id());
        let done = (|| {
            fs::create_dir(folder.own(&name))?;
            fs::rename(folder.own("new"), folder.own(&name).join("new"))?;
            fs::create_dir(folder.own("new"))?;
            fs::rename(folder.own(RECORD), folder.own(&name).join(RECORD))
        })();
        done.map(|()| name).map_err(failed("while a damaged record was put aside"))
    }
}

/// Makes the names that changes have made or removed as durable as the files.
pub(super) fn sync_folders(changes: &[FileChange], folder: &Folder) -> Result<()> {
    let parent = |change: &FileChange| folder.root().join(change.path()).parent().map(Path::to_owned);
    let folders: BTreeSet<PathBuf> = changes.iter().filter_map(parent).collect();
    folders.iter().try_for_each(|folder| sync_folder(folder)).map_err(unknown)
}

fn unknown(error: io::Error) -> Error {
    Error::new(ErrorKind::CommitUnknown, "the folder of a commit's files could not be synced").with_source(error)
}

/// Whether a path leads to a file of the store: one in the folder, or in the folder of a table.
fn is_inside(change: &FileChange) -> bool {
    let parts: Vec<_> = Path::new(change.path()).components().collect();
    let is_name = |part: &Component<'_>| matches!(part, Component::Normal(name) if !name.as_encoded_bytes().starts_with(b"."));
    (1..=2).contains(&parts.len()) && parts.iter().all(is_name)
}

/// Removes what was staged for changes that are not made.
pub(super) fn discard(changes: &[FileChange], folder: &Folder) {
    for change in changes {
        if let FileChange::Put { staged, .. } = change {
            drop(fs::remove_file(folder.staged(*staged)));
        }
    }
}
