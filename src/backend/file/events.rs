//! [`Events`], what the system tells of changes in folders.

/// What was done to a file in a folder that is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FolderEvent {
    pub(super) watch: i32,
    pub(super) name: String,
    pub(super) kind: FolderEventKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FolderEventKind {
    /// Something was renamed to this name.
    MovedHere,
    /// What had the name has none any more.
    Removed,
    /// It was written to and closed; or a folder was made.
    Written,
    /// The folder itself is no longer where it was.
    Gone,
}

#[cfg(target_os = "linux")]
mod inotify {
    use std::{mem::MaybeUninit, os::fd::OwnedFd, path::Path};

    use rustix::{
        fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init},
        io::Errno,
    };

    use super::{FolderEvent, FolderEventKind};

    /// How many bytes of events are read at once.
    const BUFFER: usize = 16 * 1024;

    /// Folders that the system tells of. What was done before is told at the next look.
    pub(in super::super) struct Events {
        queue: OwnedFd,
        buffer: Box<[MaybeUninit<u8>]>,
    }

    impl Events {
        /// Returns `None` if the system has no more of them.
        pub(in super::super) fn new() -> Option<Self> {
            match init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
                Ok(queue) => Some(Self { queue, buffer: vec![MaybeUninit::uninit(); BUFFER].into() }),
                Err(error) => {
                    tracing::warn!(%error, "changes in the folder of a store are not told; it is looked through instead");
                    None
                }
            }
        }

        /// Begins to watch a folder. Returns `None` if it is not there.
        pub(in super::super) fn watch(&self, path: &Path) -> Option<i32> {
            use WatchFlags as F;
            // What is written is looked at when it is closed: a file that is being saved is not read by half.
            let flags = F::CLOSE_WRITE | F::CREATE | F::MOVED_TO | F::MOVED_FROM | F::DELETE | F::DELETE_SELF | F::MOVE_SELF;
            add_watch(&self.queue, path, flags | F::ONLYDIR | F::DONT_FOLLOW).ok()
        }

        /// What was done since the last look. Returns `None` if that was too much to be told.
        pub(in super::super) fn read(&mut self) -> Option<Vec<FolderEvent>> {
            let mut events = Vec::new();
            let mut reader = Reader::new(&self.queue, &mut self.buffer);
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(Errno::INTR) => continue,
                    Err(Errno::WOULDBLOCK) => return Some(events),
                    Err(_) => return None,
                };
                let flags = event.events();
                let kind = match flags {
                    flags if flags.contains(ReadFlags::QUEUE_OVERFLOW) => return None,
                    flags if flags.contains(ReadFlags::MOVED_TO) => FolderEventKind::MovedHere,
                    flags if flags.intersects(ReadFlags::MOVED_FROM | ReadFlags::DELETE) => FolderEventKind::Removed,
                    // A new file is looked at when it is closed as well.
                    flags if flags.contains(ReadFlags::CREATE) && !flags.contains(ReadFlags::ISDIR) => continue,
                    flags if flags.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::CREATE) => FolderEventKind::Written,
                    flags if flags.intersects(ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF) => FolderEventKind::Gone,
                    _ => continue,
                };
                let name = event.file_name().and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
                events.push(FolderEvent { watch: event.wd(), name, kind });
            }
        }
    }
}

#[cfg(target_os = "linux")]
pub(super) use self::inotify::Events;

#[cfg(not(target_os = "linux"))]
pub(super) use NoEvents as Events;

/// Elsewhere nothing is told.
#[cfg(not(target_os = "linux"))]
pub(super) enum NoEvents {}

#[cfg(not(target_os = "linux"))]
impl NoEvents {
    pub(super) fn new() -> Option<Self> {
        None
    }

    pub(super) fn watch(&self, _: &std::path::Path) -> Option<i32> {
        None
    }

    pub(super) fn read(&mut self) -> Option<Vec<FolderEvent>> {
        None
    }
}
