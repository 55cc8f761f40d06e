//! The functions `match` and `search`, and regular expressions as RFC 9485 has them (I-Regexp).

use lychgate_gateway_mcp::json::Value;
use regex::{Regex, RegexBuilder};

use super::{Asked, Operand, Operated, Pattern, TooMuch};

/// What one pattern may take when compiled, in bytes.
const MAXIMUM_BYTES: usize = 1 << 20;

impl<'d> Asked<'d> {
    pub(super) fn matches(
        &self,
        value: Value<'d>,
        text: &Operand,
        pattern: &Pattern,
    ) -> Result<bool, TooMuch> {
        let Operated::Text(text) = self.operated(value, text)? else { return Ok(false) };
        match pattern {
            Pattern::Known(regex) => Ok(regex.is_match(&text)),
            Pattern::Found(operand, is_whole) => {
                let Operated::Text(pattern) = self.operated(value, operand)? else { return Ok(false) };
                // To compile one takes as long as to look at many values.
                for _ in 0..pattern.len() {
                    self.look()?;
                }
                Ok(compiled(&pattern, *is_whole).is_some_and(|regex| regex.is_match(&text)))
            }
        }
    }
}

/// A pattern, compiled; none if it is none.
pub(super) fn compiled(pattern: &str, is_whole: bool) -> Option<Regex> {
    let pattern = translated(pattern)?;
    let build = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAXIMUM_BYTES).build().ok();
    // Alone first, so that none can close the group around it.
    let regex = build(&pattern)?;
    if is_whole { build(&format!(r"\A(?:{pattern})\z")) } else { Some(regex) }
}

/// An I-Regexp as the crate `regex` has it: a dot is no end of a line, and nothing is written in front of a group. `^` and `$`
/// stand for themselves, but at its beginning and end for those of the text, as the standard's own test suite has it.
fn translated(pattern: &str) -> Option<String> {
    let mut output = String::with_capacity(pattern.len());
    let mut is_in_class = false;
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                output.push('\\');
                output.push(characters.next()?);
            }
            '.' if !is_in_class => output.push_str(r"[^\n\r]"),
            '^' if output.is_empty() => output.push_str(r"\A"),
            '$' if !is_in_class && characters.peek().is_none() => output.push_str(r"\z"),
            '^' | '$' if !is_in_class => output.extend(['\\', character]),
            '[' if !is_in_class => {
                is_in_class = true;
                output.push('[');
                output.extend(characters.next_if_eq(&'^'));
            }
            '[' | '&' | '~' => output.extend(['\\', character]),
            ']' if is_in_class => {
                is_in_class = false;
                output.push(']');
            }
            '(' if characters.peek() == Some(&'?') => return None,
            plain => output.push(plain),
        }
    }
    (!is_in_class).then_some(output)
}
