//! What the harness has to know of an entity, and the text by which a value of a model is compared with what a client shows.

use larder::Storable;
use sea_orm::{
    ColumnTrait, EntityTrait, IdenStatic, Iterable, ModelTrait, PrimaryKeyToColumn, PrimaryKeyTrait, TryIntoModel, Value,
    sea_query::{ArrayType, OptionEnum},
};
use serde_json::Value as Json;

/// An entity of this binary's.
pub trait Thing:
    Storable<Column: ColumnTrait<EntityName = Self> + Copy, ActiveModel: TryIntoModel<<Self as EntityTrait>::Model> + Send>
{
}

impl<E> Thing for E
where
    E: Storable,
    E::Column: ColumnTrait<EntityName = E> + Copy,
    E::ActiveModel: TryIntoModel<E::Model> + Send,
{
}

/// What kind of values a column of an entity has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    /// Of so many bits.
    Int(u32),
    Single,
    Real,
    Text,
    Bytes,
    Uuid,
    Json,
    Date,
    Time,
    /// Without a time zone.
    Local,
    Instant,
    /// An instant, with an offset that engines do not keep.
    Zoned,
    Enum,
    Decimal,
}

impl Kind {
    /// The least and the most integer.
    pub fn range(self) -> (i64, i64) {
        match self {
            Self::Int(16) => (i16::MIN.into(), i16::MAX.into()),
            Self::Int(32) => (i32::MIN.into(), i32::MAX.into()),
            _ => (i64::MIN, i64::MAX),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    pub is_id: bool,
    /// The engine generates it where the model has 0.
    pub is_generated_id: bool,
    pub is_nullable: bool,
}

pub fn fields<E: Thing>() -> Vec<Field> {
    let ids: Vec<_> = E::PrimaryKey::iter().map(|id| id.into_column().as_str()).collect();
    let is_generated = E::PrimaryKey::auto_increment();
    let field = |column: E::Column| Field {
        name: column.as_str(),
        kind: if column.enum_type_name().is_some() { Kind::Enum } else { kind(&E::Model::get_value_type(column)) },
        is_id: ids.contains(&column.as_str()),
        is_generated_id: is_generated && ids.contains(&column.as_str()),
        is_nullable: column.def().is_null(),
    };
    E::Column::iter().map(field).collect()
}

fn kind(value_type: &ArrayType) -> Kind {
    match value_type {
        ArrayType::Bool => Kind::Bool,
        ArrayType::SmallInt => Kind::Int(16),
        ArrayType::Int => Kind::Int(32),
        ArrayType::BigInt => Kind::Int(64),
        ArrayType::Float => Kind::Single,
        ArrayType::Double => Kind::Real,
        ArrayType::String => Kind::Text,
        ArrayType::Bytes => Kind::Bytes,
        ArrayType::Uuid => Kind::Uuid,
        ArrayType::Json => Kind::Json,
        ArrayType::ChronoDate => Kind::Date,
        ArrayType::ChronoTime => Kind::Time,
        ArrayType::ChronoDateTime => Kind::Local,
        ArrayType::ChronoDateTimeUtc => Kind::Instant,
        ArrayType::ChronoDateTimeWithTimeZone => Kind::Zoned,
        ArrayType::Decimal => Kind::Decimal,
        other => panic!("no kind for {other:?}"),
    }
}

/// The values of a model as texts, in the order of the columns; `None` is null.
pub type Row = Vec<Option<String>>;

pub fn row<E: Thing>(model: &E::Model) -> Row {
    E::Column::iter().map(|column| text(&model.get(column))).collect()
}

/// A text that is the same for the same value: numbers in decimal, floating-point numbers by their bits, text and bytes in
/// hexadecimal, times in whole microseconds.
pub fn text(value: &Value) -> Option<String> {
    Some(match value {
        Value::Bool(value) => u8::from((*value)?).to_string(),
        Value::SmallInt(value) => (*value)?.to_string(),
        Value::Int(value) => (*value)?.to_string(),
        Value::BigInt(value) => (*value)?.to_string(),
        Value::Float(value) => single((*value)?),
        Value::Double(value) => real((*value)?),
        Value::String(value) => hex(value.as_ref()?.as_bytes()),
        Value::Enum(OptionEnum::Some(value)) => hex(value.value.as_bytes()),
        Value::Enum(OptionEnum::None(_)) => return None,
        Value::Bytes(value) => hex(value.as_ref()?),
        Value::Uuid(value) => value.as_ref()?.simple().to_string(),
        Value::Json(value) => json(value.as_ref()?),
        Value::Decimal(value) => (*value)?.normalize().to_string(),
        Value::ChronoDate(value) => (*value)?.signed_duration_since(chrono::NaiveDate::default()).num_days().to_string(),
        Value::ChronoTime(value) => {
            let time = value.as_ref()?;
            let seconds = i64::from(chrono::Timelike::num_seconds_from_midnight(time));
            (seconds * 1_000_000 + i64::from(chrono::Timelike::nanosecond(time) / 1000)).to_string()
        }
        Value::ChronoDateTime(value) => value.as_ref()?.and_utc().timestamp_micros().to_string(),
        Value::ChronoDateTimeUtc(value) => value.as_ref()?.timestamp_micros().to_string(),
        Value::ChronoDateTimeWithTimeZone(value) => value.as_ref()?.timestamp_micros().to_string(),
        other => panic!("no text for {other:?}"),
    })
}

pub fn single(number: f32) -> String {
    if number.is_nan() { "NaN".to_owned() } else { format!("{:08x}", (number + 0.0).to_bits()) }
}

pub fn real(number: f64) -> String {
    if number.is_nan() { "NaN".to_owned() } else { format!("{:016x}", (number + 0.0).to_bits()) }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A document with its keys in order. A whole number is the same with and without a point: Postgres does not keep it.
pub fn json(document: &Json) -> String {
    match document {
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name:?}:{}", json(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(","))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Json::Number(number) => match number.as_f64() {
            Some(real) if number.is_f64() && real.fract() == 0.0 && real.abs() < 1e30 => format!("{real:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}
