//! [`AppendOnly`], a repository without operations on single models.

use std::fmt;

use async_trait::async_trait;
use sea_orm::{ModelTrait, sea_query::ValueType};
use serde::de::DeserializeOwned;

use crate::{
    capability::Capabilities,
    context::Cx,
    entity::Storable,
    error::{Error, ErrorKind, Result},
    query::{Aggregation, Filter, OnConflict, Page, PageRequest, Projection, Query, TypedColumn, Upserted},
    repository::{Creator, Deleter, EntityModel, Reader, ReaderExt, Repository, Transactional},
    row::Row,
    stream::ModelStream,
    transaction::TxOptions,
};

/// A repository for a table whose id the database does not keep unique, such as a log without a primary key: models are stored,
/// read by queries, and deleted by filters. There is no operation on the model of an id, because there may be several.
///
/// ```
/// # mod line {
/// #     use sea_orm::entity::prelude::*;
/// #     #[sea_orm::compact_model]
/// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
/// #     #[sea_orm(table_name = "line")]
/// #     pub struct Model { #[sea_orm(primary_key, auto_increment = false)] pub at: i64, pub text: String }
/// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
/// #     pub enum Relation {}
/// #     impl ActiveModelBehavior for ActiveModel {}
/// # }
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
/// use larder::{Creator, Cx, Query, SqlText, field};
///
/// let (store, cx) = (larder::open("sqlite::memory:").await?, Cx::new());
/// store.sql()?.execute(&cx, &SqlText::new("CREATE TABLE line (at INTEGER NOT NULL, text TEXT NOT NULL)")).await?;
///
/// let lines = store.append_only::<line::Entity>();
/// let line = |text: &str| line::Model { at: 7, text: text.into() };
/// lines.create_batch(&cx, &[line("one"), line("two")]).await?;
/// assert_eq!(lines.count(&cx, &field(line::COLUMN.at).equals(7)).await?, 2);
/// assert_eq!(lines.query(&cx, &Query::new().order_by(line::COLUMN.text)).await?[0].text, "one");
/// # Ok(()) }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// The entity still names a primary key, because SeaORM's entities do. It ends every order, as everywhere: among models that are
/// equal in all columns of an order, and have the same id, the order is the engine's choice. So is which of them a limit, an
/// offset or [`first_of_each`](Query::first_of_each) takes.
///
/// [`Creator::upsert_batch`] is [`Unsupported`](ErrorKind::Unsupported). On a store without the capability
/// [`unenforced_keys`](Capabilities::unenforced_keys), which is one in memory, ids are unique all the same: a second model of an
/// id is [`Duplicate`](ErrorKind::Duplicate).
///
/// It joins transactions like any repository. A model that was created is answered as the statement that stored it answered it:
/// what a trigger makes of it afterwards is not read back.
pub struct AppendOnly<E: Storable>(Repository<EntityModel<E>>);

impl<E: Storable> AppendOnly<E> {
    pub(crate) fn new(repository: Repository<EntityModel<E>>) -> Self {
        Self(repository)
    }

    /// The models that a query selects, in its order.
    ///
    /// # Errors
    /// Those of [`Reader::query`].
    pub async fn query(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Vec<E::Model>> {
        self.0.query(cx, query).await
    }

    /// The first model of a query, if there is one.
    ///
    /// # Errors
    /// Those of [`Reader::query`].
    pub async fn first(&self, cx: &Cx, query: &Query<E::Model>) -> Result<Option<E::Model>> {
        self.0.first(cx, query).await
    }

    /// The models that a query selects, one after another: as [`Reader::stream`], of which it has the promises. Inside a
    /// transaction it reads in parts, and a part holds all models of one place in the order, however many these are.
    ///
    /// # Errors
    /// Those of [`Reader::stream`].
    pub async fn stream(&self, cx: &Cx, query: &Query<E::Model>) -> Result<ModelStream<E::Model>> {
        self.0.stream(cx, query).await
    }

    /// A page of a query, as [`ReaderExt::page`].
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) unless the query is ordered by columns that are declared unique: those of a
    /// unique constraint of the entity's (`unique`, `unique_key`), or those named by
    /// [`unique_by`](crate::RepositoryBuilder::unique_by). Otherwise those of [`ReaderExt::page`].
    pub async fn page(&self, cx: &Cx, query: &Query<E::Model>, request: &PageRequest) -> Result<Page<E::Model>>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        let table = &self.0.mapping().table;
        if !table.has_places(&table.order(query)?) {
            let message = "a page in an order that is not declared unique";
            return Err(Error::new(ErrorKind::InvalidInput, message).at("page", &table.full_name()));
        }
        self.0.page(cx, query, request).await
    }

    /// How many models the filter selects.
    ///
    /// # Errors
    /// Those of [`Reader::count`].
    pub async fn count(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        self.0.count(cx, filter).await
    }

    /// How many models a query selects, as [`Reader::count_of`].
    ///
    /// # Errors
    /// Those of [`Reader::count`].
    pub async fn count_of(&self, cx: &Cx, query: &Query<E::Model>) -> Result<u64> {
        self.0.count_of(cx, query).await
    }

    /// Whether there is a model that the filter selects.
    ///
    /// # Errors
    /// Those of [`Reader::query`].
    pub async fn exists_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<bool> {
        self.0.exists_where(cx, filter).await
    }

    /// Some columns of the models that a query selects, as rows.
    ///
    /// # Errors
    /// Those of [`Reader::project`].
    pub async fn project(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<Row>> {
        self.0.project(cx, query, projection).await
    }

    /// The same, each row as a `T`, as [`ReaderExt::query_as`].
    ///
    /// # Errors
    /// Those of [`ReaderExt::query_as`].
    pub async fn query_as<T>(&self, cx: &Cx, query: &Query<E::Model>, projection: &Projection<E::Model>) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send,
    {
        self.0.query_as(cx, query, projection).await
    }

    /// The values that a column has among the models that the filter selects, each once, as [`ReaderExt::distinct`].
    ///
    /// # Errors
    /// Those of [`ReaderExt::distinct`].
    pub async fn distinct<T, C>(&self, cx: &Cx, column: C, filter: &Filter<E::Model>) -> Result<Vec<T>>
    where
        T: ValueType + Send,
        C: TypedColumn<Model = E::Model>,
    {
        self.0.distinct(cx, column, filter).await
    }

    /// The groups of the models that the filter selects, and what is computed of each, as [`Reader::aggregate`].
    ///
    /// # Errors
    /// Those of [`Reader::aggregate`].
    pub async fn aggregate(&self, cx: &Cx, filter: &Filter<E::Model>, aggregation: &Aggregation<E::Model>) -> Result<Vec<Row>> {
        self.0.aggregate(cx, filter, aggregation).await
    }

    /// The same, each group as a `T`, as [`ReaderExt::aggregate_as`].
    ///
    /// # Errors
    /// Those of [`ReaderExt::aggregate_as`].
    pub async fn aggregate_as<T>(&self, cx: &Cx, filter: &Filter<E::Model>, aggregation: &Aggregation<E::Model>) -> Result<Vec<T>>
    where
        T: DeserializeOwned + Send,
    {
        self.0.aggregate_as(cx, filter, aggregation).await
    }

    /// The values of an aggregation without groups, as [`ReaderExt::aggregate_one`].
    ///
    /// # Errors
    /// Those of [`ReaderExt::aggregate_one`].
    pub async fn aggregate_one<T>(&self, cx: &Cx, filter: &Filter<E::Model>, aggregation: &Aggregation<E::Model>) -> Result<T>
    where
        T: DeserializeOwned + Send,
    {
        self.0.aggregate_one(cx, filter, aggregation).await
    }

    /// Deletes every model that the filter selects, all or none, and returns how many there were: as [`Deleter::delete_where`].
    ///
    /// # Errors
    /// Those of [`Deleter::delete_where`].
    ///
    /// # Dropping the future
    /// As of [`Deleter`].
    pub async fn delete_where(&self, cx: &Cx, filter: &Filter<E::Model>) -> Result<u64> {
        self.0.delete_where(cx, filter).await
    }
}

#[async_trait]
impl<E: Storable> Creator<E::Model> for AppendOnly<E> {
    async fn create(&self, cx: &Cx, model: &E::Model) -> Result<E::Model> {
        self.0.create(cx, model).await
    }

    async fn create_many(&self, cx: &Cx, models: &[E::Model]) -> Result<Vec<E::Model>> {
        self.0.create_many(cx, models).await
    }

    async fn create_batch(&self, cx: &Cx, models: &[E::Model]) -> Result<u64> {
        self.0.create_batch(cx, models).await
    }

    /// There is no key to tell a model by: [`Unsupported`](ErrorKind::Unsupported).
    async fn upsert_batch(&self, _: &Cx, _: &[E::Model], _: &OnConflict<E::Model>) -> Result<Upserted> {
        let error = Error::new(ErrorKind::Unsupported, "models of an append-only repository are not told apart");
        Err(error.at("upsert_batch", &self.0.mapping().table.full_name()))
    }
}

#[async_trait]
impl<E: Storable> Transactional for AppendOnly<E> {
    fn is_joined_by(&self, cx: &Cx) -> bool {
        self.0.is_joined_by(cx)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn begin(&self, cx: &Cx, options: TxOptions) -> Result<Cx> {
        self.0.begin(cx, options).await
    }
}

impl<E: Storable> Clone for AppendOnly<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: Storable> fmt::Debug for AppendOnly<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppendOnly").field("table", &self.0.mapping().table.full_name()).finish_non_exhaustive()
    }
}
