//! Layers: behaviours around a store, each written once for every backend.
//!
//! [`Store::layer`](crate::Store::layer) wraps a store. What it returns is the same store with one behaviour more: repositories
//! of both take part in one transaction, and what one stores the other reads.
//! [`RepositoryBuilder::layer`](crate::RepositoryBuilder::layer) wraps a single repository.
//!
//! ```
//! # mod note {
//! #     use sea_orm::entity::prelude::*;
//! #     #[sea_orm::compact_model]
//! #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
//! #     #[sea_orm(table_name = "note")]
//! #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub text: String }
//! #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
//! #     pub enum Relation {}
//! #     impl ActiveModelBehavior for ActiveModel {}
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
//! use std::time::Duration;
//! use larder::{Creator, Cx, layer::{Timeout, Tracing}};
//!
//! let store = larder::open("memory:").await?;
//! let store = store.layer(&Timeout::new(Duration::from_secs(5))).layer(&Tracing::new());
//! let notes = store.repository::<note::Entity>();
//! notes.create(&Cx::new(), &note::Model { id: 0, text: "five seconds at most, in a span".into() }).await?;
//! # Ok(()) }
//! ```
//!
//! # Order
//! The layer that is added last is the outermost: an operation goes through it first, and its answer last. What a layer does is
//! seen by the layers around it, and not by those within.
//!
//! | stack | what it means |
//! |---|---|
//! | right: `store.layer(&hooks).layer(&timeout).layer(&tracing)` | The time limit holds for the write and its hooks together. The span covers both, and has the error of what was late. |
//! | wrong: `store.layer(&tracing).layer(&timeout).layer(&hooks)` | The hooks run within no limit and in no span. A write whose hook takes a minute looks like one that was done at once. |
//!
//! # A layer of your own
//! Implement [`Around`]: one function around each operation, which may run it later, several times, with another context, or not
//! at all. [`Layer`] is for what that cannot say, such as another answer to [`Backend::health`].

mod around;
mod hooks;
mod timeout;
mod tracing;

use std::sync::Arc;

pub(crate) use self::hooks::{Prepared, RowHook};
pub use self::{
    around::{Around, Call},
    hooks::{Hook, Hooks, WriteKind, Written},
    timeout::Timeout,
    tracing::Tracing,
};
use crate::{backend::Backend, store::Store};

/// Wraps a backend in another, which adds one behaviour. Every [`Around`] is a layer.
pub trait Layer {
    /// The backend with the behaviour. It has the [id](Backend::id) of the one that it wraps.
    fn wrap(&self, backend: Arc<dyn Backend>) -> Arc<dyn Backend>;
}

impl Store {
    /// The same store, with one [behaviour](crate::layer) more. The store itself, and repositories that came from it before, stay
    /// as they are.
    #[must_use]
    pub fn layer(&self, layer: &(impl Layer + ?Sized)) -> Self {
        self.on(layer.wrap(self.backend().clone()))
    }
}
