//! The content of a long string that comes in parts: where it ends, what it says, and which of its bytes say which part.

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Document, Limits};

/// The content of a string, as it comes.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// What was read since something was last taken, as it is spelled.
    raw: Vec<u8>,
    /// What has come and says nothing yet: the beginning of an escape or of a character.
    rest: Vec<u8>,
}

/// What came of some bytes.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// What they say.
    pub(super) text: String,
    /// How many of them belong to the string with its closing quotation mark, where that is among them.
    pub(super) ends_at: Option<usize>,
}

/// It is no content of a string.
#[derive(Debug)]
pub(super) struct Malformed;

impl Content {
    /// Takes what comes next.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Read, Malformed> {
        let before = self.rest.len();
        self.rest.extend_from_slice(bytes);
        let (complete, is_end) = complete(&self.rest);
        let ends_at = is_end.then(|| (complete + 1).saturating_sub(before));
        let text = text(self.rest.get(..complete).unwrap_or_default()).ok_or(Malformed)?;
        self.raw.extend(self.rest.drain(..complete));
        if is_end {
            self.rest.clear();
        }
        Ok(Read { text, ends_at })
    }

    /// Takes off what says the first `length` bytes of what was read and not taken, as it is spelled.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let (mut at, mut said) = (0, 0);
        while said < length {
            let (raw, own) = step(self.raw.get(at..).unwrap_or_default(), length - said);
            if raw == 0 {
                break;
            }
            (at, said) = (at + raw, said + own);
        }
        self.raw.drain(..at).collect()
    }

    /// Takes everything that was read, and forgets it.
    pub(super) fn forget(&mut self) {
        self.raw.clear();
    }

    /// Everything that has come and was not taken, as it is spelled.
    #[cfg(test)]
    fn into_bytes(self) -> Vec<u8> {
        let Self { mut raw, rest } = self;
        raw.extend(rest);
        raw
    }
}

/// One escape, or what comes before the next: how many bytes it takes and says, no more than `most` if it can be cut.
fn step(raw: &[u8], most: usize) -> (usize, usize) {
    match memchr::memchr(b'\\', raw) {
        Some(0) => {
            let length = escape(raw).unwrap_or(raw.len());
            (length, text(raw.get(..length).unwrap_or_default()).map_or(0, |text| text.len()))
        }
        Some(plain) => (plain.min(most), plain.min(most)),
        None => (raw.len().min(most), raw.len().min(most)),
    }
}

/// How many of the bytes are whole characters and escapes of a string, up to its end, and whether it ends behind them.
fn complete(bytes: &[u8]) -> (usize, bool) {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        match memchr::memchr2(b'"', b'\\', rest) {
            None => return (bytes.len() - unfinished(bytes), false),
            Some(offset) if rest.get(offset) == Some(&b'"') => return (at + offset, true),
            Some(offset) => match escape(rest.get(offset..).unwrap_or_default()) {
                Some(length) => at += offset + length,
                None => return (at + offset, false),
            },
        }
    }
}

/// How many bytes the escape has that begins here; none if they have not all come.
fn escape(bytes: &[u8]) -> Option<usize> {
    let is_high =
        |digits: &[u8]| matches!(digits, [b'd' | b'D', b'8'..=b'9' | b'a' | b'b' | b'A' | b'B', ..]);
    match bytes {
        [b'\\', b'u', digits @ ..] if digits.len() >= 4 => {
            if !is_high(digits) {
                return Some(6);
            }
            match digits.get(4..).unwrap_or_default() {
                [b'\\', b'u', low @ ..] => (low.len() >= 4).then_some(12),
                [] | [b'\\'] => None,
                [..] => Some(6),
            }
        }
        [b'\\', b'u', ..] | [b'\\'] | [] => None,
        [..] => Some(2),
    }
}

/// How many bytes at the end are the beginning of a character (RFC 3629, section 3).
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3).position(|byte| byte & 0xC0 != 0x80);
    let Some(back) = last else { return 0 };
    let needed = match bytes.iter().rev().nth(back) {
        Some(0xC0..=0xDF) => 2,
        Some(0xE0..=0xEF) => 3,
        Some(0xF0..=0xFF) => 4,
        Some(_) | None => 1,
    };
    if back + 1 < needed { back + 1 } else { 0 }
}

/// What the content of a string says; none if it is no content of a string.
fn text(raw: &[u8]) -> Option<String> {
    let quoted = [b"\"", raw, b"\""].concat();
    let limits = Limits { bytes: usize::MAX, depth: 1 };
    let document = Document::parse(Bytes::from(quoted), limits).ok()?;
    document.root().text().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::Content;

    #[test]
    fn a_string_is_read_alike_wherever_it_is_cut() {
        let raw = r#"aé€😀\n\u00e9\ud83d\ude00\\\"\/ end"#;
        let said = serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap();
        let all = format!("{raw}\"more");
        for cut in 0..=all.len() {
            let mut content = Content::default();
            let (first, second) = all.as_bytes().split_at(cut);
            let one = content.read(first).unwrap();
            let mut text = one.text;
            if one.ends_at.is_none() {
                let other = content.read(second).unwrap();
                text += &other.text;
                assert_eq!(cut + other.ends_at.unwrap(), raw.len() + 1, "{cut}");
            } else {
                assert_eq!(one.ends_at, Some(raw.len() + 1), "{cut}");
            }
            assert_eq!(text, said, "{cut}");
            assert_eq!(content.into_bytes(), raw.as_bytes(), "{cut}");
        }
    }

    #[test]
    fn what_is_no_string_is_refused() {
        for raw in [&b"a\x01b"[..], br"\x", br"\ud800 ", b"\xff\"", br"\u12g4"] {
            assert!(Content::default().read(raw).is_err(), "{raw:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_is_what_says_so_much(text in any::<String>(), share in 0.0..=1.0) {
            let quoted = serde_json::to_string(&text).unwrap();
            let mut content = Content::default();
            content.read(quoted.get(1..).unwrap().as_bytes()).unwrap();
            let mut cut = (text.len() as f64 * share) as usize;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            let first = content.take(cut);
            let said = |raw: &[u8]| {
                serde_json::from_str::<String>(&format!("\"{}\"", str::from_utf8(raw).unwrap())).unwrap()
            };
            prop_assert_eq!(said(&first), text.get(..cut).unwrap());
            prop_assert_eq!(said(&content.into_bytes()), text.get(cut..).unwrap());
        }
    }
}
