//! Checks over the letters and digits of a value that a rule describes itself. What else it looks like is not known here.

use super::national::in_aadhaar::passes_verhoeff;
use super::number::passes_luhn;
use crate::config::Checksum;

/// Whether the letters and digits of `value` fulfil a check. What has fewer than two of them fulfils none.
pub(in crate::mask) fn passes(checksum: Checksum, value: &str) -> bool {
    let digits =
        || -> Vec<u8> { value.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect() };
    match checksum {
        Checksum::None => true,
        Checksum::Luhn => Some(digits()).is_some_and(|digits| digits.len() > 1 && passes_luhn(&digits)),
        Checksum::Verhoeff => {
            Some(digits()).is_some_and(|digits| digits.len() > 1 && passes_verhoeff(&digits))
        }
        Checksum::Mod97 => leaves_one(value),
    }
}

/// Whether letters as 10 to 35, and digits, leave 1 modulo 97.
fn leaves_one(value: &str) -> bool {
    let values = value.chars().filter_map(|character| character.to_digit(36));
    let step = |remainder: u32, value: u32| (remainder * if value > 9 { 100 } else { 10 } + value) % 97;
    let (count, remainder) =
        values.fold((0_u32, 0_u32), |(count, remainder), value| (count + 1, step(remainder, value)));
    count > 1 && remainder == 1
}

#[cfg(test)]
mod tests {
    use super::passes;
    use crate::config::Checksum::{self, Luhn, Mod97, Verhoeff};

    #[test]
    fn a_check_is_over_letters_and_digits_and_nothing_else() {
        for (checksum, right, wrong) in [
            (Luhn, "79927398713", "79927398710"),
            (Luhn, "C-7992 7398 713", "C-7992 7398 731"),
            (Mod97, "5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R21"),
            (Mod97, "5493-001k-jtii-gc8y-1r12", "5493-001k-jtii-gc8y-1r13"),
            (Verhoeff, "2363", "2364"),
            (Verhoeff, "case 2363", "case 3263"),
            (Luhn, "00", "0"),
            (Verhoeff, "2363", "x"),
            (Mod97, "01", "1"),
        ] {
            assert!(passes(checksum, right), "{checksum:?} {right}");
            assert!(!passes(checksum, wrong), "{checksum:?} {wrong}");
            assert!(passes(Checksum::None, wrong));
        }
    }
}
