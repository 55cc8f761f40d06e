//! One rule in compiled form: which messages it is about, what it looks for, and what it leaves alone.

use regex::{Regex, RegexBuilder};

use super::custom::Custom;
use super::decode::Undo;
use super::detect::Wanted;
use super::{Audience, Context, detect};
use crate::access::climbs;
use crate::call::Operation;
use crate::config::{self, Action, DetectorType, Direction};
use crate::decide::Caller;
use crate::glob::Glob;
use crate::path::Path;
use crate::when::When;

/// A compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    directions: Vec<Direction>,
    tools: Names,
    resources: Names,
    when: When,
    pub(super) message_bytes: Option<u64>,
    pub(super) fail_open: bool,
    pub(super) detectors: Vec<(DetectorType, Action)>,
    /// Where in `detectors` each kind is, by kind.
    pub(super) places: Vec<(DetectorType, usize)>,
    /// The same, as a text and as a number are searched for them.
    pub(super) wanted: Wanted,
    pub(super) wanted_in_numbers: Wanted,
    pub(super) customs: Vec<Custom>,
    pub(super) paths: Vec<(Path, Action)>,
    pub(super) keys: Vec<(Glob, Action)>,
    pub(super) columns: Vec<(Glob, Action)>,
    pub(super) kept_paths: Vec<Path>,
    kept_values: Vec<String>,
    kept_patterns: Vec<Regex>,
    kept_groups: Vec<String>,
    pub(super) decode: Decode,
}

impl Rule {
    /// Takes a rule that [`check`] has found right; what it would have refused is left out.
    pub(super) fn new(rule: &config::MaskingRule, when: When) -> Self {
        let mut detectors = Vec::new();
        for detector in &rule.detectors {
            let kinds = detector.group.into_iter().flat_map(detect::members);
            detectors.extend(kinds.chain(detector.kind).map(|kind| (kind, detector.action.clone())));
        }
        let kinds = detectors.iter().enumerate().map(|(place, (kind, _))| (*kind, place));
        let mut places: Vec<_> = kinds.collect();
        places.sort_unstable();
        let path = |text: &String| Path::parse(text).ok();
        let paths = rule
            .fields
            .iter()
            .filter_map(|field| Some((path(field.json_path.as_ref()?)?, field.action.clone())));
        let named = |names: fn(&config::Field) -> &Vec<String>| {
            let of_field = move |field| {
                let globs = names(field).iter().map(|pattern| Glob::new(&pattern.to_lowercase()));
                globs.map(|glob| (glob, field.action.clone()))
            };
            rule.fields.iter().flat_map(of_field).collect()
        };
        Self {
            directions: rule.directions.clone(),
            tools: Names::new(&rule.matching.tools),
            resources: Names::new(&rule.matching.resources),
            when,
            message_bytes: rule.message_bytes,
            fail_open: rule.fail_open,
            wanted: Wanted::of(detectors.iter().map(|(kind, _)| *kind)),
            wanted_in_numbers: Wanted::of(
                detectors.iter().map(|(kind, _)| *kind).filter(|kind| detect::can_be_number(*kind)),
            ),
            places,
            detectors,
            customs: rule.custom.iter().filter_map(Custom::new).collect(),
            paths: paths.collect(),
            keys: named(|field| &field.keys),
            columns: named(|field| &field.columns),
            kept_paths: rule.exclude.fields.iter().filter_map(path).collect(),
            kept_values: rule.exclude.values.exact.clone(),
            kept_patterns: rule
                .exclude
                .values
                .regex
                .iter()
                .filter_map(|text| whole_value(text).ok())
                .collect(),
            kept_groups: rule.exclude.callers.groups.clone(),
            decode: Decode::new(&rule.decode),
        }
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        let detected = self.detectors.iter().map(|(_, action)| action);
        let placed = self.paths.iter().map(|(_, action)| action);
        let named = self.keys.iter().chain(&self.columns).map(|(_, action)| action);
        let described = self.customs.iter().map(|custom| &custom.action);
        detected.chain(described).chain(placed).chain(named)
    }

    /// Whether the rule counts for a message.
    pub(super) fn applies(&self, context: &Context<'_>) -> bool {
        let is_wanted = match context.audience {
            Audience::Record => true,
            Audience::Caller(caller) | Audience::Upstream(caller) => {
                let sees_all = caller.groups.iter().any(|group| self.kept_groups.contains(group));
                self.directions.contains(&context.direction) && !sees_all && self.counts_for(caller, context)
            }
        };
        // Where a message came from an unknown call, it may have been any tool's.
        is_wanted && context.operation.is_none_or(|operation| self.is_about(operation))
    }

    /// Whether the rule's condition holds; one that has no answer does, for it would hide less otherwise.
    fn counts_for(&self, caller: &Caller, context: &Context<'_>) -> bool {
        let tool = context.operation.and_then(Operation::tool_behind);
        self.when.holds_without_arguments(caller, tool, context.now).unwrap_or(true)
    }

    fn is_about(&self, operation: &Operation) -> bool {
        if self.tools.is_empty() && self.resources.is_empty() {
            return true;
        }
        let resource = operation.resource_behind();
        // What a server resolves to another resource than it is called may be any.
        let may_be_any = !self.resources.is_empty() && resource.is_some_and(climbs);
        may_be_any || self.tools.matches(operation.tool_behind()) || self.resources.matches(resource)
    }

    pub(super) fn keeps_value(&self, value: &str) -> bool {
        self.kept_values.iter().any(|kept| kept == value)
            || self.kept_patterns.iter().any(|pattern| pattern.is_match(value))
    }
}

/// What is undone before values are looked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decode {
    /// How many texts inside each other are opened as JSON. What is deeper is masked as text.
    pub(super) nested_json: usize,
    /// Whether texts in base64 are read.
    pub(super) base64: bool,
    /// What is undone inside a text.
    pub(super) undo: Undo,
}

impl Decode {
    fn new(decode: &config::Decode) -> Self {
        Self {
            nested_json: usize::try_from(decode.nested_json).unwrap_or_default(),
            base64: decode.base64,
            undo: Undo { folds: decode.unicode == config::Unicode::Fold, escapes: decode.escapes },
        }
    }

    /// The more thorough of two, in each respect.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            nested_json: self.nested_json.max(other.nested_json),
            base64: self.base64 | other.base64,
            undo: Undo {
                folds: self.undo.folds | other.undo.folds,
                escapes: self.undo.escapes | other.undo.escapes,
            },
        }
    }
}

/// Which tools or resources a rule is about; none if both lists are empty.
#[derive(Debug)]
struct Names {
    wanted: Vec<Glob>,
    unwanted: Vec<Glob>,
}

impl Names {
    fn new(patterns: &[String]) -> Self {
        let (unwanted, wanted): (Vec<&String>, Vec<&String>) =
            patterns.iter().partition(|pattern| pattern.starts_with('!'));
        let glob = |pattern: &String| Glob::new(pattern.trim_start_matches('!'));
        Self {
            wanted: wanted.into_iter().map(glob).collect(),
            unwanted: unwanted.into_iter().map(glob).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.unwanted.is_empty()
    }

    fn matches(&self, name: Option<&str>) -> bool {
        let Some(name) = name else { return false };
        self.wanted.iter().any(|glob| glob.matches(name))
            && !self.unwanted.iter().any(|glob| glob.matches(name))
    }
}

/// What one pattern may take when compiled, in bytes.
pub(super) const MAXIMUM_PATTERN_BYTES: usize = 1 << 20;

/// A pattern that matches nothing but a whole value. It is compiled alone first, so that no pattern can close
/// the group around it.
pub(super) fn whole_value(pattern: &str) -> Result<Regex, regex::Error> {
    let compile = |pattern: &str| RegexBuilder::new(pattern).size_limit(MAXIMUM_PATTERN_BYTES).build();
    compile(pattern)?;
    compile(&format!(r"\A(?:{pattern})\z"))
}
