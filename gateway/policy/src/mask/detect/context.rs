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
    let mut rest = text;
    while let Some((part, behind)) = next_part(rest) {
        let begins = part.as_bytes().first().map_or(0, |first| first.to_ascii_lowercase());
        if beginnings & bit_of(begins) != 0
            && names
                .iter()
                .map(AsRef::as_ref)
                .any(|name| name.as_bytes().first() == Some(&begins) && reads(rest, name))
        {
            return true;
        }
        rest = behind;
    }
    false
}

/// The letters and digits that names begin with, one bit for each.
fn beginnings<N: AsRef<str>>(names: &[N]) -> u64 {
    let firsts = names.iter().filter_map(|name| name.as_ref().as_bytes().first());
    firsts.fold(0, |bits, first| bits | bit_of(*first))
}

/// The bit of a small letter or a digit. A letter may share one with a digit: who asks for names looks at them, too.
fn bit_of(byte: u8) -> u64 {
    1 << (byte % 64)
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

/// Whether the parts at the beginning of `text` are `name`.
fn reads(text: &str, name: &str) -> bool {
    let mut rest = text;
    let mut left = name;
    while let Some((part, behind)) = next_part(rest) {
        let common = part.len().min(left.len());
        let (Some(head), Some(tail)) = (left.get(..common), part.get(common..)) else { return false };
        if !part.get(..common).is_some_and(|start| start.eq_ignore_ascii_case(head)) {
            return false;
        }
        left = left.get(common..).unwrap_or_default();
        match (left.is_empty(), tail) {
            (true, "" | "s" | "S") => return true,
            (false, "") => rest = behind,
            (true | false, _) => return false,
        }
    }
    false
}

/// The first part of a name in `text`, and what follows it. A part is of letters, or of digits; a capital letter
/// begins one.
fn next_part(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    loop {
        let start = rest.bytes().position(|byte| byte.is_ascii_alphanumeric() || byte == b'[')?;
        let is_escape = start.checked_sub(1).and_then(|place| rest.as_bytes().get(place)) == Some(&b'\\');
        rest = rest.get(start..)?;
        // In JSON that was cut, a line break is written with a letter.
        if is_escape && rest.starts_with(['b', 'f', 'n', 'r', 't']) {
            rest = rest.get(1..)?;
            continue;
        }
        match rest.strip_prefix(MARK).map(|mask| mask.split_once(']')) {
            Some(Some((_, behind))) => rest = behind,
            Some(None) => return None,
            None if rest.starts_with('[') => rest = rest.get(1..)?,
            None => break,
        }
    }
    let bytes = rest.as_bytes();
    let is_capital = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_uppercase);
    let is_small = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_lowercase);
    let is_digit = |place: usize| bytes.get(place).is_some_and(u8::is_ascii_digit);
    let mut end = 1;
    if is_digit(0) {
        end += bytes.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    } else if is_capital(0) && is_capital(1) {
        // In `SSNNumber` the last capital letter begins the next part; in `SSNs` it does not.
        while is_capital(end)
            && !(is_small(end + 1) && (is_small(end + 2) || !matches!(bytes.get(end + 1), Some(b's'))))
        {
            end += 1;
        }
        end += usize::from(matches!(bytes.get(end), Some(b's')) && !is_small(end + 1));
    } else {
        while is_small(end) {
            end += 1;
        }
    }
    Some((rest.get(..end)?, rest.get(end..)?))
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
