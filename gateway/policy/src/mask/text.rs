//! Masking one text: what the rules find in it, which rule wins, and what it becomes.
//!
//! A text is masked until masking it again would change nothing, so that masking twice is masking once,
//! whatever the rules put in the place of values. Where in a message the text stands is not known here.

mod settled;
mod united;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use self::united::{moved, united};
use super::action::{Keys, apply_to_text, mark, of_name, push_mark};
use super::custom;
use super::decode::{Rewritten, View};
use super::detect::{self, Finder, Sample};
use super::known::{Known, Runs};
use super::marks::{CREDENTIAL, FIELD, RESTORED, UNREADABLE, is_inside};
use super::program::{Active, Rank, Wish, strongest};
use super::sieve::Sieve;
use super::table::Form;
use super::trail::Trail;
use super::work::count;
use crate::config::{Action, DetectorType};

/// How often a text is masked at most before it is given up and redacted whole. Two do for almost every text:
/// one that masks and one that finds nothing more.
pub(super) const MAXIMUM_ROUNDS: usize = 8;

/// What is counted that could not be masked and passed.
pub(super) const UNMASKED: &str = "unmasked";

/// What is masked by the gateway itself is redacted.
pub(super) const REDACT: Action = Action::Redact {};
/// What the caller has sent as a token comes back as one.
const TOKENIZE: Action = Action::Tokenize {};

/// Masks the texts of one message, and counts.
pub(super) struct Masker<'a> {
    pub(super) active: Active<'a>,
    pub(super) known: &'a [Known],
    pub(super) finder: Finder,
    /// What may change of the document that is being masked.
    pub(super) sieve: Sieve,
    /// What texts have become in which a part of a split value is, by the address of the JSON that they were.
    pub(super) carried: HashMap<usize, String>,
    counts: BTreeMap<String, u32>,
    /// The same of what detectors have found, in their order.
    detected: [u32; detect::ALL.len()],
    /// Where in the text that the last round has made something else stands than before.
    changed: Vec<Range<usize>>,
    /// Where in the current text something enciphered stands: it may look like a value, and is none.
    enciphered: Vec<Range<usize>>,
    /// The entry of the document that is being masked whose text is masked next, if that is known.
    pub(super) sought: Option<usize>,
    /// In how many texts in base64 the current one stands.
    pub(super) depth: usize,
    /// Whether the current text or number is a word of the protocol, which no rule's own description is about.
    pub(super) is_word: bool,
    /// Whether something could not be masked, so that nothing may be shown.
    pub(super) has_failed: bool,
    /// The kinds of what blocks the message.
    pub(super) blocked: BTreeSet<String>,
    /// Where values are found, if somebody asks.
    pub(super) trail: Option<Trail>,
}

/// What the place of a text says about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Place<'p> {
    /// The name of the member whose value the text is.
    pub(super) label: &'p str,
    /// The rules that leave this place as it is.
    pub(super) kept_by: &'p [usize],
    /// Whether the text is the name of a member.
    pub(super) is_name: bool,
}

/// A range of a text that becomes something else.
#[derive(Clone, Debug)]
struct Finding<'a> {
    range: Range<usize>,
    action: &'a Action,
    kind: Kind<'a>,
    /// Of equals, the one that comes first in the configuration counts; the gateway's own before all.
    rank: Rank,
    /// What the range becomes if it is masked alone, where that is not what the action makes of it.
    becomes: Option<String>,
    /// How what it becomes is written, where it is a cell of a table.
    form: Option<Form>,
}

/// The rank of what no rule has asked for, and of what a rule has done to a whole value.
const FIRST: Rank = (0, 0);

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    Detected(DetectorType),
    /// What a rule describes itself.
    Custom(&'a str),
    Field,
    Credential(&'a str),
    /// What the caller has sent as a token.
    Restored,
    /// A text in base64, masked inside and encoded again.
    Encoded,
}

impl<'a> Kind<'a> {
    /// What stands in the mask.
    pub(super) fn name(self) -> &'a str {
        match self {
            Self::Custom(name) => name,
            Self::Detected(kind) => detect::name(kind),
            Self::Field => FIELD,
            Self::Credential(_) => CREDENTIAL,
            Self::Restored => RESTORED,
            Self::Encoded => UNREADABLE,
        }
    }

    /// What a known value is.
    pub(super) fn of_known(known: &'a Known) -> Self {
        if known.is_restored() { Self::Restored } else { Self::Credential(known.name()) }
    }
}

impl<'a> Masker<'a> {
    pub(super) fn new(active: Active<'a>, known: &'a [Known]) -> Self {
        Self {
            active,
            known,
            finder: Finder::default(),
            sieve: Sieve::All,
            carried: HashMap::new(),
            counts: BTreeMap::new(),
            detected: [0; detect::ALL.len()],
            changed: Vec::new(),
            enciphered: Vec::new(),
            sought: None,
            depth: 0,
            is_word: false,
            has_failed: false,
            blocked: BTreeSet::new(),
            trail: None,
        }
    }

    /// What actions need beside values.
    pub(super) fn keys(&self) -> Keys<'a> {
        Keys { known: self.known, tokens: self.active.tokens() }
    }

    /// The kinds of what blocks the message; none if nothing does.
    pub(super) fn blocked(&self) -> &BTreeSet<String> {
        &self.blocked
    }

    /// How much was masked, by kind.
    pub(super) fn into_counts(self) -> BTreeMap<String, u32> {
        let mut counts = self.counts;
        let detected = detect::ALL.into_iter().zip(self.detected).filter(|(_, count)| *count > 0);
        counts.extend(detected.map(|(kind, count)| (detect::name(kind).to_owned(), count)));
        counts
    }

    /// What `text` becomes, if it changes. `field` is what is done to the whole of it because of its place.
    pub(super) fn text(&mut self, text: &str, place: Place<'_>, field: Option<&'a Action>) -> Option<String> {
        // Another text may stand in this one, and is masked meanwhile.
        let outer = std::mem::take(&mut self.enciphered);
        let entry = self.sought.take();
        let masked = self.settle(text, entry, place, field);
        self.enciphered = outer;
        masked
    }

    fn settle(
        &mut self,
        text: &str,
        entry: Option<usize>,
        place: Place<'_>,
        field: Option<&'a Action>,
    ) -> Option<String> {
        let mut masked = self.round(text, entry, place, field)?;
        for _ in 1..MAXIMUM_ROUNDS {
            if field.is_none() && self.has_settled(&masked, place) {
                return Some(masked);
            }
            match self.round(&masked, None, place, field) {
                Some(next) => masked = next,
                None => return Some(masked),
            }
        }
        if self.passes() { Some(masked) } else { Some(self.unreadable()) }
    }

    /// What `text` becomes where only known credentials are masked.
    pub(super) fn handle(&mut self, text: &str) -> Option<String> {
        let mut findings = Vec::new();
        self.find_known(text, None, None, &mut findings);
        self.splice(text, findings)
    }

    /// Whether `text` holds a known credential; counts those it holds.
    pub(super) fn has_known(&mut self, text: &str) -> bool {
        let mut has_any = false;
        let is_in = |known: &&Known| !known.may_be_a_word() && known.is_in(text);
        for known in self.known.iter().filter(is_in) {
            self.count(Kind::of_known(known), &REDACT, None);
            has_any = true;
        }
        has_any
    }

    /// Whether a text that cannot be masked whole passes as far as it is masked; counts it if so.
    pub(super) fn passes(&mut self) -> bool {
        let passes = self.active.fails_open();
        if passes {
            *self.counts.entry(UNMASKED.to_owned()).or_default() += 1;
            self.found(UNMASKED, None);
        }
        passes
    }

    /// The mask of a text that cannot be masked in part.
    pub(super) fn unreadable(&mut self) -> String {
        *self.counts.entry(UNREADABLE.to_owned()).or_default() += 1;
        self.found(UNREADABLE, None);
        mark(UNREADABLE)
    }

    /// Counts a value that was masked by its place and is no text.
    pub(super) fn count_field(&mut self, action: &Action) {
        self.count(Kind::Field, action, None);
    }

    /// Counts a value. What is masked inside a text in base64 was counted there.
    pub(super) fn count(&mut self, kind: Kind<'_>, action: &Action, range: Option<Range<usize>>) {
        if !matches!(kind, Kind::Encoded) {
            let name = count_name(kind);
            self.found(&name, range);
            let detected = match kind {
                Kind::Detected(kind) => self.detected.get_mut(kind as usize),
                Kind::Custom(_) | Kind::Field | Kind::Credential(_) | Kind::Restored | Kind::Encoded => None,
            };
            match detected {
                Some(count) => *count += 1,
                None => *self.counts.entry(name.into_owned()).or_default() += 1,
            }
        }
        if matches!(action, Action::Block {}) {
            self.blocked.insert(count_name(kind).into_owned());
        }
    }

    /// Counts a value of a kind that was masked in parts.
    pub(super) fn count_kind(&mut self, kind: DetectorType, action: &Action) {
        self.count(Kind::Detected(kind), action, None);
    }

    /// One round of masking.
    fn round(
        &mut self,
        text: &str,
        entry: Option<usize>,
        place: Place<'_>,
        field: Option<&'a Action>,
    ) -> Option<String> {
        count(text.len());
        let mut findings = Vec::new();
        let is_searched = !self.active.wanted().is_empty() || !self.active.customs().is_empty();
        if is_searched || !self.known.is_empty() || self.active.has_columns() {
            self.search(text, entry, place.label);
            self.add_detected(text, place, &mut findings);
            let runs = self.finder.runs();
            self.find_known(text, Some(place), Some(runs), &mut findings);
            let runs = runs.to_vec();
            if self.finder.may_be_disguised() {
                self.add_disguised(text, place, &mut findings);
            }
            if !runs.is_empty() {
                self.add_encoded(text, &runs, place, &mut findings);
            }
        }
        if let Some(action) = field.filter(|action| !self.is_done(text, action)) {
            findings.push(Finding {
                range: 0..text.len(),
                action,
                kind: Kind::Field,
                rank: FIRST,
                becomes: None,
                form: None,
            });
        } else if field.is_none() {
            for (cell, action) in self.cells(text, place) {
                let (kind, form) = (Kind::Field, Some(cell.form));
                findings.push(Finding { range: cell.range, action, kind, rank: FIRST, becomes: None, form });
            }
        }
        let is_value = |finding: &Finding<'_>| {
            matches!(finding.kind, Kind::Credential(_)) || !is_inside(&finding.range, &self.enciphered)
        };
        findings.retain(is_value);
        self.splice(text, findings)
    }

    /// What the finder has found, as far as a rule wants it masked.
    fn add_detected(&self, text: &str, place: Place<'_>, findings: &mut Vec<Finding<'a>>) {
        let Self { active, finder, .. } = self;
        for hit in finder.hits() {
            let value = text.get(hit.range.clone()).unwrap_or_default();
            let is_granted = |wish: &Wish<'a>| {
                !place.kept_by.contains(&wish.rule) && !active.keeps_value(wish.rule, value)
            };
            if let Some(Wish { action, rank, .. }) =
                strongest(active.wishes_for_kind(hit.kind).filter(is_granted))
            {
                let kind = Kind::Detected(hit.kind);
                let action = if place.is_name { of_name(action) } else { action };
                findings.push(Finding {
                    range: hit.range.clone(),
                    action,
                    kind,
                    rank,
                    becomes: None,
                    form: None,
                });
            }
        }
        for custom::Found { name, range, wish: Wish { action, rank, .. } } in self.customs(text, place) {
            let kind = Kind::Custom(name);
            findings.push(Finding { range, action, kind, rank, becomes: None, form: None });
        }
        if !findings.is_empty() {
            let masks = self.active.masks(text);
            findings.retain(|finding| !is_inside(&finding.range, &masks));
        }
    }

    /// What is found only where escapes are read and characters folded.
    fn add_disguised(&mut self, text: &str, place: Place<'_>, findings: &mut Vec<Finding<'a>>) {
        if let Some(view) = View::of(text, self.active.decode().undo) {
            self.add_seen(text, &view, place, findings);
        }
    }

    /// What is found only where base64 is read.
    fn add_encoded(
        &mut self,
        text: &str,
        runs: &[Range<usize>],
        place: Place<'_>,
        findings: &mut Vec<Finding<'a>>,
    ) {
        for Rewritten { range, text } in self.rewritten(text, runs, place) {
            let (action, kind) = (&REDACT, Kind::Encoded);
            let becomes = Some(text);
            findings.push(Finding { range, action, kind, rank: FIRST, becomes, form: None });
        }
    }

    /// What is found in a view of a text and not, as the same value, in the text itself.
    fn add_seen(&mut self, text: &str, view: &View, place: Place<'_>, findings: &mut Vec<Finding<'a>>) {
        self.finder.find(Sample::new(view.text(), place.label), self.active.wanted());
        let mut seen = Vec::new();
        self.add_detected(view.text(), place, &mut seen);
        let masks = self.active.masks(text);
        for mut finding in seen {
            let Some(range) = view.source(&finding.range) else { continue };
            let is_known = |own: &Finding<'a>| {
                own.kind.name() == finding.kind.name()
                    && own.range.start <= range.start
                    && range.end <= own.range.end
            };
            if findings.iter().any(is_known) || is_inside(&range, &masks) {
                continue;
            }
            let value = view.text().get(finding.range.clone()).unwrap_or_default();
            finding.becomes = Some(apply_to_text(finding.action, finding.kind.name(), value, self.keys()));
            finding.range = range;
            findings.push(finding);
        }
    }

    /// Short credentials may be words: as names and identifiers these stay, and so do words of the protocol that are a short
    /// value which the caller has sent. An identifier has no place.
    fn find_known(
        &self,
        text: &str,
        place: Option<Place<'_>>,
        runs: Runs<'_>,
        findings: &mut Vec<Finding<'a>>,
    ) {
        let first = findings.len();
        let mut ranges = Vec::new();
        let is_name = place.is_some_and(|place| place.is_name);
        let may_be_short =
            |known: &Known| place.is_some() && if known.is_restored() { !self.is_word } else { !is_name };
        for known in self.known.iter().filter(|known| !known.is_short() || may_be_short(known)) {
            ranges.clear();
            known.find_where(text, runs, &mut ranges);
            let kind = Kind::of_known(known);
            let action = if known.is_restored() && !is_name { &TOKENIZE } else { &REDACT };
            let finding = |range| Finding { range, action, kind, rank: FIRST, becomes: None, form: None };
            findings.extend(ranges.drain(..).map(finding));
        }
        if findings.len() > first {
            // A credential may be a word of our own masks; nothing is gained by masking those for ever.
            let masks = self.active.own_marks(text);
            let mut index = 0;
            findings.retain(|finding| {
                index += 1;
                index <= first || !is_inside(&finding.range, &masks)
            });
        }
    }

    /// Whether a text is what this or another rule has made of a value. Redacting goes over everything.
    pub(super) fn is_done(&self, text: &str, action: &Action) -> bool {
        match action {
            Action::Block {} | Action::Drop {} | Action::Redact {} => false,
            Action::Replace(_)
            | Action::Hash(_)
            | Action::Tokenize {}
            | Action::Fpe(_)
            | Action::Generalize(_)
            | Action::Partial(_) => is_inside(&(0..text.len()), &self.active.masks(text)),
        }
    }

    /// `text` with its findings masked, if that changes it. Findings that overlap become one, with the
    /// strongest of their actions: no part of any of them may stay.
    fn splice(&mut self, text: &str, mut findings: Vec<Finding<'a>>) -> Option<String> {
        if findings.is_empty() {
            return None;
        }
        let order = |finding: &Finding<'_>| (finding.range.start, Reverse(finding.range.end), finding.rank);
        if !findings.is_sorted_by_key(order) {
            findings.sort_by_key(order);
        }
        let mut output = String::with_capacity(text.len());
        let mut done = 0;
        let mut has_changed = false;
        let mut enciphered = Vec::new();
        self.changed.clear();
        for finding in united(findings) {
            let value = text.get(finding.range.clone()).unwrap_or_default();
            let kept = done..finding.range.start;
            enciphered.extend(moved(&self.enciphered, &kept, output.len()));
            output.push_str(text.get(kept).unwrap_or_default());
            done = finding.range.end;
            let apply = |value| apply_to_text(finding.action, finding.kind.name(), value, self.keys());
            let start = output.len();
            match (finding.becomes, finding.form, finding.action) {
                (Some(masked), _, _) => output.push_str(&masked),
                (None, Some(form), _) => output.push_str(&form.written(&apply(&form.read(value)))),
                (None, None, Action::Redact {}) => push_mark(finding.kind.name(), &mut output),
                (None, None, _) => output.push_str(&apply(value)),
            }
            if output.get(start..) != Some(value) {
                has_changed = true;
                self.changed.push(start..output.len());
                self.count(finding.kind, finding.action, Some(finding.range));
            }
            if matches!(finding.action, Action::Fpe(_)) {
                enciphered.push(start..output.len());
            }
        }
        enciphered.extend(moved(&self.enciphered, &(done..text.len()), output.len()));
        self.enciphered = enciphered;
        output.push_str(text.get(done..).unwrap_or_default());
        has_changed.then_some(output)
    }
}

/// By what name a kind is counted: a credential by its own, so that a record says which was shown.
pub(super) fn count_name(kind: Kind<'_>) -> Cow<'_, str> {
    match kind {
        Kind::Credential(name) => Cow::Owned(format!("{CREDENTIAL}:{name}")),
        Kind::Custom(name) => Cow::Owned(format!("custom:{name}")),
        Kind::Detected(_) | Kind::Field | Kind::Restored | Kind::Encoded => Cow::Borrowed(kind.name()),
    }
}
