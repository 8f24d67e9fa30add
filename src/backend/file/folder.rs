//! [`Folder`], the folder of a store, and how its files are read and made.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use crate::{
    backend::log::{
        FolderLock,
        files::{create_folder, failed, make_private, private, sync_folder, write_synced},
    },
    error::{Error, ErrorKind, Result},
};

/// The largest file of one model, and the longest line of one.
pub(super) const MAX_FILE: usize = 64 << 20;

/// The folder that is the store's own. Names of tables do not begin with a dot.
const OWN: &str = ".larder";

/// Where files are written before they take the places of others.
const NEW: &str = "new";

/// How many files are synced one by one. For more it takes less time to sync the whole file system, with what others write there.
const SYNCED_ALONE: usize = 200;

const MAKING: &str = "while a folder of the store was made";
const OPENING: &str = "while the folder of the store was opened";
const READING: &str = "while a file of the store was read";
const WRITING: &str = "while a file of the store was written";
const SYNCING: &str = "while a file of the store was synced";

/// What a file is known by between two looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::backend) struct Stamp {
    length: u64,
    modified: i64,
    file: u64,
}

impl Stamp {
    pub(super) fn of(found: &fs::Metadata) -> Self {
        let modified = found.modified().map(DateTime::<Utc>::from).ok();
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(found);
        #[cfg(not(unix))]
        let file = 0;
        Self { length: found.len(), modified: modified.and_then(|time| time.timestamp_nanos_opt()).unwrap_or_default(), file }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (length, modified, file) = (parts.next()?, parts.next()?, parts.next()?);
        Some(Self { length: length.parse().ok()?, modified: modified.parse().ok()?, file: file.parse().ok()? })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// When it was written last, in nanoseconds.
    pub(super) fn modified(&self) -> i64 {
        self.modified
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.length, self.modified, self.file)
    }
}

/// The folder of a store, which is this process's as long as this is there.
pub(in crate::backend) struct Folder {
    root: PathBuf,
    own: PathBuf,
    lock: FolderLock,
    next: u64,
}

impl Folder {
    /// Opens a folder, or makes it.
    ///
    /// # Errors
    /// [`Connection`](ErrorKind::Connection) if another process has it.
    pub(in crate::backend) fn open(path: &Path) -> Result<Self> {
        if !path.exists() {
            path.parent().map_or(Ok(()), create_folder).and_then(|()| make_folder(path)).map_err(failed(MAKING))?;
        }
        // Links on the way there are the caller's business.
        let root = path.canonicalize().map_err(failed(OPENING))?;
        let own = root.join(OWN);
        make_folder(&own).map_err(failed(MAKING))?;
        require_folder(&own)?;
        let lock = FolderLock::take(&own, "the folder of the store is open already")?;
        make_folder(&own.join(NEW)).map_err(failed(MAKING))?;
        require_folder(&own.join(NEW))?;
        let ignored = own.join(".gitignore");
        if fs::symlink_metadata(&ignored).is_err() {
            write_synced(&ignored, b"*\n").map_err(failed(OPENING))?;
        }
        Ok(Self { root, own, lock, next: 0 })
    }

    pub(in crate::backend) fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file of the store's own.
    pub(in crate::backend) fn own(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// The path of a file that is not in its place yet.
    pub(super) fn staged(&self, number: u64) -> PathBuf {
        self.own.join(NEW).join(number.to_string())
    }

    /// Writes a file that has no place yet. It is not synced.
    pub(super) fn stage(&mut self, bytes: &[u8]) -> Result<(u64, Stamp)> {
        let number = self.next;
        self.next += 1;
        let path = self.staged(number);
        let written = (|| {
            let mut file = private().write(true).create_new(true).open(&path)?;
            make_private(&file)?;
            io::Write::write_all(&mut file, bytes)?;
            Ok(Stamp::of(&file.metadata()?))
        })();
        written.map(|stamp| (number, stamp)).map_err(|error| {
            drop(fs::remove_file(&path));
            failed(WRITING)(error)
        })
    }

    /// Forces staged files to the disk.
    pub(super) fn sync(&self, staged: &[u64]) -> Result<()> {
        if staged.len() > SYNCED_ALONE && self.sync_all().map_err(failed(SYNCING))? {
            return Ok(());
        }
        let sync = |number: &u64| File::open(self.staged(*number))?.sync_data();
        staged.iter().try_for_each(sync).map_err(failed(SYNCING))
    }

    /// Forces the whole file system to the disk, which is quicker for many files. Returns `false` where that is not to be had.
    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> io::Result<bool> {
        rustix::fs::syncfs(File::open(&self.root)?)?;
        Ok(true)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Removes what was staged and has no place. Returns how many files that were.
    pub(super) fn clear_staged(&mut self) -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(self.own(NEW)).map_err(failed(OPENING))? {
            fs::remove_file(entry.map_err(failed(OPENING))?.path()).map_err(failed("while what a crash left was removed"))?;
            count += 1;
        }
        Ok(count)
    }

    /// Makes the folder of a table, unless it is there.
    pub(super) fn make(&self, name: &str) -> Result<()> {
        let path = self.root.join(name);
        make_folder(&path).map_err(failed(MAKING))?;
        sync_folder(&self.root).map_err(failed(SYNCING))?;
        self.require_table(&path)
    }

    /// Refuses a folder of a table whose files cannot be replaced as a whole, and what is no folder.
    pub(super) fn require_table(&self, path: &Path) -> Result<()> {
        require_folder(path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let device = |path: &Path| fs::symlink_metadata(path).map(|found| found.dev()).ok();
            if device(path).zip(device(&self.own)).is_some_and(|(of_table, own)| of_table != own) {
                return Err(Error::new(ErrorKind::Unsupported, "the folder of a table on another file system than the store's"));
            }
        }
        Ok(())
    }

    /// Whether the folder is still the one that was opened.
    pub(in crate::backend) fn check(&self) -> Result<()> {
        fs::symlink_metadata(self.own("lock")).map(drop).map_err(failed("the folder of the store is no longer there"))
    }

    /// Leaves the folder to others.
    pub(in crate::backend) fn unlock(&self) {
        self.lock.unlock();
    }
}

/// Makes a folder its owner's alone, whatever the mask of the process takes away. One that is there stays as it is.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        #[cfg(unix)]
        Ok(()) => fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Refuses what is there and is no folder, such as a link to one.
pub(in crate::backend) fn require_folder(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_dir() => Err(Error::new(ErrorKind::Io, "what should be a folder of the store is none")),
        _ => Ok(()),
    }
}

/// Opens a regular file to read it. A link is not followed, and a pipe is not waited for. Returns `None` if there is none.
pub(in crate::backend) fn open_regular(path: &Path) -> Result<Option<(File, Stamp)>> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits().cast_signed());
    }
    let irregular = || Error::new(ErrorKind::Io, "no regular file: links, pipes and devices are not read");
    match options.open(path) {
        Ok(file) => {
            let found = file.metadata().map_err(failed(READING))?;
            if found.is_file() { Ok(Some((file, Stamp::of(&found)))) } else { Err(irregular()) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(_) if fs::symlink_metadata(path).is_ok_and(|found| !found.is_file()) => Err(irregular()),
        Err(error) => Err(failed(READING)(error)),
    }
}

/// The text of a file, and what it is known by.
pub(super) fn read_text(path: &Path) -> Result<Option<(String, Stamp)>> {
    let Some((file, stamp)) = open_regular(path)? else { return Ok(None) };
    let too_large = || Error::new(ErrorKind::ResourceExhausted, "a file that is larger than 64 MiB");
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.length).unwrap_or_default().min(MAX_FILE) + 1);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes).map_err(failed(READING))?;
    if bytes.len() > MAX_FILE {
        return Err(too_large());
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|error| Error::new(ErrorKind::Corrupt, "a file that is no UTF-8").with_source(error))?;
    Ok(Some((text, stamp)))
}

/// What a file is known by. Returns `None` if there is none.
pub(super) fn stamp_of(path: &Path) -> Option<Stamp> {
    fs::symlink_metadata(path).ok().map(|found| Stamp::of(&found))
}
