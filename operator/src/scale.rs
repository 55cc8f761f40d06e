//! The number of a Deployment's pods, where an autoscaler chooses it.
//!
//! What is applied then says nothing of it. The API server takes a field away that nobody owns any more, and a Deployment
//! without a number has one pod: so a number that was applied is handed to the subresource `scale` first, where
//! autoscalers write it too, and only then left out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use kube::Api;
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::apply::FIELD_MANAGER;

/// The kind that has a number of pods.
pub(crate) const KIND: &str = "Deployment";
const REPLICAS: &str = "/spec/replicas";
/// How often it is tried again when somebody has written the Deployment in between, as its controller does at first.
const ATTEMPTS: u32 = 10;

/// Hands the number of pods over before `object` is applied, which has none. A Deployment that is not there yet begins
/// with so many `replicas`.
///
/// # Errors
/// The API server refused it, or others write the Deployment all the time.
pub(crate) async fn hand_over(
    api: &Api<DynamicObject>,
    name: &str,
    object: &Value,
    replicas: u32,
) -> Result<(), kube::Error> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let live = match api.get_opt(name).await? {
            Some(live) => live,
            None => begin(api, name, object, replicas).await?,
        };
        if !owns_replicas(&live.metadata) {
            return Ok(());
        }
        match own(api, name, &live).await {
            Err(kube::Error::Api(status)) if status.code == 409 && attempts < ATTEMPTS => {}
            answer => return answer,
        }
    }
}

/// Makes a Deployment with so many pods.
async fn begin(
    api: &Api<DynamicObject>,
    name: &str,
    object: &Value,
    replicas: u32,
) -> Result<DynamicObject, kube::Error> {
    let mut object = object.clone();
    if let Some(spec) = object.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("replicas".to_owned(), json!(replicas));
    }
    api.patch(name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(&object)).await
}

/// Gives a Deployment that somebody has left without any pod so many `replicas`. An autoscaler takes none for a wish, and
/// does nothing any more.
///
/// # Errors
/// The API server refused it.
pub(crate) async fn revive(
    api: &Api<DynamicObject>,
    name: &str,
    live: &DynamicObject,
    replicas: u32,
) -> Result<(), kube::Error> {
    let mut attempts = 0;
    let mut live = Some(live.clone());
    while let Some(mut found) = live {
        let Some(number) = found.data.pointer_mut(REPLICAS).filter(|number| **number == json!(0)) else {
            return Ok(());
        };
        *number = json!(replicas);
        attempts += 1;
        match own(api, name, &found).await {
            Err(kube::Error::Api(status)) if status.code == 409 && attempts < ATTEMPTS => {}
            answer => return answer,
        }
        live = api.get_opt(name).await?;
    }
    Ok(())
}

/// Owns the number of pods that `live` has by way of the subresource.
async fn own(api: &Api<DynamicObject>, name: &str, live: &DynamicObject) -> Result<(), kube::Error> {
    let Some(replicas) = live.data.pointer(REPLICAS) else { return Ok(()) };
    let scale = json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        // Whoever has written another number meanwhile is not overruled.
        "metadata": {"name": name, "resourceVersion": live.metadata.resource_version},
        "spec": {"replicas": replicas},
    });
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_scale(name, &parameters, &Patch::Apply(&scale)).await?;
    Ok(())
}

/// Whether the operator's own apply has said how many pods there are.
fn owns_replicas(metadata: &ObjectMeta) -> bool {
    let is_own = |entry: &&ManagedFieldsEntry| {
        let whole = entry.subresource.as_deref().is_none_or(str::is_empty);
        whole
            && entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
    };
    let mut fields =
        metadata.managed_fields.iter().flatten().filter(is_own).filter_map(|entry| entry.fields_v1.as_ref());
    fields.any(|fields| fields.0.pointer("/f:spec/f:replicas").is_some())
}

/// Lets a Deployment that is to be replaced keep the number of its pods, if it is to say none.
pub(crate) fn keep(object: &mut DynamicObject, live: &DynamicObject) {
    let is_scaled = object.types.as_ref().is_some_and(|types| types.kind == KIND);
    let (Some(replicas), true) = (live.data.pointer(REPLICAS), is_scaled) else { return };
    if let Some(spec) = object.data.get_mut("spec").and_then(Value::as_object_mut) {
        spec.entry("replicas").or_insert_with(|| replicas.clone());
    }
}
