use larder_entity::fiber;
use sea_orm::Statement;

use super::{
    super::{Catalog, Source, StatementCache, Statements},
    document, upserts,
};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{Comparison, OnConflict, Query, Test, Tree, field_of},
    repository::EntityMapping,
    rules::Rules,
    table::Table,
    value::Key,
};

/// Statements of an entity whose repository has a filter.
pub(super) fn within_a_filter(dialect: Dialect) -> Result<Vec<Statement>> {
    let mut table = Table::of::<document::Entity>();
    table.rules = Rules { deleted_at: Some(5), ..Rules::default() };
    table.set_scope::<document::Model>(&field_of(document::Column::Title).equals("a"))?;
    let mapping = EntityMapping::<document::Entity>::of(table);
    let (catalog, cache) = (Catalog::plain(), StatementCache::default());
    let statements = Statements::new(&mapping.table, (dialect, 100), &catalog, &cache);
    let (created_at, updated_at) = (None, None);
    let model = document::Model { id: 1, version: 2, title: "a".into(), created_at, updated_at, deleted_at: None };
    let row = mapping.values(&model)?;
    let id = mapping.table.key_of(&row);
    let columns: Vec<usize> = (0..mapping.table.columns.len()).collect();
    let rows = [row];
    let source = Source::Values(&rows);
    let resolution = mapping.table.resolution(&OnConflict::<document::Model>::replace())?;
    let mut all = vec![statements.find(&id)?, statements.count_of(std::slice::from_ref(&id))];
    all.push(statements.select(&mapping.table.selection(&Query::<document::Model>::new().with_deleted())?));
    for row in &rows {
        all.extend(statements.update(row, true)?);
    }
    all.extend(statements.update_from(&source, &columns)?);
    all.extend(upserts(&statements, &rows, &resolution)?);
    all.push(statements.count_taken(&source, &columns, &resolution));
    all.push(statements.delete_ids(&[id], None)?);
    Ok(all)
}

/// What is bound to a statement that is written again is the filter's, or the row's, whatever numbers these are.
#[test]
fn a_filter_keeps_its_values() -> Result<()> {
    for own in [0_i64, 1, 5, i64::MIN, i64::MIN + 1, i64::MIN + 4_096] {
        let mut table = Table::of::<fiber::Entity>();
        table.scope.filter = Tree::Test(0, Test::Compare(Comparison::Equal, own.into()));
        let (catalog, cache) = (Catalog::plain(), StatementCache::default());
        let of_fibers = Statements::new(&table, (Dialect::Sqlite, 100), &catalog, &cache);
        for id in [0_i64, 7, i64::MIN] {
            let bound = of_fibers.find(&Key(vec![id.into()]))?.values.map(|values| values.0);
            assert_eq!(bound, Some(vec![id.into(), own.into()]), "{own} {id}");
        }
    }
    Ok(())
}
