//! Approvals on a real API server: who may do what with one, and what refuses everything else.
//!
//! Each refusal is told by the layer that it comes from: the roles, the rules of the definition, or one of the two
//! policies; and what was refused is done again with what was missing, and works. So it is never a slip of the test
//! that refuses.

mod casting;
mod commands;
mod deciders;
mod ends;
mod example;
mod mailbox;
mod page;
mod parallel;
mod people;
mod phases;
mod readable;
mod replicas;
mod tallies;
mod truth;
mod untouched;
mod uses;
mod whole;
mod writers;

use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use lychgate_tests_cluster::{Caller, Cluster, Namespace};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::admission::check::of_release;
use crate::admission::{OPERATOR, account};
use crate::chart::HOME;
use crate::chart::release::Release;
use crate::support::{eventually, options};

/// Namespaces in which nothing turns `spec.decision` into a vote.
const WITHOUT_MAILBOX: &str = "without-mailbox";

/// A namespace with gateways for `billing-db` and `customers-db`, and the people of [`people`].
pub struct Place {
    pub cluster: &'static Cluster,
    pub namespace: Namespace,
}

/// What refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Roles.
    Roles,
    /// The schema of the definition and its rules.
    Definition,
    /// The policy `approval-votes`.
    Votes,
    /// The policy `approval-writers`.
    Writers,
}

/// A cluster with the chart in it, where the mailbox can be left out of a namespace.
async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceCell<Cluster> = OnceCell::const_new();
    let start = async || {
        let cluster = installed(&[]).await;
        let elsewhere = json!({"spec": {"matchResources": {"namespaceSelector": {"matchExpressions": [
            {"key": WITHOUT_MAILBOX, "operator": "DoesNotExist"},
        ]}}}});
        let kind = "mutatingadmissionpolicybinding";
        let patch =
            ["patch", kind, "approval-mailbox.lychgate.dev", "--type=merge", "-p", &elsewhere.to_string()];
        cluster.kubectl(&patch).succeed().await;
        cluster
    };
    CLUSTER.get_or_init(start).await
}

/// A control plane of one's own with the chart in it.
async fn installed(values: &[&str]) -> Cluster {
    let cluster = Cluster::start(options()).await;
    cluster.apply_yaml(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {HOME}}}}}")).await;
    let release = Release { cluster: &cluster, home: HOME };
    let values = [&["crds.install=false"], values].concat();
    release.set("install", &values).await;
    let checked = of_release(&release, &values).await;
    assert_eq!(checked.code, 0, "{}", checked.output);
    cluster
}

/// A place of one's own.
pub async fn place(prefix: &str) -> Place {
    let cluster = cluster().await;
    let namespace = cluster.namespace(prefix).await;
    cluster.apply_yaml_in(namespace.name(), &people::roles(namespace.name())).await;
    let place = Place { cluster, namespace };
    eventually("the mailbox and the policies to hold in the namespace", async || {
        let name = place.try_ask(json!({})).await.ok()?;
        place.decide(&people::alice(), &name, "Approve", "to begin with").await.ok()
    })
    .await;
    place
}

/// A place where nothing turns `spec.decision` into a vote.
pub async fn place_without_mailbox(prefix: &str) -> Place {
    let place = place(prefix).await;
    let label = format!("{WITHOUT_MAILBOX}=true");
    place.cluster.kubectl(&["label", "namespace", place.namespace.name(), &label]).succeed().await;
    eventually("the mailbox to be gone", async || {
        let name = place.ask(json!({})).await;
        place.decide(&people::alice(), &name, "Approve", "why").await.err()
    })
    .await;
    place
}

/// What an Approval says that one gateway asks for, with some changes.
#[allow(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
pub fn request(gateway: &str, changes: Value) -> Value {
    let namespace = gateway.split(':').nth(2).unwrap();
    let mut approval = json!({
        "apiVersion": "lychgate.dev/v1alpha1",
        "kind": "Approval",
        "metadata": {"generateName": "appr-"},
        "spec": {
            "request": {
                "digest": DIGEST,
                "connectionRef": {"name": "billing-db", "uid": "0b0c", "generation": 3},
                "policyRefs": [{"namespace": namespace, "name": "billing-writes", "uid": "0b0d", "generation": 1}],
                "operation": "CallTool",
                "tool": "execute_sql",
                "arguments": "{\"sql\":\"DELETE FROM invoices WHERE id = 7\"}",
                "caller": {
                    "issuer": "https://idp.example.com",
                    "subject": "s-123",
                    "username": "dave@example.com",
                    "groups": ["analysts"],
                    "kubernetesUsernames": ["oidc:dave@example.com", "dave-admin"],
                },
                "gateway": gateway,
            },
            "required": {
                "approvals": 1,
                "groups": ["dba-leads"],
                "serviceAccounts": [format!("system:serviceaccount:{namespace}:robot")],
                "breakGlassGroups": ["oncall"],
                "requireReason": true,
                "requireDigest": false,
                "denyIsVeto": true,
                "deadline": "2999-01-01T00:00:00Z",
                "grant": {"uses": 1, "validFor": "5m"},
            },
        },
    });
    merge(&mut approval, &changes);
    approval
}

/// The digest of what is asked.
pub const DIGEST: &str = "hmac-sha256:abababababababababababababababababababababababababababababababab";

/// A merge patch (RFC 7386).
fn merge(into: &mut Value, changes: &Value) {
    let Value::Object(changes) = changes else {
        *into = changes.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            into.as_object_mut().unwrap().remove(key);
        } else {
            merge(&mut into[key], change);
        }
    }
}

/// A vote.
#[allow(clippy::needless_pass_by_value, reason = "it is written where it is passed")]
pub fn vote(voter: &str, vote: Value) -> Value {
    json!({"spec": {"votes": {voter: vote}}})
}

/// An Approve with a reason.
pub fn approve(voter: &str) -> Value {
    vote(voter, json!({"decision": "Approve", "reason": "INC-42"}))
}

/// A Deny with a reason.
pub fn deny(voter: &str) -> Value {
    vote(voter, json!({"decision": "Deny", "reason": "INC-43"}))
}

/// A status with this phase.
pub fn phase(phase: &str) -> Value {
    json!({"status": {"phase": phase}})
}

/// A status in which a call has used the Approval for the given time.
pub fn used(count: i32, call: &str, phase: &str) -> Value {
    json!({"status": {
        "phase": phase,
        "consumed": {"at": "2026-01-01T00:00:00Z", "replica": "gateway-0", "callId": call, "count": count},
    }})
}

/// Approvals of a namespace, as somebody.
pub fn approvals(cluster: &Cluster, namespace: &str, caller: &Caller) -> Api<DynamicObject> {
    let resource = ApiResource {
        group: "lychgate.dev".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "lychgate.dev/v1alpha1".to_owned(),
        kind: "Approval".to_owned(),
        plural: "approvals".to_owned(),
    };
    Api::namespaced_with(cluster.client(caller), namespace, &resource)
}

/// What the API server says: the object, or why not.
pub type Answer = Result<Value, kube::Error>;

impl Place {
    /// Approvals, as somebody.
    pub fn approvals(&self, caller: &Caller) -> Api<DynamicObject> {
        approvals(self.cluster, self.namespace.name(), caller)
    }

    /// The user name of a service account of this place.
    pub fn account_name(&self, name: &str) -> String {
        format!("system:serviceaccount:{}:{name}", self.namespace)
    }

    /// A service account of this place.
    pub fn account(&self, name: &str) -> Caller {
        account(&self.account_name(name))
    }

    /// The gateway of the connection `billing-db`.
    pub fn gateway(&self) -> Caller {
        self.account("billing-gateway")
    }

    /// Creates an Approval as somebody.
    pub async fn create(&self, caller: &Caller, approval: Value) -> Answer {
        let approval: DynamicObject = serde_json::from_value(approval).unwrap();
        let created = self.approvals(caller).create(&PostParams::default(), &approval).await?;
        Ok(serde_json::to_value(created).unwrap())
    }

    /// Lets the gateway of `billing-db` make an Approval; gives its name, or why not.
    pub async fn try_ask(&self, changes: Value) -> Result<String, kube::Error> {
        let approval = request(&self.account_name("billing-gateway"), changes);
        let created = self.create(&self.gateway(), approval).await?;
        Ok(created["metadata"]["name"].as_str().unwrap().to_owned())
    }

    /// Lets the gateway of `billing-db` make an Approval; gives its name.
    pub async fn ask(&self, changes: Value) -> String {
        self.try_ask(changes).await.unwrap()
    }

    /// Sends a merge patch.
    pub async fn patch(&self, caller: &Caller, name: &str, patch: &Value) -> Answer {
        let patched =
            self.approvals(caller).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
        Ok(serde_json::to_value(patched).unwrap())
    }

    /// Sends a merge patch of the status.
    pub async fn status(&self, caller: &Caller, name: &str, patch: &Value) -> Answer {
        let parameters = PatchParams::default();
        let patched = self.approvals(caller).patch_status(name, &parameters, &Patch::Merge(patch)).await?;
        Ok(serde_json::to_value(patched).unwrap())
    }

    /// Decides by the mailbox.
    pub async fn decide(&self, caller: &Caller, name: &str, decision: &str, reason: &str) -> Answer {
        self.patch(caller, name, &json!({"spec": {"decision": decision, "reason": reason}})).await
    }

    /// Lets the operator set the phase.
    pub async fn set(&self, name: &str, to: &str) {
        self.status(&account(OPERATOR), name, &phase(to)).await.unwrap();
    }

    /// An Approval as it is.
    pub async fn get(&self, name: &str) -> Value {
        serde_json::to_value(self.approvals(&Caller::Admin).get(name).await.unwrap()).unwrap()
    }

    /// An Approval that is Approved by Alice.
    pub async fn approved(&self, changes: Value) -> String {
        let name = self.ask(changes).await;
        self.patch(&people::alice(), &name, &approve("alice")).await.unwrap();
        self.set(&name, "Approved").await;
        name
    }
}

/// Holds an answer to be a refusal by a layer, with some words in it.
#[track_caller]
pub fn refused(answer: Answer, layer: Layer, words: &str) {
    match answer {
        Ok(admitted) => panic!("admitted, though {layer:?} should say `{words}`: {admitted}"),
        Err(kube::Error::Api(status)) => {
            assert!(comes_from(&status.message, status.code, layer), "not by {layer:?}: {}", status.message);
            assert!(status.message.contains(words), "not `{words}`: {}", status.message);
        }
        Err(error) => panic!("not by {layer:?}: {error}"),
    }
}

/// Whether a refusal comes from a layer.
pub fn comes_from(message: &str, code: u16, layer: Layer) -> bool {
    let policy = |name: &str| message.contains(&format!("ValidatingAdmissionPolicy '{name}.lychgate.dev'"));
    match layer {
        Layer::Roles => code == 403 && message.contains(" cannot ") && message.contains("in API group"),
        Layer::Definition => code == 422 && !message.contains("AdmissionPolicy"),
        Layer::Votes => policy("approval-votes"),
        Layer::Writers => policy("approval-writers"),
    }
}
