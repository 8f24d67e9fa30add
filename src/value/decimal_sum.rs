//! [`DecimalSum`], a sum of decimals that loses no digit.

use sea_orm::prelude::Decimal;

/// How many digits after the point a decimal has at most.
const SCALE: u32 = 28;

const ONE: i128 = 10_i128.pow(SCALE);

/// A sum of decimals. It may have more digits than a decimal holds while it is added up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecimalSum {
    whole: i128,
    /// In the last digit that a decimal can have. Less than one.
    fraction: i128,
}

impl DecimalSum {
    /// Adds a number. Returns `None` if the sum is too large even for this.
    pub(crate) fn add(&mut self, number: Decimal) -> Option<()> {
        let unit = 10_i128.checked_pow(number.scale())?;
        let fraction = (number.mantissa() % unit).checked_mul(10_i128.checked_pow(SCALE.checked_sub(number.scale())?)?)?;
        self.add_parts(number.mantissa() / unit, fraction)
    }

    fn add_parts(&mut self, whole: i128, fraction: i128) -> Option<()> {
        let fraction = self.fraction + fraction;
        self.whole = self.whole.checked_add(whole)?.checked_add(fraction / ONE)?;
        self.fraction = fraction % ONE;
        Some(())
    }

    /// Adds a number that is written as digits, with or without a sign and a point. Returns `None` if the sum is too large or has
    /// more digits after the point than a decimal, or if the text is no number.
    #[cfg(feature = "_sql")]
    pub(crate) fn add_text(&mut self, text: &str) -> Option<()> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        let missing = SCALE.checked_sub(u32::try_from(fraction.len()).ok()?)?;
        let fraction = number(fraction)?.checked_mul(10_i128.checked_pow(missing)?)?;
        self.add_parts(sign * number(whole)?, sign * fraction)
    }

    /// The sum without zeros at its end. Returns `None` if a decimal does not hold it.
    pub(crate) fn total(self) -> Option<Decimal> {
        // Both parts get the same sign.
        let (whole, mut fraction) = match (self.whole, self.fraction) {
            (whole, fraction) if whole > 0 && fraction < 0 => (whole - 1, fraction + ONE),
            (whole, fraction) if whole < 0 && fraction > 0 => (whole + 1, fraction - ONE),
            both => both,
        };
        let mut scale = SCALE;
        while scale > 0 && fraction % 10 == 0 {
            fraction /= 10;
            scale -= 1;
        }
        let mantissa = whole.checked_mul(10_i128.checked_pow(scale)?)?.checked_add(fraction)?;
        Decimal::try_from_i128_with_scale(mantissa, scale).ok()
    }
}

/// The number of some digits, of which there may be none.
#[cfg(feature = "_sql")]
fn number(digits: &str) -> Option<i128> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    if digits.is_empty() { Some(0) } else { digits.parse().ok().filter(|_| are_digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(numbers: &[&str]) -> Option<String> {
        let mut sum = DecimalSum::default();
        for number in numbers {
            sum.add(number.parse::<Decimal>().ok()?)?;
        }
        sum.total().map(|total| total.to_string())
    }

    #[test]
    fn a_sum_is_exact_or_none() {
        assert_eq!(total(&[]).as_deref(), Some("0"));
        assert_eq!(total(&["0.1", "0.2", "-0.30"]).as_deref(), Some("0"));
        assert_eq!(total(&["1.5", "-2"]).as_deref(), Some("-0.5"));
        assert_eq!(total(&["-1.5", "2"]).as_deref(), Some("0.5"));
        assert_eq!(total(&["0.99", "0.99", "0.99"]).as_deref(), Some("2.97"));
        let most = "79228162514264337593543950335";
        assert_eq!(total(&[most, "0.1"]), None);
        assert_eq!(total(&[most, most]), None);
        assert_eq!(total(&[most, most, "-1", &format!("-{most}")]).as_deref(), Some("79228162514264337593543950334"));
        assert_eq!(
            total(&[most, "0.0000000000000000000000000001", &format!("-{most}")]).as_deref(),
            Some("0.0000000000000000000000000001")
        );
    }

    #[cfg(feature = "_sql")]
    #[test]
    fn a_text_is_added_as_its_digits() {
        let total = |texts: &[&str]| {
            let mut sum = DecimalSum::default();
            texts.iter().try_for_each(|text| sum.add_text(text))?;
            sum.total().map(|total| total.to_string())
        };
        assert_eq!(total(&["199999999999999999998", "1.000000000000000000"]).as_deref(), Some("199999999999999999999"));
        assert_eq!(total(&["-0.50", ".25"]).as_deref(), Some("-0.25"));
        assert_eq!(total(&["0.00000000000000000000000000010"]).as_deref(), Some("0.0000000000000000000000000001"));
        for none in ["NaN", "Infinity", "1e5", "--1", "+1", "0.00000000000000000000000000001"] {
            assert_eq!(total(&[none]), None, "{none}");
        }
        assert_eq!(total(&["1701411834604692317316873037158841057270"]), None);
    }
}
