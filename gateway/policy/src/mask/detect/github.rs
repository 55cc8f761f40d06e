//! Tokens of GitHub: a prefix that says which kind it is, then at least 36 letters and digits; fine-grained
//! personal access tokens begin with `github_pat_`.

use std::ops::Range;

use super::Sample;
use super::bytes::run_end;
use super::trigger::{Look, Trigger};

pub(super) const TRIGGERS: &[Trigger] = &[Trigger::Token(b"g", b"hi", token)];

/// Letters and digits behind `ghp_` and its kin.
const MINIMUM_SECRET: usize = 36;
/// Letters, digits and underscores behind `github_pat_`: even a cut token that still has its identifying
/// part.
const MINIMUM_FINE_GRAINED_SECRET: usize = 22;

const PREFIXES: [&str; 5] = ["ghp_", "gho_", "ghu_", INSTALLATION_PREFIX, "ghr_"];
const INSTALLATION_PREFIX: &str = "ghs_";
const FINE_GRAINED_PREFIX: &str = "github_pat_";

fn token(sample: Sample<'_>, start: usize) -> Look {
    token_at(sample.text.as_bytes(), start).into()
}

/// The token that begins at `start`. A run that is too short ends within the minimum, and one
/// that is long enough is not read again, so that every byte is looked at a bounded number of times.
fn token_at(text: &[u8], start: usize) -> Option<Range<usize>> {
    let rest = text.get(start..)?;
    let (prefix, minimum) = if rest.starts_with(FINE_GRAINED_PREFIX.as_bytes()) {
        (FINE_GRAINED_PREFIX, MINIMUM_FINE_GRAINED_SECRET)
    } else {
        (*PREFIXES.iter().find(|prefix| rest.starts_with(prefix.as_bytes()))?, MINIMUM_SECRET)
    };
    let secret_start = start + prefix.len();
    let is_fine_grained = prefix == FINE_GRAINED_PREFIX;
    let plain_end =
        run_end(text, secret_start, |byte| byte.is_ascii_alphanumeric() || (is_fine_grained && byte == b'_'));
    if plain_end - secret_start < minimum {
        return None;
    }
    if prefix != INSTALLATION_PREFIX {
        return Some(start..plain_end);
    }
    // Tokens of installations may go on with a signed part, which has dots and hyphens.
    let end =
        run_end(text, plain_end, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    let trailing =
        text.get(plain_end..end)?.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    Some(start..end - trailing)
}

#[cfg(test)]
mod tests {
    use crate::config::DetectorType::GithubToken;
    use crate::mask::detect::test::{assert_kept, assert_marked, found};

    const SECRET: &str = "16C7e42F292c6912E7710c838347Ae178B4a";
    const FINE: &str = "11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567";

    #[test]
    fn every_kind_of_token_is_found() {
        let rows = [
            "«ghp_SECRET»",
            "«gho_SECRET»",
            "«ghu_SECRET»",
            "«ghs_SECRET»",
            "«ghr_SECRET»",
            "«github_pat_FINE»",
            "token=«ghp_SECRET»",
            "Authorization: Bearer «ghp_SECRET».",
            "https://x-access-token:«ghs_SECRET»@github.example.com/o/r.git",
            "«ghp_SECRETSECRET»",
            "my_«ghp_SECRET»,",
            "export GH='«ghp_SECRET»'",
            "«ghs_SECRET.eyJh-x.y_z»",
            "«ghp_SECRET» «gho_SECRET»",
        ];
        let rows: Vec<_> =
            rows.iter().map(|row| row.replace("SECRET", SECRET).replace("FINE", FINE)).collect();
        assert_marked(GithubToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_too_short_or_has_another_prefix_stays() {
        let rows = [
            "ghp_",
            "ghp_short",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4",
            "ghx_SECRET",
            "gh_SECRET",
            "GHP_SECRET",
            "ghpSECRET",
            "xghp_SECRET",
            "ghp-SECRET",
            "SECRET",
            "github_pat_short",
            "github_path_SECRET",
            "ghp_xxxx_xxxx_xxxx_xxxx_xxxx_xxxx_xxxx_xxxx",
            "a_long_name_with_many_underscores_in_it_and_nothing_else",
        ];
        let rows: Vec<_> = rows.iter().map(|row| row.replace("SECRET", SECRET)).collect();
        assert_kept(GithubToken, &rows.iter().map(String::as_str).collect::<Vec<_>>());
    }

    #[test]
    fn a_wall_of_prefixes_is_read_once() {
        assert!(found(GithubToken, "", &"ghp_".repeat(100_000)).is_empty());
    }
}
