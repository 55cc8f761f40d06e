//! How an object does, read from its status and from the pods that were made for it: `lychgate status`.
//!
//! Objects come as the API server has them. The rule is that of Argo CD's health: an object that the operator
//! has not looked at as it stands is progressing; one that is not accepted, or not ready, is degraded.

use std::fmt;

use lychgate_crds::{ConditionType, Progress, Reason};
use serde_json::Value;

use super::pods;
use crate::problem::ObjectKey;

/// How an object does. The words are Argo CD's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// All is as it should be.
    Healthy,
    /// It is on its way, or nobody can tell yet.
    Progressing,
    /// Something is wrong.
    Degraded,
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Healthy => "Healthy",
            Self::Progressing => "Progressing",
            Self::Degraded => "Degraded",
        })
    }
}

/// What is to be said of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The object.
    pub object: ObjectKey,
    /// How it does.
    pub health: Health,
    /// Where clients reach it, for a connection that is accepted.
    pub url: Option<String>,
    /// What is wrong or unfinished, the cause before what follows from it.
    pub findings: Vec<Finding>,
}

/// Something that is wrong or unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// What that means, and what to do.
    pub advice: Option<&'static str>,
}

/// What the API server knows of an object's pods: nothing, for an object that has none of its own.
#[derive(Clone, Debug, Default)]
pub struct Workload<'a> {
    /// Deployments and pods.
    pub objects: Vec<&'a Value>,
    /// Events that warn (v1, `type: Warning`), of any object.
    pub warnings: &'a [Value],
}

/// Says how an object does.
#[must_use]
pub fn diagnose(object: &Value, workload: &Workload<'_>) -> Diagnosis {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut findings = Vec::new();
    let by_status = by_status(object, &mut findings);
    let troubles = workload.objects.iter().flat_map(|part| pods::troubles(part, workload.warnings));
    let troubles: Vec<Finding> = troubles.map(|what| Finding { what, advice: None }).collect();
    let health = if troubles.is_empty() { by_status } else { Health::Degraded };
    findings.extend(troubles);
    Diagnosis {
        object: ObjectKey::new(text("/kind"), text("/metadata/namespace"), text("/metadata/name")),
        health,
        url: object.pointer("/status/url").and_then(Value::as_str).map(str::to_owned),
        findings,
    }
}

fn by_status(object: &Value, findings: &mut Vec<Finding>) -> Health {
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
    let observed = object.pointer("/status/observedGeneration").and_then(Value::as_i64);
    if observed.is_none_or(|observed| observed < generation) {
        findings.push(Finding {
            what: match observed {
                None => "the operator has not looked at it yet".to_owned(),
                Some(observed) => {
                    format!("the operator has looked at generation {observed} of {generation}, and not at the last change")
                }
            },
            advice: Some(
                "That takes seconds. If it stays, look whether an operator runs, and whether it watches this namespace.",
            ),
        });
        return Health::Progressing;
    }
    let mut worst = Health::Healthy;
    let mut said: Vec<(&str, &str)> = Vec::new();
    let kinds = conditions_of(object.get("kind").and_then(Value::as_str).unwrap_or_default());
    let may_be_ready = kinds.contains(&ConditionType::Ready);
    for kind in kinds.iter().copied() {
        let condition = Condition::of(object, kind);
        let health = condition.health(kind, may_be_ready);
        worst = worst.max(health);
        // Tools need not be pinned, and are not known before somebody asks for them.
        let is_awaited = kind == ConditionType::ToolsPinned && condition.status == "Unknown";
        let is_noteworthy = !is_awaited && (condition.status != good(kind) || condition.is_a_warning());
        // What follows from another condition has its reason and its words, or says that it follows.
        let follows = condition.reason == Progress::NotAccepted.as_str();
        let is_new = !said.contains(&(condition.reason, condition.message));
        if is_noteworthy && is_new && !follows {
            said.push((condition.reason, condition.message));
            findings.push(condition.finding(kind));
        } else if is_noteworthy && kind == ConditionType::Programmed && follows {
            findings.push(Finding { what: condition.message.to_owned(), advice: None });
        }
    }
    worst
}

/// The conditions that a kind has.
fn conditions_of(kind: &str) -> &'static [ConditionType] {
    match kind {
        "MaskingRule" => &[ConditionType::Accepted, ConditionType::Programmed],
        "CommandRule" => &[ConditionType::Accepted, ConditionType::Programmed, ConditionType::Conflicted],
        "ApprovalPolicy" => &[
            ConditionType::Accepted,
            ConditionType::Programmed,
            ConditionType::Conflicted,
            ConditionType::AdmissionGuarded,
        ],
        "McpConnection" => &[
            ConditionType::Accepted,
            ConditionType::ResolvedRefs,
            ConditionType::Programmed,
            ConditionType::Ready,
            ConditionType::ToolsPinned,
        ],
        _ => &[
            ConditionType::Accepted,
            ConditionType::ResolvedRefs,
            ConditionType::Programmed,
            ConditionType::Ready,
        ],
    }
}

/// The status of a condition when all is as it should be.
fn good(kind: ConditionType) -> &'static str {
    if kind == ConditionType::Conflicted { "False" } else { "True" }
}

/// A condition as it stands; one that is missing is unknown.
struct Condition<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

impl<'a> Condition<'a> {
    fn of(object: &'a Value, kind: ConditionType) -> Self {
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        let is_it = |condition: &&Value| condition.get("type").and_then(Value::as_str) == Some(kind.as_str());
        let found = conditions.and_then(|conditions| conditions.iter().find(is_it));
        let text =
            |name: &str| found.and_then(|found| found.get(name)).and_then(Value::as_str).unwrap_or_default();
        Self {
            status: if found.is_some() { text("status") } else { "Unknown" },
            reason: text("reason"),
            message: text("message"),
        }
    }

    fn health(&self, kind: ConditionType, may_be_ready: bool) -> Health {
        match (self.status, kind) {
            // Other calls pass, and who meets this one is told.
            (_, ConditionType::Conflicted) | ("True", _) => Health::Healthy,
            // What was looked at is not what is there any more; what nobody has looked at yet is only new.
            ("False", ConditionType::ToolsPinned) if self.reason == Progress::ToolsChanged.as_str() => {
                Health::Degraded
            }
            (_, ConditionType::ToolsPinned) => Health::Healthy,
            ("False", ConditionType::Accepted | ConditionType::Ready | ConditionType::AdmissionGuarded) => {
                Health::Degraded
            }
            // What these two lack, Ready lacks, too.
            (_, ConditionType::ResolvedRefs | ConditionType::Programmed) if may_be_ready => Health::Healthy,
            (
                _,
                ConditionType::Accepted
                | ConditionType::ResolvedRefs
                | ConditionType::Programmed
                | ConditionType::Ready
                | ConditionType::AdmissionGuarded,
            ) => Health::Progressing,
        }
    }

    /// Whether it holds, and something is odd all the same.
    fn is_a_warning(&self) -> bool {
        self.message.starts_with(super::ODD)
    }

    fn finding(&self, kind: ConditionType) -> Finding {
        let Self { status, reason, message } = self;
        let reason = if reason.is_empty() { "no reason" } else { reason };
        Finding { what: format!("{kind} is {status} ({reason}): {message}"), advice: advice(reason) }
    }
}

/// What a reason of a condition means and what to do, as `docs/reference.md` has it.
fn advice(reason: &str) -> Option<&'static str> {
    let written = Reason::ALL.into_iter().find(|known| known.as_str() == reason).map(Reason::explanation);
    written.or_else(|| {
        Progress::ALL.into_iter().find(|known| known.as_str() == reason).map(Progress::explanation)
    })
}
