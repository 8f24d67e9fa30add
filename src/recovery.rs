//! [`Recovery`], what a store found in its files.

use crate::error::Error;

/// What a store found in its files: what a crash had left, and what it cannot read; from
/// [`Store::recovery`](crate::Store::recovery).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// // A store in memory has no files.
/// let recovery = larder::open("memory:").await?.recovery();
/// assert_eq!((recovery.completed, recovery.removed, recovery.unreadable.len()), (0, 0, 0));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// How many commits that a crash had interrupted were done to their end when the store was opened.
    pub completed: usize,
    /// How many files were removed that commits had written which did not come to be.
    pub removed: usize,
    /// What cannot be read, by place. It was left as it is, and nothing is written over it.
    pub unreadable: Vec<Unreadable>,
}

/// Something that a store cannot read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Unreadable {
    /// The path of the file in the store's folder. A line of it follows after a colon.
    pub place: String,
    /// Why. [`Corrupt`](crate::ErrorKind::Corrupt): the file is damaged, or was changed to something that is no model.
    /// [`Unsupported`](crate::ErrorKind::Unsupported): it is of a newer version. [`Io`](crate::ErrorKind::Io): it is a link, a
    /// pipe or a device, or the system cannot read it. [`Duplicate`](crate::ErrorKind::Duplicate),
    /// [`NotNull`](crate::ErrorKind::NotNull): a constraint of its table forbids it.
    pub error: Error,
}

#[cfg(feature = "file")]
impl Recovery {
    pub(crate) fn new(completed: usize, removed: usize, unreadable: Vec<Unreadable>) -> Self {
        Self { completed, removed, unreadable }
    }
}

#[cfg(feature = "file")]
impl Unreadable {
    pub(crate) fn new(place: String, error: Error) -> Self {
        Self { place, error }
    }
}
