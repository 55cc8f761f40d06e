//! E-mail addresses: a local part of the dot-atom form (RFC 5322, section 3.2.3; letters of other scripts as
//! RFC 6531 allows), `@`, and a domain name of at least two labels, international ones included.
//!
//! Some characters that a local part may have separate words far more often: `/ ? & = | { }` and backticks
//! end it here, so that an address in a URL or a table does not take its neighbours along. What only looks
//! like an address stays: versions of packages, images for dense screens, units of systemd, `git@host:`.

use std::ops::Range;

use super::Sample;
use super::trigger::Trigger;
use crate::mask::work::count;

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::At(address)];

/// Endings that are no top-level domains and stand behind an `@` in names of files and of systemd's units.
const NOT_DOMAINS: [&str; 17] = [
    "png", "jpg", "jpeg", "gif", "webp", "svg", "bmp", "ico", "tgz", "service", "socket", "timer", "target",
    "mount", "slice", "scope", "path",
];

/// Where scripts begin that set no spaces between words.
const UNSPACED_SCRIPTS: char = '\u{2E80}';

/// The address around the sign at `at`, of which nothing stands before `free_from`.
fn address(sample: Sample<'_>, at: usize, free_from: usize) -> Option<Range<usize>> {
    let before = sample.text.get(free_from..at)?;
    let after = sample.text.get(at + 1..)?;
    let domain = domain(after);
    if domain.is_empty() {
        return None;
    }
    let local = local_part(before);
    let is_address = !local.is_empty() && !is_remote_of_git(local, after, domain);
    is_address.then_some(at - local.len()..at + 1 + domain.len())
}

/// The longest end of `before` that is a local part.
fn local_part(before: &str) -> &str {
    // Without spaces between words, an address must not take the whole sentence before it along.
    let is_unspaced = |character: char| character >= UNSPACED_SCRIPTS && character.is_alphanumeric();
    let takes_unspaced = before.chars().next_back().is_some_and(is_unspaced);
    let belongs = |character: char| match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' => true,
        '!' | '#' | '$' | '%' | '\'' | '*' | '+' | '-' | '^' | '_' | '~' => true,
        other => !other.is_ascii() && other.is_alphanumeric() && (takes_unspaced || !is_unspaced(other)),
    };
    let local = tail(before, belongs);
    let local = match before.strip_suffix(local) {
        // Mailing lists write the receiver into the sender: bounce+receiver=example.com@lists.example.org.
        Some(head) if head.ends_with('=') => {
            let outer = tail(before, |character| belongs(character) || character == '=');
            if outer.split('=').next().is_some_and(|first| first.contains('+')) { outer } else { local }
        }
        Some(_) | None => local,
    };
    let escape = local_escape(before, local);
    local.get(escape..).unwrap_or_default().trim_start_matches(['.', '\'', '-'])
}

/// How many characters of `local` are the rest of an escape of JSON that stands before the address.
fn local_escape(before: &str, local: &str) -> usize {
    let is_escape = before.strip_suffix(local).is_some_and(|head| head.ends_with('\\'));
    match local.as_bytes() {
        [b'u', first, second, third, fourth, ..]
            if is_escape && [first, second, third, fourth].into_iter().all(u8::is_ascii_hexdigit) =>
        {
            5
        }
        [b'b' | b'f' | b'n' | b'r' | b't', ..] if is_escape => 1,
        _ => 0,
    }
}

/// The longest end of `text` of characters that belong. Most are of ASCII, and those are looked at as bytes.
fn tail(text: &str, belongs: impl Fn(char) -> bool) -> &str {
    let length = text.bytes().rev().take_while(|byte| byte.is_ascii() && belongs(char::from(*byte))).count();
    let head = text.get(..text.len() - length).unwrap_or(text);
    let head =
        if head.ends_with(|last: char| !last.is_ascii()) { head.trim_end_matches(belongs) } else { head };
    count(text.len() - head.len() + 1);
    text.get(head.len()..).unwrap_or_default()
}

/// The longest beginning of `after` that is a domain name; empty if none is.
fn domain(after: &str) -> &str {
    let belongs = |character: char| {
        character == '.'
            || character == '-'
            || if character.is_ascii() {
                character.is_ascii_alphanumeric()
            } else {
                character.is_alphanumeric()
            }
    };
    let of_ascii = after.bytes().take_while(|byte| byte.is_ascii() && belongs(char::from(*byte))).count();
    let behind = after.get(of_ascii..).unwrap_or_default();
    let of_others = if behind.starts_with(|next: char| !next.is_ascii()) {
        behind.find(|character| !belongs(character)).unwrap_or(behind.len())
    } else {
        0
    };
    let mut rest = after.get(..of_ascii + of_others).unwrap_or_default();
    count(rest.len() + 1);
    // Most signs are of something else, and no dot stands behind them.
    if !rest.bytes().any(|byte| byte == b'.') {
        return "";
    }
    if let Some(end) = rest.as_bytes().windows(2).position(|pair| pair == b"..") {
        rest = rest.get(..end).unwrap_or_default();
    }
    let mut name = rest.trim_end_matches(['.', '-']);
    if name.starts_with(['.', '-']) || is_version(name) {
        return "";
    }
    // Labels that cannot end a domain name are no part of it, as in `mail@example.com.1`.
    while let Some((head, last)) =
        name.bytes().rposition(|byte| byte == b'.').and_then(|dot| parted(name, dot))
    {
        count(last.len() + 1);
        if let Some(length) = top_level_length(head, last) {
            return name.get(..head.len() + 1 + length).unwrap_or_default();
        }
        name = head;
    }
    ""
}

/// What stands before and behind the byte at `place`.
fn parted(text: &str, place: usize) -> Option<(&str, &str)> {
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Whether a name is the version of a package or module, as in `v1.2.3-beta.linux`.
fn is_version(name: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.trim_start_matches('v');
    if !name.starts_with(|first: char| first.is_ascii_digit()) {
        return false;
    }
    let mut parts = name.split('.');
    parts.next().is_some_and(is_number) && parts.next().is_some_and(is_number)
}

/// How many bytes of `label`, which `head` and a dot precede, are a top-level domain.
fn top_level_length(head: &str, label: &str) -> Option<usize> {
    // One letter alone is none.
    if label.len() < 2 || NOT_DOMAINS.iter().any(|other| label.eq_ignore_ascii_case(other)) {
        return None;
    }
    if label.len() > 4 && label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")) {
        return Some(label.len());
    }
    if label.starts_with(|first: char| !first.is_ascii() && first.is_alphabetic()) {
        return Some(label.len());
    }
    let letters = label.bytes().take_while(u8::is_ascii_alphabetic).count();
    let goes_on_with_digits = label.as_bytes().get(letters).is_some_and(u8::is_ascii_digit);
    let is_after_number =
        || head.bytes().rev().take_while(|byte| *byte != b'.').all(|byte| byte.is_ascii_digit());
    match (letters >= 2, goes_on_with_digits) {
        (true, false) => Some(letters),
        // `1.0.rc1` is a version; an address with a digit stuck to its end is an address.
        (true, true) if !is_after_number() => {
            Some(label.bytes().take_while(u8::is_ascii_alphanumeric).count())
        }
        (true | false, _) => None,
    }
}

/// `git@host:path` and `git@host/path` name a repository, not a person.
fn is_remote_of_git(local: &str, after: &str, domain: &str) -> bool {
    let follows = after.get(domain.len()..).is_some_and(|rest| rest.starts_with([':', '/']));
    local == "git" && follows
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::Email;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        assert_marked(
            Email,
            &[
                "«ada@example.com»",
                "write to «ada.l@mail.example.org».",
                "«ada+lists@example.com»",
                "Ada <«ada@example.com»>",
                "mailto:«ada@example.com»?subject=x",
                "https://example.com/?email=«ada@example.com»&x=1",
                "user=«ada@example.com»",
                "'«ada@example.com»'",
                "«o'brien@example.com»",
                "«ada_l-77@example.co.uk»; «bob@example.net»",
                "«björn@example.se»",
                "«ada@bücher.example»",
                "«ada@xn--bcher-kva.example»",
                "联系«ada@example.com»联系",
                "«用户@例子.测试»",
                "«ada@163.example»",
                "«bounce+ada=example.net@lists.example.com»",
                "«ADA@EXAMPLE.COM»",
                "…«ada@example.com»…",
                "«ada@example.com»-old",
                "«ada@example.com1»",
                "«ada@example.com».2",
                "|«ada@example.com»|«bob@example.com»|",
                "@«user@example.com»",
            ],
        );
    }

    #[test]
    fn what_only_looks_like_an_address_stays() {
        assert_kept(
            Email,
            &[
                "ada at example.com",
                "@example.com",
                "ada@",
                "ada@localhost",
                "ada@192.168.0.1",
                "ada@.example.com",
                "react@18.2.0",
                "npm i @scope/pkg@1.0.0-beta.2",
                "left-pad@1.0.0.rc1",
                "example.org/toolchain@v0.0.1-go1.999testmod.android-386",
                "icon@2x.png",
                "getty@tty1.service",
                "user@1000.service",
                "git@github.com:owner/repository.git",
                "ssh://git@example.com/repository",
                "image@sha256:5eb63bbbe01eeed093cb22bb8f5acdc3",
                "java.lang.Object@7d4991ad",
                "at 10:30 @ room 4.b",
                "2024-05-06T12:30:45Z",
                "@app.route",
                "a@b.c",
                "ada@example..com",
            ],
        );
    }

    #[test]
    fn a_wall_of_signs_is_read_once() {
        assert!(found(Email, "", &"a@".repeat(100_000)).is_empty());
        assert!(found(Email, "", &format!("{}@", "a.".repeat(100_000))).is_empty());
        assert!(found(Email, "", &format!("a@{}", "1.".repeat(100_000))).is_empty());
    }
}
