//! Tables and rows that are known only when the program runs.

use std::sync::Arc;

use sea_orm::EntityName as _;

use crate::{
    context::Cx,
    error::Result,
    idempotency,
    repository::{Mapping, Repository, RowModel, Storage},
    row::Row,
    store::Store,
    table::{Table, TableName},
    value::Key,
};

/// # Without entities
impl Store {
    /// The names of the tables that the store has, by schema and name: without views, the tables of the system, and that of the
    /// [idempotency keys](Cx::with_idempotency_key). In memory, those that repositories were made for.
    ///
    /// A name without a schema is that of a table which is found by its name alone. On SQLite the tables of attached databases
    /// are among them; on Postgres those of every schema, but for partitions, which belong to their table, and what an extension
    /// has brought; on DuckDB those of the database that is open, in all its schemas. Inside a transaction it sees what that has
    /// created. The store's [prefix](Store::with_table_prefix) is part of the names.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without the capability [`catalog`](crate::Capabilities::catalog), and those
    /// of any [read](crate::Reader) for the way the context takes part.
    ///
    /// # Dropping the future
    /// As of a [read](crate::Reader).
    pub async fn tables(&self, cx: &Cx) -> Result<Vec<TableName>> {
        let own = idempotency::Entity.table_name();
        let mut tables = self.backend().tables(cx).await?;
        tables.retain(|table| table.name() != own);
        Ok(tables)
    }

    /// What the store's catalog says of a table or a view: its columns with their types, its keys and references. For
    /// [`dynamic`](Self::dynamic).
    ///
    /// The name is the one that the database has; the store's [prefix](Store::with_table_prefix) is not added. A description is
    /// what the table is now. After the table has changed, describe it again.
    ///
    /// Which type values have is said in [column types](crate::guide::column_types#tables-without-entities).
    ///
    /// # Errors
    /// [`TableMissing`](crate::ErrorKind::TableMissing), which names the table: there is no table or view of this name. Otherwise
    /// as of [`tables`](Self::tables).
    ///
    /// # Dropping the future
    /// As of a [read](crate::Reader).
    pub async fn describe(&self, cx: &Cx, table: impl Into<TableName>) -> Result<Arc<Table>> {
        let table = table.into();
        self.backend().describe(cx, &table).await.map_err(|error| error.at("describe", &table.to_string()))
    }

    /// A repository of the rows of a table, by column name: all that a [`repository`](Self::repository) of an entity does, in the
    /// same transactions and through the same layers, but for [`Hooks`](crate::layer::Hooks), which are an entity's.
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use larder::{Cx, Creator, Key, Query, Reader, Row, SqlText, field_named};
    /// use sea_orm::Value;
    ///
    /// let (store, cx) = (larder::open("sqlite::memory:").await?, Cx::new());
    /// let create = SqlText::new("CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT NOT NULL, people INTEGER DEFAULT 0)");
    /// store.sql()?.execute(&cx, &create).await?;
    ///
    /// let table = store.describe(&cx, "city").await?;
    /// assert_eq!(table.primary_key().collect::<Vec<_>>(), ["id"]);
    ///
    /// let cities = store.dynamic(&table);
    /// let oslo = cities.create(&cx, &Row::from_iter([("name", Value::from("Oslo"))])).await?;
    /// assert_eq!((oslo.get("id"), oslo.get("people")), (Some(&Value::from(1_i64)), Some(&Value::from(0_i64))));
    ///
    /// let empty = Query::new().filter(field_named("people").equals(0)).order_by(field_named("name"));
    /// assert_eq!(cities.query(&cx, &empty).await?, [oslo.clone()]);
    /// assert_eq!(cities.find(&cx, &Key::new([1])).await?, Some(oslo));
    /// # Ok(()) }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Rows
    /// A row that is read has every column, in the table's order. Enums and single characters are text. The values of a row that
    /// is given are converted to the types of their columns where that changes nothing: any width of whole numbers, any kind of
    /// instant. A value of another type is [`InvalidInput`](crate::ErrorKind::InvalidInput), and so are a column that the table
    /// does not have, and a column that is named twice; the error names the column.
    ///
    /// A row that is created may leave out columns: it gets the database's default, the number that the database generates, or
    /// null. A null that is given is null, and a zero is zero. A row that is updated has to have every column, and one that is
    /// [upserted](crate::Creator::upsert_batch) those with a default, except for an id that the database generates; otherwise it
    /// is `InvalidInput`. What is given for a column that the database computes is not written.
    ///
    /// # Ids
    /// The id is a [`Key`] of the values of the primary key. A table without a primary key can be read, counted and inserted
    /// into, and [`update_where`](crate::Updater::update_where) and [`delete_where`](crate::Deleter::delete_where) work on it.
    /// What goes by an id is [`Unsupported`](crate::ErrorKind::Unsupported), and so is a stream inside a transaction. Its rows
    /// are in the order that is asked for, and in any order beyond that. A view can be read in the same way; to write to it is
    /// `Unsupported`. Rows have no [pages](crate::ReaderExt::page).
    ///
    /// # Of which store?
    /// The table is one that [`describe`](Self::describe) has returned on this store, or one of [an
    /// entity](crate::backend::Table::of). A store without a schema, such as memory, takes any that has a primary key. A table
    /// with columns that larder has no values for is `Unsupported` on a store of another SQL dialect.
    #[must_use]
    pub fn dynamic(&self, table: &Arc<Table>) -> Arc<dyn Storage<Row, Key>> {
        let table = table.described();
        let rows = RowModel::of(&table);
        Arc::new(Repository::new(self.backend(), Mapping::new(table, rows)))
    }
}
