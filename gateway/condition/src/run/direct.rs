//! Answers that need no value: members of the arguments, and texts that are compared with texts of the condition. Most
//! conditions are made of these, and 200 of them are asked for one call. What is not told here is told in `run`.

use std::cmp::Ordering;

use lychgate_gateway_mcp::json;

use super::Run;
use crate::failure::{Failure, Why};
use crate::program::{Expr, Field, Node};
use crate::value::{Kind, Map, Value, compare, number};

impl<'a> Run<'a> {
    /// The member of the arguments, or of an item of them, that the expression names. None if it names something else.
    pub(super) fn json(
        self,
        expr: &'a Expr,
        item: &Value<'a>,
    ) -> Result<Option<json::Value<'a>>, Box<Failure>> {
        match &expr.node {
            Node::Field(Field::Args) => Ok(self.input.args),
            Node::Item => match item {
                Value::Map(Map::Json(object)) => Ok(Some(*object)),
                _ => Ok(None),
            },
            Node::Member { of, name } => {
                let Some(object) = self.json(of, item)? else { return Ok(None) };
                self.spend(expr, 1)?;
                if object.kind() != json::Kind::Object {
                    let found =
                        Value::of_json(object, self.input.budget).map_err(|why| of.fails(why))?.kind();
                    return Err(of.fails(Why::Unfit { found, wanted: Kind::Map.name() }));
                }
                let found = compare::find(object, name, self.input.budget).map_err(|why| expr.fails(why))?;
                found.map(Some).ok_or_else(|| expr.fails(Why::Absent))
            }
            _ => Ok(None),
        }
    }

    /// `of == 'text'`
    pub(super) fn is_text(
        self,
        expr: &Expr,
        of: &'a Expr,
        text: &str,
        item: &Value<'a>,
    ) -> Result<bool, Box<Failure>> {
        if let Some(own) = self.text(of, item) {
            return Ok(own == text);
        }
        let found = if matches!(of.node, Node::Member { .. }) { self.json(of, item)? } else { None };
        match found.map(|found| (found, found.kind())) {
            Some((found, json::Kind::String)) => Ok(found.is_text(text)),
            _ => {
                let held = self.held(of, item)?;
                let text = Value::Text(text.into());
                compare::equal(&held, &text, self.input.budget).map_err(|why| expr.fails(why))
            }
        }
    }

    /// How a member of the arguments compares with a whole number of the condition, if it is a whole number of a few
    /// digits.
    pub(super) fn order_of_ints(
        self,
        sides: &'a [Expr; 2],
        item: &Value<'a>,
    ) -> Result<Option<Ordering>, Box<Failure>> {
        let [of, Expr { node: Node::Constant(Value::Int(wanted)), .. }] = sides else { return Ok(None) };
        if !matches!(of.node, Node::Member { .. }) {
            return Ok(None);
        }
        let Some(found) = self.json(of, item)? else { return Ok(None) };
        if found.kind() != json::Kind::Number {
            return Ok(None);
        }
        Ok(number::short_int(found.raw()).map(|own| own.cmp(wanted)))
    }

    /// Whether a text of the condition is among the caller's groups or the effects of the statement.
    pub(super) fn within_texts(self, sides: &'a [Expr; 2]) -> Option<bool> {
        let [Expr { node: Node::Constant(Value::Text(text)), .. }, range] = sides else { return None };
        let text = text.as_ref();
        match (&range.node, self.input.statement) {
            (Node::Field(Field::CallerGroups), _) => {
                Some(self.input.caller.groups.iter().any(|group| group == text))
            }
            (Node::Field(Field::StatementEffects), Some(statement)) => {
                Some(statement.effects.contains(&text))
            }
            _ => None,
        }
    }

    /// A text that is at hand.
    fn text<'s>(self, expr: &Expr, item: &'s Value<'a>) -> Option<&'s str> {
        match (&expr.node, item) {
            (Node::Field(Field::CallerUsername), _) => Some(self.input.caller.username),
            (Node::Field(Field::CallerSubject), _) => Some(self.input.caller.subject),
            (Node::Field(Field::CallerIssuer), _) => Some(self.input.caller.issuer),
            (Node::Field(Field::Tool), _) => self.input.tool,
            (Node::Item, Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
