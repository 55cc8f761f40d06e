//! Makes a masked document fit its schema: what the validator finds wrong is mended where something was masked, round by
//! round, until nothing is wrong or nothing more can be done.
//!
//! At each place that does not fit, in this order: a value of the same type that has what is asked, `null`, and, where a
//! member is optional, nothing. What is missing in something that was emptied, or of which a part was dropped, is added
//! as `null` and mended in turn.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Wrong};
use serde_json::Value;

use crate::demand::Demand;
use crate::places::{Place, Places, Stage, masked_places};
use crate::pointer::{is_object, join, split};

/// How often a document is looked at.
const MAXIMUM_ROUNDS: usize = 16;
/// How much that is wrong is mended in one round.
const MAXIMUM_WRONG: usize = 10_000;
/// How many values are tried at one place.
const MAXIMUM_TRIED: usize = 6;
/// How many items are added to one array.
const MAXIMUM_ADDED: usize = 256;

/// How a masked document stands to its schema.
#[derive(Debug, PartialEq)]
pub enum Fit {
    /// What came did not fit, or takes too much work to look at: nothing can be said.
    NotAsked,
    /// It fits as it is masked.
    Fits,
    /// This one fits. So many places are others in it.
    Changed {
        /// The document.
        document: Value,
        /// How many places are others.
        places: usize,
    },
    /// None was found that fits.
    Unfit(Unfit),
}

/// A place that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// The place in the masked document, as a JSON Pointer (RFC 6901).
    pub pointer: String,
    /// The keyword of the schema that it does not fit.
    pub keyword: String,
}

pub(crate) fn fit(
    validator: &Validator,
    before: &Value,
    masked: &Value,
    may_show: &dyn Fn(&str) -> bool,
) -> Fit {
    if validator.is_valid(masked) {
        return Fit::Fits;
    }
    let mut fitting = Fitting {
        document: masked.clone(),
        places: masked_places(before, masked),
        removed: HashSet::new(),
        changed: BTreeSet::new(),
        may_show,
    };
    let mut last = Unfit { pointer: String::new(), keyword: String::new() };
    for _ in 0..MAXIMUM_ROUNDS {
        let changes = {
            let wrong: Vec<ValidationError<'_>> =
                validator.iter_errors(&fitting.document).take(MAXIMUM_WRONG).collect();
            let Some(first) = wrong.first() else { break };
            last = unfit(first);
            match fitting.plan(&wrong) {
                Ok(changes) => changes,
                Err(unfit) => return Fit::Unfit(unfit),
            }
        };
        for (pointer, change) in changes {
            fitting.apply(pointer, change);
        }
    }
    if validator.is_valid(&fitting.document) {
        Fit::Changed { places: fitting.changed.len(), document: fitting.document }
    } else {
        Fit::Unfit(last)
    }
}

fn unfit(error: &ValidationError<'_>) -> Unfit {
    Unfit { pointer: error.instance_path().as_str().to_owned(), keyword: error.kind().keyword().to_owned() }
}

/// What becomes of a place.
#[derive(Clone, Debug)]
enum Change {
    /// Another value, and what it has that is asked for.
    Set(Value, Option<Box<Demand>>),
    /// The next after every value was tried.
    GiveWay,
    /// What is not there is added, as `null`.
    Add,
}

struct Fitting<'a> {
    document: Value,
    places: Places,
    /// What was removed for good.
    removed: HashSet<String>,
    changed: BTreeSet<String>,
    may_show: &'a dyn Fn(&str) -> bool,
}

/// What is to be done in a round.
#[derive(Default)]
struct Plan<'e> {
    changes: BTreeMap<String, Change>,
    /// What is wrong at places that may have another value.
    wrong: BTreeMap<String, Vec<&'e Wrong>>,
    /// Whether places may give way: not while it is not sure that this is the branch.
    is_strict: bool,
}

impl Fitting<'_> {
    /// What is to be done about all that is wrong.
    fn plan(&self, wrong: &[ValidationError<'_>]) -> Result<BTreeMap<String, Change>, Unfit> {
        let mut plan = Plan::default();
        for error in wrong {
            self.consider(error, &mut plan)?;
        }
        let Plan { mut changes, wrong: found, .. } = plan;
        for (pointer, kinds) in found {
            let keyword = kinds.first().map_or("", |kind| kind.keyword());
            match self.candidate(&pointer, &kinds) {
                Some((value, demand)) => {
                    changes.insert(pointer, Change::Set(value, Some(Box::new(demand))));
                }
                None => self.give_way(&pointer, keyword, &mut changes)?,
            }
        }
        Ok(changes)
    }

    #[allow(clippy::wildcard_enum_match_arm, reason = "every other keyword asks for another value")]
    fn consider<'e>(&self, error: &'e ValidationError<'_>, plan: &mut Plan<'e>) -> Result<(), Unfit> {
        let pointer = error.instance_path().as_str();
        let kind = error.kind();
        match kind {
            Wrong::Required { property } => {
                let added = join(pointer, property.as_str().unwrap_or_default());
                let may_add = self.may_add(pointer) && !self.removed.contains(&added);
                if may_add {
                    plan.changes.insert(added, Change::Add);
                    return Ok(());
                }
                self.otherwise(&added, kind, plan)
            }
            Wrong::MinItems { limit } if self.may_add(pointer) => {
                let length = self.document.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len);
                let wanted = usize::try_from(*limit).unwrap_or(usize::MAX);
                if wanted.saturating_sub(length) > MAXIMUM_ADDED {
                    return self.otherwise(pointer, kind, plan);
                }
                let added = (length..wanted).map(|index| (join(pointer, &index.to_string()), Change::Add));
                plan.changes.extend(added);
                Ok(())
            }
            Wrong::UniqueItems => self.number(pointer, kind, plan),
            Wrong::AdditionalProperties { .. }
            | Wrong::UnevaluatedProperties { .. }
            | Wrong::PropertyNames { .. } => self.remove_renamed(pointer, kind, plan),
            Wrong::AnyOf { context } | Wrong::OneOfNotValid { context } => {
                for branch in context {
                    if let Some(found) = self.branch(branch) {
                        plan.changes.extend(found.changes);
                        for (pointer, kinds) in found.wrong {
                            plan.wrong.entry(pointer).or_default().extend(kinds);
                        }
                        return Ok(());
                    }
                }
                self.otherwise(pointer, kind, plan)
            }
            _ if self.places.get(pointer).is_some_and(|place| place.is_whole && !place.is_renamed) => {
                plan.wrong.entry(pointer.to_owned()).or_default().push(kind);
                Ok(())
            }
            _ => self.otherwise(pointer, kind, plan),
        }
    }

    /// What there is to do for a branch of `anyOf` or `oneOf`, if all of it can be done by other values.
    fn branch<'e>(&self, branch: &'e [ValidationError<'_>]) -> Option<Plan<'e>> {
        let mut plan = Plan { is_strict: true, ..Plan::default() };
        for error in branch {
            self.consider(error, &mut plan).ok()?;
        }
        let found = std::mem::take(&mut plan.wrong);
        for (pointer, kinds) in found {
            // What one branch asks for is not asked for by the next.
            let (value, _) = self.candidate(&pointer, &kinds)?;
            plan.changes.insert(pointer, Change::Set(value, None));
        }
        Some(plan)
    }

    /// A value for a place that was not there yet and has all that is asked, with what that is.
    fn candidate(&self, pointer: &str, kinds: &[&Wrong]) -> Option<(Value, Demand)> {
        let place = self.places.get(pointer).filter(|place| place.is_whole && !place.is_renamed)?;
        if place.stage != Stage::Any || place.tried.len() >= MAXIMUM_TRIED {
            return None;
        }
        let current = self.document.pointer(pointer)?;
        let mut demand = place.demand.clone();
        kinds.iter().for_each(|kind| demand.note(kind));
        let value = demand.meet(current, self.may_show)?;
        (value != *current && !place.tried.contains(&value)).then_some((value, demand))
    }

    fn otherwise(&self, pointer: &str, kind: &Wrong, plan: &mut Plan<'_>) -> Result<(), Unfit> {
        if plan.is_strict {
            return Err(Unfit { pointer: pointer.to_owned(), keyword: kind.keyword().to_owned() });
        }
        self.give_way(pointer, kind.keyword(), &mut plan.changes)
    }

    /// Has the place give way, or the nearest around it that was masked as a whole.
    fn give_way(
        &self,
        pointer: &str,
        keyword: &str,
        changes: &mut BTreeMap<String, Change>,
    ) -> Result<(), Unfit> {
        let mut at = pointer.to_owned();
        loop {
            if self.can_give_way(&at) {
                changes.insert(at, Change::GiveWay);
                return Ok(());
            }
            match split(&at) {
                Some((parent, _)) => at = parent.to_owned(),
                None => return Err(Unfit { pointer: pointer.to_owned(), keyword: keyword.to_owned() }),
            }
        }
    }

    fn can_give_way(&self, pointer: &str) -> bool {
        let Some(place) = self.places.get(pointer).filter(|place| place.is_whole) else { return false };
        let is_null = self.document.pointer(pointer).is_some_and(Value::is_null);
        let may_go = split(pointer).is_some_and(|(parent, _)| is_object(&self.document, parent));
        match place.stage {
            Stage::Any => (!is_null && !place.is_renamed) || may_go,
            Stage::Null => may_go,
            Stage::Spent => false,
        }
    }

    /// Whether something may be added to what stands at a place.
    fn may_add(&self, pointer: &str) -> bool {
        self.places.get(pointer).is_some_and(|place| place.stage == Stage::Any && !place.is_renamed)
    }

    fn remove_renamed<'e>(&self, pointer: &str, kind: &'e Wrong, plan: &mut Plan<'e>) -> Result<(), Unfit> {
        let names = self
            .document
            .pointer(pointer)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|object| object.keys());
        let members = names.map(|name| join(pointer, name));
        let renamed: Vec<String> =
            members.filter(|member| self.places.get(member).is_some_and(|place| place.is_renamed)).collect();
        if renamed.is_empty() {
            return self.otherwise(pointer, kind, plan);
        }
        plan.changes.extend(renamed.into_iter().map(|member| (member, Change::GiveWay)));
        Ok(())
    }

    /// Numbers the masks in an array that would be equal.
    fn number<'e>(&self, pointer: &str, kind: &'e Wrong, plan: &mut Plan<'e>) -> Result<(), Unfit> {
        let items = self.document.pointer(pointer).and_then(Value::as_array);
        let mut seen: HashSet<String> = HashSet::new();
        let mut has_numbered = false;
        for (index, item) in items.into_iter().flatten().enumerate() {
            let Some(text) = item.as_str() else { continue };
            let place = join(pointer, &index.to_string());
            if seen.insert(text.to_owned()) || self.places.get(&place).is_none_or(|place| !place.is_whole) {
                continue;
            }
            let unused = (2..).map(|number| format!("{text}~{number}")).find(|text| !seen.contains(text));
            if let Some(unused) = unused {
                seen.insert(unused.clone());
                plan.changes.insert(place, Change::Set(unused.into(), None));
                has_numbered = true;
            }
        }
        if has_numbered { Ok(()) } else { self.otherwise(pointer, kind, plan) }
    }

    fn apply(&mut self, pointer: String, change: Change) {
        match change {
            Change::Set(value, demand) => {
                let (Some(current), Some(place)) =
                    (self.document.pointer_mut(&pointer), self.places.get_mut(&pointer))
                else {
                    return;
                };
                place.tried.push(std::mem::replace(current, value));
                if let Some(demand) = demand {
                    place.demand = *demand;
                }
            }
            Change::GiveWay => {
                let is_null = self.document.pointer(&pointer).is_none_or(Value::is_null);
                let Some(place) = self.places.get_mut(&pointer) else { return };
                if place.stage == Stage::Any && !place.is_renamed && !is_null {
                    place.stage = Stage::Null;
                    if let Some(current) = self.document.pointer_mut(&pointer) {
                        *current = Value::Null;
                    }
                } else {
                    place.stage = Stage::Spent;
                    self.remove(&pointer);
                    self.removed.insert(pointer.clone());
                }
            }
            Change::Add => {
                let Some((parent, name)) = split(&pointer) else { return };
                match self.document.pointer_mut(parent) {
                    Some(Value::Object(members)) => {
                        members.entry(name).or_insert(Value::Null);
                    }
                    Some(Value::Array(items)) => items.push(Value::Null),
                    Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => return,
                }
                self.places.entry(pointer.clone()).or_insert_with(Place::whole);
            }
        }
        self.changed.insert(pointer);
    }

    fn remove(&mut self, pointer: &str) {
        let Some((parent, name)) = split(pointer) else { return };
        if let Some(Value::Object(members)) = self.document.pointer_mut(parent) {
            members.remove(&name);
        }
    }
}
