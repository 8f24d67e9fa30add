//! How much a queue holds, and when it writes.

use std::time::Duration;

use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};

/// What [`submit`](crate::WriteBehind::submit) does when there is no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhenFull {
    /// It is [`QueueFull`](ErrorKind::QueueFull).
    #[default]
    Reject,
    /// The models that wait longest make room: their tickets are [`QueueFull`](ErrorKind::QueueFull). If what is being written
    /// takes all the room, the new one is. For a model that the journal does not take nothing makes room, but in a transaction:
    /// there the journal has it only after the commit.
    DropOldest,
}

/// When a [`WriteBehind`](crate::WriteBehind) writes, and how much it holds. Values out of bounds are
/// [`InvalidInput`](ErrorKind::InvalidInput) when it is started.
///
/// Deserialized, a key that is missing has its default, and one that is not known is an error. Times are then in milliseconds:
/// `linger_ms`, `write_timeout_ms`, `adaptive_ms`.
///
/// ```
/// use std::time::Duration;
/// use larder::WriteBehindOptions;
///
/// let options: WriteBehindOptions = serde_json::from_str(r#"{ "batch_size": 500, "linger_ms": 20 }"#)?;
/// assert_eq!(options, WriteBehindOptions::new().batch_size(500).linger(Duration::from_millis(20)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct WriteBehindOptions {
    pub(super) batch_size: usize,
    pub(super) batch_bytes: usize,
    #[serde(rename = "linger_ms", deserialize_with = "millis")]
    pub(super) linger: Duration,
    pub(super) queue_size: usize,
    pub(super) queue_bytes: usize,
    pub(super) when_full: WhenFull,
    #[serde(rename = "write_timeout_ms", deserialize_with = "millis")]
    pub(super) write_timeout: Duration,
    #[serde(rename = "adaptive_ms", deserialize_with = "some_millis")]
    pub(super) adaptive: Option<Duration>,
}

const MIB: usize = 1024 * 1024;

impl Default for WriteBehindOptions {
    fn default() -> Self {
        Self {
            batch_size: 100,
            batch_bytes: 4 * MIB,
            linger: Duration::from_millis(50),
            queue_size: 10_000,
            queue_bytes: 64 * MIB,
            when_full: WhenFull::Reject,
            write_timeout: Duration::from_secs(5),
            adaptive: None,
        }
    }
}

impl WriteBehindOptions {
    /// The most models of a batch that can be asked for.
    pub const MAX_BATCH_SIZE: usize = 10_000;
    /// The most bytes of a batch that can be asked for.
    pub const MAX_BATCH_BYTES: usize = 64 * MIB;
    /// The longest linger that can be asked for.
    pub const MAX_LINGER: Duration = Duration::from_secs(10);
    /// The most models in a queue that can be asked for.
    pub const MAX_QUEUE_SIZE: usize = 128_000;
    /// The most bytes in a queue that can be asked for.
    pub const MAX_QUEUE_BYTES: usize = 1024 * MIB;
    /// The longest time for one write that can be asked for.
    pub const MAX_WRITE_TIMEOUT: Duration = Duration::from_secs(60);

    /// Batches of 100, after 50 milliseconds at most, from a queue of 10 000 and 64 MiB.
    pub fn new() -> Self {
        Self::default()
    }

    /// For a stream of records that comes in bursts, into an analytic store: batches of 2000, after 100 milliseconds at most,
    /// from a queue of 64 batches; 30 seconds for one write.
    pub fn bursts() -> Self {
        let seconds = Duration::from_secs(30);
        Self::new().batch_size(2000).linger(Duration::from_millis(100)).queue_size(64 * 2000).write_timeout(seconds)
    }

    /// For the entries of services' logs: batches of 100, after 100 milliseconds at most, from a queue of 10 000.
    pub fn entries() -> Self {
        Self::new().linger(Duration::from_millis(100))
    }

    /// At most so many models are written at once: 1 to 10 000.
    pub fn batch_size(self, batch_size: usize) -> Self {
        Self { batch_size, ..self }
    }

    /// A batch is written when its models, as JSON or as the journal has them, come to so many bytes: 1 byte to 64 MiB. One that
    /// is larger by itself is a batch of its own.
    pub fn batch_bytes(self, batch_bytes: usize) -> Self {
        Self { batch_bytes, ..self }
    }

    /// How long a model waits for others to share its batch: more than nothing, at most 10 seconds.
    pub fn linger(self, linger: Duration) -> Self {
        Self { linger, ..self }
    }

    /// How many models are held, from when they are accepted until they are stored or reported: the size of a batch at least, 128
    /// 000 at most.
    pub fn queue_size(self, queue_size: usize) -> Self {
        Self { queue_size, ..self }
    }

    /// How many bytes are held, by the length of the models as JSON or, with a journal, of what that has of them: the bytes of a
    /// batch at least, 1 GiB at most. One model is held whatever its length.
    pub fn queue_bytes(self, queue_bytes: usize) -> Self {
        Self { queue_bytes, ..self }
    }

    /// What [`submit`](crate::WriteBehind::submit) does when there is no room.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { when_full, ..self }
    }

    /// How long one attempt to write a batch may take: more than nothing, at most 60 seconds. Each attempt, also of a part of a
    /// batch, has all of it.
    pub fn write_timeout(self, write_timeout: Duration) -> Self {
        Self { write_timeout, ..self }
    }

    /// Adapts the size of batches so that one takes about this long to write, more than nothing and at most the write timeout:
    /// twice as many after one that took less than half of it, half as many after one that took longer,
    /// [`batch_size`](Self::batch_size) at most. [`WriteBehind::stats`](crate::WriteBehind::stats) tells the size.
    pub fn adaptive(self, target: Duration) -> Self {
        Self { adaptive: Some(target), ..self }
    }

    pub(super) fn check(&self) -> Result<()> {
        let within = |value: Duration, most: Duration| !value.is_zero() && value <= most;
        let complaint = if !(1..=Self::MAX_BATCH_SIZE).contains(&self.batch_size) {
            "batch_size is 1 to 10 000"
        } else if !(1..=Self::MAX_BATCH_BYTES).contains(&self.batch_bytes) {
            "batch_bytes is 1 to 64 MiB"
        } else if !within(self.linger, Self::MAX_LINGER) {
            "linger is more than nothing and at most 10 seconds"
        } else if !(self.batch_size..=Self::MAX_QUEUE_SIZE).contains(&self.queue_size) {
            "queue_size is batch_size to 128 000"
        } else if !(self.batch_bytes..=Self::MAX_QUEUE_BYTES).contains(&self.queue_bytes) {
            "queue_bytes is batch_bytes to 1 GiB"
        } else if !within(self.write_timeout, Self::MAX_WRITE_TIMEOUT) {
            "write_timeout is more than nothing and at most 60 seconds"
        } else if self.adaptive.is_some_and(|target| !within(target, self.write_timeout)) {
            "adaptive is more than nothing and at most write_timeout"
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidInput, complaint))
    }
}

fn millis<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    u64::deserialize(from).map(Duration::from_millis)
}

fn some_millis<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(json: &str) -> bool {
        serde_json::from_str::<WriteBehindOptions>(json).is_ok_and(|options| options.check().is_ok())
    }

    #[test]
    fn what_is_missing_has_its_default_and_what_is_out_of_bounds_is_refused() {
        for (json, is_fine) in [
            ("{}", true),
            (r#"{"batch_size": 10000, "linger_ms": 10000, "queue_size": 128000, "write_timeout_ms": 60000}"#, true),
            (r#"{"batch_size": 0}"#, false),
            (r#"{"batch_size": 10001, "queue_size": 20000}"#, false),
            (r#"{"linger_ms": 0}"#, false),
            (r#"{"linger_ms": 10001}"#, false),
            (r#"{"queue_size": 0}"#, false),
            (r#"{"queue_size": 128001}"#, false),
            (r#"{"queue_size": 99}"#, false),
            (r#"{"batch_size": 10, "queue_size": 99}"#, true),
            (r#"{"write_timeout_ms": 0}"#, false),
            (r#"{"write_timeout_ms": 60001}"#, false),
            (r#"{"batch_bytes": 0}"#, false),
            (r#"{"batch_bytes": 8192, "queue_bytes": 4096}"#, false),
            (r#"{"queue_bytes": 1073741825}"#, false),
            (r#"{"adaptive_ms": 0}"#, false),
            (r#"{"adaptive_ms": 20, "when_full": "drop_oldest"}"#, true),
            (r#"{"when_full": "block"}"#, false),
            (r#"{"batchsize": 5}"#, false),
            (r#"{"linger_ms": -1}"#, false),
        ] {
            assert_eq!(checked(json), is_fine, "{json}");
        }
        for preset in [WriteBehindOptions::new(), WriteBehindOptions::bursts(), WriteBehindOptions::entries()] {
            assert!(preset.check().is_ok());
        }
    }
}
