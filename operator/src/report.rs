//! Writes what the plan says of each object into its status, and tells transitions as Events.
//!
//! A status that says what stands there already is not written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Api, Client};
use lychgate_crds::{API_VERSION, ConditionType};
use lychgate_operator_plan::status::{
    self, ConnectionFacts, GatewayFacts, Observed, PolicyFacts, Published, Replica, State, ValidFacts,
};
use lychgate_operator_plan::{ObjectKey, Problem, SEQUENCE_ANNOTATION, ValidConnection};
use serde_json::{Value, json};

use crate::apply::{FIELD_MANAGER, api_resource};
use crate::events::Events;
use crate::metrics::{Metrics, ObjectLabels};
use crate::reconcile::{Context, object_key};
use crate::watch::OWN_KINDS;
use crate::world::{Change, Id, Key, Place, Seen, Source, World};

/// What became of a valid connection.
pub struct Outcome {
    /// What the API server refused.
    pub failure: Option<String>,
    /// When it should be applied again although nothing changes, if that is soon.
    pub again: Option<Duration>,
    /// What was published.
    pub published: Published,
    /// The pods, with what they answered.
    pub replicas: Vec<Replica>,
}

/// What validation says beyond single objects.
pub struct Judged {
    /// The connections of this namespace that each policy holds for.
    pub reach: BTreeMap<ObjectKey, Vec<lychgate_operator_plan::ObjectName>>,
    /// The gateways that are valid.
    pub valid_gateways: Vec<ObjectKey>,
}

/// The connections that a policy holds for, by namespace, and whether each is programmed.
type Bound = BTreeMap<String, Vec<(String, State)>>;

/// Writes statuses and Events.
pub struct Reporter {
    client: Client,
    events: Events,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    namespaced: bool,
    /// Which connections of each namespace a policy of the operator's namespace holds for, and whether each is
    /// programmed.
    bound: Mutex<BTreeMap<ObjectKey, Bound>>,
}

/// One object whose status is to be told.
struct Subject<'a> {
    namespace: &'a str,
    id: &'a Id,
    object: &'a Value,
    previous: Vec<Condition>,
    problems: Vec<&'a Problem>,
}

impl Reporter {
    /// Reports to the API server.
    #[must_use]
    pub fn new(
        client: Client,
        events: Events,
        world: Arc<World>,
        metrics: Arc<Metrics>,
        namespaced: bool,
    ) -> Self {
        Self { client, events, world, metrics, namespaced, bound: Mutex::default() }
    }

    /// Writes the status of every object of a namespace; answers what could not be written.
    #[allow(clippy::too_many_arguments, reason = "each is one step's outcome")]
    pub async fn report(
        &self,
        namespace: &str,
        place: &Place,
        problems: &[Problem],
        connections: &[ValidConnection],
        outcomes: &BTreeMap<String, Outcome>,
        judged: &Judged,
        context: &Context,
    ) -> Vec<String> {
        let mut errors = Vec::new();
        let mut programmed: BTreeMap<String, State> = BTreeMap::new();
        let subjects = |kind: &'static str| {
            place.objects.iter().filter(move |(id, _)| id.kind == kind).map(|(id, object)| {
                let key = object_key(namespace, id);
                let of_object = |problem: &&Problem| problem.object.as_ref() == Some(&key);
                let problems = problems.iter().filter(of_object).collect();
                let previous = object.pointer("/status/conditions").cloned().unwrap_or_default();
                let previous = serde_json::from_value(previous).unwrap_or_default();
                Subject { namespace, id, object, previous, problems }
            })
        };
        for subject in subjects("McpConnection") {
            let valid = connections.iter().find(|connection| connection.name().name == subject.id.name);
            let published = published_before(place, &subject.id.name);
            let outcome = outcomes.get(&subject.id.name);
            let status = Self::connection(&subject, valid, outcome, published);
            programmed.insert(
                subject.id.name.clone(),
                status::state_of(&status.conditions, ConditionType::Programmed),
            );
            errors.extend(self.write(&subject, &status.conditions, json!(status)).await);
        }
        for subject in subjects("McpGateway") {
            let of_gateway = place.objects.iter().filter(|(id, object)| {
                id.kind == "McpConnection"
                    && object.pointer("/spec/gatewayRef/name").and_then(Value::as_str)
                        == Some(&subject.id.name)
            });
            let connections = of_gateway
                .map(|(id, _)| (id.name.clone(), programmed.get(&id.name).copied().unwrap_or(State::Unknown)))
                .collect();
            let status = status::gateway(&GatewayFacts {
                observed: subject.observed(),
                problems: subject.problems.clone(),
                suspended: subject.object.pointer("/spec/suspended") == Some(&Value::Bool(true)),
                connections,
            });
            errors.extend(self.write(&subject, &status.conditions, json!(status)).await);
        }
        self.bind(namespace, judged, &programmed, context);
        for subject in subjects("MaskingRule") {
            let status =
                status::masking_rule(&self.policy(namespace, &subject), subject.object, &place.terms);
            errors.extend(self.write(&subject, &status.conditions, json!(status)).await);
        }
        for subject in subjects("CommandRule") {
            let status = status::command_rule(&self.policy(namespace, &subject));
            errors.extend(self.write(&subject, &status.conditions, json!(status)).await);
        }
        let guard = context.guard.borrow().status();
        for subject in subjects("ApprovalPolicy") {
            let facts = self.policy(namespace, &subject);
            let status = status::approval_policy(&facts, &guard);
            errors.extend(self.write(&subject, &status.conditions, json!(status)).await);
        }
        self.count(namespace, place);
        errors
    }

    fn policy<'a>(&self, namespace: &str, subject: &'a Subject<'_>) -> PolicyFacts<'a> {
        PolicyFacts {
            observed: subject.observed(),
            problems: subject.problems.clone(),
            connections: self.bound_by(&object_key(namespace, subject.id)),
        }
    }

    fn connection(
        subject: &Subject<'_>,
        valid: Option<&ValidConnection>,
        outcome: Option<&Outcome>,
        published: Option<Published>,
    ) -> lychgate_crds::connection::McpConnectionStatus {
        // What was just applied, or what an earlier operator has left.
        let applied = outcome.filter(|outcome| outcome.failure.is_none());
        let published = applied.map(|outcome| outcome.published.clone()).or(published);
        status::connection(&ConnectionFacts {
            observed: subject.observed(),
            problems: subject.problems.clone(),
            valid: valid.map(|valid| ValidFacts {
                url: valid.resources().into_iter().next(),
                policies: valid.policies().iter().map(|key| key.seen_from(subject.namespace)).collect(),
                closed: valid.closed(),
                has_credentials: valid.has_credentials(),
                pinning: valid.pinning(),
            }),
            failure: outcome.and_then(|outcome| outcome.failure.clone()),
            published,
            replicas: outcome.map(|outcome| outcome.replicas.as_slice()).unwrap_or_default(),
        })
    }

    /// Notes which connections of a namespace policies hold for. Those of the operator's namespace are looked
    /// at again when that has changed.
    fn bind(
        &self,
        namespace: &str,
        judged: &Judged,
        programmed: &BTreeMap<String, State>,
        context: &Context,
    ) {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = false;
        for (policy, by_namespace) in bound.iter_mut() {
            if !judged.reach.contains_key(policy) && by_namespace.remove(namespace).is_some() {
                changed |= policy.namespace != namespace;
            }
        }
        for (policy, connections) in &judged.reach {
            let states: Vec<(String, State)> = connections
                .iter()
                .filter(|connection| connection.namespace == namespace)
                .map(|connection| {
                    let state = programmed.get(&connection.name).copied().unwrap_or(State::Unknown);
                    (connection.to_string(), state)
                })
                .collect();
            let by_namespace = bound.entry(policy.clone()).or_default();
            if by_namespace.get(namespace) != Some(&states) {
                by_namespace.insert(namespace.to_owned(), states);
                changed |= policy.namespace != namespace;
            }
        }
        bound.retain(|_, by_namespace| !by_namespace.is_empty());
        drop(bound);
        if changed {
            context.queue.push(&context.settings.namespace);
        }
    }

    fn bound_by(&self, policy: &ObjectKey) -> Vec<(String, State)> {
        let bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        bound.get(policy).into_iter().flat_map(BTreeMap::values).flatten().cloned().collect()
    }

    async fn write(&self, subject: &Subject<'_>, conditions: &[Condition], status: Value) -> Option<String> {
        if subject.object.get("status") == Some(&status) {
            return None;
        }
        let Subject { namespace, id, object, previous, .. } = subject;
        let (kind, plural) = OWN_KINDS.into_iter().find(|(kind, _)| *kind == id.kind)?;
        let resource = api_resource(API_VERSION, kind, plural);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let patch = json!({
            "apiVersion": API_VERSION,
            "kind": kind,
            // An object that was deleted and made anew has another uid, and gets a status of its own.
            "metadata": {"name": id.name, "namespace": namespace, "uid": object.pointer("/metadata/uid")},
            "status": status,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch_status(&id.name, &parameters, &Patch::Apply(patch)).await {
            Ok(answer) => {
                self.metrics.statuses.inc();
                self.remember(namespace, kind, plural, answer);
                self.tell_transitions(subject, previous, conditions).await;
                None
            }
            // It is gone meanwhile, or another one has come.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => None,
            Err(error) => Some(format!("status of {kind} {}: {}", id.name, crate::chain(&error))),
        }
    }

    /// Tells the world at once what a watch would tell it a moment later, so that nothing is written twice.
    fn remember(&self, namespace: &str, kind: &str, plural: &'static str, mut answer: DynamicObject) {
        answer.metadata.managed_fields = None;
        let name = answer.metadata.name.clone().unwrap_or_default();
        let Ok(value) = serde_json::to_value(&answer) else { return };
        let scope = self.namespaced.then(|| namespace.to_owned());
        let key = Key { namespace: namespace.to_owned(), id: Id::new(kind, name) };
        let source = Source { plural, namespace: scope };
        self.world.tell(&source, Change::Answered(key, Seen::Object(Arc::new(value))));
    }

    async fn tell_transitions(
        &self,
        subject: &Subject<'_>,
        previous: &[Condition],
        conditions: &[Condition],
    ) {
        let reference = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(subject.id.kind.clone()),
            name: Some(subject.id.name.clone()),
            namespace: Some(subject.namespace.to_owned()),
            uid: subject.object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned),
            ..ObjectReference::default()
        };
        for condition in conditions {
            let before = previous.iter().find(|before| before.type_ == condition.type_);
            let same =
                |before: &Condition| before.status == condition.status && before.reason == condition.reason;
            if condition.status == "Unknown" || before.is_some_and(same) {
                continue;
            }
            if let Err(error) = self.events.tell(&reference, condition).await {
                tracing::debug!(%error, "an Event was not taken");
            }
        }
    }

    fn count(&self, namespace: &str, place: &Place) {
        for (kind, _) in OWN_KINDS {
            for accepted in ["True", "False"] {
                let of_kind = place.objects.iter().filter(|(id, _)| id.kind == kind);
                let count = of_kind.filter(|(_, object)| is_accepted(object) == (accepted == "True")).count();
                let labels =
                    ObjectLabels { namespace: namespace.to_owned(), kind: kind.to_owned(), accepted };
                if count > 0 {
                    self.metrics.objects.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
                } else {
                    self.metrics.objects.remove(&labels);
                }
            }
        }
    }
}

impl Subject<'_> {
    fn observed(&self) -> Observed<'_> {
        Observed {
            generation: self
                .object
                .pointer("/metadata/generation")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            previous: &self.previous,
            now: Timestamp::now(),
        }
    }
}

/// What stands in the ConfigMap of a connection. Its document is not read, so that its hash is not known.
fn published_before(place: &Place, connection: &str) -> Option<Published> {
    let of_connection =
        place.children.values().filter(|child| child.connection.as_deref() == Some(connection));
    let sequence =
        of_connection.filter_map(|child| child.annotations.get(SEQUENCE_ANNOTATION)?.parse().ok()).max();
    sequence.map(|sequence| Published { sequence, hash: String::new() })
}

fn is_accepted(object: &Value) -> bool {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    conditions.into_iter().flatten().any(|condition| {
        condition.get("type") == Some(&Value::from("Accepted"))
            && condition.get("status") == Some(&Value::from("True"))
    })
}
