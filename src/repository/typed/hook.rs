//! Hooks of an entity's models, for a layer that sees rows.

use std::{marker::PhantomData, sync::Arc};

use futures_util::FutureExt as _;

use crate::{
    backend::{Answer, Rows, Write},
    context::Cx,
    entity::Storable,
    error::Result,
    layer::{Hook, Prepared, RowHook, WriteKind, Written},
    query::Outcome,
    table::Table,
};

/// A hook of an entity's models.
pub(crate) struct EntityHook<E: Storable> {
    hook: Arc<dyn Hook<E::Model>>,
    entity: PhantomData<fn() -> E>,
}

impl<E: Storable> EntityHook<E> {
    pub(crate) fn new(hook: impl Hook<E::Model> + 'static) -> Self {
        Self { hook: Arc::new(hook), entity: PhantomData }
    }
}

impl<E: Storable> RowHook for EntityHook<E> {
    fn with(&self, table: &Table, write: &Write<'_>, answer: &Answer) -> Result<Option<Prepared>> {
        let written = written::<E>(table, write, answer)?;
        if written.count == 0 {
            return Ok(None);
        }
        let hook = self.hook.clone();
        let run = |cx: Cx| async move {
            hook.before_commit(&cx, &written).await?;
            cx.on_commit(move || hook.after_commit(&written))
        };
        Ok(Some(Box::new(|cx| run(cx).boxed())))
    }
}

/// What a write has done, as its models.
fn written<E: Storable>(table: &Table, write: &Write<'_>, answer: &Answer) -> Result<Written<E::Model>> {
    let kind = match write {
        Write::Insert { .. } => WriteKind::Create,
        Write::Upsert { .. } | Write::UpsertOne { .. } => WriteKind::Upsert,
        Write::Update(_)
        | Write::UpdateMany(_)
        | Write::UpdateWhere { .. }
        | Write::UpdateSelected { .. }
        | Write::UpdateFirst { .. } => WriteKind::Update,
        Write::Delete(_) | Write::DeleteWhere(_) | Write::DeleteSelected(_) | Write::DeleteFirst(_) => WriteKind::Delete,
    };
    let models = match (answer, write) {
        (_, Write::Insert { rows, returning: false } | Write::Upsert { rows, .. }) => given::<E>(table, *rows)?,
        (Answer::Models(models) | Answer::Stored(models, _), _) => {
            models.as_any().downcast_ref::<Vec<E::Model>>().cloned().unwrap_or_default()
        }
        _ => Vec::new(),
    };
    let count = match answer {
        Answer::Number(number) => *number,
        Answer::Upserted(upserted) => upserted.inserted + upserted.updated,
        Answer::Stored(_, Outcome::Ignored) => 0,
        _ => models.len() as u64,
    };
    Ok(Written { kind, models, count })
}

/// The models of rows that were given.
fn given<E: Storable>(table: &Table, rows: &dyn Rows) -> Result<Vec<E::Model>> {
    let mut models = Vec::with_capacity(rows.len());
    for nth in 0..rows.len() {
        let mut values = rows.row(nth, table.columns.len())?.into_iter();
        models.push(E::model_of(&mut |_, put| values.next().map_or(Ok(()), put))?);
    }
    Ok(models)
}
