//! Masking JSON that is the data of tools and not of the protocol: `structuredContent`, arguments, JSON in a
//! text. Places named by rules are followed here from the root down, and texts that are JSON are opened.
//!
//! Types stay, so that what a schema allowed it allows still. Names of members are masked only if they are
//! sensitive values themselves.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use lychgate_gateway_mcp::json::{
    DEFAULT_DEPTH, Document, Edits, JsonError, Kind, Limits, Member, Value, quote,
};

use super::detect::name_in_label;
use super::marks::without_marks;
use super::program::{Purpose, Wish, strongest};
use super::sieve::Opened;
use super::text::{Masker, Place, REDACT};
use crate::config::Action;
use crate::path::filter::{Asked, Filter, TooMuch};
use crate::path::{States, Step, advance, start};

/// A place in a document, as rules see it.
#[derive(Clone, Debug, Default)]
pub(super) struct Spot<'d> {
    /// How far the paths of the rules have come; empty where nothing is the root of a document.
    states: States,
    /// The rules that leave this place, and all below it, as it is.
    kept_by: Vec<usize>,
    /// In how many texts this document stands.
    nesting: usize,
    /// The document that filters ask about, where a path has any.
    asked: Option<Asked<'d>>,
}

impl Spot<'_> {
    /// Inside a text that was decoded `depth` times: a place that no path leads to.
    pub(super) fn inside(kept_by: &[usize], depth: usize) -> Self {
        Self { states: States::new(), kept_by: kept_by.to_vec(), nesting: depth, asked: None }
    }

    fn place<'p>(&'p self, label: &'p str) -> Place<'p> {
        Place { label, kept_by: &self.kept_by, is_name: false }
    }
}

impl<'a> Masker<'a> {
    /// Masks a document from its root. `label` is the name it stands under, `around` the place of the text
    /// that it is, if it is one.
    pub(super) fn document(
        &mut self,
        root: Value<'_>,
        label: &str,
        around: Option<&Spot<'_>>,
        edits: &mut Edits,
    ) {
        let mut spot = Spot {
            states: start(self.active.paths()),
            kept_by: around.map_or_else(Vec::new, |around| around.kept_by.clone()),
            nesting: around.map_or(0, |around| around.nesting + 1),
            asked: self.active.has_filters().then(|| Asked::new(root)),
        };
        self.note_kept(&mut spot);
        // A document is no member or item that could go away.
        let field = self.field(&spot, &[], root).map(|action| match action {
            Action::Drop {} => &REDACT,
            Action::Block {}
            | Action::Redact {}
            | Action::Replace(_)
            | Action::Hash(_)
            | Action::Tokenize {}
            | Action::Fpe(_)
            | Action::Generalize(_)
            | Action::Partial(_) => action,
        });
        self.value(root, label, &spot, field, edits);
    }

    /// Masks one member of an object at `spot`, name and value, or notes in `names` that it goes away. `names` belongs to
    /// the object, and its [`Names::drop_from`] is to be called once all members have been here.
    pub(super) fn member<'d>(
        &mut self,
        member: Member<'d>,
        spot: &Spot<'d>,
        names: &mut Names<'_>,
        edits: &mut Edits,
    ) {
        if !self.may_change_member(member) {
            return;
        }
        let name = member.key.text().unwrap_or_default();
        let mut child = self.step(spot, Step::Name(&name), member.value);
        let may_change = self.sieve.lets_through(member.key.entries());
        let renamed = may_change.then(|| self.name(&name, &child.kept_by, names)).flatten();
        let mut matched: Vec<String> = self.comparable(&name).into_iter().collect();
        let label = label(&name, renamed.as_deref());
        if let Some(renamed) = &renamed {
            // Who masks this message again sees the new name alone: what that matches is masked at once.
            self.advance(spot, Step::Name(renamed), member.value, &mut child.states);
            matched.extend(self.comparable(renamed));
        }
        let field = self.field(&child, &matched, member.value);
        self.at_member(renamed.as_deref().unwrap_or(&name));
        if let Some(action @ Action::Drop {}) = field {
            self.count_field(action);
            names.dropped.insert(member.value.span().start);
        } else {
            if let Some(renamed) = &renamed {
                edits.replace(member.key.span(), quote(renamed));
            }
            self.value(member.value, &label, &child, field, edits);
        }
        self.leave();
    }

    /// What the text of a value becomes, which is a string, if it changes.
    pub(super) fn string_of(
        &mut self,
        value: Value<'_>,
        label: &str,
        spot: &Spot<'_>,
        field: Option<&'a Action>,
    ) -> Option<String> {
        if let Some(carried) = self.carried(value) {
            return Some(self.string(&carried, label, spot, field).unwrap_or(carried));
        }
        let entry = value.entries().start;
        if field.is_none()
            && spot.nesting < self.active.decode().nested_json
            && let Some(opened) = self.sieve.take_opened(entry)
        {
            return self.inside(opened, label, spot);
        }
        self.sought = Some(entry);
        let masked = self.string(&value.text().unwrap_or_default(), label, spot, field);
        self.sought = None;
        masked
    }

    /// What the text of a string becomes, if it changes.
    pub(super) fn string(
        &mut self,
        text: &str,
        label: &str,
        spot: &Spot<'_>,
        field: Option<&'a Action>,
    ) -> Option<String> {
        let sought = self.sought.take();
        let opens = field.is_none() && spot.nesting < self.active.decode().nested_json;
        if opens && let Some(masked) = self.nested(text, label, spot) {
            return masked;
        }
        self.sought = sought;
        let masked = self.text(text, spot.place(label), field)?;
        // Masking may have taken away what kept a text from being JSON.
        let opened = if opens { self.nested(&masked, label, spot).flatten() } else { None };
        Some(opened.unwrap_or(masked))
    }

    /// What the name of a member becomes, if it changes: a name that no other member has.
    pub(super) fn name(&mut self, name: &str, kept_by: &[usize], names: &mut Names<'_>) -> Option<String> {
        let place = Place { label: "", kept_by, is_name: true };
        self.at_name(true);
        let masked = self.text(name, place, None);
        self.at_name(false);
        masked.map(|masked| names.unique(masked))
    }

    fn value<'d>(
        &mut self,
        value: Value<'d>,
        label: &str,
        spot: &Spot<'d>,
        field: Option<&'a Action>,
        edits: &mut Edits,
    ) {
        if field.is_none() && !self.may_change(value) {
            return;
        }
        let replacement = match (value.kind(), field) {
            (Kind::Null, _) | (Kind::Bool, None) => None,
            (Kind::Bool, Some(_)) => (value.as_bool() == Some(true)).then(|| "false".to_owned()),
            (Kind::String, _) => self.string_of(value, label, spot, field).map(|masked| quote(&masked)),
            (Kind::Number, _) => {
                let spelled = String::from_utf8_lossy(value.raw());
                self.number(&spelled, spot.place(label), field)
            }
            (Kind::Array, Some(_)) => (!value.is_empty()).then(|| "[]".to_owned()),
            (Kind::Object, Some(_)) => (!value.is_empty()).then(|| "{}".to_owned()),
            (Kind::Array, None) => {
                self.items(value, label, spot, edits);
                None
            }
            (Kind::Object, None) => {
                let mut names = Names::of(value);
                for member in value.members() {
                    self.member(member, spot, &mut names, edits);
                }
                names.drop_from(edits);
                None
            }
        };
        if let Some(action) = field
            && matches!(value.kind(), Kind::Bool | Kind::Array | Kind::Object)
            && (replacement.is_some() || matches!(action, Action::Block {}))
        {
            self.count_field(action);
        }
        if let Some(replacement) = replacement {
            edits.replace(value.span(), replacement);
        }
    }

    fn items<'d>(&mut self, array: Value<'d>, label: &str, spot: &Spot<'d>, edits: &mut Edits) {
        let noted = self.carry(array, spot.place(label));
        let mut dropped = HashSet::new();
        // Only paths ask how many there are.
        let length = if self.active.paths().is_empty() { 0 } else { array.items().count() };
        for (index, item) in array.items().enumerate() {
            if self.prunes() && !self.may_change(item) {
                continue;
            }
            let child = self.step(spot, Step::Item { index, length }, item);
            let field = self.field(&child, &[], item);
            self.at_item(index);
            if let Some(action @ Action::Drop {}) = field {
                self.count_field(action);
                dropped.insert(item.span().start);
            } else {
                self.value(item, label, &child, field, edits);
            }
            self.leave();
        }
        self.forget(&noted);
        if !dropped.is_empty() {
            edits.retain_items(array, |item| !dropped.contains(&item.span().start));
        }
    }

    /// The strongest thing that is to become of a value because of its place, if anything is.
    fn field(&self, spot: &Spot<'_>, names: &[String], value: Value<'_>) -> Option<&'a Action> {
        let placed = spot.states.iter().filter_map(|state| match self.active.purpose(*state)? {
            Purpose::Mask(wish) => Some(wish),
            Purpose::Keep(_) => None,
        });
        let named = names.iter().flat_map(|name| self.active.wishes_for_key(name));
        let wishes: Vec<Wish<'a>> =
            placed.chain(named).filter(|wish| !spot.kept_by.contains(&wish.rule)).collect();
        if wishes.is_empty() {
            return None;
        }
        let text = match value.kind() {
            Kind::String => value.text(),
            Kind::Bool | Kind::Number => Some(String::from_utf8_lossy(value.raw())),
            Kind::Null | Kind::Array | Kind::Object => None,
        };
        let is_granted =
            |wish: &Wish<'a>| text.as_deref().is_none_or(|text| !self.active.keeps_value(wish.rule, text));
        strongest(wishes.into_iter().filter(is_granted)).map(|wish| wish.action)
    }

    /// The place one step further down.
    fn step<'d>(&self, spot: &Spot<'d>, step: Step<'_>, value: Value<'d>) -> Spot<'d> {
        let Spot { states: _, kept_by, nesting, asked } = spot;
        let mut child =
            Spot { states: States::new(), kept_by: kept_by.clone(), nesting: *nesting, asked: asked.clone() };
        self.advance(spot, step, value, &mut child.states);
        self.note_kept(&mut child);
        child
    }

    /// How far the paths come by one step to `value`.
    fn advance<'d>(&self, spot: &Spot<'d>, step: Step<'_>, value: Value<'d>, next: &mut States) {
        let fulfils = |index: usize, filter: &Filter| {
            let answer = spot.asked.as_ref().map_or(Err(TooMuch), |asked| asked.fulfils(value, filter));
            // Where it would take too long to say, more is masked, and less is kept.
            answer.unwrap_or_else(|TooMuch| self.active.masks_at(index))
        };
        advance(self.active.paths(), &spot.states, step, next, &fulfils);
    }

    /// Adds to a place the rules that leave it as it is.
    fn note_kept(&self, spot: &mut Spot<'_>) {
        for state in &spot.states {
            if let Some(Purpose::Keep(rule)) = self.active.purpose(*state)
                && !spot.kept_by.contains(&rule)
            {
                spot.kept_by.push(rule);
            }
        }
    }

    /// A name as the rules' patterns are compared with it, if there are any.
    fn comparable(&self, name: &str) -> Option<String> {
        self.active.has_keys().then(|| without_marks(name, self.active.marks()).to_lowercase())
    }

    /// What a text becomes that as a whole is a JSON object or array: `None` if it is none, `Some(None)` if
    /// it stays as it is.
    fn nested(&mut self, text: &str, label: &str, spot: &Spot<'_>) -> Option<Option<String>> {
        if !looks_like_json(text) {
            return None;
        }
        let limits = Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH };
        let document = match Document::parse(Bytes::copy_from_slice(text.as_bytes()), limits) {
            Ok(document) => document,
            Err(error) if is_read_by_others(&error) && !self.active.is_empty() => {
                return if self.passes() { None } else { Some(Some(self.unreadable())) };
            }
            Err(_) => return None,
        };
        let sieve = self.sieve_of(&document, label, spot.nesting + 1);
        Some(self.inside(Opened { document, sieve }, label, spot))
    }

    /// What a text becomes that is a document, if it changes.
    fn inside(&mut self, Opened { document, sieve }: Opened, label: &str, spot: &Spot<'_>) -> Option<String> {
        let mut edits = Edits::new();
        let outer = std::mem::replace(&mut self.sieve, sieve);
        self.at_text();
        self.document(document.root(), label, Some(spot), &mut edits);
        self.leave();
        self.sieve = outer;
        if edits.is_empty() {
            return None;
        }
        let masked =
            edits.apply(document.bytes()).ok().and_then(|bytes| String::from_utf8(bytes.into()).ok());
        self.has_failed |= masked.is_none();
        masked
    }
}

/// The name under which a value stands, for what is known by its name: both names, where it is renamed. Each is cut by
/// itself, so that the new one alone says no more when the message is masked again.
pub(super) fn label<'n>(name: &'n str, renamed: Option<&str>) -> Cow<'n, str> {
    let name = name_in_label(name);
    let both = |renamed: &str| Cow::Owned(format!("{} {name}", name_in_label(renamed)));
    renamed.map_or(Cow::Borrowed(name), both)
}

/// Whether a text may be a JSON object or array, by its first and last character.
pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    (text.starts_with('{') && text.ends_with('}')) || (text.starts_with('[') && text.ends_with(']'))
}

/// Whether a text that we refuse is JSON to more lenient readers, so that places in it exist for them.
pub(crate) fn is_read_by_others(error: &JsonError) -> bool {
    match error {
        JsonError::TooLong { .. }
        | JsonError::TooDeep { .. }
        | JsonError::DuplicateMember { .. }
        | JsonError::LoneSurrogate { .. } => true,
        JsonError::ByteOrderMark
        | JsonError::NotUtf8 { .. }
        | JsonError::Empty
        | JsonError::UnexpectedEnd { .. }
        | JsonError::TrailingData { .. }
        | JsonError::ExpectedValue { .. }
        | JsonError::ExpectedName { .. }
        | JsonError::ExpectedColon { .. }
        | JsonError::ExpectedCommaOrEnd { .. }
        | JsonError::BadLiteral { .. }
        | JsonError::BadNumber { .. }
        | JsonError::ControlCharacter { .. }
        | JsonError::BadEscape { .. } => false,
    }
}

/// The names of an object's members, so that two names that are masked do not become one: the second of them
/// ends in `~2`, and so on. Nothing is collected before a name is masked.
pub(super) struct Names<'v> {
    object: Value<'v>,
    taken: Option<HashSet<String>>,
    numbers: HashMap<String, u32>,
    /// The members that go away, by where their values start.
    dropped: HashSet<usize>,
}

impl<'v> Names<'v> {
    pub(super) fn of(object: Value<'v>) -> Self {
        Self { object, taken: None, numbers: HashMap::new(), dropped: HashSet::new() }
    }

    /// Removes the members that go away.
    pub(super) fn drop_from(&self, edits: &mut Edits) {
        if !self.dropped.is_empty() {
            edits.retain_members(self.object, |member| !self.dropped.contains(&member.value.span().start));
        }
    }

    pub(super) fn unique(&mut self, wanted: String) -> String {
        let object = self.object;
        let taken = self.taken.get_or_insert_with(|| {
            object.members().filter_map(|member| member.key.text()).map(Cow::into_owned).collect()
        });
        if taken.insert(wanted.clone()) {
            return wanted;
        }
        let number = self.numbers.entry(wanted.clone()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{wanted}~{number}");
            if taken.insert(name.clone()) {
                return name;
            }
        }
    }
}
