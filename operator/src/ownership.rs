//! Whose an object is, and whose what stands in it: what somebody else controls, added, or made so that nobody can
//! change it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, OwnerReference};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::apply::FIELD_MANAGER;

/// Whether anybody has written more than metadata by other means than the operator's apply. A name of a manager
/// proves nothing: everybody may write under the operator's, or a controller's.
#[must_use]
pub fn has_foreign_content(metadata: &ObjectMeta) -> bool {
    metadata.managed_fields.iter().flatten().any(|entry| !is_own_apply(entry) && has_content(entry))
}

/// The entries of managed fields that stay when an object is replaced; nothing where none does.
#[must_use]
pub fn own_entries(metadata: &ObjectMeta) -> Option<Vec<ManagedFieldsEntry>> {
    let entries = metadata.managed_fields.iter().flatten();
    let own: Vec<_> = entries.filter(|entry| is_own_apply(entry) || !has_content(entry)).cloned().collect();
    Some(own).filter(|own| !own.is_empty())
}

fn is_own_apply(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(FIELD_MANAGER) && entry.operation.as_deref() == Some("Apply")
}

/// Whether an entry speaks of more than metadata. What is written through a subresource, such as the number of
/// replicas by an autoscaler, is no such thing.
fn has_content(entry: &ManagedFieldsEntry) -> bool {
    let by_subresource = entry.subresource.as_deref().is_some_and(|name| !name.is_empty());
    let fields = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object());
    let mut names = fields.into_iter().flat_map(|fields| fields.keys());
    !by_subresource && names.any(|field| !matches!(field.as_str(), "f:metadata" | "f:status"))
}

/// Whether an object has a controller that is not the one it should have. A connection of the same name is, or
/// was until it was made anew, the same one.
#[must_use]
pub fn is_controlled_by_another(live: &DynamicObject, object: &Value) -> bool {
    let text = |member| object.pointer(&format!("/metadata/ownerReferences/0/{member}"));
    let is_own = |owner: &OwnerReference| {
        text("kind") == Some(&json!(owner.kind)) && text("name") == Some(&json!(owner.name))
    };
    let owners = live.metadata.owner_references.iter().flatten();
    owners.filter(|owner| owner.controller == Some(true)).any(|owner| !is_own(owner))
}

/// Whether somebody has made an object so that it can only be made anew: a ConfigMap that is declared immutable,
/// or a RoleBinding to another role.
#[must_use]
pub fn is_frozen(live: &DynamicObject, object: &Value) -> bool {
    let is_immutable = live.data.get("immutable") == Some(&Value::Bool(true));
    let is_bound_elsewhere = live.data.get("roleRef") != object.get("roleRef");
    is_immutable || is_bound_elsewhere
}
