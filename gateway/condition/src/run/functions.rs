//! What functions do.

use std::borrow::Cow;

use super::{Run, convert, text_of};
use crate::failure::{Failure, Why};
use crate::functions::{Function, Part};
use crate::program::Expr;
use crate::value::time::{self, Clock, Date, SECOND};
use crate::value::{Kind, List, Value};

/// How many steps it takes to search a text for a pattern. Word boundaries in texts beyond ASCII take long.
pub(super) fn matching_steps(text: &str) -> usize {
    4 + if text.is_ascii() { text.len() / 2 } else { text.len() * 2 }
}

impl<'a> Run<'a> {
    pub(super) fn call(
        self,
        expr: &Expr,
        function: Function,
        arguments: &'a [Expr],
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let Some((of, rest)) = arguments.split_first() else {
            return Err(expr.fails(Why::Unfit { found: Kind::Null, wanted: "an argument" }));
        };
        let held = self.held(of, item)?;
        self.spend(expr, held.weight())?;
        match function {
            Function::StartsWith
            | Function::EndsWith
            | Function::Contains
            | Function::IndexOf
            | Function::Split
            | Function::Replace => self.of_texts(expr, function, text_of(of, &held)?, rest, item),
            Function::LowerAscii => Ok(text(text_of(of, &held)?.to_ascii_lowercase())),
            Function::UpperAscii => Ok(text(text_of(of, &held)?.to_ascii_uppercase())),
            Function::Trim => Ok(text(text_of(of, &held)?.trim().to_owned())),
            Function::Substring => self.substring(expr, text_of(of, &held)?, rest, item),
            Function::Join => self.join(expr, of, &held, rest, item),
            Function::Part(part) => self.part(expr, part, of, &held, rest, item),
            Function::Size => self.size(expr, of, &held),
            Function::TypeOf => Ok(Value::Kind(held.kind())),
            Function::Dynamic => Ok((*held).clone()),
            Function::ToBool
            | Function::ToInt
            | Function::ToUint
            | Function::ToDouble
            | Function::ToText
            | Function::ToTimestamp
            | Function::ToDuration => convert::convert(function, &held).map_err(|why| match why {
                Why::Overflow => expr.fails(why),
                other => of.fails(other),
            }),
        }
    }

    fn of_texts(
        self,
        expr: &Expr,
        function: Function,
        own: &str,
        rest: &'a [Expr],
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let Some((first, rest)) = rest.split_first() else { return Err(expr.fails(Why::Absent)) };
        let held = self.held(first, item)?;
        let other = text_of(first, &held)?;
        self.spend(expr, other.len() / 16)?;
        match function {
            Function::StartsWith => Ok(Value::Bool(own.starts_with(other))),
            Function::EndsWith => Ok(Value::Bool(own.ends_with(other))),
            Function::Contains => Ok(Value::Bool(own.contains(other))),
            Function::IndexOf => {
                let before = own.find(other).and_then(|at| own.get(..at));
                Ok(Value::Int(before.map_or(-1, characters)))
            }
            Function::Split => {
                let parts = own.matches(other).count() + 1;
                self.spend(expr, parts * 2 + own.len() / 16)?;
                let parts = own.split(other).map(|part| text(part.to_owned()));
                Ok(Value::List(List::Own(parts.collect())))
            }
            _ => {
                let Some(last) = rest.first() else { return Err(expr.fails(Why::Absent)) };
                let held = self.held(last, item)?;
                let with = text_of(last, &held)?;
                let found = own.matches(other).count();
                self.spend(expr, (own.len() + found.saturating_mul(with.len() + 16)) / 16)?;
                Ok(text(own.replace(other, with)))
            }
        }
    }

    fn substring(
        self,
        expr: &Expr,
        own: &str,
        rest: &'a [Expr],
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let place = |at: Option<&'a Expr>| {
            at.map(|at| match &*self.held(at, item)? {
                Value::Int(place) => usize::try_from(*place).map_err(|_| expr.fails(Why::NoSuchKey)),
                other => Err(at.unfit(other, "int")),
            })
            .transpose()
        };
        let begin = place(rest.first())?.unwrap_or(0);
        let end = place(rest.get(1))?;
        let length = usize::try_from(characters(own)).unwrap_or(usize::MAX);
        let end = end.unwrap_or(length);
        if begin > end || end > length {
            return Err(expr.fails(Why::NoSuchKey));
        }
        Ok(text(own.chars().skip(begin).take(end - begin).collect()))
    }

    fn join(
        self,
        expr: &Expr,
        of: &Expr,
        held: &Value<'a>,
        rest: &'a [Expr],
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let Value::List(list) = held else { return Err(of.unfit(held, "list")) };
        let between = rest.first().map(|between| self.held(between, item)).transpose()?;
        let between = match (&between, rest.first()) {
            (Some(held), Some(expr)) => text_of(expr, held)?,
            _ => "",
        };
        let mut joined = String::new();
        let mut first = true;
        let failed = list.find(self.input.budget, |part| {
            let added = part.map_err(|why| of.fails(why)).and_then(|part| {
                let part = text_of(of, part)?;
                self.spend(expr, 1 + (between.len() + part.len()) / 16)?;
                if !first {
                    joined.push_str(between);
                }
                joined.push_str(part);
                first = false;
                Ok(())
            });
            added.err()
        });
        failed.map_or_else(|| Ok(text(joined)), Err)
    }

    fn size(self, expr: &Expr, of: &Expr, held: &Value<'_>) -> Result<Value<'a>, Box<Failure>> {
        let size = match held {
            Value::Text(own) => return Ok(Value::Int(characters(own))),
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            other => return Err(of.unfit(other, "string, list or map")),
        };
        self.spend(expr, size / 4)?;
        Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
    }

    fn part(
        self,
        expr: &Expr,
        part: Part,
        of: &Expr,
        held: &Value<'_>,
        rest: &'a [Expr],
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let nanoseconds = match (held, part, rest) {
            (Value::Timestamp(nanoseconds), _, _) => *nanoseconds,
            (Value::Duration(own), Part::Hours, []) => return Ok(Value::Int(own / 3_600_000_000_000)),
            (Value::Duration(own), Part::Minutes, []) => return Ok(Value::Int(own / 60_000_000_000)),
            (Value::Duration(own), Part::Seconds, []) => return Ok(Value::Int(own / 1_000_000_000)),
            (other, _, _) => return Err(of.unfit(other, "timestamp")),
        };
        let offset = match rest.first() {
            None => 0,
            Some(zone) => {
                let held = self.held(zone, item)?;
                let unknown = Why::Unreadable {
                    as_what: "offset such as +01:00, and names of time zones are not offered",
                };
                time::offset(text_of(zone, &held)?).ok_or_else(|| expr.fails(unknown))?
            }
        };
        let clock = Clock::of(nanoseconds, offset);
        let date = || Date::of(clock.day);
        Ok(Value::Int(match part {
            Part::FullYear => date().year,
            Part::Month => date().month - 1,
            Part::DayOfMonth => date().day - 1,
            Part::Date => date().day,
            Part::DayOfYear => date().day_of_year,
            Part::DayOfWeek => clock.day_of_week(),
            Part::Hours => clock.second / 3600,
            Part::Minutes => clock.second / 60 % 60,
            Part::Seconds => clock.second % 60,
            Part::Milliseconds => i64::try_from(nanoseconds.rem_euclid(SECOND) / 1_000_000).unwrap_or(0),
        }))
    }
}

fn text<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

fn characters(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}
