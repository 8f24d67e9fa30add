//! Whole numbers of types that Postgres does not have, in columns of its own types.

use larder::{
    Changes, Cx, ErrorKind, Filter, OnConflict, Query, ReaderExt as _, Result, SqlText, Storage, Store, TransactionalExt as _,
    field_of,
};

use super::{is_skipped, psql, stores};
use crate::support::postgres::TestDatabase;

mod width {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "width")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: u32,
        pub tiny: i8,
        pub byte: u8,
        pub small: Option<u16>,
        pub whole: u32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

type Widths = std::sync::Arc<dyn Storage<width::Model, u32>>;

/// The types of the columns: as SeaORM makes them, and wider ones.
const TYPES: [[&str; 4]; 2] = [["smallint", "smallint", "integer", "bigint"], ["bigint", "integer", "bigint", "bigint"]];

fn table([tiny, byte, small, whole]: [&str; 4]) -> String {
    format!(
        "DROP TABLE IF EXISTS width; \
         CREATE TABLE width (id bigint PRIMARY KEY, tiny {tiny} NOT NULL, byte {byte} NOT NULL, small {small}, whole {whole} NOT NULL)"
    )
}

fn width(id: u32) -> width::Model {
    match id % 3 {
        0 => width::Model { id, tiny: i8::MIN, byte: 0, small: None, whole: 0 },
        1 => width::Model { id, tiny: i8::MAX, byte: u8::MAX, small: Some(u16::MAX), whole: u32::MAX },
        _ => width::Model { id, tiny: -1, byte: 1, small: Some(0), whole: 1 << 31 },
    }
}

async fn are_kept(store: &Store) {
    let (cx, widths) = (&Cx::new(), store.repository::<width::Entity>());
    let mut all: Vec<_> = (0..9).map(width).collect();
    assert_eq!(widths.create(cx, &all[0]).await.unwrap(), all[0]);
    assert_eq!(widths.create_many(cx, &all[1..]).await.unwrap(), all[1..]);
    let many: Vec<_> = (10..710).map(width).collect();
    widths.create_batch(cx, &many).await.unwrap();
    all.extend(many);
    all.push(width(u32::MAX));
    widths.upsert_batch(cx, &all[600..], &OnConflict::replace()).await.unwrap();
    assert_eq!(widths.update(cx, &all[1]).await.unwrap(), all[1]);
    assert_eq!(widths.update_many(cx, &all[..5]).await.unwrap(), all[..5]);
    assert_eq!(widths.find(cx, &u32::MAX).await.unwrap(), Some(width(u32::MAX)));
    assert_eq!(widths.all(cx).await.unwrap(), all);
    let mut stream = widths.stream(cx, &Query::new()).await.unwrap();
    assert_eq!(stream.try_next().await.unwrap().as_ref(), all.first());
    drop(stream);
    let is = |model: &width::Model| model.byte == u8::MAX;
    let count = all.iter().filter(|model| is(model)).count() as u64;
    for filter in [
        field_of(width::Column::Whole).equals(u32::MAX),
        field_of(width::Column::Byte).greater_than(1_u8),
        field_of(width::Column::Tiny).at_least(0_i8),
        field_of(width::Column::Small).is_in([u16::MAX]),
        field_of(width::Column::Byte).less_than(1_000_000).and(field_of(width::Column::Tiny).equals(127_i64)),
    ] {
        assert_eq!(widths.count(cx, &filter).await.unwrap(), count);
    }
    let wholes = widths.distinct::<u32, _>(cx, field_of(width::Column::Whole), &Filter::all()).await.unwrap();
    assert_eq!(wholes, [0, 1 << 31, u32::MAX]);
    let text = SqlText::new("SELECT id, tiny, byte, small, whole FROM width ORDER BY id");
    assert_eq!(store.sql().unwrap().query_as::<width::Model>(cx, &text).await.unwrap(), all);
    assert_eq!(store.sql().unwrap().models::<width::Entity>(cx, &text).await.unwrap(), all);
    stay_in_their_range(&widths, &all).await;
}

async fn stay_in_their_range(widths: &Widths, all: &[width::Model]) {
    let cx = &Cx::new();
    for changes in [
        Changes::new().increase(field_of(width::Column::Byte), 1),
        Changes::new().increase(field_of(width::Column::Tiny), 1),
        Changes::new().increase(field_of(width::Column::Small), 1),
        Changes::new().increase(field_of(width::Column::Whole), 1),
        Changes::new().increase(field_of(width::Column::Tiny), -1),
        Changes::new().increase(field_of(width::Column::Whole), -1),
    ] {
        let error = widths.update_where(cx, &Filter::all(), &changes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
    assert_eq!(widths.all(cx).await.unwrap(), all);
    let first = field_of(width::Column::Id).equals(2_u32);
    let up = Changes::new().increase(field_of(width::Column::Byte), 254).increase(field_of(width::Column::Tiny), -127);
    assert_eq!(widths.update_where(cx, &first, &up).await.unwrap(), 1);
    assert_eq!(widths.get(cx, &2).await.unwrap(), width::Model { byte: 255, tiny: -128, ..width(2) });
}

#[tokio::test]
async fn whole_numbers_that_postgres_has_no_types_for_are_kept() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    for types in TYPES {
        for store in stores(&database).await {
            psql(&database, &table(types));
            are_kept(&store).await;
            store.close().await;
        }
    }
}

/// What a field does not hold is `Corrupt`, by the column's name.
#[tokio::test]
async fn numbers_that_a_field_does_not_hold_are_corrupt() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    for store in stores(&database).await {
        let (cx, widths) = (&Cx::new(), store.repository::<width::Entity>());
        psql(&database, &table(TYPES[1]));
        for (column, number) in [
            ("tiny", "128"),
            ("tiny", "-129"),
            ("byte", "256"),
            ("byte", "-1"),
            ("small", "65536"),
            ("small", "-1"),
            ("whole", "4294967296"),
            ("whole", "-1"),
        ] {
            psql(&database, "TRUNCATE width; INSERT INTO width VALUES (1, 1, 1, 1, 1)");
            psql(&database, &format!("UPDATE width SET {column} = {number}"));
            for outcome in [widths.find(cx, &1).await.map(drop), widths.all(cx).await.map(drop)] {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.column()), (ErrorKind::Corrupt, Some(column)), "{number}: {error}");
            }
        }
        store.close().await;
    }
}

/// The id of the model that is stored before.
const STORED: u32 = 5;

/// The outcome of every way to store what a column does not hold: in new models, and in the one that is stored.
async fn writes(store: &Store, model: &width::Model, changes: &Changes<width::Model>) -> Vec<Result<()>> {
    let (cx, widths) = (&Cx::new(), &store.repository::<width::Entity>());
    let many: Vec<_> = (0..600).map(|id| width::Model { id, ..model.clone() }).collect();
    let own = width::Model { id: STORED, ..model.clone() };
    vec![
        widths.create(cx, model).await.map(drop),
        widths.create_batch(cx, &many).await.map(drop),
        widths.create_many(cx, &many[..2]).await.map(drop),
        widths.update(cx, &own).await.map(drop),
        widths.update_many(cx, std::slice::from_ref(&own)).await.map(drop),
        widths.upsert_batch(cx, &many[..9], &OnConflict::replace()).await.map(drop),
        widths.update_where(cx, &Filter::all(), changes).await.map(drop),
        store.tx(cx, |cx| async move { widths.create(&cx, model).await.map(drop) }).await,
    ]
}

/// What a column does not hold is `InvalidInput`, by the column's name, and nothing is stored.
#[tokio::test]
async fn numbers_that_a_column_does_not_hold_are_invalid() {
    if is_skipped() {
        return;
    }
    let database = TestDatabase::empty().await;
    psql(&database, &table(["smallint", "smallint", "smallint", "integer"]));
    let fitting = width::Model { tiny: 1, byte: 1, small: Some(1), whole: 1, id: 1 };
    let small = width::Model { small: Some(u16::MAX), ..fitting.clone() };
    let whole = width::Model { whole: u32::MAX, ..fitting.clone() };
    for store in stores(&database).await {
        let (cx, widths) = (&Cx::new(), store.repository::<width::Entity>());
        for (column, model, changes) in [
            ("small", &small, Changes::new().set(field_of(width::Column::Small), u16::MAX)),
            ("whole", &whole, Changes::new().set(field_of(width::Column::Whole), u32::MAX)),
        ] {
            let stored = width::Model { id: STORED, ..fitting.clone() };
            widths.create(cx, &stored).await.unwrap();
            for outcome in writes(&store, model, &changes).await {
                let error = outcome.unwrap_err();
                assert_eq!((error.kind(), error.column()), (ErrorKind::InvalidInput, Some(column)), "{error}");
            }
            assert_eq!(widths.all(cx).await.unwrap(), [stored]);
            psql(&database, "TRUNCATE width");
        }
        store.close().await;
    }
}
