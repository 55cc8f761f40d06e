//! The answer of a checked condition for one call.
//!
//! Every expression takes a step from the budget of the call, and what goes through texts and lists takes more. As in
//! CEL, `&&` and `||` have an answer when either side alone settles it, whatever the other side is; but nothing makes
//! up for a budget that is spent.

mod arithmetic;
mod convert;
mod direct;
mod functions;
mod macros;

use std::borrow::Cow;
use std::ops::Deref;

use lychgate_gateway_mcp::json;

use crate::failure::{Failure, Why};
use crate::input::Input;
use crate::program::{Expr, Field, Node};
use crate::syntax::Operator;
use crate::value::compare::{self, spend};
use crate::value::{Kind, List, Map, Value};

/// One evaluation. `item` is what the macro around an expression stands at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) input: &'a Input<'a>,
}

/// A value that is somebody else's or one's own.
pub(crate) enum Held<'s, 'a> {
    Other(&'s Value<'a>),
    Own(Value<'a>),
}

impl<'a> Deref for Held<'_, 'a> {
    type Target = Value<'a>;

    fn deref(&self) -> &Value<'a> {
        match self {
            Self::Other(value) => value,
            Self::Own(value) => value,
        }
    }
}

impl Expr {
    /// Boxed, so that what has an answer is small. Most have.
    #[cold]
    pub(crate) fn fails(&self, why: Why) -> Box<Failure> {
        Box::new(Failure { span: self.span, why })
    }

    fn unfit(&self, found: &Value<'_>, wanted: &'static str) -> Box<Failure> {
        self.fails(Why::Unfit { found: found.kind(), wanted })
    }
}

impl<'a> Run<'a> {
    /// Yes or no.
    pub(crate) fn truth(self, expr: &'a Expr, item: &Value<'a>) -> Result<bool, Box<Failure>> {
        self.spend(expr, 1)?;
        match &expr.node {
            Node::Constant(Value::Bool(value)) => Ok(*value),
            Node::Field(Field::CallerAnonymous) => Ok(self.input.caller.anonymous),
            Node::Not(of) => self.truth(of, item).map(|value| !value),
            Node::IsText { of, text, negated } => {
                self.is_text(expr, of, text, item).map(|same| same != *negated)
            }
            Node::All(parts) => self.joined(parts, item, false),
            Node::Any(parts) => self.joined(parts, item, true),
            Node::Binary { operator, sides } => match operator {
                Operator::Equal => self.equal(expr, sides, item),
                Operator::NotEqual => self.equal(expr, sides, item).map(|same| !same),
                Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                    self.ordered(expr, *operator, sides, item)
                }
                Operator::In => self.within(expr, sides, item),
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder => self.truth_of_value(expr, item),
            },
            Node::Has { of, name } => {
                if let Some(object) = self.json(of, item)?
                    && object.kind() == json::Kind::Object
                {
                    let found = compare::find(object, name, self.input.budget);
                    return found.map(|found| found.is_some()).map_err(|why| expr.fails(why));
                }
                let map = self.held(of, item)?;
                let Value::Map(map) = &*map else { return Err(of.unfit(&map, "map")) };
                compare::has(map, name, self.input.budget).map_err(|why| expr.fails(why))
            }
            Node::Matches { text, pattern } => {
                let held = self.held(text, item)?;
                let Value::Text(own) = &*held else { return Err(text.unfit(&held, "string")) };
                self.spend(expr, functions::matching_steps(own))?;
                Ok(pattern.0.is_match(own))
            }
            Node::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.truth(condition, item)? { then } else { otherwise };
                self.truth(chosen, item)
            }
            Node::Constant(_)
            | Node::Field(_)
            | Node::Item
            | Node::Member { .. }
            | Node::Index { .. }
            | Node::Negative(_)
            | Node::List(_)
            | Node::Call { .. }
            | Node::Each(_) => self.truth_of_value(expr, item),
        }
    }

    fn truth_of_value(self, expr: &'a Expr, item: &Value<'a>) -> Result<bool, Box<Failure>> {
        let held = self.held(expr, item)?;
        match &*held {
            Value::Bool(value) => Ok(*value),
            other => Err(expr.unfit(other, "bool")),
        }
    }

    /// `&&` (settled by false) and `||` (settled by true).
    fn joined(self, parts: &'a [Expr], item: &Value<'a>, settled_by: bool) -> Result<bool, Box<Failure>> {
        let mut failure = None;
        for part in parts {
            match self.truth(part, item) {
                Ok(answer) if answer == settled_by => return Ok(settled_by),
                Ok(_) => {}
                Err(failed) if failed.why == Why::OverBudget => return Err(failed),
                Err(failed) => {
                    failure.get_or_insert(failed);
                }
            }
        }
        failure.map_or(Ok(!settled_by), Err)
    }

    fn equal(self, expr: &Expr, sides: &'a [Expr; 2], item: &Value<'a>) -> Result<bool, Box<Failure>> {
        if let Some(order) = self.order_of_ints(sides, item)? {
            return Ok(order.is_eq());
        }
        let [left, right] = sides;
        let left = self.held(left, item)?;
        let right = self.held(right, item)?;
        compare::equal(&left, &right, self.input.budget).map_err(|why| expr.fails(why))
    }

    fn ordered(
        self,
        expr: &Expr,
        operator: Operator,
        sides: &'a [Expr; 2],
        item: &Value<'a>,
    ) -> Result<bool, Box<Failure>> {
        let order = match self.order_of_ints(sides, item)? {
            Some(order) => Some(order),
            None => {
                let [left, right] = sides;
                let left = self.held(left, item)?;
                let right = self.held(right, item)?;
                let order = compare::order(operator.sign(), &left, &right, self.input.budget);
                order.map_err(|why| expr.fails(why))?
            }
        };
        Ok(order.is_some_and(|order| match operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Equal
            | Operator::NotEqual
            | Operator::In
            | Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => false,
        }))
    }

    /// `left in right`: an item of a list, or the name of a member.
    fn within(self, expr: &Expr, sides: &'a [Expr; 2], item: &Value<'a>) -> Result<bool, Box<Failure>> {
        if let Some(answer) = self.within_texts(sides) {
            self.spend(expr, 2)?;
            return Ok(answer);
        }
        let [left, right] = sides;
        let wanted = self.held(left, item)?;
        let range = self.held(right, item)?;
        let budget = self.input.budget;
        match (&*wanted, &*range) {
            (wanted, Value::List(list)) => {
                let mut failure = None;
                let found = list.find(budget, |own| {
                    let same = spend(budget, 1).and_then(|()| compare::equal(own?, wanted, budget));
                    match same {
                        Ok(same) => same.then_some(Ok(true)),
                        Err(Why::OverBudget) => Some(Err(Why::OverBudget)),
                        Err(why) => {
                            failure = failure.or(Some(why));
                            None
                        }
                    }
                });
                let answer = found.unwrap_or_else(|| failure.map_or(Ok(false), Err));
                answer.map_err(|why| expr.fails(why))
            }
            (Value::Text(name), Value::Map(map)) => {
                compare::has(map, name, budget).map_err(|why| expr.fails(why))
            }
            (wanted, Value::Map(_)) => Err(left.unfit(wanted, "string")),
            (_, other) => Err(right.unfit(other, "list or map")),
        }
    }

    /// A value, without a copy where it stands somewhere already.
    pub(crate) fn held<'s>(self, expr: &'a Expr, item: &'s Value<'a>) -> Result<Held<'s, 'a>, Box<Failure>> {
        match &expr.node {
            Node::Constant(value) => Ok(Held::Other(value)),
            Node::Item => Ok(Held::Other(item)),
            Node::Field(_)
            | Node::Member { .. }
            | Node::Has { .. }
            | Node::Index { .. }
            | Node::Not(_)
            | Node::Negative(_)
            | Node::Binary { .. }
            | Node::IsText { .. }
            | Node::All(_)
            | Node::Any(_)
            | Node::Choice(_)
            | Node::List(_)
            | Node::Call { .. }
            | Node::Matches { .. }
            | Node::Each(_) => self.value(expr, item).map(Held::Own),
        }
    }

    /// A value of one's own.
    pub(crate) fn value(self, expr: &'a Expr, item: &Value<'a>) -> Result<Value<'a>, Box<Failure>> {
        self.spend(expr, 1)?;
        match &expr.node {
            Node::Constant(value) => Ok(value.borrowed()),
            Node::Item => {
                self.spend(expr, item.weight())?;
                Ok(item.clone())
            }
            Node::Field(field) => self.field(*field).map_err(|why| expr.fails(why)),
            Node::Member { of, name } => {
                if let Some(found) = self.json(expr, item)? {
                    let value = Value::of_json(found, self.input.budget).map_err(|why| expr.fails(why))?;
                    self.spend(expr, value.weight())?;
                    return Ok(value);
                }
                let map = self.held(of, item)?;
                let Value::Map(map) = &*map else { return Err(of.unfit(&map, "map")) };
                self.member(expr, map, name, Why::Absent)
            }
            Node::Index { of, index } => self.index(expr, of, index, item),
            Node::Negative(of) => {
                let value = self.held(of, item)?;
                arithmetic::negative(&value).map_err(|why| expr.fails(why))
            }
            Node::Binary { operator, sides } => match operator {
                Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder => {
                    let [left, right] = &**sides;
                    let left = self.held(left, item)?;
                    let right = self.held(right, item)?;
                    let value = arithmetic::compute(*operator, &left, &right, self.input.budget);
                    value.map_err(|why| expr.fails(why))
                }
                Operator::Equal
                | Operator::NotEqual
                | Operator::Less
                | Operator::LessOrEqual
                | Operator::Greater
                | Operator::GreaterOrEqual
                | Operator::In => self.truth(expr, item).map(Value::Bool),
            },
            Node::Has { .. }
            | Node::Not(_)
            | Node::IsText { .. }
            | Node::All(_)
            | Node::Any(_)
            | Node::Matches { .. } => self.truth(expr, item).map(Value::Bool),
            Node::Choice(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if self.truth(condition, item)? { then } else { otherwise };
                self.value(chosen, item)
            }
            Node::List(items) => {
                let items = items.iter().map(|part| self.value(part, item));
                Ok(Value::List(List::Own(items.collect::<Result<_, _>>()?)))
            }
            Node::Call { function, arguments } => self.call(expr, *function, arguments, item),
            Node::Each(each) => self.each(expr, each, item),
        }
    }

    fn field(self, field: Field) -> Result<Value<'a>, Why> {
        let Input { caller, tool, args, connection, now, statement, budget: _ } = self.input;
        let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
        Ok(match field {
            Field::CallerIssuer => text(caller.issuer),
            Field::CallerUsername => text(caller.username),
            Field::CallerSubject => text(caller.subject),
            Field::CallerGroups => Value::List(List::Texts(caller.groups)),
            Field::CallerAnonymous => Value::Bool(caller.anonymous),
            Field::Tool => text(tool.ok_or(Why::NoTool)?),
            Field::Args => match args {
                Some(args) => Value::of_json(*args, self.input.budget)?,
                None => Value::Map(Map::Empty),
            },
            Field::ConnectionNamespace => text(connection.namespace),
            Field::ConnectionName => text(connection.name),
            Field::ConnectionLabels => Value::Map(Map::Labels(connection.labels)),
            Field::Now => Value::Timestamp(i128::from(*now) * 1_000_000),
            Field::StatementEffects => Value::List(List::Names(statement.ok_or(Why::NoStatement)?.effects)),
            Field::StatementText => text(statement.ok_or(Why::NoStatement)?.text),
        })
    }

    fn member(self, expr: &Expr, map: &Map<'a>, name: &str, absent: Why) -> Result<Value<'a>, Box<Failure>> {
        let found = compare::member(map, name, self.input.budget).map_err(|why| expr.fails(why))?;
        let value = found.ok_or_else(|| expr.fails(absent))?;
        self.spend(expr, value.weight())?;
        Ok(value)
    }

    fn index(
        self,
        expr: &Expr,
        of: &'a Expr,
        index: &'a Expr,
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let range = self.held(of, item)?;
        let key = self.held(index, item)?;
        match (&*range, &*key) {
            (Value::Map(map), Value::Text(name)) => self.member(expr, map, name, Why::NoSuchKey),
            (Value::List(list), Value::Int(place)) => {
                let place = usize::try_from(*place).map_err(|_| expr.fails(Why::NoSuchKey))?;
                let steps = if matches!(list, List::Json(_)) { place.min(list.len()) } else { 0 };
                self.spend(expr, steps)?;
                let value = list.get(place, self.input.budget).map_err(|why| expr.fails(why))?;
                let value = value.ok_or_else(|| expr.fails(Why::NoSuchKey))?;
                self.spend(expr, value.weight())?;
                Ok(value)
            }
            (Value::Map(_), other) => Err(index.unfit(other, "string")),
            (Value::List(_), other) => Err(index.unfit(other, "int")),
            (other, _) => Err(of.unfit(other, "list or map")),
        }
    }

    pub(crate) fn spend(self, expr: &Expr, steps: usize) -> Result<(), Box<Failure>> {
        spend(self.input.budget, steps).map_err(|why| expr.fails(why))
    }
}

/// The text, if the value is one.
fn text_of<'v>(expr: &Expr, value: &'v Value<'_>) -> Result<&'v str, Box<Failure>> {
    match value {
        Value::Text(text) => Ok(text),
        other => Err(expr.unfit(other, Kind::Text.name())),
    }
}
