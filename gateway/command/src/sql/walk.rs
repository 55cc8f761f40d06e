//! What every part of a statement does.
//!
//! The parser's own visitor reaches every node, so that nothing is left out by forgetting to descend. What a node does
//! is matched without a catch-all, so that a kind of statement, expression or table that a new version of the parser
//! brings does not compile until somebody has said what it does.

mod data;
mod kinds;
mod session;
mod tokens;

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::ControlFlow;

use sqlparser::ast::{
    self, BinaryOperator, Expr, Ident, ObjectName, ObjectNamePart, PipeOperator, Query, Select, TableFactor,
    Visit as _, Visitor,
};
use sqlparser::tokenizer::TokenWithSpan;

use super::dialect::Dialect;
use super::effect::{Effect, Kind, Place};
use super::functions;
use super::refusal::Unparseable;
use super::tokens::place;

pub(super) use session::tells_about;
pub(super) use tokens::harm as harm_in_tokens;

/// What `statement` does, parsed from `tokens`, which begin at `place`.
pub(super) fn effects(
    statement: &ast::Statement,
    tokens: &[TokenWithSpan],
    dialect: Dialect,
    place: Place,
) -> Result<Vec<Effect>, Unparseable> {
    tokens::check(tokens, dialect)?;
    let mut walk = Walk { dialect, place, effects: tokens::harm(tokens, dialect), plans: 0, refusal: None };
    let _: ControlFlow<Infallible> = statement.visit(&mut walk);
    if let Some(refusal) = walk.refusal {
        return Err(refusal);
    }
    Ok(walk.effects)
}

struct Walk {
    dialect: Dialect,
    /// Where the statement begins.
    place: Place,
    effects: Vec<Effect>,
    /// How many EXPLAINs are around, that plan and do not execute.
    plans: usize,
    refusal: Option<Unparseable>,
}

impl Walk {
    /// An effect of the statement as a whole.
    fn add(&mut self, kind: Kind, why: impl Into<Cow<'static, str>>) {
        self.add_at(self.place, kind, why);
    }

    fn add_at(&mut self, place: Place, kind: Kind, why: impl Into<Cow<'static, str>>) {
        self.effects.push(Effect { kind, place, why: why.into() });
    }

    fn refuse(&mut self, place: Place, why: &'static str) {
        self.refusal.get_or_insert(Unparseable::unsettled(place, why));
    }

    /// A call of a function by this name.
    fn call(&mut self, name: &ObjectName) {
        let mut parts = Vec::with_capacity(name.0.len());
        let mut quoted = false;
        for part in &name.0 {
            match part {
                ObjectNamePart::Identifier(ident) => {
                    parts.push(ident.value.as_str());
                    quoted |= ident.quote_style.is_some();
                }
                ObjectNamePart::Function(_) => {
                    self.add(Kind::Exec, "calls a function whose name is computed");
                    return;
                }
            }
        }
        let at =
            name.0.last().and_then(ObjectNamePart::as_ident).map_or(self.place, |ident| self.place_of(ident));
        match functions::kind(self.dialect, &parts, quoted) {
            Some(Kind::Read) => {}
            Some(kind) => {
                let name = parts.join(".");
                if name.to_ascii_lowercase().ends_with("lo_import") {
                    self.add_at(at, Kind::Write, "keeps a file as a large object");
                }
                self.add_at(at, kind, format!("calls {name}"));
            }
            None => {
                let name = parts.join(".");
                self.add_at(at, Kind::Exec, format!("calls {name}, a function that is not known"));
            }
        }
    }

    fn function(&mut self, function: &ast::Function) {
        let is = |wanted: &str| {
            let last = function.name.0.last().and_then(ObjectNamePart::as_ident);
            last.is_some_and(|ident| ident.value.eq_ignore_ascii_case(wanted))
        };
        if self.dialect == Dialect::PostgreSql && is("set_config") {
            session::set_config(self, function);
        } else {
            self.call(&function.name);
        }
    }

    fn place_of(&self, ident: &Ident) -> Place {
        // A part that the parser made up has no place.
        if ident.span.start.line == 0 { self.place } else { place(ident.span.start) }
    }
}

impl Visitor for Walk {
    type Break = Infallible;

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<Infallible> {
        if self.plans == 0 {
            kinds::statement(self, statement);
        }
        if session::only_plans(statement) {
            self.plans += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<Infallible> {
        if session::only_plans(statement) {
            self.plans -= 1;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Infallible> {
        if !query.locks.is_empty() && self.plans == 0 {
            self.add(Kind::Write, "locks the rows that it reads");
        }
        for operator in &query.pipe_operators {
            if let PipeOperator::Call { function, .. } = operator {
                self.function(function);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Infallible> {
        if let Some(into) = &select.into
            && self.plans == 0
        {
            let variables = self.dialect == Dialect::MySql
                && into
                    .targets
                    .iter()
                    .all(|target| matches!(target, Expr::Identifier(ident) if ident.value.starts_with('@')));
            if !variables {
                self.add(Kind::Schema, "creates a table from what it reads");
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Infallible> {
        if relation.0.iter().any(|part| matches!(part, ObjectNamePart::Function(_))) {
            self.add(Kind::Exec, "names a table by an expression");
        }
        let first = relation.0.first().and_then(ObjectNamePart::as_ident);
        if self.dialect == Dialect::SqlServer && relation.0.len() > 3 {
            self.add(Kind::Exfiltrate, "reaches a table of a linked server");
        }
        if let Some(first) = first {
            match self.dialect {
                Dialect::Snowflake if first.value.starts_with('@') => {
                    self.add_at(self.place_of(first), Kind::Exfiltrate, "reads files of a stage");
                }
                Dialect::Oracle if relation.0.iter().any(|part| part.to_string().contains('@')) => {
                    self.add_at(
                        self.place_of(first),
                        Kind::Exfiltrate,
                        "reaches a table over a database link",
                    );
                }
                Dialect::PostgreSql
                | Dialect::MySql
                | Dialect::SqlServer
                | Dialect::Sqlite
                | Dialect::Snowflake
                | Dialect::BigQuery
                | Dialect::Oracle
                | Dialect::ClickHouse
                | Dialect::Generic => {}
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, table: &TableFactor) -> ControlFlow<Infallible> {
        match table {
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.call(name)
            }
            TableFactor::SemanticView { .. } => {
                self.add(Kind::Exec, "reads a semantic view, which is not known")
            }
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. } => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<Infallible> {
        self.expression(expression);
        ControlFlow::Continue(())
    }

    fn pre_visit_ident(&mut self, ident: &Ident) -> ControlFlow<Infallible> {
        if matches!(self.dialect, Dialect::SqlServer | Dialect::Generic)
            && ident.quote_style.is_none()
            && tokens::begins_a_statement(&ident.value)
        {
            let at = self.place_of(ident);
            self.refuse(at, "a word that begins a statement in Transact-SQL stands for a name; quote it");
        }
        ControlFlow::Continue(())
    }
}

/// Operators of well-known extensions that compute and no more.
const HARMLESS_OPERATORS: [&str; 8] = ["<->", "<=>", "<#>", "<+>", "<%", "%>", "<<%", "%>>"];

impl Walk {
    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::Function(function) => self.function(function),
            Expr::BinaryOp { op, .. } => self.operator(op),
            Expr::AnyOp { compare_op: op, .. } | Expr::AllOp { compare_op: op, .. } => self.operator(op),
            Expr::CompoundIdentifier(parts) => self.compound(parts),
            Expr::Identifier(_)
            | Expr::CompoundFieldAccess { .. }
            | Expr::JsonAccess { .. }
            | Expr::IsFalse(_)
            | Expr::IsNotFalse(_)
            | Expr::IsTrue(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNull(_)
            | Expr::IsNotNull(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotUnknown(_)
            | Expr::IsDistinctFrom(..)
            | Expr::IsNotDistinctFrom(..)
            | Expr::IsJson { .. }
            | Expr::IsNormalized { .. }
            | Expr::InList { .. }
            | Expr::InSubquery { .. }
            | Expr::InUnnest { .. }
            | Expr::Between { .. }
            | Expr::Like { .. }
            | Expr::ILike { .. }
            | Expr::SimilarTo { .. }
            | Expr::RLike { .. }
            | Expr::UnaryOp { .. }
            | Expr::Convert { .. }
            | Expr::Cast { .. }
            | Expr::AtTimeZone { .. }
            | Expr::Extract { .. }
            | Expr::Ceil { .. }
            | Expr::Floor { .. }
            | Expr::Position { .. }
            | Expr::Substring { .. }
            | Expr::Trim { .. }
            | Expr::Overlay { .. }
            | Expr::Collate { .. }
            | Expr::Nested(_)
            | Expr::Value(_)
            | Expr::Prefixed { .. }
            | Expr::TypedString(_)
            | Expr::Case { .. }
            | Expr::Exists { .. }
            | Expr::Subquery(_)
            | Expr::GroupingSets(_)
            | Expr::Cube(_)
            | Expr::Rollup(_)
            | Expr::Tuple(_)
            | Expr::Struct { .. }
            | Expr::Named { .. }
            | Expr::Dictionary(_)
            | Expr::Map(_)
            | Expr::Array(_)
            | Expr::Interval(_)
            | Expr::MatchAgainst { .. }
            | Expr::Wildcard(_)
            | Expr::QualifiedWildcard(..)
            | Expr::OuterJoin(_)
            | Expr::Prior(_)
            | Expr::Lambda(_)
            | Expr::MemberOf(_) => {}
        }
    }

    /// An operator can be a function of somebody's; those that the parser has names for are the server's own.
    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "an operator that the parser has a name for is the server's own"
    )]
    fn operator(&mut self, operator: &BinaryOperator) {
        let harmless = match operator {
            BinaryOperator::Custom(name) => HARMLESS_OPERATORS.contains(&name.as_str()),
            BinaryOperator::PGCustomBinaryOperator(parts) => match parts.as_slice() {
                [schema, _] => schema == "pg_catalog",
                _ => false,
            },
            _ => true,
        };
        if !harmless {
            self.add(Kind::Exec, format!("calls the operator {operator}, which is not known"));
        }
    }

    /// `a.b` is a column, but `sequence.nextval` and `package.function` look the same in Oracle.
    fn compound(&mut self, parts: &[Ident]) {
        let Some(last) = parts.last() else { return };
        if !matches!(self.dialect, Dialect::Oracle | Dialect::Snowflake | Dialect::Generic) {
            return;
        }
        if last.value.eq_ignore_ascii_case("nextval") {
            self.add_at(self.place_of(last), Kind::Write, "draws from a sequence");
            return;
        }
        let names: Vec<&str> = parts.iter().map(|part| part.value.as_str()).collect();
        if self.dialect == Dialect::Oracle
            && let Some(kind) = functions::harm_of_package(&names)
        {
            self.add_at(self.place_of(last), kind, format!("calls {}", names.join(".")));
        }
    }
}
