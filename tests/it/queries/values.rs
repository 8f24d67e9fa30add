//! Random values of every kind, and models that have them.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use crate::support::entities::item::{self, Status};

pub(crate) fn text() -> impl Strategy<Value = String> + Clone {
    let known = [
        "",
        "a",
        "A",
        "ab",
        "abc",
        "aBc",
        "abab",
        "b",
        "B",
        "a%",
        "a_",
        "%",
        "_",
        "\\",
        "'",
        "\"",
        "ä",
        "Ä",
        "@",
        "[",
        "a b",
        "🦀",
        "\u{10FFFF}",
        "a\u{10FFFF}",
        "\u{D7FF}",
        "\u{E000}",
        "10",
        "9",
        "z",
        "--",
        ";",
        "\n",
        " ",
        "$1",
        "?",
    ];
    prop_oneof![8 => select(known.map(str::to_owned).to_vec()), 1 => "[^\0]{0,6}"]
}

pub(crate) fn whole() -> impl Strategy<Value = i64> + Clone {
    let known = [0, 1, -1, 2, 7, 1000, i64::MAX, i64::MIN, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::from(i32::MIN) - 1];
    prop_oneof![8 => select(known.to_vec()), 1 => any::<i64>()]
}

pub(crate) fn small() -> impl Strategy<Value = i32> + Clone {
    prop_oneof![8 => select(vec![0, 1, -1, 2, 7, i32::MAX, i32::MIN]), 1 => any::<i32>()]
}

pub(crate) fn real() -> impl Strategy<Value = f64> + Clone {
    let known = [
        0.0,
        0.1,
        -0.1,
        1.0,
        1e308,
        -1e308,
        f64::MIN_POSITIVE,
        5e-324,
        f64::INFINITY,
        f64::NEG_INFINITY,
        9_007_199_254_740_993.0,
    ];
    prop_oneof![8 => select(known.to_vec()), 1 => prop::num::f64::NORMAL]
}

pub(crate) fn single() -> impl Strategy<Value = f32> + Clone {
    prop_oneof![4 => select(vec![0.0, 0.1, 0.5, -1.0, f32::MAX, f32::INFINITY]), 1 => prop::num::f32::NORMAL]
}

pub(crate) fn instant() -> impl Strategy<Value = DateTime<Utc>> + Clone {
    let known = [-62_135_596_800_000_000, 253_402_300_799_999_999, 0, 1, -1, 1_000, 1_000_000, 1_500_000, 1_772_366_400_123_456];
    let micros = prop_oneof![8 => select(known.to_vec()), 1 => -62_135_596_800_000_000..=253_402_300_799_999_999_i64];
    micros.prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

pub(crate) fn day() -> impl Strategy<Value = NaiveDate> + Clone {
    instant().prop_map(|instant| instant.date_naive())
}

pub(crate) fn hour() -> impl Strategy<Value = NaiveTime> + Clone {
    instant().prop_map(|instant| instant.time())
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> + Clone {
    prop_oneof![select(vec![vec![], vec![0], vec![0, 1], vec![255], b"abc".to_vec()]), prop::collection::vec(any::<u8>(), 0..4)]
}

pub(crate) fn token() -> impl Strategy<Value = Uuid> + Clone {
    prop_oneof![
        select(vec![Uuid::nil(), Uuid::max(), Uuid::from_u128(1 << 127), Uuid::from_u128(7)]),
        any::<u128>().prop_map(Uuid::from_u128)
    ]
}

pub(crate) fn status() -> impl Strategy<Value = Status> + Clone {
    select(vec![Status::New, Status::Done, Status::Broken])
}

pub(crate) fn key() -> impl Strategy<Value = String> + Clone {
    let known = [
        "a", "b", "", "0", "1", "-", "-1", "a.b", "\"", "'", "a\"b", "/", "~", "~1", "~0", "$", "$.a", "[0]", "\\", "\n",
        "\u{1}", "é", "a b", "#", "?",
    ];
    select(known.map(str::to_owned).to_vec())
}

pub(crate) fn scalar() -> impl Strategy<Value = Json> + Clone {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        whole().prop_map(Json::from),
        select(vec![json!(1.0), json!(0.5), json!(u64::MAX), json!(-1.0), json!(1e300), json!(7.0)]),
        text().prop_map(Json::from),
    ]
}

pub(crate) fn document() -> impl Strategy<Value = Json> + Clone {
    let tree = scalar().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            3 => prop::collection::vec((key(), inner), 0..3).prop_map(|fields| Json::from(fields.into_iter().collect::<Map<_, _>>())),
        ]
    });
    tree.prop_filter("SeaORM reads a null at the top as a missing value", |json| !json.is_null())
}

pub(crate) fn models() -> impl Strategy<Value = Vec<item::Model>> {
    use prop::option::of;
    let first =
        (text(), of(text()), of(status()), small(), of(whole()), of(real()), of(single()), of(any::<bool>()), of(bytes()));
    let second = (of(token()), of(day()), of(hour()), of(instant()), instant(), of(instant()), of(document()));
    let model = (first, second).prop_map(|(first, second)| {
        let (name, nick, status, small, large, real, single, flag, bytes) = first;
        let (token, day, hour, local, at, due, json) = second;
        let (local, due) = (local.map(|local| local.naive_utc()), due.map(|due| due.fixed_offset()));
        item::Model { id: 0, name, nick, status, small, large, real, single, flag, bytes, token, day, hour, local, at, due, json }
    });
    prop::collection::vec(model, 0..40).prop_map(|models| {
        let numbered = models.into_iter().enumerate();
        numbered.map(|(id, model)| item::Model { id: i32::try_from(id).unwrap() * 3 - 20, ..model }).collect()
    })
}
