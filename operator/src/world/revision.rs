//! Of the objects that Approvals are asked for: which stands under a name, and in which state of its spec.

use serde_json::Value;
use tokio::sync::watch;

use super::{Id, World};

/// An object in a state of its spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The uid.
    pub uid: String,
    /// The generation.
    pub generation: i64,
}

impl World {
    /// Tells each time that a connection, an ApprovalPolicy or a CommandRule is new, gone, or says something else.
    #[must_use]
    pub fn revisions(&self) -> watch::Receiver<()> {
        self.revised.subscribe()
    }

    /// The connection, ApprovalPolicy or CommandRule under a name, unless it is gone, or a connection that is about to go.
    #[must_use]
    pub fn revision(&self, namespace: &str, id: &Id) -> Option<Revision> {
        revision(id, self.lock().places.get(namespace)?.objects.get(id)?)
    }
}

/// Which object this is, if Approvals are asked for its kind. What is about to go is served no longer, if it is a
/// connection, and holds until it has gone, if it is a policy.
pub(super) fn revision(id: &Id, object: &Value) -> Option<Revision> {
    let is_served = match id.kind.as_str() {
        "McpConnection" => object.pointer("/metadata/deletionTimestamp").is_none_or(Value::is_null),
        kind => ["ApprovalPolicy", "CommandRule"].contains(&kind),
    };
    let uid = object.pointer("/metadata/uid")?.as_str()?.to_owned();
    let generation = object.pointer("/metadata/generation")?.as_i64()?;
    is_served.then_some(Revision { uid, generation })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::{Change, Id, Key, Seen, Source, World};
    use super::Revision;

    #[test]
    fn what_approvals_are_asked_for_is_told_when_its_spec_changes_and_when_it_goes() {
        let source = Source { plural: "mcpconnections", namespace: None };
        let world = World::new([source.clone()]);
        let mut told = world.revisions();
        let id = Id::new("McpConnection", "db");
        let key = || Key { namespace: "agents".into(), id: id.clone() };
        let version = |version: u64, generation: i64, ending: Option<&str>| {
            let object = json!({"metadata": {
                "uid": "u", "resourceVersion": version.to_string(), "generation": generation,
                "deletionTimestamp": ending,
            }});
            Change::Present(key(), Seen::Object(Arc::new(object)))
        };
        let stands = |generation| Some(Revision { uid: "u".into(), generation });
        for (change, is_told, expected) in [
            (version(1, 1, None), true, stands(1)),
            // A status, or a label.
            (version(2, 1, None), false, stands(1)),
            (version(3, 2, None), true, stands(2)),
            (version(2, 1, None), false, stands(2)),
            (version(4, 3, Some("2026-01-01T00:00:00Z")), true, None),
            (Change::Absent(key(), Some(5)), false, None),
            (version(6, 1, None), true, stands(1)),
            (Change::Absent(key(), Some(7)), true, None),
        ] {
            let what = format!("{change:?}");
            world.tell(&source, change);
            assert_eq!(told.has_changed().ok(), Some(is_told), "{what}");
            told.mark_unchanged();
            assert_eq!(world.revision("agents", &id), expected, "{what}");
        }
    }
}
