//! How a store in files is opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Mutex,
};

use super::{
    file_change::CommitRecord,
    file_format::FileFormat,
    findings::Findings,
    folder::Folder,
    folder_watch::FolderWatch,
    model_files::names_in,
    shared::Shared,
    store::{FileStore, FileStoreInner},
    stored_files::StoredFiles,
    url::FileUrl,
};
use crate::{
    backend::{admission::Admission, log::files::failed},
    coop::off_thread,
    error::{Error, ErrorKind, Result},
    open_options::{Durability, OpenOptions},
    transaction::Transactions,
};

/// Opens the folder that a URL names, and makes it if it is not there.
pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<FileStore> {
    options.require(&["durability"])?;
    let (url, options) = (FileUrl::parse(url)?, options.clone());
    off_thread(move || open_here(&url, &options)).await?
}

fn open_here(url: &FileUrl, options: &OpenOptions) -> Result<FileStore> {
    let mut folder = Folder::open(&url.path)?;
    let findings = Findings::default();
    let is_synced = options.durability.unwrap_or_default() == Durability::Power;
    recover(&mut folder, is_synced, &findings)?;
    let format = format_of(&folder, url)?;
    let watch = FolderWatch::new(folder.root(), format.extension(), url.noticing);
    let files = StoredFiles {
        folder,
        format,
        max_models: url.max_models,
        is_synced,
        tables: BTreeMap::new(),
        is_closed: false,
        unfinished: None,
    };
    Ok(FileStore::new(FileStoreInner {
        transactions: Transactions::new(options.clock.clone(), options.long_transaction),
        shared: Shared::new(watch, findings),
        files: Mutex::new(files),
        admission: Admission::new(1, options.acquire_timeout),
    }))
}

/// Goes on with a commit that a crash has interrupted, and removes what is left of those that did not come to be.
fn recover(folder: &mut Folder, is_synced: bool, findings: &Findings) -> Result<()> {
    match CommitRecord::read(folder) {
        Ok(None) => {}
        Ok(Some(record)) => {
            record.finish(folder, is_synced)?;
            findings.add_completed();
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            let place = CommitRecord::set_aside(folder)?;
            findings.add(format!(".larder/{place}"), error);
        }
        Err(error) => return Err(error),
    }
    findings.add_removed(folder.clear_staged()?);
    Ok(())
}

/// The format of the files that are there, or the one that was asked for.
fn format_of(folder: &Folder, url: &FileUrl) -> Result<FileFormat> {
    let reading = "while the folder of the store was read";
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder.root()).map_err(failed(reading))? {
        let entry = entry.map_err(failed(reading))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let is_lines = entry.path().extension().is_some_and(|found| found == FileFormat::JsonLines.extension());
            found.extend(is_lines.then_some(FileFormat::JsonLines));
            continue;
        }
        for format in [FileFormat::Yaml, FileFormat::Json] {
            let count = names_in(&entry.path(), format)?.len();
            if count > url.max_models && url.format.is_none_or(|wanted| wanted == format) {
                return Err(Error::new(ErrorKind::ResourceExhausted, "a table of more models than `max_models`"));
            }
            found.extend((count > 0).then_some(format));
        }
    }
    let first = found.first().copied().unwrap_or(FileFormat::Yaml);
    match url.format {
        Some(wanted) if !found.is_empty() && !found.contains(&wanted) => {
            let message = format!("the folder has files of the format `{}`", first.extension());
            Err(Error::new(ErrorKind::InvalidInput, message))
        }
        wanted => Ok(wanted.unwrap_or(first)),
    }
}
