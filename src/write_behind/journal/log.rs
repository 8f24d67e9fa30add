//! [`Log`], the files of an open journal.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{JournalSync, record::Record};
use crate::error::{Error, ErrorKind, Result};

/// An open journal. Its files are named by number, and all but the last are full.
pub(in super::super) struct Log {
    directory: PathBuf,
    pub(super) sync: JournalSync,
    segment_bytes: u64,
    max_bytes: u64,
    state: Mutex<LogState>,
    lock: Locked,
    /// Notified when something is to be synced at once.
    pub(super) wake_up: Notify,
    /// Held by who syncs.
    pub(super) syncing: tokio::sync::Mutex<()>,
    /// The position before which everything is on the disk.
    pub(super) synced: watch::Sender<u64>,
}

struct LogState {
    /// The last one is written to.
    segments: VecDeque<Segment>,
    file: Arc<File>,
    length: u64,
    /// Whether the file may be longer than that, by an append that failed.
    is_torn: bool,
    /// The length of all files.
    total: u64,
    next: u64,
    /// Positions that are settled, which could not be noted yet.
    unnoted: Vec<u64>,
    /// Files, and the folder if there is a new one in it, with something that is not on the disk yet.
    unsynced: Vec<Arc<File>>,
    /// Why nothing is accepted any more: what a disk could not sync may be lost, whatever it says afterwards.
    failed: Option<Error>,
}

/// What locks the folder of a journal as long as it is open.
pub(super) struct Locked {
    pub(super) file: File,
    pub(super) folder: Option<File>,
}

/// One file.
pub(super) struct Segment {
    pub(super) number: u64,
    /// The position of the first model that it has, or would have.
    pub(super) first: u64,
    /// How many of its models are neither stored nor reported.
    pub(super) unsettled: usize,
    pub(super) length: u64,
}

pub(super) fn path_of(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("{number:016}.journal"))
}

pub(super) fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                ErrorKind::ResourceExhausted
            }
            io::ErrorKind::PermissionDenied => ErrorKind::Auth,
            _ => ErrorKind::Io,
        };
        Error::new(kind, doing).with_source(error)
    }
}

/// Makes the names in a folder as durable as the files.
pub(super) fn sync_folder(directory: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and need not be.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

impl Log {
    /// A journal that goes on in a new file, for what comes at the position `next`, behind `first` if that holds anything.
    pub(super) fn new(journal: &super::Journal, lock: Locked, first: Option<Segment>, next: u64, number: u64) -> Result<Self> {
        let state = LogState {
            file: Arc::new(create(&journal.directory, number)?),
            length: 0,
            is_torn: false,
            total: first.as_ref().map_or(0, |first| first.length),
            next,
            unnoted: Vec::new(),
            unsynced: Vec::new(),
            failed: None,
            segments: first.into_iter().chain([Segment { number, first: next, unsettled: 0, length: 0 }]).collect(),
        };
        Ok(Self {
            directory: journal.directory.clone(),
            sync: journal.sync,
            segment_bytes: journal.segment_bytes,
            max_bytes: journal.max_bytes,
            state: Mutex::new(state),
            lock,
            wake_up: Notify::new(),
            syncing: tokio::sync::Mutex::new(()),
            synced: watch::Sender::new(next),
        })
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of the next model.
    pub(in super::super) fn next(&self) -> u64 {
        self.state().next
    }

    /// Notes models, the first of them at a position; all or none.
    pub(in super::super) fn accepted<'a>(&self, first: u64, models: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let models: Vec<_> = models.collect();
        let count = models.len();
        let mut state = self.state();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.total >= self.max_bytes {
            return Err(Error::new(ErrorKind::ResourceExhausted, "the journal is as large as it may be"));
        }
        self.append(&mut state, &Record::Accepted { first, models })?;
        state.next = first + count as u64;
        if let Some(segment) = state.segments.back_mut() {
            segment.unsettled += count;
        }
        if self.sync == JournalSync::Each {
            self.wake_up.notify_one();
        }
        Ok(())
    }

    /// Notes that a batch is about to be stored. Where the journal is synced at all, it is then on the disk: a store whose commit
    /// outlives a power failure is asked for it by its key.
    pub(in super::super) async fn begun(&self, key: &str, positions: Vec<u64>) -> Result<()> {
        self.append(&mut self.state(), &Record::Begun { key, positions })?;
        if self.sync == JournalSync::System { Ok(()) } else { self.sync_now().await }
    }

    /// Notes what is stored or reported, and deletes the files that are not needed any more. What cannot be noted now is noted
    /// later.
    pub(in super::super) fn settled(&self, positions: &[u64]) {
        let mut state = self.state();
        state.unnoted.extend(positions);
        // First, because on a full disk it makes the room for what follows.
        self.delete_settled(&mut state, positions);
        if state.unnoted.is_empty() {
            return;
        }
        let unnoted = std::mem::take(&mut state.unnoted);
        let noted = self.append(&mut state, &Record::Settled(unnoted.clone()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the journal could not note what is settled, and will");
            state.unnoted = unnoted;
        }
    }

    /// Notes that what is at a position is taken back; if not, it is not.
    pub(in super::super) fn withdrawn(&self, position: u64) -> Result<()> {
        let mut state = self.state();
        self.append(&mut state, &Record::Settled(vec![position]))?;
        self.delete_settled(&mut state, &[position]);
        Ok(())
    }

    /// Deletes files all of whose models are settled, the oldest first: what is settled in an older one is noted in the younger
    /// ones.
    fn delete_settled(&self, state: &mut LogState, positions: &[u64]) {
        for position in positions {
            let after = state.segments.partition_point(|segment| segment.first <= *position);
            if let Some(segment) = after.checked_sub(1).and_then(|at| state.segments.get_mut(at)) {
                segment.unsettled = segment.unsettled.saturating_sub(1);
            }
        }
        while state.segments.len() > 1
            && let Some(Segment { number, length, .. }) = state.segments.front().filter(|segment| segment.unsettled == 0)
        {
            if let Err(error) = fs::remove_file(path_of(&self.directory, *number)) {
                tracing::warn!(%error, "a file of a journal could not be deleted");
                break;
            }
            state.total -= length;
            state.segments.pop_front();
        }
        let first = state.segments.front().map_or(0, |segment| segment.first);
        state.unnoted.retain(|position| *position >= first);
    }

    fn append(&self, state: &mut LogState, record: &Record<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        record.write_to(&mut bytes);
        self.cut_torn(state)?;
        if state.length >= self.segment_bytes {
            self.begin_segment(state)?;
        }
        state.is_torn = true;
        if let Err(error) = (&*state.file).write_all(&bytes) {
            // If it cannot be cut off now, it is before anything else is written.
            drop(self.cut_torn(state));
            return Err(failed("while the journal was written")(error));
        }
        state.is_torn = false;
        state.length += bytes.len() as u64;
        state.total += bytes.len() as u64;
        if let Some(segment) = state.segments.back_mut() {
            segment.length = state.length;
        }
        let is_listed = state.unsynced.last().is_some_and(|last| Arc::ptr_eq(last, &state.file));
        if !is_listed && self.sync != JournalSync::System {
            let file = state.file.clone();
            state.unsynced.push(file);
        }
        Ok(())
    }

    fn cut_torn(&self, state: &mut LogState) -> Result<()> {
        if state.is_torn {
            state.file.set_len(state.length).map_err(failed("while a failed append was cut off the journal"))?;
            state.is_torn = false;
        }
        Ok(())
    }

    fn begin_segment(&self, state: &mut LogState) -> Result<()> {
        let number = state.segments.back().map_or(0, |segment| segment.number + 1);
        state.file = Arc::new(create(&self.directory, number)?);
        state.length = 0;
        state.segments.push_back(Segment { number, first: state.next, unsettled: 0, length: 0 });
        if cfg!(unix) && self.sync != JournalSync::System {
            let folder = File::open(&self.directory).map_err(failed("while a file of the journal was made"))?;
            state.unsynced.push(Arc::new(folder));
        }
        Ok(())
    }

    /// Leaves the folder to others. Nothing may be written afterwards.
    pub(in super::super) fn unlock(&self) {
        for file in [Some(&self.lock.file), self.lock.folder.as_ref()].into_iter().flatten() {
            if let Err(error) = file.unlock() {
                tracing::warn!(%error, "a journal stays locked until its last handle is gone");
            }
        }
    }

    /// Files with something that is not on the disk yet, and the position up to which it would be afterwards.
    pub(super) fn take_unsynced(&self) -> (Vec<Arc<File>>, u64) {
        let mut state = self.state();
        (std::mem::take(&mut state.unsynced), state.next)
    }

    pub(super) fn fail(&self, error: Error) {
        tracing::error!(%error, "the journal could not be synced: nothing more is accepted");
        self.state().failed = Some(error);
        // Whoever waits is to look.
        self.synced.send_modify(|_| {});
    }

    pub(in super::super) fn failure(&self) -> Option<Error> {
        self.state().failed.clone()
    }
}

fn create(directory: &Path, number: u64) -> Result<File> {
    create_private(&path_of(directory, number)).map_err(failed("while a file of the journal was made"))
}

/// Makes a file that its owner alone can read, and that is appended to. It must not be there, not even as a symbolic link.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    private().append(true).create_new(true).open(path)
}

/// How files are made that their owner alone can read.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder that its owner alone can read, unless it is there.
pub(super) fn create_folder(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Refuses what is no regular file: a pipe would never be opened, and a link leads somewhere else.
pub(super) fn require_regular(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let name = path.file_name().unwrap_or_default().display();
            Err(Error::new(ErrorKind::Io, format!("`{name}` in the folder of the journal is no regular file")))
        }
        _ => Ok(()),
    }
}
