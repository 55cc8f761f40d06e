//! Reading a scanned text: its values, their spans, and their members and items.
//!
//! Everything here trusts the scanner: a [`Document`] exists only for a text that passed it. A
//! lookup that cannot fail on such a text answers an empty value rather than ending the process.
//! `Debug` shows kinds and spans, never content, because content may be secret.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::escape::unescape;
use super::scan::{Node, scan};
use super::{JsonError, Limits};

/// A text that is one JSON value, and where everything in it is. Cloning copies no text.
#[derive(Clone)]
pub struct Document {
    bytes: Bytes,
    nodes: Arc<Vec<Node>>,
}

impl Document {
    /// Checks `bytes` against RFC 8259, the rules of [`super`] and `limits`.
    ///
    /// # Errors
    /// The first fault found: length, byte order mark and UTF-8 are looked at before the grammar.
    pub fn parse(bytes: Bytes, limits: Limits) -> Result<Self, JsonError> {
        // Nodes hold 32-bit offsets.
        let limit = limits.bytes.min(u32::MAX as usize);
        if bytes.len() > limit {
            return Err(JsonError::TooLong { bytes: bytes.len(), limit });
        }
        if bytes.starts_with(b"\xEF\xBB\xBF") {
            return Err(JsonError::ByteOrderMark);
        }
        // Most texts are of ASCII alone, which is told sooner.
        if !bytes.is_ascii() {
            std::str::from_utf8(&bytes)
                .map_err(|error| JsonError::NotUtf8 { offset: error.valid_up_to() })?;
        }
        let nodes = Arc::new(scan(&bytes, limits.depth)?);
        Ok(Self { bytes, nodes })
    }

    /// The top-level value.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        Value { document: self, index: 0 }
    }

    /// Every value and member name, in the order of the text: what [`Value::walk`] gives for the top-level value, for who
    /// reads them all and wants to know little of each.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> + '_ {
        self.nodes.iter().map(|node| Entry {
            kind: node.kind,
            span: Span { start: node.start as usize, end: node.end as usize },
            is_name: node.is_name,
            is_escaped: node.escaped,
            next: node.next as usize,
        })
    }

    /// The value or member name that has this number among [`Self::entries`].
    #[must_use]
    pub fn value(&self, entry: usize) -> Option<Value<'_>> {
        let index = u32::try_from(entry).ok()?;
        (entry < self.nodes.len()).then_some(Value { document: self, index })
    }

    /// The text as it came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The text as it came, without the list of values.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Document").field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

/// What sort of value a [`Value`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number in any spelling.
    Number,
    /// A string, or the name of a member.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A range of bytes of a text, from `start` up to but not including `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The offset of the first byte.
    pub start: usize,
    /// The offset of the byte after the last.
    pub end: usize,
}

/// One value of a document, or the name of a member, in the list of all of them.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What sort of value it is.
    pub kind: Kind,
    /// Where it is in [`Document::bytes`], a string's quotes included.
    pub span: Span,
    /// Whether it is the name of a member; the next entry is its value.
    pub is_name: bool,
    /// Whether it is a string with escapes, so that its bytes are not its text.
    pub is_escaped: bool,
    /// Which entry follows it and everything inside it.
    pub next: usize,
}

/// One value of a document, or the name of a member.
#[derive(Clone, Copy)]
pub struct Value<'a> {
    document: &'a Document,
    index: u32,
}

impl<'a> Value<'a> {
    /// What sort of value this is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// The bytes of the value as they came, a string's quotes included.
    #[must_use]
    pub fn raw(self) -> &'a [u8] {
        let Span { start, end } = self.span();
        self.document.bytes.get(start..end).unwrap_or_default()
    }

    /// Where the value is in [`Document::bytes`], a string's quotes included.
    #[must_use]
    pub fn span(self) -> Span {
        let node = self.node();
        Span { start: node.start as usize, end: node.end as usize }
    }

    /// The value of the member named `name`, escapes resolved; `None` too if this is no object.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Self> {
        self.get_counted(name).0
    }

    /// As [`Self::get`], and how many names it was compared with: a measure of the work, for who bounds it.
    #[must_use]
    pub fn get_counted(self, name: &str) -> (Option<Self>, usize) {
        let node = self.node();
        let mut passed = 0;
        let mut index = self.index + 1;
        let end = if node.kind == Kind::Object { node.next } else { index };
        while index < end
            && let Some([key, value]) = self.document.nodes.get(index as usize..index as usize + 2)
        {
            passed += 1;
            // Most names differ in length already.
            let length = key.end.saturating_sub(key.start) as usize;
            let may_be = key.escaped || length == name.len() + 2;
            if may_be && (Value { document: self.document, index }).is_text(name) {
                return (Some(Value { document: self.document, index: index + 1 }), passed);
            }
            index = value.next;
        }
        (None, passed)
    }

    /// The members of an object in the order of the text; none for any other value.
    #[must_use]
    pub fn members(self) -> Members<'a> {
        Members { children: self.children(Kind::Object) }
    }

    /// The items of an array in the order of the text; none for any other value.
    #[must_use]
    pub fn items(self) -> Items<'a> {
        Items { children: self.children(Kind::Array) }
    }

    /// This value and everything inside it, member names included, in the order of the text.
    #[must_use]
    pub fn walk(self) -> Walk<'a> {
        Walk { document: self.document, next: self.index, end: self.node().next }
    }

    /// The text of a string, escapes resolved; borrowed if it has none.
    #[must_use]
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self.kind() {
            Kind::String if self.node().escaped => Some(Cow::Owned(unescape(self.inside_quotes()))),
            Kind::String => Some(text_of(self.inside_quotes())),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Array | Kind::Object => None,
        }
    }

    /// Whether this is a string whose text is `text`, escapes resolved.
    #[must_use]
    pub fn is_text(self, text: &str) -> bool {
        let node = self.node();
        if node.kind != Kind::String {
            return false;
        }
        let length = (node.end - node.start).saturating_sub(2) as usize;
        if !node.escaped {
            return length == text.len() && self.inside_quotes() == text.as_bytes();
        }
        // No escape takes more than six bytes for each byte of text, so that a long string is not resolved for a short
        // text.
        length <= text.len().saturating_mul(6) && unescape(self.inside_quotes()) == text
    }

    /// The value of `true` and `false`.
    #[must_use]
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == b"true")
    }

    /// The value of a number written without fraction and exponent, if 64 bits hold it.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        if self.kind() != Kind::Number {
            return None;
        }
        std::str::from_utf8(self.raw()).ok()?.parse().ok()
    }

    /// Whether this is `null`.
    #[must_use]
    pub fn is_null(self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether this is the name of a member rather than a value.
    #[must_use]
    pub fn is_name(self) -> bool {
        self.node().is_name
    }

    /// How many items or members there are, counted one by one; 0 for any other value.
    #[must_use]
    pub fn len(self) -> usize {
        self.items().count() + self.members().count()
    }

    /// Whether there are no items or members; true for any other value.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.node().next == self.index + 1
    }

    /// Which of [`Document::entries`] this value and everything inside it are.
    #[must_use]
    pub fn entries(self) -> Range<usize> {
        self.index as usize..self.node().next as usize
    }

    /// Whether two values are the same place in the same document.
    pub(super) fn is_same_place(self, other: Self) -> bool {
        std::ptr::eq(self.document, other.document) && self.index == other.index
    }

    fn children(self, of: Kind) -> Children<'a> {
        let node = self.node();
        let first = self.index + 1;
        Children {
            document: self.document,
            next: first,
            end: if node.kind == of { node.next } else { first },
        }
    }

    fn inside_quotes(self) -> &'a [u8] {
        let raw = self.raw();
        raw.get(1..raw.len().saturating_sub(1)).unwrap_or_default()
    }

    fn node(self) -> Node {
        /// Stands in for a node that does not exist, which no `Value` refers to.
        const NOTHING: Node =
            Node { start: 0, end: 0, next: u32::MAX, kind: Kind::Null, escaped: false, is_name: false };
        let nodes = &self.document.nodes;
        nodes.get(self.index as usize).copied().unwrap_or(NOTHING)
    }
}

/// The text of some bytes of a scanned text, which are UTF-8.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { start, end } = self.span();
        write!(formatter, "{:?} at {start}..{end}", self.kind())
    }
}

/// A name and its value in an object.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The name: a string value with its own span.
    pub key: Value<'a>,
    /// What the name stands for.
    pub value: Value<'a>,
}

/// The members of an object; made by [`Value::members`].
#[derive(Debug, Clone)]
pub struct Members<'a> {
    children: Children<'a>,
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let key = self.children.next()?;
        let value = self.children.next()?;
        Some(Member { key, value })
    }
}

/// The items of an array; made by [`Value::items`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    children: Children<'a>,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.children.next()
    }
}

/// A value and everything inside it; made by [`Value::walk`].
#[derive(Debug, Clone)]
pub struct Walk<'a> {
    document: &'a Document,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Walk<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let value = Value { document: self.document, index: self.next };
        (self.next < self.end).then(|| {
            self.next += 1;
            value
        })
    }
}

/// The nodes directly inside a container: items, or names and values in turn.
#[derive(Debug, Clone)]
struct Children<'a> {
    document: &'a Document,
    next: u32,
    end: u32,
}

impl<'a> Iterator for Children<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let value = Value { document: self.document, index: self.next };
        (self.next < self.end).then(|| {
            self.next = value.node().next;
            value
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Document {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        Document::parse(bytes, Limits::with_bytes(1_000_000)).unwrap()
    }

    #[test]
    fn given_valid_odd_texts_when_parsed_then_every_byte_is_kept() {
        let texts = [
            "0",
            "-0",
            "-0.0e-0",
            "1E+400",
            "123456789012345678901234567890.5",
            "\"\"",
            "\" \u{7f}\u{2028}\u{feff} \"",
            r#""\u0000\u001F\ud83d\uDE00\/""#,
            "\t[ ]\r\n",
            "{ }",
            "[[],{},\"\",0,null,true,false]",
            "{\"\":{\"\":{\"\":[]}}}",
            " {\n \"a\" : [ 1 , 2.50 , 3e0 ] ,\t\"b\":{ } } ",
            "{\"__proto__\":1,\"unknown\":{\"x-\\u00e9\":[1]}}",
        ];
        for text in texts {
            let document = parse(text);
            assert_eq!(document.bytes(), text);
            assert_eq!(document.root().raw(), text.trim_ascii().as_bytes());
            assert_eq!(document.into_bytes(), text);
        }
    }

    #[test]
    fn given_an_object_when_read_then_members_are_found_by_their_resolved_names() {
        let document = parse(r#" {"a":1,"\u0062":[true,null,"x\n"],"c":{"d":-5}} "#);
        let root = document.root();
        assert_eq!(root.kind(), Kind::Object);
        assert_eq!(root.len(), 3);
        assert_eq!(root.span(), Span { start: 1, end: 48 });
        assert_eq!(root.get("a").and_then(Value::as_i64), Some(1));
        let items: Vec<_> = root.get("b").unwrap().items().collect();
        assert_eq!(items.len(), 3);
        assert_eq!(items.first().and_then(|item| item.as_bool()), Some(true));
        assert_eq!(items.last().and_then(|item| item.text()).unwrap(), "x\n");
        assert!(items.get(1).unwrap().is_null());
        let inner = root.get("c").and_then(|c| c.get("d")).unwrap();
        assert_eq!((inner.raw(), inner.as_i64()), (&b"-5"[..], Some(-5)));
        assert!(root.get("d").is_none() && inner.get("d").is_none());
        let names = root.members().map(|member| member.key.text().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn given_numbers_when_read_as_integers_then_only_plain_64_bit_ones_are() {
        let document = parse("[9223372036854775807,-9223372036854775808,-0,9223372036854775808,1.0,1e2]");
        let numbers: Vec<_> = document.root().items().map(Value::as_i64).collect();
        let expected = [Some(i64::MAX), Some(i64::MIN), Some(0), None, None, None];
        assert_eq!(numbers, expected);
    }

    #[test]
    fn given_nested_values_when_walked_then_names_and_values_come_in_the_order_of_the_text() {
        let document = parse(r#"{"a":["b",{"c":1}]}"#);
        let walked = document.root().walk().skip(1);
        let seen: Vec<_> = walked.map(|value| (value.is_name(), value.raw().len())).collect();
        let expected = [(true, 3), (false, 13), (false, 3), (false, 7), (true, 3), (false, 1)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn given_entries_when_listed_then_they_are_the_values_that_a_walk_finds() {
        let document = parse(r#" {"a":["b\n",{"c":1},[]],"d":{}} "#);
        let entries: Vec<_> = document.entries().collect();
        let walked: Vec<_> = document.root().walk().collect();
        assert_eq!(entries.len(), walked.len());
        for (index, (entry, value)) in entries.iter().zip(&walked).enumerate() {
            assert_eq!(
                (entry.kind, entry.span, entry.is_name),
                (value.kind(), value.span(), value.is_name())
            );
            assert_eq!(value.entries(), index..entry.next);
            assert_eq!(entry.next - index, value.walk().count());
            assert_eq!(entry.is_escaped, value.raw().contains(&b'\\') && value.kind() == Kind::String);
        }
    }

    #[test]
    fn given_values_when_debugged_then_no_content_is_shown() {
        let document = parse(r#"{"s3cret":"s3cret"}"#);
        let shown = format!("{document:?} {:?} {:?}", document.root(), document.root().members());
        assert!(!shown.contains("s3cret"));
    }
}
