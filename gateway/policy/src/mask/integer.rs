//! Integers of JSON in digits, whatever way they are spelled, so that a value of digits is found in each.

/// The digits of a number that is an integer, however it is spelled: `4.2e1` is `42`. None if it is not, or
/// has more digits than any value that is looked for.
pub(super) fn integer_digits(spelled: &str) -> Option<String> {
    const MAXIMUM_DIGITS: usize = 19;
    let unsigned = spelled.trim_start_matches('-');
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let zeros = usize::try_from(exponent).ok()?.checked_sub(fraction.len())?;
    if whole.len() + fraction.len() + zeros.min(MAXIMUM_DIGITS + 1) > MAXIMUM_DIGITS {
        return None;
    }
    Some(format!("{whole}{fraction}{}", "0".repeat(zeros)))
}

#[cfg(test)]
mod tests {
    use super::integer_digits;

    #[test]
    fn integers_are_read_in_every_spelling() {
        for (spelled, expected) in [
            ("4111111111111111", Some("4111111111111111")),
            ("-4111111111111111", Some("4111111111111111")),
            ("4111111111111111.0", Some("4111111111111111")),
            ("4.111111111111111e15", Some("4111111111111111")),
            ("4.111111111111111E+15", Some("4111111111111111")),
            ("42e2", Some("4200")),
            ("0", Some("0")),
            ("0.5", None),
            ("1.25e1", None),
            ("1e-2", None),
            ("1e999999999", None),
            ("1e99999999999999", None),
            ("12345678901234567890", None),
        ] {
            assert_eq!(integer_digits(spelled).as_deref(), expected, "{spelled}");
        }
    }
}
