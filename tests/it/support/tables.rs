//! Tables for the test entities.

use larder::{Cx, Store};

pub(crate) async fn create(store: &Store) {
    use sea_orm::{EntityTrait, Schema};

    use super::entities::*;

    let sql = store.sql().expect("a SQL store");
    let schema = Schema::new(sql.dialect());
    async fn table<E: EntityTrait>(sql: &larder::Sql, schema: &Schema, entity: E) {
        sql.execute(&Cx::new(), &schema.create_table_from_entity(entity)).await.expect("a new table");
        for index in schema.create_index_from_entity(entity) {
            sql.execute(&Cx::new(), &index).await.expect("a new index");
        }
    }
    table(&sql, &schema, note::Entity).await;
    table(&sql, &schema, person::Entity).await;
    table(&sql, &schema, letter::Entity).await;
    table(&sql, &schema, label::Entity).await;
    table(&sql, &schema, edge::Entity).await;
    table(&sql, &schema, token::Entity).await;
    table(&sql, &schema, sample::Entity).await;
    table(&sql, &schema, strict::Entity).await;
    table(&sql, &schema, ticket::Entity).await;
    table(&sql, &schema, place::Entity).await;
    table(&sql, &schema, street::Entity).await;
    table(&sql, &schema, door::Entity).await;
    table(&sql, &schema, sign::Entity).await;
    table(&sql, &schema, seat::Entity).await;
    table(&sql, &schema, badge::Entity).await;
    table(&sql, &schema, tally::Entity).await;
    table(&sql, &schema, moment::Entity).await;
}
