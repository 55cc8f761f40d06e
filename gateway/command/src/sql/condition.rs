//! Whether a WHERE restricts the rows that a statement changes.
//!
//! No analysis can tell this in general: a table may hold nothing but what matches. So it is told by form. A condition
//! restricts when one that must hold compares something of the row with something that is not of the same row, in a
//! way that is not true of every row whatever it holds. What has no such form counts as no condition, so that
//! `1 = 1`, `id = id`, `id IN (id)`, `NOT false`, `a IS NULL OR a IS NOT NULL` and all their cousins change all rows.

mod cover;
mod operand;

use sqlparser::ast::{BinaryOperator, Expr, Ident, ObjectName, Query, SetExpr, UnaryOperator, Value};

use super::dialect::Dialect;
use operand::Operand;

/// The tables of a statement that changes rows.
pub(super) struct Scope {
    dialect: Dialect,
    /// Names and aliases of the tables that are changed, in lower case.
    targets: Vec<String>,
    /// Names of the tables that are changed, without aliases.
    names: Vec<String>,
    /// Whether a changed table is joined with itself, so that `a.id = b.id` holds for each of its rows.
    joins_itself: bool,
}

impl Scope {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, targets: Vec::new(), names: Vec::new(), joins_itself: false }
    }

    /// A table that is changed.
    pub(super) fn target(&mut self, name: &ObjectName, alias: Option<&Ident>) {
        let name = last(name);
        self.joins_itself |= self.names.contains(&name);
        self.targets.push(name.clone());
        self.names.push(name);
        self.targets.extend(alias.map(|alias| alias.value.to_ascii_lowercase()));
    }

    /// A table that is only read.
    pub(super) fn other(&mut self, name: &ObjectName, _alias: Option<&Ident>) {
        self.joins_itself |= self.names.contains(&last(name));
    }
}

fn last(name: &ObjectName) -> String {
    name.0
        .last()
        .map(|part| part.to_string().trim_matches(['"', '`', '[', ']']).to_ascii_lowercase())
        .unwrap_or_default()
}

/// Looks at the conditions of one statement.
pub(super) struct Condition<'a> {
    scope: &'a Scope,
}

impl<'a> Condition<'a> {
    pub(super) fn new(scope: &'a Scope) -> Self {
        Self { scope }
    }

    /// Whether the condition restricts; one that is not there does not.
    pub(super) fn restricts(&self, condition: Option<&Expr>) -> bool {
        condition.is_some_and(|condition| self.holds_back(condition, false))
    }

    /// Whether `expression`, or what is not it, restricts.
    fn holds_back(&self, expression: &Expr, negated: bool) -> bool {
        match expression {
            Expr::Nested(inner) | Expr::IsTrue(inner) => self.holds_back(inner, negated),
            Expr::IsFalse(inner) => self.holds_back(inner, !negated),
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::BangNot, expr } => {
                self.holds_back(expr, !negated)
            }
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => {
                self.connected(expression, op, negated)
            }
            Expr::BinaryOp { left, op, right } => self.compared(left, op, right, negated),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.apart(&[left], &[right], false)
            }
            Expr::IsNull(inner) | Expr::IsNotNull(inner) => self.apart(&[inner], &[], false),
            Expr::InList { expr, list, .. } => {
                let list: Vec<&Expr> = list.iter().collect();
                self.apart(&[expr], &list, true) && self.operand(&[expr]).is_some_and(|left| left.is_of_row())
            }
            Expr::Between { expr, low, high, .. } => self.apart(&[expr], &[low, high], false),
            Expr::Like { expr, pattern, negated: not, .. }
            | Expr::ILike { expr, pattern, negated: not, .. } => {
                self.apart(&[expr], &[pattern], false) && (*not != negated || !matches_all(pattern))
            }
            Expr::SimilarTo { expr, pattern, negated: not, .. }
            | Expr::RLike { expr, pattern, negated: not, .. } => {
                self.apart(&[expr], &[pattern], false) && (*not != negated || is_selective(pattern))
            }
            Expr::AnyOp { left, right, .. } | Expr::AllOp { left, right, .. } => match right.as_ref() {
                Expr::Subquery(query) => self.among(left, query),
                other => self.apart(&[left], &[other], false),
            },
            Expr::InSubquery { expr, subquery, .. } => self.among(expr, subquery),
            Expr::InUnnest { expr, array_expr, .. } => self.apart(&[expr], &[array_expr], false),
            Expr::Exists { subquery, .. } => self.exists(subquery),
            Expr::Value(value) => value.value == Value::Boolean(negated),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
                self.scope.dialect.has_booleans() && self.apart(&[expression], &[], false)
            }
            Expr::Function(function) => {
                operand::is_predicate(function) && self.apart(&[expression], &[], false)
            }
            Expr::MatchAgainst { .. } => !negated,
            _ => false,
        }
    }

    /// AND and OR. A chain of them nests as deep as it is long, so it is taken apart first.
    fn connected(&self, expression: &Expr, op: &BinaryOperator, negated: bool) -> bool {
        let parts = chain(expression, op);
        let one_is_enough = (*op == BinaryOperator::And) != negated;
        if one_is_enough {
            parts.iter().any(|part| self.holds_back(part, negated))
        } else {
            parts.iter().all(|part| self.holds_back(part, negated)) && !cover::covers(&parts, negated)
        }
    }

    fn compared(&self, left: &Expr, op: &BinaryOperator, right: &Expr, negated: bool) -> bool {
        if self.is_text_maybe(left, op, right) || self.is_text_maybe(right, op, left) {
            return false;
        }
        match op {
            BinaryOperator::PGLikeMatch | BinaryOperator::PGILikeMatch => {
                self.apart(&[left], &[right], false) && (negated || !matches_all(right))
            }
            BinaryOperator::PGRegexMatch | BinaryOperator::PGRegexIMatch | BinaryOperator::Regexp => {
                self.apart(&[left], &[right], false) && (negated || is_selective(right))
            }
            BinaryOperator::Eq if different_numbers(left, right) => !negated,
            BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
            | BinaryOperator::Spaceship
            | BinaryOperator::Match
            | BinaryOperator::Glob
            | BinaryOperator::AtArrow
            | BinaryOperator::ArrowAt
            | BinaryOperator::AtAt
            | BinaryOperator::AtQuestion
            | BinaryOperator::Question
            | BinaryOperator::QuestionAnd
            | BinaryOperator::QuestionPipe
            | BinaryOperator::PGStartsWith => self.apart(&[left], &[right], false),
            BinaryOperator::PGOverlap => {
                self.scope.dialect == Dialect::PostgreSql && self.apart(&[left], &[right], false)
            }
            _ => false,
        }
    }

    /// Whether both sides are plain values, one of them of the row, and neither the other's nor its own echo.
    /// `several`: each of `right` is compared alone.
    fn apart(&self, left: &[&Expr], right: &[&Expr], several: bool) -> bool {
        let (Some(left), Some(right)) = (self.operand(left), self.operand(right)) else { return false };
        (left.is_of_row() || right.is_of_row())
            && !left.echoes()
            && (several || !right.echoes())
            && !left.shares(&right, self.scope.joins_itself)
    }

    fn operand(&self, expressions: &[&Expr]) -> Option<Operand> {
        let mut operand = Operand::default();
        expressions.iter().all(|expression| operand.take(expression, self.scope)).then_some(operand)
    }

    /// `id IN (SELECT …)`: the rows of a query that restricts, or of another table.
    fn among(&self, left: &Expr, query: &Query) -> bool {
        if !self.operand(&[left]).is_some_and(|left| left.is_of_row() && !left.echoes()) {
            return false;
        }
        let Some(select) = operand::plain_select(query) else { return false };
        if select.from.is_empty() || operand::mentions(query, &self.scope.targets) {
            return false;
        }
        let reads_target = select.from.iter().any(|table| {
            let relation = table.relation.to_string().to_ascii_lowercase();
            let name = relation.split([' ', '(']).next().unwrap_or_default();
            let name = name.rsplit('.').next().unwrap_or_default().trim_matches(['"', '`', '[', ']']);
            self.scope.names.iter().any(|target| target == name)
        });
        !reads_target || query.limit_clause.is_some() || select.having.is_some() || {
            let inner = Scope::new(self.scope.dialect);
            Condition::new(&inner).restricts(select.selection.as_ref())
        }
    }

    /// `EXISTS (SELECT …)`: one that asks about the row, by the name of its table.
    fn exists(&self, query: &Query) -> bool {
        let SetExpr::Select(select) = query.body.as_ref() else { return false };
        let restricts = select.selection.as_ref().is_some_and(|selection| self.holds_back(selection, false));
        restricts && operand::mentions(query, &self.scope.targets)
    }

    /// In SQLite a name in double quotes that is no column is a text: `"a" = 'a'` holds for each row.
    fn is_text_maybe(&self, side: &Expr, op: &BinaryOperator, other: &Expr) -> bool {
        let Expr::Identifier(Ident { value, quote_style: Some('"'), .. }) = side else { return false };
        if !matches!(self.scope.dialect, Dialect::Sqlite | Dialect::Generic) {
            return false;
        }
        match other {
            Expr::Value(other) => {
                let text = other.value.clone().into_string().unwrap_or_default();
                *op != BinaryOperator::Eq || text.eq_ignore_ascii_case(value)
            }
            _ => true,
        }
    }
}

/// The parts of a chain of one operator, without going deep for a long one.
fn chain<'e>(expression: &'e Expr, op: &BinaryOperator) -> Vec<&'e Expr> {
    let mut parts = Vec::new();
    let mut open = vec![expression];
    while let Some(next) = open.pop() {
        match next {
            Expr::BinaryOp { left, op: inner, right } if inner == op => {
                open.extend([left.as_ref(), right.as_ref()])
            }
            Expr::Nested(inner) => open.push(inner),
            part => parts.push(part),
        }
    }
    parts
}

fn text(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Value(value) => value.value.clone().into_string(),
        Expr::Nested(inner) => text(inner),
        _ => None,
    }
}

/// A pattern of LIKE that every text matches.
fn matches_all(pattern: &Expr) -> bool {
    text(pattern).is_none_or(|pattern| pattern.chars().all(|character| matches!(character, '%' | '_')))
}

/// A regular expression that has at least one letter or digit to be found, and no way around it.
fn is_selective(pattern: &Expr) -> bool {
    text(pattern).is_some_and(|pattern| {
        pattern.chars().any(char::is_alphanumeric) && !pattern.contains(['|', '*', '?', '{', '\\'])
    })
}

/// Two literal numbers that differ.
fn different_numbers(left: &Expr, right: &Expr) -> bool {
    let number = |expression: &Expr| match expression {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse::<f64>().ok(),
            _ => None,
        },
        _ => None,
    };
    matches!((number(left), number(right)), (Some(left), Some(right)) if left != right)
}
