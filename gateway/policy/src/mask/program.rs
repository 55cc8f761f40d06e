//! From the rules of a configuration to what a message can be masked with.
//!
//! [`Program`] holds every rule in compiled form; [`Active`] is the selection that counts for one message,
//! put together so that a text is searched once for each kind and not once for each rule. What is wrong with
//! a rule is found in `check`; nothing here complains.

use std::cmp::Reverse;
use std::ops::Range;

use super::action::strength;
use super::custom::{Custom, Gate};
use super::detect::Wanted;
use super::marks::{Claim, masks};
use super::rule::{Decode, Rule};
use super::token::Tokens;
use super::{Context, check, cost};
use crate::compile::Problem;
use crate::config::{self, Action, DetectorType};
use crate::glob::Glob;
use crate::path::Path;
use crate::when::{self, When};
use lychgate_gateway_condition::Scope;

/// Compiled masking rules.
#[derive(Debug, Default)]
pub struct Program {
    /// The rules that are enforced.
    pub(super) enforced: Rules,
    /// Those that only count.
    pub(super) audited: Rules,
    tokenizes: bool,
    /// Whether all of them can be held to the pieces of an answer.
    streams: bool,
}

/// Some of the rules, in the order of the configuration.
#[derive(Debug, Default)]
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// What lets a text through in which a rule's own description may match.
    gate: Gate,
}

impl Rules {
    fn new(rules: &[&config::MaskingRule], condition: &dyn Fn(Option<&str>) -> When) -> Self {
        Self {
            rules: rules
                .iter()
                .map(|rule| Rule::new(rule, condition(rule.matching.when.as_deref())))
                .collect(),
            gate: Gate::new(rules.iter().flat_map(|rule| &rule.custom)),
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// Compiles the rules of a document.
///
/// # Errors
/// As [`compile`].
pub(crate) fn compile_all(config: &config::GatewayConfig) -> Result<Program, Vec<Problem>> {
    compile_with(&config.masking, &|text| when::compile(text, Scope::Access, config))
}

/// Compiles rules alone. A condition has no answer then, so that its rule counts for everybody.
///
/// # Errors
/// Everything that is wrong with any of them, at paths such as `masking[2].fields[0].jsonPath`.
pub fn compile(rules: &[config::MaskingRule]) -> Result<Program, Vec<Problem>> {
    let unknown = |text: Option<&str>| if text.is_some() { When::Never } else { When::Always };
    compile_with(rules, &unknown)
}

fn compile_with(
    rules: &[config::MaskingRule],
    condition: &dyn Fn(Option<&str>) -> When,
) -> Result<Program, Vec<Problem>> {
    let mut problems = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        problems.extend(check::check_rule(rule).into_iter().map(|problem| {
            let path = match problem.path.as_str() {
                "" => format!("masking[{index}]"),
                inside => format!("masking[{index}].{inside}"),
            };
            Problem::new(path, problem.message)
        }));
    }
    if problems.is_empty() {
        let of = |audit: bool| {
            let rules: Vec<_> = rules.iter().filter(|rule| rule.audit == audit).collect();
            Rules::new(&rules, condition)
        };
        let enforced = of(false);
        let mut actions = enforced.rules.iter().flat_map(Rule::actions);
        let tokenizes = actions.any(|action| matches!(action, Action::Tokenize {}));
        drop(actions);
        Ok(Program { enforced, audited: of(true), tokenizes, streams: rules.iter().all(cost::streams) })
    } else {
        Err(problems)
    }
}

impl Program {
    /// Whether an answer can be masked while it comes ([`crate::stream`]).
    #[must_use]
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// What becomes of values, by any rule.
    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.enforced.rules.iter().flat_map(Rule::actions)
    }

    /// Whether any rule makes tokens of values.
    #[must_use]
    pub fn tokenizes(&self) -> bool {
        self.tokenizes
    }
}

/// The rules that count for one message, sorted by what they look for. A rule is named by its index among
/// them.
#[derive(Debug)]
pub(super) struct Active<'a> {
    rules: Vec<&'a Rule>,
    /// What is looked for in texts, and in numbers.
    wanted: Wanted,
    wanted_in_numbers: Wanted,
    customs: Vec<(&'a Custom, Wish<'a>)>,
    gate: &'a Gate,
    keys: Vec<(&'a Glob, Wish<'a>)>,
    columns: Vec<(&'a Glob, Wish<'a>)>,
    paths: Vec<&'a Path>,
    path_purposes: Vec<Purpose<'a>>,
    replacements: Vec<&'a str>,
    marks: Vec<&'a str>,
    decode: Decode,
    tokens: Option<&'a Tokens>,
}

/// What one rule wants to become of a value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    /// The rule.
    pub(super) rule: usize,
    /// What it wants.
    pub(super) action: &'a Action,
    /// Which of all wishes it is, in the order of the configuration.
    pub(super) rank: Rank,
}

/// The place of a wish in the configuration: which rule's it is, and which of the rule's.
pub(super) type Rank = (usize, usize);

/// The strongest of some wishes, of equals the first in the configuration: in whatever order they are found.
pub(super) fn strongest<'a>(wishes: impl Iterator<Item = Wish<'a>>) -> Option<Wish<'a>> {
    wishes.max_by_key(|wish| (strength(wish.action), Reverse(wish.rank)))
}

/// Why a path is followed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose<'a> {
    /// What stands at it is masked.
    Mask(Wish<'a>),
    /// What stands at it, and below, is not masked by this rule.
    Keep(usize),
}

impl<'a> Active<'a> {
    /// Those of `rules` that count in `context`.
    pub(super) fn new(all: &'a Rules, context: &Context<'a>) -> Self {
        let rules: Vec<&Rule> = all.rules.iter().filter(|rule| rule.applies(context)).collect();
        let gate = &all.gate;
        let mut active = Self {
            rules: Vec::new(),
            wanted: Wanted::default(),
            wanted_in_numbers: Wanted::default(),
            customs: Vec::new(),
            gate,
            keys: Vec::new(),
            columns: Vec::new(),
            paths: Vec::new(),
            path_purposes: Vec::new(),
            replacements: Vec::new(),
            marks: Vec::new(),
            decode: Decode::default(),
            tokens: context.tokens,
        };
        for (rule, &compiled) in rules.iter().enumerate() {
            active.add(rule, compiled);
        }
        active.rules = rules;
        active
    }

    fn add(&mut self, rule: usize, compiled: &'a Rule) {
        self.decode = self.decode.and(compiled.decode);
        self.wanted = self.wanted | compiled.wanted;
        self.wanted_in_numbers = self.wanted_in_numbers | compiled.wanted_in_numbers;
        let mut ranks = compiled.detectors.len()..;
        let mut wish = |action| Wish { rule, action, rank: (rule, ranks.next().unwrap_or(usize::MAX)) };
        self.customs.extend(compiled.customs.iter().map(|custom| (custom, wish(&custom.action))));
        self.marks.extend(compiled.customs.iter().map(Custom::mark));
        self.replacements.extend(compiled.customs.iter().flat_map(Custom::replacements));
        self.keys.extend(compiled.keys.iter().map(|(glob, action)| (glob, wish(action))));
        self.columns.extend(compiled.columns.iter().map(|(glob, action)| (glob, wish(action))));
        for (path, action) in &compiled.paths {
            self.paths.push(path);
            self.path_purposes.push(Purpose::Mask(wish(action)));
        }
        for path in &compiled.kept_paths {
            self.paths.push(path);
            self.path_purposes.push(Purpose::Keep(rule));
        }
        let replacements = compiled.actions().filter_map(Action::replacement);
        self.replacements.extend(replacements.filter_map(|own| own.string.as_deref()));
    }

    /// What is undone: what any rule that counts asks for is done for all of them.
    pub(super) fn decode(&self) -> Decode {
        self.decode
    }

    /// Whether no rule counts.
    pub(super) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The largest message that every rule lets pass, in bytes.
    pub(super) fn message_bytes(&self) -> Option<u64> {
        self.rules.iter().filter_map(|rule| rule.message_bytes).min()
    }

    /// Whether what cannot be masked passes as it is.
    pub(super) fn fails_open(&self) -> bool {
        !self.rules.is_empty() && self.rules.iter().all(|rule| rule.fail_open)
    }

    /// What is looked for in texts.
    pub(super) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// What is looked for in JSON numbers.
    pub(super) fn wanted_in_numbers(&self) -> Wanted {
        self.wanted_in_numbers
    }

    /// What rules describe themselves, and what each wants of it.
    pub(super) fn customs(&self) -> &[(&'a Custom, Wish<'a>)] {
        &self.customs
    }

    /// What lets texts through that may hold any of that; none if there is nothing.
    pub(super) fn gate(&self) -> Option<&'a Gate> {
        (!self.customs.is_empty()).then_some(self.gate)
    }

    /// The marks of what rules describe themselves.
    pub(super) fn marks(&self) -> &[&'a str] {
        &self.marks
    }

    /// Who wants values of a kind masked.
    pub(super) fn wishes_for_kind(&self, kind: DetectorType) -> impl Iterator<Item = Wish<'a>> {
        self.rules.iter().enumerate().flat_map(move |(rule, &compiled)| {
            let from = compiled.places.partition_point(|(own, _)| *own < kind);
            let own = compiled.places.get(from..).unwrap_or_default();
            own.iter().take_while(move |(own, _)| *own == kind).filter_map(move |&(_, place)| {
                let (_, action) = compiled.detectors.get(place)?;
                Some(Wish { rule, action, rank: (rule, place) })
            })
        })
    }

    /// Who wants the members masked that are called `key`, given in lower case.
    pub(super) fn wishes_for_key<'s>(&'s self, key: &'s str) -> impl Iterator<Item = Wish<'a>> + 's {
        self.keys.iter().filter(|(glob, _)| glob.matches(key)).map(|(_, wish)| *wish)
    }

    /// Who wants the cells masked that stand under `name` in a table, given in lower case.
    pub(super) fn wishes_for_column<'s>(&'s self, name: &'s str) -> impl Iterator<Item = Wish<'a>> + 's {
        self.columns.iter().filter(|(glob, _)| glob.matches(name)).map(|(_, wish)| *wish)
    }

    /// Whether any rule masks columns of tables.
    pub(super) fn has_columns(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether any rule masks members by their name.
    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether any rule masks values because of their place.
    pub(super) fn has_fields(&self) -> bool {
        let masks = |purpose: &Purpose<'_>| matches!(purpose, Purpose::Mask(_));
        self.has_keys() || self.path_purposes.iter().any(masks)
    }

    /// The paths that are followed from the root of each document.
    pub(super) fn paths(&self) -> &[&'a Path] {
        &self.paths
    }

    /// Whether any of them asks about values.
    pub(super) fn has_filters(&self) -> bool {
        self.paths.iter().any(|path| path.has_filters())
    }

    /// Whether something is masked at the end of the path at this index.
    pub(super) fn masks_at(&self, index: usize) -> bool {
        matches!(self.path_purposes.get(index), Some(Purpose::Mask(_)))
    }

    /// Why the path at this index is followed, if `done` of its segments are all it has.
    pub(super) fn purpose(&self, (index, done): (usize, usize)) -> Option<Purpose<'a>> {
        let path = self.paths.get(index)?;
        if path.length() == done { self.path_purposes.get(index).copied() } else { None }
    }

    /// The tokens of the session, if there is one.
    pub(super) fn tokens(&self) -> Option<&'a Tokens> {
        self.tokens
    }

    /// Where in a text nothing is looked for that rules want masked. Where nobody can say which tokens are ours, all are that
    /// could be.
    pub(super) fn masks(&self, text: &str) -> Vec<Range<usize>> {
        let is_mark = |claim: Claim<'_>| match claim {
            Claim::Hash => true,
            Claim::Token(body) => self.tokens.is_none_or(|tokens| tokens.open(body).is_some()),
        };
        masks(text, &self.replacements, &is_mark)
    }

    /// Where no known value is looked for: in marks, and in tokens that are ours for sure. A server may write a credential of
    /// hexadecimal digits as if it was a hash.
    pub(super) fn own_marks(&self, text: &str) -> Vec<Range<usize>> {
        let is_mark = |claim: Claim<'_>| match claim {
            Claim::Hash => false,
            Claim::Token(body) => self.tokens.is_some_and(|tokens| tokens.open(body).is_some()),
        };
        masks(text, &self.marks, &is_mark)
    }

    /// Whether a rule leaves this value as it is.
    pub(super) fn keeps_value(&self, rule: usize, value: &str) -> bool {
        self.rules.get(rule).is_some_and(|rule| rule.keeps_value(value))
    }
}
