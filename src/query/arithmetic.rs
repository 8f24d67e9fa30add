//! Sums of numbers that stay within the types of their columns.

use sea_orm::{Value, prelude::Decimal, sea_query::ArrayType};

use super::operand::{is_whole, misfit, of_type, range};
use crate::{
    error::{Error, ErrorKind, Result},
    table::Table,
    value::{check_digits, is_null, whole_number},
};

/// A value that is taken from another column, if this one can hold it.
pub(super) fn within(value: Value, column: usize, table: &Table) -> Result<Value> {
    let value_type = table.value_type(column)?;
    match whole_number(&value) {
        Some(number) if is_whole(value_type) => whole(number, range(value_type), value_type),
        _ if is_null(&value) => table.null(column),
        _ => {
            check_digits(&value, || table.decimal_digits(column)).map_err(|_| out_of_range())?;
            Ok(value)
        }
    }
}

fn whole(number: i128, (least, most): (i128, i128), value_type: &ArrayType) -> Result<Value> {
    if (least..=most).contains(&number) { Ok(of_type(number, value_type)) } else { Err(out_of_range()) }
}

/// A whole number and some more. Null stays null.
pub(crate) fn increased(old: &Value, by: i128, range: (i128, i128)) -> Result<Value> {
    match whole_number(old) {
        Some(number) => whole(number + by, range, &old.array_type()),
        None => Ok(old.clone()),
    }
}

/// The sum of two numbers, as a value of a column. Null if one of them is null.
pub(super) fn sum(a: &Value, b: &Value, column: usize, table: &Table) -> Result<Value> {
    if is_null(a) || is_null(b) {
        return table.null(column);
    }
    match (a, b) {
        (Value::Float(Some(a)), Value::Float(Some(b))) => {
            Some(a + b).filter(|sum| sum.is_finite()).map(Value::from).ok_or_else(out_of_range)
        }
        (Value::Double(Some(a)), Value::Double(Some(b))) => {
            Some(a + b).filter(|sum| sum.is_finite()).map(Value::from).ok_or_else(out_of_range)
        }
        (Value::Decimal(Some(a)), Value::Decimal(Some(b))) => {
            within(exact_sum(*a, *b).ok_or_else(out_of_range)?.into(), column, table)
        }
        _ => {
            let by = whole_number(b).ok_or_else(misfit)?;
            increased(a, by, range(table.value_type(column)?))
        }
    }
}

/// The sum of two decimals. Returns `None` if it has more digits than a [`Decimal`] holds: its own addition would round.
fn exact_sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (a, b) = (a.normalize(), b.normalize());
    let mut scale = a.scale().max(b.scale());
    let scaled = |number: Decimal| number.mantissa().checked_mul(10_i128.checked_pow(scale - number.scale())?);
    let mut sum = scaled(a)?.checked_add(scaled(b)?)?;
    while scale > 0 && sum % 10 == 0 {
        (sum, scale) = (sum / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(sum, scale).ok()
}

/// The error for a number that a column's type does not hold.
pub(crate) fn out_of_range() -> Error {
    Error::new(ErrorKind::InvalidInput, "a number leaves the range of its type")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn a_sum_of_decimals_is_exact_or_none() {
        let sum = |a: &str, b: &str| exact_sum(number(a), number(b)).map(|sum| sum.to_string());
        assert_eq!(sum("0.1", "0.20").as_deref(), Some("0.3"));
        assert_eq!(sum("79228162514264337593543950335", "0").as_deref(), Some("79228162514264337593543950335"));
        assert_eq!(sum("79228162514264337593543950335", "1"), None);
        assert_eq!(sum("12345678901234567890", "0.000000001"), Some("12345678901234567890.000000001".to_owned()));
        assert_eq!(sum("12345678901234567890", "0.0000000001"), None);
        assert_eq!(sum("79228162514264337593543950335", "0.0000000000000000000000000001"), None);
        assert_eq!(sum("-7922816251426433759354395033.5", "7922816251426433759354395033.5").as_deref(), Some("0"));
    }

    #[test]
    fn a_whole_number_stays_in_its_range() {
        let increased = |by| increased(&Value::TinyInt(Some(100)), by, (-128, 127)).map_err(|error| error.kind());
        assert_eq!(increased(27), Ok(Value::TinyInt(Some(127))));
        assert_eq!(increased(28), Err(ErrorKind::InvalidInput));
        assert_eq!(increased(-228), Ok(Value::TinyInt(Some(-128))));
    }
}
