//! [`Store`], the open place that repositories come from.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    backend::Backend,
    capability::Capabilities,
    clock::to_microseconds,
    context::Cx,
    entity::{IdOf, Storable},
    error::Result,
    health::Health,
    idempotency,
    query::field_of,
    recovery::Recovery,
    repository::{EntityMapping, Repository, Storage, Transactional},
    statement_counts::StatementCounts,
    transaction::TxOptions,
    value::EARLIEST,
};

/// An open store: repositories come from it, and it owns the transactions they share.
///
/// Its calls are made inside of a tokio runtime with timers (`enable_time` or `enable_all` of its builder). Without a runtime,
/// operations of the SQL stores are [`InvalidInput`](crate::ErrorKind::InvalidInput); without timers, calls that have to wait
/// panic.
///
/// A clone is the same store. Two stores opened from one URL are two stores: neither joins the other's transactions.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    table_prefix: Arc<str>,
}

impl Store {
    /// A store on a [backend](crate::backend) of your own. See
    /// [`guide::backends_and_layers`](crate::guide::backends_and_layers).
    #[must_use]
    pub fn from_backend(backend: Arc<dyn Backend>) -> Self {
        Self { backend, table_prefix: Arc::default() }
    }

    /// The same store, whose repositories have a prefix before the names of their tables, and before those of the tables that
    /// these refer to: with `app_`, the entity of the table `user` is stored in `app_user`. It takes the place of an earlier
    /// prefix. Repositories that came from the store before stay as they are.
    ///
    /// The table of the idempotency keys has none, and neither have statements of [`sql`](Self::sql), which name their tables
    /// themselves. [`OpenOptions::table_prefix`](crate::OpenOptions::table_prefix) is the same from the beginning.
    ///
    /// ```
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use larder::{Creator, Cx, Filter, Reader};
    ///
    /// let (store, cx) = (larder::open("memory:").await?, Cx::new());
    /// let users = store.with_table_prefix("app_").repository::<user::Entity>();
    /// users.create(&cx, &user::Model { id: 0, name: "Ann".into() }).await?;
    /// assert_eq!(users.count(&cx, &Filter::all()).await?, 1);
    /// assert_eq!(store.repository::<user::Entity>().count(&cx, &Filter::all()).await?, 0);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_table_prefix(&self, prefix: impl Into<Arc<str>>) -> Self {
        Self { table_prefix: prefix.into(), ..self.clone() }
    }

    /// A repository of the entity's models.
    ///
    /// ```no_run
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key, auto_increment = false)] pub id: Uuid, pub name: String }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use std::sync::Arc;
    /// use larder::{Storage, Store};
    /// use uuid::Uuid;
    ///
    /// fn users(store: &Store) -> Arc<dyn Storage<user::Model, Uuid>> {
    ///     store.repository::<user::Entity>()
    /// }
    /// ```
    #[must_use]
    pub fn repository<E: Storable>(&self) -> Arc<dyn Storage<E::Model, IdOf<E>>> {
        Arc::new(Repository::new(&self.backend, EntityMapping::<E>::with_prefix(&self.table_prefix)))
    }

    /// What this store can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    /// The current time as this store would store it: its clock's, in UTC, cut to microseconds.
    #[must_use]
    pub fn database_now(&self) -> DateTime<Utc> {
        to_microseconds(self.backend.clock().now())
    }

    /// How often statements were prepared on this store, and how often one was there already. A store that goes on preparing is
    /// asked statements that differ in their text. Returns `None` if the store does not count: only those on `sqlite:` URLs do.
    #[must_use]
    pub fn statement_counts(&self) -> Option<StatementCounts> {
        self.backend.statement_counts()
    }

    /// What the store found in its files: what a crash had left, and what it cannot read now. A table's files are read when its
    /// repository is used first; what is read later, or repaired, changes the answer. Empty for every store but those of `file:`.
    #[must_use]
    pub fn recovery(&self) -> Recovery {
        self.backend.recovery()
    }

    /// Whether a transaction, or a write outside any, has committed under an [idempotency key](Cx::with_idempotency_key). If one
    /// with the key has begun and not ended, in this process or another, it is waited for: what the answer says is so.
    ///
    /// # Errors
    /// [`TableMissing`](crate::ErrorKind::TableMissing) where the table of the keys is not there,
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) inside a transaction of this store and for what is no key, and what else
    /// keeps a transaction from beginning. After one, ask again.
    ///
    /// # Dropping the future
    /// Changes nothing.
    pub async fn has_committed(&self, cx: &Cx, key: &str) -> Result<bool> {
        self.backend.has_committed(cx, key).await
    }

    /// Forgets the idempotency keys of transactions that began longer ago than `age`, by the store's clock, and says how many:
    /// what is run again with one of them is then done again.
    ///
    /// # Errors
    /// As [`Deleter`](crate::Deleter)'s.
    pub async fn forget_commits(&self, cx: &Cx, age: Duration) -> Result<u64> {
        let before = TimeDelta::from_std(age).ok().and_then(|age| self.database_now().checked_sub_signed(age));
        // No stored time is before the first one that can be stored.
        let before = before.map_or(EARLIEST, |before| before.max(EARLIEST));
        let commits = self.with_table_prefix("").repository::<idempotency::Entity>();
        commits.delete_where(cx, &field_of(idempotency::Column::BegunAt).less_than(before)).await
    }

    /// Returns the store's health: runs a probe query, on a connection of its pool like any other operation, and looks at its
    /// transactions.
    ///
    /// Takes as long as a connection takes to become free: the acquire timeout at most, unless the context has a deadline. An
    /// open transaction in the context has no part in it.
    ///
    /// # Dropping the future
    /// Changes nothing.
    pub async fn health(&self, cx: &Cx) -> Health {
        self.backend.health(&cx.beside_all()).await
    }

    /// Ends the store: waits for the operations, transactions and streams that are still open, and then every further one is
    /// [`Closed`](crate::ErrorKind::Closed). Closing twice is fine. Inside a transaction of this store it would wait for itself.
    ///
    /// # Dropping the future
    /// The store takes no new work all the same.
    pub async fn close(&self) {
        self.backend.close().await;
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The same store on another backend.
    pub(crate) fn on(&self, backend: Arc<dyn Backend>) -> Self {
        Self { backend, ..self.clone() }
    }

    pub(crate) fn table_prefix(&self) -> &str {
        &self.table_prefix
    }
}

#[async_trait]
impl Transactional for Store {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.backend.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.backend.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.backend.begin(cx, options).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend.name()).finish_non_exhaustive()
    }
}
