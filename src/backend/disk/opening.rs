//! How an append-only store is opened.

use super::{store::DiskStore, table_segments::SegmentOptions, url::DiskUrl};
use crate::{
    backend::file::Folder,
    coop::off_thread,
    error::Result,
    open_options::{Durability, OpenOptions},
    transaction::Transactions,
};

/// Opens the folder that a URL names, and makes it if it is not there.
pub(crate) async fn open(url: &str, options: &OpenOptions) -> Result<DiskStore> {
    options.require(&["durability"])?;
    let (url, options) = (DiskUrl::parse(url)?, options.clone());
    off_thread(move || {
        let folder = Folder::open(&url.path)?;
        let segments = SegmentOptions {
            content: url.content,
            level: url.level,
            rows: url.rows,
            is_synced: options.durability.unwrap_or_default() == Durability::Power,
        };
        let transactions = Transactions::new(options.clock.clone(), options.long_transaction);
        Ok(DiskStore::new(transactions, folder, segments, url.interval, url.time))
    })
    .await?
}
