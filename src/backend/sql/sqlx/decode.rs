//! Values out of rows, by the type that is wanted.

use sea_orm::{QueryResult, TryGetable, Value, sea_query::ArrayType};

use crate::{
    entity::unreadable,
    error::{Error, ErrorKind, Result},
};

/// The value of a column, in a type.
#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
pub(super) fn value(row: &QueryResult, at: usize, wanted: &ArrayType) -> Result<Value> {
    use ArrayType as T;
    macro_rules! read {
        ($($variant:ident)*) => {
            match wanted {
                $(T::$variant => get(row, at).map(Value::$variant),)*
                T::Enum(_) => get(row, at).map(Value::String),
                T::Char => get::<String>(row, at).map(|text| Value::Char(text.and_then(|text| text.chars().next()))),
                T::Json => get::<serde_json::Value>(row, at).map(|json| Value::Json(json.map(Box::new))),
                _ => Err(Error::new(ErrorKind::Unsupported, "a column of a type that is not read from this store")),
            }
        };
    }
    read! {
        Bool TinyInt SmallInt Int BigInt TinyUnsigned SmallUnsigned Unsigned BigUnsigned Float Double String Bytes Uuid Decimal
        ChronoDate ChronoTime ChronoDateTime ChronoDateTimeUtc ChronoDateTimeLocal ChronoDateTimeWithTimeZone
    }
}

fn get<T: TryGetable>(row: &QueryResult, at: usize) -> Result<Option<T>> {
    row.try_get_by_index::<Option<T>>(at).map_err(unreadable)
}
