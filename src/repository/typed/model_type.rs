//! [`ModelType`], a type of models: an entity's, or rows by column name.

use std::marker::PhantomData;

use sea_orm::{Iterable as _, ModelTrait as _, Value, sea_query::IntoValueTuple as _};

use crate::{
    entity::{IdOf, Storable},
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{ReadRow, check_digits, portable},
};

/// A type of models: what they are made of, and what they hold.
pub(crate) trait ModelType: Clone + Send + Sync + 'static {
    type Model: Clone + Send + Sync + 'static;
    type Id: Send + Sync + 'static;

    /// Refuses models that do not fit the table, whatever their values.
    fn check(&self, _table: &Table, _models: &[Self::Model]) -> Result<()> {
        Ok(())
    }

    /// The portable value that a model has in the column at a position.
    fn value(&self, table: &Table, model: &Self::Model, position: usize) -> Result<Value>;

    /// The value of a stored model, as it was read. `None` if there is no such column.
    fn stored(&self, model: &Self::Model, position: usize) -> Option<Value>;

    /// The portable values of an id, in the order of its parts.
    fn id_values(&self, table: &Table, id: &Self::Id) -> Result<Vec<Value>>;

    /// The model that `read` gives away the values of.
    fn model_of(&self, read: ReadRow<'_>) -> Result<Self::Model>;

    /// The model of a row of SeaORM's.
    #[cfg(feature = "_sqlx")]
    fn model_by_sea_orm(&self, row: &sea_orm::QueryResult) -> Result<Self::Model>;
}

/// The models of an entity.
pub(crate) struct EntityModel<E>(PhantomData<fn() -> E>);

impl<E> EntityModel<E> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E> Clone for EntityModel<E> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<E: Storable> ModelType for EntityModel<E> {
    type Model = E::Model;
    type Id = IdOf<E>;

    fn value(&self, table: &Table, model: &E::Model, position: usize) -> Result<Value> {
        let missing = || Error::new(ErrorKind::Internal, "a column that is not there");
        let (column, described) = E::Column::iter().nth(position).zip(table.columns.get(position)).ok_or_else(missing)?;
        let value = portable(model.get(column)).map_err(|error| error.in_column(described.name()))?;
        let checked = check_digits(&value, || described.decimal_digits()).map(|()| value);
        checked.map_err(|error| error.in_column(described.name()))
    }

    fn stored(&self, model: &E::Model, position: usize) -> Option<Value> {
        E::Column::iter().nth(position).map(|column| model.get(column))
    }

    fn id_values(&self, _: &Table, id: &IdOf<E>) -> Result<Vec<Value>> {
        id.clone().into_value_tuple().into_iter().map(portable).collect()
    }

    fn model_of(&self, read: ReadRow<'_>) -> Result<E::Model> {
        E::model_of(read)
    }

    #[cfg(feature = "_sqlx")]
    fn model_by_sea_orm(&self, row: &sea_orm::QueryResult) -> Result<E::Model> {
        <E::Model as sea_orm::FromQueryResult>::from_query_result(row, "").map_err(crate::error::unreadable)
    }
}
