//! What a store in memory does for one table, over [`MemoryState`].

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::Arc,
};

use async_trait::async_trait;
use futures_util::{FutureExt as _, TryFutureExt as _, future::BoxFuture, stream};
use sea_orm::Value;
use tokio::task::yield_now;

use super::{
    access::run,
    state::{MemoryRow, MemoryState},
    store::MemoryStore,
    transaction::MemoryTransaction,
    write::Writer,
};
use crate::{
    backend::{Answer, Backend as _, Decoder, Models, Parts, Read, Rows, TableBackend, Write},
    context::{Access, Cx, Entry, WAITING},
    coop::{Budget, STEPS},
    error::{Error, ErrorKind, Result, conflict},
    query::{Change, Merged, Resolution, ResolvedFilter, Selection, Upserted},
    row::Row,
    stream::CHUNK,
    table::Table,
    value::Key,
};

pub(super) struct MemoryTable {
    pub(super) store: MemoryStore,
    pub(super) table: Arc<Table>,
    /// Whether the rows of the table are those of the entity: another one may have named its table so before.
    is_own: bool,
}

impl MemoryTable {
    pub(super) fn new(store: MemoryStore, table: Arc<Table>) -> Self {
        let is_own = store.add_table(&table);
        Self { store, table, is_own }
    }

    /// Rows have their values in the order of the columns.
    pub(super) fn require_own(&self) -> Result<()> {
        match self.is_own {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Unsupported, "the table is that of another entity, which has other columns")),
        }
    }

    /// The values of rows that are about to be written. Dropping this is dropping the write: a transaction it belongs to can no
    /// longer commit.
    async fn values(&self, cx: &Cx, given: &dyn Rows) -> Result<Vec<Vec<Value>>> {
        let entry = cx.enter::<MemoryTransaction>(self.store.id(), Access::Write)?;
        let step = match &entry {
            Entry::Joined(level, transaction) if given.len() >= STEPS => {
                Some(cx.limits().bound(WAITING, transaction.step(level.id())).await?)
            }
            _ => None,
        };
        let rows = self.rows(given).await;
        if let Some(step) = step {
            // Values that are refused leave the transaction as it was.
            step.finish(Ok(()))?;
        }
        rows
    }

    async fn rows(&self, given: &dyn Rows) -> Result<Vec<Vec<Value>>> {
        let (mut rows, mut budget) = (Vec::with_capacity(given.len()), Budget::new());
        for nth in 0..given.len() {
            let row = given.row(nth, self.table.columns.len());
            rows.push(row.map_err(|error| error.in_batch(nth, given.len()))?);
            budget.consume().await;
        }
        Ok(rows)
    }

    /// Makes something of each row that is selected.
    async fn selected<R: Send + 'static>(
        &self,
        cx: &Cx,
        selection: Selection,
        make: impl FnOnce(Vec<MemoryRow>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let first = selection.first_of_all(&self.table.id);
        let reach = |state: &MemoryState| first.unwrap_or_else(|| state.len(&self.table.key));
        let table = self.table.clone();
        self.read(cx, reach, move |state| make(selected(state, &table, &selection, &table.id))).await
    }
}

/// The models of rows.
fn models<'r>(decoder: &Arc<dyn Decoder>, rows: impl IntoIterator<Item = &'r MemoryRow>) -> Result<Box<dyn Models>> {
    let mut models = decoder.models();
    rows.into_iter().try_for_each(|row| models.push_row(row.iter().cloned()))?;
    Ok(models)
}

/// The rows that are selected, in their order.
fn selected(state: &MemoryState, table: &Table, selection: &Selection, id: &[usize]) -> Vec<MemoryRow> {
    let after = selection.after_id(id).map_or(Bound::Unbounded, Bound::Excluded);
    let rows = state.rows(&table.key).into_iter();
    let rows = rows.flat_map(|rows| rows.by_id.range((after.as_ref(), Bound::Unbounded))).map(|(_, row)| row);
    selection.of(rows, id).into_iter().cloned().collect()
}

impl MemoryTable {
    async fn insert(&self, cx: &Cx, rows: &dyn Rows, decoder: Arc<dyn Decoder>, returning: bool) -> Result<Box<dyn Models>> {
        let (count, rows) = (rows.len(), self.values(cx, rows).await?);
        let insert = move |writer: &mut Writer<'_>| {
            let stored = writer.insert(rows)?;
            models(&decoder, stored.iter().filter(|_| returning))
        };
        self.write(cx, |_| count, insert).await
    }

    async fn upsert(&self, cx: &Cx, rows: &dyn Rows, resolution: Resolution) -> Result<Upserted> {
        let (count, rows, table) = (rows.len(), self.values(cx, rows).await?, self.table.clone());
        let now = self.store.clock().now();
        let upsert = move |writer: &mut Writer<'_>| {
            let mut merged = Merged::new(&table, &resolution);
            for mut row in rows {
                table.stamp_new(&mut row, now);
                table.fill_defaults(&mut row)?;
                merged.push(row);
            }
            writer.upsert(merged, &resolution)
        };
        self.write(cx, self.all_about(count), upsert).await
    }

    async fn find_one(&self, cx: &Cx, id: Key, decoder: &Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let look_up = |state: &MemoryState| {
            let row = state.find(&self.table.key, &id);
            models(decoder, row.filter(|row| self.table.not_deleted().is_met_by(row)))
        };
        self.read_at_once(cx, look_up).await
    }

    async fn find(&self, cx: &Cx, ids: Vec<Key>, decoder: Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let (count, table) = (ids.len(), self.table.clone());
        let look_up = move |state: &MemoryState| {
            let rows = ids.iter().filter_map(|id| state.find(&table.key, id));
            let wanted = table.not_deleted();
            models(&decoder, rows.filter(|row| wanted.is_met_by(row)))
        };
        self.read(cx, |_| count, look_up).await
    }

    async fn select(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        self.selected(cx, selection, move |rows| models(&decoder, &rows)).await
    }

    async fn count(&self, cx: &Cx, condition: ResolvedFilter) -> Result<u64> {
        let table = self.table.clone();
        let count = move |state: &MemoryState| {
            let rows = state.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values());
            Ok(rows.filter(|row| condition.is_met_by(row)).count() as u64)
        };
        self.read(cx, self.all(), count).await
    }

    async fn project(&self, cx: &Cx, selection: Selection, columns: Vec<usize>, distinct: bool) -> Result<Vec<Row>> {
        let names = columns.iter().filter_map(|column| self.table.columns.get(*column));
        let names: Arc<[String]> = names.map(|column| column.name().to_owned()).collect();
        let part = move |row: &MemoryRow| Key(columns.iter().filter_map(|column| row.get(*column).cloned()).collect());
        if !distinct {
            let row = move |row: &MemoryRow| Row { names: names.clone(), values: part(row).0 };
            return self.selected(cx, selection, move |rows| Ok(rows.iter().map(row).collect())).await;
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let (offset, limit) = (size(selection.offset), selection.limit.map_or(usize::MAX, size));
        let all = Selection { limit: None, offset: 0, ..selection };
        let keys = self.selected(cx, all, move |rows| Ok(rows.iter().map(part).collect::<Vec<_>>())).await?;
        let count = keys.len();
        let rows = move || {
            let keys: BTreeSet<Key> = keys.into_iter().collect();
            let keys = keys.into_iter().skip(offset).take(limit);
            Ok(keys.map(|key| Row { names: names.clone(), values: key.0 }).collect())
        };
        run(cx, count, rows).await
    }

    async fn update(&self, cx: &Cx, rows: &dyn Rows, decoder: Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let row = rows.row(0, self.table.columns.len())?;
        // What is refused without having changed anything leaves a transaction as it was.
        let updated = self.write(cx, self.all_about(1), |writer| writer.update(row)).await.flatten()?;
        models(&decoder, [&updated])
    }

    async fn update_many(&self, cx: &Cx, rows: &dyn Rows, decoder: Arc<dyn Decoder>) -> Result<Box<dyn Models>> {
        let (count, rows) = (rows.len(), self.values(cx, rows).await?);
        let ids: Vec<_> = rows.iter().map(|row| self.table.key_of(row)).collect();
        // Of two with one id, the last.
        let latest: BTreeMap<_, _> = ids.iter().cloned().zip(rows).collect();
        if latest.len() < ids.len() && self.table.rules.version.is_some() {
            self.write(cx, |_| 0, |_| Ok(())).await?;
            return Err(conflict());
        }
        let update = move |writer: &mut Writer<'_>| {
            let updated = writer.update_all(latest)?;
            models(&decoder, ids.iter().filter_map(|id| updated.get(id)))
        };
        self.write(cx, self.all_about(count), update).await
    }

    async fn update_where(&self, cx: &Cx, condition: ResolvedFilter, changes: Vec<Change>) -> Result<u64> {
        self.write(cx, self.all(), move |writer| writer.update_where(&condition, &changes)).await
    }

    async fn delete(&self, cx: &Cx, ids: Vec<Key>) -> Result<u64> {
        self.write(cx, self.all_about(ids.len()), move |writer| writer.delete(&ids)).await
    }

    async fn delete_where(&self, cx: &Cx, condition: ResolvedFilter) -> Result<u64> {
        self.write(cx, self.all(), move |writer| writer.delete_where(&condition)).await
    }
}

#[async_trait]
impl TableBackend for MemoryTable {
    fn check(&self) -> Result<()> {
        self.require_own()
    }

    fn read<'a>(&'a self, cx: &'a Cx, read: Read, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        match read {
            Read::FindOne(id) => self.find_one(cx, id, decoder).map_ok(Answer::Models).boxed(),
            Read::Find(ids) => self.find(cx, ids, decoder.clone()).map_ok(Answer::Models).boxed(),
            Read::Select(selection) => self.select(cx, selection, decoder.clone()).map_ok(Answer::Models).boxed(),
            Read::Count(condition) => self.count(cx, condition).map_ok(Answer::Number).boxed(),
            Read::Project { selection, columns, distinct } => {
                self.project(cx, selection, columns, distinct).map_ok(Answer::Rows).boxed()
            }
        }
    }

    fn write<'a>(&'a self, cx: &'a Cx, write: Write<'a>, decoder: &'a Arc<dyn Decoder>) -> BoxFuture<'a, Result<Answer>> {
        let decoder = decoder.clone();
        match write {
            Write::Insert { rows, returning } => self.insert(cx, rows, decoder, returning).map_ok(Answer::Models).boxed(),
            Write::Upsert { rows, resolution } => self.upsert(cx, rows, resolution).map_ok(Answer::Upserted).boxed(),
            Write::Update(rows) => self.update(cx, rows, decoder).map_ok(Answer::Models).boxed(),
            Write::UpdateMany(rows) => self.update_many(cx, rows, decoder).map_ok(Answer::Models).boxed(),
            Write::UpdateWhere { condition, changes } => self.update_where(cx, condition, changes).map_ok(Answer::Number).boxed(),
            Write::Delete(ids) => self.delete(cx, ids).map_ok(Answer::Number).boxed(),
            Write::DeleteWhere(condition) => self.delete_where(cx, condition).map_ok(Answer::Number).boxed(),
        }
    }

    /// Of the rows, which are in memory anyway, only references are held.
    async fn stream(&self, cx: &Cx, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Option<Parts>> {
        if let Entry::Joined(..) = cx.enter::<MemoryTransaction>(self.store.id(), Access::Read)? {
            return self.read(cx, |_| 0, |_| Ok(None)).await;
        }
        let rows = self.selected(cx, selection, Ok).await?;
        let parts = stream::try_unfold(rows.into_iter(), move |mut rows| {
            let decoder = decoder.clone();
            async move {
                yield_now().await;
                let (mut chunk, mut budget) = (decoder.models(), Budget::new());
                for row in rows.by_ref().take(CHUNK) {
                    chunk.push_row(row.iter().cloned())?;
                    budget.consume().await;
                }
                Ok((!chunk.is_empty()).then_some((chunk, rows)))
            }
        });
        Ok(Some(Box::pin(parts)))
    }
}
