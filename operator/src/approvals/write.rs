//! Writes what becomes of an Approval, unless somebody was faster, and tells people.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client};
use lychgate_crds::approval::Phase;
use lychgate_crds::{API_VERSION, Approval};
use lychgate_operator_plan::approvals::{BROKEN_GLASS, Notice, Outlook, Waiting};
use serde_json::{Value, json};

use super::book::Key;
use crate::apply::FIELD_MANAGER;
use crate::events::Events;
use crate::metrics::{DecisionLabels, Metrics, NamespaceLabels};

/// What Events say was done.
const ACTION: &str = "Decide";

/// What became of a write.
pub(super) enum Outcome {
    /// It stands, and this is what the API server has now.
    Written(Box<Waiting>),
    /// There is no such Approval any more.
    Gone,
    /// Somebody was faster: what was decided is looked at again with what is new.
    Outrun,
    /// The API server did not take it.
    Failed,
}

/// Writes Approvals.
pub(super) struct Writer {
    client: Client,
    events: Events,
    metrics: Arc<Metrics>,
}

impl Writer {
    pub(super) fn new(client: Client, events: Events, metrics: Arc<Metrics>) -> Self {
        Self { client, events, metrics }
    }

    /// Does what is to be done with an Approval as it was seen.
    pub(super) async fn write(&self, key: &Key, waiting: &Waiting, outlook: Outlook) -> Outcome {
        let done = match outlook {
            Outlook::Wait(_) => return Outcome::Outrun,
            Outlook::Delete => self.delete(key, waiting).await,
            Outlook::Write { status, phase, told } => {
                let written = self.patch(key, waiting, &status).await;
                if written.is_ok() {
                    self.tell(key, waiting, phase, &told).await;
                }
                written
            }
        };
        match done {
            Ok(outcome) => outcome,
            Err(kube::Error::Api(status)) if status.code == 404 => Outcome::Gone,
            Err(kube::Error::Api(status)) if status.code == 409 => Outcome::Outrun,
            Err(error) => {
                let Key { namespace, name } = key;
                let error = crate::chain(&error);
                tracing::warn!(namespace, name, error, "an Approval could not be written; it is tried again");
                Outcome::Failed
            }
        }
    }

    fn api(&self, key: &Key) -> Api<Approval> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Votes may come at any moment, so that only what was looked at is written to.
    async fn patch(&self, key: &Key, waiting: &Waiting, status: &Value) -> Result<Outcome, kube::Error> {
        let patch = json!({
            "metadata": {"uid": waiting.uid, "resourceVersion": waiting.resource_version},
            "status": status,
        });
        let parameters =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
        let answer = self.api(key).patch_status(&key.name, &parameters, &Patch::Merge(patch)).await?;
        self.metrics.statuses.inc();
        Ok(Waiting::read(&answer).map_or(Outcome::Failed, |waiting| Outcome::Written(Box::new(waiting))))
    }

    async fn delete(&self, key: &Key, waiting: &Waiting) -> Result<Outcome, kube::Error> {
        let preconditions = Preconditions {
            uid: Some(waiting.uid.clone()),
            resource_version: Some(waiting.resource_version.clone()),
        };
        let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        self.api(key).delete(&key.name, &parameters).await?;
        Ok(Outcome::Gone)
    }

    async fn tell(&self, key: &Key, waiting: &Waiting, phase: Option<Phase>, told: &[Notice]) {
        let namespace = key.namespace.clone();
        if let Some(phase) = phase {
            let labels = DecisionLabels { namespace: namespace.clone(), phase: phase.as_str() };
            self.metrics.approvals.decisions.get_or_create(&labels).inc();
        }
        if told.iter().any(|told| told.reason == BROKEN_GLASS) {
            self.metrics.approvals.broken_glass.get_or_create(&NamespaceLabels { namespace }).inc();
        }
        let reference = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some("Approval".to_owned()),
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            uid: Some(waiting.uid.clone()),
            ..ObjectReference::default()
        };
        for told in told {
            if let Err(error) = self.events.tell_once(&reference, ACTION, told).await {
                tracing::debug!(%error, "an Event was not taken");
            }
        }
    }
}
