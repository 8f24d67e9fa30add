//! [`Hooks`], an application's own code with each write of an entity's models.

use std::{any::TypeId, collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use super::{Around, Call};
use crate::{
    backend::{Answer, Write},
    context::Cx,
    entity::Storable,
    error::Result,
    repository::EntityHook,
    table::{Table, TableOrigin},
    transaction::{Propagation, TxOptions, run_once},
};

/// Code of an application's own that runs with each write of an entity's models; given to [`Hooks`].
#[async_trait]
pub trait Hook<M: Send + Sync>: Send + Sync {
    /// Runs after the write, in its transaction and before that commits. The context is that of the transaction: what the hook
    /// does with it is stored together with the write, or not at all.
    ///
    /// When a batch is refused outside a transaction, parts of it are tried again to find the model, each in a transaction that
    /// is rolled back: the hook runs in these as well.
    ///
    /// # Errors
    /// An error refuses the write: nothing of it is stored, and the write returns the error. If the write was part of a
    /// transaction of the caller's, that can no longer commit.
    async fn before_commit(&self, cx: &Cx, written: &Written<M>) -> Result<()> {
        let _ = (cx, written);
        Ok(())
    }

    /// Runs once, after the outermost transaction has committed, as by [`Cx::on_commit`]. It must not take long: it runs before
    /// the write, or the `tx` around it, returns. One that panics is logged.
    fn after_commit(&self, written: &Written<M>) {
        let _ = written;
    }
}

/// What was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written<M> {
    /// What was done.
    pub kind: WriteKind,
    /// The models as the operation answers them: as they are stored, or were deleted. As they were given by
    /// [`create_batch`](crate::Creator::create_batch) and [`upsert_batch`](crate::Creator::upsert_batch), including those that an
    /// upsert ignored. Empty for a change or a deletion that answers a number.
    pub models: Vec<M>,
    /// How many models were written. Never zero.
    pub count: u64,
}

/// What a write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteKind {
    /// Models were created.
    Create,
    /// Models were created or replaced.
    Upsert,
    /// Models were updated.
    Update,
    /// Models were deleted, or marked as deleted.
    Delete,
}

/// A layer that runs [hooks](Hook) with each write of some entities' models.
///
/// A write by itself is given a transaction for itself and its hooks. The hooks of an entity run in the order in which they were
/// added. They do not run for what is written by SQL, or through a store without the layer. SeaORM's `ActiveModelBehavior`
/// is not run by any store.
///
/// ```
/// # mod note {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "note")]
/// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// use larder::{Creator, Cx, Error, ErrorKind, Filter, Reader, Result, layer::{Hook, Hooks, Written}};
///
/// struct NoEmptyNotes;
///
/// #[async_trait::async_trait]
/// impl Hook<note::Model> for NoEmptyNotes {
///     async fn before_commit(&self, _: &Cx, written: &Written<note::Model>) -> Result<()> {
///         match written.models.iter().any(|note| note.text.is_empty()) {
///             true => Err(Error::new(ErrorKind::InvalidInput, "a note without text")),
///             false => Ok(()),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let store = larder::open("memory:").await?.layer(&Hooks::new().on::<note::Entity>(NoEmptyNotes));
/// let notes = store.repository::<note::Entity>();
/// let refused = notes.create(&Cx::new(), &note::Model { id: 0, text: String::new() }).await;
/// assert_eq!(refused.unwrap_err().kind(), ErrorKind::InvalidInput);
/// assert_eq!(notes.count(&Cx::new(), &Filter::all()).await?, 0);
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Hooks(BTreeMap<TypeId, Vec<Arc<dyn RowHook>>>);

/// A [`Hook`] whose models are rows.
pub(crate) trait RowHook: Send + Sync {
    /// The hook with what was written, to be run. Returns `None` if nothing was written.
    fn with(&self, table: &Table, write: &Write<'_>, answer: &Answer) -> Result<Option<Prepared>>;
}

/// A hook that knows what was written, and runs in the transaction of a context.
pub(crate) type Prepared = Box<dyn FnOnce(Cx) -> BoxFuture<'static, Result<()>> + Send>;

/// Runs hooks, one after another, in the transaction of a context.
async fn run(cx: Cx, hooks: Vec<Prepared>) -> Result<()> {
    for hook in hooks {
        hook(cx.clone()).await?;
    }
    Ok(())
}

impl Hooks {
    /// No hooks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These hooks, and then this one, with each write of the entity's models.
    #[must_use]
    pub fn on<E: Storable>(mut self, hook: impl Hook<E::Model> + 'static) -> Self {
        self.0.entry(TypeId::of::<E>()).or_default().push(Arc::new(EntityHook::<E>::new(hook)));
        self
    }
}

#[async_trait]
impl Around for Hooks {
    async fn around(&self, cx: &Cx, call: Call<'_>) -> Result<Answer> {
        let call = &call;
        let Some((write, table)) = call.write().zip(call.table()) else { return call.run(cx).await };
        let hooks = if let TableOrigin::Entity(entity) = table.origin { self.0.get(&entity) } else { None };
        let Some(hooks) = hooks else { return call.run(cx).await };
        let prepared = |answer: &Answer| -> Result<Vec<Prepared>> {
            hooks.iter().filter_map(|hook| hook.with(table, write, answer).transpose()).collect()
        };
        if call.backend().is_joined_by(cx) {
            // The write itself fails as it would without hooks. Theirs fail the transaction.
            let answer = call.run(cx).await?;
            let options = TxOptions::new().propagation(Propagation::Required);
            let hooks = prepared(&answer)?;
            if hooks.is_empty() {
                return Ok(answer);
            }
            return run_once(&**call.backend(), cx, options, |cx| run(cx, hooks)).await.map(|()| answer);
        }
        let hooked = |cx: Cx| async move {
            let answer = call.run(&cx).await?;
            let hooks = prepared(&answer)?;
            run(cx, hooks).await.map(|()| answer)
        };
        run_once(&**call.backend(), cx, TxOptions::of_one_operation(), hooked).await
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").field("entities", &self.0.len()).finish_non_exhaustive()
    }
}
