//! Names, modes and durability of the files of a log.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::error::{Error, ErrorKind, Result};

/// The error of something that was done with a file.
pub(crate) fn failed(doing: &'static str) -> impl Fn(io::Error) -> Error {
    move |error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                ErrorKind::ResourceExhausted
            }
            io::ErrorKind::PermissionDenied => ErrorKind::Auth,
            io::ErrorKind::ReadOnlyFilesystem => ErrorKind::ReadOnly,
            _ if is_out_of_files(&error) => ErrorKind::ResourceExhausted,
            _ => ErrorKind::Io,
        };
        Error::new(kind, doing).with_source(error)
    }
}

/// Whether the process, or the system, has no room for another open file.
fn is_out_of_files(error: &io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// The path of a segment, by its number.
pub(crate) fn path_of(directory: &Path, number: u64, extension: &str) -> PathBuf {
    directory.join(format!("{number:016}.{extension}"))
}

/// The numbers of the segments in a folder, in order. Other names are left alone.
pub(crate) fn numbers_in(directory: &Path, extension: &str) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let stem = path.file_stem().filter(|_| path.extension().is_some_and(|found| found == extension));
        let is_number = |stem: &&str| stem.len() == 16 && stem.bytes().all(|byte| byte.is_ascii_digit());
        let own = stem.and_then(|stem| stem.to_str()).filter(is_number);
        numbers.extend(own.and_then(|stem| stem.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes a file that its owner alone can read, and that is appended to. It must not be there, not even as a symbolic link.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let file = private().append(true).create_new(true).open(path)?;
    make_private(&file)?;
    Ok(file)
}

/// How files are made that their owner alone can read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a new file its owner's to read and to write, whatever the mask of the process takes away.
pub(crate) fn make_private(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let _ = file;
    Ok(())
}

/// Makes a folder that its owner alone can read, unless it is there.
pub(crate) fn create_folder(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// Refuses what is no regular file: a pipe would never be opened, and a link leads somewhere else.
pub(crate) fn require_regular(path: &Path) -> Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => {
            let name = path.file_name().unwrap_or_default().display();
            Err(Error::new(ErrorKind::Io, format!("`{name}` in the folder is no regular file")))
        }
        _ => Ok(()),
    }
}

/// Makes the names in a folder as durable as the files.
pub(crate) fn sync_folder(directory: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and need not be.
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Makes a file that is on the disk.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create_private(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes a file that is on the disk as a whole, or not there at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let new = directory.join("new");
    // Left by an attempt that did not come to its end. A link is removed, and not what it leads to.
    if let Err(error) = fs::remove_file(&new)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    write_synced(&new, bytes)?;
    fs::rename(&new, path)?;
    sync_folder(directory)
}
