//! Values that larder is given to store.

use chrono::{DateTime, NaiveDate, NaiveTime};
use fastrand::Rng;
use sea_orm::{EntityTrait, Iterable, ModelTrait, TryIntoModel, Value, prelude::Decimal};
use serde_json::json;
use uuid::Uuid;

use crate::{
    case::{Case, pick},
    entities::Mood,
    thing::{Field, Kind, Thing},
};

/// A new model, whose columns in focus have unusual values.
pub fn model<E: Thing>(rng: &mut Rng, case: &Case, nth: u32) -> E::Model {
    let mut active = <E::ActiveModel as sea_orm::ActiveModelTrait>::default();
    for (at, column) in E::Column::iter().enumerate() {
        let field = &case.columns[at].field;
        let is_wild = case.focus.contains(&at) && rng.bool();
        let value = if field.is_id { id(rng, field, nth, is_wild) } else { value(rng, field, nth, is_wild) };
        sea_orm::ActiveModelTrait::set(&mut active, column, value);
    }
    active.try_into_model().expect("a model whose columns all have values")
}

/// The model with other values in the columns in focus.
pub fn changed<E: Thing>(rng: &mut Rng, case: &Case, model: &E::Model) -> E::Model {
    let mut changed = model.clone();
    for (at, column) in E::Column::iter().enumerate() {
        let field = &case.columns[at].field;
        if !field.is_id && (case.focus.contains(&at) || rng.u8(0..6) == 0) {
            let nth = rng.u32(0..5);
            let is_wild = case.focus.contains(&at) && rng.bool();
            changed.set(column, value(rng, field, nth, is_wild));
        }
    }
    changed
}

fn id(rng: &mut Rng, field: &Field, nth: u32, is_wild: bool) -> Value {
    if field.is_generated_id && (!is_wild || rng.bool()) {
        return 0_i64.into();
    }
    match field.kind {
        Kind::Text if is_wild => {
            pick(rng, &["ANN", "ann", "Ann ", "00{n}", "1e{n}", "{n}.0", "ZEBRA {n}", "Ä{n}", "{n}  ", "a\0{n}"])
                .replace("{n}", &nth.to_string())
                .into()
        }
        Kind::Text => format!("new {nth}").into(),
        Kind::Uuid => Uuid::from_u128(0xfeed_0000_0000_0000_0000_0000_0000_0000 | u128::from(nth)).into(),
        Kind::Int(32) => i32::try_from(1000 + nth).expect("a small number").into(),
        Kind::Int(_) if is_wild => (i64::MAX - i64::from(nth) - 1).into(),
        _ => (1000 + i64::from(nth)).into(),
    }
}

pub fn value(rng: &mut Rng, field: &Field, nth: u32, is_wild: bool) -> Value {
    let value = if is_wild { wild(rng, field.kind) } else { plain(field.kind, nth) };
    if field.is_nullable && rng.u8(0..3) == 0 { value.as_null() } else { value }
}

/// Values that every engine stores as they are.
fn plain(kind: Kind, nth: u32) -> Value {
    let n = nth % 5;
    let at = DateTime::from_timestamp_micros(1_772_366_400_000_000 + i64::from(n)).expect("an instant");
    match kind {
        Kind::Bool => (n % 2 == 1).into(),
        Kind::Int(16) => i16::try_from(n).expect("a small number").into(),
        Kind::Int(32) => i32::try_from(n).expect("a small number").into(),
        Kind::Int(_) => i64::from(n).into(),
        Kind::Single => (f32::from(u8::try_from(n).expect("a small number")) + 0.5).into(),
        Kind::Real => (f64::from(n) + 0.5).into(),
        Kind::Text => format!("new text {n}").into(),
        Kind::Enum => [Mood::Glad, Mood::Sad, Mood::Calm][n as usize % 3].into(),
        Kind::Bytes => vec![0, 255, u8::try_from(n).expect("a small number")].into(),
        Kind::Uuid => Uuid::from_u128(u128::from(n)).into(),
        Kind::Json => json!({ "n": n, "text": ["a", null] }).into(),
        Kind::Date => at.date_naive().into(),
        Kind::Time => at.time().into(),
        Kind::Local => at.naive_utc().into(),
        Kind::Instant => at.into(),
        Kind::Zoned => at.with_timezone(&chrono::FixedOffset::east_opt(7200).expect("an offset")).into(),
        Kind::Decimal => Decimal::new(i64::from(n) * 10 + 5, 1).into(),
    }
}

const MICROS: &[&i64] = &[
    &-62_135_596_800_000_000,
    &253_402_300_799_999_999,
    &-1,
    &0,
    &1,
    &1_772_366_400_123_456,
    &1_772_366_400_500_000,
    &1_772_366_400_999_999,
    &-210_866_760_000_000_001,
    &253_402_300_800_000_000,
];
const SMALL_INTS: &[&i16] = &[&i16::MIN, &i16::MAX, &-1, &99, &100];
const INTS: &[&i32] = &[&i32::MIN, &i32::MAX, &-1, &99_999, &16_777_217];
const BIG_INTS: &[&i64] = &[&i64::MIN, &i64::MAX, &-1, &9_007_199_254_740_993, &12_345_678_901_234];
const SINGLES: &[&f32] = &[&0.1, &f32::MAX, &f32::MIN_POSITIVE, &f32::INFINITY, &f32::NAN, &-0.0, &16_777_216.0, &1e-40];
const REALS: &[&f64] = &[&0.1, &f64::MAX, &5e-324, &f64::NEG_INFINITY, &f64::NAN, &-0.0, &9_007_199_254_740_993.0, &1.239];
const TEXTS: &[&str] = &[
    "008",
    "0x10",
    "1e5",
    "abc  ",
    "  abc",
    "Ann",
    "ann",
    "ANN",
    "Zebra",
    "ä",
    "Ä",
    "",
    "a\0b",
    "1.50",
    "Infinity",
    "glad",
    "abcd",
    "9223372036854775808",
    "'quoted' \\ | text",
    "\u{fffd}",
    "2026-03-01 12:00:00",
    "null",
    "👋🏽",
    "-",
    "+1",
    " 1 ",
];
const BYTES: &[&[u8]] = &[b"", b"\0", b"text", b"1.5", b"\xff\xfe", &[7; 40]];
const UUIDS: &[&Uuid] = &[&Uuid::nil(), &Uuid::max(), &Uuid::from_u128(0x1234_5678_9012_3456_7890_1234_5678_9012)];
const DECIMALS: &[&str] = &[
    "1.239",
    "99999999.99",
    "100000000",
    "12345678901234567890.123456789012345678",
    "0.1234567890123456789",
    "-0.005",
    "1e3",
    "79228162514264337593543950335",
];

/// Values at the edges of what engines hold, and some beyond.
fn wild(rng: &mut Rng, kind: Kind) -> Value {
    let micros = pick(rng, MICROS);
    let nanos = i64::from(rng.u8(0..4) == 0) * 789;
    let at = DateTime::from_timestamp_micros(*micros).expect("an instant") + chrono::TimeDelta::nanoseconds(nanos);
    match kind {
        Kind::Bool => rng.bool().into(),
        Kind::Int(16) => (*pick(rng, SMALL_INTS)).into(),
        Kind::Int(32) => (*pick(rng, INTS)).into(),
        Kind::Int(_) => (*pick(rng, BIG_INTS)).into(),
        Kind::Single => (*pick(rng, SINGLES)).into(),
        Kind::Real => (*pick(rng, REALS)).into(),
        Kind::Text => pick(rng, TEXTS).into(),
        Kind::Enum => pick(rng, &[&Mood::Glad, &Mood::Sad, &Mood::Calm]).to_owned().into(),
        Kind::Bytes => pick(rng, BYTES).to_vec().into(),
        Kind::Uuid => (*pick(rng, UUIDS)).into(),
        Kind::Json => document(rng).into(),
        Kind::Date => pick(rng, &[&at.date_naive(), &NaiveDate::MAX, &NaiveDate::MIN, &NaiveDate::default()]).to_owned().into(),
        Kind::Time => {
            let leap = NaiveTime::from_hms_nano_opt(23, 59, 59, 1_500_000_000).expect("a leap second");
            let last = NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999).expect("a time");
            pick(rng, &[&at.time(), &leap, &last, &NaiveTime::MIN]).to_owned().into()
        }
        Kind::Local => at.naive_utc().into(),
        Kind::Instant => at.into(),
        Kind::Zoned => at.with_timezone(&chrono::FixedOffset::east_opt(7200).expect("an offset")).into(),
        Kind::Decimal => pick(rng, DECIMALS).parse::<Decimal>().unwrap_or(Decimal::ONE).into(),
    }
}

fn document(rng: &mut Rng) -> serde_json::Value {
    let documents = &[
        &json!(null),
        &json!(12),
        &json!("text"),
        &json!([]),
        &json!({"b": 1, "a": 2.5}),
        &json!(1e20),
        &json!(u64::MAX),
        &json!({"a\0": 1}),
        &json!("\u{0}"),
    ];
    pick(rng, documents).clone()
}

/// Whether every engine stores these values: what it may refuse is none of them.
pub fn is_portable<E: Thing>(model: &E::Model) -> bool {
    let in_years = |year: i32| (1..=9999).contains(&year);
    E::Column::iter().all(|column| match model.get(column) {
        Value::Float(Some(number)) => !number.is_nan(),
        Value::Double(Some(number)) => !number.is_nan(),
        Value::String(Some(text)) => !text.contains('\0'),
        Value::Json(Some(document)) => !document.to_string().contains("\\u0000") && !document.is_null(),
        Value::ChronoDate(Some(date)) => in_years(chrono::Datelike::year(&date)),
        Value::ChronoTime(Some(time)) => chrono::Timelike::nanosecond(&time) < 1_000_000_000,
        Value::ChronoDateTime(Some(time)) => in_years(chrono::Datelike::year(&time)),
        Value::ChronoDateTimeUtc(Some(time)) => in_years(chrono::Datelike::year(&time)),
        Value::ChronoDateTimeWithTimeZone(Some(time)) => in_years(chrono::Datelike::year(&time)),
        Value::Decimal(Some(number)) => number.scale() <= 2 && number.mantissa().abs() < 10_i128.pow(10),
        _ => true,
    })
}

/// The id of these parts, in the texts of [`crate::thing::text`].
pub fn id_of<E: Thing>(case: &Case, parts: &[String]) -> Option<larder::IdOf<E>> {
    use sea_orm::sea_query::{FromValueTuple, ValueTuple};

    let value = |(column, text): (&crate::case::Column, &String)| -> Option<Value> {
        Some(match column.field.kind {
            Kind::Text => {
                let bytes: Option<Vec<u8>> =
                    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect();
                String::from_utf8(bytes?).ok()?.into()
            }
            Kind::Uuid => text.parse::<Uuid>().ok()?.into(),
            Kind::Int(32) => text.parse::<i32>().ok()?.into(),
            _ => text.parse::<i64>().ok()?.into(),
        })
    };
    let mut values = case.ids().zip(parts).map(value).collect::<Option<Vec<_>>>()?.into_iter();
    let tuple = match (values.next()?, values.next()) {
        (one, None) => ValueTuple::One(one),
        (one, Some(two)) => ValueTuple::Two(one, two),
    };
    Some(<<E as EntityTrait>::PrimaryKey as sea_orm::PrimaryKeyTrait>::ValueType::from_value_tuple(tuple))
}
