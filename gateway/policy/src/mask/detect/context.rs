//! Words nearby that say what a value is: in the name of the member, or in the text around.
//!
//! A word is found by itself and as a part of a name, however it is written: `user_ssn`, `userSSN`, `SSNs`. Masks
//! are no words: what stands beside one is not known by it.

use std::ops::Range;

use super::Sample;
use super::bytes::{around, before};
use crate::mask::marks::MARK;
use crate::mask::work::count;

/// How far away a word may stand, in bytes.
const REACH: usize = 40;

/// How long masks are at most, in bytes.
const LONGEST_MASK: usize = 40;

/// Whether one of `names` is said of the value at `range`. Names are of lower-case letters and digits alone; they
/// stand for all ways to write them: `taxid` for `tax id`, `tax_id` and `TaxID`.
pub(super) fn is_named(sample: Sample<'_>, range: &Range<usize>, names: &[&str]) -> bool {
    is_near(sample, range, names, REACH)
}

/// The same, with names up to `reach` bytes away.
pub(in crate::mask) fn is_near<N: AsRef<str>>(
    sample: Sample<'_>,
    range: &Range<usize>,
    names: &[N],
    reach: usize,
) -> bool {
    let beginnings = beginnings(names);
    if says_any(sample.label, names, beginnings) {
        return true;
    }
    let (behind, ahead) = around(sample.text, range, reach);
    (has_beginning(behind, names, beginnings)
        && says_any(without_cut(sample.text, range.start, behind), names, beginnings))
        || says_any(ahead, names, beginnings)
}

/// `behind`, which ends at `end` of `text`, without the half of a word or a mask that it may begin with.
fn without_cut<'t>(text: &'t str, end: usize, behind: &'t str) -> &'t str {
    let start = end - behind.len();
    let mut floor = start.saturating_sub(LONGEST_MASK);
    while !text.is_char_boundary(floor) {
        floor += 1;
    }
    let opening = text.get(floor..start).and_then(|head| head.rfind('[')).map(|place| floor + place);
    let is_in_mask = opening.and_then(|opening| text.get(opening..end)).is_some_and(|rest| {
        rest.starts_with(MARK) && !rest.get(..start - (end - rest.len())).unwrap_or("]").contains(']')
    });
    if is_in_mask {
        return behind.split_once(']').map_or("", |(_, rest)| rest);
    }
    if before(text.as_bytes(), start).is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return behind.trim_start_matches(|character: char| character.is_ascii_alphanumeric());
    }
    behind
}

/// Whether a text has one of these names in it, which have these `beginnings`.
fn says_any<N: AsRef<str>>(text: &str, names: &[N], beginnings: u64) -> bool {
    if !has_beginning(text, names, beginnings) {
        return false;
    }
    count(text.len());
    let text = text.as_bytes();
    let mut from = 0;
    while let Some(part) = next_part(text, from) {
        let begins = text.get(part.start).map_or(0, u8::to_ascii_lowercase);
        from = part.end;
        if beginnings & bit_of(begins) != 0
            && names
                .iter()
                .map(|name| name.as_ref().as_bytes())
                .any(|name| name.first() == Some(&begins) && reads(text, part.clone(), name))
        {
            return true;
        }
    }
    false
}

/// The letters and digits that names begin with, one bit for each.
fn beginnings<N: AsRef<str>>(names: &[N]) -> u64 {
    let firsts = names.iter().filter_map(|name| name.as_ref().as_bytes().first());
    firsts.fold(0, |bits, first| bits | bit_of(*first))
}

/// The bit of a small letter or a digit.
fn bit_of(byte: u8) -> u64 {
    const DIGITS: u8 = 32;
    1 << if byte.is_ascii_digit() { DIGITS + byte % 16 } else { byte % DIGITS }
}

/// Whether a text has the first letter of one of these names, which have these `beginnings`. What surrounds most numbers has none
/// of few.
fn has_beginning<N: AsRef<str>>(text: &str, names: &[N], beginnings: u64) -> bool {
    /// More letters than these are in any text.
    const FEW: u32 = 4;
    if beginnings.count_ones() > FEW {
        return true;
    }
    let mut last = 0;
    names.iter().filter_map(|name| name.as_ref().as_bytes().first().copied()).any(|first| {
        std::mem::replace(&mut last, first) != first
            && memchr::memchr2(first, first.to_ascii_uppercase(), text.as_bytes()).is_some()
    })
}

/// Whether the parts from `part` on are `name`.
fn reads(text: &[u8], part: Range<usize>, name: &[u8]) -> bool {
    let mut part = part;
    let mut left = name;
    loop {
        let own = text.get(part.clone()).unwrap_or_default();
        let common = own.len().min(left.len());
        let ((head, tail), (expected, rest)) = (own.split_at(common), left.split_at(common));
        if !head.eq_ignore_ascii_case(expected) {
            return false;
        }
        left = rest;
        match (left.is_empty(), tail) {
            (true, b"" | b"s" | b"S") => return true,
            (false, b"") => match next_part(text, part.end) {
                Some(next) => part = next,
                None => return false,
            },
            (true | false, _) => return false,
        }
    }
}

/// The first part of a name from `from` on. A part is of letters, or of digits; a capital letter begins one.
fn next_part(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut from = from;
    let start = loop {
        let begins = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'[';
        let start = from + text.get(from..)?.iter().position(begins)?;
        let is_escape = start > from && before(text, start) == Some(b'\\');
        match text.get(start..)? {
            // In JSON that was cut, a line break is written with a letter.
            [b'b' | b'f' | b'n' | b'r' | b't', ..] if is_escape => from = start + 1,
            rest @ [b'[', ..] if rest.starts_with(MARK.as_bytes()) => {
                from = start + rest.iter().position(|byte| *byte == b']')? + 1;
            }
            [b'[', ..] => from = start + 1,
            _ => break start,
        }
    };
    let byte = |place: usize| text.get(place).copied().unwrap_or(0);
    let run = |from: usize, belongs: fn(&u8) -> bool| {
        text.get(from..).unwrap_or_default().iter().take_while(|byte| belongs(byte)).count()
    };
    let mut end = start + 1;
    if byte(start).is_ascii_digit() {
        end += run(end, u8::is_ascii_digit);
    } else if byte(start).is_ascii_uppercase() && byte(end).is_ascii_uppercase() {
        let is_small = |place: usize| byte(place).is_ascii_lowercase();
        // In `SSNNumber` the last capital letter begins the next part; in `SSNs` it does not.
        while byte(end).is_ascii_uppercase()
            && !(is_small(end + 1) && (is_small(end + 2) || byte(end + 1) != b's'))
        {
            end += 1;
        }
        end += usize::from(byte(end) == b's' && !is_small(end + 1));
    } else {
        end += run(end, u8::is_ascii_lowercase);
    }
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::{Sample, beginnings, is_named};

    fn says_any(text: &str, names: &[&str]) -> bool {
        super::says_any(text, names, beginnings(names))
    }

    #[test]
    fn a_name_is_found_however_it_is_written() {
        for text in [
            "ssn",
            "SSN",
            "SSNs",
            "userSsn",
            "user_ssn",
            "ssnNumber",
            "SSNNumber",
            "my-ssn:",
            "ssn1",
            "(SSN)",
            "\"ssn\"",
        ] {
            assert!(says_any(text, &["ssn"]), "{text}");
        }
        for text in ["tax id", "TaxID", "tax-id", "taxId", "TAX ID no."] {
            assert!(says_any(text, &["taxid"]), "{text}");
        }
        for text in ["", "assn", "className", "lessnoise", "ssnot", "[REDACTED:UsSsn]", "[REDACTED:Ssn"] {
            assert!(!says_any(text, &["ssn"]), "{text}");
        }
    }

    #[test]
    fn only_what_is_near_and_whole_counts() {
        let value = "123456789";
        for (before, after, expected) in [
            ("ssn ", "", true),
            ("", " (ssn)", true),
            ("ssn and then forty more bytes, of which none says ", "", false),
            ("xxxxssn 0123456789012345678901234567890123456 ", "", false),
            ("[REDACTED:UsSsn] 01234567890123456789012345678901 ", "", false),
            ("[REDACTED:UsSsn] ", "", false),
            ("[x] ssn ", "", true),
        ] {
            let text = format!("{before}{value}{after}");
            let range = before.len()..before.len() + value.len();
            assert_eq!(is_named(Sample::new(&text, ""), &range, &["ssn"]), expected, "{text}");
        }
    }
}
