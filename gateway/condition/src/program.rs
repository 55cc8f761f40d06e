//! A checked condition: names resolved, constants folded, patterns compiled. `run` answers with it.

use std::sync::Arc;

use regex::Regex;

use crate::functions::Function;
use crate::syntax::{Operator, Span};
use crate::value::Value;

/// An expression that can be evaluated.
#[derive(Debug, Clone)]
pub(crate) struct Expr {
    pub(crate) span: Span,
    pub(crate) node: Node,
}

/// What an expression does.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Constant(Value<'static>),
    Field(Field),
    /// What the macro around this stands at.
    Item,
    Member {
        of: Box<Expr>,
        name: Box<str>,
    },
    Has {
        of: Box<Expr>,
        name: Box<str>,
    },
    Index {
        of: Box<Expr>,
        index: Box<Expr>,
    },
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Binary {
        operator: Operator,
        sides: Box<[Expr; 2]>,
    },
    /// `of == 'text'`, which is what most conditions consist of; made by `fold`.
    IsText {
        of: Box<Expr>,
        text: Box<str>,
        negated: bool,
    },
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Choice(Box<[Expr; 3]>),
    List(Vec<Expr>),
    Call {
        function: Function,
        arguments: Vec<Expr>,
    },
    Matches {
        text: Box<Expr>,
        pattern: Pattern,
    },
    Each(Box<Each>),
}

/// A macro over the items of a list or the keys of an object.
#[derive(Debug, Clone)]
pub(crate) struct Each {
    pub(crate) what: Quantifier,
    pub(crate) range: Expr,
    /// What is asked of each; for a map, whether it is taken.
    pub(crate) test: Option<Expr>,
    /// What is made of each, for a map.
    pub(crate) result: Option<Expr>,
}

/// What a macro makes of the answers for each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

/// What a condition can ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    CallerIssuer,
    CallerUsername,
    CallerSubject,
    CallerGroups,
    CallerAnonymous,
    Tool,
    Args,
    ConnectionNamespace,
    ConnectionName,
    ConnectionLabels,
    Now,
    StatementEffects,
    StatementText,
}

/// A compiled pattern. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(pub(crate) Arc<Regex>);

impl Expr {
    /// Whether something is true of this or of any expression below it.
    pub(crate) fn any(&self, wanted: &dyn Fn(&Node) -> bool) -> bool {
        wanted(&self.node) || self.children().into_iter().any(|child| child.any(wanted))
    }

    /// The expressions right below.
    pub(crate) fn children(&self) -> Vec<&Self> {
        match &self.node {
            Node::Constant(_) | Node::Field(_) | Node::Item => Vec::new(),
            Node::Member { of, .. }
            | Node::Has { of, .. }
            | Node::IsText { of, .. }
            | Node::Not(of)
            | Node::Negative(of) => vec![of],
            Node::Index { of, index } => vec![of, index],
            Node::Binary { sides, .. } => sides.iter().collect(),
            Node::All(parts) | Node::Any(parts) | Node::List(parts) => parts.iter().collect(),
            Node::Choice(parts) => parts.iter().collect(),
            Node::Call { arguments, .. } => arguments.iter().collect(),
            Node::Matches { text, .. } => vec![text],
            Node::Each(each) => {
                [Some(&each.range), each.test.as_ref(), each.result.as_ref()].into_iter().flatten().collect()
            }
        }
    }

    /// The expressions right below, to be changed.
    pub(crate) fn children_mut(&mut self) -> Vec<&mut Self> {
        match &mut self.node {
            Node::Constant(_) | Node::Field(_) | Node::Item => Vec::new(),
            Node::Member { of, .. }
            | Node::Has { of, .. }
            | Node::IsText { of, .. }
            | Node::Not(of)
            | Node::Negative(of) => vec![of],
            Node::Index { of, index } => vec![of, index],
            Node::Binary { sides, .. } => sides.iter_mut().collect(),
            Node::All(parts) | Node::Any(parts) | Node::List(parts) => parts.iter_mut().collect(),
            Node::Choice(parts) => parts.iter_mut().collect(),
            Node::Call { arguments, .. } => arguments.iter_mut().collect(),
            Node::Matches { text, .. } => vec![text],
            Node::Each(each) => [Some(&mut each.range), each.test.as_mut(), each.result.as_mut()]
                .into_iter()
                .flatten()
                .collect(),
        }
    }
}
