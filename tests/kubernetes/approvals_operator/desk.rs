//! A namespace in which calls wait for people: an operator, admission policies of its own, and Approvals.

use std::collections::BTreeMap;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use lychgate_tests_cluster::{Cluster, eventually};
use serde_json::{Value, json};

use crate::support::manifests::{connection, gateway};
use crate::support::operator::Operator;
use crate::support::tenant::{Tenant, resource};
use crate::support::{PATIENCE, cluster};

/// How long a call waits here, in seconds, unless a test says otherwise.
pub const LONG: i64 = 3600;

/// A namespace in which calls wait for people.
pub struct Desk {
    pub tenant: Tenant<'static>,
    pub cluster: &'static Cluster,
}

impl Desk {
    /// A namespace with admission policies of its own.
    pub async fn new(prefix: &str) -> Self {
        let cluster = cluster().await;
        let desk = Self { tenant: Tenant::new(cluster, prefix).await, cluster };
        desk.guard().await;
        desk
    }

    /// The same with an operator that has proved that votes are guarded.
    pub async fn open(prefix: &str) -> (Self, Operator) {
        let desk = Self::new(prefix).await;
        let operator = desk.tenant.operator().lead().await;
        desk.demand().await;
        desk.is_guarded("True AdmissionGuarded").await;
        (desk, operator)
    }

    pub fn name(&self) -> &str {
        self.tenant.name()
    }

    /// Applies the admission policies.
    pub async fn guard(&self) {
        self.cluster.apply_yaml(&self.policies()).await;
    }

    /// The end of the policies' names.
    pub fn suffix(&self) -> String {
        format!("{}.lychgate.dev", self.name())
    }

    /// Just so much of the chart's policies as the operator tries: votes in one's own name, labels that stay, and no
    /// Approval that the operator makes but its canary.
    fn policies(&self) -> String {
        let (home, suffix) = (self.name(), self.suffix());
        let votes = "has(object.spec.votes) ? object.spec.votes : {}";
        let old = "has(oldObject.spec.votes) ? oldObject.spec.votes : {}";
        let labels =
            |object: &str| format!("(has({object}.metadata.labels) ? {object}.metadata.labels : {{}})");
        let (new_labels, old_labels) = (labels("object"), labels("oldObject"));
        let policy = |part: &str, operation: &str, rules: &[String]| {
            let rules: String = rules.iter().map(|rule| format!("  - expression: \"{rule}\"\n")).collect();
            format!(
                "---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {part}.{suffix}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules:
    - {{apiGroups: [lychgate.dev], apiVersions: ['*'], operations: [{operation}], resources: [approvals]}}
  variables:
  - {{name: votes, expression: \"{votes}\"}}
  validations:
{rules}---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {part}.{suffix}}}
spec:
  policyName: {part}.{suffix}
  validationActions: [Deny]
  matchResources:
    namespaceSelector:
      matchExpressions:
      - {{key: kubernetes.io/metadata.name, operator: In, values: [{home}]}}
"
            )
        };
        let own = format!(
            "variables.votes.all(k, k == request.userInfo.username || (k in ({old}) && ({old})[k] == variables.votes[k]))"
        );
        let same = format!("{new_labels} == {old_labels}");
        let writers =
            "!request.userInfo.username.startsWith('operator:') || request.name == 'lychgate-guard-canary'";
        format!(
            "{}{}",
            policy("approval-votes", "UPDATE", &[own, same]),
            policy("approval-writers", "CREATE", &[writers.to_owned()])
        )
    }

    /// Applies a connection whose calls wait for people.
    pub async fn demand(&self) {
        let issuer = json!({"issuer": "https://idp.example.com", "kubernetesUsernames": ["oidc:{email}"]});
        let policy = json!({
            "apiVersion": "lychgate.dev/v1alpha1", "kind": "ApprovalPolicy", "metadata": {"name": "writes"},
            "spec": {
                "targetRefs": [{"kind": "McpConnection", "name": "db"}],
                "approvers": {"groups": ["dba"]},
            },
        });
        let gateway = gateway(json!({"identity": {"oidc": [issuer]}}));
        self.tenant.apply(&[gateway, connection("db", json!({})), policy]).await;
    }

    /// Waits until the operator says this of the guard.
    pub async fn is_guarded(&self, expected: &str) -> String {
        let told = self.tenant.becomes("ApprovalPolicy", "writes", "AdmissionGuarded", expected).await;
        told.message
    }

    /// Makes an Approval as a gateway would; two must approve within `seconds`, for what is good for a minute.
    pub async fn ask(&self, name: &str, seconds: i64) {
        self.ask_for(name, &json!({"deadline": after(seconds)})).await;
    }

    /// The same with these members of `required` in place of others.
    pub async fn ask_for(&self, name: &str, required: &Value) {
        self.create(&self.approval(name, required).await).await;
    }

    /// Makes an Approval.
    pub async fn create(&self, approval: &Value) {
        let approval: DynamicObject = serde_json::from_value(approval.clone()).unwrap();
        self.tenant.api("Approval").create(&kube::api::PostParams::default(), &approval).await.unwrap();
    }

    /// An Approval as a gateway makes it, for the connection and the policy as they are now.
    pub async fn approval(&self, name: &str, required: &Value) -> Value {
        let mut approval = approval(self.name(), name, required);
        let request = &mut approval["spec"]["request"];
        for (kind, object, reference) in
            [("McpConnection", "db", "/connectionRef"), ("ApprovalPolicy", "writes", "/policyRefs/0")]
        {
            let metadata = self.tenant.get(kind, object).await["metadata"].clone();
            let reference = request.pointer_mut(reference).unwrap();
            for member in ["uid", "generation"] {
                reference[member] = metadata[member].clone();
            }
        }
        approval
    }

    /// Votes as somebody who may do everything, so that nothing but the policies stands in the way.
    pub async fn vote(&self, voter: &str, name: &str, vote: &Value) {
        self.try_vote(voter, voter, name, vote).await.unwrap();
    }

    /// Votes in another name than one's own.
    pub async fn try_vote(&self, me: &str, voter: &str, name: &str, vote: &Value) -> Result<(), kube::Error> {
        let client = self.cluster.impersonate(me, &["system:masters"]);
        let api: Api<DynamicObject> = Api::namespaced_with(client, self.name(), &resource("Approval"));
        let patch = json!({"spec": {"votes": {voter: vote}}});
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.map(drop)
    }

    /// Writes the status as a gateway would.
    pub async fn write_status(&self, name: &str, status: &Value) {
        let patch = Patch::Merge(json!({"status": status}));
        self.tenant.api("Approval").patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Waits until an Approval is in a phase; gives its status.
    pub async fn becomes(&self, name: &str, phase: &str) -> Value {
        self.shows(name, |status| status["phase"] == phase).await
    }

    /// Waits for a status.
    pub async fn shows(&self, name: &str, is_expected: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("the status of {name}"), PATIENCE, async || {
            let status = self.tenant.get("Approval", name).await["status"].clone();
            if is_expected(&status) { Ok(status) } else { Err(status.to_string()) }
        })
        .await
    }

    /// Waits until Events of an Approval are these, by type and reason, each with how often it was told.
    pub async fn are_told(&self, name: &str, expected: &[(&str, usize)]) {
        let expected: BTreeMap<String, usize> =
            expected.iter().map(|(event, count)| ((*event).to_owned(), *count)).collect();
        eventually(&format!("the Events of {name}"), PATIENCE, async || {
            let mut told: BTreeMap<String, usize> = BTreeMap::new();
            for event in
                self.tenant.list("Event").await.iter().filter(|event| event["regarding"]["name"] == name)
            {
                let text =
                    format!("{} {}", event["type"].as_str().unwrap(), event["reason"].as_str().unwrap());
                *told.entry(text).or_default() += 1;
            }
            if told == expected { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await;
    }
}

/// A moment some seconds from now, as Kubernetes writes it.
pub fn after(seconds: i64) -> String {
    let time = Timestamp::now() + SignedDuration::from_secs(seconds);
    Timestamp::from_second(time.as_second()).unwrap().to_string()
}

pub fn approve() -> Value {
    json!({"decision": "Approve", "reason": "INC-42"})
}

pub fn deny() -> Value {
    json!({"decision": "Deny", "reason": "not on a Friday"})
}

fn approval(namespace: &str, name: &str, changes: &Value) -> Value {
    let mut required = json!({
        "approvals": 2, "groups": ["dba"], "breakGlassGroups": ["oncall"], "requireReason": false,
        "requireDigest": false, "denyIsVeto": true, "deadline": after(LONG), "grant": {"uses": 1, "validFor": "60s"},
    });
    required.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    json!({
        "apiVersion": "lychgate.dev/v1alpha1", "kind": "Approval",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "request": {
                "digest": format!("hmac-sha256:{}", "1".repeat(64)),
                "connectionRef": {"name": "db", "uid": "c", "generation": 1},
                "policyRefs": [{"namespace": namespace, "name": "writes", "uid": "p", "generation": 1}],
                "operation": "CallTool", "tool": "execute_sql", "arguments": "{\"sql\":\"DELETE FROM orders\"}",
                "caller": {"issuer": "i", "subject": "s", "username": "erin", "kubernetesUsernames": ["oidc:erin"]},
                "gateway": format!("system:serviceaccount:{namespace}:lychgate-db"),
            },
            "required": required,
        },
    })
}
