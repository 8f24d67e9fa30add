//! [`DiskTable`], what an append-only store does for one table.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{FutureExt as _, stream};
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    open_table::OpenTable,
    reading::{Reading, require_own},
    row_span::RowSpan,
    store::DiskStore,
};
use crate::{
    backend::{
        Answer, BoxFuture, Decoder, Models, Parts, Read, TableBackend, TableWrite, Tables, Write,
        file::{no_unknown, write_line},
    },
    context::{Access, Cx, RUNNING},
    coop::off_thread,
    error::{Error, ErrorKind, Result, no_row_locks},
    query::Selection,
    table::Table,
};

pub(super) struct DiskTable {
    store: DiskStore,
    table: Arc<Table>,
    refused: Option<Error>,
}

/// A part of a stream, or its end.
type StreamPart = Result<Option<Box<dyn Models>>>;

impl DiskStore {
    fn reading<'r>(&'r self, open: &'r OpenTable, decoder: &'r Arc<dyn Decoder>) -> Reading<'r> {
        Reading { open, findings: &self.0.findings, opened: &self.0.opened, decoder }
    }
}

impl DiskTable {
    pub(super) fn new(store: DiskStore, table: Arc<Table>) -> Self {
        let refused = refusal(&table);
        Self { store, table, refused }
    }

    /// Runs something with the files of the table, on a thread that may block, to its end even if the future is dropped.
    async fn run<R: Send + 'static>(
        &self,
        cx: &Cx,
        access: Access,
        work: impl FnOnce(&DiskStore, &Arc<OpenTable>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.check()?;
        self.store.0.transactions.enter(cx, access)?;
        let (store, table) = (self.store.clone(), self.table.clone());
        let work = off_thread(move || work(&store, &store.0.open_table(&table)?)).map(Result::flatten);
        match access {
            Access::Read => cx.limits().bound(RUNNING, work.boxed()).await,
            // What is being stored is stored, whatever the time.
            Access::Write => {
                cx.limits().check()?;
                work.await
            }
        }
    }

    async fn insert(&self, cx: &Cx, write: Write<'_>, decoder: &Arc<dyn Decoder>) -> Result<Answer> {
        self.check()?;
        if cx.key_for(Access::Write).is_some() {
            return Err(Error::new(ErrorKind::Unsupported, "an append-only store keeps no idempotency keys"));
        }
        let now = self.store.0.transactions.clock().now();
        // What the rows are without those that are stored, with defaults and times, and what of them is refused.
        let tables = Tables::new();
        tables.define(&self.table)?;
        let write = TableWrite::of(&self.table, write).await?;
        let (written, answer) = tables.write(cx, &self.table, write, decoder, now).await?;
        let answer = answer?;
        let append = move |store: &DiskStore, open: &Arc<OpenTable>| {
            let (mut lines, mut rows, mut span) = (String::new(), 0, RowSpan::default());
            for row in written.rows(&open.table) {
                lines.push_str(&write_line(&open.table, row, &no_unknown())?);
                rows += 1;
                span = span.with(open.span_of(row));
            }
            if rows == 0 {
                return Ok(());
            }
            store.0.check_open()?;
            open.segments.append(&lines, rows, span.or_at(now.timestamp_millis()))?;
            store.0.tick();
            if open.segments.has_sealed() {
                store.0.make_segments(open);
            }
            Ok(())
        };
        self.run(cx, Access::Write, append).await?;
        Ok(answer)
    }

    async fn answer(&self, cx: &Cx, read: Read, decoder: &Arc<dyn Decoder>) -> Result<Answer> {
        let decoder = decoder.clone();
        if matches!(read, Read::FindLocked(_)) {
            return Err(no_row_locks());
        }
        let access = read.access();
        self.run(cx, access, move |store, open| store.reading(open, &decoder).answer(read)).await
    }
}

/// Why a table cannot be one of this store's.
fn refusal(table: &Table) -> Option<Error> {
    let message = if table.generated.is_some() {
        "an append-only store generates no ids"
    } else if !table.foreign_keys.is_empty() {
        "an append-only store checks no references"
    } else {
        return None;
    };
    Some(Error::new(ErrorKind::Unsupported, message))
}

#[async_trait]
impl TableBackend for DiskTable {
    fn check(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        self.answer(cx, read, decoder).boxed()
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        match write {
            Write::Insert { .. } => self.insert(cx, write, decoder).boxed(),
            _ => {
                let message = "an append-only store neither changes nor deletes models";
                std::future::ready(Err(Error::new(ErrorKind::Unsupported, message))).boxed()
            }
        }
    }

    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        require_own(&selection.condition)?;
        if !selection.parts_of_each.is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, "an append-only store streams no part of each group"));
        }
        let (sender, receiver) = mpsc::channel::<StreamPart>(1);
        self.run(cx, Access::Read, |_, _| Ok(())).await?;
        let (store, table) = (self.store.clone(), self.table.clone());
        spawn_blocking(move || {
            let read = store.0.open_table(&table).and_then(|open| {
                let send = |models| sender.blocking_send(Ok(Some(models))).is_ok();
                store.reading(&open, &decoder).stream(&selection, send)
            });
            // Without its last part, a stream has not come to its end.
            drop(sender.blocking_send(read.map(|()| None)));
        });
        Ok(Some(Box::pin(stream::unfold(Some(receiver), |receiver| async {
            let mut receiver = receiver?;
            match receiver.recv().await {
                Some(Ok(Some(models))) => Some((Ok(models), Some(receiver))),
                Some(Ok(None)) => None,
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((Err(Error::new(ErrorKind::Internal, "the thread that read a stream has ended")), None)),
            }
        }))))
    }
}

impl fmt::Debug for DiskTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskTable").field("table", &self.table.full_name()).finish_non_exhaustive()
    }
}
