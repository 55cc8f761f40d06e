//! `all`, `exists`, `exists_one`, `filter` and `map`, over the items of a list or the names of a map.

use super::Run;
use crate::failure::{Failure, Why};
use crate::program::{Each, Expr, Quantifier};
use crate::value::{List, Value};

impl<'a> Run<'a> {
    pub(super) fn each(
        self,
        expr: &Expr,
        each: &'a Each,
        item: &Value<'a>,
    ) -> Result<Value<'a>, Box<Failure>> {
        let range = self.held(&each.range, item)?;
        match each.what {
            Quantifier::All => self.settled(expr, each, &range, false).map(Value::Bool),
            Quantifier::Exists => self.settled(expr, each, &range, true).map(Value::Bool),
            Quantifier::ExistsOne => self.exactly_one(expr, each, &range).map(Value::Bool),
            Quantifier::Filter | Quantifier::Map => self.collected(expr, each, &range),
        }
    }

    /// Whether an item settles it. As with `&&` and `||`, a failure counts only if no item does.
    fn settled(self, expr: &Expr, each: &'a Each, range: &Value<'a>, by: bool) -> Result<bool, Box<Failure>> {
        let mut failure = None;
        let found =
            self.visit(expr, each, range, |item| match item.and_then(|item| self.test(each, item)) {
                Ok(answer) => (answer == by).then_some(Ok(by)),
                Err(failed) if failed.why == Why::OverBudget => Some(Err(failed)),
                Err(failed) => {
                    failure.get_or_insert(failed);
                    None
                }
            })?;
        found.unwrap_or_else(|| failure.map_or(Ok(!by), Err))
    }

    fn exactly_one(self, expr: &Expr, each: &'a Each, range: &Value<'a>) -> Result<bool, Box<Failure>> {
        let mut count = 0_usize;
        let failed =
            self.visit(expr, each, range, |item| match item.and_then(|item| self.test(each, item)) {
                Ok(answer) => {
                    count += usize::from(answer);
                    None
                }
                Err(failed) => Some(failed),
            })?;
        failed.map_or(Ok(count == 1), Err)
    }

    fn collected(self, expr: &Expr, each: &'a Each, range: &Value<'a>) -> Result<Value<'a>, Box<Failure>> {
        let mut items = Vec::new();
        let mut add = |item: Result<&Value<'a>, Box<Failure>>| {
            let item = item?;
            if !self.test(each, item)? {
                return Ok(());
            }
            items.push(match &each.result {
                Some(result) => self.value(result, item)?,
                None => item.clone(),
            });
            Ok(())
        };
        let failed = self.visit(expr, each, range, |item| add(item).err())?;
        failed.map_or_else(|| Ok(Value::List(List::Own(items.into()))), Err)
    }

    fn test(self, each: &'a Each, item: &Value<'a>) -> Result<bool, Box<Failure>> {
        each.test.as_ref().map_or(Ok(true), |test| self.truth(test, item))
    }

    fn visit<T>(
        self,
        expr: &Expr,
        each: &Each,
        range: &Value<'a>,
        mut visit: impl FnMut(Result<&Value<'a>, Box<Failure>>) -> Option<T>,
    ) -> Result<Option<T>, Box<Failure>> {
        let mut step = |item: Result<&Value<'a>, Box<Failure>>| {
            let weight = item.as_ref().map_or(0, |item| item.weight());
            visit(self.spend(expr, 2 + weight).and(item))
        };
        match range {
            Value::List(list) => {
                Ok(list.find(self.input.budget, |item| step(item.map_err(|why| each.range.fails(why)))))
            }
            Value::Map(map) => Ok(map.find_name(|name| step(Ok(&Value::Text(name))))),
            other => Err(each.range.unfit(other, "list or map")),
        }
    }
}
