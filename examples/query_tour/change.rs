//! Changing many models at once.

use std::fmt::Write;

use larder::{Changes, Cx, Query, ReaderExt, Result, Transactional, TxOptions, field};
use larder_entity::{fiber, raw_log};

use crate::Tour;

/// Changes and deletes sets of models in a transaction, looks at what is left, and takes everything back.
pub async fn and_back(tour: &Tour) -> Result<String> {
    let Tour { store, logs, fibers, memberships, of_file, of_key, by_key, .. } = tour;
    let mut text = "\nSets of changes, in a transaction\n".to_owned();
    let before = Counts::of(tour, &Cx::new()).await?;

    // Ends when it is told to. An error on the way drops its context, which rolls back as well.
    let cx = store.begin(&Cx::new(), TxOptions::new()).await?;
    let open = of_key.clone().and(field(fiber::COLUMN.closed).equals(false));
    let closed = fibers.update_where(&cx, &open, &Changes::new().set(fiber::COLUMN.closed, true)).await?;
    let _ = writeln!(text, "{closed:>8}  fibers closed");
    // Not every engine lets references to a line go with it.
    let parted = memberships.delete_where(&cx, by_key).await?;
    let _ = writeln!(text, "{parted:>8}  memberships deleted");
    let in_time = Query::new().filter(of_file.clone()).order_by(raw_log::COLUMN.timestamp);
    if let Some(middle) = logs.first(&cx, &in_time.offset(before.lines / 2)).await? {
        let earlier = of_file.clone().and(field(raw_log::COLUMN.timestamp).less_than(middle.timestamp));
        let deleted = logs.delete_where(&cx, &earlier).await?;
        let _ = writeln!(text, "{deleted:>8}  lines of the earlier half deleted");
    }
    let archive = Changes::new().set(raw_log::COLUMN.source_id, "archive");
    let archived = logs.update_where(&cx, of_file, &archive).await?;
    let _ = writeln!(text, "{archived:>8}  other lines archived");
    let inside = Counts::of(tour, &cx).await?;
    cx.rollback().await?;

    let after = Counts::of(tour, &Cx::new()).await?;
    let _ = writeln!(text, "    {:12}  lines  open fibers  memberships", "");
    for (when, Counts { lines, open, memberships }) in [("before", before), ("inside", inside), ("rolled back", after)] {
        let _ = writeln!(text, "    {when:12} {lines:>6} {open:>12} {memberships:>12}");
    }
    Ok(text)
}

/// What there is of the file.
struct Counts {
    lines: u64,
    open: u64,
    memberships: u64,
}

impl Counts {
    async fn of(tour: &Tour, cx: &Cx) -> Result<Self> {
        let open = tour.of_key.clone().and(field(fiber::COLUMN.closed).equals(false));
        Ok(Self {
            lines: tour.logs.count(cx, &tour.of_file).await?,
            open: tour.fibers.count(cx, &open).await?,
            memberships: tour.memberships.count(cx, &tour.by_key).await?,
        })
    }
}
