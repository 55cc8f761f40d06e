//! The objects that guard votes: what must be true of each, and since when it is.
//!
//! Probes show that a policy refuses what it should, and cannot show whom it exempts. So each object is looked at, too.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use crate::targets::NAMESPACE_NAME_LABEL;

/// The first part of the names of the policies over votes.
pub const VOTES: &str = "approval-votes";
/// The first part of the names of the policies over who may write Approvals.
pub const WRITERS: &str = "approval-writers";
/// The first part of the names of the policies that turn a decision into a vote.
pub const MAILBOX: &str = "approval-mailbox";

/// A kind of object that guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// ValidatingAdmissionPolicy.
    Policy,
    /// ValidatingAdmissionPolicyBinding.
    Binding,
    /// MutatingAdmissionPolicy. Nothing depends on it; but what changes votes is looked at.
    Mutation,
    /// MutatingAdmissionPolicyBinding.
    MutationBinding,
}

impl Kind {
    /// The kind's name and plural.
    #[must_use]
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Policy => ("ValidatingAdmissionPolicy", "validatingadmissionpolicies"),
            Self::Binding => ("ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings"),
            Self::Mutation => ("MutatingAdmissionPolicy", "mutatingadmissionpolicies"),
            Self::MutationBinding => ("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings"),
        }
    }

    /// Whether votes are guarded without it.
    #[must_use]
    pub fn may_be_missing(self) -> bool {
        match self {
            Self::Policy | Self::Binding => false,
            Self::Mutation | Self::MutationBinding => true,
        }
    }
}

/// The objects that guard, by kind and the first part of the name.
pub const OBJECTS: [(Kind, &str); 6] = [
    (Kind::Policy, VOTES),
    (Kind::Binding, VOTES),
    (Kind::Policy, WRITERS),
    (Kind::Binding, WRITERS),
    (Kind::Mutation, MAILBOX),
    (Kind::MutationBinding, MAILBOX),
];

/// Since when an object guards as it should. `namespaces` are those in which it must; all if none is named.
///
/// # Errors
/// It does not; the sentence says why and what to do.
pub fn judge(kind: Kind, object: &Value, namespaces: &[String]) -> Result<Timestamp, String> {
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let what = match kind {
        Kind::Policy => policy(object),
        Kind::Binding => binding(object, name, namespaces),
        Kind::Mutation | Kind::MutationBinding => None,
    };
    match what {
        Some(what) => Err(format!("{} {name} {what}; install the chart again", kind.names().0)),
        None => Ok(changed(object)),
    }
}

/// What of a policy exempts somebody.
fn policy(object: &Value) -> Option<String> {
    let spec = |pointer: &str| object.pointer(&format!("/spec{pointer}"));
    let is_there = |pointer: &str| spec(pointer).is_some_and(|value| !is_empty(value));
    if spec("/failurePolicy").and_then(Value::as_str).is_some_and(|policy| policy != "Fail") {
        return Some("lets pass what it cannot judge (failurePolicy)".to_owned());
    }
    for exemption in [
        "/matchConditions",
        "/matchConstraints/namespaceSelector",
        "/matchConstraints/objectSelector",
        "/matchConstraints/excludeResourceRules",
        "/paramKind",
    ] {
        if is_there(exemption) {
            return Some(format!("exempts somebody or something (spec{})", exemption.replace('/', ".")));
        }
    }
    let warnings = object.pointer("/status/typeChecking/expressionWarnings").and_then(Value::as_array);
    let warning = warnings.and_then(|warnings| warnings.first()?.get("warning")?.as_str());
    warning.map(|warning| format!("does not compile: {warning}"))
}

fn binding(object: &Value, name: &str, namespaces: &[String]) -> Option<String> {
    let spec = |pointer: &str| object.pointer(&format!("/spec{pointer}"));
    if spec("/policyName").and_then(Value::as_str) != Some(name) {
        return Some("binds another policy (spec.policyName)".to_owned());
    }
    let actions = spec("/validationActions").and_then(Value::as_array);
    if !actions.into_iter().flatten().any(|action| action.as_str() == Some("Deny")) {
        return Some("does not deny (spec.validationActions)".to_owned());
    }
    let selector = spec("/matchResources/namespaceSelector");
    if selector.is_some_and(|selector| !selects(selector, namespaces)) {
        return Some("leaves out namespaces (spec.matchResources.namespaceSelector)".to_owned());
    }
    let constraints = ["objectSelector", "resourceRules", "excludeResourceRules"];
    let exempts = |constraint: &&str| {
        spec(&format!("/matchResources/{constraint}")).is_some_and(|value| !is_empty(value))
    };
    if constraints.iter().any(exempts) {
        return Some("exempts something (spec.matchResources)".to_owned());
    }
    spec("/paramRef").map(|_| "depends on something else (spec.paramRef)".to_owned())
}

/// Whether a selector selects every namespace that counts. It may name them, as the chart does; labels that anybody
/// could change are no way to.
fn selects(selector: &Value, namespaces: &[String]) -> bool {
    let list = |value: &Value, member: &str| -> Vec<Value> {
        value.get(member).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let text = |value: &Value, member: &str| {
        value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let names_all = |expression: &Value| {
        let values = list(expression, "values");
        text(expression, "key") == NAMESPACE_NAME_LABEL
            && match text(expression, "operator").as_str() {
                "Exists" => true,
                "In" => {
                    !namespaces.is_empty()
                        && namespaces
                            .iter()
                            .all(|name| values.iter().any(|value| value.as_str() == Some(name)))
                }
                _ => false,
            }
    };
    selector.get("matchLabels").is_none_or(is_empty)
        && list(selector, "matchExpressions").iter().all(names_all)
}

/// What says nothing: the API server writes empty selectors out.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// When an object was made, or changed by anybody but in its status.
fn changed(object: &Value) -> Timestamp {
    let time =
        |value: Option<&Value>| value.and_then(Value::as_str).and_then(|text| text.parse::<Timestamp>().ok());
    let fields = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let written = fields.into_iter().flatten().filter(|field| field.get("subresource").is_none());
    let written = written.filter_map(|field| time(field.get("time")));
    let made = time(object.pointer("/metadata/creationTimestamp"));
    written.chain(made).max().unwrap_or_default()
}
