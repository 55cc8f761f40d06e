//! Masks that stand in a text already: our own marks, and what rules put in the place of values. What makes them is not
//! here.

use std::ops::Range;

use super::work::count;
use super::{detect, keyed, token};

/// How the mark of a value begins that is not shown.
pub(super) const MARK: &str = "[REDACTED:";

/// What a whole value is called that is masked by its place.
pub(super) const FIELD: &str = "Field";
/// What a credential is called whose value is known.
pub(super) const CREDENTIAL: &str = "credential";
/// What a value is called that the caller has sent as a token.
pub(super) const RESTORED: &str = "restored";
/// What a text is called that cannot be masked in part.
pub(super) const UNREADABLE: &str = "unreadable";

/// What looks like a mark that only the gateway could have made, and may have been written by a server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Claim<'t> {
    /// A hash, which nobody can tell from other digits.
    Hash,
    /// A token, and what stands between its brackets.
    Token(&'t str),
}

/// Where in `text` masks stand: our own marks, and the texts that rules put in the place of values. In order,
/// and those that overlap made one. `is_mark` says which claims hold.
pub(super) fn masks(
    text: &str,
    replacements: &[&str],
    is_mark: &dyn Fn(Claim<'_>) -> bool,
) -> Vec<Range<usize>> {
    count(text.len() * (1 + replacements.len()));
    let mut masks: Vec<Range<usize>> = memchr::memchr_iter(b'[', text.as_bytes())
        .filter_map(|start| Some(start..start + length_of_mark(text.get(start..)?, is_mark)?))
        .collect();
    for replacement in replacements.iter().filter(|replacement| !replacement.is_empty()) {
        masks.extend(text.match_indices(replacement).map(|(start, hit)| start..start + hit.len()));
    }
    masks.sort_by_key(|mask| mask.start);
    masks.dedup_by(|mask, earlier| {
        let overlaps = mask.start < earlier.end;
        if overlaps {
            earlier.end = earlier.end.max(mask.end);
        }
        overlaps
    });
    masks
}

/// `text` without our own marks, and those of rules: what a name was before it was masked, as far as that can be said.
pub(super) fn without_marks(text: &str, marks: &[&str]) -> String {
    let mut output = String::with_capacity(text.len());
    let mut done = 0;
    // A name has no token in it.
    for mark in masks(text, marks, &|claim| matches!(claim, Claim::Hash)) {
        output.push_str(text.get(done..mark.start).unwrap_or_default());
        done = mark.end;
    }
    output.push_str(text.get(done..).unwrap_or_default());
    output
}

/// How long the mark of our own is that `text` begins with, if it begins with one.
fn length_of_mark(text: &str, is_mark: &dyn Fn(Claim<'_>) -> bool) -> Option<usize> {
    if let Some(rest) = text.strip_prefix(MARK) {
        let is_whole = |name: &&str| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(']'));
        return Some(MARK.len() + mark_names().find(is_whole)?.len() + 1);
    }
    if let Some((length, body)) = token::at_start(text) {
        return is_mark(Claim::Token(body)).then_some(length);
    }
    let length = keyed::MARK.len() + keyed::rest_of_mark(text.strip_prefix(keyed::MARK)?)?;
    is_mark(Claim::Hash).then_some(length)
}

fn mark_names() -> impl Iterator<Item = &'static str> {
    detect::ALL.into_iter().map(detect::name).chain([FIELD, CREDENTIAL, RESTORED, UNREADABLE])
}

/// Whether `range` lies in one of `masks`, which are in order and do not overlap.
pub(super) fn is_inside(range: &Range<usize>, masks: &[Range<usize>]) -> bool {
    let candidates = masks.partition_point(|mask| mask.start <= range.start);
    let mask = candidates.checked_sub(1).and_then(|index| masks.get(index));
    mask.is_some_and(|mask| range.end <= mask.end && range.start < mask.end)
}

#[cfg(test)]
mod tests {
    use super::{Claim, is_inside, masks, without_marks};
    use crate::mask::token::tests::session;

    #[test]
    fn masks_are_known_again() {
        let text = "a [REDACTED:Email] b nobody c [REDACTED:Else] nobodynobody";
        let masks = masks(text, &["nobody", "dyno", ""], &|_| true);
        assert_eq!(masks, [2..18, 21..27, 46..58]);
        assert!(is_inside(&(2..18), &masks) && is_inside(&(50..52), &masks));
        assert!(
            !is_inside(&(1..5), &masks) && !is_inside(&(20..27), &masks) && !is_inside(&(30..31), &masks)
        );
        let text = "x[REDACTED:Field]y[REDACTED:credential][HASH:0123456789ab][REDACTED:own]";
        assert_eq!(without_marks(text, &["[REDACTED:own]"]), "xy");
    }

    #[test]
    fn a_token_is_a_mask_if_it_is_one_of_the_session() {
        let tokens = session(&[1]);
        let [own, foreign] = [&tokens, &session(&[2])].map(|tokens| tokens.seal("Ada").unwrap_or_default());
        let text = format!("{foreign}{own}[HASH:0123456789ab]");
        let is_mark = |claim: Claim<'_>| match claim {
            Claim::Hash => true,
            Claim::Token(body) => tokens.open(body).is_some(),
        };
        let ends = [foreign.len(), foreign.len() + own.len(), text.len()];
        let expected = [ends[0]..ends[1], ends[1]..ends[2]];
        assert_eq!(masks(&text, &[], &is_mark), expected);
        assert_eq!(
            masks(&text, &[], &|claim| matches!(claim, Claim::Token(_)) && is_mark(claim)),
            expected[..1]
        );
    }
}
