//! When a transaction is run again, and after how long.

use std::time::Duration;

use crate::error::{Error, ErrorKind};

/// How often a transaction that met contention, or a version conflict where [`on_conflict`](Self::on_conflict) asks for that, is
/// run again, and how long it waits before.
///
/// Before the n-th repetition it waits for a random time between nothing and `first * 2^(n-1)`, at most `most`: with full jitter,
/// those that met once hardly meet again (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
///
/// ```
/// use std::time::Duration;
/// use larder::{Retry, TxOptions};
///
/// let patient = TxOptions::new().retry(Retry::attempts(50).wait(Duration::from_millis(1), Duration::from_millis(100)));
/// let impatient = TxOptions::new().retry(Retry::never());
/// let of_versions = TxOptions::new().retry(Retry::default().on_conflict());
/// # let _ = (patient, impatient, of_versions);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    attempts: u32,
    first: Duration,
    most: Duration,
    on_conflict: bool,
}

impl Default for Retry {
    /// Ten attempts; 10 milliseconds at first, half a second at most.
    fn default() -> Self {
        Self::attempts(10)
    }
}

impl Retry {
    /// So many attempts in all, the first one included; zero is one.
    #[must_use]
    pub const fn attempts(attempts: u32) -> Self {
        Self { attempts, first: Duration::from_millis(10), most: Duration::from_millis(500), on_conflict: false }
    }

    /// One attempt.
    #[must_use]
    pub const fn never() -> Self {
        Self::attempts(1)
    }

    /// How long to wait before the second attempt, and before any, at most.
    #[must_use]
    pub const fn wait(self, first: Duration, most: Duration) -> Self {
        Self { first, most, ..self }
    }

    /// Runs the transaction again after a version conflict too ([`Conflict`](crate::ErrorKind::Conflict)): the closure then reads
    /// the newer version of the model. Without this, a conflict is an error at once, because it may be about a version that a
    /// user has seen.
    #[must_use]
    pub const fn on_conflict(self) -> Self {
        Self { on_conflict: true, ..self }
    }

    /// Whether a transaction that met this error is run again.
    pub(crate) fn is_for(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Contention => true,
            ErrorKind::Conflict => self.on_conflict,
            _ => false,
        }
    }

    /// How long to wait after so many attempts have failed. Returns `None` if there is to be no other. `jitter` is between zero
    /// and one.
    pub(crate) fn after(&self, attempts: u32, jitter: f64) -> Option<Duration> {
        let doubled = 2_u32.checked_pow(attempts.saturating_sub(1)).and_then(|factor| self.first.checked_mul(factor));
        let longest = doubled.unwrap_or(self.most).min(self.most);
        (attempts < self.attempts).then(|| longest.mul_f64(jitter))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_most() {
        let retry = Retry::attempts(4).wait(Duration::from_millis(10), Duration::from_millis(25));
        let waits: Vec<_> = (1..=4).map(|attempts| retry.after(attempts, 1.0)).collect();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(waits, [millis(10), millis(20), millis(25), None]);
        assert_eq!(retry.after(3, 0.5), Some(Duration::from_micros(12_500)));
        assert_eq!((Retry::never().after(1, 1.0), Retry::attempts(0).after(1, 1.0)), (None, None));
        assert_eq!(Retry::attempts(u32::MAX).after(1000, 1.0), millis(500));
    }
}
