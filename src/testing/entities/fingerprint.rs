//! [`Fingerprint`], a number above those of its column's type.

use std::fmt;

use sea_orm::{
    ColIdx, ColumnType, DbErr, QueryResult, TryFromU64, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, Nullable, ValueType, ValueTypeErr},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};

/// A number of 64 bits without a sign, in a column of numbers with one: the bits are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Fingerprint(pub u64);

impl From<Fingerprint> for Value {
    fn from(fingerprint: Fingerprint) -> Self {
        Self::BigInt(Some(fingerprint.0.cast_signed()))
    }
}

impl ValueType for Fingerprint {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::BigUnsigned(Some(number)) => Ok(Self(number)),
            Value::BigInt(Some(number)) => Ok(Self(number.cast_unsigned())),
            _ => Err(ValueTypeErr),
        }
    }

    fn type_name() -> String {
        "Fingerprint".to_owned()
    }

    fn array_type() -> ArrayType {
        ArrayType::BigInt
    }

    fn column_type() -> ColumnType {
        ColumnType::BigInteger
    }
}

impl Nullable for Fingerprint {
    fn null() -> Value {
        Value::BigInt(None)
    }
}

impl TryGetable for Fingerprint {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        i64::try_get_by(row, index).map(|number| Self(number.cast_unsigned()))
    }
}

impl TryFromU64 for Fingerprint {
    fn try_from_u64(number: u64) -> Result<Self, DbErr> {
        Ok(Self(number))
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(EitherSign)
    }
}

/// Reads the number, or the one with a sign that is stored for it.
struct EitherSign;

impl Visitor<'_> for EitherSign {
    type Value = Fingerprint;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of 64 bits")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Fingerprint, E> {
        Ok(Fingerprint(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Fingerprint, E> {
        Ok(Fingerprint(number.cast_unsigned()))
    }
}
