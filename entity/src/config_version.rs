use sea_orm::{
    ColIdx, DbErr, QueryResult, TryGetError, TryGetable, Value,
    sea_query::{ArrayType, ColumnType, Nullable, ValueType, ValueTypeErr},
};
use serde::{Deserialize, Serialize};

/// The version of a configuration: a hash, of which only equality means anything.
///
/// No engine has unsigned 64-bit numbers, so the bits are stored as a signed one. Every value comes back as it was; their order in
/// the database is not that of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
        <i64 as ValueType>::try_from(value).map(Self::from_stored)
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
