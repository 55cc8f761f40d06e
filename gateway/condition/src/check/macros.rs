//! `has`, and what goes through lists and maps.

use super::types::Type;
use super::{Checker, members, variables};
use crate::program::{Each, Node, Quantifier};
use crate::syntax::{Form, Span, Tree, Word};
use crate::value::Value;

impl Checker<'_> {
    /// `has(args.name)`
    pub(super) fn has(&mut self, span: Span, target: Option<&Tree>, arguments: &[Tree]) -> (Node, Type) {
        let (None, [argument]) = (target, arguments) else {
            return self.nothing(span, "write has(args.name)".to_owned());
        };
        let Form::Member { of, name } = &argument.form else {
            let message =
                "has() takes a member, such as args.name; for other names write 'other-name' in args";
            return self.nothing(argument.span, message.to_owned());
        };
        match self.member(of, name) {
            (Node::Member { of, name }, _) => (Node::Has { of, name }, Type::Bool),
            // What a variable has by itself is always there.
            _ => (Node::Constant(Value::Bool(true)), Type::Bool),
        }
    }

    /// `list.all(item, …)` and its like.
    pub(super) fn each(
        &mut self,
        span: Span,
        target: Option<&Tree>,
        name: &Word,
        arguments: &[Tree],
    ) -> (Node, Type) {
        let what = match name.text.as_str() {
            "all" => Quantifier::All,
            "exists" => Quantifier::Exists,
            "filter" => Quantifier::Filter,
            "map" => Quantifier::Map,
            _ => Quantifier::ExistsOne,
        };
        let (Some(range), [item, parts @ ..]) = (target, arguments) else {
            return self.nothing(span, format!("write list.{}(item, …)", name.text));
        };
        let (test, result) = match (what, parts) {
            (Quantifier::Map, [result]) => (None, Some(result)),
            (Quantifier::Map, [test, result]) => (Some(test), Some(result)),
            (Quantifier::All | Quantifier::Exists | Quantifier::ExistsOne | Quantifier::Filter, [test]) => {
                (Some(test), None)
            }
            _ => return self.nothing(span, format!("write list.{}(item, …)", name.text)),
        };
        let Form::Name(variable) = &item.form else {
            return self.nothing(item.span, "a name for the item is needed here".to_owned());
        };
        if self.item.is_some() {
            let message =
                format!("{} inside of another of its kind is not offered; write two rules", name.text);
            return self.nothing(name.span, message);
        }
        if variables(self.scope).contains(&variable.as_str()) || members(variable).is_some() {
            return self
                .nothing(item.span, format!("{variable} has a meaning already; name the item differently"));
        }
        let (range_expr, kind) = self.expr(range);
        let items = match kind {
            Type::Any => Type::Any,
            Type::List(items) => *items,
            Type::Map(_) => Type::Text,
            other => {
                let message = format!("{} goes through a list or a map, and this is {other}", name.text);
                return self.nothing(range.span, message);
            }
        };
        self.item = Some((variable.clone(), items.clone()));
        let test = test.map(|test| self.bool(test));
        let result = result.map(|result| self.expr(result));
        self.item = None;
        let kind = match (what, &result) {
            (Quantifier::Map, Some((_, kind))) => Type::List(Box::new(kind.clone())),
            (Quantifier::Filter, _) => Type::List(Box::new(items)),
            _ => Type::Bool,
        };
        let result = result.map(|(expr, _)| expr);
        (Node::Each(Box::new(Each { what, range: range_expr, test, result })), kind)
    }
}
