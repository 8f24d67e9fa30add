//! Values out of Arrow's columns.

mod list;
mod number;
mod text;
mod time;

use duckdb::{
    Statement as Prepared,
    arrow::{
        array::{Array, ArrayAccessor, AsArray},
        datatypes::{
            DataType, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, UInt8Type,
            UInt16Type, UInt32Type, UInt64Type,
        },
    },
    core::LogicalTypeId as Id,
};
use sea_orm::{Value, sea_query::ArrayType};

use crate::{
    error::{Error, ErrorKind, Result},
    value::{Put, null_of},
};

/// The types of an answer's columns as DuckDB names them: Arrow's types do not tell them all apart.
pub(super) fn ids(prepared: &Prepared<'_>) -> Vec<Id> {
    (0..prepared.column_count()).map(|nth| prepared.column_logical_type(nth).id()).collect()
}

/// The type that a column is read as when none is asked for.
pub(super) fn type_of(field: &Field, id: Id) -> Option<ArrayType> {
    use ArrayType as T;
    if !is_read(id) {
        return None;
    }
    let extension = field.metadata().get("ARROW:extension:name").map(String::as_str);
    Some(match (field.data_type(), extension) {
        (_, Some("arrow.uuid")) => T::Uuid,
        (_, Some("arrow.json")) => T::Json,
        (DataType::Boolean, _) => T::Bool,
        (DataType::Int8, _) => T::TinyInt,
        (DataType::Int16, _) => T::SmallInt,
        (DataType::Int32, _) => T::Int,
        (DataType::Int64, _) => T::BigInt,
        (DataType::UInt8, _) => T::TinyUnsigned,
        (DataType::UInt16, _) => T::SmallUnsigned,
        (DataType::UInt32, _) => T::Unsigned,
        (DataType::UInt64, _) => T::BigUnsigned,
        (DataType::Float32, _) => T::Float,
        (DataType::Float64, _) => T::Double,
        (DataType::Decimal128(..), _) => T::Decimal,
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null | DataType::Dictionary(..), _) => T::String,
        (DataType::Binary, _) => T::Bytes,
        (DataType::FixedSizeBinary(16), _) => T::Uuid,
        (DataType::Date32, _) => T::ChronoDate,
        (DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond), _) => T::ChronoTime,
        (DataType::Timestamp(_, None), _) => T::ChronoDateTime,
        (DataType::Timestamp(_, Some(_)), _) => T::ChronoDateTimeUtc,
        _ => return None,
    })
}

/// Whether values of a type are read at all. Those that are not would come as something else: a time without its offset, or bytes
/// of the engine's own making.
pub(super) fn is_read(id: Id) -> bool {
    !matches!(id, Id::TimeTZ | Id::Bit | Id::Bignum | Id::Geometry | Id::Interval | Id::Variant)
}

/// Gives away the value of a row.
pub(super) type ValueReader<'a> = Box<dyn Fn(usize, Put<'_>) -> Result<()> + 'a>;

/// The values of a column, in the type that the model wants.
pub(super) fn column(array: &dyn Array, id: Id, wanted: &ArrayType) -> Result<Vec<Value>> {
    let read = reader(array, id, wanted)?;
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        read(row, &mut |value| {
            values.push(value);
            Ok(())
        })?;
    }
    Ok(values)
}

/// Reads a column, in the type that the model wants.
#[allow(unreachable_patterns, reason = "SeaORM's features add types of values")]
pub(super) fn reader<'a>(array: &'a dyn Array, id: Id, wanted: &ArrayType) -> Result<ValueReader<'a>> {
    use ArrayType as T;
    if !is_read(id) {
        return Err(Error::new(ErrorKind::Unsupported, "a column of a type that is not read; cast it to another"));
    }
    // How an enum of DuckDB's own arrives.
    if let DataType::Dictionary(..) = array.data_type() {
        return text::of_enum(array, wanted);
    }
    if let Some(lists) = array.as_list_opt::<i32>() {
        return list::reader(lists, wanted);
    }
    let reader = match wanted {
        T::Bool => array.as_boolean_opt().map(|flags| plain(flags, Value::Bool)),
        T::TinyInt => number::whole::<Int8Type>(array, id, Value::TinyInt),
        T::SmallInt => number::whole::<Int16Type>(array, id, Value::SmallInt),
        T::Int => number::whole::<Int32Type>(array, id, Value::Int),
        T::BigInt => number::whole::<Int64Type>(array, id, Value::BigInt),
        T::TinyUnsigned => number::whole::<UInt8Type>(array, id, Value::TinyUnsigned),
        T::SmallUnsigned => number::whole::<UInt16Type>(array, id, Value::SmallUnsigned),
        T::Unsigned => number::whole::<UInt32Type>(array, id, Value::Unsigned),
        T::BigUnsigned => number::whole::<UInt64Type>(array, id, Value::BigUnsigned),
        T::Float => number::float::<Float32Type>(array, id, Value::Float),
        T::Double => number::float::<Float64Type>(array, id, Value::Double),
        T::Decimal => number::decimal(array, id),
        T::String | T::Enum(_) | T::Char | T::Json | T::Uuid => text::reader(array, wanted),
        T::Bytes => {
            array.as_binary_opt::<i32>().map(|bytes| plain(bytes, |bytes: Option<&[u8]>| Value::Bytes(bytes.map(<[u8]>::to_vec))))
        }
        T::ChronoDate => time::date(array),
        T::ChronoTime => time::time(array),
        T::ChronoDateTime | T::ChronoDateTimeUtc | T::ChronoDateTimeLocal | T::ChronoDateTimeWithTimeZone => {
            time::instant(array, wanted)
        }
        _ => return Err(Error::new(ErrorKind::Unsupported, "a column of a type that is not read from this store")),
    };
    Ok(reader.unwrap_or_else(|| nothing_but_nulls(array, wanted)))
}

/// Reads a column whose values do not fit the model: there may be none.
fn nothing_but_nulls<'a>(array: &'a dyn Array, wanted: &ArrayType) -> ValueReader<'a> {
    let null = null_of(wanted);
    let is_null = move |row| array.data_type() == &DataType::Null || array.is_null(row);
    Box::new(move |row, put| if is_null(row) { put(null.clone()) } else { Err(misfit()) })
}

fn misfit() -> Error {
    Error::new(ErrorKind::Corrupt, "a stored value does not fit the model")
}

/// Wraps what is there.
fn plain<'a, A: ArrayAccessor + 'a>(array: A, wrap: impl Fn(Option<A::Item>) -> Value + 'a) -> ValueReader<'a> {
    Box::new(move |row, put| put(wrap(array.is_valid(row).then(|| array.value(row)))))
}

/// Converts what is there; what cannot be converted does not fit.
fn each<'a, A: ArrayAccessor + 'a, V>(
    array: A,
    convert: impl Fn(A::Item) -> Option<V> + 'a,
    wrap: impl Fn(Option<V>) -> Value + 'a,
) -> ValueReader<'a> {
    Box::new(move |row, put| match array.is_valid(row) {
        true => put(wrap(Some(convert(array.value(row)).ok_or_else(misfit)?))),
        false => put(wrap(None)),
    })
}

#[cfg(test)]
mod tests {
    use duckdb::arrow::array::{Int64Array, StringArray};

    use super::*;
    use crate::backend::sql::duckdb::settings::DuckDbSettings;

    #[test]
    fn a_number_that_does_not_fit_is_corrupt() {
        let array = Int64Array::from(vec![Some(300), None]);
        assert_eq!(column(&array, Id::Bigint, &ArrayType::TinyUnsigned).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
        assert_eq!(column(&array, Id::Bigint, &ArrayType::Bool).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
        let numbers = column(&array, Id::Bigint, &ArrayType::SmallInt);
        assert_eq!(numbers.ok(), Some(vec![Value::SmallInt(Some(300)), Value::SmallInt(None)]));
    }

    #[test]
    fn text_is_not_a_number() {
        let array = StringArray::from(vec!["1"]);
        assert_eq!(column(&array, Id::Varchar, &ArrayType::Int).map_err(|error| error.kind()), Err(ErrorKind::Corrupt));
    }

    /// Values at the ends of each type, as DuckDB writes them.
    const EXTREMES: &[(&str, &[&str])] = &[
        ("BOOLEAN", &["true"]),
        ("TINYINT", &["-128"]),
        ("SMALLINT", &["32767"]),
        ("INTEGER", &["-2147483648"]),
        ("BIGINT", &["-9223372036854775808", "9007199254740993"]),
        ("HUGEINT", &["-170141183460469231731687303715884105728", "170141183460469231731687303715884105727", "-7"]),
        ("UHUGEINT", &["340282366920938463463374607431768211455", "170141183460469231731687303715884105728", "5"]),
        ("UTINYINT", &["255"]),
        ("USMALLINT", &["65535"]),
        ("UINTEGER", &["4294967295"]),
        ("UBIGINT", &["18446744073709551615"]),
        ("BIGNUM", &["123456789012345678901234567890123456789012345678901234567890"]),
        ("DECIMAL(4,1)", &["-999.9", "3.0"]),
        ("DECIMAL(38,0)", &["-99999999999999999999999999999999999999", "1"]),
        ("DECIMAL(38,37)", &["0.0000000000000000000000000000000000001"]),
        ("FLOAT", &["nan", "-inf", "3.4028234663852886e38", "1.4e-45"]),
        ("DOUBLE", &["nan", "inf", "-0.0", "1.7976931348623157e308", "5e-324"]),
        ("VARCHAR", &["", "a", "ab", "1", "[[[[[[[["]),
        ("BLOB", &["", r"\x00\xFF"]),
        ("BIT", &["1", "0101010101"]),
        ("JSON", &["1e400", r#""a\u0000b""#]),
        ("UUID", &["ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        ("DATE", &["infinity", "-infinity", "5881580-07-10", "5877642-06-25 (BC)"]),
        ("TIME", &["24:00:00", "23:59:59.999999"]),
        ("TIME_NS", &["24:00:00", "23:59:59.999999999"]),
        ("TIMETZ", &["24:00:00-15:59:59", "00:00:00+15:59:59"]),
        ("TIMESTAMP", &["infinity", "-infinity", "294247-01-10 04:00:54.775806", "290309-12-22 (BC) 00:00:00"]),
        ("TIMESTAMP", &["262142-12-31 23:59:59.999999", "262143-12-31 23:59:59", "262144-01-01 (BC) 00:00:00"]),
        ("TIMESTAMP_S", &["infinity", "294247-01-10 04:00:54"]),
        ("TIMESTAMP_MS", &["-infinity", "294247-01-10 04:00:54.775"]),
        ("TIMESTAMP_NS", &["infinity", "2262-04-11 23:47:16.854775806"]),
        ("TIMESTAMPTZ", &["infinity", "-infinity", "262142-12-31 23:59:59+00", "262144-01-01 (BC) 00:00:00+00"]),
        ("INTERVAL", &["83 years 3 months 999 days 00:16:39.999999"]),
        ("ENUM('', 'a', 'Zebra')", &["", "Zebra"]),
        ("INTEGER[]", &["[]", "[1, NULL]"]),
        ("VARCHAR[1]", &["[a]"]),
        ("STRUCT(a INTEGER, b VARCHAR[])", &["{'a': NULL, 'b': []}"]),
        ("MAP(VARCHAR, INTEGER)", &["{}", "{a=1}"]),
        ("UNION(name VARCHAR, age SMALLINT)", &["a"]),
        ("GEOMETRY", &["POINT(1 1)"]),
    ];

    /// The types of values that a column is asked for.
    const WANTED: &[ArrayType] = &[
        ArrayType::Bool,
        ArrayType::TinyInt,
        ArrayType::SmallInt,
        ArrayType::Int,
        ArrayType::BigInt,
        ArrayType::TinyUnsigned,
        ArrayType::SmallUnsigned,
        ArrayType::Unsigned,
        ArrayType::BigUnsigned,
        ArrayType::Float,
        ArrayType::Double,
        ArrayType::String,
        ArrayType::Char,
        ArrayType::Bytes,
        ArrayType::Json,
        ArrayType::Uuid,
        ArrayType::Decimal,
        ArrayType::ChronoDate,
        ArrayType::ChronoTime,
        ArrayType::ChronoDateTime,
        ArrayType::ChronoDateTimeUtc,
        ArrayType::ChronoDateTimeLocal,
        ArrayType::ChronoDateTimeWithTimeZone,
    ];

    #[test]
    fn no_value_panics_under_any_type() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let (_, settings) = DuckDbSettings::parse("duckdb::memory:")?;
        let connection = duckdb::Connection::open_in_memory_with_flags(settings.config()?)?;
        settings.apply(&connection)?;
        for (data_type, texts) in EXTREMES {
            for text in texts.iter().map(|text| Some(*text)).chain([None]) {
                let mut prepared = connection.prepare(&format!("SELECT CAST($1::VARCHAR AS {data_type}) AS value"))?;
                prepared.execute([text])?;
                let (ids, batch) = (ids(&prepared), prepared.step()?);
                let Some((array, id)) = batch.as_ref().and_then(|batch| batch.columns().first()).zip(ids.first()) else {
                    unreachable!()
                };
                for wanted in WANTED.iter().chain(&type_of(&batch_field(&prepared), *id)) {
                    match column(array, *id, wanted) {
                        // To look at it does no harm either.
                        Ok(values) => values.into_iter().for_each(|value| match value {
                            Value::ChronoDateTimeLocal(Some(time)) => drop(time.naive_local().to_string()),
                            other => drop(format!("{other:?}")),
                        }),
                        Err(error) => {
                            assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{data_type} {text:?}");
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn batch_field(prepared: &Prepared<'_>) -> Field {
        prepared.schema().field(0).clone()
    }
}
