mod answer_tests;
mod condition_tests;
mod within_tests;

use std::{env, fs, path::Path, sync::Arc};

use larder_entity::{ConfigVersion, fiber, fiber_membership, raw_log};
use sea_orm::{Statement, Value};
use uuid::Uuid;

use super::{Catalog, Described, Source, StatementCache, Statements};
use crate::{
    backend::sql::catalog::{Form, TextOrder},
    dialect::Dialect,
    entity::Storable,
    error::Result,
    query::{Change, Changes, Filter, OnConflict, Position, Projection, Query, Resolution, Scalar, field, field_of, key_of},
    repository::EntityMapping,
    rules::Rules,
    table::Table,
};

/// Makes the statements of one entity.
struct Maker<E: Storable> {
    mapping: Arc<EntityMapping<E>>,
    dialect: Dialect,
    catalog: Arc<Catalog>,
    cache: StatementCache,
}

impl<E: Storable> Maker<E> {
    fn new(mapping: Arc<EntityMapping<E>>, dialect: Dialect) -> Self {
        Self { mapping, dialect, catalog: Catalog::plain(), cache: StatementCache::default() }
    }

    fn statements(&self) -> Statements<'_> {
        let (table, catalog, cache) = (&self.mapping.table, &self.catalog, &self.cache);
        Statements::new(table, (self.dialect, 100), catalog, cache)
    }
}

/// Every statement of two entities, one with a plain id and a default, one with a composite id; and what others add.
fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
    let logs = Maker::new(EntityMapping::<raw_log::Entity>::plain(), dialect);
    let mut all = of_rows(&logs)?;
    all.extend(of_conflicts(&logs)?);
    all.extend(of_filters(&logs)?);
    all.extend(of_queries(&logs)?);
    all.extend(with_rules(dialect)?);
    all.extend(within_tests::within_a_filter(dialect)?);
    all.extend(answer_tests::statements(dialect)?);
    all.extend(super::aggregate::tests::statements(dialect)?);
    all.extend(condition_tests::statements(dialect)?);
    Ok(all)
}

fn log() -> raw_log::Model {
    raw_log::Model {
        log_id: Uuid::nil(),
        timestamp: chrono::DateTime::UNIX_EPOCH,
        source_id: "source".to_owned(),
        raw_text: "line".to_owned(),
        ingestion_time: None,
        config_version: ConfigVersion(1),
    }
}

/// What is done to rows by their ids.
fn of_rows(logs: &Maker<raw_log::Entity>) -> Result<Vec<Statement>> {
    let members = Maker::new(EntityMapping::<fiber_membership::Entity>::plain(), logs.dialect);
    let (of_logs, of_members) = (logs.statements(), members.statements());
    let member = fiber_membership::Model { log_id: Uuid::nil(), fiber_id: Uuid::nil(), config_version: ConfigVersion(1) };
    let (log, member) = (logs.mapping.values(&log())?, members.mapping.values(&member)?);
    let (log_key, member_key) = (of_logs.table.key_of(&log), of_members.table.key_of(&member));
    let rows = [log.clone(), log.clone()];
    let all_columns: Vec<usize> = (0..of_logs.table.columns.len()).collect();
    let mut all = vec![
        of_logs.insert(&rows, false)?,
        of_logs.insert(std::slice::from_ref(&log), true)?,
        of_logs.find(&log_key)?,
        of_logs.find_many(&[log_key.clone(), log_key.clone()]),
        of_logs.count_of(std::slice::from_ref(&log_key)),
        of_members.find(&member_key)?,
        of_members.find_many(&[member_key.clone(), member_key.clone()]),
    ];
    all.extend(of_logs.update(&log, true)?);
    all.extend(of_members.update(&member, true)?);
    all.extend(of_logs.update(&log, false)?);
    all.extend(of_logs.update_from(&Source::Values(&rows), &all_columns)?);
    all.push(of_logs.delete_ids(std::slice::from_ref(&log_key), None)?);
    all.push(of_members.delete_ids(std::slice::from_ref(&member_key), None)?);
    all.push(of_logs.delete_where(&of_logs.table.condition(&Filter::<raw_log::Model>::all())?, None)?);
    Ok(all)
}

/// Upserts in every way to deal with what is there already.
fn of_conflicts(logs: &Maker<raw_log::Entity>) -> Result<Vec<Statement>> {
    let of_logs = logs.statements();
    let rows = vec![logs.mapping.values(&log())?; 2];
    let mut all = Vec::new();
    for on_conflict in [OnConflict::ignore(), OnConflict::replace(), OnConflict::replace_column(raw_log::COLUMN.raw_text)] {
        all.extend(upserts(&of_logs, &rows, &of_logs.table.resolution(&on_conflict)?)?);
    }
    Ok(all)
}

/// Updates and counts of what a filter selects.
fn of_filters(logs: &Maker<raw_log::Entity>) -> Result<Vec<Statement>> {
    let fibers = Maker::new(EntityMapping::<fiber::Entity>::plain(), logs.dialect);
    let (of_logs, of_fibers) = (logs.statements(), fibers.statements());
    let changes = Changes::new().set(raw_log::COLUMN.raw_text, "new").set_null(raw_log::COLUMN.ingestion_time);
    let changes = of_logs.table.changes(&changes)?;
    let mut all = Vec::new();
    all.extend(of_logs.update_where(&of_logs.table.condition(&field(raw_log::COLUMN.source_id).equals("a"))?, &changes)?);
    for filter in filters() {
        all.push(of_logs.count(&of_logs.table.condition(&filter)?));
        all.push(of_logs.count(&of_logs.table.condition(&!filter)?));
    }
    for (scalar, key) in [(Scalar::from("a"), "k"), (Scalar::from(1), "0"), (Scalar::from(true), "a.b")] {
        let filter = field(fiber::COLUMN.attributes).path_equals(["one", key], scalar);
        all.push(of_fibers.count(&of_fibers.table.condition(&filter)?));
    }
    for filter in filters_of_columns() {
        all.push(of_logs.count(&of_logs.table.condition(&filter)?));
        all.push(of_logs.count(&of_logs.table.condition(&!filter)?));
    }
    Ok(all)
}

/// Selects of models, from their beginning and from a position, and of some columns.
fn of_queries(logs: &Maker<raw_log::Entity>) -> Result<Vec<Statement>> {
    let of_logs = logs.statements();
    let log = logs.mapping.values(&log())?;
    let mut all = Vec::new();
    for query in queries() {
        all.push(of_logs.select(&of_logs.table.selection(&query)?));
        let keys = key_of(&of_logs.table.order(&query)?, &log);
        for backward in [false, true] {
            let position = Some(Position { keys: Some(keys.clone()), backward });
            all.push(of_logs.select(&of_logs.table.selection(&Query { position, ..query.clone() })?));
        }
    }
    for query in queries().into_iter().map(|query| query.first_of_each(raw_log::COLUMN.source_id)) {
        all.push(of_logs.select(&of_logs.table.selection(&query)?));
        all.push(of_logs.count_selected(&of_logs.table.selection(&query)?));
    }
    let projection = Projection::of(raw_log::COLUMN.source_id).and(raw_log::COLUMN.timestamp);
    for distinct in [false, true] {
        let selection = of_logs.table.selection(&Query::<raw_log::Model>::new().limit(5).offset(1))?;
        all.push(of_logs.project(&selection, &of_logs.table.projected(&projection)?, distinct));
    }
    Ok(all)
}

/// An upsert in the way of its dialect.
pub(super) fn upserts(of: &Statements<'_>, rows: &[Vec<Value>], resolution: &Resolution) -> Result<Vec<Statement>> {
    let columns: Vec<usize> = (0..of.table.columns.len()).collect();
    let source = Source::Values(rows);
    if of.dialect == Dialect::Postgres {
        return Ok(vec![of.upsert(rows, resolution)?]);
    }
    let replace = of.replace_from(&source, &columns, resolution)?;
    Ok(replace.into_iter().chain([of.insert_missing(&source, &columns, resolution)?]).collect())
}

fn filters() -> Vec<Filter<raw_log::Model>> {
    let text = || field(raw_log::COLUMN.raw_text);
    let time = || field(raw_log::COLUMN.ingestion_time);
    let epoch = chrono::DateTime::UNIX_EPOCH;
    vec![
        text().equals("a"),
        text().less_than("a"),
        text().between("a", "b"),
        text().contains("50%"),
        text().starts_with("a_"),
        text().is_in(["a", "b"]),
        time().at_most(epoch),
        time().is_null(),
        field_of(raw_log::Column::ConfigVersion).is_in([ConfigVersion(1)]),
        Filter::none(),
        text().equals("a").or(time().not_equals(epoch)).and(!text().contains("b")),
    ]
}

/// Two columns of one row; one of another table, and of one beyond that.
fn filters_of_columns() -> Vec<Filter<raw_log::Model>> {
    let other = field(raw_log::COLUMN.raw_text).exists_in(raw_log::COLUMN.source_id, Filter::all());
    let members = field(fiber_membership::COLUMN.log_id).exists_in(raw_log::COLUMN.log_id, other);
    vec![
        field(raw_log::COLUMN.raw_text).equals_column(raw_log::COLUMN.source_id),
        field(raw_log::COLUMN.raw_text).less_than_column(raw_log::COLUMN.source_id),
        field(raw_log::COLUMN.ingestion_time).at_least_column(raw_log::COLUMN.timestamp),
        field(raw_log::COLUMN.log_id).exists_in(fiber_membership::COLUMN.log_id, members),
    ]
}

/// By the id alone; all one way; another way; with nulls.
fn queries() -> Vec<Query<raw_log::Model>> {
    use raw_log::COLUMN;
    vec![
        Query::new(),
        Query::new().order_by(COLUMN.timestamp).limit(10),
        Query::new().order_by_desc(COLUMN.timestamp).offset(3),
        Query::new().order_by(COLUMN.source_id),
        Query::new().order_by(COLUMN.ingestion_time).order_by_desc(COLUMN.timestamp),
    ]
}

/// Statements of an entity whose repository keeps a version, times and a mark.
fn with_rules(dialect: Dialect) -> Result<Vec<Statement>> {
    let mut table = Table::of::<document::Entity>();
    table.rules = Rules { version: Some(1), created_at: Some(3), updated_at: Some(4), deleted_at: Some(5) };
    table.rules.check(&table)?;
    let maker = Maker::new(EntityMapping::<document::Entity>::of(table), dialect);
    let (mapping, statements) = (&maker.mapping, maker.statements());
    let (created_at, updated_at) = (None, None);
    let row =
        mapping.values(&document::Model { id: 1, version: 2, title: "a".into(), created_at, updated_at, deleted_at: None })?;
    let id = mapping.table.key_of(&row);
    let all_columns: Vec<usize> = (0..mapping.table.columns.len()).collect();
    let rows = [row];
    let source = Source::Values(&rows);
    let resolution = mapping.table.resolution(&OnConflict::<document::Model>::replace())?;
    let mark = [Change::Set(5, chrono::DateTime::UNIX_EPOCH.into())];
    let mut all = vec![statements.find(&id)?, statements.select(&mapping.table.selection(&Query::<document::Model>::new())?)];
    all.push(statements.select(&mapping.table.selection(&Query::<document::Model>::new().with_deleted())?));
    for row in &rows {
        all.extend(statements.update(row, true)?);
    }
    all.extend(statements.update_from(&source, &all_columns)?);
    all.extend(upserts(&statements, &rows, &resolution)?);
    all.push(statements.delete_ids(&[id], Some(&mark))?);
    Ok(all)
}

pub(super) mod document {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "document")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub version: i32,
        pub title: String,
        pub created_at: Option<DateTimeUtc>,
        pub updated_at: Option<DateTimeUtc>,
        pub deleted_at: Option<DateTimeUtc>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

const DIALECTS: &[(Dialect, &str)] = &[
    (Dialect::Sqlite, "sqlite.sql"),
    (Dialect::Postgres, "postgres.sql"),
    #[cfg(feature = "duckdb-linked")]
    (Dialect::DuckDb, "duckdb.sql"),
];

/// The text of every statement is what it was; `LARDER_UPDATE_SNAPSHOTS=1` writes it anew.
#[test]
fn the_text_is_the_snapshot() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/sql/statement/snapshots");
    for (dialect, name) in DIALECTS {
        let statements = statements(*dialect).map_err(std::io::Error::other)?;
        let text: String = statements.iter().map(|statement| format!("{};\n", statement.sql)).collect();
        if env::var("LARDER_UPDATE_SNAPSHOTS").is_ok() {
            fs::write(folder.join(name), &text)?;
        }
        assert_eq!(text, fs::read_to_string(folder.join(name))?, "{name}");
    }
    Ok(())
}

/// Statements for a table whose text has a collation of its own, and whose times may be in forms of other programs.
fn statements_for(described: Described) -> Result<Vec<Statement>> {
    let mapping = EntityMapping::<raw_log::Entity>::plain();
    let catalog = Catalog::new(vec![described; mapping.table.columns.len()], false);
    let mut all = Vec::new();
    for (dialect, _) in DIALECTS {
        let cache = StatementCache::default();
        let of_logs = Statements::new(&mapping.table, (*dialect, 100), &catalog, &cache);
        let text = || field(raw_log::COLUMN.raw_text);
        let time = || field(raw_log::COLUMN.ingestion_time);
        let is_new = time().at_least(chrono::DateTime::UNIX_EPOCH);
        for filter in [text().equals("a"), text().not_equals("a"), text().is_in(["a", "b"]), text().starts_with("a"), is_new] {
            all.push(of_logs.count(&mapping.table.condition(&filter)?));
        }
        let query = Query::new().order_by(raw_log::COLUMN.source_id).order_by_desc(raw_log::COLUMN.ingestion_time);
        all.push(of_logs.select(&mapping.table.selection(&query)?));
        let projection = mapping.table.projected(&Projection::of(raw_log::COLUMN.source_id))?;
        all.push(of_logs.project(&mapping.table.selection(&Query::<raw_log::Model>::new())?, &projection, true));
    }
    Ok(all)
}

/// Whatever the column's own order is, the statements ask for that of bytes, and of instants.
#[test]
fn text_and_times_compare_alike_in_every_column() -> Result<()> {
    let text = |text| Described { text, ..Described::default() };
    let any_form = Described { form: Form::Any, ..Described::default() };
    for (described, expected) in [
        (text(TextOrder::Bytes), [0, 0, 0, 0, 0]),
        (text(TextOrder::Sorted), [0, 0, 0, 1, 0]),
        (text(TextOrder::Folded), [1, 1, 1, 1, 0]),
        (any_form, [0, 0, 0, 0, 1]),
    ] {
        let mut all = statements_for(described.clone())?;
        if described.form == Form::Any {
            // Only SQLite has no type for times.
            all.truncate(7);
        }
        let is_plain = |statement: &Statement| !["COLLATE", "SELECT CASE"].iter().any(|word| statement.sql.contains(word));
        for (nth, statement) in all.iter().enumerate() {
            if let Some(expected) = expected.get(nth % 7) {
                assert_eq!(is_plain(statement), *expected == 0, "{described:?}: {}", statement.sql);
            }
        }
    }
    Ok(())
}

#[test]
fn a_run_holds_what_one_statement_can() -> Result<()> {
    let mapping = EntityMapping::<fiber_membership::Entity>::plain();
    let (catalog, cache) = (Catalog::plain(), StatementCache::default());
    let statements = Statements::new(&mapping.table, (Dialect::Sqlite, 10), &catalog, &cache);
    let member = fiber_membership::Model { log_id: Uuid::nil(), fiber_id: Uuid::nil(), config_version: ConfigVersion(0) };
    let rows = vec![mapping.values(&member)?; 7];
    assert_eq!(statements.insert_runs(&rows), [0..3, 3..6, 6..7]);
    assert!(statements.insert_runs(&[]).is_empty());
    Ok(())
}
