//! Writes that must be refused, sent as dry runs: votes on a canary, and an Approval in each namespace.
//!
//! Only a refusal in the name of the policy that should refuse counts. What RBAC refuses, or an API server that is
//! busy, proves nothing.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use lychgate_crds::approval::Phase;
use lychgate_operator_plan::approvals::guard::{VOTES, WRITERS};
use serde_json::{Value, json};

use super::Proof;
use crate::apply::{FIELD_MANAGER, api_resource};

/// The Approval on which the policies are tried. It is for no call, and its deadline is long over.
pub const CANARY: &str = "lychgate-guard-canary";
/// The name of an Approval that nobody may make.
const PROBE: &str = "lychgate-guard-probe";
/// The user in whose name votes are forged.
const NOBODY: &str = "lychgate:nobody";
/// How many namespaces are probed at once.
const CONCURRENCY: usize = 8;

/// Sends probes.
pub(super) struct Prober {
    client: Client,
    home: String,
    /// The operator's own name at the API server.
    user: String,
    votes: String,
    writers: String,
}

impl Prober {
    /// Asks the API server for the operator's own name.
    pub(super) async fn new(client: &Client, home: &str, suffix: &str) -> Result<Self, String> {
        let api: Api<SelfSubjectReview> = Api::all(client.clone());
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let review = review.map_err(|error| format!("who the operator is: {}", crate::chain(&error)))?;
        let user = review.status.and_then(|status| status.user_info?.username);
        Ok(Self {
            client: client.clone(),
            home: home.to_owned(),
            user: user.ok_or("the API server does not say who the operator is")?,
            votes: format!("{VOTES}.{suffix}"),
            writers: format!("{WRITERS}.{suffix}"),
        })
    }

    /// Sends every probe.
    pub(super) async fn prove(&self, namespaces: &BTreeSet<String>, since: Timestamp) -> Proof {
        if let Err(problem) = self.keep_canary().await {
            return Proof::Unclear(format!("the Approval {}/{CANARY} cannot be kept: {problem}", self.home));
        }
        let forged = json!({"spec": {"votes": {NOBODY: {"decision": "Approve", "reason": "probe"}}}});
        let label = json!({"metadata": {"labels": {"lychgate.dev/probe": "true"}}});
        let mut unclear = None;
        for (what, patch) in [("a vote in another name", forged), ("a label of an Approval", label)] {
            match self.patch(&patch).await.judge(what, &self.votes) {
                Ok(()) => {}
                Err(Proof::Unclear(problem)) => unclear = Some(problem),
                Err(proof) => return proof,
            }
        }
        let probes: Vec<_> = namespaces.iter().map(|namespace| self.refuses_creation(namespace)).collect();
        let mut created = stream::iter(probes).buffer_unordered(CONCURRENCY);
        while let Some(judged) = created.next().await {
            match judged {
                Ok(()) => {}
                Err(Proof::Unclear(problem)) => unclear = Some(problem),
                Err(proof) => return proof,
            }
        }
        unclear.map_or(Proof::Good(since), Proof::Unclear)
    }

    async fn refuses_creation(&self, namespace: &str) -> Result<(), Proof> {
        let what = format!("an Approval of nobody's in namespace {namespace}");
        self.create(namespace).await.judge(&what, &self.writers)
    }

    fn api(&self, namespace: &str) -> Api<DynamicObject> {
        let resource = api_resource(lychgate_crds::API_VERSION, "Approval", "approvals");
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    /// Makes the canary, where it is missing or somebody has spoilt it.
    async fn keep_canary(&self) -> Result<(), String> {
        let api = self.api(&self.home);
        let chain = |error: kube::Error| crate::chain(&error);
        let found = api.get_opt(CANARY).await.map_err(chain)?;
        let is_usable = |canary: &DynamicObject| {
            let text = |pointer: &str| canary.data.pointer(pointer).and_then(Value::as_str);
            let is_final = text("/status/phase").is_some_and(|phase| {
                Phase::ALL.iter().any(|known| known.as_str() == phase && known.is_final())
            });
            text("/spec/request/gateway") == Some(&self.user) && !is_final
        };
        match found {
            Some(canary) if is_usable(&canary) => return Ok(()),
            Some(_) => drop(api.delete(CANARY, &DeleteParams::default()).await.map_err(chain)?),
            None => {}
        }
        let canary = self.approval(&self.home, CANARY)?;
        match api.create(&PostParams::default(), &canary).await {
            Ok(_) => Ok(()),
            // Another was faster, or the old one is not gone yet.
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
            Err(error) => Err(crate::chain(&error)),
        }
    }

    /// An Approval for no call, on which nobody but the operator could vote.
    fn approval(&self, namespace: &str, name: &str) -> Result<DynamicObject, String> {
        let reference = json!({"name": CANARY, "uid": "none", "generation": 0});
        let approval = json!({
            "apiVersion": lychgate_crds::API_VERSION,
            "kind": "Approval",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "request": {
                    "digest": format!("hmac-sha256:{}", "0".repeat(64)),
                    "connectionRef": reference,
                    "policyRefs": [{"namespace": self.home, "name": CANARY, "uid": "none", "generation": 0}],
                    "operation": "CallTool",
                    "tool": "none",
                    "caller": {"issuer": "none", "subject": "none", "username": "none", "kubernetesUsernames": ["none"]},
                    "gateway": self.user,
                },
                "required": {
                    "approvals": 1,
                    "serviceAccounts": [self.user],
                    "requireReason": false,
                    "requireDigest": false,
                    "denyIsVeto": true,
                    "deadline": "2000-01-01T00:00:00Z",
                    "grant": {"uses": 1, "validFor": "1s"},
                },
            },
        });
        serde_json::from_value(approval).map_err(|error| error.to_string())
    }

    async fn patch(&self, patch: &Value) -> Answer {
        let parameters = PatchParams {
            dry_run: true,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PatchParams::default()
        };
        Answer(self.api(&self.home).patch(CANARY, &parameters, &Patch::Merge(patch)).await.map(drop))
    }

    async fn create(&self, namespace: &str) -> Answer {
        let probe = match self.approval(namespace, PROBE) {
            Ok(probe) => probe,
            Err(problem) => return Answer(Err(kube::Error::Service(problem.into()))),
        };
        let parameters = PostParams { dry_run: true, field_manager: Some(FIELD_MANAGER.to_owned()) };
        Answer(self.api(namespace).create(&parameters, &probe).await.map(drop))
    }
}

/// What the API server said to a probe.
struct Answer(Result<(), kube::Error>);

impl Answer {
    /// Whether a policy has refused it.
    fn judge(self, what: &str, policy: &str) -> Result<(), Proof> {
        match self.0 {
            Ok(()) => Err(Proof::Bad(format!(
                "the API server takes {what}, which ValidatingAdmissionPolicy {policy} must refuse; look at it and its \
                 binding, and at what else changes admission"
            ))),
            Err(kube::Error::Api(status)) if status.message.contains(&format!("'{policy}'")) => {
                // A mistake in it refuses everything, and so no vote can be cast.
                if status.message.contains("resulted in error") {
                    return Err(Proof::Unclear(format!("{policy} refuses by mistake: {}", status.message)));
                }
                Ok(())
            }
            // The namespace has gone, and everything with it.
            Err(kube::Error::Api(status)) if status.code == 404 && status.message.contains("namespaces") => {
                Ok(())
            }
            Err(error) => Err(Proof::Unclear(format!(
                "{what} was refused, and not by {policy}: {}",
                crate::chain(&error)
            ))),
        }
    }
}
