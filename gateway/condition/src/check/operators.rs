//! Operators and what they take.

use super::types::Type;
use super::{Checked, Checker};
use crate::program::{Expr, Node};
use crate::syntax::{Operator, Span, Tree};

impl Checker<'_> {
    pub(super) fn negative(&mut self, span: Span, of: &Tree) -> (Node, Type) {
        let (expr, kind) = self.expr(of);
        match kind {
            Type::Int | Type::Double | Type::Any => (Node::Negative(Box::new(expr)), kind),
            other => self.nothing(span, format!("- does not take {other}")),
        }
    }

    pub(super) fn binary(&mut self, span: Span, operator: Operator, sides: &[Tree; 2]) -> (Node, Type) {
        let [left_tree, right_tree] = sides;
        let left = self.expr(left_tree);
        let right = self.expr(right_tree);
        let result = match operator {
            Operator::Equal | Operator::NotEqual => self.equality(span, &left, &right),
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.order(span, operator, &left.1, &right.1)
            }
            Operator::In => self.within(span, &left.1, &right.1),
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => {
                let Some(kind) = arithmetic(operator, &left.1, &right.1) else {
                    return self.nothing(span, operands(operator, &left.1, &right.1));
                };
                kind
            }
        };
        let sides: Box<[Expr; 2]> = Box::new([left.0, right.0]);
        (Node::Binary { operator, sides }, result)
    }

    fn equality(&mut self, span: Span, left: &Checked, right: &Checked) -> Type {
        let (left, right) = (&left.1, &right.1);
        if !left.may_equal(right) {
            let hint = match (left, right) {
                (Type::List(items), other) | (other, Type::List(items)) if items.may_equal(other) => {
                    "; write `in` to look for one item"
                }
                (Type::Null, _) | (_, Type::Null) => "; write has() to ask whether it is there",
                _ => "",
            };
            self.fault(span, format!("{left} and {right} are never equal{hint}"));
        }
        Type::Bool
    }

    fn order(&mut self, span: Span, operator: Operator, left: &Type, right: &Type) -> Type {
        let has_order = |kind: &Type| {
            kind.is_number()
                || matches!(kind, Type::Any | Type::Bool | Type::Text | Type::Timestamp | Type::Duration)
        };
        if !has_order(left) || !has_order(right) || !left.may_equal(right) {
            self.fault(span, operands(operator, left, right));
        }
        Type::Bool
    }

    fn within(&mut self, span: Span, left: &Type, right: &Type) -> Type {
        match right {
            Type::Any => {}
            Type::List(items) if items.may_equal(left) => {}
            Type::List(items) => self.fault(span, format!("the list holds {items}, which is never {left}")),
            Type::Map(_) if matches!(left, Type::Text | Type::Any) => {}
            Type::Map(_) => self.fault(span, format!("names of members are strings, and this is {left}")),
            Type::Text => self.fault(span, "`in` does not look into a string; write contains()".to_owned()),
            Type::Null
            | Type::Bool
            | Type::Int
            | Type::Uint
            | Type::Double
            | Type::Timestamp
            | Type::Duration
            | Type::Kind => self.fault(span, format!("`in` takes a list or a map, and this is {right}")),
        }
        Type::Bool
    }
}

fn operands(operator: Operator, left: &Type, right: &Type) -> String {
    let hint = if left.is_number() && right.is_number() {
        "; write both as ints or both as doubles, or convert one with int(), uint() or double()"
    } else if *left == Type::Text && right.is_number() || left.is_number() && *right == Type::Text {
        "; convert one with int() or string()"
    } else {
        ""
    };
    format!("{} does not take {left} and {right}{hint}", operator.sign())
}

/// The type of the result; None if the operator does not take these.
fn arithmetic(operator: Operator, left: &Type, right: &Type) -> Option<Type> {
    let takes = |kind: &Type| match kind {
        Type::Any => true,
        Type::Int | Type::Uint => true,
        Type::Double => operator != Operator::Remainder,
        Type::Text | Type::List(_) => operator == Operator::Add,
        Type::Timestamp | Type::Duration => matches!(operator, Operator::Add | Operator::Subtract),
        Type::Null | Type::Bool | Type::Kind | Type::Map(_) => false,
    };
    if !takes(left) || !takes(right) {
        return None;
    }
    match (left, right) {
        (Type::Timestamp, Type::Timestamp) => (operator == Operator::Subtract).then_some(Type::Duration),
        (Type::Timestamp, Type::Duration) => Some(Type::Timestamp),
        (Type::Duration, Type::Timestamp) => (operator == Operator::Add).then_some(Type::Timestamp),
        (Type::List(left), Type::List(right)) => Some(Type::List(Box::new((**left).clone().or(right)))),
        // An argument that is a number can turn out to be of any type of numbers.
        (Type::Any, Type::Text) | (Type::Text, Type::Any) => Some(Type::Text),
        (Type::Any, _) | (_, Type::Any) => Some(Type::Any),
        (left, right) => (left == right).then(|| left.clone()),
    }
}
