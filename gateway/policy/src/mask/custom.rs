//! Values that a rule describes itself: by a regular expression or by words, by words nearby, by a check.
//!
//! One search over a text for all of a program says which of them it may hold; only those are looked for one by one.
//! Time is linear in the text: no match is longer than [`MAXIMUM_LENGTH`]. What is wrong with one is told by `check`.

use std::ops::Range;

use regex::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::ParserBuilder;

use super::detect::{Sample, bits, condensed, is_near, passes};
use super::integer::integer_digits;
use super::program::Wish;
use super::rule::MAXIMUM_PATTERN_BYTES;
use super::text::{Masker, Place, REDACT};
use crate::config::{self, Action, Checksum, Replacement};

/// The longest value that may be looked for, in bytes.
pub(super) const MAXIMUM_LENGTH: usize = 4096;
/// What a thousand words may take when compiled, in bytes.
const MAXIMUM_TERMS_BYTES: usize = 8 << 20;

/// A compiled description.
#[derive(Debug)]
pub(super) struct Custom {
    name: String,
    /// What stands in place of a value that is redacted, and of one that becomes a number.
    mark: String,
    number: Option<String>,
    pattern: Regex,
    /// The same for a whole text.
    whole: Regex,
    keywords: Vec<String>,
    window: usize,
    checksum: Checksum,
    /// How mixed its characters must be, in bits for each.
    entropy: Option<f64>,
    pub(super) action: Action,
}

impl Custom {
    /// None of what [`compile`] cannot compile.
    pub(super) fn new(custom: &config::Custom) -> Option<Self> {
        let (pattern, whole) = compile(custom).ok()?;
        Some(Self {
            name: custom.name.clone(),
            mark: super::action::mark(&custom.name),
            number: custom.action.replacement().and_then(|own| match own {
                Replacement { string: None, number } => number.map(|it| it.to_string()),
                Replacement { string: Some(_), .. } => None,
            }),
            pattern,
            whole,
            keywords: custom.keywords.iter().map(|keyword| condensed(keyword)).collect(),
            window: usize::try_from(custom.window).unwrap_or_default(),
            checksum: custom.checksum,
            entropy: custom.entropy_tenths.map(|tenths| f64::from(tenths) / 10.0),
            action: custom.action.clone(),
        })
    }

    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// What is put in place of a value: it is none itself, or each of its digits could become all of them.
    pub(super) fn replacements(&self) -> impl Iterator<Item = &str> {
        self.number.as_deref().into_iter().chain([self.mark.as_str()])
    }

    /// Whether what stands at `range` is a value.
    fn is_value(&self, text: &str, label: &str, range: &Range<usize>) -> bool {
        let value = text.get(range.clone()).unwrap_or_default();
        passes(self.checksum, value)
            && self.entropy.is_none_or(|least| bits(value.as_bytes()) >= least)
            && (self.keywords.is_empty()
                || is_near(Sample::new(text, label), range, &self.keywords, self.window))
    }
}

/// A description as a regular expression.
fn pattern(custom: &config::Custom) -> String {
    if let Some(regex) = &custom.regex {
        return regex.clone();
    }
    // The first that matches counts: of two words with one beginning, the longer.
    let mut terms: Vec<&String> = custom.terms.iter().collect();
    terms.sort_by_key(|term| std::cmp::Reverse(term.len()));
    let edge = |end: Option<char>| {
        if end.is_some_and(|end| end.is_alphanumeric() || end == '_') { r"\b" } else { "" }
    };
    let whole = |term: &&String| {
        let (start, end) = (edge(term.chars().next()), edge(term.chars().next_back()));
        format!("{start}{}{end}", regex::escape(term))
    };
    let terms: Vec<String> = terms.iter().map(whole).collect();
    format!("(?:{})", terms.join("|"))
}

fn size_limit(custom: &config::Custom) -> usize {
    if custom.regex.is_some() { MAXIMUM_PATTERN_BYTES } else { MAXIMUM_TERMS_BYTES }
}

/// The regular expression of a description, and the same for a whole text. It is compiled alone first, so that none
/// can close the group around it.
pub(super) fn compile(custom: &config::Custom) -> Result<(Regex, Regex), regex::Error> {
    let compile = |pattern: &str| {
        let mut builder = RegexBuilder::new(pattern);
        builder.case_insensitive(custom.ignore_case).size_limit(size_limit(custom)).build()
    };
    let pattern = pattern(custom);
    Ok((compile(&pattern)?, compile(&format!(r"\A(?:{pattern})\z"))?))
}

/// How short and how long a match may be, in bytes: no shortest where nothing matches, no longest where there is no bound.
pub(super) fn lengths(custom: &config::Custom) -> (Option<usize>, Option<usize>) {
    let parsed = ParserBuilder::new().case_insensitive(custom.ignore_case).build().parse(&pattern(custom));
    parsed.map_or((None, None), |parsed| {
        let properties = parsed.properties();
        (properties.minimum_len(), properties.maximum_len())
    })
}

/// One search for all descriptions of a program.
#[derive(Debug, Default)]
pub(super) struct Gate(Option<RegexSet>);

impl Gate {
    /// Without one, every text may hold anything: where all together are too large.
    pub(super) fn new<'c>(customs: impl Iterator<Item = &'c config::Custom>) -> Self {
        let mut size = 0;
        let patterns: Vec<String> = customs
            .map(|custom| {
                size += size_limit(custom);
                format!("{}(?:{})", if custom.ignore_case { "(?i)" } else { "" }, pattern(custom))
            })
            .collect();
        if patterns.is_empty() {
            Self(None)
        } else {
            Self(RegexSetBuilder::new(patterns).size_limit(size).build().ok())
        }
    }

    /// Whether a text may hold one of them.
    pub(super) fn lets_through(&self, text: &str) -> bool {
        self.0.as_ref().is_none_or(|set| set.is_match(text))
    }
}

/// What was found because of a description.
pub(super) struct Found<'a> {
    pub(super) name: &'a str,
    pub(super) range: Range<usize>,
    pub(super) wish: Wish<'a>,
}

impl<'a> Masker<'a> {
    /// Whether a text may hold what a rule describes.
    pub(super) fn may_be_custom(&self, text: &str) -> bool {
        self.active.gate().is_some_and(|gate| gate.lets_through(text))
    }

    /// What stands in a text that a rule describes and wants masked.
    ///
    /// In the name of a member it is redacted whole: what another action leaves could be found again together with the
    /// number that tells two names apart. That number is no part of a value.
    pub(super) fn customs(&self, text: &str, place: Place<'_>) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        if self.is_word || !self.may_be_custom(text) {
            return found;
        }
        let end = if place.is_name { self.without_number(text) } else { text.len() };
        let masks = self.active.masks(text);
        for &(custom, wish) in self.active.customs() {
            if place.kept_by.contains(&wish.rule) {
                continue;
            }
            let wish = if place.is_name { in_name(wish) } else { wish };
            for hit in custom.pattern.find_iter(text).map(|hit| hit.range()) {
                let is_kept =
                    || self.active.keeps_value(wish.rule, text.get(hit.clone()).unwrap_or_default());
                if custom.is_value(text, place.label, &hit) && !is_kept() {
                    let parts = outside(hit.start..hit.end.min(end), &masks);
                    found.extend(parts.map(|range| Found { name: &custom.name, range, wish }));
                }
            }
        }
        found
    }

    /// Where a name ends without the number behind a mask that tells it from another.
    fn without_number(&self, name: &str) -> usize {
        let Some((start, number)) = name.rsplit_once('~') else { return name.len() };
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_masked = || self.active.masks(start).last().is_some_and(|mask| mask.end == start.len());
        if is_number && (start.is_empty() || is_masked()) { start.len() } else { name.len() }
    }

    /// Who wants a JSON number masked that as a whole is a value.
    pub(super) fn customs_of_number(&self, spelled: &str, place: Place<'_>) -> Vec<(&'a str, Wish<'a>)> {
        let mut found = Vec::new();
        if self.is_word || self.active.customs().is_empty() {
            return found;
        }
        let digits = integer_digits(spelled);
        let forms = || [Some(spelled), digits.as_deref()].into_iter().flatten();
        for &(custom, wish) in self.active.customs() {
            let is_value = |form: &str| {
                custom.whole.is_match(form) && custom.is_value(form, place.label, &(0..form.len()))
            };
            let is_kept = place.kept_by.contains(&wish.rule)
                || forms().any(|form| self.active.keeps_value(wish.rule, form));
            if !is_kept && forms().any(is_value) {
                found.push((custom.name.as_str(), wish));
            }
        }
        found
    }
}

/// What of `range` is in none of `masks`, which are in order and do not overlap. What is a mask stays one, so that no text
/// grows from round to round.
fn outside(range: Range<usize>, masks: &[Range<usize>]) -> impl Iterator<Item = Range<usize>> {
    let first = masks.partition_point(|mask| mask.end <= range.start);
    let inside = masks.get(first..).unwrap_or_default().iter().take_while(move |mask| mask.start < range.end);
    let ends = std::iter::once(range.start).chain(inside.clone().map(|mask| mask.end));
    let starts = inside.map(|mask| mask.start).chain(std::iter::once(range.end));
    ends.zip(starts).map(|(end, start)| end..start).filter(|part| part.start < part.end)
}

/// What is wanted of a value in the name of a member.
fn in_name(wish: Wish<'_>) -> Wish<'_> {
    match wish.action {
        Action::Block {} => wish,
        Action::Drop {}
        | Action::Redact {}
        | Action::Replace(_)
        | Action::Hash(_)
        | Action::Tokenize {}
        | Action::Fpe(_)
        | Action::Generalize(_)
        | Action::Partial(_) => Wish { action: &REDACT, ..wish },
    }
}
