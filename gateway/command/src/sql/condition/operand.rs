//! One side of a comparison: which columns it is made of, and whether it is a plain value at all.

use std::convert::Infallible;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Query,
    Select, SetExpr, UnaryOperator, Value, Visit as _, Visitor,
};

use super::Scope;
use crate::sql::dialect::Dialect;

/// A column as it is written, in lower case: the name, and what it is qualified with.
#[derive(PartialEq, Eq)]
struct Column {
    table: Option<String>,
    name: String,
}

/// What a side of a comparison is made of.
#[derive(Default)]
pub(super) struct Operand {
    columns: Vec<Column>,
}

impl Operand {
    /// Whether anything of the row is in it.
    pub(super) fn is_of_row(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether a column is in it twice, as in `id - id`.
    pub(super) fn echoes(&self) -> bool {
        self.columns
            .iter()
            .enumerate()
            .any(|(index, column)| self.columns.iter().skip(index + 1).any(|other| other == column))
    }

    /// Whether a column is on both sides. Two tables may each have one of that name, unless they are one table.
    pub(super) fn shares(&self, other: &Self, joins_itself: bool) -> bool {
        self.columns.iter().any(|left| {
            other.columns.iter().any(|right| {
                let tables_differ =
                    left.table.is_some() && right.table.is_some() && left.table != right.table;
                left.name == right.name && (!tables_differ || joins_itself)
            })
        })
    }

    /// Adds `expression`; false, when it is no plain value.
    pub(super) fn take(&mut self, expression: &Expr, scope: &Scope) -> bool {
        match expression {
            Expr::Identifier(ident) => {
                if !ident.value.starts_with('@') {
                    self.columns.push(Column { table: None, name: ident.value.to_ascii_lowercase() });
                }
                true
            }
            Expr::CompoundIdentifier(parts) => {
                let mut parts = parts.iter().rev().map(|part| part.value.to_ascii_lowercase());
                let name = parts.next().unwrap_or_default();
                self.columns.push(Column { table: parts.next(), name });
                true
            }
            Expr::Value(_) | Expr::TypedString(_) | Expr::Interval(_) => true,
            Expr::Nested(inner)
            | Expr::Cast { expr: inner, .. }
            | Expr::Convert { expr: inner, .. }
            | Expr::Collate { expr: inner, .. }
            | Expr::Extract { expr: inner, .. }
            | Expr::Ceil { expr: inner, .. }
            | Expr::Floor { expr: inner, .. }
            | Expr::Prefixed { value: inner, .. }
            | Expr::JsonAccess { value: inner, .. }
            | Expr::CompoundFieldAccess { root: inner, .. }
            | Expr::Trim { expr: inner, trim_what: None, .. }
            | Expr::AtTimeZone { timestamp: inner, .. }
            | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => {
                self.take(inner, scope)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let bounds = substring_from.iter().chain(substring_for);
                self.take(expr, scope)
                    && bounds.into_iter().all(|bound| !is_zero(bound) && self.take(bound, scope))
            }
            Expr::Tuple(parts) => parts.iter().all(|part| self.take(part, scope)),
            Expr::Array(array) => array.elem.iter().all(|part| self.take(part, scope)),
            Expr::BinaryOp { left, op, right } => self.take_computed(left, op, right, scope),
            Expr::Function(function) => self.take_function(function, scope),
            Expr::Subquery(query) => {
                plain_select(query).is_some_and(|select| !select.from.is_empty())
                    && !mentions(query, &scope.targets)
            }
            _ => false,
        }
    }

    fn take_computed(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr, scope: &Scope) -> bool {
        let computes = match op {
            BinaryOperator::Multiply | BinaryOperator::BitwiseAnd | BinaryOperator::Modulo => {
                !is_zero(left) && !is_zero(right)
            }
            // In MySQL this is OR.
            BinaryOperator::StringConcat => !matches!(scope.dialect, Dialect::MySql | Dialect::Generic),
            BinaryOperator::Plus
            | BinaryOperator::Minus
            | BinaryOperator::Divide
            | BinaryOperator::Arrow
            | BinaryOperator::LongArrow
            | BinaryOperator::HashArrow
            | BinaryOperator::HashLongArrow => true,
            _ => false,
        };
        computes && self.take(left, scope) && self.take(right, scope)
    }

    fn take_function(&mut self, function: &Function, scope: &Scope) -> bool {
        !hides_its_arguments(function)
            && arguments(function)
                .is_some_and(|arguments| arguments.iter().all(|argument| self.take(argument, scope)))
    }
}

fn is_zero(expression: &Expr) -> bool {
    match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                digits.parse::<f64>().is_ok_and(|number| number == 0.0 || number == 1.0)
            }
            _ => false,
        },
        Expr::Nested(inner) => is_zero(inner),
        _ => false,
    }
}

fn name(function: &Function) -> String {
    let last = function.name.0.last().and_then(ObjectNamePart::as_ident);
    last.map(|ident| ident.value.to_ascii_lowercase()).unwrap_or_default()
}

fn arguments(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|argument| match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
                FunctionArg::Unnamed(_) | FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => None,
            })
            .collect(),
    }
}

/// Functions that can give one value for every row, whatever it holds.
fn hides_its_arguments(function: &Function) -> bool {
    const NAMES: [&str; 22] = [
        "coalesce",
        "ifnull",
        "nvl",
        "nvl2",
        "nullif",
        "greatest",
        "least",
        "if",
        "iif",
        "isnull",
        "decode",
        "sign",
        "left",
        "right",
        "repeat",
        "replicate",
        "pg_typeof",
        "typeof",
        "char_length",
        "length",
        "octet_length",
        "num_nulls",
    ];
    NAMES.contains(&name(function).as_str())
}

/// Functions that are a condition by themselves.
pub(super) fn is_predicate(function: &Function) -> bool {
    const NAMES: [&str; 8] = [
        "starts_with",
        "startswith",
        "ends_with",
        "endswith",
        "contains",
        "regexp_like",
        "regexp_contains",
        "jsonb_exists",
    ];
    NAMES.contains(&name(function).as_str())
}

/// The query, when it is one SELECT.
pub(super) fn plain_select(query: &Query) -> Option<&Select> {
    match query.body.as_ref() {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => plain_select(query),
        SetExpr::SetOperation { .. }
        | SetExpr::Values(_)
        | SetExpr::Insert(_)
        | SetExpr::Update(_)
        | SetExpr::Delete(_)
        | SetExpr::Merge(_)
        | SetExpr::Table(_) => None,
    }
}

/// Whether the query names a column with one of `tables` before it.
pub(super) fn mentions(query: &Query, tables: &[String]) -> bool {
    struct Mentions<'a> {
        tables: &'a [String],
        found: bool,
    }
    impl Visitor for Mentions<'_> {
        type Break = Infallible;

        fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Infallible> {
            if let Expr::CompoundIdentifier(parts) = expression {
                let mut before = parts.iter().rev().skip(1).map(|part| part.value.to_ascii_lowercase());
                self.found |= before.next().is_some_and(|table| self.tables.contains(&table));
            }
            ControlFlow::Continue(())
        }
    }
    let mut mentions = Mentions { tables, found: false };
    let _: ControlFlow<Infallible> = query.visit(&mut mentions);
    mentions.found
}
