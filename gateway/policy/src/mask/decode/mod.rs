//! Values in disguise: behind characters that nobody sees or that stand for others, behind escapes, in base64.
//!
//! Each disguise is undone beside the text and not in it, so that what is found can be masked where it stands and all else
//! stays as it came. A plain text has nothing to undo and costs a look. What is looked for is not known here.

pub(super) mod encoded;
mod escape;
mod fold;
mod split;
mod view;

use std::ops::Range;

pub(super) use split::{ends_of, may_be_split, over_borders, text_of};
pub(super) use view::{Undo, View};

use super::document::Spot;
use super::text::{Masker, Place};

/// How many texts in base64 are read inside each other.
const MAXIMUM_ENCODED: usize = 3;

/// A text in base64 that is written again.
#[derive(Debug)]
pub(super) struct Rewritten {
    pub(super) range: Range<usize>,
    pub(super) text: String,
}

impl Masker<'_> {
    /// The texts in base64 inside `text` in which something is masked, as they are then. `runs` are its runs of characters of
    /// tokens that are long enough, in order, outside of which there is none.
    pub(super) fn rewritten(
        &mut self,
        text: &str,
        runs: &[Range<usize>],
        place: Place<'_>,
    ) -> Vec<Rewritten> {
        if !self.active.decode().base64 || self.depth >= MAXIMUM_ENCODED {
            return Vec::new();
        }
        self.depth += 1;
        let spot = Spot::inside(place.kept_by, self.depth);
        let mut rewritten = Vec::new();
        for encoded in encoded::all(text, runs) {
            if let Some(masked) = self.string(&encoded.text, place.label, &spot, None) {
                let text = encoded.rewritten(&masked);
                rewritten.push(Rewritten { range: encoded.range, text });
            }
        }
        self.depth -= 1;
        rewritten
    }
}
