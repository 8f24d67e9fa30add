//! [`TablesSource`], a backend whose rows are [`Tables`], and [`TablesBackend`], what it does for one of them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::task::coop::consume_budget;

use super::{
    super::{Answer, Backend, Decoder, Parts, Read, TableBackend, Write},
    TableWrite, Tables,
    transaction::{TablesTransaction, TablesWriter},
};
use crate::{
    context::{Access, Cx},
    error::{Error, ErrorKind, Result, locked_outside, no_row_locks},
    query::Selection,
    table::Table,
    transaction::{AcquireMode, Entry, OpenTransaction as _, TransactionSource, Transactions, TxOptions},
};

/// A backend whose rows are [`Tables`]: what was committed last is read beside the one transaction that writes.
///
/// What it does for a table is [`TablesBackend`], and [`Transactions::begin`] opens its transactions. See
/// [the module](crate::backend#a-backend) for an example.
#[async_trait]
pub trait TablesSource: Backend + Clone {
    /// The turn to write.
    type Writer: TablesWriter;

    /// The transactions of the store.
    fn transactions(&self) -> &Transactions;

    /// Makes a table known. This can happen beside an open transaction, which works on a copy. Rows that are stored of the table
    /// have to be [loaded](Tables::load) before, when the store is opened; or [`make_current`](Self::make_current) loads them,
    /// and [`complete`](Self::complete) adds them to the copies.
    ///
    /// # Errors
    /// As of [`Tables::define`].
    fn define(&self, table: &Arc<Table>) -> Result<()>;

    /// The tables as they were committed last.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed) if the store was closed.
    fn committed(&self) -> Result<Tables>;

    /// Whether the tables are those that are stored, and a table can be used. Asked before each operation, and so has to be
    /// quick. Default: always.
    fn is_current(&self, _table: Option<&Table>) -> bool {
        true
    }

    /// Makes the tables those that are stored: loads what was defined since, and what others have changed. Default: there is
    /// nothing to do.
    ///
    /// # Errors
    /// What kept the table from being loaded, and what the limits of the context say.
    async fn make_current(&self, _cx: &Cx, _table: Option<&Table>) -> Result<()> {
        Ok(())
    }

    /// Adds what was defined and loaded since to the tables of an open transaction, before each of its operations. Default: there
    /// is nothing to add.
    ///
    /// # Errors
    /// [`Contention`](ErrorKind::Contention) if rows as they were when the transaction began are no longer to be had.
    fn complete(&self, _tables: &mut Tables, _access: Access) -> Result<()> {
        Ok(())
    }

    /// Waits for the turn to write.
    ///
    /// # Errors
    /// [`PoolTimeout`](ErrorKind::PoolTimeout), or [`NestedAcquire`](ErrorKind::NestedAcquire) if it is not to wait;
    /// [`Closed`](ErrorKind::Closed) if the store was closed, and what the limits of the context say.
    async fn writer(&self, cx: &Cx, mode: AcquireMode) -> Result<Self::Writer>;

    /// Whether a transaction with this idempotency key has committed. Waits for one that is open.
    ///
    /// # Errors
    /// As of [`Store::has_committed`](crate::Store::has_committed).
    async fn finds_key(&self, cx: &Cx, key: &str) -> Result<bool> {
        let Entry::Alone(mode) = self.transactions().enter(cx, Access::Read)? else {
            return Err(Error::new(ErrorKind::InvalidInput, "asked inside a transaction of the same store"));
        };
        let _writer = self.writer(cx, mode).await?;
        self.committed()?.has_committed(key, self.clock().now())
    }
}

#[async_trait]
impl<S: TablesSource> TransactionSource for S {
    type Open = TablesTransaction<S::Writer>;

    async fn open(&self, cx: &Cx, _: &TxOptions, access: Access, mode: AcquireMode) -> Result<Self::Open> {
        let writer = match access {
            Access::Read => None,
            Access::Write => Some(self.writer(cx, mode).await?),
        };
        if !self.is_current(None) {
            self.make_current(cx, None).await?;
        }
        Ok(TablesTransaction::new(self.committed()?, writer))
    }

    async fn record(&self, cx: &Cx, open: &mut Self::Open) -> Result<()> {
        open.tables_mut()?.record(cx, self.clock().now())
    }
}

/// What a [`TablesSource`] does for one table.
pub struct TablesBackend<S> {
    source: S,
    table: Arc<Table>,
    /// Why its rows are not those of the entity.
    refused: Option<Error>,
}

impl<S: TablesSource> TablesBackend<S> {
    /// What the backend does for a table, which it defines.
    pub fn new(source: S, table: Arc<Table>) -> Self {
        let refused = source.define(&table).err();
        Self { source, table, refused }
    }

    async fn enter(&self, cx: &Cx, access: Access) -> Result<Entry> {
        self.check()?;
        consume_budget().await;
        let entry = self.source.transactions().enter(cx, access)?;
        if !self.source.is_current(Some(&self.table)) {
            self.source.make_current(cx, Some(&self.table)).await?;
        }
        Ok(entry)
    }

    async fn read_rows(&self, cx: &Cx, read: Read, decoder: &Arc<dyn Decoder>) -> Result<Answer> {
        let locks = matches!(read, Read::FindLocked(_));
        if locks && !self.source.capabilities().row_locks {
            return Err(no_row_locks());
        }
        match self.enter(cx, read.access()).await? {
            Entry::Joined(joined) => {
                let mut step = joined.step(cx).await?;
                let answer = async {
                    let open = step.work::<TablesTransaction<S::Writer>>()?;
                    // A transaction that may write has the turn to.
                    let tables = if locks { open.tables_mut()? } else { open.completed(&self.source)? };
                    tables.read(cx, &self.table, read, decoder).await
                };
                let answer = answer.await;
                step.finish(answer)
            }
            Entry::Alone(_) if locks => Err(locked_outside()),
            Entry::Alone(_) => self.source.committed()?.read(cx, &self.table, read, decoder).await,
        }
    }

    async fn write_rows(&self, cx: &Cx, write: Write<'_>, decoder: &Arc<dyn Decoder>) -> Result<Answer> {
        match self.enter(cx, Access::Write).await? {
            Entry::Joined(joined) => {
                let mut step = joined.step(cx).await?;
                // Values that are refused leave the transaction as it was.
                let answer = match TableWrite::of(&self.table, write).await {
                    Ok(write) => async { self.write_in(cx, step.work()?, write, decoder).await }.await,
                    Err(refused) => Ok(Err(refused)),
                };
                step.finish(answer)?
            }
            Entry::Alone(mode) => {
                let write = TableWrite::of(&self.table, write).await?;
                let mut open = self.source.open(cx, &TxOptions::of_one_operation(), Access::Write, mode).await?;
                let answer = self.write_in(cx, &mut open, write, decoder).await?;
                Box::new(open).commit().await?;
                answer
            }
        }
    }

    /// An error inside leaves the transaction as it was.
    async fn write_in(
        &self,
        cx: &Cx,
        open: &mut TablesTransaction<S::Writer>,
        write: TableWrite,
        decoder: &Arc<dyn Decoder>,
    ) -> Result<Result<Answer>> {
        open.completed(&self.source)?;
        let (tables, now) = (open.tables_mut()?, self.source.clock().now());
        tables.record(cx, now)?;
        let (changed, answer) = tables.write(cx, &self.table, write, decoder, now).await?;
        *tables = changed;
        Ok(answer)
    }
}

#[async_trait]
impl<S: TablesSource> TableBackend for TablesBackend<S> {
    fn check(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        self.read_rows(cx, read, decoder).boxed()
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        self.write_rows(cx, write, decoder).boxed()
    }

    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        if let Entry::Joined(joined) = self.enter(cx, Access::Read).await? {
            joined.step(cx).await?.finish(Ok(()))?;
            return Ok(None);
        }
        self.source.committed()?.stream(cx, &self.table, selection, decoder).await.map(Some)
    }
}

impl<S> fmt::Debug for TablesBackend<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TablesBackend").field("table", &self.table.full_name()).finish_non_exhaustive()
    }
}
