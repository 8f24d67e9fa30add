use async_trait::async_trait;

use crate::{
    context::Cx,
    error::{Result, unsupported},
    query::{Aggregation, Filter, Projection, Query},
    row::Row,
    stream::ModelStream,
};

/// Reads models.
///
/// Inside a transaction a read sees what the transaction has written; outside it sees what is committed, and never a part of
/// another transaction. With a context inside a transaction of another store, a read runs by itself.
///
/// What callers find convenient, such as pages, is in [`ReaderExt`](crate::ReaderExt).
///
/// # What is the order, what about nulls, what if models change while I page?
/// In short: the columns asked for and then the id; nulls come first; a page goes on from a place in the order, and no model that
/// stays as it is is read twice or left out. [`Query`] says it in full.
///
/// # What if I drop a stream?
/// The engine stops, at the latest where it would have given the next model, and the connection goes back to the pool, as clean
/// as it was. Nobody has to read a stream to its end. Inside a transaction it costs the transaction nothing.
///
/// # Errors
/// - [`InvalidInput`](crate::ErrorKind::InvalidInput): a filter with a value that does not fit its column, or that is too large.
/// Nothing was sent, and a transaction can go on.
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a filter, an order or a distinct projection of a column whose values cannot
/// be compared: a list, or a type that not every backend knows. So are a query, a page and a stream of an entity with such an
/// id, because its models have no order. The error names the column.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): what is stored cannot be read as the model.
/// - [`TableMissing`](crate::ErrorKind::TableMissing): no migration has made the table.
/// - Those of [`Transactional`](crate::Transactional) for the way the context takes part.
///
/// A model that does not exist is never an error here, and an error never looks like one that does not exist.
///
/// # Dropping the future
/// Changes nothing. Inside a transaction, the transaction can no longer commit: the engine's answer to the read is unknown. A
/// [`ModelStream`], once it is there, can be dropped at any time, and costs a transaction nothing.
#[async_trait]
pub trait Reader<M: Send + Sync, Id: Send + Sync>: Send + Sync {
    /// The model with this id, if it exists.
    async fn find(&self, cx: &Cx, id: &Id) -> Result<Option<M>>;

    /// The models with these ids, in the order asked, those that do not exist left out. An id asked for twice is answered twice.
    /// Any number of ids can be asked for; outside a transaction a long list is read in parts, which may see different moments.
    async fn find_many(&self, cx: &Cx, ids: &[Id]) -> Result<Vec<M>>;

    /// The models that a query selects, in its order.
    async fn query(&self, cx: &Cx, query: &Query<M>) -> Result<Vec<M>>;

    /// The models that a query selects, in its order, one after another, however many there are.
    ///
    /// Outside a transaction the stream holds a connection until it is read to its end or dropped, and sees the moment at which
    /// it began, whatever is written meanwhile. Dropping it stops the engine. A store of one connection, as SQLite's in memory
    /// is, has none left for anybody else until then; [`stream_in_pages`](crate::ReaderExt::stream_in_pages) holds none between
    /// its parts.
    ///
    /// Inside a transaction it reads a part at a time, each from where the last one ended, and holds no connection between: the
    /// transaction can write meanwhile, and what it writes is seen where it comes later in the order. When the transaction ends,
    /// so does the stream, with [`TransactionClosed`](crate::ErrorKind::TransactionClosed); a part that is asked for while a
    /// nested transaction is open is [`NestedAcquire`](crate::ErrorKind::NestedAcquire). A part that is being read comes to its
    /// end, whoever drops the stream.
    async fn stream(&self, cx: &Cx, query: &Query<M>) -> Result<ModelStream<M>>;

    /// How many models the filter selects.
    async fn count(&self, cx: &Cx, filter: &Filter<M>) -> Result<u64>;

    /// The filter that the models fulfil which this repository sees: those of its
    /// [own filter](crate::RepositoryBuilder::within), without those that it has marked as
    /// [deleted](crate::RepositoryBuilder::deleted_at). It is for filters of other repositories that look into this one's table,
    /// which take its models as they are stored: see [`Field::exists_in`](crate::Field::exists_in).
    ///
    /// By default every model.
    fn visible(&self) -> Filter<M> {
        Filter::all()
    }

    /// How many models a query selects, with what [`count`](Self::count) has no notion of: the
    /// [first of each group](Query::first_of_each), a limit and an offset, and models that are
    /// [marked as deleted](Query::with_deleted). A limit spares the engine from counting all: with a limit of 1 001, the answer
    /// 1 001 means "more than 1 000".
    ///
    /// # Errors
    /// Default: [`Unsupported`](crate::ErrorKind::Unsupported), for a reader that is no store's repository and does not implement
    /// it.
    async fn count_of(&self, _: &Cx, _: &Query<M>) -> Result<u64> {
        Err(unsupported("count_of"))
    }

    /// Some columns of the models that a query selects, for [`query_as`](crate::ReaderExt::query_as) and
    /// [`distinct`](crate::ReaderExt::distinct) to read.
    async fn project(&self, cx: &Cx, query: &Query<M>, projection: &Projection<M>) -> Result<Vec<Row>>;

    /// Values that are computed of groups of the models that the filter selects, for
    /// [`aggregate_as`](crate::ReaderExt::aggregate_as) and [`aggregate_one`](crate::ReaderExt::aggregate_one) to read. Models
    /// that are marked as deleted do not count, unless the aggregation [says so](Aggregation::with_deleted).
    ///
    /// A sum of whole numbers that no `u64` holds is in a row as a `Decimal`, or as its digits if it is none either.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), with nothing sent: an aggregation of nothing, or of more than 100
    /// columns and aggregates; a sum of what are no numbers; groups, an order or different values of JSON documents; an order
    /// by a column that is not grouped by; a [`TimeBucket`](crate::TimeBucket) of no width. The conditions of all filters count
    /// together.
    ///
    /// `InvalidInput` for what only the stored values tell: a sum of floating-point numbers that is not finite, a sum of decimals
    /// that no `Decimal` holds, a bucket of time that begins before the year 1. Inside a transaction, the transaction can no
    /// longer commit.
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the implementation has no aggregates, which is what this method does by
    /// default.
    async fn aggregate(&self, _cx: &Cx, _filter: &Filter<M>, _aggregation: &Aggregation<M>) -> Result<Vec<Row>> {
        Err(unsupported("aggregate"))
    }

    /// The model with this id, if it exists, which no other transaction changes, deletes or locks before the one of the context
    /// has ended: for a model that is read, and written by what was read.
    ///
    /// ```
    /// # mod account {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "account")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub cents: i64 }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use larder::{Creator, Cx, Error, ErrorKind, Reader, ReaderExt, TransactionalExt, Updater};
    ///
    /// let accounts = &larder::open("memory:").await?.repository::<account::Entity>();
    /// accounts.create(&Cx::new(), &account::Model { id: 1, cents: 500 }).await?;
    /// let paid = accounts.tx(&Cx::new(), |cx| async move {
    ///     let missing = || Error::new(ErrorKind::NotFound, "no such account");
    ///     let mut account = accounts.find_locked(&cx, &1).await?.ok_or_else(missing)?;
    ///     account.cents -= 200;
    ///     accounts.update(&cx, &account).await
    /// });
    /// assert_eq!(paid.await?.cents, 300);
    /// # Ok(()) }
    /// ```
    ///
    /// It waits for a transaction that has locked or changed the model: Postgres for that of this model, memory and SQLite for
    /// any that writes. It counts as a write: [`ReadOnly`](crate::ErrorKind::ReadOnly) in a read-only transaction. In a
    /// transaction whose isolation is more than [`ReadCommitted`](crate::Isolation::ReadCommitted), a model that was changed
    /// since the transaction began to read is [`Contention`](crate::ErrorKind::Contention). Outside a transaction it is
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput), and [`Unsupported`](crate::ErrorKind::Unsupported) on a store without
    /// the [capability](crate::Capabilities::row_locks).
    async fn find_locked(&self, cx: &Cx, id: &Id) -> Result<Option<M>> {
        let _ = (cx, id);
        Err(unsupported("find_locked"))
    }
}
