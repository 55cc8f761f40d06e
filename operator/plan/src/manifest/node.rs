//! A YAML value that remembers its lines.
//!
//! There is deliberately no Debug: the values of Secrets pass through here.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

/// A value and the line where it stands (0 where it came from no file).
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) line: u32,
    pub(crate) content: Content,
}

/// What a value is. Booleans and numbers keep their spelling, to say what a person wrote.
#[derive(Clone)]
pub(crate) enum Content {
    Null,
    Boolean(bool, String),
    Number(Number, String),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<Member>),
}

/// A member of a mapping.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) key: String,
    pub(crate) line: u32,
    pub(crate) value: Node,
}

impl Node {
    /// A node for a value from the API server.
    pub(crate) fn from_json(value: &Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(boolean) => Content::Boolean(*boolean, boolean.to_string()),
            Value::Number(number) => Content::Number(number.clone(), number.to_string()),
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(Self::from_json).collect()),
            Value::Object(members) => Content::Mapping(
                members
                    .iter()
                    .map(|(key, value)| Member { key: key.clone(), line: 0, value: Self::from_json(value) })
                    .collect(),
            ),
        };
        Self { line: 0, content }
    }

    /// The value without its lines.
    pub(crate) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Boolean(boolean, _) => Value::Bool(*boolean),
            Content::Number(number, _) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Mapping(members) => {
                let members = members.iter().map(|member| (member.key.clone(), member.value.to_json()));
                Value::Object(members.collect())
            }
        }
    }

    /// The members, if this is a mapping.
    pub(crate) fn members(&self) -> Option<&[Member]> {
        match &self.content {
            Content::Mapping(members) => Some(members),
            Content::Null
            | Content::Boolean(..)
            | Content::Number(..)
            | Content::Text(_)
            | Content::List(_) => None,
        }
    }

    /// The items, if this is a list.
    pub(crate) fn items(&self) -> Option<&[Node]> {
        match &self.content {
            Content::List(items) => Some(items),
            Content::Null
            | Content::Boolean(..)
            | Content::Number(..)
            | Content::Text(_)
            | Content::Mapping(_) => None,
        }
    }

    /// The text, if this is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Null
            | Content::Boolean(..)
            | Content::Number(..)
            | Content::List(_)
            | Content::Mapping(_) => None,
        }
    }

    /// The member with a name.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.members()?.iter().find(|member| member.key == name).map(|member| &member.value)
    }

    /// The text of a member.
    pub(crate) fn get_text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Self::text)
    }

    /// What it is, in words.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Boolean(..) => "a boolean",
            Content::Number(..) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }
}

/// The lines of an object's fields, by path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(BTreeMap<String, u32>);

impl Lines {
    pub(crate) fn of(node: &Node) -> Self {
        let mut lines = BTreeMap::new();
        collect(node, "", node.line, &mut lines);
        Self(lines)
    }

    /// The line of a field, or of the nearest field around it that is written.
    pub(crate) fn get(&self, path: &str) -> Option<u32> {
        let mut path = path;
        loop {
            match self.0.get(path) {
                Some(line) => return Some(*line).filter(|line| *line > 0),
                None if path.is_empty() => return None,
                None => path = path.rfind(['.', '[']).and_then(|end| path.get(..end)).unwrap_or_default(),
            }
        }
    }
}

fn collect(node: &Node, path: &str, line: u32, lines: &mut BTreeMap<String, u32>) {
    lines.insert(path.to_owned(), line);
    for member in node.members().unwrap_or_default() {
        collect(&member.value, &child(path, &member.key), member.line, lines);
    }
    for (index, item) in node.items().unwrap_or_default().iter().enumerate() {
        collect(item, &format!("{path}[{index}]"), item.line, lines);
    }
}

/// The path of a member. Keys that are no plain words stand in brackets.
pub(crate) fn child(path: &str, key: &str) -> String {
    let plain =
        key.chars().all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'));
    match (path.is_empty(), plain) {
        (true, _) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (false, false) => format!("{path}[{key}]"),
    }
}
