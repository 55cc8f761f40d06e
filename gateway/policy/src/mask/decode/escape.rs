//! Single escapes: percent-encoding (RFC 3986), character references of HTML, escapes of JSON. Each reads one escape at
//! the beginning of a text and says which character it stands for; which text is read is not known here.

/// A character, and how many bytes its escape takes.
pub(super) type Escape = Option<(char, usize)>;

/// The longest name of [`ENTITIES`].
const LONGEST_ENTITY: usize = 8;

/// Names of HTML for what values are made of beside letters and digits. A letter has no name in HTML.
const ENTITIES: [(&str, char); 32] = [
    ("amp", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dash", '\u{2010}'),
    ("dollar", '$'),
    ("emsp", '\u{2003}'),
    ("ensp", '\u{2002}'),
    ("equals", '='),
    ("excl", '!'),
    ("gt", '>'),
    ("hyphen", '\u{2010}'),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lt", '<'),
    ("mdash", '\u{2014}'),
    ("nbsp", '\u{a0}'),
    ("ndash", '\u{2013}'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quot", '"'),
    ("rpar", ')'),
    ("shy", '\u{ad}'),
    ("sol", '/'),
    ("thinsp", '\u{2009}'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
];

/// The escape that `text` begins with, if it begins with one.
pub(super) fn read(text: &[u8]) -> Escape {
    match text.first() {
        Some(b'%') => percent(text),
        Some(b'&') => reference(text),
        Some(b'\\') => backslash(text),
        Some(_) | None => None,
    }
}

/// One character in UTF-8, each byte as `%` and two hexadecimal digits.
fn percent(text: &[u8]) -> Escape {
    let byte = |place: usize| match text.get(place * 3..place * 3 + 3) {
        Some([b'%', digits @ ..]) => hexadecimal(digits).and_then(|code| u8::try_from(code).ok()),
        Some(_) | None => None,
    };
    let first = byte(0)?;
    let length = match first {
        0..0x80 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0..=0xFF => 4,
        0x80..0xC0 => return None,
    };
    let bytes = (0..length).map(byte).collect::<Option<Vec<_>>>()?;
    let character = std::str::from_utf8(&bytes).ok()?.chars().next()?;
    Some((character, length * 3))
}

/// `&#52;`, `&#x34;` or `&commat;`; the semicolon may be left out behind a number, as browsers take it.
fn reference(text: &[u8]) -> Escape {
    let rest = text.get(1..)?;
    let Some(number) = rest.strip_prefix(b"#") else {
        let end = rest.iter().take(LONGEST_ENTITY + 1).position(|byte| *byte == b';')?;
        let name = rest.get(..end)?;
        let (_, character) = ENTITIES.iter().find(|(own, _)| own.as_bytes() == name)?;
        return Some((*character, end + 2));
    };
    /// Zeros may lead; more digits than this are no reference.
    const LONGEST: usize = 8;
    let is_hexadecimal = matches!(number.first(), Some(b'x' | b'X'));
    let start = usize::from(is_hexadecimal);
    let is_digit = |byte: &&u8| if is_hexadecimal { byte.is_ascii_hexdigit() } else { byte.is_ascii_digit() };
    let length = number.get(start..)?.iter().take(LONGEST).take_while(is_digit).count();
    let digits = number.get(start..start + length)?;
    let code = if is_hexadecimal { hexadecimal(digits)? } else { decimal(digits)? };
    let has_end = number.get(start + length) == Some(&b';');
    Some((char::from_u32(code)?, 2 + start + length + usize::from(has_end)))
}

/// An escape of JSON. Two halves of a surrogate pair are one character.
fn backslash(text: &[u8]) -> Escape {
    let plain = match text.get(1)? {
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'"' => '"',
        b'/' => '/',
        b'\\' => '\\',
        b'u' => {
            let unit = hexadecimal(text.get(2..6)?)?;
            if let Some(character) = char::from_u32(unit) {
                return Some((character, 6));
            }
            let low = text.get(6..8).filter(|head| *head == b"\\u").and(text.get(8..12))?;
            let units = [u16::try_from(unit).ok()?, u16::try_from(hexadecimal(low)?).ok()?];
            return char::decode_utf16(units).next()?.ok().map(|character| (character, 12));
        }
        _ => return None,
    };
    Some((plain, 2))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    number(digits, 16)
}

fn decimal(digits: &[u8]) -> Option<u32> {
    number(digits, 10)
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let add = |sum: u32, &byte: &u8| sum.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

#[cfg(test)]
mod tests {
    use super::{ENTITIES, LONGEST_ENTITY, read};

    #[test]
    fn an_escape_is_read_whole_and_nothing_else_is() {
        for (text, expected) in [
            ("%40x", Some(('@', 3))),
            ("%c3%A9", Some(('é', 6))),
            ("%F0%9F%98%80", Some(('😀', 12))),
            ("%c3", None),
            ("%A9", None),
            ("%4", None),
            ("%zz", None),
            ("%+4", None),
            ("&#64;x", Some(('@', 5))),
            ("&#064", Some(('@', 5))),
            ("&#x40;", Some(('@', 6))),
            ("&#X0040;", Some(('@', 8))),
            ("&commat;", Some(('@', 8))),
            ("&commat", None),
            ("&unknown;", None),
            ("&#;", None),
            ("&#x110000;", None),
            ("&", None),
            (r"\n4", Some(('\n', 2))),
            (r"\u0034", Some(('4', 6))),
            (r"\uD83D\uDE00", Some(('😀', 12))),
            (r"\uD83D", None),
            (r"\uD83D\u0034", None),
            (r"\d", None),
            ("\\", None),
            ("", None),
            ("a", None),
        ] {
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn every_name_can_be_read() {
        for (name, character) in ENTITIES {
            assert!(name.len() <= LONGEST_ENTITY);
            assert_eq!(read(format!("&{name};").as_bytes()), Some((character, name.len() + 2)));
        }
    }
}
