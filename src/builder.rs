//! [`RepositoryBuilder`], for repositories that keep some columns by themselves.

use std::{fmt, sync::Arc};

use sea_orm::IdenStatic;

use crate::{
    append_only::AppendOnly,
    backend::Backend,
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    layer::Layer,
    query::Filter,
    repository::{EntityMapping, Repository, Storage},
    store::Store,
    table::Table,
};

/// Makes a repository that keeps some columns by itself: a version, times of creation and change, a mark for what is deleted.
///
/// The rules hold for what goes through this repository. Another one of the same entity, made without them, sees the same models
/// as they are.
///
/// ```
/// # mod page {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "page")]
/// #     pub struct Model {
/// #         #[sea_orm(primary_key)] pub id: i64, pub version: i32, pub text: String, pub updated_at: Option<DateTimeUtc>
/// #     }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// # use larder::{Cx, ErrorKind};
/// let store = larder::open("memory:").await?;
/// let pages = store.repository_builder::<page::Entity>();
/// let pages = pages.version(page::Column::Version).updated_at(page::Column::UpdatedAt).build()?;
///
/// let first = pages.create(&Cx::new(), &page::Model { id: 0, version: 1, text: "a".into(), updated_at: None }).await?;
/// let second = pages.update(&Cx::new(), &page::Model { text: "b".into(), ..first.clone() }).await?;
/// assert_eq!((second.version, second.updated_at.is_some()), (2, true));
/// // Somebody who still has the first one would undo the second.
/// let stale = pages.update(&Cx::new(), &page::Model { text: "c".into(), ..first }).await;
/// assert_eq!(stale.unwrap_err().kind(), ErrorKind::Conflict);
/// # Ok(()) }
/// ```
#[must_use]
pub struct RepositoryBuilder<E: Storable> {
    backend: Arc<dyn Backend>,
    table: Table,
    scope: Filter<E::Model>,
}

impl Store {
    /// A repository for a table whose id the database does not keep unique; [`AppendOnly`] has an example. Pages, and columns
    /// that it keeps by itself, take a [builder](RepositoryBuilder::build_append_only).
    #[must_use]
    pub fn append_only<E: Storable>(&self) -> AppendOnly<E> {
        self.repository_builder::<E>().into_append_only()
    }

    /// Makes a repository that keeps some columns by itself.
    pub fn repository_builder<E: Storable>(&self) -> RepositoryBuilder<E> {
        let table = Table::of::<E>().with_prefix(self.table_prefix());
        RepositoryBuilder { backend: self.backend().clone(), table, scope: Filter::all() }
    }
}

impl<E: Storable> RepositoryBuilder<E> {
    fn position(&self, column: E::Column) -> Option<usize> {
        self.table.columns.iter().position(|other| other.name() == column.as_str())
    }

    /// The version of a model, a whole number: [`update`](crate::Updater::update) changes a model only if its version is the
    /// stored one (or else it is [`Conflict`](crate::ErrorKind::Conflict)), and raises it by one. So do
    /// [`update_where`](crate::Updater::update_where) and [`upsert_batch`](crate::Creator::upsert_batch), whatever it was. A new
    /// model has the version it was given.
    pub fn version(mut self, column: E::Column) -> Self {
        self.table.rules.version = self.position(column);
        self
    }

    /// When a model was created: the store's clock, whatever the model says. It is never changed.
    pub fn created_at(mut self, column: E::Column) -> Self {
        self.table.rules.created_at = self.position(column);
        self
    }

    /// When a model was created or last changed: the store's clock, whatever the model says.
    pub fn updated_at(mut self, column: E::Column) -> Self {
        self.table.rules.updated_at = self.position(column);
        self
    }

    /// When a model was deleted. Deleting then marks a model with the store's time and leaves it where it is, also what refers to
    /// it and what is unique of it. Everything takes a marked model for one that does not exist, but for
    /// [`create`](crate::Creator::create), to which its id is taken, and [`upsert_batch`](crate::Creator::upsert_batch), which
    /// replaces the mark like any other column, and so brings a model back; a query asks for marked ones
    /// [too](crate::Query::with_deleted). An update leaves the mark alone, and [`Changes`](crate::Changes) of it are refused.
    pub fn deleted_at(mut self, column: E::Column) -> Self {
        self.table.rules.deleted_at = self.position(column);
        self
    }

    /// A column that the database computes, such as `GENERATED ALWAYS AS … STORED`: it is never written, and a model that was
    /// created or updated is read back. SQLite, Postgres and DuckDB say by themselves which columns these are; this is for one
    /// that they do not tell of, such as a column that a trigger keeps. In memory, where nothing computes it, the model's own
    /// value is stored.
    pub fn computed(mut self, column: E::Column) -> Self {
        self.table.computed.extend(self.position(column));
        self
    }

    /// A column with a default of the database's, whose field is not an `Option`: a new model that holds nothing in it gets the
    /// default. Nothing is zero, `false`, empty text or bytes, the nil UUID, midnight, and the first instant of 1970. An update
    /// writes the model's value, whatever it is. In memory, where there is no default, the model's own value is stored.
    ///
    /// ```
    /// # mod job {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "job")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub queue: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// # use larder::{Creator, Cx, SqlText};
    /// let store = larder::open("sqlite::memory:").await?;
    /// let table = SqlText::new("CREATE TABLE job (id INTEGER PRIMARY KEY, queue TEXT NOT NULL DEFAULT 'usual')");
    /// store.sql()?.execute(&Cx::new(), &table).await?;
    ///
    /// let jobs = store.repository_builder::<job::Entity>().database_default(job::Column::Queue).build()?;
    /// let created = jobs.create(&Cx::new(), &job::Model { id: 0, queue: String::new() }).await?;
    /// assert_eq!(created.queue, "usual");
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub fn database_default(mut self, column: E::Column) -> Self {
        self.table.defaulted.extend(self.position(column));
        self
    }

    /// The models of one tenant, or of one kind: for the repository, there are no others than those that fulfil this filter, and
    /// those of an earlier call.
    ///
    /// - What reads, changes or deletes finds no other models, whether by id, by a filter, in a page, a stream, a count or a
    ///   projection. [`Query::with_deleted`](crate::Query::with_deleted) does not reach them either.
    /// - A model that does not fulfil the filter is not stored: [`InvalidInput`](crate::ErrorKind::InvalidInput), before anything
    ///   is sent. So are [`Changes`](crate::Changes) by which a model might not fulfil it any more: of each condition of the
    ///   filter, they may change no column, or set all columns to values that fulfil it.
    /// - An id, or a unique value, that a model of somebody else has is taken: [`Duplicate`](crate::ErrorKind::Duplicate), as of
    ///   a model of one's own, also for [`upsert_batch`](crate::Creator::upsert_batch), which neither replaces nor ignores it.
    ///   The error tells nothing of that model but that it is there. Ids that cannot be guessed, or whose first part is the
    ///   tenant, do not even tell that.
    ///
    /// The filter has up to 100 conditions, which count in every query. It may not look into another table, nor name a column
    /// that the repository keeps by itself, that the database computes or fills in, or that has a cast of the entity's. Text is
    /// compared by its bytes.
    ///
    /// Not kept apart: [`Store::sql`](crate::Store::sql), what the database's own error says of a refused row
    /// ([`source`](std::error::Error::source)), foreign keys (a reference to a model of somebody else is not refused,
    /// and a cascade of the schema follows the schema), triggers, and repositories that are made without the filter. A table
    /// whose schema computes a column of the filter takes no writes: [`Unsupported`](crate::ErrorKind::Unsupported).
    ///
    /// ```
    /// # mod invoice {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "invoice")]
    /// #     pub struct Model { #[sea_orm(primary_key, auto_increment = false)] pub id: i64, pub tenant: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Creator, Cx, ErrorKind, Reader, field};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// let store = larder::open("memory:").await?;
    /// let of = |tenant: &str| {
    ///     store.repository_builder::<invoice::Entity>().within(field(invoice::COLUMN.tenant).equals(tenant)).build()
    /// };
    /// let (ann, bob, cx) = (of("ann")?, of("bob")?, Cx::new());
    /// let invoice = ann.create(&cx, &invoice::Model { id: 1, tenant: "ann".into() }).await?;
    /// assert_eq!((ann.find(&cx, &1).await?, bob.find(&cx, &1).await?), (Some(invoice.clone()), None));
    /// assert_eq!(bob.create(&cx, &invoice).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    /// # Ok(()) }
    /// ```
    pub fn within(mut self, filter: Filter<E::Model>) -> Self {
        self.scope = self.scope.and(filter);
        self
    }

    /// One [behaviour](crate::layer) more around the repository alone. The layer that is added last is the outermost; those of
    /// the store are within.
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
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use std::time::Duration;
    /// use larder::layer::Timeout;
    ///
    /// let store = larder::open("memory:").await?;
    /// let notes = store.repository_builder::<note::Entity>().layer(&Timeout::new(Duration::from_millis(50))).build()?;
    /// # let _ = notes;
    /// # Ok(()) }
    /// ```
    pub fn layer(mut self, layer: &(impl Layer + ?Sized)) -> Self {
        self.backend = layer.wrap(self.backend);
        self
    }

    /// The repository.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a column of a type that does not serve: a version is a whole number
    /// of at least 16 bits, the others are times, that of the deletion may be null, and none is part of the id. So for a
    /// [filter](Self::within) that is too large, does not fit its columns, or names a column whose values the repository or the
    /// database makes; [`Unsupported`](crate::ErrorKind::Unsupported) for one that names a column with a cast of the entity's.
    pub fn build(mut self) -> Result<Arc<dyn Storage<E::Model, IdOf<E>>>> {
        self.check()?;
        Ok(Arc::new(Repository::new(&self.backend, EntityMapping::<E>::of(self.table))))
    }

    /// No two models have the same values in these columns, although the entity does not say so: for the pages of an
    /// [`AppendOnly`] repository, which are read in an order by such columns. Nothing checks it. Where it does not hold, a page
    /// may leave out a model.
    pub fn unique_by(mut self, columns: impl IntoIterator<Item = E::Column>) -> Self {
        let positions = columns.into_iter().filter_map(|column| self.position(column)).collect();
        self.table.told_apart_by.push(positions);
        self
    }

    /// A repository for a table whose id the database does not keep unique.
    ///
    /// ```
    /// # mod sample {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "sample")]
    /// #     pub struct Model { #[sea_orm(primary_key, auto_increment = false)] pub at: i64, pub number: i64 }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Creator, Cx, PageRequest, Query};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// let (store, cx) = (larder::open("memory:").await?, Cx::new());
    /// let samples = store.repository_builder::<sample::Entity>().unique_by([sample::Column::Number]).build_append_only()?;
    /// samples.create_batch(&cx, &[sample::Model { at: 1, number: 1 }, sample::Model { at: 2, number: 2 }]).await?;
    /// let newest = Query::new().order_by_desc(sample::COLUMN.number);
    /// assert_eq!(samples.page(&cx, &newest, &PageRequest::new(1)).await?.models[0].number, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As of [`build`](Self::build), and [`InvalidInput`](crate::ErrorKind::InvalidInput) for
    /// [unique columns](Self::unique_by) that are none, or of which one may be null: null is not equal to null.
    pub fn build_append_only(mut self) -> Result<AppendOnly<E>> {
        self.check()?;
        for columns in &self.table.told_apart_by {
            if columns.is_empty() || columns.iter().any(|column| self.table.is_nullable(*column)) {
                let message = "models are told apart by no column, or by one that may be null";
                return Err(Error::new(ErrorKind::InvalidInput, message));
            }
        }
        Ok(self.into_append_only())
    }

    fn check(&mut self) -> Result<()> {
        self.table.rules.check(&self.table)?;
        self.table.set_scope(&self.scope)
    }

    fn into_append_only(mut self) -> AppendOnly<E> {
        self.table.is_append_only = true;
        AppendOnly::new(Repository::new(&self.backend, EntityMapping::<E>::of(self.table)))
    }
}

impl<E: Storable> fmt::Debug for RepositoryBuilder<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RepositoryBuilder").field("rules", &self.table.rules).finish_non_exhaustive()
    }
}
