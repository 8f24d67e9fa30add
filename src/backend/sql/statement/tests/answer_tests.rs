//! Statements that change by expressions, that answer what they wrote, and that claim.

use sea_orm::{Statement, sea_query::Cond};

use super::super::{Catalog, RowLock, Source, StatementCache, Statements};
use crate::{
    dialect::Dialect,
    error::Result,
    query::{Change, Changes, OnConflict, Query, field},
    repository::EntityMapping,
};

mod job {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[sea_orm::compact_model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "job")]
    pub(super) struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub worker: Option<String>,
        pub due: Option<DateTimeUtc>,
        pub tries: i32,
        pub most: i64,
        pub cost: f64,
        pub share: f32,
        pub price: Decimal,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(super) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use job::COLUMN;

fn changes() -> Vec<Changes<job::Model>> {
    let number = crate::query::field_of(job::Column::Price);
    vec![
        Changes::new().increase(COLUMN.tries, 1).increase_by(COLUMN.most, COLUMN.tries),
        Changes::new().set_from(COLUMN.name, COLUMN.worker).set_from(COLUMN.tries, COLUMN.most),
        Changes::new().increase(COLUMN.cost, 0.5).increase_by(COLUMN.share, COLUMN.share),
        Changes::new().increase(number, 2),
        Changes::new().increase_by(number, number),
        Changes::new().lower_to(number, 9),
        Changes::new().raise_to(COLUMN.name, "a").lower_to(COLUMN.due, chrono::DateTime::UNIX_EPOCH),
        Changes::new().set_if_null(COLUMN.worker, "a").set(COLUMN.due, None::<chrono::DateTime<chrono::Utc>>),
    ]
}

/// The statements of changes that the engine makes, of claims, and of upserts that change what is there.
pub(super) fn statements(dialect: Dialect) -> Result<Vec<Statement>> {
    let mapping = EntityMapping::<job::Entity>::plain();
    let (table, catalog, cache) = (&mapping.table, Catalog::plain(), StatementCache::default());
    let of = Statements::new(table, (dialect, 100), &catalog, &cache);
    let free = field(COLUMN.worker).is_null();
    let condition = table.condition(&free)?;
    let mut all = Vec::new();
    for changes in changes() {
        let changes = table.changes(&changes)?;
        let made: Vec<Change> = changes.into_iter().filter(|change| of.can_change(change)).collect();
        all.extend(of.update_where(&condition, &made)?);
    }
    let claim = table.changes(&Changes::new().set(COLUMN.worker, "a"))?;
    let (ids, by_id) = ([table.key_of(&[7_i64.into()])], table.selection(&Query::from(free.clone()))?);
    all.extend(of.update_returning(Cond::all(), &condition, &claim)?);
    all.push(of.delete_returning(Cond::all(), &condition));
    for limit in [1, 5] {
        let first = table.first_ones(&Query::from(free.clone()).order_by(COLUMN.due).order_by_desc(COLUMN.name).limit(limit))?;
        all.extend(of.update_first(&first, &claim)?);
        all.extend(of.delete_first(&first));
        all.push(of.lock_columns(&first, &[0], RowLock::Skips));
    }
    all.push(of.lock_models(&by_id, RowLock::Waits));
    all.push(of.lock_model(ids.first().unwrap_or(&table.key_of(&[]))));
    all.extend(of.take_turn());
    if let (Dialect::DuckDb, Some(column)) = (dialect, of.marked_by(&[])?) {
        all.push(of.columns_of(&ids, &[0, column]));
        all.extend(of.mark(column, &ids));
    }
    all.push(of.read_back(&ids));
    all.extend(of.update_ids(&ids, &claim, true)?);
    all.extend(upserts(&of, mapping.values(&model())?)?);
    Ok(all)
}

fn model() -> job::Model {
    let (worker, due, price) = (None, None, 1.into());
    job::Model { id: 7, name: "a".into(), worker, due, tries: 0, most: 0, cost: 0.0, share: 0.0, price }
}

fn upserts(of: &Statements<'_>, row: Vec<sea_orm::Value>) -> Result<Vec<Statement>> {
    let rows = [row];
    let (columns, source): (Vec<usize>, _) = ((0..of.table.columns.len()).collect(), Source::Values(&rows));
    let again = OnConflict::apply(Changes::new().increase(COLUMN.tries, 1).set_from(COLUMN.worker, COLUMN.name));
    let few = field(COLUMN.tries).less_than(5);
    let mut all = Vec::new();
    for on_conflict in [again.clone(), again.only_if(few.clone()), OnConflict::replace_column(COLUMN.tries).only_if(few)] {
        let resolution = of.table.resolution(&on_conflict)?;
        match of.dialect {
            Dialect::Postgres => all.push(of.upsert(&rows, &resolution)?),
            _ => all.extend(of.replace_from(&source, &columns, &resolution)?),
        }
        all.push(of.lock_told(&source, &columns, &[0, 4], &resolution));
    }
    all.extend(of.put_from(&source, &columns, &[4])?);
    all.extend(rows.first().map(|row| of.find_by(&[0], row)));
    Ok(all)
}
