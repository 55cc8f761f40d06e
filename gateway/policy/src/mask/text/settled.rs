//! Whether a text that was masked would change if it was masked again. Nearly none does, and that is told here without going
//! through all of it: what is far from every mask was there before, and was looked at.

use std::ops::Range;

use memchr::{memchr, memmem, memrchr};

use super::{Masker, Place};
use crate::mask::decode::encoded;
use crate::mask::detect::{Finder, Sample};
use crate::mask::known::Known;

/// How far from a mask may be, in bytes, what is something else because of it: more than any value has that is known by words
/// nearby, and those. Other values are as long as they like, and end with their line.
const REACH: usize = 192;
/// Lines of base64 that go on in the next one are at least so long, in bytes.
const LONGEST_RUN: usize = 48;

impl Masker<'_> {
    /// Whether another round would find nothing in a text that the last one has made. If not, it may all the same.
    pub(super) fn has_settled(&mut self, text: &str, place: Place<'_>) -> bool {
        let Self { active, known, .. } = self;
        let is_simple = active.customs().is_empty()
            && !active.has_columns()
            && self.enciphered.is_empty()
            && !known.iter().any(Known::may_be_plain)
            && !Finder::is_telling(place.label, active.wanted());
        is_simple && (Finder::has_marks_alone(text) || self.has_nothing_near(text, place))
    }

    /// Whether nothing is to be found near what has changed.
    fn has_nothing_near(&mut self, text: &str, place: Place<'_>) -> bool {
        let windows = windows(text, &self.changed);
        let length: usize = windows.iter().map(Range::len).sum();
        // Keys go over lines.
        2 * length <= text.len()
            && memmem::find(text.as_bytes(), b"----").is_none()
            && windows
                .into_iter()
                .all(|window| self.finds_nothing(text.get(window).unwrap_or_default(), place))
    }

    fn finds_nothing(&mut self, text: &str, place: Place<'_>) -> bool {
        self.finder.find(Sample::new(text, place.label), self.active.wanted());
        let runs = self.finder.runs();
        if self.finder.may_be_disguised()
            || runs.iter().any(|run| run.len() > LONGEST_RUN)
            || encoded::may_be_in(text, runs)
        {
            return false;
        }
        let mut findings = Vec::new();
        self.find_known(text, Some(place), Some(runs), &mut findings);
        self.add_detected(text, place, &mut findings);
        findings.is_empty()
    }
}

/// The lines of a text that are near one of some ranges, which are in order.
fn windows(text: &str, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut windows: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        let (from, to) = (range.start.saturating_sub(REACH), (range.end + REACH).min(bytes.len()));
        let start = bytes.get(..from).and_then(|head| memrchr(b'\n', head)).map_or(0, |place| place + 1);
        let end =
            bytes.get(to..).and_then(|tail| memchr(b'\n', tail)).map_or(bytes.len(), |place| to + place);
        match windows.last_mut() {
            Some(last) if start <= last.end => last.end = last.end.max(end),
            Some(_) | None => windows.push(start..end),
        }
    }
    windows
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{REACH, windows};

    #[test]
    fn a_window_is_of_whole_lines_and_no_two_overlap() {
        let line = format!("{}\n", "x".repeat(99));
        let text = line.repeat(40);
        for (ranges, expected) in [
            (vec![1050..1060, 1100..1101, 3000..3001], vec![800..1299, 2800..3199]),
            (vec![0..1, text.len() - 1..text.len()], vec![0..199, 3800..4000]),
        ] {
            assert_eq!(windows(&text, &ranges), expected);
        }
        let whole = 0..3000;
        assert_eq!(windows(&"y".repeat(3000), &[1500..1501, 1600..1601]), std::slice::from_ref(&whole));
        assert!(windows(&text, &[]).is_empty() && REACH < 200);
    }
}
