use std::{future::Future, sync::Arc};

use futures_util::stream;
use sea_orm::{ModelTrait, Related, RelationDef, sea_query::ValueType};
use serde::de::DeserializeOwned;

use super::{
    Deleter, EntityMapping, Mapping, ModelType, Reader,
    of_each::{columns_of, of_each, require_direct},
};
use crate::{
    context::{Cx, carried},
    entity::Storable,
    error::{Error, ErrorKind, Result, not_found},
    query::{Aggregation, Comparable, Filter, Page, PageRequest, Projection, Query, TypedColumn},
    row::Row,
    stream::{CHUNK, ModelStream},
};

/// What callers of a [`Reader`] find convenient. The errors are those of [`Reader`], and what each method says.
pub trait ReaderExt<M: Send + Sync, Id: Send + Sync>: Reader<M, Id> {
    /// The model with this id.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it does not exist; a transaction can go on.
    fn get<'a>(&'a self, cx: &'a Cx, id: &'a Id) -> impl Future<Output = Result<M>> + Send + 'a
    where
        M: 'a,
    {
        async move { self.find(cx, id).await?.ok_or_else(not_found) }
    }

    /// Whether a model with this id exists.
    fn exists<'a>(&'a self, cx: &'a Cx, id: &'a Id) -> impl Future<Output = Result<bool>> + Send + 'a
    where
        M: 'a,
    {
        async move { Ok(self.find(cx, id).await?.is_some()) }
    }

    /// Whether there is a model that the filter selects.
    fn exists_where<'a>(&'a self, cx: &'a Cx, filter: &Filter<M>) -> impl Future<Output = Result<bool>> + Send + 'a
    where
        M: 'a,
    {
        let query = Query::from(filter.clone()).limit(1);
        async move { Ok(!self.query(cx, &query).await?.is_empty()) }
    }

    /// Every model, ordered by id: text by its bytes, times by instant, composite ids column by column.
    fn all<'a>(&'a self, cx: &'a Cx) -> impl Future<Output = Result<Vec<M>>> + Send + 'a
    where
        M: 'a,
    {
        async move { self.query(cx, &Query::new()).await }
    }

    /// The first model of a query, if there is one.
    fn first<'a>(&'a self, cx: &'a Cx, query: &Query<M>) -> impl Future<Output = Result<Option<M>>> + Send + 'a
    where
        M: 'a,
    {
        let limit = query.limit.map_or(1, |limit| limit.min(1));
        let query = query.clone().limit(limit);
        async move { Ok(self.query(cx, &query).await?.into_iter().next()) }
    }

    /// The only model of a query, if there is one.
    ///
    /// # Errors
    /// [`Duplicate`](crate::ErrorKind::Duplicate) if the query selects two or more; a transaction can go on. At most two models
    /// are read to tell. Of a query with a limit of 1, the first model is the only one.
    fn only<'a>(&'a self, cx: &'a Cx, query: &Query<M>) -> impl Future<Output = Result<Option<M>>> + Send + 'a
    where
        M: 'a,
    {
        let limit = query.limit.map_or(2, |limit| limit.min(2));
        let query = query.clone().limit(limit);
        async move {
            let mut models = self.query(cx, &query).await?.into_iter();
            match (models.next(), models.next()) {
                (_, Some(_)) => Err(Error::new(ErrorKind::Duplicate, "the query selects more than one model")),
                (only, None) => Ok(only),
            }
        }
    }

    /// A page of a query, and where the pages beside it are. It costs what reading its models costs, wherever it is, if an index
    /// serves the query's order and the engine chooses it. Without one, every page costs a look at all models that the query
    /// selects.
    ///
    /// ```
    /// # use larder::{Cx, PageRequest, Query, ReaderExt, field};
    /// # use larder_entity::raw_log;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// # let logs = larder::open("memory:").await?.repository::<raw_log::Entity>();
    /// # let cx = Cx::new();
    /// let newest = Query::new().order_by_desc(raw_log::COLUMN.timestamp);
    /// let page = logs.page(&cx, &newest, &PageRequest::new(50)).await?;
    /// if let Some(next) = &page.next {
    ///     let page = logs.page(&cx, &newest, &PageRequest::new(50).after(next)).await?;
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a page of no models or of more than
    /// [`MAX_PAGE_SIZE`](crate::MAX_PAGE_SIZE), for a cursor that is not one of this order, and for a query that has a limit or
    /// an offset. [`Corrupt`](crate::ErrorKind::Corrupt) where a page begins or ends with a model that has a value in a column of
    /// the order that a cursor cannot hold, such as a number that is not one (NaN): the error names the column. Other columns may
    /// have such values.
    fn page<'a>(
        &'a self,
        cx: &'a Cx,
        query: &'a Query<M>,
        request: &'a PageRequest,
    ) -> impl Future<Output = Result<Page<M>>> + Send + 'a
    where
        M: ModelTrait<Entity: Storable<Model = M>> + 'a,
    {
        async move {
            let mapping = EntityMapping::<M::Entity>::plain();
            let one_more = request.query(&mapping.table, query)?;
            let models = self.query(cx, &one_more).await?;
            let mut page = request.page(&mapping.table, query, models, |order, model| mapping.place(order, model))?;
            if request.counts(&page) {
                page.total = Some(match query.as_filter() {
                    Some(filter) => self.count(cx, filter).await?,
                    None => self.count_of(cx, query).await?,
                });
            }
            Ok(page)
        }
    }

    /// For each of the parents, the models of a query that belong to it: those that have the parent's value in a column. The
    /// answer has a list for each parent, in the order of the parents; each list is in the order of the query.
    ///
    /// It is as if the query were asked for each parent by itself, with a filter on the column: limit, offset and [first of
    /// each](Query::first_of_each) count for each parent. A parent that is there twice is answered twice, and one whose value is
    /// null has no models. Values are equal as in a filter: text by its bytes, numbers by value, whatever the widths of the
    /// columns. Both columns have to be of one kind, which the compiler checks; those of [`field_of`](crate::field_of) are
    /// checked when the query runs.
    ///
    /// Any number of parents can be given. They are looked for a thousand at a time, each thousand by one query with one
    /// condition and a thousand values more; outside a transaction these may see different moments.
    ///
    /// ```
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # mod session {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "session")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub user_id: i64 }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Creator, Cx, Query, ReaderExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// # let store = larder::open("memory:").await?;
    /// # let (sessions, cx) = (store.repository::<session::Entity>(), Cx::new());
    /// # let user = |id| user::Model { id, name: String::new() };
    /// # let users = [user(1), user(2)];
    /// # let session = |id, user_id| session::Model { id, user_id };
    /// # sessions.create_batch(&cx, &[session(1, 1), session(2, 1), session(3, 1)]).await?;
    /// let newest = Query::new().order_by_desc(session::COLUMN.id).limit(2);
    /// let of_users = sessions.of_each(&cx, &users, user::COLUMN.id, session::COLUMN.user_id, &newest).await?;
    /// assert_eq!(of_users, [vec![session(3, 1), session(2, 1)], vec![]]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for columns whose values do not compare, and for a parent with a value
    /// that no store could hold.
    fn of_each<'a, P, C, D>(
        &'a self,
        cx: &'a Cx,
        parents: &'a [P],
        parent_column: C,
        column: D,
        query: &'a Query<M>,
    ) -> impl Future<Output = Result<Vec<Vec<M>>>> + Send + 'a
    where
        M: ModelTrait<Entity: Storable<Model = M>> + 'a,
        P: ModelTrait<Entity: Storable<Model = P>> + Sync + 'a,
        C: TypedColumn<Model = P, Kind: Comparable>,
        D: TypedColumn<Model = M, Kind = C::Kind>,
        Id: 'a,
    {
        let columns = (parent_column.column().name.into(), column.column().name.into());
        async move { of_each(self, cx, parents, columns, query).await }
    }

    /// [`of_each`](Self::of_each), by the relation that SeaORM knows between the parents' entity and the models'
    /// ([`Related`]): one to one, one to many, or many to one.
    ///
    /// ```
    /// # mod author {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "author")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64 }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation { #[sea_orm(has_many = "super::book::Entity")] Book }
    /// #     impl Related<super::book::Entity> for Entity { fn to() -> RelationDef { Relation::Book.def() } }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # mod book {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "book")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub author_id: i64 }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {
    /// #         #[sea_orm(belongs_to = "super::author::Entity", from = "Column::AuthorId", to = "super::author::Column::Id")]
    /// #         Author,
    /// #     }
    /// #     impl Related<super::author::Entity> for Entity { fn to() -> RelationDef { Relation::Author.def() } }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Creator, Cx, Query, ReaderExt};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// # let (store, cx) = (larder::open("memory:").await?, Cx::new());
    /// # let (authors, books) = (store.repository::<author::Entity>(), store.repository::<book::Entity>());
    /// let both = authors.create_many(&cx, &[author::Model { id: 1 }, author::Model { id: 2 }]).await?;
    /// books.create(&cx, &book::Model { id: 1, author_id: 2 }).await?;
    /// let books_of_each = books.related_of_each(&cx, &both, &Query::new()).await?;
    /// assert_eq!(books_of_each.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
    /// let author_of_each = authors.related_of_each(&cx, &books_of_each[1], &Query::new()).await?;
    /// assert_eq!(author_of_each, [vec![author::Model { id: 2 }]]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a relation through a third entity (many to many), one by several
    /// columns, and one with a condition of its own.
    fn related_of_each<'a, P>(
        &'a self,
        cx: &'a Cx,
        parents: &'a [P],
        query: &'a Query<M>,
    ) -> impl Future<Output = Result<Vec<Vec<M>>>> + Send + 'a
    where
        M: ModelTrait<Entity: Storable<Model = M>> + 'a,
        P: ModelTrait<Entity: Storable<Model = P> + Related<M::Entity>> + Sync + 'a,
        Id: 'a,
    {
        let columns = require_direct(<P::Entity as Related<M::Entity>>::via())
            .and_then(|()| columns_of::<P, M>(&<P::Entity as Related<M::Entity>>::to()));
        async move { of_each(self, cx, parents, columns?, query).await }
    }

    /// [`related_of_each`](Self::related_of_each), by a relation of the parents' entity, such as `book::Relation::Author.def()`:
    /// where there are several between the same entities, or one of an entity to itself. `rev()` of a relation is the same one in
    /// the other direction.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a relation between other entities, and those of
    /// [`related_of_each`](Self::related_of_each).
    fn related_of_each_by<'a, P>(
        &'a self,
        cx: &'a Cx,
        parents: &'a [P],
        relation: RelationDef,
        query: &'a Query<M>,
    ) -> impl Future<Output = Result<Vec<Vec<M>>>> + Send + 'a
    where
        M: ModelTrait<Entity: Storable<Model = M>> + 'a,
        P: ModelTrait<Entity: Storable<Model = P>> + Sync + 'a,
        Id: 'a,
    {
        let columns = columns_of::<P, M>(&relation);
        async move { of_each(self, cx, parents, columns?, query).await }
    }

    /// The models of a query one after another, read in parts of `size`, with no connection held between the parts: for whoever
    /// takes long over each, or writes to the same store meanwhile. A part that is being read comes to its end, whoever drops the
    /// stream. What is written meanwhile is seen where it comes later in the order, as with [`page`](Self::page). The query's
    /// limit counts for all parts together.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) from the stream for parts of no models or of more than
    /// [`MAX_PAGE_SIZE`](crate::MAX_PAGE_SIZE), and [`Corrupt`](crate::ErrorKind::Corrupt) as for [`page`](Self::page).
    fn stream_in_pages(self: &Arc<Self>, cx: &Cx, query: &Query<M>, size: u32) -> ModelStream<M>
    where
        Self: Send + Sync + 'static,
        M: ModelTrait<Entity: Storable<Model = M>> + 'static,
        Id: 'static,
    {
        let (reader, cx) = (self.clone(), cx.clone());
        let checked = PageRequest::new(size).query(&EntityMapping::<M::Entity>::plain().table, &Query::<M>::new());
        let read = move |query: Query<M>| {
            let (reader, cx, checked) = (reader.clone(), cx.clone(), checked.as_ref().map(drop).map_err(Error::clone));
            async move {
                checked?;
                reader.query(&cx, &query).await
            }
        };
        in_parts(EntityMapping::<M::Entity>::plain(), query.clone(), u64::from(size), read)
    }

    /// Calls a function for each model of a query, one after another, as [`stream`](Reader::stream) reads them: outside a
    /// transaction with a connection held meanwhile. The first error ends it.
    ///
    /// # Errors
    /// The function's, as it is.
    fn for_each<'a, E, F, Fut>(
        &'a self,
        cx: &'a Cx,
        query: &'a Query<M>,
        mut call: F,
    ) -> impl Future<Output = Result<(), E>> + Send + 'a
    where
        M: 'a,
        E: From<Error> + Send + 'a,
        F: FnMut(M) -> Fut + Send + 'a,
        Fut: Future<Output = Result<(), E>> + Send + 'a,
    {
        async move {
            let mut models = self.stream(cx, query).await?;
            while let Some(model) = models.try_next().await? {
                call(model).await?;
            }
            Ok(())
        }
    }

    /// Some columns of the models that a query selects, each row as a `T`: a struct with a field for each column, by its name in
    /// the database; a tuple; or, for one column, a single value.
    ///
    /// Values are read by `serde`. A field that is an enum with `DeriveActiveEnum`, or a newtype with `DeriveValueType`, is read
    /// by its own conversion if it has the attribute `#[serde(deserialize_with = "larder::column_value")]`: see
    /// [`column_value`](crate::column_value).
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the column, if a value is not one of `T`'s.
    fn query_as<'a, T>(
        &'a self,
        cx: &'a Cx,
        query: &'a Query<M>,
        projection: &'a Projection<M>,
    ) -> impl Future<Output = Result<Vec<T>>> + Send + 'a
    where
        M: 'a,
        T: DeserializeOwned + Send + 'a,
    {
        async move { self.project(cx, query, projection).await?.into_iter().map(|row| row.read()).collect() }
    }

    /// The values that a column has among the models that the filter selects, each once, ascending; null, which is an `Option`'s
    /// `None`, first. `T` is the type of the model's field: an enum or a newtype is made by its own conversion, as in a model.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a value is not a `T`.
    fn distinct<'a, T, C>(
        &'a self,
        cx: &'a Cx,
        column: C,
        filter: &'a Filter<M>,
    ) -> impl Future<Output = Result<Vec<T>>> + Send + 'a
    where
        M: 'a,
        T: ValueType + Send + 'a,
        C: TypedColumn<Model = M>,
    {
        let projection = Projection::of(column).distinct();
        async move {
            let rows = self.project(cx, &Query::from(filter.clone()), &projection).await?;
            rows.into_iter().map(Row::value).collect()
        }
    }

    /// The groups of an [`Aggregation`] of the models that the filter selects, each as a `T`: a struct with a field for each
    /// column and aggregate, by its name; a tuple; or, for a single one, its value. What may be null, such as the sum of a group
    /// without values, is an `Option`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the value, if one is not `T`'s: so is a sum that the type
    /// asked for cannot hold. Those of [`Reader::aggregate`].
    fn aggregate_as<'a, T>(
        &'a self,
        cx: &'a Cx,
        filter: &'a Filter<M>,
        aggregation: &'a Aggregation<M>,
    ) -> impl Future<Output = Result<Vec<T>>> + Send + 'a
    where
        M: 'a,
        T: DeserializeOwned + Send + 'a,
    {
        async move { self.aggregate(cx, filter, aggregation).await?.into_iter().map(|row| row.read()).collect() }
    }

    /// The values of an [`Aggregation`] without groups, as a `T`: there is exactly one row, also of no models.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for an aggregation that has groups, a limit or
    /// [`having`](Aggregation::having). Those of [`aggregate_as`](Self::aggregate_as).
    fn aggregate_one<'a, T>(
        &'a self,
        cx: &'a Cx,
        filter: &'a Filter<M>,
        aggregation: &'a Aggregation<M>,
    ) -> impl Future<Output = Result<T>> + Send + 'a
    where
        M: 'a,
        T: DeserializeOwned + Send + 'a,
    {
        async move {
            if !aggregation.is_of_one_row() {
                return Err(Error::new(ErrorKind::InvalidInput, "an aggregation that may have any number of rows"));
            }
            let row = self.aggregate(cx, filter, aggregation).await?.into_iter().next();
            row.ok_or_else(|| Error::new(ErrorKind::Internal, "the repository answered no row"))?.read()
        }
    }
}

impl<M: Send + Sync, Id: Send + Sync, R: Reader<M, Id> + ?Sized> ReaderExt<M, Id> for R {}

/// What callers of a [`Deleter`] find convenient.
pub trait DeleterExt<M: Send + Sync, Id: Send + Sync>: Deleter<M, Id> {
    /// Deletes every model of this repository, atomically, and returns how many there were.
    ///
    /// # Errors
    /// Those of [`Deleter`].
    fn delete_all<'a>(&'a self, cx: &'a Cx) -> impl Future<Output = Result<u64>> + Send + 'a
    where
        M: 'a,
    {
        async move { self.delete_where(cx, &Filter::all()).await }
    }
}

impl<M: Send + Sync, Id: Send + Sync, D: Deleter<M, Id> + ?Sized> DeleterExt<M, Id> for D {}

/// The models of a query, read in parts, each from where the last one ended. Where several models may have one place in the
/// order, a part ends between two places.
pub(crate) fn in_parts<T, R, F>(mapping: Arc<Mapping<T>>, query: Query<T::Model>, size: u64, read: R) -> ModelStream<T::Model>
where
    T: ModelType,
    R: Fn(Query<T::Model>) -> F + Send + 'static,
    F: Future<Output = Result<Vec<T::Model>>> + Send + 'static,
{
    let left = query.limit.unwrap_or(u64::MAX);
    let parts = stream::unfold(Some((query, left, size, read)), move |state| {
        let mapping = mapping.clone();
        async move {
            let (query, left, size, read) = state?;
            let order = mapping.table.order(&query);
            // One more shows whether the part ends between two places.
            let more = u64::from(order.as_ref().is_ok_and(|order| !mapping.table.has_places(order)));
            let wanted = size.saturating_add(more).min(left);
            // In a task of its own, a part comes to its end although nobody asks for it any more: it may hold a connection, or
            // the turn of a transaction, that others wait for.
            let reading = tokio::spawn(carried(read(query.clone().limit(wanted))));
            let part = async {
                let panicked = |error| Error::new(ErrorKind::Internal, "reading panicked").with_source(error);
                let mut models = reading.await.map_err(panicked)??;
                if (models.len() as u64) < wanted || wanted == left {
                    return Ok((models, None));
                }
                let order = order?;
                if more > 0 {
                    let mut places = models.iter().map(|model| mapping.place(&order, model)).collect::<Result<Vec<_>>>()?;
                    let after = places.pop();
                    let same = places.iter().rev().take_while(|place| Some(*place) == after.as_ref()).count();
                    models.truncate(places.len() - same);
                }
                Ok(match models.last() {
                    Some(last) => {
                        let (next, read) = (query.beyond(mapping.place(&order, last)?), models.len() as u64);
                        (models, Some((next, left - read, size)))
                    }
                    // All are of one place, and so may others be.
                    None => (models, Some((query, left, size.saturating_mul(2)))),
                })
            };
            match part.await {
                Ok((models, next)) => Some((Ok(models), next.map(|(next, left, size)| (next, left, size, read)))),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    ModelStream::of_chunks(parts)
}

/// The same, in parts of the usual size.
pub(crate) fn in_usual_parts<T, R, F>(mapping: Arc<Mapping<T>>, query: Query<T::Model>, read: R) -> ModelStream<T::Model>
where
    T: ModelType,
    R: Fn(Query<T::Model>) -> F + Send + 'static,
    F: Future<Output = Result<Vec<T::Model>>> + Send + 'static,
{
    in_parts(mapping, query, CHUNK as u64, read)
}
