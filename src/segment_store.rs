//! [`SegmentStore`], a store of compressed segments, and what can be done with its files.

use std::{path::PathBuf, sync::Arc};

use chrono::{DateTime, Utc};

use crate::{
    backend::disk::{self, DiskStore},
    clock::this_runtime,
    entity::Storable,
    error::Result,
    open_options::OpenOptions,
    store::Store,
    table::Table,
};

/// A store of compressed segments that is only appended to, with its files. An application that needs no more than the store
/// opens it by [`open`](crate::open()).
///
/// ```
/// # mod sample {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "sample")]
/// #     pub struct Model { #[sea_orm(primary_key, auto_increment = false)] pub id: Uuid, pub at: DateTimeUtc, pub value: f64 }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Creator, Cx, Filter, OpenOptions, SegmentStore, new_id};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path().display();
/// let segments = SegmentStore::open(&format!("disk:{folder}?rows=1000&interval=30s"), &OpenOptions::new()).await?;
/// let samples = segments.store().append_only::<sample::Entity>();
/// let sample = sample::Model { id: new_id(), at: chrono::Utc::now(), value: 0.5 };
/// samples.create(&Cx::new(), &sample).await?;
/// assert_eq!((segments.pending(), samples.count(&Cx::new(), &Filter::all()).await?), (1, 1));
///
/// segments.flush().await?;
/// assert_eq!((segments.pending(), samples.count(&Cx::new(), &Filter::all()).await?), (0, 1));
/// assert_eq!(segments.segments::<sample::Entity>().len(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SegmentStore {
    store: Store,
    disk: DiskStore,
}

/// A segment, which is not written to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentInfo {
    /// Where its file is.
    pub path: PathBuf,
    /// The content that the URL of the store named when it was written.
    pub content: String,
    /// The time of its first row, in whole milliseconds.
    pub start: DateTime<Utc>,
    /// The time of its last row, in whole milliseconds.
    pub stop: DateTime<Utc>,
}

impl SegmentStore {
    /// Opens a store by a `disk:` URL.
    ///
    /// # Errors
    /// Those of [`open`](crate::open()).
    pub async fn open(url: &str, options: &OpenOptions) -> Result<Self> {
        options.check()?;
        this_runtime()?;
        let disk = disk::open(url, options).await?;
        let store = Store::from_backend(Arc::new(disk.clone())).with_table_prefix(options.table_prefix.clone());
        Ok(Self { store, disk })
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Makes segments of all rows that are in none, and waits until they are on the disk. A table without such rows gets none.
    ///
    /// # Errors
    /// [`ResourceExhausted`](crate::ErrorKind::ResourceExhausted) on a full disk, and other errors of the files. The rows stay
    /// where they are, and can be read; the next call tries again.
    ///
    /// # Dropping the future
    /// The segments that are being made are made to their ends.
    pub async fn flush(&self) -> Result<()> {
        self.disk.flush().await
    }

    /// How many rows are in no segment, of the tables that were used since the store was opened.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.disk.pending()
    }

    /// The segments of an entity, in the order in which they were begun. Empty if it was not used since the store was opened.
    #[must_use]
    pub fn segments<E: Storable>(&self) -> Vec<SegmentInfo> {
        let table = Table::of::<E>().with_prefix(self.store.table_prefix());
        let Some((folder, names)) = self.disk.segments(&table.key) else { return Vec::new() };
        let time = |at| DateTime::from_timestamp_millis(at).unwrap_or_default();
        let segment = |name: disk::SegmentName| SegmentInfo {
            path: folder.join(name.to_string()),
            start: time(name.start),
            stop: time(name.stop),
            content: name.content,
        };
        names.into_iter().map(segment).collect()
    }

    /// How many segments were opened since the store was opened, to read their rows.
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.disk.opened()
    }
}
