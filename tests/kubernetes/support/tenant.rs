//! A namespace of a test's own, and what stands in it.

use std::collections::BTreeMap;

use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
};
use lychgate_tests_cluster::{Cluster, Namespace, eventually};
use serde_json::{Value, json};

use super::PATIENCE;
use super::cluster;
use super::manifests::CONNECTION_ANNOTATION;
use super::operator::{Operator, Start};

/// The kinds of which the operator makes objects.
pub const CHILD_KINDS: [&str; 10] = [
    "ServiceAccount",
    "Secret",
    "ConfigMap",
    "Role",
    "RoleBinding",
    "NetworkPolicy",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
    "HorizontalPodAutoscaler",
];

/// A namespace, and what stands in it.
pub struct Tenant<'a> {
    pub cluster: &'a Cluster,
    pub client: Client,
    name: String,
    namespace: Option<Namespace>,
}

/// A condition, as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub status: String,
    pub reason: String,
    pub message: String,
    pub since: String,
}

impl<'a> Tenant<'a> {
    pub async fn new(cluster: &'a Cluster, prefix: &str) -> Self {
        let namespace = cluster.namespace(prefix).await;
        let mut tenant = Self::of(cluster, namespace.name());
        tenant.namespace = Some(namespace);
        tenant
    }

    /// A namespace that somebody else keeps.
    pub fn of(cluster: &'a Cluster, name: &str) -> Self {
        Self { cluster, client: cluster.admin(), name: name.to_owned(), namespace: None }
    }

    /// A namespace of the shared control plane with an operator of its own, which lives in it and watches nothing
    /// else.
    pub async fn with_operator(prefix: &str) -> (Tenant<'static>, Operator) {
        let tenant = Tenant::new(cluster().await, prefix).await;
        let operator = tenant.operator().lead().await;
        (tenant, operator)
    }

    /// An operator that lives here and watches nothing else.
    pub fn operator(&self) -> Start {
        Start::new(self.cluster, self.name(), "one").watching(self.name())
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes the namespace and waits until it is gone.
    pub async fn end(self) {
        if let Some(namespace) = self.namespace {
            namespace.delete().await;
        }
    }

    /// Applies manifests, as somebody other than the operator.
    pub async fn apply(&self, objects: &[Value]) {
        let texts: Vec<String> = objects.iter().map(Value::to_string).collect();
        self.cluster.apply_yaml_in(self.name(), &texts.join("\n---\n")).await;
    }

    pub fn api(&self, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), self.name(), &resource(kind))
    }

    pub async fn find(&self, kind: &str, name: &str) -> Option<Value> {
        self.api(kind).get_opt(name).await.unwrap().map(|object| to_value(kind, object))
    }

    pub async fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name).await.unwrap_or_else(|| panic!("there is no {kind} {name}"))
    }

    pub async fn list(&self, kind: &str) -> Vec<Value> {
        let listed = self.api(kind).list(&ListParams::default()).await.unwrap();
        listed.items.into_iter().map(|object| to_value(kind, object)).collect()
    }

    /// Deletes an object, and waits until that very one is gone: another one may have come in its place.
    pub async fn delete(&self, kind: &str, name: &str) {
        let uid = self.get(kind, name).await["metadata"]["uid"].clone();
        self.api(kind).delete(name, &DeleteParams::background()).await.unwrap();
        eventually(&format!("{kind} {name} to be gone"), PATIENCE, async || {
            match self.find(kind, name).await {
                Some(object) if object["metadata"]["uid"] == uid => Err(object["metadata"].to_string()),
                Some(_) | None => Ok(()),
            }
        })
        .await;
    }

    /// Changes an object as somebody would with `kubectl edit`: a merge patch.
    pub async fn edit(&self, kind: &str, name: &str, patch: Value) -> Value {
        let parameters = PatchParams { field_manager: Some("somebody".to_owned()), ..Default::default() };
        let edited = self.api(kind).patch(name, &parameters, &Patch::Merge(patch)).await;
        to_value(kind, edited.unwrap_or_else(|error| panic!("{kind} {name}: {error}")))
    }

    /// The same by a JSON patch (RFC 6902), which can add to lists.
    pub async fn edit_json(&self, kind: &str, name: &str, patch: Value) -> Value {
        let parameters = PatchParams { field_manager: Some("somebody".to_owned()), ..Default::default() };
        let patch = Patch::Json::<()>(serde_json::from_value(patch).unwrap());
        let edited = self.api(kind).patch(name, &parameters, &patch).await;
        to_value(kind, edited.unwrap_or_else(|error| panic!("{kind} {name}: {error}")))
    }

    /// Plays the nodes: tells of each pod that is there that it is ready.
    pub async fn readies_pods(&self) {
        let ready = json!({"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let patch = Patch::Merge(json!({"status": {"phase": "Running", "conditions": [ready]}}));
        for pod in self.list("Pod").await {
            // It may be gone meanwhile.
            let _patched = self.api("Pod").patch_status(&name(&pod), &PatchParams::default(), &patch).await;
        }
    }

    /// Plays the nodes until a Deployment has no pod of an earlier template.
    pub async fn rolls_over(&self, deployment: &str) {
        eventually(&format!("{deployment} to roll over"), PATIENCE, async || {
            let object = self.get("Deployment", deployment).await;
            let (wanted, status) = (&object["spec"]["replicas"], &object["status"]);
            let is_observed = status["observedGeneration"] == object["metadata"]["generation"];
            let counts = ["replicas", "updatedReplicas", "availableReplicas"];
            if is_observed && counts.map(|count| status[count] == *wanted) == [true; 3] {
                return Ok(());
            }
            self.readies_pods().await;
            Err(status.to_string())
        })
        .await;
    }

    /// What was made for a connection, by kind and name.
    pub async fn children(&self, connection: &str) -> BTreeMap<(&'static str, String), Value> {
        let mut children = BTreeMap::new();
        for kind in CHILD_KINDS {
            for object in self.list(kind).await {
                if object["metadata"]["annotations"][CONNECTION_ANNOTATION] == connection {
                    children.insert((kind, name(&object)), object);
                }
            }
        }
        children
    }

    /// The document for the gateways of a connection, as text; the ConfigMap has the name `child`.
    pub async fn document_text(&self, child: &str) -> String {
        let config_map = self.get("ConfigMap", child).await;
        let data = config_map["data"].as_object().unwrap();
        assert_eq!(data.len(), 1, "one document: {data:?}");
        data.values().next().unwrap().as_str().unwrap().to_owned()
    }

    pub async fn document(&self, child: &str) -> Value {
        serde_json::from_str(&self.document_text(child).await).unwrap()
    }

    /// The condition of an object, if it speaks of the object's current generation.
    pub async fn condition(&self, kind: &str, name: &str, condition: &str) -> Result<Condition, String> {
        let object = self.find(kind, name).await.ok_or("it is not there")?;
        condition_of(&object, condition)
    }

    /// Waits for a condition such as `False ApplyFailed` of the object as it is now.
    pub async fn becomes(&self, kind: &str, name: &str, condition: &str, expected: &str) -> Condition {
        let what = format!("{condition} of {kind} {name} to be {expected}");
        eventually(&what, PATIENCE, async || {
            let found = self.condition(kind, name, condition).await?;
            let is_expected = format!("{} {}", found.status, found.reason) == expected;
            if is_expected { Ok(found) } else { Err(format!("{found:?}")) }
        })
        .await
    }

    /// Waits until a connection is published. Its pods are pending as long as nobody says otherwise.
    pub async fn is_published(&self, connection: &str) {
        self.becomes("McpConnection", connection, "Programmed", "Unknown NoReplica").await;
    }
}

/// A condition of an object, if it speaks of the object's current generation.
pub fn condition_of(object: &Value, condition: &str) -> Result<Condition, String> {
    let generation = &object["metadata"]["generation"];
    let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.iter().find(|found| found["type"] == condition);
    let found = found.filter(|found| found["observedGeneration"] == *generation);
    let Some(found) = found.filter(|_| object["status"]["observedGeneration"] == *generation) else {
        return Err(format!("nothing is said of generation {generation}: {conditions:?}"));
    };
    let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
    Ok(Condition {
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
        since: text("lastTransitionTime"),
    })
}

pub fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// What is said of an object, without what the API server and the controllers note on it.
pub fn content(object: &Value) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove("status");
    let metadata = object["metadata"].as_object_mut().unwrap();
    for member in ["uid", "resourceVersion", "generation", "managedFields", "creationTimestamp"] {
        metadata.remove(member);
    }
    let owners = metadata.get_mut("ownerReferences").and_then(Value::as_array_mut);
    for owner in owners.into_iter().flatten() {
        // The owner may be one that has come back itself.
        owner.as_object_mut().unwrap().remove("uid");
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.retain(|key, _| !key.starts_with("deployment.kubernetes.io/"));
    }
    // Keys and certificates are never made twice.
    if object["kind"] == "Secret" {
        let data = object["data"].as_object_mut().unwrap();
        data.values_mut().for_each(|value| *value = Value::Null);
    }
    // A Service that comes back has another address.
    if object["kind"] == "Service" {
        let spec = object["spec"].as_object_mut().unwrap();
        spec.retain(|member, _| !["clusterIP", "clusterIPs"].contains(&member.as_str()));
    }
    object
}

fn to_value(kind: &str, object: DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).unwrap();
    // Lists leave it out of their items.
    value["kind"] = json!(kind);
    value
}

/// How the API server is asked for objects of a kind.
pub fn resource(kind: &str) -> ApiResource {
    let (group, version, plural) = match kind {
        "McpGateway" => ("lychgate.dev", "v1alpha1", "mcpgateways"),
        "McpConnection" => ("lychgate.dev", "v1alpha1", "mcpconnections"),
        "MaskingRule" => ("lychgate.dev", "v1alpha1", "maskingrules"),
        "CommandRule" => ("lychgate.dev", "v1alpha1", "commandrules"),
        "ApprovalPolicy" => ("lychgate.dev", "v1alpha1", "approvalpolicies"),
        "Approval" => ("lychgate.dev", "v1alpha1", "approvals"),
        "ServiceAccount" => ("", "v1", "serviceaccounts"),
        "Secret" => ("", "v1", "secrets"),
        "ConfigMap" => ("", "v1", "configmaps"),
        "Service" => ("", "v1", "services"),
        "Pod" => ("", "v1", "pods"),
        "Role" => ("rbac.authorization.k8s.io", "v1", "roles"),
        "RoleBinding" => ("rbac.authorization.k8s.io", "v1", "rolebindings"),
        "NetworkPolicy" => ("networking.k8s.io", "v1", "networkpolicies"),
        "PodDisruptionBudget" => ("policy", "v1", "poddisruptionbudgets"),
        "Deployment" => ("apps", "v1", "deployments"),
        "HorizontalPodAutoscaler" => ("autoscaling", "v2", "horizontalpodautoscalers"),
        "ReplicaSet" => ("apps", "v1", "replicasets"),
        "EndpointSlice" => ("discovery.k8s.io", "v1", "endpointslices"),
        "Lease" => ("coordination.k8s.io", "v1", "leases"),
        "Event" => ("events.k8s.io", "v1", "events"),
        other => panic!("how is {other} asked for?"),
    };
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}
