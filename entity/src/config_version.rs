use std::fmt;

use sea_orm::{
    ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{self, Visitor},
};

/// The version of a configuration: a hash, of which only equality means anything.
///
/// No engine has unsigned 64-bit numbers, so the bits are stored as a signed one. Every value comes back as it was; their order
/// in the database is not that of the numbers. It is serialized as an unsigned number, and deserialized from either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct ConfigVersion(pub u64);

impl ConfigVersion {
    fn from_stored(bits: i64) -> Self {
        Self(bits.cast_unsigned())
    }
}

impl From<ConfigVersion> for Value {
    fn from(version: ConfigVersion) -> Self {
        Self::BigInt(Some(version.0.cast_signed()))
    }
}

impl ValueType for ConfigVersion {
    fn try_from(value: Value) -> Result<Self, ValueTypeErr> {
        match value {
            Value::BigUnsigned(Some(number)) => Ok(Self(number)),
            stored => <i64 as ValueType>::try_from(stored).map(Self::from_stored),
        }
    }

    fn type_name() -> String {
        "ConfigVersion".to_owned()
    }

    fn array_type() -> ArrayType {
        <i64 as ValueType>::array_type()
    }

    fn column_type() -> ColumnType {
        ColumnType::BigInteger
    }
}

impl Nullable for ConfigVersion {
    fn null() -> Value {
        Value::BigInt(None)
    }
}

impl<'de> Deserialize<'de> for ConfigVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(Numbers)
    }
}

/// Reads a number, or the signed one that is stored for it.
struct Numbers;

impl Visitor<'_> for Numbers {
    type Value = ConfigVersion;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of 64 bits")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<ConfigVersion, E> {
        Ok(ConfigVersion(number))
    }

    fn visit_i64<E: de::Error>(self, bits: i64) -> Result<ConfigVersion, E> {
        Ok(ConfigVersion::from_stored(bits))
    }
}

impl TryGetable for ConfigVersion {
    fn try_get_by<I: ColIdx>(row: &QueryResult, index: I) -> Result<Self, TryGetError> {
        i64::try_get_by(row, index).map(Self::from_stored)
    }
}

impl sea_orm::TryFromU64 for ConfigVersion {
    fn try_from_u64(number: u64) -> Result<Self, DbErr> {
        Ok(Self(number))
    }
}
