//! Server-side apply of manifests as they are written.

use std::collections::HashMap;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams, TypeMeta};
use kube::discovery::{ApiCapabilities, Scope, pinned_kind};
use kube::{Api, Client};
use serde::Deserialize as _;

use crate::cluster::Cluster;
use crate::wait::eventually;

/// The field manager, by which the API server tells our fields from those of others.
const MANAGER: &str = "lychgate-tests";
const PATIENCE: Duration = Duration::from_secs(30);

impl Cluster {
    /// Applies all documents of a text as the administrator, in their order, with force. What names no namespace
    /// goes to `default`. After a custom resource definition it waits until objects of the kind are taken.
    ///
    /// # Panics
    ///
    /// Where the text is no manifest or the API server refuses.
    pub async fn apply_yaml(&self, text: &str) -> Vec<DynamicObject> {
        self.apply_yaml_in("default", text).await
    }

    /// As [`Cluster::apply_yaml`], for what names no namespace into this one.
    ///
    /// # Panics
    ///
    /// Where the text is no manifest or the API server refuses.
    pub async fn apply_yaml_in(&self, namespace: &str, text: &str) -> Vec<DynamicObject> {
        apply(&self.admin(), namespace, text).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

/// As [`Cluster::apply_yaml_in`], by anybody, for tests that expect a refusal.
///
/// # Errors
///
/// Those of the API server.
///
/// # Panics
///
/// Where the text is no manifest.
pub async fn apply(client: &Client, namespace: &str, text: &str) -> Result<Vec<DynamicObject>, kube::Error> {
    let mut kinds = HashMap::new();
    let mut applied = Vec::new();
    for object in objects(text) {
        let types = object.types.clone().expect("a manifest has apiVersion and kind");
        let (resource, scope) = match kinds.get(&types) {
            Some(known) => known,
            None => kinds.entry(types.clone()).or_insert(resource(client, &types).await?),
        };
        let api: Api<DynamicObject> = match scope {
            Scope::Cluster => Api::all_with(client.clone(), resource),
            Scope::Namespaced => {
                let namespace = object.metadata.namespace.as_deref().unwrap_or(namespace);
                Api::namespaced_with(client.clone(), namespace, resource)
            }
        };
        let name = object.metadata.name.as_deref().expect("a manifest has a name");
        applied.push(api.patch(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object)).await?);
        if types.kind == "CustomResourceDefinition" {
            wait_until_served(client, name).await;
        }
    }
    Ok(applied)
}

/// The objects of a text of YAML documents; empty documents are left out.
fn objects(text: &str) -> Vec<DynamicObject> {
    serde_yaml::Deserializer::from_str(text)
        .map(|document| serde_json::Value::deserialize(document).expect("a manifest is YAML"))
        .filter(|document| !document.is_null())
        .map(|document| serde_json::from_value(document).expect("a manifest has metadata"))
        .collect()
}

async fn resource(client: &Client, types: &TypeMeta) -> Result<(ApiResource, Scope), kube::Error> {
    let kind = GroupVersionKind::try_from(types).expect("apiVersion is a version or a group and a version");
    let (resource, ApiCapabilities { scope, .. }) = pinned_kind(client, &kind).await?;
    Ok((resource, scope))
}

/// An established definition is served a moment later, and discovered later still.
async fn wait_until_served(client: &Client, definition: &str) {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    eventually(&format!("{definition} to be served"), PATIENCE, async || {
        let found = definitions.get(definition).await.map_err(|error| error.to_string())?;
        let conditions = found.status.unwrap_or_default().conditions.unwrap_or_default();
        let met =
            conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True");
        if !met {
            return Err(format!("{conditions:?}"));
        }
        for version in found.spec.versions.iter().filter(|version| version.served) {
            let kind = GroupVersionKind::gvk(&found.spec.group, &version.name, &found.spec.names.kind);
            let (resource, _) = pinned_kind(client, &kind).await.map_err(|error| error.to_string())?;
            let list =
                Api::<DynamicObject>::all_with(client.clone(), &resource).list(&Default::default()).await;
            list.map_err(|error| error.to_string())?;
        }
        Ok(())
    })
    .await;
}
