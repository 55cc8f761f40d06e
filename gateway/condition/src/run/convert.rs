//! One type to another: `int("5")`. What would have to be rounded is a failure.

use std::borrow::Cow;

use crate::failure::Why;
use crate::functions::Function;
use crate::value::time::{self, SECOND};
use crate::value::{Value, number};

/// What a value is as one of another type.
pub(super) fn convert<'a>(function: Function, value: &Value<'a>) -> Result<Value<'a>, Why> {
    let wanted = match function {
        Function::ToInt | Function::ToUint | Function::ToDouble => return to_number(function, value),
        Function::ToText => return to_text(value),
        Function::ToTimestamp => "string or int",
        Function::ToDuration => "string",
        _ => "bool or string",
    };
    let unreadable = |as_what| Why::Unreadable { as_what };
    match (function, value) {
        (Function::ToBool, Value::Bool(_))
        | (Function::ToTimestamp, Value::Timestamp(_))
        | (Function::ToDuration, Value::Duration(_)) => Ok(value.clone()),
        (Function::ToBool, Value::Text(own)) => match own.as_ref() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Value::Bool(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Value::Bool(false)),
            _ => Err(unreadable("bool")),
        },
        (Function::ToTimestamp, Value::Int(own)) => {
            time::in_range(i128::from(*own) * SECOND).map(Value::Timestamp).ok_or(Why::Overflow)
        }
        (Function::ToTimestamp, Value::Text(own)) => time::parse(own)
            .map(Value::Timestamp)
            .ok_or(unreadable("point in time such as 2026-11-25T16:00:00Z")),
        (Function::ToDuration, Value::Text(own)) => {
            time::parse_duration(own).map(Value::Duration).ok_or(unreadable("duration such as 1h30m"))
        }
        (_, other) => Err(Why::Unfit { found: other.kind(), wanted }),
    }
}

fn to_number<'a>(function: Function, value: &Value<'_>) -> Result<Value<'a>, Why> {
    let unreadable = |as_what| Why::Unreadable { as_what };
    let number = match (function, value) {
        (Function::ToInt, Value::Int(own)) => Some(Value::Int(*own)),
        (Function::ToInt, Value::Uint(own)) => i64::try_from(*own).ok().map(Value::Int),
        (Function::ToInt, Value::Double(own)) => number::to_int(*own).map(Value::Int),
        (Function::ToInt, Value::Timestamp(own)) => {
            i64::try_from(own.div_euclid(SECOND)).ok().map(Value::Int)
        }
        (Function::ToInt, Value::Text(own)) => {
            return own.parse().map(Value::Int).map_err(|_| unreadable("int"));
        }
        (Function::ToUint, Value::Uint(own)) => Some(Value::Uint(*own)),
        (Function::ToUint, Value::Int(own)) => u64::try_from(*own).ok().map(Value::Uint),
        (Function::ToUint, Value::Double(own)) => number::to_uint(*own).map(Value::Uint),
        (Function::ToUint, Value::Text(own)) => {
            return own.parse().map(Value::Uint).map_err(|_| unreadable("uint"));
        }
        (Function::ToDouble, Value::Double(own)) => Some(Value::Double(*own)),
        (Function::ToDouble, Value::Int(own)) => number::to_double(*own).map(Value::Double),
        (Function::ToDouble, Value::Uint(own)) => {
            i64::try_from(*own).ok().and_then(number::to_double).map(Value::Double)
        }
        (Function::ToDouble, Value::Text(own)) => {
            let double = number::double_of_text(own).map(Value::Double);
            return double.ok_or(unreadable("double that is held exactly"));
        }
        (Function::ToInt, other) => {
            return Err(Why::Unfit { found: other.kind(), wanted: "number, string or timestamp" });
        }
        (_, other) => return Err(Why::Unfit { found: other.kind(), wanted: "number or string" }),
    };
    number.ok_or(Why::Overflow)
}

fn to_text<'a>(value: &Value<'a>) -> Result<Value<'a>, Why> {
    let text = match value {
        Value::Text(_) => return Ok(value.clone()),
        Value::Bool(own) => own.to_string(),
        Value::Int(own) => own.to_string(),
        Value::Uint(own) => own.to_string(),
        Value::Timestamp(own) => time::write(*own),
        Value::Duration(own) => time::write_duration(*own),
        Value::Double(_) => return Err(Why::Unwritable),
        Value::Null | Value::Kind(_) | Value::List(_) | Value::Map(_) => {
            let wanted = "bool, number, string, timestamp or duration";
            return Err(Why::Unfit { found: value.kind(), wanted });
        }
    };
    Ok(Value::Text(Cow::Owned(text)))
}
