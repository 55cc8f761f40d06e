//! One namespace, from what people wrote to what stands: fetch → validate → render → apply → report.
//!
//! A namespace is looked at as a whole, because its objects speak of each other. Beside its own objects the
//! policies of the operator's namespace count. What is invalid is reported and otherwise left alone: its
//! gateways keep what they have.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use lychgate_operator_plan::status::{Published, Replica};
use lychgate_operator_plan::{
    CONFIG_HASH_ANNOTATION, Inventory, Loaded, ObjectKey, Options, Problem, RenderOptions, ValidConnection,
    certificate_epoch, load_objects, render, validate,
};
use serde_json::{Value, json};

use crate::acknowledge::Acknowledgements;
use crate::apply::{Applier, Wanted, hash};
use crate::certificate::Authority;
use crate::guard::Guarding;
use crate::issuer::Issuer;
use crate::metrics::{Metrics, ReconcileLabels};
use crate::queue::Queue;
use crate::report::{Judged, Outcome, Reporter};
use crate::sequence::Sequences;
use crate::settings::Settings;
use crate::sharing::Sharing;
use crate::watch::POLICY_KINDS;
use crate::world::{Id, Place, World};

/// How often a namespace is looked at although nothing has happened: certificates become due, Secrets that
/// cannot be watched are created again.
const RESYNC: Duration = Duration::from_secs(5 * 60);
/// The first pause after a failure; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How many connections of a namespace are applied at once.
const CONCURRENCY: usize = 8;

/// Some of a namespace's objects could not be applied, or a status not written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReconcileError(String);

/// All that reconciles share.
pub struct Context {
    /// What the operator was told.
    pub settings: Settings,
    /// What is known of the cluster.
    pub world: Arc<World>,
    /// Asks for namespaces to be looked at.
    pub queue: Queue,
    /// Applies children.
    pub applier: Applier,
    /// Signs certificates.
    pub authority: Authority,
    /// The cluster as an issuer.
    pub issuer: Arc<Issuer>,
    /// Sequences of configurations.
    pub sequences: Sequences,
    /// How many replicas share limits.
    pub sharing: Sharing,
    /// What gateways answered.
    pub acknowledgements: Arc<Acknowledgements>,
    /// Whether votes are guarded.
    pub guard: Guarding,
    /// Writes statuses and Events.
    pub reporter: Reporter,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Failures in a row, by namespace.
    pub failures: Mutex<BTreeMap<String, u32>>,
}

/// Brings one namespace up to date.
///
/// # Errors
/// Something could not be applied or reported; the rest was.
pub async fn reconcile(namespace: Arc<Namespace>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let name = namespace.name_any();
    let timer = std::time::Instant::now();
    let result = steps(&name, &context).await;
    context.metrics.reconcile_duration.observe(timer.elapsed().as_secs_f64());
    let outcome = if result.is_ok() { "done" } else { "failed" };
    context.metrics.reconciles.get_or_create(&ReconcileLabels { outcome }).inc();
    if result.is_ok() {
        context.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
    }
    result.map(|again| Action::requeue(again.unwrap_or(RESYNC)))
}

/// When a namespace is looked at again after a failure.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "the controller gives it")]
pub fn after_failure(namespace: Arc<Namespace>, error: &ReconcileError, context: Arc<Context>) -> Action {
    let name = namespace.name_any();
    tracing::warn!(namespace = name, %error, "not everything could be done; it is tried again");
    let mut failures = context.failures.lock().unwrap_or_else(PoisonError::into_inner);
    let count = failures.entry(name).or_default();
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(*count)).min(LONGEST_PAUSE);
    *count = count.saturating_add(1);
    Action::requeue(pause)
}

/// Answers when the namespace should be looked at again although nothing changes, if that is soon.
async fn steps(name: &str, context: &Context) -> Result<Option<Duration>, ReconcileError> {
    let place = context.world.place(name);
    // In a namespace that ends nothing can be made, and the garbage collector takes what is there.
    if place.terminating {
        return Ok(None);
    }
    let objects = fetch(name, &place, context);
    let Loaded { inventory, problems, ignored: _ } = load_objects(objects.iter().map(AsRef::as_ref));
    let (connections, problems, judged) = judge(name, &inventory, problems, context);
    let outcomes = apply(name, &place, &connections, context).await;
    let mut errors: Vec<String> = outcomes.values().filter_map(|outcome| outcome.failure.clone()).collect();
    // As things are now: what somebody had noted under another connection's name was put right a moment ago.
    if let Err(error) = context.applier.remove_orphans(name, &context.world.place(name)).await {
        errors.push(error.to_string());
    }
    context.applier.forget(name);
    let reported =
        context.reporter.report(name, &place, &problems, &connections, &outcomes, &judged, context);
    errors.extend(reported.await);
    let again = outcomes.values().filter_map(|outcome| outcome.again).min();
    if errors.is_empty() { Ok(again) } else { Err(ReconcileError(errors.join("; "))) }
}

/// The objects that count for a namespace: its own, its Services, words that rules look for, the policies of the operator's
/// namespace that may hold for it, and the namespace with its labels, if they are known.
fn fetch(name: &str, place: &Place, context: &Context) -> Vec<Arc<Value>> {
    // A connection that is being deleted is served no longer; a policy that is, holds until it is gone.
    let stays = |id: &Id, object: &Value| {
        id.kind != "McpConnection" || object.pointer("/metadata/deletionTimestamp").is_none()
    };
    let own = place.objects.iter().filter(|(id, object)| stays(id, object)).map(|(_, object)| object);
    let mut objects: Vec<Arc<Value>> = own.cloned().collect();
    let operator = &context.settings.namespace;
    if name != operator {
        let Place { objects: theirs, terms, .. } = context.world.place(operator);
        objects.extend(terms.into_values());
        let binds = |object: &Value| object.pointer("/spec/namespaceSelector").is_some();
        objects.extend(
            theirs
                .into_iter()
                .filter(|(id, object)| is_policy(&id.kind) && binds(object))
                .map(|(_, object)| object),
        );
    }
    objects.extend(place.services.values().chain(place.terms.values()).cloned());
    // A namespace that was not seen yet may have any label. Where single namespaces are watched, none is ever seen.
    let nobody_tells = !context.settings.watch_namespaces.is_empty();
    if let Some(labels) = place.labels.clone().or_else(|| nobody_tells.then(BTreeMap::new)) {
        objects.push(Arc::new(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}),
        ));
    }
    objects
}

fn is_policy(kind: &str) -> bool {
    POLICY_KINDS.contains(&kind)
}

/// Validates, and says which connections each policy holds for.
fn judge(
    name: &str,
    inventory: &Inventory,
    mut problems: Vec<Problem>,
    context: &Context,
) -> (Vec<ValidConnection>, Vec<Problem>, Judged) {
    let cluster = context.issuer.current();
    let options = Options {
        operator_namespace: Some(context.settings.namespace.clone()),
        secret_watch: context.settings.secret_watch.clone(),
        cluster: cluster.as_ref().clone(),
        knows_services: true,
        ..Options::default()
    };
    let validated = validate(inventory, &options);
    problems.extend(validated.problems);
    problems.retain(|problem| problem.object.as_ref().is_some_and(|object| object.namespace == name));
    let reach = validated.reach.into_iter().map(|reach| (reach.policy, reach.connections)).collect();
    (validated.connections, problems, Judged { reach, valid_gateways: validated.gateways })
}

/// Applies every valid connection; one that fails stops none of the others.
async fn apply(
    name: &str,
    place: &Place,
    connections: &[ValidConnection],
    context: &Context,
) -> BTreeMap<String, Outcome> {
    let applied = connections.iter().map(|connection| async move {
        let outcome = apply_connection(name, place, connection, context).await;
        (connection.name().name.clone(), outcome)
    });
    stream::iter(applied).buffer_unordered(CONCURRENCY).collect().await
}

async fn apply_connection(
    namespace: &str,
    place: &Place,
    connection: &ValidConnection,
    context: &Context,
) -> Outcome {
    let uid = connection.uid().unwrap_or_default();
    let child = connection.child_name();
    let config_map = Id::new("ConfigMap", child);
    let annotations = place.children.get(&config_map).map(|child| &child.annotations);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let milliseconds = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let pods = place.pods.iter().filter(|(_, pod)| pod.instance == child);
    let replicas = context.acknowledgements.replicas(namespace, pods, &connection.name().to_string());
    let in_use = replicas.iter().filter_map(in_use).max();
    let (shared, due) = shared(place, connection, annotations, context);
    let connection = &*shared;
    let sequence = context.sequences.next(uid, &connection.content_hash(), annotations, in_use, milliseconds);
    let settings = &context.settings;
    let mut options = RenderOptions::new(settings.gateway_image.clone(), sequence);
    options.operator_namespace = Some(settings.namespace.clone());
    options.certificate_authority = Some(context.authority.published().clone());
    options.certificate_epoch = certificate_epoch(uid, now.as_secs());
    options.image_pull_secrets.clone_from(&settings.image_pull_secrets);
    options.image_pull_policy.clone_from(&settings.image_pull_policy);
    if !settings.api_server_ports.is_empty() {
        options.api_server_ports.clone_from(&settings.api_server_ports);
    }
    let objects = render(connection, &options);
    let wanted = Wanted {
        namespace,
        connection: &connection.name().name,
        objects: &objects,
        begins_with: connection.autoscaled().map(|numbers| *numbers.start()),
        certificate_names: connection.certificate_names(),
        is_up: replicas.iter().any(|replica| matches!(replica.answer, Some(Ok(_)))),
    };
    let (again, failure): (Option<Duration>, _) =
        match context.applier.apply(&wanted, &context.authority, place).await {
            Ok(again) => (again, None),
            Err(error) => (None, Some(error.to_string())),
        };
    let published = Published { sequence, hash: document_hash(&objects) };
    if failure.is_none() {
        context.acknowledgements.expect(namespace, child, published.clone());
    }
    Outcome { failure, again: again.into_iter().chain(due).min(), published, replicas }
}

/// The connection with the number of replicas that share limits, and when that may become another one.
fn shared<'a>(
    place: &Place,
    connection: &'a ValidConnection,
    annotations: Option<&BTreeMap<String, String>>,
    context: &Context,
) -> (Cow<'a, ValidConnection>, Option<Duration>) {
    let uid = connection.uid().unwrap_or_default();
    let Some(numbers) = connection.autoscaled() else {
        context.sharing.forget(uid);
        return (Cow::Borrowed(connection), None);
    };
    let own = place.pods.values().filter(|pod| pod.instance == connection.child_name());
    let ready = own.filter(|pod| pod.ready && !pod.ending).count();
    let (sharers, due) = context.sharing.count(uid, ready, &numbers, annotations);
    (Cow::Owned(connection.clone().shared_by(sharers)), due)
}

/// The sequence that a replica uses.
fn in_use(replica: &Replica) -> Option<u64> {
    let Some(Ok(answer)) = &replica.answer else { return None };
    Some(answer.in_use.as_ref()?.sequence)
}

/// The hash of the document as a gateway reads it.
fn document_hash(objects: &[Value]) -> String {
    let document = objects.iter().find_map(|object| {
        object.pointer("/metadata/annotations")?.get(CONFIG_HASH_ANNOTATION)?;
        object.get("data")?.as_object()?.values().next()?.as_str()
    });
    hash(document.unwrap_or_default().as_bytes())
}

/// The key of an object of ours.
#[must_use]
pub fn object_key(namespace: &str, id: &Id) -> ObjectKey {
    ObjectKey::new(id.kind.clone(), namespace, id.name.clone())
}
