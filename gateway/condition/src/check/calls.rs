//! Calls: which function, how many arguments, of which types.

use regex::RegexBuilder;

use super::Checker;
use super::types::{Type, words};
use crate::functions::{FUNCTIONS, Function, Shape, Signature, Style, find};
use crate::limits::{PATTERN_BYTES, PATTERN_SIZE};
use crate::program::{Node, Pattern};
use crate::suggest::suggest;
use crate::syntax::{Form, Literal, Span, Tree, Word};
use crate::value::time;

/// What is a function too, but not one of the table.
const MACROS: [&str; 8] = ["has", "all", "exists", "exists_one", "existsOne", "filter", "map", "matches"];

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        span: Span,
        target: Option<&Tree>,
        name: &Word,
        arguments: &[Tree],
    ) -> (Node, Type) {
        match name.text.as_str() {
            "has" => self.has(span, target, arguments),
            "all" | "exists" | "exists_one" | "existsOne" | "filter" | "map" => {
                self.each(span, target, name, arguments)
            }
            "matches" => self.matches(span, target, arguments),
            other => match find(other) {
                Some(signature) => self.function(signature, target, name, arguments),
                None => {
                    let mut names: Vec<&str> = FUNCTIONS.iter().map(|signature| signature.name).collect();
                    names.extend(MACROS);
                    let hint = suggest(other, &names);
                    for part in target.into_iter().filter(|target| !is_name(target)).chain(arguments) {
                        self.expr(part);
                    }
                    self.nothing(name.span, format!("there is no function {other}{hint}"))
                }
            },
        }
    }

    fn function(
        &mut self,
        signature: &Signature,
        target: Option<&Tree>,
        name: &Word,
        arguments: &[Tree],
    ) -> (Node, Type) {
        let parts: Vec<&Tree> = target.into_iter().chain(arguments).collect();
        let checked: Vec<_> = parts.iter().map(|part| self.expr(part)).collect();
        let style_fits = match signature.style {
            Style::Plain => target.is_none(),
            Style::Member => target.is_some(),
            Style::Either => true,
        };
        let most = signature.takes.len();
        let least = most - signature.optional;
        if !style_fits || !(least..=most).contains(&parts.len()) {
            return self.nothing(name.span, format!("write {}", usage(signature)));
        }
        for ((part, (_, kind)), shape) in parts.iter().zip(&checked).zip(signature.takes) {
            if !kind.fits(*shape) {
                let message = format!("{} takes {} here, and this is {kind}", signature.name, words(*shape));
                self.fault(part.span, message);
            }
        }
        if let (Function::Part(_), Some(zone)) = (signature.function, parts.get(1))
            && let Form::Literal(Literal::Text(name)) = &zone.form
            && time::offset(name).is_none()
        {
            let message = "names of time zones are not offered; write an offset such as '+01:00'";
            self.fault(zone.span, message.to_owned());
        }
        let arguments = checked.into_iter().map(|(expr, _)| expr).collect();
        (Node::Call { function: signature.function, arguments }, signature.gives.into())
    }

    /// `text.matches('pattern')`: the pattern is compiled here, once.
    fn matches(&mut self, span: Span, target: Option<&Tree>, arguments: &[Tree]) -> (Node, Type) {
        let (text, pattern) = match (target, arguments) {
            (Some(text), [pattern]) | (None, [text, pattern]) => (text, pattern),
            _ => return self.nothing(span, "write text.matches('pattern')".to_owned()),
        };
        let (expr, kind) = self.expr(text);
        if !kind.fits(Shape::Text) {
            self.fault(text.span, format!("matches takes a string, and this is {kind}"));
        }
        let Form::Literal(Literal::Text(source)) = &pattern.form else {
            let message = "the pattern must be written out here, in quotes: it is compiled once";
            return self.nothing(pattern.span, message.to_owned());
        };
        if source.len() > PATTERN_BYTES {
            let message = format!("the pattern has {} bytes, and {PATTERN_BYTES} are the most", source.len());
            return self.nothing(pattern.span, message);
        }
        let mut builder = RegexBuilder::new(source);
        match builder.size_limit(PATTERN_SIZE).nest_limit(32).build() {
            Ok(regex) => {
                let pattern = Pattern(regex.into());
                (Node::Matches { text: Box::new(expr), pattern }, Type::Bool)
            }
            Err(regex::Error::CompiledTooBig(_)) => {
                let message =
                    "the pattern is too large; write ASCII classes such as [0-9A-Za-z], and repeat less";
                self.nothing(pattern.span, message.to_owned())
            }
            Err(error) => {
                let said = error.to_string();
                let last = said.lines().last().unwrap_or_default().trim_start_matches("error: ");
                self.nothing(pattern.span, format!("the pattern is none of RE2: {last}"))
            }
        }
    }
}

fn is_name(tree: &Tree) -> bool {
    matches!(tree.form, Form::Name(_))
}

/// How to write a call.
fn usage(signature: &Signature) -> String {
    let least = signature.takes.len() - signature.optional;
    let describe = |shapes: &[Shape]| {
        let mut text = String::new();
        for (index, shape) in shapes.iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            text.push_str(&words(*shape));
        }
        text
    };
    let name = signature.name;
    let plain = format!("{name}(…) with {} between the brackets", describe(signature.takes));
    let Some((first, rest)) = signature.takes.split_first() else { return plain };
    let optional = if least < signature.takes.len() { ", the last of which may be left out" } else { "" };
    let member = match rest {
        [] => format!("x.{name}(), where x is {}", words(*first)),
        rest => format!(
            "x.{name}(…), where x is {}, with {} between the brackets{optional}",
            words(*first),
            describe(rest)
        ),
    };
    match signature.style {
        Style::Plain => plain,
        Style::Member => member,
        Style::Either => format!("{member}, or {plain}"),
    }
}
