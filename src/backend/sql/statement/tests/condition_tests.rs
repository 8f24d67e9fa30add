//! Statements with conditions on text.

use larder_entity::raw_log::{self, COLUMN};
use sea_orm::Statement;

use super::super::{Catalog, StatementCache, Statements};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{Filter, TextPattern, field},
    repository::Mapping,
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

pub(super) fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
    let logs = Mapping::<raw_log::Entity>::plain();
    let (catalog, cache) = (Catalog::plain(), StatementCache::default());
    let of_logs = Statements::new(&logs.table, (dialect, 100), &catalog, &cache);
    filters().iter().map(|filter| logs.table.condition(filter).map(|condition| of_logs.count(&condition))).collect()
}
