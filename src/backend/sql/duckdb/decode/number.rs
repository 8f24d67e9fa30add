//! Numbers, in the type of the model, which need not be that of the table: whatever the model's type holds exactly is read.

use duckdb::{
    arrow::{
        array::{Array, ArrowPrimitiveType, AsArray, Decimal128Array},
        compute::cast,
        datatypes::{DataType, Decimal128Type, Float32Type, Float64Type},
    },
    core::LogicalTypeId as Id,
};
use sea_orm::{Value, prelude::Decimal};

use super::{ValueReader, misfit, plain};

/// Whole numbers, of whatever type they are stored in.
pub(super) fn whole<'a, P: ArrowPrimitiveType<Native: TryFrom<i128>>>(
    array: &'a dyn Array,
    id: Id,
    wrap: fn(Option<P::Native>) -> Value,
) -> Option<ValueReader<'a>> {
    if let Some(numbers) = array.as_primitive_opt::<P>() {
        return Some(plain(numbers, wrap));
    }
    let numbers = Numbers::of(array, id)?;
    Some(numbers.read(move |number, scale| P::Native::try_from(without_zeros(number, scale, 0)?).ok(), wrap))
}

/// Floating-point numbers. Whole numbers are read where they have few enough digits.
pub(super) fn float<'a, P: Float>(array: &'a dyn Array, id: Id, wrap: fn(Option<P::Native>) -> Value) -> Option<ValueReader<'a>> {
    if let Some(numbers) = array.as_primitive_opt::<P>() {
        return Some(plain(numbers, wrap));
    }
    if let Some(numbers) = array.as_primitive_opt::<Float32Type>() {
        return Some(super::each(numbers, |number| P::of(number.into()), wrap));
    }
    if let Some(numbers) = array.as_primitive_opt::<Float64Type>() {
        return Some(super::each(numbers, P::of, wrap));
    }
    Some(Numbers::of(array, id)?.read(|number, scale| P::of_whole(without_zeros(number, scale, 0)?), wrap))
}

pub(super) fn decimal<'a>(array: &'a dyn Array, id: Id) -> Option<ValueReader<'a>> {
    Some(Numbers::of(array, id)?.read(exact, Value::Decimal))
}

/// A type of floating-point numbers.
pub(super) trait Float: ArrowPrimitiveType {
    /// The number, if the type holds it exactly.
    fn of(number: f64) -> Option<Self::Native>;

    fn of_whole(number: i128) -> Option<Self::Native>;
}

impl Float for Float32Type {
    #[expect(clippy::cast_possible_truncation, reason = "it is compared afterwards")]
    fn of(number: f64) -> Option<f32> {
        let narrow = number as f32;
        (f64::from(narrow) == number || number.is_nan()).then_some(narrow)
    }

    fn of_whole(number: i128) -> Option<f32> {
        Self::of(Float64Type::of_whole(number)?)
    }
}

impl Float for Float64Type {
    fn of(number: f64) -> Option<f64> {
        Some(number)
    }

    #[expect(clippy::cast_precision_loss, reason = "no digit is lost")]
    fn of_whole(number: i128) -> Option<f64> {
        let size = number.unsigned_abs();
        let bits = (u128::BITS - size.leading_zeros()).saturating_sub(size.trailing_zeros());
        (bits <= f64::MANTISSA_DIGITS).then_some(number as f64)
    }
}

/// Whole numbers and decimals of any width.
struct Numbers {
    array: Decimal128Array,
    scale: u32,
    /// Whether the highest bit is none of the sign.
    is_unsigned: bool,
}

impl Numbers {
    fn of(array: &dyn Array, id: Id) -> Option<Self> {
        let array = match array.data_type() {
            DataType::Decimal128(..) => array.as_primitive_opt::<Decimal128Type>()?.clone(),
            whole if whole.is_integer() => {
                cast(array, &DataType::Decimal128(38, 0)).ok()?.as_primitive_opt::<Decimal128Type>()?.clone()
            }
            _ => return None,
        };
        let scale = u32::try_from(array.scale()).ok()?;
        Some(Self { array, scale, is_unsigned: id == Id::UHugeint })
    }

    /// Converts what is there; what cannot be converted does not fit.
    fn read<'a, V: 'a>(self, convert: fn(i128, u32) -> Option<V>, wrap: fn(Option<V>) -> Value) -> ValueReader<'a> {
        Box::new(move |row, put| {
            if self.array.is_null(row) {
                return put(wrap(None));
            }
            let number = self.array.value(row);
            let value = if self.is_unsigned && number < 0 { None } else { convert(number, self.scale) };
            put(wrap(Some(value.ok_or_else(misfit)?)))
        })
    }
}

/// A number with fewer digits after the point, if those that are left out are zeros.
fn without_zeros(mut number: i128, mut scale: u32, wanted: u32) -> Option<i128> {
    while scale > wanted {
        if number % 10 != 0 {
            return None;
        }
        number /= 10;
        scale -= 1;
    }
    Some(number)
}

/// The number without the zeros at its end that the column's scale adds, which alone may be more than a `Decimal` holds.
fn exact(mut number: i128, mut scale: u32) -> Option<Decimal> {
    while scale > 0 && number % 10 == 0 {
        number /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(number, scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_as_long_as_it_needs_to_be() {
        assert_eq!(exact(79_228_162_514_264_337_593_543_950_335 * 10, 1), Some(Decimal::MAX));
        assert_eq!(exact(i128::MAX, 0), None);
        assert_eq!(exact(0, 18), Some(Decimal::ZERO));
    }

    #[test]
    fn a_floating_point_number_is_exact_or_none() {
        assert_eq!(Float64Type::of_whole(1 << 53), Some(9_007_199_254_740_992.0));
        assert_eq!(Float64Type::of_whole((1 << 53) + 1), None);
        assert_eq!(Float64Type::of_whole(i128::MIN), Some(-2_f64.powi(127)));
        assert_eq!(Float64Type::of_whole(i128::MAX), None);
        assert_eq!(Float64Type::of_whole(0), Some(0.0));
        assert_eq!(Float32Type::of(0.1), None);
        assert_eq!(Float32Type::of(f64::INFINITY), Some(f32::INFINITY));
        assert_eq!(Float32Type::of(1e300), None);
    }
}
