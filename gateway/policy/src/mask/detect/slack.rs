//! Tokens of Slack (`xoxb-` and its kin, `xapp-`) and its URLs that post for whoever knows them.

use std::ops::Range;

use super::Sample;
use super::bytes::run_end;
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] =
    &[Trigger::Token(b"x", b"ao", token), Trigger::Token(b"h", b"o", hook)];

/// Kinds of tokens: bot, user, legacy, refresh, workspace, configuration.
const KINDS: &[u8] = b"abeprsc";
const MINIMUM_SECRET: usize = 10;

const HOOK_HOST: &str = "hooks.slack.com/";
const HOOK_FOLDERS: [&str; 3] = ["services/", "workflows/", "triggers/"];
/// Shorter paths are those of documentation.
const MINIMUM_HOOK_PATH: usize = 20;

/// The token that begins at `start`. A run without digits is a placeholder, and so is every later part of it.
fn token(sample: Sample<'_>, start: usize) -> Look {
    let text = sample.text.as_bytes();
    let Some(secret_start) = prefix_end(text, start) else { return Look::Nothing };
    let end = run_end(text, secret_start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let secret = text.get(secret_start..end).unwrap_or_default();
    if secret.len() >= MINIMUM_SECRET && secret.iter().any(u8::is_ascii_digit) {
        Look::Value(start..end)
    } else {
        Look::NothingBefore(end)
    }
}

/// Where the secret begins behind the prefix at `start`.
fn prefix_end(text: &[u8], start: usize) -> Option<usize> {
    match text.get(start..)? {
        [b'x', b'a', b'p', b'p', b'-', ..] => Some(start + 5),
        // A rotated token: xoxe.xoxp-…
        [b'x', b'o', b'x', b'e', b'.', b'x', b'o', b'x', kind, b'-', ..] if KINDS.contains(kind) => {
            Some(start + 10)
        }
        [b'x', b'o', b'x', kind, b'-', ..] if KINDS.contains(kind) => Some(start + 5),
        _ => None,
    }
}

/// The URL whose host begins at `host`.
fn hook(sample: Sample<'_>, host: usize) -> Look {
    hook_at(sample.text, host).into()
}

fn hook_at(text: &str, host: usize) -> Option<Range<usize>> {
    let path = host + HOOK_HOST.len();
    let rest = text.get(host..)?.strip_prefix(HOOK_HOST)?;
    if !HOOK_FOLDERS.iter().any(|folder| rest.starts_with(folder)) {
        return None;
    }
    let belongs = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
    let end = run_end(text.as_bytes(), path, belongs);
    let head = text.get(..host)?;
    let scheme = ["https://", "http://"].into_iter().find(|scheme| head.ends_with(scheme));
    (end - path >= MINIMUM_HOOK_PATH).then_some(host - scheme.map_or(0, str::len)..end)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::SlackToken;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    /// Written in two parts, so that no scanner of source code takes the tests for a leak.
    fn rows(rows: &[&str]) -> Vec<String> {
        rows.iter()
            .map(|row| row.replace('§', "xox").replace("HOOK", "hooks.slack.com/services/T00"))
            .collect()
    }

    #[test]
    fn tokens_and_hooks_are_found() {
        let rows = rows(&[
            "«§b-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx»",
            "«§p-123456789012-1234567890123-1234567890123-abcdef0123456789»",
            "«§a-2-123456789012-abc» ",
            "«§r-123456789012-abc»",
            "«§s-123456789012-abc»",
            "«§e-1-My0xLTEyMzQ1Njc4OTAxMg»",
            "«§e.§p-1-Mi0yLTEyMzQ1Njc4OTAx»",
            "«xapp-1-A0123456789-1234567890123-abcdef»",
            "token=«§b-123456789012-abc».",
            "SLACK_«§b-123456789012-abc»",
            "Bearer «§b-123456789012-abc»",
            "«https://HOOK000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX»",
            "post to «HOOK000000/B00000000/abc123», then",
            "«https://hooks.slack.com/workflows/T00000000/A00000000/123456»?x",
            "«§b-123456789012-abc» «https://HOOK000000/B00000000/abc» «§b-123456789012-def»",
        ]);
        assert_marked(SlackToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn placeholders_and_other_words_stay() {
        let rows = rows(&[
            "§b-",
            "§b-your-token-here",
            "§o-123456789012-abc",
            "§b-12345",
            "§b_123456789012",
            "a§b-123456789012-abc",
            "§b123456789012-abc",
            "xapp-token",
            "xapp-12",
            "hooks.slack.com",
            "https://hooks.slack.com/services/",
            "https://hooks.slack.com/docs/reference-of-all-things",
            "https://api.slack.com/services/T00000000/B00000000/abc",
            "oxoxo-123456789012",
            "§-123456789012-abc",
            "hexadecimal-0x0x0x0x",
        ]);
        assert_kept(SlackToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_wall_of_prefixes_is_read_once() {
        assert!(found(SlackToken, "", &["xox", "b-"].concat().repeat(100_000)).is_empty());
    }
}
