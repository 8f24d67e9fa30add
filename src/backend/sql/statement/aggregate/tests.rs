use chrono::FixedOffset;
use larder_entity::raw_log;
use sea_orm::Statement;

use super::{
    super::{Catalog, Described, StatementCache, Statements},
    SumWidth,
};
use crate::{
    backend::sql::catalog::{Form, TextOrder},
    dialect::Dialect,
    error::Result,
    query::{Aggregate, Aggregation, Filter, TimeBucket, field, field_of},
    repository::EntityMapping,
    table::Table,
};

mod measured {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "measured")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub number: i64,
        pub ratio: Option<f64>,
        pub amount: Decimal,
        pub flag: bool,
        pub bytes: Option<Vec<u8>>,
        pub at: Option<DateTime>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A statement for an aggregation, with sums of 64 bits.
fn statement<M>(
    table: &Table,
    dialect: Dialect,
    described: Option<Described>,
    (filter, aggregation): (&Filter<M>, &Aggregation<M>),
    width: SumWidth,
) -> Result<Statement> {
    let catalog = match described {
        None => Catalog::plain(),
        Some(described) => Catalog::new(vec![described; table.columns.len()], false).into(),
    };
    let cache = StatementCache::default();
    let statements = Statements::new(table, (dialect, 100), &catalog, &cache);
    let resolved = table.aggregation(filter, aggregation)?;
    Ok(statements.aggregate(&resolved.condition, &resolved.grouping, width).statement)
}

fn of_logs() -> Vec<Aggregation<raw_log::Model>> {
    use raw_log::COLUMN;
    let by_hour = |bucket| Aggregation::new().group_by_time(COLUMN.timestamp, bucket).and(Aggregate::count());
    let ahead = FixedOffset::east_opt(19_800).unwrap_or_else(|| unreachable!());
    vec![
        Aggregation::new().and(Aggregate::minimum(COLUMN.timestamp)),
        Aggregation::new().and(Aggregate::count_distinct(COLUMN.source_id)).and(Aggregate::maximum(COLUMN.raw_text)),
        Aggregation::new()
            .group_by(COLUMN.source_id)
            .group_by(COLUMN.ingestion_time)
            .and(Aggregate::count())
            .and(Aggregate::average(field_of(raw_log::Column::ConfigVersion)))
            .and(
                Aggregate::count_of(COLUMN.ingestion_time)
                    .only(field(COLUMN.raw_text).contains("a").or(field(COLUMN.source_id).equals("b"))),
            )
            .order_by_desc(COLUMN.ingestion_time)
            .limit(10),
        by_hour(TimeBucket::hours(1)),
        by_hour(TimeBucket::hours(1).offset(ahead)).having(Aggregate::count().at_least(2)).limit(5),
        by_hour(TimeBucket::microseconds(1_500)),
    ]
}

fn of_measured() -> [Aggregation<measured::Model>; 2] {
    use measured::Column as C;
    let sums = Aggregation::new().and(Aggregate::sum(field_of(C::Number))).and(Aggregate::average(field_of(C::Ratio)));
    let sums = sums.and(Aggregate::sum(field_of(C::Amount)));
    let ends = [C::Id, C::Flag, C::Bytes, C::At].into_iter().fold(Aggregation::new(), |ends, column| {
        ends.and(Aggregate::minimum(field_of(column))).and(Aggregate::maximum(field_of(column)))
    });
    [sums, ends.group_by_time(field_of(C::At), TimeBucket::minutes(15))]
}

/// Statements for aggregations, of columns of every kind.
pub(in super::super) fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
    let (logs, measured) = (EntityMapping::<raw_log::Entity>::plain(), EntityMapping::<measured::Entity>::plain());
    let mut all = Vec::new();
    let recent = field(raw_log::COLUMN.timestamp).at_least(chrono::DateTime::UNIX_EPOCH);
    for aggregation in of_logs() {
        all.push(statement(&logs.table, dialect, None, (&Filter::all(), &aggregation), SumWidth::Narrow)?);
    }
    for aggregation in of_logs().into_iter().skip(2).take(1) {
        all.push(statement(&logs.table, dialect, None, (&recent, &aggregation), SumWidth::Wide)?);
    }
    for aggregation in of_measured() {
        all.push(statement(&measured.table, dialect, None, (&Filter::all(), &aggregation), SumWidth::Narrow)?);
    }
    Ok(all)
}

/// Groups, different values, and the least and the greatest are by bytes and by instants, whatever the column's own order is.
#[test]
fn values_are_told_apart_alike_in_every_column() -> Result<()> {
    let logs = EntityMapping::<raw_log::Entity>::plain();
    let text = |text| Described { text, ..Described::default() };
    let any_form = Described { form: Form::Any, ..Described::default() };
    let by_text = Aggregation::new().group_by(raw_log::COLUMN.source_id);
    let by_time = Aggregation::new().group_by(raw_log::COLUMN.ingestion_time);
    let values = Aggregation::new().and(Aggregate::count_distinct(raw_log::COLUMN.raw_text));
    let values = values.and(Aggregate::minimum(raw_log::COLUMN.raw_text));
    let bucket = Aggregation::new().group_by_time(raw_log::COLUMN.timestamp, TimeBucket::hours(1));
    for (described, expected) in [
        (text(TextOrder::Bytes), [false; 4]),
        (text(TextOrder::Folded), [true, false, true, false]),
        (any_form, [false, true, false, true]),
    ] {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::DuckDb] {
            // Only SQLite has no type for times.
            if (described.form == Form::Any && dialect != Dialect::Sqlite)
                || cfg!(not(feature = "duckdb-linked")) && dialect == Dialect::DuckDb
            {
                continue;
            }
            for (aggregation, expected) in [&by_text, &by_time, &values, &bucket].into_iter().zip(expected) {
                let asked = (&Filter::all(), aggregation);
                let sql = statement(&logs.table, dialect, Some(described.clone()), asked, SumWidth::Narrow)?.sql;
                let is_plain = !["COLLATE", "(SELECT CASE"].iter().any(|word| sql.contains(word));
                assert_eq!(is_plain, !expected, "{dialect:?} {described:?}: {sql}");
            }
        }
    }
    Ok(())
}
