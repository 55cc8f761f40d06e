//! Numbers: what those of JSON are, exactly or not at all, and how three types of them compare.

use std::cmp::Ordering;

use super::Value;

/// The longest number of JSON that is looked at, in bytes: a double needs 24, an integer of 64 bits 20.
const LONGEST: usize = 64;
/// Up to here every integer is a double of its own.
const EXACT_DOUBLE: u64 = 1 << 53;

/// The value of a number of JSON. What is a whole number is an int, or a uint beyond it, however it is written: `100`,
/// `100.0` and `1e2` are the same. Anything else is a double, provided that the double stands for this very number: the
/// shortest digits that name the double are those that were sent. None for all others, which would be rounded.
pub(crate) fn of_json(raw: &[u8]) -> Option<Value<'static>> {
    let text = std::str::from_utf8(raw).ok()?;
    if raw.len() > LONGEST {
        return None;
    }
    let decimal = Decimal::parse(text)?;
    if let Some(magnitude) = decimal.whole() {
        return if decimal.negative {
            i64::try_from(-i128::from(magnitude)).ok().map(Value::Int)
        } else {
            Some(i64::try_from(magnitude).map_or(Value::Uint(magnitude), Value::Int))
        }
        .or_else(|| double(text, &decimal));
    }
    double(text, &decimal)
}

/// The value of up to 18 digits and nothing else, which is what most numbers are.
pub(crate) fn short_int(raw: &[u8]) -> Option<i64> {
    if raw.len() > 18 || raw.is_empty() {
        return None;
    }
    raw.iter()
        .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

fn double(text: &str, decimal: &Decimal) -> Option<Value<'static>> {
    let value: f64 = text.parse().ok()?;
    let shortest = Decimal::parse(&format!("{value:e}"))?;
    (value.is_finite() && shortest == *decimal).then_some(Value::Double(value))
}

/// A decimal number: `0.DIGITS` times ten to `exponent`. No zeros at either end of the digits; zero has none.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (before, after) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{before}{after}");
        if !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_start_matches('0');
        let zeros = i64::try_from(all.len() - digits.len()).ok()?;
        let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
        let exponent = exponent.checked_add(i64::try_from(before.len()).ok()?)?.checked_sub(zeros)?;
        let digits = digits.trim_end_matches('0').to_owned();
        let is_zero = digits.is_empty();
        Some(Self { negative: negative && !is_zero, digits, exponent: if is_zero { 0 } else { exponent } })
    }

    /// The number without its sign, if it is a whole one of 64 bits.
    fn whole(&self) -> Option<u64> {
        let places = usize::try_from(self.exponent).ok().filter(|places| *places <= 20)?;
        let zeros = places.checked_sub(self.digits.len())?;
        format!("0{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }
}

/// The order of two numbers, exactly; None if either is none of them or not a number (NaN).
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (exact(left)?, exact(right)?) {
        (Exact::Whole(left), Exact::Whole(right)) => Some(left.cmp(&right)),
        (Exact::Double(left), Exact::Double(right)) => left.partial_cmp(&right),
        (Exact::Whole(left), Exact::Double(right)) => whole_to_double(left, right),
        (Exact::Double(left), Exact::Whole(right)) => whole_to_double(right, left).map(Ordering::reverse),
    }
}

enum Exact {
    Whole(i128),
    Double(f64),
}

fn exact(value: &Value<'_>) -> Option<Exact> {
    match value {
        Value::Int(own) => Some(Exact::Whole(i128::from(*own))),
        Value::Uint(own) => Some(Exact::Whole(i128::from(*own))),
        Value::Double(own) => Some(Exact::Double(*own)),
        Value::Null
        | Value::Bool(_)
        | Value::Text(_)
        | Value::Timestamp(_)
        | Value::Duration(_)
        | Value::Kind(_)
        | Value::List(_)
        | Value::Map(_) => None,
    }
}

/// The order of a whole number of at most 65 bits and a double.
fn whole_to_double(whole: i128, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Exact below 2^127, and what is beyond stays beyond every whole number here.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the fraction is looked at below; what is too large saturates"
    )]
    let truncated = double as i128;
    let fraction = double - double.trunc();
    Some(whole.cmp(&truncated).then(0.0_f64.total_cmp(&(fraction + 0.0))))
}

/// The double that is exactly this whole number.
pub(crate) fn to_double(value: i64) -> Option<f64> {
    #[allow(clippy::cast_precision_loss, reason = "only what is exact is converted")]
    (value.unsigned_abs() <= EXACT_DOUBLE).then_some(value as f64)
}

/// The whole part of a double, if 64 bits hold it.
pub(crate) fn to_int(value: f64) -> Option<i64> {
    #[allow(clippy::cast_possible_truncation, reason = "checked before")]
    (value > -9_223_372_036_854_775_809.0 && value < 9_223_372_036_854_775_808.0).then_some(value as i64)
}

/// The whole part of a double, if 64 bits without a sign hold it.
pub(crate) fn to_uint(value: f64) -> Option<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
    (value > -1.0 && value < 18_446_744_073_709_551_616.0).then_some(value as u64)
}

/// The number that a text stands for, as a double that stands for this very number.
pub(crate) fn double_of_text(text: &str) -> Option<f64> {
    let right = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    if text.len() > LONGEST || !text.bytes().all(right) || text.contains("--") {
        return None;
    }
    let value: f64 = text.parse().ok()?;
    let shortest = Decimal::parse(&format!("{value:e}"))?;
    (value.is_finite() && Decimal::parse(text)? == shortest).then_some(value)
}
