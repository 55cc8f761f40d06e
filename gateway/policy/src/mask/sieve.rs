//! Which values of a document may change at all. Most messages have none, and most others few: the rest of them is
//! passed over, and a message without one is not read a second time.
//!
//! What is let through is looked at again by who masks it, with all that a rule says; so the sieve may let through too
//! much, and never too little. It knows what detectors, credentials and rules' own
//! descriptions find in a text, and nothing of rules about places. `sift` goes through a document, `borders` looks at values
//! that are split over items, `names` remembers names.

mod borders;
mod names;
mod sift;

use std::cell::Cell;
use std::ops::Range;

use lychgate_gateway_mcp::json::{Document, Member, Value};
use lychgate_gateway_mcp::message::Message;

use super::detect::{Earlier, Hit, Sample};
use super::text::Masker;
use sift::{Settings, sift};

/// The values of one document that may change.
#[derive(Debug)]
pub(super) enum Sieve {
    /// All of them, for all that is known.
    All,
    /// These, and no others.
    Only(Suspects),
}

/// What may change, and what was found in it.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// The numbers of their entries, in order.
    entries: Vec<usize>,
    /// Which of them was asked for last: as a rule the next is one of the next.
    last: Cell<usize>,
    /// The texts of some of them that were searched, in order.
    searched: Vec<Searched>,
    /// Which of these is asked for next, as a rule.
    next_searched: Cell<usize>,
    /// What was found in these, and where they have long runs of characters of tokens.
    hits: Vec<Hit>,
    runs: Vec<Range<usize>>,
    /// The texts of some others that are documents themselves, in order.
    opened: Vec<(usize, Option<Opened>)>,
}

/// A text that is a document, and what may change in it.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) document: Document,
    pub(super) sieve: Sieve,
}

/// A text that was searched.
#[derive(Debug)]
struct Searched {
    /// The number of its entry.
    entry: usize,
    /// The name that it stands under.
    label: Location,
    /// What was found in it, of all that was found.
    hits: Range<usize>,
    /// The same of its runs.
    runs: Range<usize>,
    may_be_disguised: bool,
}

/// Where a name stands in memory, and how long it is. It says which one it is as long as the document is there that a sieve is
/// of.
type Location = (usize, usize);

fn location(text: &str) -> Location {
    if text.is_empty() { (0, 0) } else { (text.as_ptr().addr(), text.len()) }
}

impl Sieve {
    /// Whether one of some entries may change.
    pub(super) fn lets_through(&self, entries: Range<usize>) -> bool {
        match self {
            Self::All => true,
            Self::Only(suspects) => suspects.next(entries.start).is_some_and(|suspect| suspect < entries.end),
        }
    }

    /// Whether nothing may change.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Only(suspects) => suspects.entries.is_empty(),
        }
    }

    /// The text of an entry as a document, if it was read as one.
    pub(super) fn take_opened(&mut self, entry: usize) -> Option<Opened> {
        let Self::Only(Suspects { opened, .. }) = self else { return None };
        let place = opened.binary_search_by_key(&entry, |(entry, _)| *entry).ok()?;
        opened.get_mut(place)?.1.take()
    }

    /// What was found in the text of an entry that stands under a name, and what else is known of it; `None` if nothing is.
    fn found_in(&self, entry: usize, label: &str) -> Option<Earlier<'_>> {
        let Self::Only(suspects) = self else { return None };
        let next = suspects.next_searched.get();
        let index = match suspects.searched.get(next) {
            Some(searched) if searched.entry == entry => next,
            Some(_) | None => suspects.searched.partition_point(|searched| searched.entry < entry),
        };
        let searched = suspects.searched.get(index)?;
        suspects.next_searched.set(index + 1);
        let is_it = searched.entry == entry && searched.label == location(label);
        let hits = suspects.hits.get(searched.hits.clone())?;
        let runs = suspects.runs.get(searched.runs.clone())?;
        is_it.then_some(Earlier { hits, runs, may_be_disguised: searched.may_be_disguised })
    }
}

impl Suspects {
    /// The first of the entries that is not before `entry`.
    fn next(&self, entry: usize) -> Option<usize> {
        /// Further on, they are searched.
        const NEAR: usize = 4;
        let last = self.last.get();
        let is_behind = last
            .checked_sub(1)
            .and_then(|before| self.entries.get(before))
            .is_none_or(|before| *before < entry);
        let near = self.entries.get(last..).unwrap_or_default().iter().take(NEAR);
        let next = match near.enumerate().find(|(_, suspect)| **suspect >= entry) {
            Some((steps, _)) if is_behind => last + steps,
            Some(_) | None => self.entries.partition_point(|suspect| *suspect < entry),
        };
        self.last.set(next);
        self.entries.get(next).copied()
    }
}

impl Masker<'_> {
    /// Looks which values of a message may change, before they are masked.
    pub(super) fn sift(&mut self, message: &Message) {
        self.sieve = self.sieve_of(message.document(), "", 0);
    }

    /// Whether all that masking does follows from texts and numbers, so that a part of a message in which none changes
    /// need not be walked through.
    pub(super) fn prunes(&self) -> bool {
        !self.active.has_fields()
    }

    /// Searches a text for all that is wanted, or takes up what the sieve has found in it; `entry` is the text's own.
    pub(super) fn search(&mut self, text: &str, entry: Option<usize>, label: &str) {
        match entry.and_then(|entry| self.sieve.found_in(entry, label)) {
            Some(earlier) => self.finder.take_up(earlier),
            None => self.finder.find(Sample::new(text, label), self.active.wanted()),
        }
    }

    /// Whether masking may change a value, or something in it. Nothing is said of what is masked because of its place.
    pub(super) fn may_change(&self, value: Value<'_>) -> bool {
        let entries = value.entries();
        (entries.len() > 1 && !self.prunes()) || self.sieve.lets_through(entries)
    }

    /// The same of a member, its name and its value.
    pub(super) fn may_change_member(&self, member: Member<'_>) -> bool {
        !self.prunes() || self.sieve.lets_through(member.key.entries().start..member.value.entries().end)
    }

    /// The sieve of a document that stands under the name `label`, in so many texts.
    pub(super) fn sieve_of(&mut self, document: &Document, label: &str, nesting: usize) -> Sieve {
        let settings = Settings::new(&self.active, self.known, self.prunes());
        Sieve::Only(sift(&settings, &mut self.finder, document, label, nesting))
    }
}
