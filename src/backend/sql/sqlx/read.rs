//! Reading what a statement answers.

use std::sync::{Arc, atomic::Ordering};

use futures_core::Stream;
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::join};
use sea_orm::{QueryResult, Statement, sea_query::ArrayType};

use super::{
    decode::{ColumnIndex, RowDecoder, known_types},
    engine::{STATEMENT_MISSING, SqlxEngine},
    error::classify,
    flavor::{Flavor, FlavorConnection},
    guard::SqlxGuard,
};
use crate::{
    backend::{Decoder, Models, sql::ChunkSender},
    coop::Budget,
    error::Result,
    row::Row,
    stream::CHUNK,
    transaction::TxOptions,
};

impl<F: Flavor> SqlxEngine<F> {
    /// The models that a statement answers, or why a row is none.
    pub(super) async fn read_models(
        connection: &mut FlavorConnection<F>,
        statement: &Statement,
        decoder: &Arc<dyn Decoder>,
    ) -> sqlx::Result<Result<Box<dyn Models>>> {
        // Each is read while the next are on their way.
        let mut rows = F::stream(connection, statement);
        let (mut reader, mut models) = (RowDecoder::<F>::new(decoder.table()), decoder.models());
        let mut budget = Budget::new();
        while let Some(row) = rows.try_next().await? {
            if let Err(unreadable) = reader.read(&row, &mut *models) {
                return Ok(Err(unreadable));
            }
            budget.consume().await;
        }
        Ok(Ok(models))
    }

    /// The first rows of a cursor.
    async fn begin_reading(guard: &mut SqlxGuard<F>, declare: Statement, fetch: String) -> Result<Vec<QueryResult>> {
        guard.begin(vec!["BEGIN READ ONLY".to_owned()], &TxOptions::new().read_only()).await?;
        let declared = F::execute(guard.connection()?, declare).await;
        guard.answered(declared)?;
        let rows = F::fetch_afresh(guard.connection()?, fetch).await;
        guard.answered(rows)
    }

    /// Gives the models of a statement away as they are read.
    pub(super) async fn send(
        &self,
        guard: &mut SqlxGuard<F>,
        statement: &Statement,
        decoder: &Arc<dyn Decoder>,
        sender: &ChunkSender,
    ) -> Result<()> {
        let mut reader = RowDecoder::<F>::new(decoder.table());
        if let Some((declare, fetch)) = F::cursor(statement, CHUNK) {
            let mut rows = match Self::begin_reading(guard, declare.clone(), fetch.clone()).await {
                // sqlx asked for types that the connection had not met, and the server forgot the statement meanwhile. Now it
                // knows them.
                Err(error) if error.code() == Some(STATEMENT_MISSING) => {
                    guard.roll_back().await?;
                    Self::begin_reading(guard, declare, fetch.clone()).await?
                }
                begun => begun?,
            };
            while !rows.is_empty() {
                // Each part is read and taken while the server looks for the next.
                let is_busy = guard.is_busy();
                let next =
                    F::fetch_afresh(guard.connection()?, fetch.clone()).inspect(|_| is_busy.store(false, Ordering::Relaxed));
                let read = async {
                    let (mut models, mut budget) = (decoder.models(), Budget::new());
                    for row in &rows {
                        reader.read(row, &mut *models)?;
                        budget.consume().await;
                    }
                    sender.send(models).await
                };
                let (next, taken) = join(next, read).await;
                let next = guard.answered(next);
                taken?;
                rows = next?;
            }
            return guard.commit().await;
        }
        let mut parts = F::stream(guard.connection()?, statement).ready_chunks(CHUNK);
        while let Some(part) = parts.next().await {
            let (mut models, mut budget) = (decoder.models(), Budget::new());
            for row in part {
                reader.read(&row.map_err(classify::<F::Errors>)?, &mut *models)?;
                budget.consume().await;
            }
            sender.send(models).await?;
        }
        drop(parts);
        guard.answered(Ok(()))
    }
}

/// All rows of a statement. sqlx has most of them in a buffer, and would give them away in one turn.
pub(crate) async fn all_rows<R>(mut rows: impl Stream<Item = sqlx::Result<R>> + Unpin) -> sqlx::Result<Vec<QueryResult>>
where
    QueryResult: From<R>,
{
    let (mut all, mut budget) = (Vec::new(), Budget::new());
    while let Some(row) = rows.try_next().await? {
        all.push(row.into());
        budget.consume().await;
    }
    Ok(all)
}

/// Rows with values of these types, or of those that the database says they are of.
pub(super) async fn decoded<F: Flavor>(rows: &[QueryResult], types: Option<Vec<ArrayType>>) -> Result<Vec<Row>> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let names: Arc<[String]> = first.column_names().into();
    let indexes = |row: &QueryResult, types: Vec<ArrayType>| -> Vec<ColumnIndex> {
        types.into_iter().enumerate().map(|(at, wanted)| ColumnIndex::of::<F>(row, at, Some(wanted))).collect()
    };
    let wanted = types.map(|types| indexes(first, types));
    let read = |row| {
        let own = if wanted.is_none() { indexes(row, known_types::<F>(row)?) } else { Vec::new() };
        let mut values = Vec::with_capacity(names.len());
        for (index, name) in wanted.as_ref().unwrap_or(&own).iter().zip(names.iter()) {
            let read = index.read::<F>(row, &mut |value| {
                values.push(value);
                Ok(())
            });
            read.map_err(|error| error.in_column(name))?;
        }
        Ok(Row { names: names.clone(), values })
    };
    let (mut values, mut budget) = (Vec::with_capacity(rows.len()), Budget::new());
    for row in rows {
        values.push(read(row)?);
        budget.consume().await;
    }
    Ok(values)
}
