//! Filters and aggregations of models that are at hand.

use sea_orm::ModelTrait;

use super::EntityMapping;
use crate::{
    entity::Storable,
    error::{Error, ErrorKind, Result},
    query::{Aggregation, Filter, ResolvedAggregation},
    row::Row,
};

impl<M: ModelTrait<Entity: Storable<Model = M>>> Filter<M> {
    /// Whether a model fulfils the filter, as every store decides it: for a fake of a [`Reader`](crate::Reader), or a store of
    /// the application's own.
    ///
    /// The database's own data may differ from what was given to it: a default, a trigger, a computed column. This looks at the
    /// model as it is.
    ///
    /// ```
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String, pub age: Option<i32> }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::field;
    ///
    /// # fn main() -> larder::Result<()> {
    /// let adults = field(user::COLUMN.age).at_least(18);
    /// let ann = user::Model { id: 1, name: "Ann".into(), age: Some(18) };
    /// let bob = user::Model { age: None, ..ann.clone() };
    /// assert!(adults.matches(&ann)?);
    /// assert!(!adults.matches(&bob)? && (!adults).matches(&bob)?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for a query with the filter: [`InvalidInput`](crate::ErrorKind::InvalidInput) for one that is too large, too deep or
    /// does not fit its columns, and [`Unsupported`](crate::ErrorKind::Unsupported) for a column whose values cannot be compared
    /// and for a filter that looks into [another table](crate::Field::exists_in).
    /// `InvalidInput`, which names the column, for a model with a value that no store could hold.
    pub fn matches(&self, model: &M) -> Result<bool> {
        let mapping = EntityMapping::<M::Entity>::plain();
        let condition = mapping.table.condition(self)?;
        if !condition.joins().is_empty() {
            return Err(Error::new(ErrorKind::Unsupported, "a filter that looks into another table"));
        }
        Ok(condition.is_met_by(&mapping.values(model)?))
    }
}

impl<M: ModelTrait<Entity: Storable<Model = M>>> Aggregation<M> {
    /// The groups of those of these models that fulfil a filter, as every store answers them: for a fake of a
    /// [`Reader`](crate::Reader), or a store of the application's own.
    ///
    /// ```
    /// # mod user {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "user")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub name: String, pub age: Option<i32> }
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// use larder::{Aggregate, Aggregation, Filter};
    ///
    /// # fn main() -> larder::Result<()> {
    /// let users = [("Ann", Some(18)), ("Bob", None), ("Ann", Some(20))];
    /// let users = users.map(|(name, age)| user::Model { id: 0, name: name.into(), age });
    /// let names = Aggregation::new().group_by(user::COLUMN.name).and(Aggregate::average(user::COLUMN.age));
    /// let rows = names.of(&Filter::all(), &users)?.into_iter().map(|row| row.read::<(String, Option<f64>)>());
    /// assert_eq!(rows.collect::<larder::Result<Vec<_>>>()?, [("Ann".to_owned(), Some(19.0)), ("Bob".to_owned(), None)]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Reader::aggregate`](crate::Reader::aggregate), and [`InvalidInput`](crate::ErrorKind::InvalidInput), which
    /// names the column, for a model with a value that no store could hold.
    pub fn of<'m>(&self, filter: &Filter<M>, models: impl IntoIterator<Item = &'m M>) -> Result<Vec<Row>>
    where
        M: 'm,
    {
        let mapping = EntityMapping::<M::Entity>::plain();
        let ResolvedAggregation { condition, grouping, finish } = mapping.table.aggregation(filter, self)?;
        let rows = models.into_iter().map(|model| mapping.values(model)).collect::<Result<Vec<_>>>()?;
        finish.finish(grouping.of(&mapping.table, rows.iter().filter(|row| condition.is_met_by(row)))?)
    }
}
