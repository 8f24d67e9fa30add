//! How a journal is opened: what it has is read, written anew without what is settled, and given back.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use super::{
    EXTENSION, Journal, JournalRecovery,
    columns::{ModelCodec, set_aside},
    log::{Log, Segment},
    record::Record,
};
use crate::{
    backend::log::{
        FolderLock, Frames,
        files::{create_folder, failed, numbers_in, path_of, require_regular, sync_folder, write_synced, write_whole},
    },
    error::Result,
    id::new_id,
};

const READING: &str = "while the journal was read";
const WRITING: &str = "while the journal was written anew";
const SETTING_ASIDE: &str = "while what cannot be read was set aside";

/// A model that an earlier process accepted, and is not known to have settled.
pub(in super::super) struct Recovered<M> {
    pub(in super::super) model: M,
    pub(in super::super) position: u64,
    pub(in super::super) bytes: usize,
    /// The key of the batch that it may have been stored with.
    pub(in super::super) doubt: Option<Arc<str>>,
}

/// An open journal and what was in it.
pub(in super::super) struct OpenedJournal<M> {
    pub(in super::super) log: Log,
    pub(in super::super) models: Vec<Recovered<M>>,
    pub(in super::super) recovery: JournalRecovery,
}

/// What a journal has of a model.
struct Left {
    model: Vec<u8>,
    begun: Option<Arc<str>>,
}

/// Opens a journal. Blocks.
pub(in super::super) fn open<M>(journal: &Journal, codec: ModelCodec<M>) -> Result<OpenedJournal<M>> {
    let directory = &*journal.directory;
    create_folder(directory).map_err(failed("while the folder of the journal was made"))?;
    let lock = FolderLock::take(directory, "the journal belongs to another queue that is open")?;
    let numbers = numbers_in(directory, EXTENSION).map_err(failed(READING))?;
    let mut recovery = JournalRecovery::default();
    let (mut left, mut next) = (BTreeMap::new(), 0);
    for number in &numbers {
        let path = path_of(directory, *number, EXTENSION);
        require_regular(&path)?;
        let bytes = fs::read(&path).map_err(failed(READING))?;
        let contents = Frames::read(&bytes, Record::read);
        // A younger file is begun only after this one was written to its end.
        let tail = contents.tail.clone().filter(|_| Some(number) != numbers.last());
        for range in contents.damaged.iter().cloned().chain(tail.clone()) {
            let aside = directory.join(format!("{}.damaged", new_id()));
            write_synced(&aside, bytes.get(range).unwrap_or_default()).map_err(failed(SETTING_ASIDE))?;
            recovery.set_aside.push(aside);
            recovery.reasons.push("the file is damaged here".to_owned());
        }
        recovery.cut_bytes += contents.tail.filter(|_| tail.is_none()).map_or(0, |tail| tail.len() as u64);
        for record in contents.records {
            apply(record, &mut left, &mut next);
        }
    }
    let models = decoded(directory, &mut left, codec, &mut recovery)?;
    recovery.replayed = models.len() as u64;

    let number = numbers.last().map_or(0, |last| last + 1);
    let first = match left.first_key_value() {
        Some((first, _)) => {
            let length = compact(directory, number, &left)?;
            Some(Segment { number, first: *first, unsettled: left.len(), length })
        }
        None => None,
    };
    for number in numbers {
        fs::remove_file(path_of(directory, number, EXTENSION)).map_err(failed(WRITING))?;
    }
    let log = Log::new(journal, lock, first, next, number + 1)?;
    sync_folder(directory).map_err(failed(WRITING))?;
    Ok(OpenedJournal { log, models, recovery })
}

fn apply(record: Record<'_>, left: &mut BTreeMap<u64, Left>, next: &mut u64) {
    match record {
        Record::Accepted { first, models } => {
            *next = (*next).max(first + models.len() as u64);
            left.extend((first..).zip(models).map(|(position, model)| (position, Left { model: model.to_vec(), begun: None })));
        }
        Record::Settled(positions) => {
            for position in positions {
                left.remove(&position);
            }
        }
        Record::Begun { key, positions } => {
            let key: Arc<str> = key.into();
            for position in positions {
                if let Some(left) = left.get_mut(&position) {
                    left.begun = Some(key.clone());
                }
            }
        }
    }
}

/// The models that are left. What is none is set aside.
fn decoded<M>(
    directory: &Path,
    left: &mut BTreeMap<u64, Left>,
    codec: ModelCodec<M>,
    recovery: &mut JournalRecovery,
) -> Result<Vec<Recovered<M>>> {
    let mut models = Vec::with_capacity(left.len());
    let mut unreadable = Vec::new();
    for (position, Left { model, begun }) in &*left {
        match (codec.decode)(model) {
            Ok(decoded) => {
                models.push(Recovered { model: decoded, position: *position, bytes: model.len(), doubt: begun.clone() });
            }
            Err(error) => unreadable.push((*position, error.to_string())),
        }
    }
    for (position, reason) in unreadable {
        let aside = directory.join(format!("{}.json", new_id()));
        let model = left.remove(&position).map(|left| left.model).unwrap_or_default();
        write_synced(&aside, set_aside(&model, &reason).as_bytes()).map_err(failed(SETTING_ASIDE))?;
        recovery.set_aside.push(aside);
        recovery.reasons.push(reason);
    }
    Ok(models)
}

/// Writes what is left into a file of its own, which is there as a whole or not at all, and tells its length.
fn compact(directory: &Path, number: u64, left: &BTreeMap<u64, Left>) -> Result<u64> {
    let mut bytes = Vec::new();
    let mut begun: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (position, left) in left {
        Record::Accepted { first: *position, models: vec![&left.model] }.write_to(&mut bytes);
        if let Some(key) = &left.begun {
            begun.entry(key).or_default().push(*position);
        }
    }
    for (key, positions) in begun {
        Record::Begun { key, positions }.write_to(&mut bytes);
    }
    write_whole(&path_of(directory, number, EXTENSION), &bytes).map_err(failed(WRITING))?;
    Ok(bytes.len() as u64)
}
