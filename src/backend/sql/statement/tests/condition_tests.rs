//! Statements with conditions on text, long lists, and elements of lists.

use larder_entity::{
    ConfigVersion, fiber,
    raw_log::{self, COLUMN},
};
use sea_orm::Statement;
use uuid::Uuid;

use super::super::{Catalog, StatementCache, Statements};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{Filter, Scalar, TextPattern, field, field_of},
    repository::EntityMapping,
};

fn filters() -> Vec<Filter<raw_log::Model>> {
    let text = || field(COLUMN.raw_text);
    let pattern = || TextPattern::starting("a_").then("b%").then("c").ending("D");
    vec![
        text().equals_ignore_ascii_case("A"),
        text().contains_ignore_ascii_case("A"),
        text().starts_with_ignore_ascii_case("A@"),
        text().ends_with("A"),
        text().ends_with_ignore_ascii_case("A"),
        text().matches_pattern(pattern()),
        text().matches_pattern(pattern().ignore_ascii_case()),
        text().matches_pattern(TextPattern::starting("a").ending("b")),
        !text().matches_pattern(TextPattern::containing("a").then("b")),
    ]
}

/// Lists of more values than are bound one by one.
fn lists() -> Vec<Filter<raw_log::Model>> {
    let times = (0..100).map(|nth| chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(nth));
    let numbers = |length| field_of(raw_log::Column::ConfigVersion).is_in((0..length).map(ConfigVersion));
    vec![
        field(COLUMN.raw_text).is_in((0..100).map(|nth| nth.to_string())),
        field(COLUMN.log_id).is_in((0..100).map(Uuid::from_u128)),
        field(COLUMN.ingestion_time).is_in(times),
        numbers(100),
        numbers(10_000),
        !numbers(10_000),
    ]
}

/// Elements of documents, with a path and without.
fn elements() -> Vec<Filter<fiber::Model>> {
    let attributes = || field(fiber::COLUMN.attributes);
    let all = || [Scalar::from("a"), 1.into(), true.into()];
    vec![
        attributes().has_element("a"),
        attributes().has_any_of(all()),
        attributes().has_all_of(all()),
        attributes().has_all_of([""; 0]),
        attributes().path_has_element(["tags", "0"], 1),
        !attributes().path_has_any_of(["tags"], all()),
        attributes().path_has_all_of(["tags"], [""; 0]),
    ]
}

fn of_lists(dialect: Dialect) -> Result<Vec<Statement>> {
    let lists = EntityMapping::<listed::Entity>::plain();
    let (catalog, cache) = (Catalog::plain(), StatementCache::default());
    let statements = Statements::new(&lists.table, (dialect, 100), &catalog, &cache);
    let (words, numbers) = (|| field_of(listed::Column::Words), || field_of(listed::Column::Numbers));
    let tokens = || field_of(listed::Column::Tokens);
    let filters: [Filter<listed::Model>; 4] = [
        words().has_element("a"),
        !words().has_all_of(["a", "b"]),
        numbers().has_all_of([1, 2]),
        tokens().has_any_of([Uuid::nil()]),
    ];
    filters.iter().map(|filter| lists.table.condition(filter).map(|condition| statements.count(&condition))).collect()
}

mod listed {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "listed")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub words: Vec<String>,
        pub numbers: Option<Vec<i64>>,
        pub tokens: Vec<Uuid>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
    let logs = EntityMapping::<raw_log::Entity>::plain();
    let (catalog, cache) = (Catalog::plain(), StatementCache::default());
    let of_logs = Statements::new(&logs.table, (dialect, 100), &catalog, &cache);
    let mut all = Vec::new();
    for filter in filters().into_iter().chain(lists()) {
        all.push(of_logs.count(&logs.table.condition(&filter)?));
    }
    let fibers = EntityMapping::<fiber::Entity>::plain();
    let cache = StatementCache::default();
    let of_fibers = Statements::new(&fibers.table, (dialect, 100), &catalog, &cache);
    for filter in elements() {
        all.push(of_fibers.count(&fibers.table.condition(&filter)?));
    }
    if dialect != Dialect::Sqlite {
        all.extend(of_lists(dialect)?);
    }
    Ok(all)
}
