//! Reads rows of [`Tables`].

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

use futures_util::{FutureExt as _, stream};
use tokio::task::yield_now;

use super::{
    super::{Answer, Decoder, Models, Parts, Read},
    Tables,
    state::{RowsByTable, StoredRow},
};
use crate::{
    context::{Cx, RUNNING},
    coop::{Budget, off_thread},
    error::Result,
    query::Selection,
    row::Row,
    stream::CHUNK,
    table::Table,
    value::Key,
};

/// Up to how many rows are looked at on the thread of the runtime: about a millisecond's work.
const MAX_ROWS_IN_PLACE: usize = 1000;

/// Runs work that looks at so many rows.
pub(super) async fn run<R: Send + 'static>(
    cx: &Cx,
    reach: usize,
    work: impl FnOnce() -> Result<R> + Send + 'static,
) -> Result<R> {
    if reach <= MAX_ROWS_IN_PLACE {
        return work();
    }
    cx.limits().bound(RUNNING, off_thread(work).map(Result::flatten).boxed()).await
}

impl Tables {
    /// Reads rows of a table. What looks at many rows runs on a thread that may block.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt) for a value that is not one of the model's, and what the limits of the context say.
    ///
    /// # Dropping the future
    /// Changes nothing.
    pub async fn read(&self, cx: &Cx, table: &Arc<Table>, read: Read, decoder: &Arc<dyn Decoder>) -> Result<Answer> {
        match read {
            Read::FindOne(id) | Read::FindLocked(id) => {
                let row = self.state.find(&table.key, &id);
                models(decoder, row.filter(|row| table.is_visible(row))).map(Answer::Models)
            }
            Read::Find(ids) => {
                let (count, state, table, decoder) = (ids.len(), self.state.clone(), table.clone(), decoder.clone());
                let look_up = move || {
                    let rows = ids.iter().filter_map(|id| state.find(&table.key, id));
                    models(&decoder, rows.filter(|row| table.is_visible(row))).map(Answer::Models)
                };
                run(cx, count, look_up).await
            }
            Read::Select(selection) => {
                let decoder = decoder.clone();
                self.selected(cx, table, selection, move |rows| models(&decoder, &rows).map(Answer::Models)).await
            }
            Read::Count(condition) => {
                let reach = self.state.len(&table.key) + self.joined(&condition)?;
                let (state, table) = (self.state.clone(), table.clone());
                let count = move || {
                    let condition = state.looked_up(&table, condition)?;
                    let rows = state.rows(&table.key).into_iter().flat_map(|rows| rows.by_id.values());
                    Ok(Answer::Number(rows.filter(|row| condition.is_met_by(row)).count() as u64))
                };
                run(cx, reach, count).await
            }
            Read::CountSelected(selection) => {
                self.selected(cx, table, selection, |rows| Ok(Answer::Number(rows.len() as u64))).await
            }
            Read::Project { selection, columns, distinct } => {
                self.project(cx, table, selection, columns, distinct).await.map(Answer::Rows)
            }
            Read::Aggregate { condition, grouping } => self.aggregate(cx, table, condition, grouping).await.map(Answer::Rows),
        }
    }

    /// The models of a selection in parts. Of the rows, only references are held.
    ///
    /// # Errors
    /// As of [`read`](Self::read); of a value, where the stream comes to it.
    pub async fn stream(&self, cx: &Cx, table: &Arc<Table>, selection: Selection, decoder: Arc<dyn Decoder>) -> Result<Parts> {
        let rows = self.selected(cx, table, selection, Ok).await?;
        Ok(Box::pin(stream::try_unfold(rows.into_iter(), move |mut rows| {
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
        })))
    }

    /// Makes something of the rows that are selected, in their order.
    async fn selected<R: Send + 'static>(
        &self,
        cx: &Cx,
        table: &Arc<Table>,
        selection: Selection,
        make: impl FnOnce(Vec<StoredRow>) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        let reach = selection.first_of_all(&table.id).unwrap_or_else(|| self.state.len(&table.key));
        let reach = reach + self.joined(&selection.condition)?;
        let (state, table) = (self.state.clone(), table.clone());
        run(cx, reach, move || make(selected(&state, &table, &state.selection(&table, selection)?))).await
    }

    async fn project(
        &self,
        cx: &Cx,
        table: &Arc<Table>,
        selection: Selection,
        columns: Vec<usize>,
        distinct: bool,
    ) -> Result<Vec<Row>> {
        let (asked, project_of) = (selection, table.clone());
        let (selection, part) = match distinct {
            true => (Selection { limit: None, offset: 0, ..asked.clone() }, Some((asked.offset, asked.limit))),
            false => (asked, None),
        };
        self.selected(cx, table, selection, move |rows| Ok(projected(&project_of, &rows, &columns, part))).await
    }
}

/// Some columns of rows. With an offset and a limit, each combination of values once, and of these that part.
pub(crate) fn projected(table: &Table, rows: &[StoredRow], columns: &[usize], distinct: Option<(u64, Option<u64>)>) -> Vec<Row> {
    let names = columns.iter().filter_map(|column| table.columns.get(*column));
    let names: Arc<[String]> = names.map(|column| column.name().to_owned()).collect();
    let part = |row: &StoredRow| Key(columns.iter().filter_map(|column| row.get(*column).cloned()).collect());
    let row = |key: Key| Row { names: names.clone(), values: key.0 };
    let Some((offset, limit)) = distinct else { return rows.iter().map(part).map(row).collect() };
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let keys: BTreeSet<Key> = rows.iter().map(part).collect();
    keys.into_iter().skip(size(offset)).take(limit.map_or(usize::MAX, size)).map(row).collect()
}

/// The models of rows.
pub(super) fn models<'r>(decoder: &Arc<dyn Decoder>, rows: impl IntoIterator<Item = &'r StoredRow>) -> Result<Box<dyn Models>> {
    let mut models = decoder.models();
    rows.into_iter().try_for_each(|row| models.push_row(row.iter().cloned()))?;
    Ok(models)
}

/// The rows of a selection, in its order.
pub(super) fn selected(state: &RowsByTable, table: &Table, selection: &Selection) -> Vec<StoredRow> {
    let after = selection.after_id(&table.id).map_or(Bound::Unbounded, Bound::Excluded);
    let rows = state.rows(&table.key).into_iter();
    let rows = rows.flat_map(|rows| rows.by_id.range((after.as_ref(), Bound::Unbounded))).map(|(_, row)| row);
    selection.of(rows, &table.id).into_iter().cloned().collect()
}
