//! A small disk.

#![allow(dead_code)] // Each test binary uses a part of it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A folder with so much room, which can be given more.
pub(crate) struct Room {
    path: PathBuf,
    folder: Option<TempDir>,
}

impl Room {
    pub(crate) fn of(kilobytes: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut room = Self::at(folder.path(), kilobytes);
        room.folder = Some(folder);
        room
    }

    /// The same in the place of a folder that is there.
    pub(crate) fn at(path: &Path, kilobytes: u32) -> Self {
        mount(path, &["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "larder-faults"]);
        Self { path: path.to_owned(), folder: None }
    }

    pub(crate) fn grow(&self, kilobytes: u32) {
        mount(self.path(), &["-o", &format!("remount,size={kilobytes}k")]);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(self.path()).status());
    }
}

fn mount(folder: &Path, arguments: &[&str]) {
    let done = Command::new("mount").args(arguments).arg(folder).output();
    let reason = match done {
        Ok(done) if done.status.success() => return,
        Ok(done) => String::from_utf8_lossy(&done.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    panic!(
        "this test fills a small disk, which cannot be mounted here ({}): run it as root, and install mount (apt-get install mount; \
            in a container: --cap-add SYS_ADMIN)",
        reason.trim()
    );
}
