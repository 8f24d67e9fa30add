use std::{future::Future, sync::Arc};

use futures_util::stream;
use sea_orm::{ModelTrait, sea_query::ValueType};
use serde::de::DeserializeOwned;

use super::{Deleter, Mapping, Reader};
use crate::{
    context::{Cx, carried},
    entity::Storable,
    error::{Error, ErrorKind, Result, not_found},
    query::{Aggregation, Filter, Page, PageRequest, Projection, Query, TypedColumn},
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
            let mapping = Mapping::<M::Entity>::plain();
            let one_more = request.query(&mapping.table, query)?;
            let models = self.query(cx, &one_more).await?;
            request.page(&mapping.table, query, models, |order, model| mapping.place(order, model))
        }
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
        let checked = PageRequest::new(size).query(&Mapping::<M::Entity>::plain().table, &Query::<M>::new());
        let read = move |query: Query<M>| {
            let (reader, cx, checked) = (reader.clone(), cx.clone(), checked.as_ref().map(drop).map_err(Error::clone));
            async move {
                checked?;
                reader.query(&cx, &query).await
            }
        };
        in_parts(Mapping::<M::Entity>::plain(), query.clone(), u64::from(size), read)
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

    /// The groups of an [`Aggregation`] of the models that the filter selects, each as a `T`: a struct with a field for each column
    /// and aggregate, by its name; a tuple; or, for a single one, its value. What may be null, such as the sum of a group without
    /// values, is an `Option`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), which names the value, if one is not `T`'s: so is a sum that the type asked
    /// for cannot hold. Those of [`Reader::aggregate`].
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

/// The models of a query, read in parts, each from where the last one ended.
pub(crate) fn in_parts<E, R, F>(mapping: Arc<Mapping<E>>, query: Query<E::Model>, size: u64, read: R) -> ModelStream<E::Model>
where
    E: Storable,
    R: Fn(Query<E::Model>) -> F + Send + 'static,
    F: Future<Output = Result<Vec<E::Model>>> + Send + 'static,
{
    let left = query.limit.unwrap_or(u64::MAX);
    let parts = stream::unfold(Some((query, left, read)), move |state| {
        let mapping = mapping.clone();
        async move {
            let (query, left, read) = state?;
            let wanted = size.min(left);
            // In a task of its own, a part comes to its end although nobody asks for it any more: it may hold a connection, or
            // the turn of a transaction, that others wait for.
            let reading = tokio::spawn(carried(read(query.clone().limit(wanted))));
            let part = async {
                let panicked = |error| Error::new(ErrorKind::Internal, "reading panicked").with_source(error);
                let models = reading.await.map_err(panicked)??;
                let next = match models.last() {
                    Some(last) if models.len() as u64 == wanted && wanted < left => {
                        Some(query.beyond(mapping.place(&mapping.table.order(&query)?, last)?))
                    }
                    _ => None,
                };
                Ok((models, next))
            };
            match part.await {
                Ok((models, next)) => Some((Ok(models), next.map(|next| (next, left - wanted, read)))),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    ModelStream::of_chunks(parts)
}

/// The same, in parts of the usual size.
pub(crate) fn in_usual_parts<E, R, F>(mapping: Arc<Mapping<E>>, query: Query<E::Model>, read: R) -> ModelStream<E::Model>
where
    E: Storable,
    R: Fn(Query<E::Model>) -> F + Send + 'static,
    F: Future<Output = Result<Vec<E::Model>>> + Send + 'static,
{
    in_parts(mapping, query, CHUNK as u64, read)
}
