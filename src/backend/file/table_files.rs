//! [`TableFiles`], the files of a table, one for each model or one for all.

use std::sync::Arc;

use super::{
    file_format::FileFormat,
    findings::Findings,
    folder::Folder,
    folder_watch::Stale,
    line_file::LineFile,
    model_files::ModelFiles,
    staging::{AfterCommit, Staging},
};
use crate::{
    backend::{RowChange, Tables},
    error::Result,
    table::Table,
};

/// The files of a table.
pub(super) enum TableFiles {
    OfModels(ModelFiles),
    OfLines(LineFile),
}

impl TableFiles {
    pub(super) fn new(table: Arc<Table>, format: FileFormat) -> Self {
        match format {
            FileFormat::JsonLines => Self::OfLines(LineFile::new(table)),
            format => Self::OfModels(ModelFiles::new(table, format)),
        }
    }

    /// The name of the folder or of the file.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::OfModels(files) => files.folder(),
            Self::OfLines(file) => file.file(),
        }
    }

    /// Reads what is new, and changes the rows of the tables. Returns whether there was something.
    pub(super) fn refresh(&mut self, folder: &Folder, stale: &Stale, tables: &mut Tables, findings: &Findings) -> Result<bool> {
        match self {
            Self::OfModels(files) => files.refresh(folder, stale, tables, findings),
            Self::OfLines(file) => file.refresh(folder, stale, tables, findings),
        }
    }

    /// Stages what a commit does to the table.
    pub(super) fn plan(
        &self,
        changes: &[RowChange],
        tables: &Tables,
        staging: &mut Staging<'_>,
        findings: &Findings,
    ) -> Result<()> {
        match self {
            Self::OfModels(files) => changes.iter().try_for_each(|change| files.plan(change, staging, findings)),
            Self::OfLines(file) => file.plan(changes, tables, staging),
        }
    }

    /// Keeps the checksums of the files for the next to open the store.
    pub(super) fn keep_sums(&mut self, folder: &mut Folder) {
        match self {
            Self::OfModels(files) => files.keep_sums(folder),
            Self::OfLines(file) => file.keep_sums(folder),
        }
    }

    /// Notes what a commit has done.
    pub(super) fn done(&mut self, folder: &Folder, changes: &[RowChange], tables: &Tables, after: AfterCommit) {
        match self {
            Self::OfModels(files) => files.done(after),
            Self::OfLines(file) => file.done(folder, changes, tables, &after),
        }
    }
}
