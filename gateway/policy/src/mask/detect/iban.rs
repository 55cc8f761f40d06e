//! International bank account numbers (ISO 13616): a country of the registry, its length, and the check of
//! ISO 7064 mod 97-10. Printed together, or in groups of four with one space or hyphen between them; letters
//! all upper case or all lower case.

use std::ops::Range;

use super::Sample;
use super::bytes::{at, is_joined_after, is_joined_before};
use super::trigger::Trigger;

/// The first group by itself, or the whole number: Norway's is the shortest, Russia's the longest.
pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Word(&[4..=4, 15..=33], number)];

/// How many characters the longest has.
const LONGEST: usize = 33;

fn number(sample: Sample<'_>, word: &Range<usize>) -> Option<Range<usize>> {
    let end = number_at(sample.text.as_bytes(), word.start)?;
    Some(word.start..end)
}

/// The end of the number that begins at `start`. Looks at no more bytes than the longest number has.
fn number_at(text: &[u8], start: usize) -> Option<usize> {
    let [first, second, third, fourth] = *text.get(start..start + 4)?.first_chunk()?;
    let begins = first.is_ascii_alphabetic()
        && second.is_ascii_alphabetic()
        && third.is_ascii_digit()
        && fourth.is_ascii_digit();
    if !begins || is_joined_before(text, start) {
        return None;
    }
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let length = length_in(country)?;
    let separator = at(text, start + 4).filter(|byte| matches!(byte, b' ' | b'-'));
    let mut characters = [0; LONGEST];
    let characters = characters.get_mut(..length)?;
    let mut position = start;
    for (index, place) in characters.iter_mut().enumerate() {
        let is_between_groups = index > 0 && index % 4 == 0;
        if is_between_groups && separator.is_some() {
            if at(text, position) != separator {
                return None;
            }
            position += 1;
        }
        *place = at(text, position).filter(u8::is_ascii_alphanumeric)?;
        position += 1;
    }
    let is_one_case =
        !characters.iter().any(u8::is_ascii_lowercase) || !characters.iter().any(u8::is_ascii_uppercase);
    (is_one_case && !is_joined_after(text, position) && passes_check(characters)).then_some(position)
}

/// How many characters a country's numbers have, as the IBAN registry lists them.
fn length_in(country: [u8; 2]) -> Option<usize> {
    let length = match &country {
        b"NO" => 15,
        b"BE" => 16,
        b"DK" | b"FI" | b"FK" | b"FO" | b"GL" | b"NL" | b"SD" => 18,
        b"MK" | b"SI" => 19,
        b"AT" | b"BA" | b"EE" | b"KZ" | b"LT" | b"LU" | b"MN" | b"XK" => 20,
        b"CH" | b"HR" | b"LI" | b"LV" => 21,
        b"BG" | b"BH" | b"CR" | b"DE" | b"GB" | b"GE" | b"IE" | b"ME" | b"RS" | b"VA" => 22,
        b"AE" | b"GI" | b"IL" | b"IQ" | b"OM" | b"SO" | b"TL" => 23,
        b"AD" | b"CZ" | b"ES" | b"MD" | b"PK" | b"RO" | b"SA" | b"SE" | b"SK" | b"TN" | b"VG" => 24,
        b"LY" | b"PT" | b"ST" => 25,
        b"IS" | b"TR" => 26,
        b"BI" | b"FR" | b"GR" | b"IT" | b"MC" | b"MR" | b"SM" | b"DJ" => 27,
        b"AL" | b"AZ" | b"BY" | b"CY" | b"DO" | b"GT" | b"HN" | b"HU" | b"LB" | b"NI" | b"PL" | b"SV" => 28,
        b"BR" | b"EG" | b"PS" | b"QA" | b"UA" => 29,
        b"JO" | b"KW" | b"MU" | b"YE" => 30,
        b"MT" | b"SC" => 31,
        b"LC" => 32,
        b"RU" => 33,
        _ => return None,
    };
    Some(length)
}

/// The number with its first four characters moved to the end, letters as 10 to 35, leaves 1 modulo 97.
fn passes_check(characters: &[u8]) -> bool {
    let (head, account) = characters.split_at(4.min(characters.len()));
    let remainder = account.iter().chain(head).fold(0_u32, |remainder, &byte| {
        let value = char::from(byte).to_digit(36).unwrap_or(0);
        (remainder * if value > 9 { 100 } else { 10 } + value) % 97
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::Iban;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn numbers_from_the_registrys_examples_are_found() {
        assert_marked(
            Iban,
            &[
                "«DE89370400440532013000»",
                "IBAN «DE89 3704 0044 0532 0130 00», due now",
                "«GB29NWBK60161331926819»",
                "«GB29 NWBK 6016 1331 9268 19»",
                "«gb29nwbk60161331926819»",
                "«FR1420041010050500013M02606»",
                "«FR14 2004 1010 0505 0001 3M02 606»",
                "«BE68539007547034» «NO9386011117947»",
                "«BE68 5390 0754 7034» EUR",
                "«NL91ABNA0417164300»",
                "«MT84MALT011000012345MTLCAST001S»",
                "«CH9300762011623852957»",
                "«PL61109010140000071219812874»",
                "iban:«ES9121000418450200051332»;",
                "(«IT60X0542811101000000123456»)",
                "«SE45-5000-0000-0583-9825-7466»",
                "«SA0380000000608010167519»",
            ],
        );
    }

    #[test]
    fn what_fails_the_check_or_the_length_stays() {
        assert_kept(
            Iban,
            &[
                "DE89370400440532013001",
                "DE89 3704 0044 0532 0130 01",
                "DE8937040044053201300",
                "DE893704004405320130000",
                "XDE89370400440532013000",
                "DE89370400440532013000X",
                "XX89370400440532013000",
                "De89370400440532013000",
                "Gb29NWBK60161331926819",
                "DE89  3704  0044  0532  0130  00",
                "DE89370400440532",
                "order DE12345678901234567890",
                "de9f2c7fd25e1b3afad3e85a0bd17d9b100db4b3",
                "SE2024050612304500000000",
                "2024-05-06T12:30:45Z",
                "NO9386011117948",
                "HK12",
            ],
        );
    }

    #[test]
    fn a_wall_of_beginnings_is_read_once() {
        assert!(found(Iban, "", &"DE12 ".repeat(50_000)).is_empty());
    }
}
