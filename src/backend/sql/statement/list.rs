//! Lists of many values: each is bound as one value, so that a statement takes any number of them, and has the same text for
//! lists of every length.

use std::collections::BTreeMap;

use sea_orm::{
    Value,
    sea_query::{ArrayType, Expr},
};
use serde_json::Value as Json;

use super::{Statements, stored_text::stored_text};
use crate::{
    dialect::Dialect,
    table::TableColumn,
    value::{integer, text_of},
};

/// The most values of an array that Postgres may search from the first to the last for each row. Of more it makes a table.
const MAX_SEARCHED: usize = 1_000;

impl Statements<'_> {
    /// The condition that a column has one of many values.
    pub(super) fn is_one_of_many(&self, column: &TableColumn, values: &[Value]) -> Expr {
        let (compared, is_stored) = self.compared_in_list(column);
        let operands: Vec<Value> = match is_stored {
            true => values.to_vec(),
            false => values.iter().map(|value| self.operand_value(column, value)).collect(),
        };
        let saved = |element: Expr| if is_stored { column.save_as(element) } else { element };
        match self.dialect {
            Dialect::Postgres => {
                let is_enum = matches!(column.value_type, ArrayType::Enum(_));
                let is_as_it_is = !is_stored || (column.is_saved_as_it_is() && !is_enum);
                if is_as_it_is && operands.len() <= MAX_SEARCHED {
                    return self.written("$ = ANY($)", [compared, array(operands)]);
                }
                // The inner select hides how many there are. A plan that is made for very many does not always use a hash table.
                let sql = "$ IN (SELECT $ FROM unnest((SELECT $)) AS l(v))";
                self.written(sql, [compared, saved(Expr::cust("v")), array(operands)])
            }
            Dialect::DuckDb => {
                let sql = "$ IN (SELECT $ FROM (SELECT unnest($) AS v))";
                self.written(sql, [compared, saved(Expr::cust("v")), array(operands)])
            }
            Dialect::Sqlite => {
                let selects = self.selects_in_sqlite(&operands, saved);
                let sql = format!("$ IN ({})", vec!["$"; selects.len()].join(" UNION ALL "));
                self.written(&sql, [compared].into_iter().chain(selects))
            }
        }
    }

    /// Selects that return the values. They are in JSON, which has no bytes, and of which SQLite reads no fraction exactly: bytes
    /// are digits there, and a fraction is a whole number to be multiplied.
    fn selects_in_sqlite(&self, values: &[Value], saved: impl Fn(Expr) -> Expr) -> Vec<Expr> {
        let select = |element: Expr, list: &[Json]| {
            let list = serde_json::to_string(list).unwrap_or_default();
            self.written("SELECT $ FROM json_each($)", [saved(element), Expr::val(list)])
        };
        let doubles: Vec<f64> = values.iter().filter_map(double).collect();
        if !doubles.is_empty() {
            let scaled = by_scale(&doubles).into_values();
            return scaled.map(|(scale, list)| select(self.written("value * $", [Expr::val(scale)]), &list)).collect();
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into();
        let is_bytes = matches!(values.first(), Some(Value::Bytes(_) | Value::Uuid(_)));
        let list: Vec<Json> = values
            .iter()
            .map(|value| match value {
                Value::Bytes(Some(bytes)) => hex(bytes),
                Value::Uuid(Some(id)) => hex(id.as_bytes()),
                Value::Bool(Some(value)) => i64::from(*value).into(),
                other => match (text_of(other), integer(other)) {
                    (Some(text), _) => text.into(),
                    (None, Some(number)) => number.into(),
                    (None, None) => stored_text(other).into(),
                },
            })
            .collect();
        // With the plus sign, a value is compared as one that is bound.
        vec![select(Expr::cust(if is_bytes { "unhex(value)" } else { "+value" }), &list)]
    }
}

/// An array of values, in types that arrays are bound in.
pub(super) fn array(values: Vec<Value>) -> Expr {
    let element = |value: Value| match value {
        // Postgres has no whole number of eight bits, and the driver would send a character.
        Value::TinyInt(number) => Value::SmallInt(number.map(Into::into)),
        Value::Char(c) => Value::String(c.map(String::from)),
        Value::Enum(_) => Value::String(text_of(&value).map(str::to_owned)),
        other => other,
    };
    let values: Vec<Value> = values.into_iter().map(element).collect();
    let element_type = values.first().map_or(ArrayType::String, Value::array_type);
    Expr::val(Value::Array(element_type, Some(Box::new(values))))
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => number.map(f64::from),
        Value::Double(number) => *number,
        _ => None,
    }
}

/// The least power of two that is a floating-point number.
const LEAST_EXPONENT: i32 = -1074;

/// How many exponents share a scale. A whole number of 64 bits has room for as many bits beside the 53 of a number.
const EXPONENTS: i32 = 10;

/// Whole numbers with the scales that they are to be multiplied by, which are powers of two: the products are exact.
fn by_scale(numbers: &[f64]) -> BTreeMap<i32, (f64, Vec<Json>)> {
    let mut scaled: BTreeMap<i32, (f64, Vec<Json>)> = BTreeMap::new();
    for number in numbers {
        let (mantissa, exponent) = parts_of(*number);
        let class = exponent.saturating_sub(LEAST_EXPONENT) / EXPONENTS;
        let scale = if exponent == i32::MAX { f64::INFINITY } else { power_of_two(class * EXPONENTS + LEAST_EXPONENT) };
        let shift = if exponent == i32::MAX { 0 } else { (exponent - LEAST_EXPONENT) % EXPONENTS };
        scaled.entry(class).or_insert_with(|| (scale, Vec::new())).1.push((mantissa << shift).into());
    }
    scaled
}

/// A number as a whole number and the exponent of the power of two that it is to be multiplied by; of what is infinite, the
/// largest exponent there is.
fn parts_of(number: f64) -> (i64, i32) {
    const BITS: u32 = f64::MANTISSA_DIGITS - 1;
    let bits = number.to_bits();
    let sign = if number.is_sign_negative() { -1 } else { 1 };
    if number.is_infinite() {
        return (sign, i32::MAX);
    }
    let fraction = (bits & ((1 << BITS) - 1)).cast_signed();
    let exponent = ((bits >> BITS) & 0x7FF) as i32;
    match exponent {
        0 => (sign * fraction, LEAST_EXPONENT),
        _ => (sign * (fraction | (1 << BITS)), exponent - 1 + LEAST_EXPONENT),
    }
}

fn power_of_two(exponent: i32) -> f64 {
    let above = exponent - LEAST_EXPONENT;
    const BITS: i32 = f64::MANTISSA_DIGITS as i32 - 1;
    f64::from_bits(if above < BITS { 1 << above } else { ((above - BITS + 1) as u64) << BITS })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "that there is none is what is tested")]
    fn products_are_the_numbers() {
        let mut random = fastrand::Rng::with_seed(1);
        let known = [0.0, 1.0, -0.1, 5e-324, f64::MIN_POSITIVE, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY];
        let any = std::iter::repeat_with(|| f64::from_bits(random.u64(..))).filter(|number| !number.is_nan());
        for number in known.into_iter().chain(any.take(100_000)) {
            let scaled = by_scale(&[number]);
            let (scale, list) = scaled.into_values().next().unwrap_or_default();
            let whole = list.first().and_then(Json::as_i64).unwrap_or_default();
            assert_eq!(whole as i128, whole as f64 as i128, "{number}");
            assert_eq!((whole as f64 * scale).to_bits(), (number + 0.0).to_bits(), "{number}");
        }
    }
}
