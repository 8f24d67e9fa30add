//! [`Log`], the files of an open journal.

use std::{
    collections::VecDeque,
    fs::{self, File},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{EXTENSION, JournalSync, record::Record};
use crate::{
    backend::log::{
        FolderLock, SegmentWriter, Syncer,
        files::{failed, path_of},
    },
    clock::pause,
    error::{Error, ErrorKind, Result},
};

/// An open journal. All its files but the last are full.
pub(in super::super) struct Log {
    directory: PathBuf,
    sync: JournalSync,
    segment_bytes: u64,
    max_bytes: u64,
    state: Mutex<LogState>,
    lock: FolderLock,
    syncer: Syncer,
    /// Notified when something is to be synced at once.
    wake_up: Notify,
}

struct LogState {
    writer: SegmentWriter,
    /// The last one is written to.
    segments: VecDeque<Segment>,
    /// The length of all files.
    total: u64,
    next: u64,
    /// Positions that are settled, which could not be noted yet.
    unnoted: Vec<u64>,
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

impl Log {
    /// A journal that goes on in a new file, for what comes at the position `next`, behind `first` if that holds anything.
    pub(super) fn new(
        journal: &super::Journal,
        lock: FolderLock,
        first: Option<Segment>,
        next: u64,
        number: u64,
    ) -> Result<Self> {
        let state = LogState {
            writer: SegmentWriter::begin(&journal.directory, EXTENSION, number)?,
            total: first.as_ref().map_or(0, |first| first.length),
            next,
            unnoted: Vec::new(),
            segments: first.into_iter().chain([Segment { number, first: next, unsettled: 0, length: 0 }]).collect(),
        };
        Ok(Self {
            directory: journal.directory.clone(),
            sync: journal.sync,
            segment_bytes: journal.segment_bytes,
            max_bytes: journal.max_bytes,
            state: Mutex::new(state),
            lock,
            syncer: Syncer::new(next),
            wake_up: Notify::new(),
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
        if let Some(error) = self.syncer.failure() {
            return Err(error);
        }
        if state.total >= self.max_bytes {
            return Err(Error::new(ErrorKind::ResourceExhausted, "the journal is as large as it may be"));
        }
        let next = first + count as u64;
        self.append(&mut state, &Record::Accepted { first, models }, next)?;
        state.next = next;
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
        self.note(&mut self.state(), &Record::Begun { key, positions })?;
        if self.sync == JournalSync::System { Ok(()) } else { self.syncer.sync_now().await }
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
        let noted = self.note(&mut state, &Record::Settled(unnoted.clone()));
        if let Err(error) = noted {
            tracing::warn!(%error, "the journal could not note what is settled, and will");
            state.unnoted = unnoted;
        }
    }

    /// Notes that what is at a position is taken back; if not, it is not.
    pub(in super::super) fn withdrawn(&self, position: u64) -> Result<()> {
        let mut state = self.state();
        self.note(&mut state, &Record::Settled(vec![position]))?;
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
            if let Err(error) = fs::remove_file(path_of(&self.directory, *number, EXTENSION)) {
                tracing::warn!(%error, "a file of a journal could not be deleted");
                break;
            }
            state.total -= length;
            state.segments.pop_front();
        }
        let first = state.segments.front().map_or(0, |segment| segment.first);
        state.unnoted.retain(|position| *position >= first);
    }

    fn note(&self, state: &mut LogState, record: &Record<'_>) -> Result<()> {
        let next = state.next;
        self.append(state, record, next)
    }

    /// Appends a record, after which the next model has this position.
    fn append(&self, state: &mut LogState, record: &Record<'_>, next: u64) -> Result<()> {
        let mut bytes = Vec::new();
        record.write_to(&mut bytes);
        state.writer.cut_torn()?;
        if state.writer.length() >= self.segment_bytes {
            self.begin_segment(state)?;
        }
        state.writer.append(&bytes)?;
        state.total += bytes.len() as u64;
        if let Some(segment) = state.segments.back_mut() {
            segment.length = state.writer.length();
        }
        if self.sync != JournalSync::System {
            self.syncer.note(state.writer.file(), next);
        }
        Ok(())
    }

    fn begin_segment(&self, state: &mut LogState) -> Result<()> {
        state.writer.begin_next()?;
        let number = state.writer.number();
        state.segments.push_back(Segment { number, first: state.next, unsettled: 0, length: 0 });
        if cfg!(unix) && self.sync != JournalSync::System {
            let folder = File::open(&self.directory).map_err(failed("while a file of the journal was made"))?;
            self.syncer.note(&Arc::new(folder), state.next);
        }
        Ok(())
    }

    /// Leaves the folder to others. Nothing may be written afterwards.
    pub(in super::super) fn unlock(&self) {
        self.lock.unlock();
    }

    /// Forces the journal to the disk as it was asked to, for as long as it is polled.
    pub(in super::super) async fn keep_synced(self: Arc<Self>) {
        loop {
            match self.sync {
                JournalSync::System => std::future::pending().await,
                JournalSync::Each => self.wake_up.notified().await,
                JournalSync::Every(period) => pause(period).await,
            }
            if self.syncer.sync_now().await.is_err() {
                // It fails for good.
                return;
            }
        }
    }

    /// Waits until what is at a position is on the disk, where that was asked for.
    pub(in super::super) async fn on_disk(&self, position: u64) -> Result<()> {
        if self.sync == JournalSync::Each { self.syncer.on_disk(position).await } else { Ok(()) }
    }

    /// Why nothing is accepted any more.
    pub(in super::super) fn failure(&self) -> Option<Error> {
        self.syncer.failure()
    }
}
