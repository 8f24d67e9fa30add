//! Tables of the suite's entities.

use sea_orm::{
    EntityTrait, Schema,
    sea_query::{Alias, ColumnDef, IndexCreateStatement, Table, TableCreateStatement},
};

use super::entities::*;
use crate::{Cx, Store, idempotency};

/// Creates the tables of the suite's entities and of the idempotency keys, without the referential actions that the store does
/// not have.
///
/// # Panics
/// If one cannot be created.
pub async fn create_tables(store: &Store) {
    let sql = store.sql().expect("a SQL store");
    let actions = store.capabilities().referential_actions;
    let schema = Schema::new(sql.dialect().sea_orm());
    let table = async |(table, indexes): (TableCreateStatement, Vec<IndexCreateStatement>)| {
        let table = if actions { table } else { without_actions(&table) };
        sql.execute(&Cx::new(), &table).await.expect("a new table");
        for index in indexes {
            sql.execute(&Cx::new(), &index).await.expect("a new index");
        }
    };
    table(of(&schema, note::Entity)).await;
    table(of(&schema, person::Entity)).await;
    table(of(&schema, letter::Entity)).await;
    table(of(&schema, label::Entity)).await;
    table(of(&schema, edge::Entity)).await;
    table(of(&schema, token::Entity)).await;
    table(of(&schema, sample::Entity)).await;
    table(of(&schema, strict::Entity)).await;
    table(of(&schema, ticket::Entity)).await;
    table(of(&schema, place::Entity)).await;
    table(of(&schema, street::Entity)).await;
    table(of(&schema, door::Entity)).await;
    table(of(&schema, sign::Entity)).await;
    table(of(&schema, seat::Entity)).await;
    table(of(&schema, badge::Entity)).await;
    table(of(&schema, tally::Entity)).await;
    table(of(&schema, price::Entity)).await;
    table(of(&schema, moment::Entity)).await;
    table(of(&schema, item::Entity)).await;
    table(of(&schema, page::Entity)).await;
    let (lines, _) = of(&schema, line::Entity);
    table((without_key(&lines), Vec::new())).await;
    table(of(&schema, job::Entity)).await;
    table(of(&schema, idempotency::Entity)).await;
    if store.capabilities().arrays {
        table(of(&schema, tagged::Entity)).await;
    }
}

fn of<E: EntityTrait>(schema: &Schema, entity: E) -> (TableCreateStatement, Vec<IndexCreateStatement>) {
    (schema.create_table_from_entity(entity), schema.create_index_from_entity(entity))
}

/// The table without its key.
fn without_key(table: &TableCreateStatement) -> TableCreateStatement {
    let mut plain = Table::create();
    plain.table(table.get_table_name().expect("a name").clone());
    for column in table.get_columns() {
        let column_type = column.get_column_type().expect("a type").clone();
        let mut plain_column = ColumnDef::new_with_type(Alias::new(column.get_column_name()), column_type);
        if column.get_column_spec().nullable == Some(false) || column.get_column_spec().primary_key {
            plain_column.not_null();
        }
        plain.col(&mut plain_column);
    }
    plain.to_owned()
}

/// The table without the references that do something when what they point at is changed or deleted.
fn without_actions(table: &TableCreateStatement) -> TableCreateStatement {
    let mut plain = Table::create();
    plain.table(table.get_table_name().expect("a name").clone());
    for column in table.get_columns() {
        plain.col(column.clone());
    }
    for index in table.get_indexes() {
        plain.index(&mut index.clone());
    }
    for reference in table.get_foreign_key_create_stmts() {
        let key = reference.get_foreign_key();
        if key.get_on_delete().is_none() && key.get_on_update().is_none() {
            plain.foreign_key(&mut reference.clone());
        }
    }
    plain.to_owned()
}

/// Asserts that a store without referential actions refuses a table that has some.
///
/// # Panics
/// If it does not.
pub async fn refuses_actions(store: &Store) {
    let sql = store.sql().expect("a SQL store");
    let (table, _) = of(&Schema::new(sql.dialect().sea_orm()), street::Entity);
    let error = sql.execute(&Cx::new(), &table).await.expect_err("a table with actions");
    assert_eq!(error.kind(), crate::ErrorKind::Unsupported);
}
