//! Reading filters (RFC 9535, sections 2.3.5.1 and 2.4): what is well-formed and well-typed, and what to write instead.

use super::functions::compiled;
use super::{Comparison, Filter, Operand, Pattern, Query};
use crate::path::parse::Parser;
use crate::path::{PathError, Segment, Selector};

/// How deep filters and parentheses may be inside each other.
const MAXIMUM_DEPTH: usize = 8;

/// What stands where something is compared or asked.
enum Part {
    Operand(Operand),
    /// A query that may find many values.
    Many(Query),
    /// A function that says yes or no.
    Answer(Filter),
}

impl Parser {
    /// The filter behind a `?`.
    pub(in crate::path) fn filter(&mut self) -> Result<Filter, PathError> {
        self.deeper(Self::any)
    }

    fn deeper<T>(&mut self, read: impl Fn(&mut Self) -> Result<T, PathError>) -> Result<T, PathError> {
        if self.depth == MAXIMUM_DEPTH {
            return Err(self.error(
                "too many filters, parentheses and functions inside each other; write eight at most",
            ));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn any(&mut self) -> Result<Filter, PathError> {
        let mut filters = vec![self.all()?];
        while self.take_word("||") {
            filters.push(self.all()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Any(filters) })
    }

    fn all(&mut self) -> Result<Filter, PathError> {
        let mut filters = vec![self.one()?];
        while self.take_word("&&") {
            filters.push(self.one()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::All(filters) })
    }

    /// What stands between `&&` and `||`.
    fn one(&mut self) -> Result<Filter, PathError> {
        self.skip_blanks();
        let is_negated = self.take('!');
        self.skip_blanks();
        let filter = if self.take('(') {
            let filter = self.deeper(Self::any)?;
            self.skip_blanks();
            if !self.take(')') {
                return Err(self.error("write `)`"));
            }
            filter
        } else {
            self.comparison_or_test(is_negated)?
        };
        self.skip_blanks();
        Ok(if is_negated { Filter::Not(Box::new(filter)) } else { filter })
    }

    fn comparison_or_test(&mut self, is_negated: bool) -> Result<Filter, PathError> {
        let start = self.position;
        let left = self.part()?;
        self.skip_blanks();
        let Some(comparison) = self.comparison() else {
            return match left {
                Part::Answer(filter) => Ok(filter),
                Part::Many(query) | Part::Operand(Operand::One(query)) => Ok(Filter::Exists(query)),
                Part::Operand(_) => Err(self.error("compare this, as in @.a == 'x'")),
            };
        };
        if is_negated {
            self.position = start;
            return Err(self.error("put what is compared into parentheses behind the `!`"));
        }
        self.skip_blanks();
        let left = self.operand(left, start)?;
        let start = self.position;
        let right = self.part()?;
        let right = self.operand(right, start)?;
        Ok(Filter::Compare(left, comparison, right))
    }

    /// What can be compared.
    fn operand(&mut self, part: Part, start: usize) -> Result<Operand, PathError> {
        match part {
            Part::Operand(operand) => Ok(operand),
            Part::Many(_) => {
                self.position = start;
                Err(self.error(
                    "this may find many values; compare one, as in @.a or @.a[0], or use value() or count()",
                ))
            }
            Part::Answer(_) => {
                self.position = start;
                Err(self.error("this function says yes or no; do not compare it"))
            }
        }
    }

    fn comparison(&mut self) -> Option<Comparison> {
        [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find_map(|(word, comparison)| self.take_word(word).then_some(comparison))
    }

    fn part(&mut self) -> Result<Part, PathError> {
        match self.peek() {
            Some('@' | '$') => {
                let query = self.query()?;
                let is_one = query.segments.iter().all(leads_to_one);
                Ok(if is_one { Part::Operand(Operand::One(query)) } else { Part::Many(query) })
            }
            Some(quote @ ('\'' | '"')) => {
                self.position += 1;
                Ok(Part::Operand(Operand::Text(self.quoted(quote)?)))
            }
            Some('-' | '0'..='9') => self.number().map(Part::Operand),
            Some('a'..='z') => self.word(),
            Some(_) | None => Err(self.error("write a path that begins with `@`, a value, or a function")),
        }
    }

    /// A path inside a filter.
    fn query(&mut self) -> Result<Query, PathError> {
        let is_absolute = self.peek() == Some('$');
        self.position += 1;
        let mut segments: Vec<Segment> = Vec::new();
        while self.is_at_segment() {
            segments.push(self.segment()?);
        }
        Ok(Query { is_absolute, segments })
    }

    /// A number of JSON, which may also be `-0`.
    fn number(&mut self) -> Result<Operand, PathError> {
        let start = self.position;
        let is_part = |character: char| matches!(character, '0'..='9' | '-' | '+' | '.' | 'e' | 'E');
        let rest = self.characters.get(start..).unwrap_or_default();
        let text: String = rest.iter().take_while(|character| is_part(**character)).collect();
        if !is_number(&text) {
            return Err(self.error("write a number as JSON has it"));
        }
        self.position += text.len();
        Ok(Operand::Number(super::Number::of(&text)))
    }

    /// `true`, `false`, `null`, or a function.
    fn word(&mut self) -> Result<Part, PathError> {
        let start = self.position;
        let rest = self.characters.get(start..).unwrap_or_default();
        let is_part = |character: &char| matches!(character, 'a'..='z' | '0'..='9' | '_');
        let word: String = rest.iter().take_while(|character| is_part(character)).collect();
        self.position += word.len();
        if !self.take('(') {
            return match word.as_str() {
                "true" => Ok(Part::Operand(Operand::Bool(true))),
                "false" => Ok(Part::Operand(Operand::Bool(false))),
                "null" => Ok(Part::Operand(Operand::Null)),
                _ => {
                    self.position = start;
                    Err(self
                        .error("write a text in quotes, true, false, null, or a function with parentheses"))
                }
            };
        }
        self.skip_blanks();
        let part = self.function(&word, start)?;
        self.skip_blanks();
        if self.take(')') { Ok(part) } else { Err(self.error("write `)`")) }
    }

    fn function(&mut self, name: &str, start: usize) -> Result<Part, PathError> {
        match name {
            "length" => Ok(Part::Operand(Operand::Length(Box::new(self.argument()?)))),
            "count" => Ok(Part::Operand(Operand::Count(self.nodes()?))),
            "value" => Ok(Part::Operand(Operand::Value(self.nodes()?))),
            "match" | "search" => {
                let text = self.argument()?;
                self.skip_blanks();
                if !self.take(',') {
                    return Err(self.error("write a comma and a pattern"));
                }
                self.skip_blanks();
                let place = self.position;
                let is_whole = name == "match";
                let operand = self.argument()?;
                let Operand::Text(pattern) = &operand else {
                    let pattern = Pattern::Found(Box::new(operand), is_whole);
                    return Ok(Part::Answer(Filter::Matches(text, pattern)));
                };
                let Some(regex) = compiled(pattern, is_whole) else {
                    self.position = place;
                    return Err(self.error("this is no regular expression (I-Regexp, RFC 9485)"));
                };
                Ok(Part::Answer(Filter::Matches(text, Pattern::Known(Box::new(regex)))))
            }
            _ => {
                self.position = start;
                Err(self.error("there is no such function; there are length, count, match, search and value"))
            }
        }
    }

    /// An argument that is one value.
    fn argument(&mut self) -> Result<Operand, PathError> {
        let start = self.position;
        let part = self.deeper(Self::part)?;
        self.operand(part, start)
    }

    /// An argument that is a path.
    fn nodes(&mut self) -> Result<Query, PathError> {
        match self.peek() {
            Some('@' | '$') => self.query(),
            Some(_) | None => Err(self.error("write a path that begins with `@` or `$`")),
        }
    }

    /// Takes a word, and blanks before it.
    fn take_word(&mut self, word: &str) -> bool {
        let start = self.position;
        self.skip_blanks();
        let is_there = word.chars().all(|character| self.take(character));
        if !is_there {
            self.position = start;
        }
        is_there
    }
}

/// Whether a segment leads to one value or none (RFC 9535, section 2.3.5.1, `singular-query`).
fn leads_to_one(segment: &Segment) -> bool {
    let is_one = |selector: &Selector| matches!(selector, Selector::Name(_) | Selector::Index(_));
    !segment.descends && segment.selectors.len() == 1 && segment.selectors.iter().all(is_one)
}

/// Whether a text is a number of JSON (RFC 8259, section 6).
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(it, rest)| (it, Some(rest)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(it, rest)| (it, Some(rest)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_plain
        && fraction.is_none_or(is_digits)
        && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
