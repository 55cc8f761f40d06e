//! Findings that overlap, made one, and where what was written stands afterwards.

use std::cmp::Reverse;
use std::ops::Range;

use super::{Finding, Kind};
use crate::mask::action::strength;

/// Findings in order with those that overlap made one. The strongest action wins, of equals the longest
/// finding's, of those the first.
pub(super) fn united(findings: Vec<Finding<'_>>) -> Vec<Finding<'_>> {
    let mut united: Vec<(Finding<'_>, usize)> = Vec::with_capacity(findings.len());
    for finding in findings {
        let length = finding.range.len();
        match united.last_mut() {
            Some((last, winner_length)) if finding.range.start < last.range.end => {
                let end = last.range.end.max(finding.range.end);
                // What is more than a cell is written as it is.
                last.form = match (last.form, finding.form) {
                    (Some(form), _) if end == last.range.end => Some(form),
                    (_, Some(form)) if finding.range == (last.range.start..end) => Some(form),
                    (Some(_) | None, Some(_) | None) => None,
                };
                last.range.end = end;
                last.becomes = None;
                if (weight(&finding), length) > (weight(last), *winner_length) {
                    last.action = finding.action;
                    last.kind = finding.kind;
                    *winner_length = length;
                }
            }
            Some(_) | None => united.push((finding, length)),
        }
    }
    united.into_iter().map(|(finding, _)| finding).collect()
}

/// How much a finding hides. A text in base64 that is written again yields to whatever else is found at it.
fn weight(finding: &Finding<'_>) -> (u8, Reverse<u32>) {
    match finding.kind {
        Kind::Encoded => (0, Reverse(0)),
        Kind::Detected(_) | Kind::Custom(_) | Kind::Field | Kind::Credential(_) | Kind::Restored => {
            strength(finding.action)
        }
    }
}

/// Those of some ranges of a text that lie in `kept`, which now begins at `start`.
pub(super) fn moved<'r>(
    ranges: &'r [Range<usize>],
    kept: &Range<usize>,
    start: usize,
) -> impl Iterator<Item = Range<usize>> + use<'r> {
    let Range { start: from, end: to } = *kept;
    let lies_in = move |range: &&Range<usize>| from <= range.start && range.end <= to;
    let shift = move |position: usize| position - from + start;
    ranges.iter().filter(lies_in).map(move |range| shift(range.start)..shift(range.end))
}
