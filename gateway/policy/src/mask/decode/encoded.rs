//! Texts in base64 (RFC 4648) inside texts: where they stand, what they say, and the same written again in the same way.
//!
//! Only what decodes to readable text counts, for nearly every other run of letters and digits decodes to bytes that are
//! none: the first few characters settle it. What becomes of a decoded text is not known here.

use std::ops::Range;

use crate::mask::base64;
use crate::mask::work::count;

/// A shorter run is not looked at, in characters: eleven bytes, which is a social security number.
const SHORTEST: usize = 15;
/// Lines of encoded mail are as long as this at least, and go on in the next line.
const SHORTEST_LINE: usize = 60;

/// A readable text in base64.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mask) struct Encoded {
    /// Where it stands, with its padding.
    pub(in crate::mask) range: Range<usize>,
    /// What it says.
    pub(in crate::mask) text: String,
    is_for_urls: bool,
    is_padded: bool,
}

impl Encoded {
    /// `text` written as this one is.
    pub(in crate::mask) fn rewritten(&self, text: &str) -> String {
        let standard = base64::encode(text.as_bytes());
        let mut written = if self.is_for_urls { base64::for_urls(&standard) } else { standard };
        while self.is_padded && !written.len().is_multiple_of(4) {
            written.push('=');
        }
        written
    }
}

/// All readable texts in base64 inside `text`, in order. `runs` are the runs of at least [`SHORTEST`] characters of tokens in it,
/// in order: one stands in one of these, or begins there.
pub(in crate::mask) fn all(text: &str, runs: &[Range<usize>]) -> Vec<Encoded> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut position = 0;
    for run in runs {
        count(run.len());
        position = run.start.max(position);
        while let Some(start) = long_run_from(bytes, position..run.end, base64::is_base64) {
            let run = over_lines(bytes, start);
            position = run.end;
            match read(text, &run) {
                Some(encoded) => {
                    position = encoded.range.end;
                    found.push(encoded);
                }
                // A path or a name may stand around it.
                None => parts(bytes, run).for_each(|part| found.extend(read(text, &part))),
            }
        }
    }
    found
}

/// Whether there may be a readable text in base64 inside `text`: never no where [`all`] finds one.
pub(in crate::mask) fn may_be_in(text: &str, runs: &[Range<usize>]) -> bool {
    let bytes = text.as_bytes();
    let says = |run: &Range<usize>| begins_readable(bytes.get(run.clone()).unwrap_or_default());
    let mut position = 0;
    for run in runs {
        count(run.len());
        position = run.start.max(position);
        while let Some(start) = long_run_from(bytes, position..run.end, base64::is_base64) {
            let run = over_lines(bytes, start);
            position = run.end;
            if says(&run) || parts(bytes, run).any(|part| says(&part)) {
                return true;
            }
        }
    }
    false
}

/// Whether the first few characters of base64 are the beginning of a readable text.
pub(in crate::mask) fn begins_readable(letters: &[u8]) -> bool {
    let mut decoded = [0; 18];
    let mut length = 0;
    for (place, four) in decoded.as_chunks_mut::<3>().0.iter_mut().zip(letters.as_chunks::<4>().0) {
        let Some(three) = base64::decode_four(*four) else { return false };
        // Most runs that are no text end here.
        if !three.into_iter().all(is_readable) || (length == 0 && !begins_character(three)) {
            return false;
        }
        *place = three;
        length += 3;
    }
    let decoded = decoded.get(..length).unwrap_or_default();
    std::str::from_utf8(decoded).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Whether three bytes of UTF-8 may begin so: with a whole character, or as much of it as there is room for.
fn begins_character([first, second, third]: [u8; 3]) -> bool {
    let continues = |byte: u8| byte & 0xC0 == 0x80;
    match first {
        0..0x80 => true,
        0xC2..0xE0 => continues(second),
        0xE0..0xF5 => continues(second) && continues(third),
        0x80..0xC2 | 0xF5..=0xFF => false,
    }
}

/// Where in a range the first run begins of at least [`SHORTEST`] bytes that `belongs` accepts. Such a run has no
/// other byte in as many, so that they are looked at from their end, and most of a text is not looked at.
fn long_run_from(bytes: &[u8], range: Range<usize>, belongs: impl Fn(u8) -> bool) -> Option<usize> {
    let mut start = range.start;
    let bytes = bytes.get(..range.end)?;
    loop {
        match bytes.get(start..start + SHORTEST)?.iter().rposition(|byte| !belongs(*byte)) {
            Some(other) => start += other + 1,
            None => return Some(start),
        }
    }
}

/// The run of characters of base64 that begins at `start`, over the ends of long lines.
fn over_lines(bytes: &[u8], start: usize) -> Range<usize> {
    let mut end = line_end(bytes, start);
    let mut line = start;
    while end - line >= SHORTEST_LINE && (end - line).is_multiple_of(4) {
        let gap = match bytes.get(end..) {
            Some([b'\r', b'\n', ..]) => 2,
            Some([b'\n', ..]) => 1,
            Some(_) | None => break,
        };
        line = end + gap;
        let next = line_end(bytes, line);
        if next == line {
            break;
        }
        end = next;
    }
    start..end
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().take_while(|byte| base64::is_base64(**byte)).count();
    count(length);
    start + length
}

/// The parts of a run between the signs of base64, which are signs of paths and names too.
fn parts(bytes: &[u8], run: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let offset = run.start;
    let inside = bytes.get(run).unwrap_or_default();
    let mut done = 0;
    std::iter::from_fn(move || {
        let start = long_run_from(inside, done..inside.len(), |byte| byte.is_ascii_alphanumeric())?;
        let rest = inside.get(start..)?;
        done = start + rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        Some(offset + start..offset + done)
    })
}

/// The text that a run says, if that is one.
fn read(text: &str, run: &Range<usize>) -> Option<Encoded> {
    let bytes = text.as_bytes();
    if !begins_readable(bytes.get(run.clone())?) {
        return None;
    }
    count(run.len());
    let letters: Vec<u8> =
        bytes.get(run.clone())?.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let decoded = base64::decode_for_urls(&for_urls(&letters))?;
    let decoded = String::from_utf8(decoded).ok()?;
    if !decoded.bytes().all(is_readable) {
        return None;
    }
    let missing = (4 - letters.len() % 4) % 4;
    let padding = bytes.get(run.end..)?.iter().take(missing).take_while(|byte| **byte == b'=').count();
    Some(Encoded {
        range: run.start..run.end + padding,
        text: decoded,
        is_for_urls: letters.iter().any(|byte| matches!(byte, b'-' | b'_')),
        is_padded: padding > 0,
    })
}

/// The same in the alphabet for URLs.
fn for_urls(letters: &[u8]) -> Vec<u8> {
    let letter = |byte: &u8| match byte {
        b'+' => b'-',
        b'/' => b'_',
        other => *other,
    };
    letters.iter().map(letter).collect()
}

/// Whether a byte may stand in a text in UTF-8: no control character but those of lines.
fn is_readable(byte: u8) -> bool {
    byte >= b' ' && byte != 0x7F || matches!(byte, b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::ops::Range;

    use super::SHORTEST;
    use crate::mask::base64;
    use crate::mask::detect::is_token;

    const PLAIN: &str = "write to ada@example.com, please";

    /// The long runs of characters of tokens.
    fn runs(text: &str) -> Vec<Range<usize>> {
        let mut start = 0;
        let ends =
            (0..=text.len()).filter(|end| !text.as_bytes().get(*end).is_some_and(|byte| is_token(*byte)));
        let runs = ends.map(|end| std::mem::replace(&mut start, end + 1)..end);
        runs.filter(|run| run.len() >= SHORTEST).collect()
    }

    fn all(text: &str) -> Vec<super::Encoded> {
        super::all(text, &runs(text))
    }

    fn may_be_in(text: &str) -> bool {
        super::may_be_in(text, &runs(text))
    }

    fn said(text: &str) -> Vec<String> {
        all(text).into_iter().map(|encoded| encoded.text).collect()
    }

    #[test]
    fn a_text_in_base64_is_read_wherever_it_stands() {
        let encoded = base64::encode(PLAIN.as_bytes());
        for text in [
            encoded.clone(),
            format!("{encoded}="),
            format!("Basic {encoded}"),
            format!("data:text/plain;base64,{encoded}="),
            format!("?state={encoded}&x"),
            format!("/files/{encoded}/raw"),
            format!("{{\"a\":\"{encoded}\"}}"),
        ] {
            assert_eq!(said(&text), [PLAIN], "{text}");
            assert!(may_be_in(&text), "{text}");
        }
        let long = PLAIN.repeat(4);
        let mut lines = base64::encode(long.as_bytes());
        lines.insert(76, '\n');
        assert_eq!(said(&lines), [long]);
        let for_urls = base64::for_urls(&base64::encode("käse, größe, ÿÿÿ?>>>".as_bytes()));
        assert_eq!(said(&for_urls), ["käse, größe, ÿÿÿ?>>>"]);
        assert!(may_be_in(&for_urls));
        assert!(!may_be_in("550e8400-e29b-41d4-a716-446655440000") && !may_be_in("prose of words"));
    }

    #[test]
    fn what_is_no_text_is_not_read() {
        for text in [
            "550e8400-e29b-41d4-a716-446655440000",
            "5eb63bbbe01eeed093cb22bb8f5acdc3",
            "AKIAIOSFODNN7EXAMPLE",
            "/usr/local/share/applications",
            "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ",
            "getCustomerAddressByIdentifier",
            "a short one: QQ==",
            "",
        ] {
            assert_eq!(said(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn a_text_is_written_again_as_it_was() {
        let for_urls = base64::for_urls(&base64::encode("käse, größe, ÿÿÿ?>>>".as_bytes()));
        for written in ["d3JpdGUgdG8gYWRhIGFnYWlu", "d3JpdGUgdG8gYWRhIG5vdw==", &for_urls] {
            let encoded = all(written).pop().unwrap();
            assert_eq!(encoded.rewritten(&encoded.text), written);
            assert_eq!(encoded.range, 0..written.len());
        }
        assert_eq!(all("d3JpdGUgdG8gYWRhIG5vdw==").first().unwrap().rewritten("write"), "d3JpdGU=");
    }
}
