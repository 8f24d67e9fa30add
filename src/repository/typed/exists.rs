//! Filters through another table.

use sea_orm::ModelTrait;

use super::EntityMapping;
use crate::{
    entity::Storable,
    query::{ColumnName, Comparable, Field, Filter, TypedColumn},
};

impl<M, K: Comparable, Name: Into<ColumnName>> Field<M, K, Name> {
    /// There is a model in another table, or in the same one, that has this column's value in a column of its own and fulfils a
    /// filter of its own. Both columns are of one kind, which the compiler checks.
    ///
    /// Null is the value of no other model: the condition is false of a model with null in this column, and `!` of it is true.
    /// The filter may look into a further table in turn.
    ///
    /// The models of the other table are taken as they are stored, whatever the rules of a repository. Those that a repository
    /// sees, without what it has marked as deleted, are the ones that fulfil [`Reader::visible`](crate::Reader::visible):
    /// `exists_in(user::COLUMN.id, users.visible().and(…))`.
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
    /// # mod token {
    /// #     use sea_orm::entity::prelude::*;
    /// #     #[sea_orm::compact_model]
    /// #     #[derive(Clone, Debug, PartialEq, DeriveEntityModel, serde::Serialize, serde::Deserialize)]
    /// #     #[sea_orm(table_name = "token")]
    /// #     pub struct Model { #[sea_orm(primary_key)] pub id: i64, pub user_id: Option<i64> }
    /// #     #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    /// #     pub enum Relation {}
    /// #     impl ActiveModelBehavior for ActiveModel {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> larder::Result<()> {
    /// use larder::{Creator, Cx, Deleter, Reader, field};
    ///
    /// let (store, cx) = (larder::open("memory:").await?, Cx::new());
    /// let (users, tokens) = (store.repository::<user::Entity>(), store.repository::<token::Entity>());
    /// let ann = users.create(&cx, &user::Model { id: 0, name: "ann".into() }).await?;
    /// for user_id in [Some(ann.id), Some(99), None] {
    ///     tokens.create(&cx, &token::Model { id: 0, user_id }).await?;
    /// }
    ///
    /// let of_ann = field(token::COLUMN.user_id).exists_in(user::COLUMN.id, field(user::COLUMN.name).equals("ann"));
    /// assert_eq!(tokens.count(&cx, &of_ann).await?, 1);
    /// let of_nobody = !field(token::COLUMN.user_id).exists_in(user::COLUMN.id, larder::Filter::all());
    /// assert_eq!(tokens.delete_where(&cx, &of_nobody).await?, 2);
    /// # Ok(()) }
    /// ```
    ///
    /// On SQL stores this is a correlated `EXISTS`: an index on the other table's column serves it. The store in memory looks the
    /// other table's values up once for each operation.
    #[must_use]
    pub fn exists_in<C, N>(self, column: C, filter: Filter<N>) -> Filter<M>
    where
        C: TypedColumn<Model = N, Kind = K>,
        N: ModelTrait<Entity: Storable<Model = N>>,
    {
        self.exists(EntityMapping::<N::Entity>::plain().table.clone(), column.column().name.into(), filter)
    }
}
