//! `+ - * / %`. Whole numbers that do not fit are failures, never wrapped or rounded.

use std::borrow::Cow;

use crate::failure::Why;
use crate::input::Budget;
use crate::syntax::Operator;
use crate::value::compare::spend;
use crate::value::number::to_double;
use crate::value::{List, Value, time};

/// `-value`
pub(super) fn negative<'a>(value: &Value<'a>) -> Result<Value<'a>, Why> {
    match value {
        Value::Int(own) => own.checked_neg().map(Value::Int).ok_or(Why::Overflow),
        Value::Double(own) => Ok(Value::Double(-own)),
        other => Err(Why::Unfit { found: other.kind(), wanted: "int or double" }),
    }
}

/// `left operator right`
pub(super) fn compute<'a>(
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &Budget,
) -> Result<Value<'a>, Why> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => ints(operator, *left, *right).map(Value::Int),
        (Value::Uint(left), Value::Uint(right)) => uints(operator, *left, *right).map(Value::Uint),
        (Value::Double(left), Value::Double(right)) => doubles(operator, *left, *right).map(Value::Double),
        // JSON writes 1.0 as 1, so that an int meets a double where nobody meant to mix them.
        (Value::Int(left), Value::Double(right)) => {
            doubles(operator, to_double(*left).ok_or(Why::Overflow)?, *right).map(Value::Double)
        }
        (Value::Double(left), Value::Int(right)) => {
            doubles(operator, *left, to_double(*right).ok_or(Why::Overflow)?).map(Value::Double)
        }
        (Value::Text(left), Value::Text(right)) if operator == Operator::Add => {
            spend(budget, (left.len() + right.len()) / 16)?;
            Ok(Value::Text(Cow::Owned(format!("{left}{right}"))))
        }
        (Value::List(left), Value::List(right)) if operator == Operator::Add => lists(left, right, budget),
        _ => times(operator, left, right),
    }
}

fn ints(operator: Operator, left: i64, right: i64) -> Result<i64, Why> {
    let value = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => return Err(Why::DivisionByZero),
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
        other => return Err(no_operator(other, &Value::Int(left), &Value::Int(right))),
    };
    value.ok_or(Why::Overflow)
}

fn uints(operator: Operator, left: u64, right: u64) -> Result<u64, Why> {
    let value = match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => return Err(Why::DivisionByZero),
        Operator::Divide => left.checked_div(right),
        Operator::Remainder => left.checked_rem(right),
        other => return Err(no_operator(other, &Value::Uint(left), &Value::Uint(right))),
    };
    value.ok_or(Why::Overflow)
}

fn doubles(operator: Operator, left: f64, right: f64) -> Result<f64, Why> {
    let value = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => return Err(Why::DivisionByZero),
        Operator::Divide => left / right,
        other => return Err(no_operator(other, &Value::Double(left), &Value::Double(right))),
    };
    value.is_finite().then_some(value).ok_or(Why::Overflow)
}

fn times<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Result<Value<'a>, Why> {
    let shifted = |time: i128, by: i128| time::in_range(time + by).map(Value::Timestamp).ok_or(Why::Overflow);
    match (operator, left, right) {
        (Operator::Add, Value::Timestamp(time), Value::Duration(by))
        | (Operator::Add, Value::Duration(by), Value::Timestamp(time)) => shifted(*time, i128::from(*by)),
        (Operator::Subtract, Value::Timestamp(time), Value::Duration(by)) => shifted(*time, -i128::from(*by)),
        (Operator::Subtract, Value::Timestamp(left), Value::Timestamp(right)) => {
            i64::try_from(left - right).map(Value::Duration).map_err(|_| Why::Overflow)
        }
        (Operator::Add, Value::Duration(left), Value::Duration(right)) => {
            left.checked_add(*right).map(Value::Duration).ok_or(Why::Overflow)
        }
        (Operator::Subtract, Value::Duration(left), Value::Duration(right)) => {
            left.checked_sub(*right).map(Value::Duration).ok_or(Why::Overflow)
        }
        (other, left, right) => Err(no_operator(other, left, right)),
    }
}

fn no_operator(operator: Operator, left: &Value<'_>, right: &Value<'_>) -> Why {
    Why::Operands { sign: operator.sign(), left: left.kind(), right: right.kind() }
}

fn lists<'a>(left: &List<'a>, right: &List<'a>, budget: &Budget) -> Result<Value<'a>, Why> {
    spend(budget, left.len() + right.len())?;
    let mut items = Vec::new();
    for list in [left, right] {
        let failed = list.find(budget, |item| item.map(|item| items.push(item.clone())).err());
        failed.map_or(Ok(()), Err)?;
    }
    Ok(Value::List(List::Own(items.into())))
}
