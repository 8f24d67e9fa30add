//! Every type that SeaORM's macros offer by default, there and back, by an insert and by the appender.

use std::sync::Arc;

use larder::DeleterExt as _;
use larder::{Cx, ErrorKind, ReaderExt, Storage, Store};
use sea_orm::{
    Schema,
    sea_query::{ColumnType, Table},
};
use serde_json::json;

use super::{File, InMemory};
use crate::{memory::Memory, support::backend::Harness};

mod kind {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "kind")]
    pub enum Kind {
        #[default]
        #[sea_orm(string_value = "plain")]
        Plain,
        #[sea_orm(string_value = "it's \"quoted\"")]
        Quoted,
    }
}

mod wide {
    use sea_orm::entity::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::kind::Kind;

    #[derive(Clone, Debug, Default, PartialEq, DeriveEntityModel, Serialize, Deserialize)]
    #[sea_orm(table_name = "wide")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: u64,
        pub tiny: i8,
        pub small: i16,
        pub int: i32,
        pub big: i64,
        pub tiny_unsigned: u8,
        pub small_unsigned: u16,
        pub unsigned: u32,
        pub big_unsigned: u64,
        pub float: f32,
        pub double: f64,
        pub decimal: Decimal,
        #[sea_orm(column_type = "Decimal(Some((10, 2)))")]
        pub price: Decimal,
        pub flag: bool,
        pub string: String,
        #[sea_orm(column_type = "Text")]
        pub text: String,
        pub bytes: Vec<u8>,
        pub uuid: Uuid,
        pub date: Date,
        pub time: Time,
        pub date_time: DateTime,
        pub utc: DateTimeUtc,
        pub zoned: DateTimeWithTimeZone,
        pub local: DateTimeLocal,
        pub json: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub json_binary: Json,
        pub kind: Kind,
        pub tiny_opt: Option<i8>,
        pub big_unsigned_opt: Option<u64>,
        pub float_opt: Option<f32>,
        pub decimal_opt: Option<Decimal>,
        pub flag_opt: Option<bool>,
        pub string_opt: Option<String>,
        pub bytes_opt: Option<Vec<u8>>,
        pub uuid_opt: Option<Uuid>,
        pub date_opt: Option<Date>,
        pub time_opt: Option<Time>,
        pub date_time_opt: Option<DateTime>,
        pub utc_opt: Option<DateTimeUtc>,
        pub json_opt: Option<Json>,
        pub kind_opt: Option<Kind>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A model with a value in every column that has to have one.
fn plain() -> wide::Model {
    let text = "1969-12-31T23:59:59.999999";
    wide::Model {
        id: 0,
        tiny: i8::MIN,
        small: i16::MIN,
        int: i32::MIN,
        big: i64::MIN,
        tiny_unsigned: u8::MAX,
        small_unsigned: u16::MAX,
        unsigned: u32::MAX,
        big_unsigned: u64::MAX,
        float: f32::MIN_POSITIVE,
        double: 1e308,
        decimal: "-12345678901234567890.123456789".parse().unwrap(),
        price: "99999999.99".parse().unwrap(),
        flag: true,
        string: String::new(),
        text: "ä🦀\n\t'\"\\%_".into(),
        bytes: (0..=255).collect(),
        uuid: uuid::Uuid::max(),
        date: "1969-12-31".parse().unwrap(),
        time: "23:59:59.999999".parse().unwrap(),
        date_time: text.parse().unwrap(),
        utc: format!("{text}Z").parse().unwrap(),
        zoned: format!("{text}+00:00").parse().unwrap(),
        local: format!("{text}Z").parse::<chrono::DateTime<chrono::Utc>>().unwrap().into(),
        json: json!({ "number": 9_007_199_254_740_993_u64, "a.b": [null, "'\"", 1e-7] }),
        json_binary: json!({ "z": 1, "a": 2 }),
        kind: kind::Kind::Quoted,
        ..Default::default()
    }
}

fn instant(text: &str) -> chrono::DateTime<chrono::Utc> {
    text.parse().unwrap()
}

/// A model whose times are all the same instant.
fn at(text: &str) -> wide::Model {
    let utc = instant(text);
    let naive = utc.naive_utc();
    wide::Model {
        utc,
        zoned: utc.fixed_offset(),
        local: utc.into(),
        date_time: naive,
        date: naive.date(),
        time: naive.time(),
        ..plain()
    }
}

/// A model with a value in every column.
fn full() -> wide::Model {
    wide::Model {
        tiny: i8::MAX,
        small: i16::MAX,
        int: i32::MAX,
        big: i64::MAX,
        tiny_unsigned: 0,
        big_unsigned: (1 << 63) + 1,
        float: f32::MAX,
        double: f64::NEG_INFINITY,
        decimal: "0.000000000000000001".parse().unwrap(),
        price: "-0.01".parse().unwrap(),
        flag: false,
        bytes: vec![7; 1 << 20],
        string: "x".repeat(1 << 16),
        kind: kind::Kind::Plain,
        tiny_opt: Some(-1),
        big_unsigned_opt: Some(u64::MAX),
        float_opt: Some(0.1),
        decimal_opt: Some("1.5".parse().unwrap()),
        flag_opt: Some(false),
        string_opt: Some(String::new()),
        bytes_opt: Some(vec![]),
        uuid_opt: Some(uuid::Uuid::nil()),
        date_opt: Some("9999-12-31".parse().unwrap()),
        time_opt: Some("00:00:00".parse().unwrap()),
        date_time_opt: Some("0001-01-01T00:00:00.000001".parse().unwrap()),
        utc_opt: Some(instant("9999-12-31T23:59:59.999999Z")),
        json_opt: Some(json!(null)),
        kind_opt: Some(kind::Kind::Quoted),
        ..plain()
    }
}

fn corpus() -> Vec<wide::Model> {
    let mut corpus = vec![
        plain(),
        full(),
        at("0001-01-01T00:00:00Z"),
        at("1969-07-20T20:17:40.000001Z"),
        at("1970-01-01T00:00:00Z"),
        at("2026-03-01T12:00:00.000001Z"),
        at("2026-03-01T12:00:00.000002Z"),
        at("9999-12-31T23:59:59.999999Z"),
        wide::Model { json: json!("text"), json_binary: json!([]), decimal: "0".parse().unwrap(), ..plain() },
        wide::Model { double: f64::MIN_POSITIVE, float: f32::INFINITY, bytes: vec![], ..plain() },
    ];
    for (id, model) in corpus.iter_mut().enumerate() {
        model.id = u64::MAX - id as u64;
    }
    corpus
}

async fn wides(harness: &'static dyn Harness) -> (Store, Arc<dyn Storage<wide::Model, u64>>, impl Sized) {
    let fixture = harness.fresh().await;
    if let Ok(sql) = fixture.store.sql() {
        let table = Schema::new(sql.dialect().sea_orm()).create_table_from_entity(wide::Entity);
        // SeaORM makes the type of an enum by its name; here it is text.
        let mut textual = Table::create();
        for column in table.get_columns() {
            let mut column = column.clone();
            if matches!(column.get_column_type(), Some(ColumnType::Custom(_))) {
                column.text();
            }
            textual.col(column);
        }
        sql.execute(&Cx::new(), textual.table(wide::Entity)).await.unwrap();
    }
    (fixture.store.clone(), fixture.store.repository::<wide::Entity>(), fixture.guard)
}

async fn come_back_exactly(harness: &'static dyn Harness) {
    let cx = Cx::new();
    for is_batch in [false, true] {
        let (_store, wides, _guard) = wides(harness).await;
        let corpus = corpus();
        if is_batch {
            assert_eq!(wides.create_batch(&cx, &corpus).await.unwrap(), corpus.len() as u64);
        } else {
            for given in &corpus {
                assert_eq!(wides.create(&cx, given).await.unwrap(), *given);
            }
        }
        for given in &corpus {
            assert_eq!(wides.get(&cx, &given.id).await.unwrap(), *given);
            assert_eq!(wides.update(&cx, given).await.unwrap(), *given);
        }
        let mut sorted = corpus.clone();
        sorted.sort_by_key(|model| model.id);
        assert_eq!(wides.all(&cx).await.unwrap(), sorted);
        wides.delete_all(&cx).await.unwrap();
        assert_eq!(wides.create_many(&cx, &corpus).await.unwrap(), corpus);
    }
}

#[tokio::test]
async fn values_of_every_type_come_back_exactly() {
    come_back_exactly(&InMemory).await;
    come_back_exactly(&File).await;
    come_back_exactly(&Memory).await;
}

/// A decimal that its column would round is refused, by a single insert and in a batch.
#[tokio::test]
async fn decimals_are_not_rounded() {
    let (_store, wides, _guard) = wides(&InMemory).await;
    for price in ["0.001", "100000000", "-100000000.00"] {
        let given = wide::Model { price: price.parse().unwrap(), ..plain() };
        assert_eq!(wides.create(&Cx::new(), &given).await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let batch = [wide::Model { id: 1, ..plain() }, given];
        assert_eq!(wides.create_batch(&Cx::new(), &batch).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(wides.count(&Cx::new(), &larder::Filter::all()).await.unwrap(), 0);
    let exact = wide::Model { price: "1.50000".parse().unwrap(), ..plain() };
    assert_eq!(wides.create(&Cx::new(), &exact).await.unwrap(), exact);
}
