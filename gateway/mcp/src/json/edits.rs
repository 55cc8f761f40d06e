//! Splicing: new bytes over spans of a text, everything else as it came.
//!
//! [`Edits`] are collected while a document is read and applied at once. Which comma goes with a
//! removed element depends on what else is removed, so that is settled when they are applied. The
//! new bytes are the caller's: that they are JSON is not checked here.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use super::{Kind, Member, Span, Value, quote};

/// Changes to the text of one document, in any order.
#[derive(Clone, Default)]
pub struct Edits {
    replacements: Vec<Splice>,
    /// Items and members that go, by where they start.
    removals: BTreeMap<usize, Removal>,
    /// What is put first into an object, by where the object starts.
    insertions: BTreeMap<usize, Insertion>,
}

/// Why edits could not be applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// Two edits want the same bytes, and neither removes what the other changes.
    #[error("two edits overlap at byte {offset}")]
    Overlap {
        /// Where the second edit starts.
        offset: usize,
    },
    /// An edit is of another document: its span does not fit the text.
    #[error("an edit at byte {offset} is outside the text")]
    OutOfBounds {
        /// Where the edit starts.
        offset: usize,
    },
}

impl Edits {
    /// No edits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts `with` in the place of `span`. An empty span inserts.
    pub fn replace(&mut self, span: Span, with: impl Into<Vec<u8>>) {
        self.replacements.push(Splice { span, with: with.into(), is_removal: false });
    }

    /// Removes the items that `keep` refuses; does nothing if `array` is no array.
    pub fn retain_items<'a>(&mut self, array: Value<'a>, mut keep: impl FnMut(Value<'a>) -> bool) {
        let spans = array.items().map(|item| (item.span(), keep(item)));
        self.retain(array, spans);
    }

    /// Removes the members that `keep` refuses; does nothing if `object` is no object.
    pub fn retain_members<'a>(&mut self, object: Value<'a>, mut keep: impl FnMut(Member<'a>) -> bool) {
        let spans = object.members().map(|member| {
            let span = Span { start: member.key.span().start, end: member.value.span().end };
            (span, keep(member))
        });
        self.retain(object, spans);
    }

    /// Removes the one item at `index`, counted from 0, and says whether there is one.
    ///
    /// To remove many, use [`Edits::retain_items`], which reads the array once.
    pub fn remove_item(&mut self, array: Value<'_>, index: usize) -> bool {
        let Some(item) = array.items().nth(index) else {
            return false;
        };
        self.retain_items(array, |other| !other.is_same_place(item));
        true
    }

    /// Removes the member named `key`, and says whether there is one.
    pub fn remove_member(&mut self, object: Value<'_>, key: &str) -> bool {
        let found = object.get(key).is_some();
        if found {
            self.retain_members(object, |member| !member.key.is_text(key));
        }
        found
    }

    /// Gives `object` a member: a new one in front, or a new value for the one it has. Of two
    /// values for one name the later counts; a removal of the member wins over both. Does nothing
    /// if `object` is no object.
    pub fn insert_member(&mut self, object: Value<'_>, key: &str, raw_value: impl Into<Vec<u8>>) {
        if object.kind() != Kind::Object {
            return;
        }
        if let Some(existing) = object.get(key) {
            let span = existing.span();
            self.replacements.retain(|earlier| earlier.span != span);
            self.replace(span, raw_value);
            return;
        }
        let start = object.span().start;
        let insertion = self
            .insertions
            .entry(start)
            .or_insert_with(|| Insertion { members_before: object.len(), members: BTreeMap::new() });
        insertion.members.insert(quote(key), raw_value.into());
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.replacements.is_empty() && self.removals.is_empty() && self.insertions.is_empty()
    }

    /// The text with all edits made; the very same bytes, not a copy, if there are none.
    ///
    /// An edit inside a removed element has no effect.
    ///
    /// # Errors
    /// If edits overlap otherwise, or do not fit `bytes`.
    pub fn apply(self, bytes: &Bytes) -> Result<Bytes, EditError> {
        if self.is_empty() {
            return Ok(bytes.clone());
        }
        let mut splices = self.insertion_splices();
        splices.extend(self.removal_splices());
        splices.extend(self.replacements);
        // At one place: insertions first, then the widest, so that a removal meets what it covers.
        splices.sort_by_key(|splice| {
            let Span { start, end } = splice.span;
            let width = end.saturating_sub(start);
            (start, width > 0, usize::MAX - width, !splice.is_removal)
        });
        splice_all(bytes, &splices)
    }

    fn retain(&mut self, container: Value<'_>, elements: impl Iterator<Item = (Span, bool)>) {
        let container_start = container.span().start;
        let mut before = None;
        let mut elements = elements.peekable();
        while let Some((span, keep)) = elements.next() {
            if !keep {
                let after = elements.peek().map(|(next, _)| *next);
                let removal = Removal { container_start, span, before, after };
                self.removals.insert(span.start, removal);
            }
            before = Some(span);
        }
    }

    /// Each removal with the comma that becomes superfluous: the one before the element if anything
    /// stays before it, else the one after it.
    fn removal_splices(&self) -> Vec<Splice> {
        let mut something_stays_before = HashMap::with_capacity(self.removals.len());
        let mut splices = Vec::with_capacity(self.removals.len());
        for removal in self.removals.values() {
            let Span { start, end } = removal.span;
            let stays = match removal.before {
                None => false,
                Some(before) => something_stays_before.get(&before.start).copied().unwrap_or(true),
            };
            something_stays_before.insert(start, stays);
            let span = match (stays, removal.before, removal.after) {
                (true, Some(before), _) => Span { start: before.end, end },
                (true, None, Some(after)) | (false, _, Some(after)) => Span { start, end: after.start },
                (true, None, None) | (false, _, None) => removal.span,
            };
            splices.push(Splice { span, with: Vec::new(), is_removal: true });
        }
        splices
    }

    fn insertion_splices(&self) -> Vec<Splice> {
        let mut removed = HashMap::<usize, usize>::new();
        for removal in self.removals.values() {
            *removed.entry(removal.container_start).or_default() += 1;
        }
        let splice = |(start, insertion): (&usize, &Insertion)| {
            let removed = removed.get(start).copied().unwrap_or(0);
            let place = start + 1;
            Splice {
                span: Span { start: place, end: place },
                with: insertion.text(insertion.members_before > removed),
                is_removal: false,
            }
        };
        self.insertions.iter().map(splice).collect()
    }
}

impl std::fmt::Debug for Edits {
    /// Counts only: new bytes may be as secret as old ones.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Edits")
            .field("replacements", &self.replacements.len())
            .field("removals", &self.removals.len())
            .field("insertions", &self.insertions.len())
            .finish()
    }
}

/// New bytes over a span.
#[derive(Clone)]
struct Splice {
    span: Span,
    with: Vec<u8>,
    is_removal: bool,
}

/// An item, or a member from its name to its value, that goes; and its neighbours in the text.
#[derive(Clone)]
struct Removal {
    container_start: usize,
    span: Span,
    before: Option<Span>,
    after: Option<Span>,
}

/// New members of one object.
#[derive(Clone)]
struct Insertion {
    members_before: usize,
    /// Values by quoted name.
    members: BTreeMap<String, Vec<u8>>,
}

impl Insertion {
    fn text(&self, members_follow: bool) -> Vec<u8> {
        let mut text = Vec::new();
        for (quoted, value) in &self.members {
            if !text.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(quoted.as_bytes());
            text.push(b':');
            text.extend_from_slice(value);
        }
        if members_follow {
            text.push(b',');
        }
        text
    }
}

/// Writes `bytes` with `splices` made, which are sorted by place.
fn splice_all(bytes: &Bytes, splices: &[Splice]) -> Result<Bytes, EditError> {
    let added: usize = splices.iter().map(|splice| splice.with.len()).sum();
    let mut output = Vec::with_capacity(bytes.len() + added);
    let mut done = 0;
    let mut done_is_removed = false;
    for splice in splices {
        let Span { start, end } = splice.span;
        if end < start || end > bytes.len() {
            return Err(EditError::OutOfBounds { offset: start });
        }
        if start < done {
            if done_is_removed && end <= done {
                continue;
            }
            return Err(EditError::Overlap { offset: start });
        }
        output.extend_from_slice(bytes.get(done..start).unwrap_or_default());
        output.extend_from_slice(&splice.with);
        done = end;
        done_is_removed = splice.is_removal;
    }
    output.extend_from_slice(bytes.get(done..).unwrap_or_default());
    Ok(Bytes::from(output))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::super::{Document, Limits};
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Document {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Document::parse(bytes, Limits::with_bytes(100_000)).unwrap()
    }

    /// The text after the edits that `make` collects.
    fn edited(text: &str, make: impl FnOnce(&mut Edits, Value<'_>)) -> Result<Bytes, EditError> {
        let document = parse(text);
        let mut edits = Edits::new();
        make(&mut edits, document.root());
        edits.apply(document.bytes())
    }

    #[test]
    fn given_no_edits_when_applied_then_the_bytes_are_not_copied() {
        let document = parse("[1]");
        let same = Edits::new().apply(document.bytes()).unwrap();
        assert_eq!(same.as_ptr(), document.bytes().as_ptr());
    }

    #[test]
    fn given_removed_items_when_applied_then_what_stays_keeps_its_spelling() {
        let cases: [(&[i64], &str); 6] = [
            (&[2, 3], "[ 2 , 3]"),
            (&[1, 3], "[ 1 , 3]"),
            (&[1, 2], "[ 1 ,2]"),
            (&[3], "[ 3]"),
            (&[1], "[ 1]"),
            (&[], "[ ]"),
        ];
        for (keep, expected) in cases {
            let text = edited("[ 1 ,2 , 3]", |edits, root| {
                edits.retain_items(root, |item| keep.contains(&item.as_i64().unwrap()));
            });
            assert_eq!(text.unwrap(), expected);
        }
    }

    #[test]
    fn given_an_object_when_members_come_and_go_then_commas_fit() {
        let text = edited(r#"{"a":1,"b":2}"#, |edits, root| {
            assert!(edits.remove_member(root, "a"));
            assert!(edits.remove_member(root, "b"));
            assert!(!edits.remove_member(root, "c"));
            edits.insert_member(root, "c\n", "3");
            edits.insert_member(root, "d", "0");
            edits.insert_member(root, "d", "4");
        });
        assert_eq!(text.unwrap(), r#"{"c\n":3,"d":4}"#);
        let text = edited("[{},{ \"a\":1}]", |edits, root| {
            for object in root.items() {
                edits.insert_member(object, "a", "2");
                edits.insert_member(object, "a", "3");
                edits.insert_member(object, "b", "4");
            }
        });
        // Both members of the first object are new; one of the second is replaced in place.
        assert_eq!(text.unwrap(), r#"[{"a":3,"b":4},{"b":4, "a":3}]"#);
    }

    #[test]
    fn given_edits_inside_a_removed_element_when_applied_then_they_have_no_effect() {
        let text = edited(r#"[{"a":[1,2]},{"a":[1,2]}]"#, |edits, root| {
            edits.remove_item(root, 0);
            edits.remove_item(root, 0);
            assert!(!edits.remove_item(root, 2));
            let removed = root.items().next().unwrap();
            edits.replace(removed.span(), "0");
            for object in root.items() {
                let array = object.get("a").unwrap();
                edits.insert_member(object, "b", "0");
                edits.replace(array.span(), "[3]");
                edits.insert_member(object, "a", "[4]");
            }
        });
        assert_eq!(text.unwrap(), r#"[{"b":0,"a":[4]}]"#);
    }

    #[test]
    fn given_edits_that_want_the_same_bytes_when_applied_then_they_are_refused() {
        let both = edited("[[1]]", |edits, root| {
            let inner = root.items().next().unwrap();
            edits.replace(inner.span(), "2");
            edits.remove_item(inner, 0);
        });
        assert_eq!(both, Err(EditError::Overlap { offset: 2 }));
        let half = edited("[1,[2]]", |edits, root| {
            edits.remove_item(root, 0);
            edits.replace(Span { start: 2, end: 6 }, "");
        });
        assert_eq!(half, Err(EditError::Overlap { offset: 2 }));
        let outside = edited("[1]", |edits, _| edits.replace(Span { start: 2, end: 9 }, ""));
        assert_eq!(outside, Err(EditError::OutOfBounds { offset: 2 }));
        let reversed = edited("[1]", |edits, _| edits.replace(Span { start: 2, end: 1 }, ""));
        assert_eq!(reversed, Err(EditError::OutOfBounds { offset: 2 }));
    }

    /// Arrays and objects in each other, with spaces where they may be.
    fn nested() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![Just("1".to_owned()), Just("\"a,]\"".to_owned())];
        leaf.prop_recursive(3, 30, 6, |inner| {
            let spaced = ("[ \n]{0,1}", inner, "[ \t]{0,1}")
                .prop_map(|(before, value, after)| format!("{before}{value}{after}"));
            prop::collection::vec(spaced, 0..6).prop_flat_map(|items| {
                let array = format!("[{}]", items.join(","));
                let members = items.iter().enumerate();
                let members = members.map(|(index, item)| format!(" \"{index}\" :{item}"));
                let object = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
                prop_oneof![Just(array), Just(object)]
            })
        })
    }

    /// What `choice` leaves of a value: elements are asked about in the order of the text.
    fn model(value: Value<'_>, choice: &impl Fn(Span) -> Choice) -> serde_json::Value {
        let replace = |value: Value<'_>| match choice(value.span()) {
            Choice::Replace => serde_json::json!("new"),
            Choice::Keep | Choice::Remove => model(value, choice),
        };
        let stays = |value: &Value<'_>| choice(value.span()) != Choice::Remove;
        match value.kind() {
            Kind::Array => value.items().filter(stays).map(replace).collect(),
            Kind::Object => {
                let members = value.members().filter(|member| stays(&member.value));
                let name = |member: Member<'_>| member.key.text().unwrap().into_owned();
                let kept = members.map(|member| (name(member), replace(member.value)));
                let added = ("added".to_owned(), serde_json::json!([]));
                kept.chain([added]).collect()
            }
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
                serde_json::from_slice(value.raw()).unwrap()
            }
        }
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Choice {
        Keep,
        Remove,
        Replace,
    }

    fn collect(edits: &mut Edits, value: Value<'_>, choice: &impl Fn(Span) -> Choice) {
        let removed = |value: Value<'_>| choice(value.span()) == Choice::Remove;
        edits.retain_items(value, |item| !removed(item));
        edits.retain_members(value, |member| !removed(member.value));
        edits.insert_member(value, "added", "[]");
        let values = value.members().map(|member| member.value);
        for inner in value.items().chain(values) {
            match choice(inner.span()) {
                Choice::Replace => edits.replace(inner.span(), "\"new\""),
                Choice::Keep | Choice::Remove => collect(edits, inner, choice),
            }
        }
    }

    proptest! {
        #[test]
        fn given_any_elements_removed_replaced_and_added_then_the_text_is_what_a_model_says(
            text in nested(),
            seed in any::<u64>(),
        ) {
            let document = parse(&text);
            let choice = |span: Span| {
                let place = (span.start as u64).wrapping_add(seed);
                let mixed = place.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                match mixed >> 62 {
                    0 => Choice::Replace,
                    1 => Choice::Keep,
                    _ => Choice::Remove,
                }
            };
            let mut edits = Edits::new();
            collect(&mut edits, document.root(), &choice);
            let result = edits.apply(document.bytes()).unwrap();
            let theirs: serde_json::Value = serde_json::from_slice(&result).unwrap();
            prop_assert_eq!(theirs, model(document.root(), &choice));
            prop_assert!(Document::parse(result, Limits::with_bytes(100_000)).is_ok());
        }
    }
}
