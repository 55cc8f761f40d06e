//! Alternatives that leave nothing out, as in `a IS NULL OR a IS NOT NULL`.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value, Visit as _, Visitor};

/// What an alternative takes of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Takes {
    /// Some: equal, in a list, like, between.
    Some,
    /// All but some.
    AllBut,
    /// All below a number, or below something.
    Below(Option<f64>),
    /// All above a number, or above something.
    Above(Option<f64>),
    Null,
    NotNull,
    /// Not told.
    Unknown,
}

impl Takes {
    fn with(self, other: Self) -> Self {
        if self == Self::Some && other == Self::Some { self } else { Self::Unknown }
    }
}

/// Whether the alternatives, or what is not them, may be true of every row together.
pub(super) fn covers(parts: &[&Expr], negated: bool) -> bool {
    let mut columns: BTreeMap<String, Vec<Takes>> = BTreeMap::new();
    let mut told: BTreeSet<(String, bool)> = BTreeSet::new();
    for part in parts {
        let (part, not) = stripped(part, negated);
        // The alternative and its opposite, as they are written.
        let text = part.to_string().to_ascii_lowercase();
        if told.contains(&(text.clone(), !not)) {
            return true;
        }
        told.insert((text, not));
        let mut own: BTreeMap<String, Takes> = BTreeMap::new();
        let leaves = leaves(part, not);
        for (leaf, not) in &leaves {
            let taken = match takes(leaf, *not) {
                only @ (Takes::Some | Takes::Null) => only,
                other if leaves.len() == 1 => other,
                _ => Takes::Unknown,
            };
            for column in columns_of(leaf) {
                own.entry(column).and_modify(|before| *before = before.with(taken)).or_insert(taken);
            }
        }
        for (column, taken) in own {
            columns.entry(column).or_default().push(taken);
        }
    }
    columns.values().any(|takes| together(takes))
}

/// Whether what is taken of one column may be all of it.
fn together(takes: &[Takes]) -> bool {
    let count = |wanted: fn(&Takes) -> bool| takes.iter().filter(|one| wanted(one)).count();
    if count(|one| matches!(one, Takes::Unknown)) > 0 && takes.len() > 1 {
        return true;
    }
    let all_but = count(|one| matches!(one, Takes::AllBut));
    if all_but > 1 || (all_but == 1 && takes.iter().any(|one| !matches!(one, Takes::AllBut | Takes::Null))) {
        return true;
    }
    let null = count(|one| matches!(one, Takes::Null)) > 0;
    if null && count(|one| matches!(one, Takes::NotNull)) > 0 {
        return true;
    }
    takes.iter().any(|below| {
        let Takes::Below(below) = below else { return false };
        takes.iter().any(|above| {
            let Takes::Above(above) = above else { return false };
            !matches!((below, above), (Some(below), Some(above)) if below < above)
        })
    })
}

/// The conditions that AND and OR connect, each with whether it is negated.
fn leaves(part: &Expr, negated: bool) -> Vec<(&Expr, bool)> {
    let mut leaves = Vec::new();
    let mut open = vec![(part, negated)];
    while let Some((next, negated)) = open.pop() {
        let (next, negated) = stripped(next, negated);
        match next {
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                open.extend([(left.as_ref(), negated), (right.as_ref(), negated)]);
            }
            leaf => leaves.push((leaf, negated)),
        }
    }
    leaves
}

fn stripped(part: &Expr, negated: bool) -> (&Expr, bool) {
    let (mut part, mut not) = (part, negated);
    loop {
        match part {
            Expr::Nested(inner) => part = inner,
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr } => {
                part = expr;
                not = !not;
            }
            _ => return (part, not),
        }
    }
}

fn takes(part: &Expr, not: bool) -> Takes {
    let some = |negated: bool| if negated == not { Takes::Some } else { Takes::AllBut };
    match part {
        Expr::IsNull(_) if !not => Takes::Null,
        Expr::IsNotNull(_) if not => Takes::Null,
        Expr::IsNull(_) | Expr::IsNotNull(_) => Takes::NotNull,
        Expr::InList { negated, .. }
        | Expr::InSubquery { negated, .. }
        | Expr::Between { negated, .. }
        | Expr::Like { negated, .. }
        | Expr::ILike { negated, .. } => some(*negated),
        Expr::IsNotDistinctFrom(..) => some(false),
        Expr::IsDistinctFrom(..) => some(true),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => some(false),
        Expr::BinaryOp { left, op, right } => {
            // The number on the right, or on the left with the sides changed.
            let (bound, turned) = match (number(left), number(right)) {
                (Some(bound), None) => (Some(bound), true),
                (_, bound) => (bound, false),
            };
            match op {
                BinaryOperator::Eq | BinaryOperator::Spaceship => some(false),
                BinaryOperator::NotEq => some(true),
                BinaryOperator::Lt | BinaryOperator::LtEq if turned == not => Takes::Below(bound),
                BinaryOperator::Gt | BinaryOperator::GtEq if turned != not => Takes::Below(bound),
                BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                    Takes::Above(bound)
                }
                _ => Takes::Unknown,
            }
        }
        _ => Takes::Unknown,
    }
}

fn number(expression: &Expr) -> Option<f64> {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => number(expr).map(|number| -number),
        Expr::Nested(inner) => number(inner),
        _ => None,
    }
}

/// The last parts of the names of the columns in `expression`, in lower case.
fn columns_of(expression: &Expr) -> BTreeSet<String> {
    struct Columns(BTreeSet<String>);
    impl Visitor for Columns {
        type Break = Infallible;

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Infallible> {
            let last = match expression {
                Expr::Identifier(ident) => Some(ident),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            self.0.extend(last.map(|ident| ident.value.to_ascii_lowercase()));
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns(BTreeSet::new());
    let _: ControlFlow<Infallible> = expression.visit(&mut columns);
    columns.0
}
