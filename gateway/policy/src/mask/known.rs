//! Credentials whose value is known, and which therefore must never be shown, whatever the rules say; and values that the
//! caller has sent as tokens, which must not come back to him as they are.
//!
//! A server may echo the credential that the gateway gave it: as it is, percent-encoded in a URL, in base64
//! (as part of a Basic header, say), with the escapes of JSON. All these forms are looked for. Forms that
//! need a key or a guess (hashes, encryption, base64 over several lines) are not.

mod restored;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use lychgate_gateway_mcp::json::quote;
use memchr::memmem;
use zeroize::Zeroizing;

use super::base64;
use super::detect::{MINIMUM_RUN, is_token};
use super::work::count;

/// A shorter value is no secret to look for inside words: it is found only where it is a whole string, or
/// stands behind the name of an authentication scheme. Eight characters are what NIST SP 800-63B asks of the
/// weakest secret.
const MINIMUM_BYTES: usize = 8;

/// Schemes behind which even a short value is a credential.
const SCHEMES: [&str; 3] = ["bearer ", "basic ", "token "];

/// A credential's value, in the forms in which it could be shown. Its clones are one and the same. It has neither
/// `Debug` nor `Serialize`, for it must not be shown itself.
#[derive(Clone)]
pub struct Known(Arc<Value>);

struct Value {
    name: String,
    /// Whether the caller has sent it as a token.
    is_restored: bool,
    text: Zeroizing<String>,
    /// How many characters of tokens every form but a percent-encoded one has in a row; 0 if fewer than [`MINIMUM_RUN`].
    run: usize,
    /// The forms, once a text was looked through that could hold one: most callers' tokens are longer than any text
    /// that they are looked for in.
    forms: OnceLock<Forms>,
}

/// What a value is looked for as.
struct Forms {
    needles: Vec<Needle>,
    /// Whether any of them is too short for those.
    has_short: bool,
    /// Whether all of them have a run of characters of tokens.
    has_runs: bool,
    grams: Grams,
}

/// Where a text has long runs of characters of tokens, in order; `None` where that is not known.
pub(super) type Runs<'r> = Option<&'r [Range<usize>]>;

/// Which eight bytes stand in a row in a needle, as far as a few bits of each tell it. A text in which none of them stands at
/// every eighth place holds no needle that is long enough, and is not searched for each.
#[derive(Clone)]
struct Grams(Zeroizing<Vec<u64>>);

impl Grams {
    const LENGTH: usize = 8;
    /// A shorter needle may stand between the places that are looked at, in bytes.
    const SHORTEST: usize = 2 * Self::LENGTH - 1;
    /// Each place has a bit.
    const WORDS: usize = (u16::MAX as usize + 1) / u64::BITS as usize;

    fn of(needles: &[Needle]) -> Self {
        let mut grams = Self(Zeroizing::new(vec![0; Self::WORDS]));
        for needle in needles.iter().filter(|needle| needle.text.len() >= Self::SHORTEST) {
            for gram in needle.text.as_bytes().windows(Self::LENGTH).filter_map(<[u8]>::first_chunk) {
                for place in Self::places(*gram) {
                    if let Some(word) = grams.0.get_mut(usize::from(place >> 6)) {
                        *word |= 1 << (place & 63);
                    }
                }
            }
        }
        grams
    }

    /// Whether a text may hold a long needle.
    fn may_be_in(&self, text: &[u8]) -> bool {
        let Some(words) = self.0.first_chunk() else { return true };
        text.as_chunks().0.iter().any(|gram| {
            let [first, second] = Self::places(*gram);
            is_noted(words, first) && is_noted(words, second)
        })
    }

    /// Where a row of bytes is noted: in two places, for that one of them is noted by chance is frequent in a text of some
    /// length, and then each needle is searched for.
    #[inline]
    fn places(gram: [u8; Self::LENGTH]) -> [u16; 2] {
        /// Spreads the bits of a word into its highest ones (Knuth, TAOCP 3, section 6.4).
        const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
        let [.., two, one, four, three] = u64::from_le_bytes(gram).wrapping_mul(SPREAD).to_le_bytes();
        [u16::from_le_bytes([four, three]), u16::from_le_bytes([two, one])]
    }
}

/// Whether the bit of this number is set.
#[inline]
fn is_noted(words: &[u64; Grams::WORDS], place: u16) -> bool {
    words.get(usize::from(place >> 6)).is_some_and(|word| word >> (place & 63) & 1 == 1)
}

/// A text to look for, wiped after use, and how much of what surrounds it belongs to the value too.
#[derive(Clone)]
struct Needle {
    text: Zeroizing<String>,
    /// Characters of base64 before and behind the text that hold bits of the value.
    base64_before: usize,
    base64_behind: usize,
    /// Whether it has a run of characters of tokens, so that it stands in no text without one.
    has_run: bool,
}

impl Known {
    /// The credential called `name` (as records call it) with this value; white space around it does not
    /// count, because files end in line breaks. Of a value shorter than 8 bytes only a whole string is
    /// masked, or what follows `Bearer`, `Basic` or `Token`: masking each `a` would help nobody.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Self {
        Self::of(name, value, false)
    }

    fn of(name: &str, value: &str, is_restored: bool) -> Self {
        let text = Zeroizing::new(value.trim().to_owned());
        Self(Arc::new(Value {
            name: name.to_owned(),
            is_restored,
            run: run_when_escaped(&text),
            text,
            forms: OnceLock::new(),
        }))
    }

    /// The name, as records call the credential.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// The value, for a key that is known by it.
    pub(super) fn value(&self) -> &str {
        &self.0.text
    }

    /// Whether the value is too short to be looked for inside words.
    pub(super) fn is_short(&self) -> bool {
        self.0.text.len() < MINIMUM_BYTES
    }

    /// Whether `text` holds the value, in any of the forms that are looked for.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let mut found = Vec::new();
        self.find(text, &mut found);
        !found.is_empty()
    }

    /// Adds to `found` where the value stands in `text`, in any of its forms. Ranges may overlap.
    pub(super) fn find(&self, text: &str, found: &mut Vec<Range<usize>>) {
        self.find_where(text, None, found);
    }

    /// The same. `runs` says where the text has [`MINIMUM_RUN`] characters of tokens in a row, if that is known: most texts
    /// have few and most credentials have some.
    pub(super) fn find_where(&self, text: &str, runs: Runs<'_>, found: &mut Vec<Range<usize>>) {
        count(text.len());
        if self.is_short() {
            self.find_short(text, found);
            return;
        }
        if !self.may_be_in(text, runs) {
            return;
        }
        self.find_needles(text, runs, found);
        if has_percent(text) {
            let (decoded, places) = percent_decoded(text);
            let mut ranges = Vec::new();
            self.find_needles(&decoded, None, &mut ranges);
            let place = |position: usize| places.get(position).copied();
            found.extend(ranges.iter().filter_map(|range| Some(place(range.start)?..place(range.end)?)));
        }
    }

    /// Whether `text` holds the value, as [`Self::find_where`] would find it.
    pub(super) fn is_in_where(&self, text: &str, runs: Runs<'_>) -> bool {
        if !self.is_short() && !self.may_be_in(text, runs) {
            return false;
        }
        let mut found = Vec::new();
        self.find_where(text, runs, &mut found);
        !found.is_empty()
    }

    /// Whether it may stand in a text without a run of characters of tokens and without a `%`.
    pub(super) fn may_be_plain(&self) -> bool {
        self.is_short() || self.0.run == 0
    }

    /// Whether `text` could hold a form of a value that is not short. No form is shorter than the value: escapes and
    /// percent-encoding add to it, and of eight bytes and more base64 keeps at least as many characters.
    fn may_be_in(&self, text: &str, runs: Runs<'_>) -> bool {
        text.len() >= self.0.text.len()
            && (runs.is_none_or(|runs| runs.iter().any(|run| run.len() >= self.0.run))
                || self.0.run == 0
                || has_percent(text))
    }

    fn find_needles(&self, text: &str, runs: Runs<'_>, found: &mut Vec<Range<usize>>) {
        let bytes = text.as_bytes();
        let is_encoded = |position: usize| bytes.get(position).is_some_and(|&byte| base64::is_base64(byte));
        // Most texts are shorter than a credential, and preparing a search costs more than they do.
        let forms = self.0.forms.get_or_init(|| {
            let needles = needles(&self.0.text);
            let has_short = needles.iter().any(|needle| needle.text.len() < Grams::SHORTEST);
            let has_runs = needles.iter().all(|needle| needle.has_run);
            Forms { grams: Grams::of(&needles), has_short, has_runs, needles }
        });
        // What has a run stands in no text but at one of its runs.
        let has_gram = || match runs.filter(|_| forms.has_runs) {
            Some(runs) => {
                let has_gram =
                    |run: &Range<usize>| forms.grams.may_be_in(bytes.get(run.clone()).unwrap_or_default());
                runs.iter().filter(|run| run.len() >= self.0.run).any(has_gram)
            }
            None => forms.grams.may_be_in(bytes),
        };
        if !forms.has_short && !has_gram() {
            return;
        }
        let has_run = runs.is_none_or(|runs| !runs.is_empty());
        let mut long_may_be_in = None;
        let may_be_in = |needle: &&Needle| {
            needle.text.len() <= text.len()
                && (has_run || !needle.has_run)
                && (needle.text.len() < Grams::SHORTEST || *long_may_be_in.get_or_insert_with(has_gram))
        };
        for needle in forms.needles.iter().filter(may_be_in) {
            count(bytes.len());
            if memmem::find(bytes, needle.text.as_bytes()).is_none() {
                continue;
            }
            for (mut start, hit) in text.match_indices(needle.text.as_str()) {
                let mut end = start + hit.len();
                if needle.base64_before > 0 && start.checked_sub(1).is_some_and(is_encoded) {
                    start -= 1;
                }
                if needle.base64_behind > 0 && is_encoded(end) {
                    end += 1;
                }
                found.push(start..end);
            }
        }
    }

    fn find_short(&self, text: &str, found: &mut Vec<Range<usize>>) {
        if self.0.text.is_empty() {
            return;
        }
        if self.0.is_restored {
            self.find_words(text, found);
            return;
        }
        if text.trim() == self.0.text.as_str() {
            found.push(0..text.len());
            return;
        }
        for (start, hit) in text.match_indices(self.0.text.as_str()) {
            let end = start + hit.len();
            let is_behind_scheme = SCHEMES.iter().any(|scheme| {
                let head = start.checked_sub(scheme.len()).and_then(|from| text.get(from..start));
                head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            });
            let goes_on = text.as_bytes().get(end).is_some_and(u8::is_ascii_alphanumeric);
            if is_behind_scheme && !goes_on {
                found.push(start..end);
            }
        }
    }
}

fn has_percent(text: &str) -> bool {
    memchr::memchr(b'%', text.as_bytes()).is_some()
}

/// The longest run of characters of tokens that escaping leaves whole, which JSON does not a slash; 0 if it is shorter than
/// [`MINIMUM_RUN`].
fn run_when_escaped(value: &str) -> usize {
    let longest = longest_run(value, |byte| byte != b'/' && is_token(byte));
    if longest < MINIMUM_RUN { 0 } else { longest }
}

fn longest_run(value: &str, belongs: impl Fn(u8) -> bool) -> usize {
    value.as_bytes().split(|byte| !belongs(*byte)).map(<[u8]>::len).max().unwrap_or(0)
}

fn needles(value: &str) -> Vec<Needle> {
    let mut texts = vec![Zeroizing::new(value.to_owned())];
    let quoted = Zeroizing::new(quote(value));
    let escaped = quoted.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
    texts.push(Zeroizing::new(escaped.to_owned()));
    texts.push(Zeroizing::new(escaped.replace('/', "\\/")));
    let plain =
        texts.into_iter().map(|text| Needle { text, base64_before: 0, base64_behind: 0, has_run: false });
    let encoded = (0..3).flat_map(|offset| {
        let standard = base64_at(value, offset);
        let for_urls = Needle { text: Zeroizing::new(base64::for_urls(&standard.text)), ..standard };
        [standard, for_urls]
    });
    let mut needles: Vec<Needle> = Vec::new();
    for needle in plain.chain(encoded) {
        if !needle.text.is_empty() && needles.iter().all(|earlier| earlier.text != needle.text) {
            let has_run = longest_run(&needle.text, is_token) >= MINIMUM_RUN;
            needles.push(Needle { has_run, ..needle });
        }
    }
    needles
}

/// What `value` looks like inside base64 that began `offset` bytes before it, modulo 3: the characters that
/// depend on nothing else, and whether one before and one behind depend on it in part.
fn base64_at(value: &str, offset: usize) -> Needle {
    let mut bytes = Zeroizing::new(vec![0; offset]);
    bytes.extend_from_slice(value.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    let encoded = Zeroizing::new(base64::encode(&bytes));
    Needle {
        text: Zeroizing::new(encoded.get(first..last).unwrap_or_default().to_owned()),
        base64_before: usize::from(offset > 0),
        base64_behind: usize::from(!bytes.len().is_multiple_of(3)),
        has_run: false,
    }
}

/// `text` with its percent-encoded ASCII characters (RFC 3986, section 2.1) decoded, and for each byte of
/// that, and its end, the place in `text`.
fn percent_decoded(text: &str) -> (String, Vec<usize>) {
    let mut decoded = String::with_capacity(text.len());
    let mut places = Vec::with_capacity(text.len() + 1);
    let mut characters = text.char_indices();
    while let Some((place, character)) = characters.next() {
        let byte = (character == '%').then(|| percent_escape(text, place)).flatten();
        if byte.is_some() {
            characters.next();
            characters.next();
        }
        decoded.push(byte.map_or(character, char::from));
        places.resize(decoded.len(), place);
    }
    places.push(text.len());
    (decoded, places)
}

fn percent_escape(text: &str, place: usize) -> Option<u8> {
    let digits = text.get(place + 1..place + 3)?;
    let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let byte = u8::from_str_radix(digits, 16).ok()?;
    (is_hexadecimal && byte.is_ascii()).then_some(byte)
}

#[cfg(test)]
mod tests {
    use super::Known;
    use crate::mask::base64;

    const VALUE: &str = "s3cr3t/Value+with\"odd~bytes";

    fn found(value: &str, text: &str) -> Vec<String> {
        let mut ranges = Vec::new();
        Known::new("test", value).find(text, &mut ranges);
        ranges.into_iter().map(|range| text.get(range).unwrap_or("not at a character").to_owned()).collect()
    }

    #[test]
    fn a_value_is_found_as_it_is_and_escaped() {
        assert_eq!(found(VALUE, &format!("Bearer {VALUE}.")), [VALUE]);
        assert_eq!(found(VALUE, &format!("{VALUE}{VALUE}")), [VALUE, VALUE]);
        assert_eq!(found(&format!(" {VALUE}\n"), VALUE), [VALUE]);
        let escaped = r#"s3cr3t\/Value+with\"odd~bytes"#;
        assert_eq!(found(VALUE, &format!("{{\"a\":\"{escaped}")), [escaped]);
        assert!(found(VALUE, "s3cr3t/Value").is_empty());
    }

    #[test]
    fn a_value_is_found_at_every_place_and_of_every_length() {
        for length in 8..40 {
            let value: String = "Zq7-Kx3_Wv9.Tb5/Ln1+Rd8~Gm2Fc6Hj4Py0Su-A".chars().take(length).collect();
            for shift in 0..20 {
                for (before, behind) in [("x", ""), (" ", " "), ("-", "-and more of it")] {
                    let text = format!("{}{value}{behind}", before.repeat(shift));
                    assert_eq!(found(&value, &text), [value.as_str()], "{text}");
                }
            }
        }
    }

    #[test]
    fn a_value_is_found_percent_encoded_in_any_spelling() {
        for encoded in [
            "s3cr3t%2FValue%2Bwith%22odd~bytes",
            "s3cr3t%2fValue+with%22odd%7Ebytes",
            "%733cr3t/Value+with%22odd~bytes",
        ] {
            assert_eq!(found(VALUE, &format!("/ä?token={encoded}&x=100%")), [encoded]);
        }
    }

    #[test]
    fn a_value_is_found_inside_base64_at_any_offset() {
        for before in ["", "u", "us", "use", "user:"] {
            for behind in ["", "x", "xy", "xyz"] {
                let standard = base64::encode(format!("{before}{VALUE}{behind}").as_bytes());
                for text in [base64::for_urls(&standard), standard] {
                    let found = found(VALUE, &text);
                    assert_eq!(found.len(), 1, "{before} {behind}");
                    let hidden: usize = found.iter().map(String::len).sum();
                    assert!(hidden >= VALUE.len() * 8 / 6, "{before} {behind}");
                }
            }
        }
    }

    #[test]
    fn a_short_value_is_found_only_where_it_stands_alone() {
        for (text, expected) in [
            ("abc", vec!["abc"]),
            ("Bearer abc", vec!["abc"]),
            ("basic abc, and abc", vec!["abc"]),
            ("Bearer abcd", vec![]),
            ("the abc of it", vec![]),
            ("abcabc", vec![]),
        ] {
            assert_eq!(found("abc", text), expected, "{text}");
        }
        assert!(found("", "anything").is_empty());
        assert!(found("", "").is_empty());
    }
}
