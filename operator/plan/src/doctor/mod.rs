//! What is wrong with Lychgate in a cluster, found in what was fetched of it: `lychgate doctor`.
//!
//! Values in, findings out; who fetches them may lack rights for some, and what was not fetched is not judged.
//! Each finding is one thing that is wrong: what and where it is, why it matters, and what to do next.

mod installation;
mod pods;
mod reports;
mod server;

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::problem::{ObjectKey, Severity};
use crate::status::{Health, Workload, diagnose};

/// What was fetched of a cluster, as the API server has it.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// Objects of the kinds of Lychgate.
    pub objects: Vec<Value>,
    /// Deployments of gateways and of the operator.
    pub deployments: Vec<Value>,
    /// Pods of gateways and of the operator.
    pub pods: Vec<Value>,
    /// Events that warn (v1, `type: Warning`).
    pub warnings: Vec<Value>,
    /// The Services that connections name.
    pub services: Vec<Value>,
    /// Pods that these select; nothing if they may not be read.
    pub server_pods: Option<Vec<Value>>,
    /// NetworkPolicies of the namespaces of these; nothing if they may not be read.
    pub network_policies: Option<Vec<Value>>,
    /// What gateways' pods answer at `/metrics`.
    pub metrics: Vec<(ObjectKey, String)>,
    /// What there is of the installation itself.
    pub installation: Installation,
}

/// What there is of the installation itself.
#[derive(Clone, Debug, Default)]
pub struct Installation {
    /// The operator's namespace.
    pub namespace: String,
    /// The plurals of the kinds of Lychgate that the API server serves; nothing if that is not known.
    pub kinds: Option<Vec<String>>,
    /// The operator's Lease, or that there is none; nothing if it may not be read.
    pub lease: Option<Option<Value>>,
    /// The version of whoever asks.
    pub version: String,
    /// The API server's clock, if it has told it.
    pub server_time: Option<Timestamp>,
    /// The clock of whoever asks.
    pub now: Timestamp,
}

/// What kind of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ailment {
    /// The API server does not know a kind of Lychgate.
    KindMissing,
    /// No operator leads.
    OperatorMissing,
    /// Parts of the installation are of different versions.
    VersionsDiffer,
    /// An image cannot be pulled.
    ImageNotPulled,
    /// A container ends again and again.
    Crashing,
    /// A container cannot be started.
    NotStarted,
    /// No node takes a pod.
    NotScheduled,
    /// The API server refuses to make pods.
    PodsRefused,
    /// An object is not accepted, or not ready.
    ObjectDegraded,
    /// A server has no pod that is ready, or gateways did not reach it.
    ServerUnreachable,
    /// A server can be reached without its gateway.
    ServerBypassable,
    /// Clocks differ.
    ClocksDiffer,
}

impl Ailment {
    /// Every ailment.
    pub const ALL: [Self; 12] = [
        Self::KindMissing,
        Self::OperatorMissing,
        Self::VersionsDiffer,
        Self::ImageNotPulled,
        Self::Crashing,
        Self::NotStarted,
        Self::NotScheduled,
        Self::PodsRefused,
        Self::ObjectDegraded,
        Self::ServerUnreachable,
        Self::ServerBypassable,
        Self::ClocksDiffer,
    ];

    /// The ailment as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KindMissing => "KindMissing",
            Self::OperatorMissing => "OperatorMissing",
            Self::VersionsDiffer => "VersionsDiffer",
            Self::ImageNotPulled => "ImageNotPulled",
            Self::Crashing => "Crashing",
            Self::NotStarted => "NotStarted",
            Self::NotScheduled => "NotScheduled",
            Self::PodsRefused => "PodsRefused",
            Self::ObjectDegraded => "ObjectDegraded",
            Self::ServerUnreachable => "ServerUnreachable",
            Self::ServerBypassable => "ServerBypassable",
            Self::ClocksDiffer => "ClocksDiffer",
        }
    }

    /// Why it matters.
    #[must_use]
    pub fn why(self) -> &'static str {
        match self {
            Self::KindMissing => "Objects of this kind cannot be written, and the operator waits for it.",
            Self::OperatorMissing => "Gateways go on with what they have, and no change reaches them.",
            Self::VersionsDiffer => "What one version says, another may not know.",
            Self::ImageNotPulled | Self::Crashing | Self::NotStarted | Self::NotScheduled => {
                "The pod does nothing. If no other pod of its Deployment is ready, nothing is served."
            }
            Self::PodsRefused => "There is no pod that could serve, and none will come by itself.",
            Self::ObjectDegraded => {
                "It is not in force as it is written. A gateway that runs keeps what it had before."
            }
            Self::ServerUnreachable => "Calls that are allowed fail all the same.",
            Self::ServerBypassable => {
                "Whoever reaches the server without its gateway is held to no grant, no mask and no record."
            }
            Self::ClocksDiffer => {
                "Tokens and Approvals are good until a time: with a wrong clock, too short or too long."
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub ailment: Ailment,
    /// Whether something does not work or is not safe, or is only odd.
    pub severity: Severity,
    /// Where.
    pub place: ObjectKey,
    /// What.
    pub what: String,
    /// What to do next, a command where one helps.
    pub next: String,
}

/// All that is wrong, causes before what follows from them.
#[must_use]
pub fn examine(examined: &Examined) -> Vec<Finding> {
    let mut findings = installation::examine(examined);
    findings.extend(pods::examine(examined));
    findings.extend(server::examine(examined));
    findings.extend(reports::examine(examined));
    findings.extend(examined.objects.iter().filter_map(degraded));
    without_repetitions(findings)
}

/// What the operator says of an object that is not as it should be.
fn degraded(object: &Value) -> Option<Finding> {
    let diagnosis = diagnose(object, &Workload::default());
    if diagnosis.health != Health::Degraded {
        return None;
    }
    let what: Vec<String> = diagnosis.findings.iter().map(|finding| finding.what.clone()).collect();
    let advice = diagnosis.findings.iter().find_map(|finding| finding.advice);
    Some(Finding {
        ailment: Ailment::ObjectDegraded,
        severity: Severity::Error,
        next: advice
            .map_or_else(|| format!("lychgate status -n {}", diagnosis.object.namespace), str::to_owned),
        place: diagnosis.object,
        what: what.join("; "),
    })
}

/// Pods of one Deployment, and connections to one server, mostly suffer from the same: that is told once.
fn without_repetitions(findings: Vec<Finding>) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let same = |finding: &Finding| (finding.ailment, finding.place.namespace.clone(), finding.what.clone());
    findings.into_iter().filter(|finding| told.insert(same(finding))).collect()
}

fn error(ailment: Ailment, place: ObjectKey, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { ailment, severity: Severity::Error, place, what: what.into(), next: next.into() }
}

fn warning(ailment: Ailment, place: ObjectKey, what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..error(ailment, place, what, next) }
}

/// The kind and name of an object.
fn key(object: &Value) -> ObjectKey {
    ObjectKey::new(text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}
