//! When a batch is due, how large it is, and what a failure means: decisions, without anything that does them.

use std::time::Duration;

use super::WriteBehindOptions;
use crate::{
    clock::Moment,
    error::{Error, ErrorKind},
};

/// Why a batch was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FlushReason {
    /// There were enough models.
    Size,
    /// There were enough bytes.
    Bytes,
    /// The first model had waited for long enough.
    Age,
    /// [`flush`](crate::WriteBehind::flush) was called.
    Flush,
    /// The queue was closed.
    Close,
    /// They were in the journal, and may be stored already.
    Replay,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) count: usize,
    pub(super) bytes: usize,
    pub(super) oldest: Moment,
    pub(super) is_flushed: bool,
    pub(super) is_closing: bool,
}

impl Waiting {
    /// Why it is to be written now, or when it will have waited for long enough.
    pub(super) fn due(&self, size: usize, options: &WriteBehindOptions, now: Moment) -> Result<FlushReason, Moment> {
        let by_age = self.oldest + options.linger;
        if self.count >= size {
            Ok(FlushReason::Size)
        } else if self.bytes >= options.batch_bytes {
            Ok(FlushReason::Bytes)
        } else if self.is_closing {
            Ok(FlushReason::Close)
        } else if self.is_flushed {
            Ok(FlushReason::Flush)
        } else if now >= by_age {
            Ok(FlushReason::Age)
        } else {
            Err(by_age)
        }
    }
}

/// How many batches in a row that could not be written as they were it takes until models are written one by one.
const MAX_BAD_BATCHES: u32 = 3;

/// With how many models an adaptive queue begins.
const FIRST_SIZE: usize = 64;

/// Decides how many models a batch has.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSizer {
    most: usize,
    target: Option<Duration>,
    size: usize,
    bad: u32,
}

impl BatchSizer {
    pub(super) fn new(options: &WriteBehindOptions) -> Self {
        let most = options.batch_size;
        let size = options.adaptive.map_or(most, |_| most.min(FIRST_SIZE));
        Self { most, target: options.adaptive, size, bad: 0 }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// A batch was stored as it was.
    pub(super) fn stored(&mut self, len: usize, took: Duration) {
        self.bad = 0;
        match self.target {
            Some(target) if took > target => self.size = (len / 2).clamp(1, self.most),
            Some(target) if took > target / 2 => {}
            _ => self.size = (self.size * 2).min(self.most),
        }
    }

    /// A batch had to be taken apart.
    pub(super) fn taken_apart(&mut self) {
        self.bad += 1;
        if self.bad >= MAX_BAD_BATCHES {
            self.size = 1;
        }
    }
}

/// What to do about models that could not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The store is at fault: once more, after a while.
    Retry,
    /// One of them is at fault: each half by itself.
    Split,
    /// It is this one.
    Report,
    /// It reads like the store's fault, and may be that of one of them: the others are tried without it.
    Suspect,
    /// Nothing will ever be stored again.
    GiveUp,
}

/// How many attempts in a row have to fail for what may be the fault of what is written, until it is taken to be.
pub(super) const SUSPICIONS: u32 = 3;

/// The same of one model that is not answered for: it is in doubt for longer, because an unreliable network looks the same.
const SUSPICIONS_OF_ONE: u32 = 10;

/// Whether it may be what is written that takes too long, takes too much, brings the engine down, or keeps it from answering.
pub(super) fn may_be_a_models_fault(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::CommitUnknown => true,
        // One that was down before has no code of its own.
        ErrorKind::EngineDown => error.code().is_some(),
        _ => reads_like_the_stores_fault(error),
    }
}

/// Whether it reads like a fault of the store, although one model can cause it: it takes too long or too much, or a trigger, a
/// policy or a limit of the database refuses it with a code that tells of the database's own state.
fn reads_like_the_stores_fault(error: &Error) -> bool {
    use ErrorKind as K;
    match error.kind() {
        K::DeadlineExceeded | K::Cancelled | K::ResourceExhausted => true,
        // What has no code was not said by the engine.
        K::Contention | K::Connection | K::ReadOnly | K::TableMissing | K::Auth | K::Io => error.code().is_some(),
        _ => false,
    }
}

/// The verdict on `len` models, after so many attempts in a row that may have failed for their fault. `can_repeat`: what may be
/// stored already can be written again without being stored twice. `is_searching`: it is known that one of the batch may be at
/// fault.
pub(super) fn verdict(error: &Error, len: usize, suspicions: u32, can_repeat: bool, is_searching: bool) -> Verdict {
    use ErrorKind as K;
    let of_a_model = if len > 1 { Verdict::Split } else { Verdict::Report };
    let is_suspect = suspicions >= SUSPICIONS;
    match error.kind() {
        K::Closed => Verdict::GiveUp,
        // Told of each: nobody knows which.
        K::CommitUnknown if !can_repeat => Verdict::Report,
        K::EngineDown if is_suspect => of_a_model,
        K::CommitUnknown if suspicions >= SUSPICIONS_OF_ONE => of_a_model,
        K::CommitUnknown if is_suspect && len > 1 => Verdict::Split,
        _ if (is_suspect || is_searching) && reads_like_the_stores_fault(error) => Verdict::Suspect,
        K::Contention
        | K::CommitUnknown
        | K::PoolTimeout
        | K::Overloaded
        | K::QueueFull
        | K::Connection
        | K::EngineDown
        | K::DeadlineExceeded
        | K::Cancelled
        | K::ReadOnly
        | K::TableMissing
        | K::Auth
        | K::ResourceExhausted
        | K::Io
        | K::Migration => Verdict::Retry,
        _ => of_a_model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::this_moment;

    #[test]
    fn a_batch_is_due_for_the_first_reason_there_is() {
        let options = WriteBehindOptions::new().batch_bytes(1000);
        let now = this_moment();
        let waiting = Waiting { count: 9, bytes: 999, oldest: now, is_flushed: false, is_closing: false };
        let due = |waiting: Waiting, later: u64| waiting.due(10, &options, now + Duration::from_millis(later));
        assert_eq!(due(waiting, 49), Err(now + options.linger));
        assert_eq!(due(waiting, 50), Ok(FlushReason::Age));
        assert_eq!(due(Waiting { count: 10, ..waiting }, 0), Ok(FlushReason::Size));
        assert_eq!(due(Waiting { bytes: 1000, ..waiting }, 0), Ok(FlushReason::Bytes));
        assert_eq!(due(Waiting { is_flushed: true, ..waiting }, 0), Ok(FlushReason::Flush));
        assert_eq!(due(Waiting { is_flushed: true, is_closing: true, ..waiting }, 0), Ok(FlushReason::Close));
    }

    #[test]
    fn after_bad_batches_models_are_written_one_by_one_and_then_in_batches_again() {
        let mut sizer = BatchSizer::new(&WriteBehindOptions::new().batch_size(50));
        let mut sizes = vec![sizer.size()];
        for is_bad in [true, true, true, true, false, false, true, false, false, false, false, false, true] {
            if is_bad {
                sizer.taken_apart()
            } else {
                sizer.stored(sizer.size(), Duration::ZERO)
            }
            sizes.push(sizer.size());
        }
        assert_eq!(sizes, [50, 50, 50, 1, 1, 2, 4, 4, 8, 16, 32, 50, 50, 50]);
    }

    #[test]
    fn the_size_adapts_to_the_time_a_batch_takes() {
        let mut sizer = BatchSizer::new(&WriteBehindOptions::new().batch_size(200).adaptive(Duration::from_millis(20)));
        let mut sizes = vec![sizer.size()];
        for millis in [1, 1, 1, 15, 21, 15, 9, 25] {
            sizer.stored(sizer.size(), Duration::from_millis(millis));
            sizes.push(sizer.size());
        }
        assert_eq!(sizes, [64, 128, 200, 200, 200, 100, 100, 200, 100]);
    }

    #[test]
    fn the_store_is_blamed_before_the_models() {
        let of = |kind, len, suspicions| verdict(&Error::new(kind, ""), len, suspicions, true, false);
        assert_eq!(of(ErrorKind::Duplicate, 2, 0), Verdict::Split);
        assert_eq!(of(ErrorKind::Duplicate, 1, 0), Verdict::Report);
        assert_eq!(of(ErrorKind::Connection, 1, 0), Verdict::Retry);
        assert_eq!(
            (of(ErrorKind::ResourceExhausted, 1, 2), of(ErrorKind::ResourceExhausted, 2, 3)),
            (Verdict::Retry, Verdict::Suspect)
        );
        assert_eq!((of(ErrorKind::EngineDown, 1, 2), of(ErrorKind::EngineDown, 1, 3)), (Verdict::Retry, Verdict::Report));
        assert_eq!((of(ErrorKind::CommitUnknown, 5, 1), of(ErrorKind::CommitUnknown, 5, 3)), (Verdict::Retry, Verdict::Split));
        assert_eq!((of(ErrorKind::CommitUnknown, 1, 9), of(ErrorKind::CommitUnknown, 1, 10)), (Verdict::Retry, Verdict::Report));
        assert_eq!(verdict(&Error::new(ErrorKind::CommitUnknown, ""), 5, 1, false, false), Verdict::Report);
        assert_eq!(of(ErrorKind::Closed, 5, 0), Verdict::GiveUp);
    }

    #[test]
    fn what_the_engine_says_of_itself_makes_a_model_suspect() {
        let of = |error: &Error, suspicions, is_searching| verdict(error, 1, suspicions, true, is_searching);
        let refused = Error::new(ErrorKind::Auth, "");
        assert_eq!((of(&refused, 9, false), of(&refused, 0, true)), (Verdict::Retry, Verdict::Retry));
        let refused = refused.with_code("42501");
        assert_eq!((of(&refused, 2, false), of(&refused, 3, false)), (Verdict::Retry, Verdict::Suspect));
        assert_eq!(of(&refused, 0, true), Verdict::Suspect);
    }

    #[test]
    fn an_engine_that_was_down_before_is_no_models_fault() {
        let down = Error::new(ErrorKind::EngineDown, "");
        assert!(!may_be_a_models_fault(&down) && may_be_a_models_fault(&down.with_code("FATAL")));
    }
}
