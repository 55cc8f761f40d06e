//! What a policy says that it holds for, as far as that can be told of one with a wrong shape.
//!
//! A field with any mistake is not relied on, and a member of an unknown name may have been meant to be any
//! of them, unless it is clearly another word misspelt.

use lychgate_crds::target::{Selector, TargetReference};
use serde::de::DeserializeOwned;

use super::node::Node;
use super::object::Object;
use crate::suggest::nearest;
use crate::targets::{Part, Targets};

const REFS: &str = "targetRefs";
const CONNECTIONS: &str = "connectionSelector";
const NAMESPACES: &str = "namespaceSelector";

/// Reads what a policy holds for, after everything was found that is wrong with its shape. `fields` are
/// those of its `spec`.
pub(super) fn read(object: &Object<'_>, fields: &[&str]) -> Targets {
    let spec = object.node.get("spec").filter(|spec| spec.members().is_some());
    let Some(spec) = spec.filter(|_| !object.is_ambiguous()) else { return Targets::unreadable() };
    let is_wrong_as_a_whole = object.findings.iter().any(|finding| finding.path == "spec");
    if is_wrong_as_a_whole || may_be_misspelt(object.node, fields) || may_be_misspelt(spec, fields) {
        return Targets::unreadable();
    }
    let targets = Targets {
        refs: part::<Vec<TargetReference>>(object, spec, REFS),
        connections: part::<Selector>(object, spec, CONNECTIONS),
        namespaces: part::<Selector>(object, spec, NAMESPACES),
    };
    // Somebody who writes a policy means something by it.
    if targets.says_nothing() { Targets::unreadable() } else { targets }
}

/// Whether a mapping has a member that may have been meant to say what the policy holds for.
fn may_be_misspelt(mapping: &Node, fields: &[&str]) -> bool {
    const OF_OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
    let mut members = mapping.members().unwrap_or_default().iter().map(|member| member.key.as_str());
    members.any(|key| {
        let is_known = fields.contains(&key) || OF_OBJECT.contains(&key);
        let meant = nearest(key, fields.iter().copied());
        !is_known && meant.is_none_or(|meant| [REFS, CONNECTIONS, NAMESPACES].contains(&meant))
    })
}

fn part<Content: DeserializeOwned>(object: &Object<'_>, spec: &Node, name: &str) -> Part<Content> {
    let path = format!("spec.{name}");
    let is_within = |found: &str| {
        found.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    if object.findings.iter().any(|finding| is_within(&finding.path)) {
        return Part::Unreadable;
    }
    match spec.get(name).map(|node| serde_json::from_value(node.to_json())) {
        None => Part::Absent,
        Some(Ok(content)) => Part::Written(content),
        Some(Err(_)) => Part::Unreadable,
    }
}
