//! Tokens of Slack (`xoxb-` and its kin, `xapp-`) and its URLs that post for whoever knows them.

use std::ops::Range;

use super::bytes::{is_joined_before, run_end};

/// Kinds of tokens: bot, user, legacy, refresh, workspace, configuration.
const KINDS: &[u8] = b"abeprsc";
const MINIMUM_SECRET: usize = 10;

const HOOK_HOST: &str = "hooks.slack.com/";
const HOOK_FOLDERS: [&str; 3] = ["services/", "workflows/", "triggers/"];
/// Shorter paths are those of documentation.
const MINIMUM_HOOK_PATH: usize = 20;

pub(super) fn find(text: &str, found: &mut Vec<Range<usize>>) {
    tokens(text.as_bytes(), found);
    let first_hook = found.len();
    hooks(text, found);
    if found.len() > first_hook {
        found.sort_by_key(|range| range.start);
    }
}

fn tokens(text: &[u8], found: &mut Vec<Range<usize>>) {
    let mut position = 0;
    while let Some(start) = next_x(text, position) {
        position = start + 1;
        let Some(secret_start) = prefix_end(text, start).filter(|_| !is_joined_before(text, start)) else {
            continue;
        };
        let end = run_end(text, secret_start, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let secret = text.get(secret_start..end).unwrap_or_default();
        // A run without digits is a placeholder, and so is every later part of it.
        position = end;
        if secret.len() >= MINIMUM_SECRET && secret.iter().any(u8::is_ascii_digit) {
            found.push(start..end);
        }
    }
}

fn next_x(text: &[u8], position: usize) -> Option<usize> {
    let rest = text.get(position..)?;
    rest.iter().position(|&byte| byte == b'x').map(|offset| position + offset)
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

fn hooks(text: &str, found: &mut Vec<Range<usize>>) {
    let bytes = text.as_bytes();
    for (host, _) in text.match_indices(HOOK_HOST) {
        let path = host + HOOK_HOST.len();
        let is_hook =
            text.get(path..).is_some_and(|rest| HOOK_FOLDERS.iter().any(|folder| rest.starts_with(folder)));
        let end =
            run_end(bytes, path, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_'));
        if is_hook && end - path >= MINIMUM_HOOK_PATH {
            let scheme = ["https://", "http://"]
                .into_iter()
                .find(|scheme| text.get(..host).is_some_and(|head| head.ends_with(scheme)));
            found.push(host - scheme.map_or(0, str::len)..end);
        }
    }
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
