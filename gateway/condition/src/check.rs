//! What a condition means, and everything that is wrong with it: names, functions, numbers of arguments, and types as
//! far as they can be told without a call. What is under `args` can be of any type, and shows when it is asked.

mod calls;
mod macros;
mod operators;
mod types;

use crate::Scope;
use crate::fault::Fault;
use crate::program::{Expr, Field, Node};
use crate::suggest::suggest;
use crate::syntax::{Form, Literal, Span, Tree, Word};
use crate::value::{Kind, Value};
use types::Type;

/// Checks a tree.
///
/// # Errors
/// All faults, in the order of the text.
pub(crate) fn check(text: &str, scope: Scope, tree: &Tree) -> Result<Expr, Vec<Fault>> {
    let mut checker = Checker { text, scope, faults: Vec::new(), item: None };
    let (expr, result) = checker.expr(tree);
    if !matches!(result, Type::Bool | Type::Any) {
        let message =
            format!("a condition is true or false, and this is {result}; compare it with something");
        checker.fault(tree.span, message);
    }
    if checker.faults.is_empty() {
        return Ok(expr);
    }
    checker.faults.sort_by_key(|fault| fault.at);
    Err(checker.faults)
}

struct Checker<'t> {
    text: &'t str,
    scope: Scope,
    faults: Vec<Fault>,
    /// The variable of the macro around, and its type.
    item: Option<(String, Type)>,
}

/// An expression and its type; [`Type::Any`] where a fault leaves it open.
type Checked = (Expr, Type);

impl Checker<'_> {
    fn expr(&mut self, tree: &Tree) -> Checked {
        let span = tree.span;
        let (node, kind) = match &tree.form {
            Form::Literal(literal) => constant(literal),
            Form::Name(name) => self.name(span, name),
            Form::Member { of, name } => self.member(of, name),
            Form::Index { of, index } => self.index(of, index),
            Form::Call { target, name, arguments } => self.call(span, target.as_deref(), name, arguments),
            Form::Not(of) => {
                let of = self.bool(of);
                (Node::Not(Box::new(of)), Type::Bool)
            }
            Form::Negative(of) => self.negative(span, of),
            Form::Binary { operator, sides } => self.binary(span, *operator, sides),
            Form::All(parts) => (Node::All(parts.iter().map(|part| self.bool(part)).collect()), Type::Bool),
            Form::Any(parts) => (Node::Any(parts.iter().map(|part| self.bool(part)).collect()), Type::Bool),
            Form::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                let condition = self.bool(condition);
                let (then, left) = self.expr(then);
                let (otherwise, right) = self.expr(otherwise);
                (Node::Choice(Box::new([condition, then, otherwise])), left.or(&right))
            }
            Form::List(items) => {
                let mut kind = None;
                let mut exprs = Vec::new();
                for item in items {
                    let (expr, own) = self.expr(item);
                    kind = Some(kind.map_or(own.clone(), |kind: Type| kind.or(&own)));
                    exprs.push(expr);
                }
                (Node::List(exprs), Type::List(Box::new(kind.unwrap_or(Type::Any))))
            }
        };
        (Expr { span, node }, kind)
    }

    /// An expression that must be true or false.
    fn bool(&mut self, tree: &Tree) -> Expr {
        let (expr, kind) = self.expr(tree);
        if !matches!(kind, Type::Bool | Type::Any) {
            self.fault(
                tree.span,
                format!("true or false is needed here, and this is {kind}; compare it with something"),
            );
        }
        expr
    }

    fn name(&mut self, span: Span, name: &str) -> (Node, Type) {
        if let Some((own, kind)) = &self.item
            && own == name
        {
            return (Node::Item, kind.clone());
        }
        match name {
            "tool" => (Node::Field(Field::Tool), Type::Text),
            "args" => (Node::Field(Field::Args), Type::Map(Box::new(Type::Any))),
            "now" => (Node::Field(Field::Now), Type::Timestamp),
            _ => {
                if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                    return (Node::Constant(Value::Kind(kind)), Type::Kind);
                }
                let message = match (members(name), self.scope) {
                    (Some(_), Scope::Access) if name == "statement" => NO_STATEMENT.to_owned(),
                    (Some(members), _) => {
                        let first = members.first().map_or("", |(member, _, _)| member);
                        format!("{name} is no value of its own; write {name}.{first} or another member")
                    }
                    (None, scope) => {
                        let hint = suggest(name, variables(scope));
                        format!("there is no variable {name}{hint}; quote it, if it is a text")
                    }
                };
                self.nothing(span, message)
            }
        }
    }

    fn member(&mut self, of: &Tree, name: &Word) -> (Node, Type) {
        if let Form::Name(variable) = &of.form
            && let Some(members) = members(variable)
            && self.item.as_ref().is_none_or(|(own, _)| own != variable)
        {
            if variable == "statement" && self.scope == Scope::Access {
                return self.nothing(of.span, NO_STATEMENT.to_owned());
            }
            if let Some((_, field, kind)) = members.iter().find(|(member, _, _)| *member == name.text) {
                return (Node::Field(*field), kind.clone());
            }
            let names: Vec<&str> = members.iter().map(|(member, _, _)| *member).collect();
            let names: Vec<String> = names.iter().map(|member| format!("{variable}.{member}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let wrong = format!("{variable}.{}", name.text);
            let hint = suggest(&wrong, &names);
            return self.nothing(name.span, format!("there is no {wrong}{hint}"));
        }
        let (expr, kind) = self.expr(of);
        let result = match kind {
            Type::Any => Type::Any,
            Type::Map(values) => *values,
            other => {
                let hint = if matches!(other, Type::List(_)) {
                    "; write .exists(item, …) to look at its items"
                } else {
                    ""
                };
                let message =
                    format!("{} is {other}, and has no member {}{hint}", self.slice(of.span), name.text);
                return self.nothing(name.span, message);
            }
        };
        (Node::Member { of: Box::new(expr), name: name.text.as_str().into() }, result)
    }

    fn index(&mut self, of: &Tree, index: &Tree) -> (Node, Type) {
        let (of_expr, kind) = self.expr(of);
        let (index_expr, key) = self.expr(index);
        let (wanted, result) = match kind {
            Type::Any => (Type::Any, Type::Any),
            Type::List(items) => (Type::Int, *items),
            Type::Map(values) => (Type::Text, *values),
            other => {
                let message = format!("{} is {other}, and has no items", self.slice(of.span));
                return self.nothing(index.span, message);
            }
        };
        if !wanted.may_equal(&key) {
            let message = format!("{wanted} is needed between these brackets, and this is {key}");
            self.fault(index.span, message);
        }
        (Node::Index { of: Box::new(of_expr), index: Box::new(index_expr) }, result)
    }

    fn fault(&mut self, span: Span, message: String) {
        self.faults.push(Fault::new(self.text, span.start as usize, message));
    }

    /// A fault in place of an expression.
    fn nothing(&mut self, span: Span, message: String) -> (Node, Type) {
        self.fault(span, message);
        (Node::Constant(Value::Null), Type::Any)
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }
}

const NO_STATEMENT: &str =
    "there is no statement here; conditions on statements belong into the rules of a CommandRule";

fn variables(scope: Scope) -> &'static [&'static str] {
    match scope {
        Scope::Access => &["caller", "tool", "args", "connection", "now"],
        Scope::Command => &["caller", "tool", "args", "connection", "now", "statement"],
    }
}

/// The members of a variable that has a fixed set of them.
fn members(variable: &str) -> Option<Vec<(&'static str, Field, Type)>> {
    let texts = || Type::List(Box::new(Type::Text));
    match variable {
        "caller" => Some(vec![
            ("username", Field::CallerUsername, Type::Text),
            ("groups", Field::CallerGroups, texts()),
            ("subject", Field::CallerSubject, Type::Text),
            ("issuer", Field::CallerIssuer, Type::Text),
            ("anonymous", Field::CallerAnonymous, Type::Bool),
        ]),
        "connection" => Some(vec![
            ("name", Field::ConnectionName, Type::Text),
            ("namespace", Field::ConnectionNamespace, Type::Text),
            ("labels", Field::ConnectionLabels, Type::Map(Box::new(Type::Text))),
        ]),
        "statement" => Some(vec![
            ("effects", Field::StatementEffects, texts()),
            ("text", Field::StatementText, Type::Text),
        ]),
        _ => None,
    }
}

fn constant(literal: &Literal) -> (Node, Type) {
    let (value, kind) = match literal {
        Literal::Null => (Value::Null, Type::Null),
        Literal::Bool(value) => (Value::Bool(*value), Type::Bool),
        Literal::Int(value) => (Value::Int(*value), Type::Int),
        Literal::Uint(value) => (Value::Uint(*value), Type::Uint),
        Literal::Double(value) => (Value::Double(*value), Type::Double),
        Literal::Text(value) => (Value::Text(value.clone().into()), Type::Text),
    };
    (Node::Constant(value), kind)
}
