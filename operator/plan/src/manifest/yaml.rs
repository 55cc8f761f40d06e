//! From YAML text to nodes, read as kubectl reads it.
//!
//! kubectl reads YAML 1.1: a bare `Off` or `yes` is a boolean and `010` is eight. A reader of YAML 1.2 would
//! find manifests valid that the cluster then refuses. Anchors, aliases and merge keys work; depth and size
//! are bounded, so that no file of nested aliases fills the memory.

use std::collections::BTreeMap;

use lychgate_crds::Reason;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::Number;

use super::node::{Content, Member, Node};

/// How deep values may be nested.
const MAXIMUM_DEPTH: usize = 64;
/// How many values one file may hold, with aliases written out.
const MAXIMUM_NODES: usize = 1_000_000;

/// Something that cannot be read.
#[derive(Debug)]
pub(crate) struct ReadError {
    pub(crate) line: u32,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// One document of a text.
pub(crate) struct Document {
    pub(crate) node: Node,
    /// What is wrong with it although it could be read.
    pub(crate) errors: Vec<ReadError>,
}

/// The documents of a text, and what hindered the reading of others. Each document is read for itself, so
/// that an error in one does not hide the rest.
pub(crate) fn read(text: &str) -> (Vec<Document>, Vec<ReadError>) {
    let mut documents = Vec::new();
    let mut failures = Vec::new();
    for (lines_before, chunk) in split(text) {
        let mut reader = Reader {
            events: Parser::new_from_str(&chunk),
            lines_before,
            anchors: BTreeMap::new(),
            errors: Vec::new(),
            nodes: 0,
        };
        if let Err(failure) = reader.read_stream(&mut documents) {
            failures.push(failure);
        }
    }
    (documents, failures)
}

/// Splits before each line that begins with `---`, as kubectl does. With each part comes the number of lines
/// before it.
fn split(text: &str) -> Vec<(u32, String)> {
    let mut parts = vec![(0, String::new())];
    for (index, line) in (0_u32..).zip(text.split_inclusive('\n')) {
        let is_separator = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if is_separator {
            parts.push((index, String::new()));
        }
        if let Some((_, part)) = parts.last_mut() {
            part.push_str(line);
        }
    }
    parts
}

struct Reader<'input> {
    events: Parser<'input, saphyr_parser::StrInput<'input>>,
    lines_before: u32,
    anchors: BTreeMap<usize, Node>,
    errors: Vec<ReadError>,
    nodes: usize,
}

type Read<T> = Result<T, ReadError>;

impl<'input> Reader<'input> {
    fn read_stream(&mut self, documents: &mut Vec<Document>) -> Read<()> {
        while let Some((event, span)) = self.next_event()? {
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(_) => self.anchors.clear(),
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
                Event::Alias(_)
                | Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::SequenceEnd
                | Event::MappingStart(..)
                | Event::MappingEnd => {
                    let node = self.read_node(event, span, 0)?;
                    documents.push(Document { node, errors: std::mem::take(&mut self.errors) });
                }
            }
        }
        Ok(())
    }

    fn next_event(&mut self) -> Read<Option<(Event<'input>, Span)>> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok(event)) => Ok(Some(event)),
            Some(Err(error)) => {
                let line = self.line(error.marker());
                Err(syntax(line, format!("not YAML: {}", error.info())))
            }
        }
    }

    fn read_node(&mut self, event: Event<'input>, span: Span, depth: usize) -> Read<Node> {
        let line = self.line(&span.start);
        self.count(1, line)?;
        if depth > MAXIMUM_DEPTH {
            return Err(syntax(line, format!("nested deeper than {MAXIMUM_DEPTH} levels")));
        }
        let (anchor, content) = match event {
            Event::Alias(id) => return self.alias(id, line),
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref().map(|tag| (tag.is_yaml_core_schema(), tag.suffix.as_str()));
                (anchor, scalar(&text, style, tag, line)?)
            }
            Event::SequenceStart(anchor, _) => (anchor, self.read_list(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.read_mapping(line, depth)?),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(syntax(line, "not YAML: a value is missing".to_owned())),
        };
        let node = Node { line, content };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn read_list(&mut self, depth: usize) -> Read<Content> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next_event()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.read_node(event, span, depth + 1)?);
        }
        Ok(Content::List(items))
    }

    fn read_mapping(&mut self, line: u32, depth: usize) -> Read<Content> {
        let mut members: Vec<Member> = Vec::new();
        let mut merged: Vec<Node> = Vec::new();
        while let Some((event, span)) = self.next_event()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let line = self.line(&span.start);
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text == "<<");
            let key = key_text(self.read_node(event, span, depth + 1)?, line)?;
            let Some((event, span)) = self.next_event()? else {
                return Err(syntax(line, "not YAML: a value is missing".to_owned()));
            };
            let value = self.read_node(event, span, depth + 1)?;
            if is_merge {
                merged.push(value);
            } else if members.iter().any(|member| member.key == key) {
                let message = format!("the key {key} stands twice in one mapping; remove one of the two");
                self.errors.push(ReadError { line, reason: Reason::DuplicateKey, message });
            } else {
                members.push(Member { key, line, value });
            }
        }
        for node in merged {
            self.merge(node, line, &mut members)?;
        }
        Ok(Content::Mapping(members))
    }

    /// The members of `<<`: what the mapping does not say itself. A list of mappings counts in its order.
    fn merge(&mut self, node: Node, line: u32, members: &mut Vec<Member>) -> Read<()> {
        match node.content {
            Content::Mapping(added) => {
                for member in added {
                    if !members.iter().any(|known| known.key == member.key) {
                        members.push(member);
                    }
                }
                Ok(())
            }
            Content::List(items) => items.into_iter().try_for_each(|item| self.merge(item, line, members)),
            Content::Null | Content::Boolean(..) | Content::Number(..) | Content::Text(_) => {
                Err(syntax(line, "the value of << is no mapping; write an alias of one".to_owned()))
            }
        }
    }

    fn alias(&mut self, id: usize, line: u32) -> Read<Node> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(syntax(line, "an alias within its own anchor; write the value out".to_owned()));
        };
        self.count(size(&node), line)?;
        Ok(node)
    }

    fn line(&self, marker: &Marker) -> u32 {
        u32::try_from(marker.line()).unwrap_or(u32::MAX).saturating_add(self.lines_before)
    }

    fn count(&mut self, nodes: usize, line: u32) -> Read<()> {
        self.nodes += nodes;
        if self.nodes > MAXIMUM_NODES {
            return Err(syntax(line, format!("more than {MAXIMUM_NODES} values in one file; split it")));
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    let items = node.items().unwrap_or_default().iter();
    let members = node.members().unwrap_or_default().iter().map(|member| &member.value);
    1 + items.chain(members).map(size).sum::<usize>()
}

fn syntax(line: u32, message: String) -> ReadError {
    ReadError { line, reason: Reason::InvalidSyntax, message }
}

fn key_text(node: Node, line: u32) -> Read<String> {
    match node.content {
        Content::Text(text) | Content::Boolean(_, text) | Content::Number(_, text) => Ok(text),
        Content::Null => Err(syntax(line, "a key is empty; write its name".to_owned())),
        Content::List(_) | Content::Mapping(_) => {
            Err(syntax(line, "a key is not a text; write its name".to_owned()))
        }
    }
}

/// What a scalar means. Quoted and block scalars are texts; a tag of the core schema decides over the rest.
fn scalar(text: &str, style: ScalarStyle, tag: Option<(bool, &str)>, line: u32) -> Read<Content> {
    let is_plain = style == ScalarStyle::Plain;
    match tag {
        Some((true, "str")) => Ok(Content::Text(text.to_owned())),
        Some((true, "null" | "bool" | "int" | "float")) => Ok(plain(text)),
        Some((_, suffix)) if !suffix.is_empty() => {
            Err(syntax(line, format!("the tag {suffix} means nothing here; remove it")))
        }
        Some(_) | None if is_plain => Ok(plain(text)),
        Some(_) | None => Ok(Content::Text(text.to_owned())),
    }
}

fn plain(text: &str) -> Content {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Content::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Content::Boolean(true, text.to_owned());
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Content::Boolean(false, text.to_owned());
        }
        _ => {}
    }
    match number(text) {
        Some(number) => Content::Number(number, text.to_owned()),
        None => Content::Text(text.to_owned()),
    }
}

/// A number as YAML 1.1 writes it: underscores between digits, and the prefixes 0x, 0b, 0o and 0.
fn number(text: &str) -> Option<Number> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).or_else(|| {
        let begins = digits
            .trim_start_matches(['+', '-'])
            .starts_with(|first: char| first.is_ascii_digit() || first == '.');
        let is_float = begins && digits.chars().all(|next| next.is_ascii_digit() || "+-.eE".contains(next));
        digits.parse::<f64>().ok().filter(|_| is_float).and_then(Number::from_f64)
    })
}

fn integer(digits: &str) -> Option<Number> {
    let (negative, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let lower = magnitude.to_ascii_lowercase();
    let (rest, radix) = [("0x", 16), ("0b", 2), ("0o", 8), ("0", 8)]
        .into_iter()
        .find_map(|(prefix, radix)| lower.strip_prefix(prefix).map(|rest| (rest, radix)))
        .filter(|(rest, _)| !rest.is_empty())
        .unwrap_or((&lower, 10));
    if rest.starts_with(['+', '-']) {
        return None;
    }
    let value = u64::from_str_radix(rest, radix).ok()?;
    if negative {
        i64::try_from(-i128::from(value)).ok().map(Number::from)
    } else {
        Some(Number::from(value))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::read;
    use crate::manifest::node::Lines;

    fn one(text: &str) -> Value {
        let (documents, failures) = read(text);
        assert!(failures.is_empty(), "{text:?}: {failures:?}");
        documents.first().map_or(Value::Null, |document| document.node.to_json())
    }

    fn errors(text: &str) -> Vec<(u32, String)> {
        let (documents, failures) = read(text);
        let errors = documents.into_iter().flat_map(|document| document.errors).chain(failures);
        errors.map(|error| (error.line, error.message)).collect()
    }

    #[test]
    fn scalars_mean_what_kubectl_takes_them_for() {
        for (text, expected) in [
            ("Off", json!(false)),
            ("'Off'", json!("Off")),
            ("yes", json!(true)),
            ("n", json!(false)),
            ("~", json!(null)),
            ("", json!(null)),
            ("\"\"", json!("")),
            ("12", json!(12)),
            ("-12", json!(-12)),
            ("+12", json!(12)),
            ("010", json!(8)),
            ("0x10", json!(16)),
            ("0b11", json!(3)),
            ("1_000", json!(1000)),
            ("0", json!(0)),
            ("08", json!(8.0)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-9223372036854775808", json!(i64::MIN)),
            ("1:30", json!("1:30")),
            ("1.2.3", json!("1.2.3")),
            ("4Mi", json!("4Mi")),
            ("2026-01-01", json!("2026-01-01")),
            (".inf", json!(".inf")),
            ("-", json!([null])),
            ("!!str 12", json!("12")),
            ("|\n  a\n  b\n", json!("a\nb\n")),
        ] {
            assert_eq!(one(text), expected, "{text:?}");
        }
    }

    #[test]
    fn anchors_and_merge_keys_are_written_out() {
        let text = "base: &base {a: 1, b: 2}\nuse:\n  <<: *base\n  b: 3\nmore: {<<: [*base, {c: 4}]}\n";
        let expected =
            json!({"base": {"a": 1, "b": 2}, "use": {"b": 3, "a": 1}, "more": {"a": 1, "b": 2, "c": 4}});
        assert_eq!(one(text), expected);
    }

    #[test]
    fn what_cannot_be_read_names_its_line() {
        for (text, line, part) in [
            ("a: 1\nb: [\n", 3, "not YAML"),
            ("a: 1\nb: c: d\n", 2, "not YAML"),
            ("a: *nowhere\n", 1, "not YAML"),
            ("a: &a [*a]\n", 1, "alias"),
            ("a:\n  <<: 3\n", 2, "mapping"),
            ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "twice"),
            ("a: !secret x\n", 1, "tag"),
            ("? [a]\n: 1\n", 1, "not a text"),
        ] {
            let found = errors(text);
            assert_eq!(found.len(), 1, "{text:?}: {found:?}");
            assert!(found[0].0 == line && found[0].1.contains(part), "{text:?}: {found:?}");
        }
    }

    #[test]
    fn an_error_in_one_document_does_not_hide_the_others() {
        let (documents, failures) = read("a: 1\n---\nb: [\n--- # third\nc: 1\n...\n---\nd: {\n");
        let read: Vec<Value> = documents.iter().map(|document| document.node.to_json()).collect();
        assert_eq!(read, [json!({"a": 1}), json!({"c": 1})]);
        let lines: Vec<u32> = failures.iter().map(|failure| failure.line).collect();
        assert!(matches!(lines[..], [2..=4, 7..=9]), "{lines:?}");
    }

    #[test]
    fn neither_depth_nor_aliases_exhaust_the_machine() {
        let deep = "[".repeat(10_000);
        assert!(!errors(&deep).is_empty());
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let previous = level - 1;
            let aliases = vec![format!("*a{previous}"); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        let found = errors(&bomb);
        assert!(found[0].1.contains("more than"), "{found:?}");
    }

    #[test]
    fn lines_are_those_of_keys_and_items() {
        let (documents, _) = read("---\na: 1\n---\nspec:\n  url: x\n  list:\n  - one\n  - two: 3\n");
        let lines = Lines::of(&documents[1].node);
        for (path, line) in [
            ("spec", 4),
            ("spec.url", 5),
            ("spec.list[0]", 7),
            ("spec.list[1].two", 8),
            ("spec.list[1].missing", 8),
            ("spec.missing.deeper[3]", 4),
            ("missing", 4),
        ] {
            assert_eq!(lines.get(path), Some(line), "{path}");
        }
    }
}
