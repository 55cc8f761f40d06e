//! Values that are split over the items of an array: the ends of its texts are kept until it ends, and searched then as they
//! are when it is masked (`decode::split`).

use std::borrow::Cow;
use std::ops::Range;

use lychgate_gateway_mcp::json::{Document, Value};

use super::sift::Label;
use crate::mask::decode::{ends_of, over_borders, text_of};
use crate::mask::detect::{Finder, Wanted};

/// The arrays that have begun and not ended.
pub(super) struct Borders {
    arrays: Vec<(Array, Label)>,
    /// Where the innermost ends.
    pub(super) end: usize,
    /// The entry of its text that comes next.
    pub(super) next: usize,
}

/// An array with texts.
pub(super) struct Array {
    /// The numbers of the entries that it and what is in it has.
    pub(super) entries: Range<usize>,
    /// The number of the entry of each item's text.
    texts: Vec<Option<usize>>,
    /// Which of them comes next.
    next: usize,
    /// Those that do not stand in the document as they read, as far as they are searched.
    noted: Vec<(usize, String)>,
}

/// The number of no entry.
const NO_ENTRY: usize = usize::MAX;

impl Default for Borders {
    fn default() -> Self {
        Self { arrays: Vec::new(), end: NO_ENTRY, next: NO_ENTRY }
    }
}

impl Borders {
    /// An array begins that stands under a name.
    pub(super) fn begin(&mut self, array: Value<'_>, label: Label) {
        let texts = array.items().map(|item| text_of(item).map(|text| text.entries().start)).collect();
        let array = Array { entries: array.entries(), texts, next: 0, noted: Vec::new() };
        self.arrays.push((array, label));
        self.look();
    }

    /// Goes on to the entry `index`, and says whether that is the text of an item.
    pub(super) fn is_at(&mut self, index: usize) -> bool {
        let mut is_at = false;
        while self.next <= index {
            is_at = self.next == index;
            if let Some((array, _)) = self.arrays.last_mut() {
                array.next += 1;
            }
            self.look();
        }
        is_at
    }

    /// Keeps what is searched of the text of this entry.
    pub(super) fn note(&mut self, entry: usize, text: &str) {
        if let Some((array, _)) = self.arrays.last_mut() {
            array.noted.push((entry, ends_of(text).into_owned()));
        }
    }

    /// The innermost array, if it ends before the entry `index`.
    pub(super) fn take_ended(&mut self, index: usize) -> Option<(Array, Label)> {
        let ended = self.arrays.pop_if(|(array, _)| array.entries.end <= index);
        self.look();
        ended
    }

    /// Looks what comes next.
    fn look(&mut self) {
        let Some((array, _)) = self.arrays.last_mut() else {
            (self.end, self.next) = (NO_ENTRY, NO_ENTRY);
            return;
        };
        while let Some(None) = array.texts.get(array.next) {
            array.next += 1;
        }
        self.end = array.entries.end;
        self.next = array.texts.get(array.next).copied().flatten().unwrap_or(NO_ENTRY);
    }
}

impl Array {
    /// The entries that change if a value is split over the items: its own, and those of the texts with a part of one. None if
    /// no value is.
    pub(super) fn split(
        &self,
        document: &Document,
        finder: &mut Finder,
        wanted: Wanted,
        label: &str,
    ) -> Vec<usize> {
        let mut noted = self.noted.iter().peekable();
        let mut ends = |entry: usize| match noted.next_if(|(own, _)| *own == entry) {
            Some((_, ends)) => Some(Cow::Borrowed(ends.as_str())),
            None => match document.value(entry)?.text()? {
                Cow::Borrowed(text) => Some(ends_of(text)),
                Cow::Owned(text) => Some(Cow::Owned(ends_of(&text).into_owned())),
            },
        };
        let texts: Vec<_> = self.texts.iter().map(|entry| entry.and_then(&mut ends)).collect();
        let found = over_borders(&texts, finder, wanted, label);
        let parts = found.iter().filter_map(|index| self.texts.get(*index).copied().flatten());
        let own = (!found.is_empty()).then_some(self.entries.start);
        own.into_iter().chain(parts).collect()
    }
}
