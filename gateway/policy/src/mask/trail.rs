//! Where values were found, for people who try a rule: the kind, the place in the message, and the bytes of the text there.
//! Never a value: the name of a member stands here as it is masked. A message on its way leaves no trail.

use std::ops::Range;

use super::text::Masker;

/// A value that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is, as counts call it.
    pub kind: String,
    /// Where it stands, such as `$.result.content[0].text`. Behind ` > ` follows the place inside a text that is JSON.
    pub path: String,
    /// Its bytes in the text or number there. In a text in which something was masked before, they count in what came of
    /// that. None for what has no text.
    pub range: Option<Range<usize>>,
    /// Whether it is, or stands in, the name of a member of what is at `path`.
    pub in_name: bool,
}

/// The way to the value that is looked at, and what was found so far.
#[derive(Debug)]
pub(super) struct Trail {
    path: String,
    lengths: Vec<usize>,
    in_name: bool,
    found: Vec<Found>,
}

impl Trail {
    /// At the root of a message.
    pub(super) fn new() -> Self {
        Self { path: "$".to_owned(), lengths: Vec::new(), in_name: false, found: Vec::new() }
    }

    /// What was found.
    pub(super) fn into_found(self) -> Vec<Found> {
        self.found
    }

    fn enter(&mut self, step: &str) {
        self.lengths.push(self.path.len());
        self.path.push_str(step);
    }
}

impl Masker<'_> {
    /// What comes next is the value of a member of this name.
    pub(super) fn at_member(&mut self, name: &str) {
        if let Some(trail) = &mut self.trail {
            let is_plain =
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            trail.enter(&if is_plain { format!(".{name}") } else { format!("[{name:?}]") });
        }
    }

    /// What comes next is an item of an array.
    pub(super) fn at_item(&mut self, index: usize) {
        if let Some(trail) = &mut self.trail {
            trail.enter(&format!("[{index}]"));
        }
    }

    /// What comes next is inside a text that is JSON.
    pub(super) fn at_text(&mut self) {
        if let Some(trail) = &mut self.trail {
            trail.enter(" > $");
        }
    }

    /// Whether what comes next is the name of a member.
    pub(super) fn at_name(&mut self, is_name: bool) {
        if let Some(trail) = &mut self.trail {
            trail.in_name = is_name;
        }
    }

    /// What came last is done.
    pub(super) fn leave(&mut self) {
        if let Some(trail) = &mut self.trail
            && let Some(length) = trail.lengths.pop()
        {
            trail.path.truncate(length);
        }
    }

    /// Something was found here.
    pub(super) fn found(&mut self, kind: &str, range: Option<Range<usize>>) {
        if let Some(trail) = &mut self.trail {
            let (path, in_name) = (trail.path.clone(), trail.in_name);
            trail.found.push(Found { kind: kind.to_owned(), path, range, in_name });
        }
    }
}
