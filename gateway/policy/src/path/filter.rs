//! Filters of paths (RFC 9535, section 2.3.5): what they ask of a value, and the answer. How they are written is read in
//! `parse`.
//!
//! No tree is built: a filter looks at the document where it stands. Every value that it looks at is counted, and when it has
//! looked at too many it has no answer; whoever asks decides what that means.

#[cfg(test)]
mod compliance;
mod functions;
mod number;
mod parse;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;

use lychgate_gateway_mcp::json::canonical::canonical;
use lychgate_gateway_mcp::json::{Kind, Value};
use regex::Regex;

use self::number::Number;
use super::slice::signed;
use super::{Segment, Selector, Step};

/// How many values the filters of one document may look at, for each of its entries, and besides.
const LOOKS_FOR_EACH: usize = 64;
const LOOKS: usize = 100_000;
/// So many bytes take as long to compare as a value takes to be looked at.
const BYTES_OF_A_VALUE: usize = 32;

/// What is asked of a value.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// One of them.
    Any(Vec<Filter>),
    /// All of them.
    All(Vec<Filter>),
    Not(Box<Filter>),
    /// Whether there is anything.
    Exists(Query),
    Compare(Operand, Comparison, Operand),
    /// Whether a pattern matches a text.
    Matches(Operand, Pattern),
}

/// A query inside a filter.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Whether it begins at the root (`$`), and not at the value that is asked about (`@`).
    is_absolute: bool,
    segments: Vec<Segment>,
}

/// What is compared.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// What a query finds that finds one value or none.
    One(Query),
    Length(Box<Operand>),
    Count(Query),
    Value(Query),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A regular expression (I-Regexp, RFC 9485) that is matched by whole texts (`match`) or parts of them (`search`).
#[derive(Clone, Debug)]
pub(crate) enum Pattern {
    /// One that is written in the path.
    Known(Box<Regex>),
    /// One that stands in the document; whether it is for whole texts.
    Found(Box<Operand>, bool),
}

impl PartialEq for Filter {
    /// As they are written: two filters that look different may ask the same.
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Eq for Filter {}

/// A document that filters are asked about, and how many of its values they may still look at.
#[derive(Clone, Debug)]
pub(crate) struct Asked<'d> {
    root: Value<'d>,
    left: std::rc::Rc<Cell<usize>>,
}

/// Filters have looked at too many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMuch;

/// What an operand is.
enum Operated<'d> {
    Nothing,
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'d, str>),
    /// An array or an object.
    Other(Value<'d>),
}

impl<'d> Asked<'d> {
    /// Filters will be asked about values of the document with this root.
    pub(crate) fn new(root: Value<'d>) -> Self {
        let looks = root.entries().len().saturating_mul(LOOKS_FOR_EACH).saturating_add(LOOKS);
        Self { root, left: std::rc::Rc::new(Cell::new(looks)) }
    }

    /// Whether a value fulfils a filter.
    ///
    /// # Errors
    /// It would take too long to say.
    pub(crate) fn fulfils(&self, value: Value<'d>, filter: &Filter) -> Result<bool, TooMuch> {
        match filter {
            Filter::Any(filters) => {
                for filter in filters {
                    if self.fulfils(value, filter)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::All(filters) => {
                for filter in filters {
                    if !self.fulfils(value, filter)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!self.fulfils(value, filter)?),
            Filter::Exists(query) => Ok(!self.found(value, query)?.is_empty()),
            Filter::Compare(left, comparison, right) => {
                Ok(compare(&self.operated(value, left)?, *comparison, &self.operated(value, right)?))
            }
            Filter::Matches(text, pattern) => self.matches(value, text, pattern),
        }
    }

    /// What a query finds, from a value.
    fn found(&self, value: Value<'d>, query: &Query) -> Result<Vec<Value<'d>>, TooMuch> {
        let mut nodes = vec![if query.is_absolute { self.root } else { value }];
        for segment in &query.segments {
            let mut next = Vec::new();
            for node in nodes {
                self.follow(node, segment, &mut next)?;
            }
            nodes = next;
        }
        Ok(nodes)
    }

    fn follow(&self, node: Value<'d>, segment: &Segment, found: &mut Vec<Value<'d>>) -> Result<(), TooMuch> {
        self.look()?;
        for selector in &segment.selectors {
            self.select(node, selector, found)?;
        }
        if segment.descends {
            for (_, child) in children(node) {
                self.follow(child, segment, found)?;
            }
        }
        Ok(())
    }

    fn select(
        &self,
        node: Value<'d>,
        selector: &Selector,
        found: &mut Vec<Value<'d>>,
    ) -> Result<(), TooMuch> {
        if let Selector::Name(name) = selector {
            found.extend(node.get(name));
            return Ok(());
        }
        for (step, child) in children(node) {
            self.look()?;
            let is_taken = match selector {
                Selector::Filter(filter) => self.fulfils(child, filter)?,
                Selector::Name(_) | Selector::Index(_) | Selector::Slice(_) | Selector::Wildcard => {
                    selector.takes(step)
                }
            };
            if is_taken {
                found.push(child);
            }
        }
        Ok(())
    }

    fn look(&self) -> Result<(), TooMuch> {
        self.look_at(1)
    }

    fn look_at(&self, values: usize) -> Result<(), TooMuch> {
        let left = self.left.get().checked_sub(values).ok_or(TooMuch)?;
        self.left.set(left);
        Ok(())
    }

    /// What an operand is. A long one counts as many values, for it is compared whole.
    fn operated(&self, value: Value<'d>, operand: &Operand) -> Result<Operated<'d>, TooMuch> {
        let operated = self.read(value, operand)?;
        let bytes = match &operated {
            Operated::Text(text) => text.len(),
            Operated::Other(value) => value.raw().len(),
            Operated::Nothing | Operated::Null | Operated::Bool(_) | Operated::Number(_) => 0,
        };
        self.look_at(bytes / BYTES_OF_A_VALUE)?;
        Ok(operated)
    }

    fn read(&self, value: Value<'d>, operand: &Operand) -> Result<Operated<'d>, TooMuch> {
        Ok(match operand {
            Operand::Null => Operated::Null,
            Operand::Bool(own) => Operated::Bool(*own),
            Operand::Number(own) => Operated::Number(*own),
            Operand::Text(own) => Operated::Text(Cow::Owned(own.clone())),
            Operand::One(query) | Operand::Value(query) => match self.found(value, query)?.as_slice() {
                [one] => Operated::of(*one),
                _ => Operated::Nothing,
            },
            Operand::Length(operand) => {
                self.operated(value, operand)?.length().map_or(Operated::Nothing, Operated::counted)
            }
            Operand::Count(query) => Operated::counted(self.found(value, query)?.len()),
        })
    }
}

/// What is in an array or an object, with the step that leads there.
fn children<'d>(node: Value<'d>) -> impl Iterator<Item = (Step<'static>, Value<'d>)> {
    let length = if node.kind() == Kind::Array { node.items().count() } else { 0 };
    let items = (node.kind() == Kind::Array).then(|| node.items()).into_iter().flatten();
    let members = (node.kind() == Kind::Object).then(|| node.members()).into_iter().flatten();
    let items = items.enumerate().map(move |(index, item)| (Step::Item { index, length }, item));
    // A member of a name is looked up by it; which it is does not matter here.
    items.chain(members.map(|member| (Step::Name(""), member.value)))
}

impl<'d> Operated<'d> {
    fn of(value: Value<'d>) -> Self {
        match value.kind() {
            Kind::Null => Self::Null,
            Kind::Bool => Self::Bool(value.as_bool() == Some(true)),
            Kind::Number => Self::Number(Number::of(&String::from_utf8_lossy(value.raw()))),
            Kind::String => value.text().map_or(Self::Nothing, Self::Text),
            Kind::Array | Kind::Object => Self::Other(value),
        }
    }

    fn counted(count: usize) -> Self {
        Self::Number(Number::whole(signed(count)))
    }

    /// RFC 9535, section 2.4.4.
    fn length(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Other(value) => Some(value.len()),
            Self::Nothing | Self::Null | Self::Bool(_) | Self::Number(_) => None,
        }
    }

    fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nothing, Self::Nothing) | (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one.order(other) == Some(Ordering::Equal),
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Other(one), Self::Other(other)) => canonical(*one) == canonical(*other),
            _ => false,
        }
    }

    fn is_less(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.order(other) == Some(Ordering::Less),
            (Self::Text(one), Self::Text(other)) => one < other,
            _ => false,
        }
    }
}

/// RFC 9535, section 2.3.5.2.2.
fn compare(left: &Operated<'_>, comparison: Comparison, right: &Operated<'_>) -> bool {
    match comparison {
        Comparison::Equal => left.equals(right),
        Comparison::Unequal => !left.equals(right),
        Comparison::Less => left.is_less(right),
        Comparison::LessOrEqual => left.is_less(right) || left.equals(right),
        Comparison::Greater => right.is_less(left),
        Comparison::GreaterOrEqual => right.is_less(left) || left.equals(right),
    }
}
