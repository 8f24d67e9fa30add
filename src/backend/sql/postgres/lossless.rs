//! Which values a column stores as they are given. Postgres rounds numbers and times to what the column's type has room for, cuts
//! blanks and long names, and fills text up with blanks.

use std::sync::Arc;

use chrono::Timelike;
use sea_orm::{
    Value,
    sea_query::{ArrayType, ColumnType},
};

use super::{
    catalog::CatalogColumn,
    decode::is_read_as,
    kind::{CITEXT, Kind},
};
use crate::{
    backend::sql::{catalog::LosslessValues, engine::is_known},
    error::{Error, ErrorKind, Result},
    query::range,
    table,
    value::{instant_of, is_null, text_of, whole_number},
};

/// The most bytes of a `name`.
pub(super) const LONGEST_NAME: usize = 63;

/// The values that a column of the entity stores losslessly. Returns `None` if that cannot be told of values of this type, and
/// the column may change some.
pub(super) fn lossless_values(column: &CatalogColumn, of_entity: &table::TableColumn) -> Option<LosslessValues> {
    let wanted = &of_entity.value_type;
    if !(of_entity.is_saved_as_it_is() && of_entity.is_read_as_it_is()) {
        // What the entity's own casts make of a value is known to the database alone.
        return None;
    }
    let is_changing = column.typmod != -1;
    if !is_known(wanted) {
        return (!is_changing).then_some(LosslessValues::All);
    }
    let is_list = matches!(of_entity.column_type, ColumnType::Array(_));
    // An enum of the database's is read as text, where the entity says that it is one.
    let is_enum = column.kind == Kind::Enum && matches!(of_entity.column_type, ColumnType::Enum { .. });
    let is_read = is_enum || is_read_as(column.kind, wanted);
    if column.is_list != is_list || !is_read || (is_list && !is_element(column, wanted)) {
        return Some(only(|_| Err(Error::new(ErrorKind::Unsupported, "a column of a type that the model's is not read from"))));
    }
    let values = rule(column, wanted)?;
    Some(match values {
        LosslessValues::Only(check) if is_list => only(move |value| elements(value).try_for_each(|element| check(element))),
        values => values,
    })
}

/// The values that a column stores losslessly, of those that are read from it.
pub(super) fn rule(column: &CatalogColumn, wanted: &ArrayType) -> Option<LosslessValues> {
    let length = usize::try_from(column.typmod.saturating_sub(4)).ok();
    Some(match (column.type_name.as_str(), column.kind, length) {
        ("varchar", Kind::Text, Some(length)) => {
            only(move |value| refuse_unless(fits(value, length), "text longer than its column"))
        }
        ("bpchar", Kind::Text, length) => only(move |value| {
            let is_full = length.is_none_or(|length| characters(value) == length);
            refuse_unless(is_full && !ends_blank(value), "text of another length than its column's, or with a blank at the end")
        }),
        ("name", Kind::Text, _) => only(|value| refuse_unless(octets(value) <= LONGEST_NAME, "a name longer than 63 bytes")),
        (_, Kind::Numeric, Some(_)) => {
            let scale = scale(column.typmod);
            only(move |value| {
                refuse_unless(has_scale(value, scale), "a decimal with more digits after the point than its column has")
            })
        }
        ("int2", ..) if !is_within(wanted, &ArrayType::SmallInt) => whole(&ArrayType::SmallInt),
        ("int4", ..) if !is_within(wanted, &ArrayType::Int) => whole(&ArrayType::Int),
        ("float4", ..) if *wanted != ArrayType::Float => {
            only(|value| refuse_unless(is_single(value), "a number that its column does not hold exactly"))
        }
        (_, Kind::Time | Kind::Timestamp | Kind::Instant, _) if column.typmod >= 0 => {
            let step = 10_u32.checked_pow(9_u32.saturating_sub(column.typmod.unsigned_abs()))?;
            only(move |value| {
                refuse_unless(nanoseconds(value).is_none_or(|n| n.is_multiple_of(step)), "a time finer than its column's")
            })
        }
        _ => LosslessValues::All,
    })
}

/// Whether every number of a type is one of another.
fn is_within(value_type: &ArrayType, other: &ArrayType) -> bool {
    let ((least, most), (others_least, others_most)) = (range(value_type), range(other));
    others_least <= least && most <= others_most
}

/// Whole numbers of a type.
fn whole(value_type: &ArrayType) -> LosslessValues {
    let (least, most) = range(value_type);
    only(move |value| {
        refuse_unless(
            whole_number(value).is_none_or(|number| (least..=most).contains(&number)),
            "a number that its column cannot hold",
        )
    })
}

fn only(check: impl Fn(&Value) -> Result<()> + Send + Sync + 'static) -> LosslessValues {
    LosslessValues::Only(Arc::new(check))
}

fn refuse_unless(is_kept: bool, message: &'static str) -> Result<()> {
    if is_kept { Ok(()) } else { Err(Error::new(ErrorKind::InvalidInput, message)) }
}

/// Whether SeaORM reads lists of values of this type from lists of that: unlike single values, of the same width alone, and not
/// of a domain.
fn is_element(column: &CatalogColumn, wanted: &ArrayType) -> bool {
    use ArrayType as T;
    let type_name = column.type_name.as_str();
    match wanted {
        _ if column.is_list_of_domain => false,
        // SeaORM knows no such lists.
        T::TinyInt | T::TinyUnsigned | T::SmallUnsigned | T::Unsigned => false,
        T::SmallInt => type_name == "int2",
        T::Int => type_name == "int4",
        T::BigInt => type_name == "int8",
        T::Float => type_name == "float4",
        T::Double => type_name == "float8",
        T::String => type_name != CITEXT,
        _ => true,
    }
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    let elements = match value {
        Value::Array(_, Some(elements)) => elements.as_slice(),
        _ => &[],
    };
    elements.iter().filter(|element| !is_null(element))
}

fn octets(value: &Value) -> usize {
    text_of(value).map_or(0, str::len)
}

fn characters(value: &Value) -> usize {
    text_of(value).map_or(1, |text| text.chars().count())
}

fn fits(value: &Value, length: usize) -> bool {
    // No character takes less than a byte.
    octets(value) <= length || characters(value) <= length
}

fn ends_blank(value: &Value) -> bool {
    matches!(value, Value::Char(Some(' '))) || text_of(value).is_some_and(|text| text.ends_with(' '))
}

/// How many digits after the point a `numeric` has, in the last eleven bits of its modifier: below zero, so many before it are
/// zeros.
fn scale(typmod: i32) -> i32 {
    ((typmod.wrapping_sub(4) & 0x7ff) ^ 1024) - 1024
}

fn has_scale(value: &Value, scale: i32) -> bool {
    let Value::Decimal(Some(number)) = value else { return true };
    match u32::try_from(scale) {
        Ok(scale) => number.normalize().scale() <= scale,
        Err(_) => {
            let zeros = 10_i128.checked_pow(scale.unsigned_abs());
            number.is_zero()
                || (number.normalize().scale() == 0 && zeros.is_some_and(|zeros| number.trunc().mantissa() % zeros == 0))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what changes is what is looked for")]
fn is_single(value: &Value) -> bool {
    match value {
        Value::Double(Some(number)) => f64::from(*number as f32) == *number,
        _ => true,
    }
}

/// The part of a time that is less than a second.
fn nanoseconds(value: &Value) -> Option<u32> {
    match value {
        Value::ChronoTime(time) => time.map(|time| time.nanosecond()),
        Value::ChronoDateTime(time) => time.map(|time| time.nanosecond()),
        other => instant_of(other).map(|time| time.nanosecond()),
    }
}
