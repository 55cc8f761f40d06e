//! Equality and order. What can never be equal is not compared but refused, save with null: a rule that forbids
//! `args.id == 5` must not be passed by sending "5".

use std::borrow::Cow;
use std::cmp::Ordering;

use lychgate_gateway_mcp::json;

use super::{List, Map, Value, number};
use crate::failure::Why;
use crate::input::Budget;

/// Whether two values are equal.
pub(crate) fn equal(left: &Value<'_>, right: &Value<'_>, budget: &Budget) -> Result<bool, Why> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            spend(budget, left.len().min(right.len()) / 16)?;
            Ok(left == right)
        }
        (Value::Int(left), Value::Int(right)) => Ok(left == right),
        (Value::Bool(left), Value::Bool(right)) => Ok(left == right),
        (Value::Null, Value::Null) => Ok(true),
        (Value::Null, _) | (_, Value::Null) => Ok(false),
        (Value::Timestamp(left), Value::Timestamp(right)) => Ok(left == right),
        (Value::Duration(left), Value::Duration(right)) => Ok(left == right),
        (Value::Kind(left), Value::Kind(right)) => Ok(left == right),
        (Value::List(left), Value::List(right)) => lists(left, right, budget),
        (Value::Map(left), Value::Map(right)) => maps(left, right, budget),
        (left, right) if left.kind().is_number() && right.kind().is_number() => {
            Ok(number::order(left, right) == Some(Ordering::Equal))
        }
        (left, right) => Err(Why::Unequal { left: left.kind(), right: right.kind() }),
    }
}

fn lists(left: &List<'_>, right: &List<'_>, budget: &Budget) -> Result<bool, Why> {
    let length = left.len();
    spend(budget, length)?;
    if length != right.len() {
        return Ok(false);
    }
    if let (List::Json(left), List::Json(right)) = (left, right) {
        let pairs = left.items().zip(right.items());
        return all_equal(
            pairs.map(|(left, right)| Ok((Value::of_json(left, budget)?, Value::of_json(right, budget)?))),
            budget,
        );
    }
    // An item of JSON is found only by going past those before it.
    let (walked, looked_up) = if matches!(right, List::Json(_)) { (right, left) } else { (left, right) };
    let mut index = 0;
    let answer = walked.find(budget, |item| {
        let other = looked_up.get(index, budget);
        index += 1;
        let same = item.and_then(|item| match other? {
            Some(other) => equal(item, &other, budget),
            None => Ok(false),
        });
        (same != Ok(true)).then_some(same)
    });
    answer.unwrap_or(Ok(true))
}

fn all_equal<'a>(
    pairs: impl Iterator<Item = Result<(Value<'a>, Value<'a>), Why>>,
    budget: &Budget,
) -> Result<bool, Why> {
    for pair in pairs {
        let (left, right) = pair?;
        spend(budget, 1)?;
        if !equal(&left, &right, budget)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn maps(left: &Map<'_>, right: &Map<'_>, budget: &Budget) -> Result<bool, Why> {
    let length = left.len();
    spend(budget, length)?;
    if length != right.len() {
        return Ok(false);
    }
    let answer = left.find_name(|name| {
        let same = (|| {
            let (Some(own), Some(other)) = (member(left, &name, budget)?, member(right, &name, budget)?)
            else {
                return Ok(false);
            };
            equal(&own, &other, budget)
        })();
        (same != Ok(true)).then_some(same)
    });
    answer.unwrap_or(Ok(true))
}

/// The member `name`, if it is there.
pub(crate) fn member<'a>(map: &Map<'a>, name: &str, budget: &Budget) -> Result<Option<Value<'a>>, Why> {
    match map {
        Map::Empty => Ok(None),
        Map::Labels(labels) => Ok(labels.get(name).map(|label| Value::Text(Cow::Borrowed(label.as_str())))),
        Map::Json(object) => {
            find(*object, name, budget)?.map(|found| Value::of_json(found, budget)).transpose()
        }
    }
}

/// Whether there is a member `name`.
pub(crate) fn has(map: &Map<'_>, name: &str, budget: &Budget) -> Result<bool, Why> {
    match map {
        Map::Empty => Ok(false),
        Map::Labels(labels) => Ok(labels.contains_key(name)),
        Map::Json(object) => Ok(find(*object, name, budget)?.is_some()),
    }
}

/// The member of an object of JSON. Names are compared one by one.
pub(crate) fn find<'a>(
    object: json::Value<'a>,
    name: &str,
    budget: &Budget,
) -> Result<Option<json::Value<'a>>, Why> {
    let (found, passed) = object.get_counted(name);
    spend(budget, passed / 2 * (1 + name.len() / 64))?;
    Ok(found)
}

/// The order of two values.
pub(crate) fn order(
    sign: &'static str,
    left: &Value<'_>,
    right: &Value<'_>,
    budget: &Budget,
) -> Result<Option<Ordering>, Why> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => Ok(Some(left.cmp(right))),
        (Value::Text(left), Value::Text(right)) => {
            spend(budget, left.len().min(right.len()) / 16)?;
            Ok(Some(left.cmp(right)))
        }
        (Value::Bool(left), Value::Bool(right)) => Ok(Some(left.cmp(right))),
        (Value::Timestamp(left), Value::Timestamp(right)) => Ok(Some(left.cmp(right))),
        (Value::Duration(left), Value::Duration(right)) => Ok(Some(left.cmp(right))),
        (left, right) if left.kind().is_number() && right.kind().is_number() => {
            Ok(number::order(left, right))
        }
        (left, right) => Err(Why::Operands { sign, left: left.kind(), right: right.kind() }),
    }
}

/// Takes steps from the budget.
pub(crate) fn spend(budget: &Budget, steps: usize) -> Result<(), Why> {
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    if budget.spend(steps) { Ok(()) } else { Err(Why::OverBudget) }
}
