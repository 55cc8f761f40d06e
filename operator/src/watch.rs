//! The watches that tell the [`World`] what is in the cluster.
//!
//! Objects of ours are watched whole and untyped, so that one object of a newer version stops nothing;
//! children by their metadata alone; pods by their label; of Services is kept where they lead; ConfigMaps of others are
//! watched where a label says that rules may look into them. Secrets are watched
//! nowhere.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{
    ConfigMap, Namespace, Pod as CorePod, PodCondition, Service, ServicePort, ServiceSpec, Volume,
};
use kube::api::{ApiResource, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use lychgate_operator_plan::{CHILD_KINDS, CONNECTION_ANNOTATION, MANAGER, MANAGER_LABEL, TERMS_LABEL};
use serde_json::json;

use crate::apply::api_resource;
use crate::fingerprint::fingerprint;
use crate::queue::Queue;
use crate::world::{
    ALL_SERVICES, Change, Child, Id, KEPT_ANNOTATIONS, Key, Pod, Seen, Source, TERMS, World, version,
};

/// The kinds of ours, with their plurals.
pub const OWN_KINDS: [(&str, &str); 5] = [
    ("McpGateway", "mcpgateways"),
    ("McpConnection", "mcpconnections"),
    ("MaskingRule", "maskingrules"),
    ("CommandRule", "commandrules"),
    ("ApprovalPolicy", "approvalpolicies"),
];
/// Those that are policies.
pub const POLICY_KINDS: [&str; 3] = ["MaskingRule", "CommandRule", "ApprovalPolicy"];
/// The plural of the kind by which calls wait for people.
const APPROVAL_POLICIES: &str = "approvalpolicies";
/// The label with the name of the Deployment that a pod belongs to.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";

/// The children that are watched: all that may be read without reading a secret.
fn watched_children() -> impl Iterator<Item = &'static lychgate_operator_plan::ChildKind> {
    CHILD_KINDS.iter().filter(|kind| kind.kind != "Secret")
}

/// All sources for the namespaces that are watched; all namespaces if none is named.
#[must_use]
pub fn sources(namespaces: &[String]) -> Vec<Source> {
    let own = OWN_KINDS.iter().map(|(_, plural)| *plural);
    let plurals: Vec<&'static str> =
        own.chain(watched_children().map(|kind| kind.plural)).chain(["pods", ALL_SERVICES, TERMS]).collect();
    let mut sources = Vec::new();
    for namespace in scopes(namespaces) {
        sources.extend(plurals.iter().map(|plural| Source { plural, namespace: namespace.clone() }));
    }
    if namespaces.is_empty() {
        sources.push(Source { plural: "namespaces", namespace: None });
    }
    sources
}

fn scopes(namespaces: &[String]) -> Vec<Option<String>> {
    if namespaces.is_empty() { vec![None] } else { namespaces.iter().cloned().map(Some).collect() }
}

/// Starts every watch; they end with the set of tasks.
pub fn start(
    tasks: &mut tokio::task::JoinSet<()>,
    client: &Client,
    namespaces: &[String],
    operator_namespace: &str,
    world: &Arc<World>,
    queue: &Queue,
) {
    for scope in scopes(namespaces) {
        let follower = |plural: &'static str| Follower {
            source: Source { plural, namespace: scope.clone() },
            operator_namespace: operator_namespace.to_owned(),
            world: Arc::clone(world),
            queue: queue.clone(),
        };
        for (kind, plural) in OWN_KINDS {
            let resource = api_resource(lychgate_crds::API_VERSION, kind, plural);
            let api: Api<DynamicObject> = dynamic(client, scope.as_deref(), &resource);
            let stream = watcher(api, Config::default());
            tasks.spawn(follower(plural).follow(stream, move |object| own(kind, object)));
        }
        for child in watched_children() {
            let resource = api_resource(child.api_version, child.kind, child.plural);
            let config = Config::default().labels(&format!("{MANAGER_LABEL}={MANAGER}"));
            let api: Api<PartialObjectMeta<DynamicObject>> = dynamic(client, scope.as_deref(), &resource);
            let stream = watcher(api, config);
            tasks
                .spawn(follower(child.plural).follow(stream, move |object| self::child(child.kind, &object)));
        }
        let config = Config::default().labels(&format!("{MANAGER_LABEL}={MANAGER}"));
        let stream = watcher(typed::<CorePod>(client, scope.as_deref()), config);
        tasks.spawn(follower("pods").follow(stream, |object| pod(&object)));
        let stream = watcher(typed::<Service>(client, scope.as_deref()), Config::default());
        tasks.spawn(follower(ALL_SERVICES).follow(stream, |object| service(&object)));
        let config = Config::default().labels(&format!("{TERMS_LABEL}=true"));
        let stream = watcher(typed::<ConfigMap>(client, scope.as_deref()), config);
        tasks.spawn(follower(TERMS).follow(stream, |object| terms(&object)));
    }
    if namespaces.is_empty() {
        let source = Source { plural: "namespaces", namespace: None };
        let (operator_namespace, world) = (operator_namespace.to_owned(), Arc::clone(world));
        let follower = Follower { source, operator_namespace, world, queue: queue.clone() };
        let stream = watcher(Api::<PartialObjectMeta<Namespace>>::all(client.clone()), Config::default());
        tasks.spawn(follower.follow(stream, |object| namespace(&object)));
    }
}

fn dynamic<Kind>(client: &Client, namespace: Option<&str>, resource: &ApiResource) -> Api<Kind>
where
    Kind: Resource<Scope = kube::core::DynamicResourceScope, DynamicType = ApiResource>,
{
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

fn typed<Kind>(client: &Client, namespace: Option<&str>) -> Api<Kind>
where
    Kind: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// One watch and where it tells.
struct Follower {
    source: Source,
    operator_namespace: String,
    world: Arc<World>,
    queue: Queue,
}

impl Follower {
    /// Follows a watch for as long as the process lives. A watch that breaks begins anew by itself.
    async fn follow<Kind: Resource + Clone + Debug + Send + 'static>(
        self,
        stream: impl Stream<Item = watcher::Result<Event<Kind>>> + Send,
        convert: impl Fn(Kind) -> Option<(Key, Seen)> + Send,
    ) {
        let mut events = std::pin::pin!(stream.default_backoff());
        while let Some(event) = events.next().await {
            let change = match event {
                Ok(Event::Init) => Some(Change::Begin),
                Ok(Event::InitDone) => Some(Change::End),
                Ok(Event::InitApply(object)) => convert(object).map(|(key, seen)| Change::Listed(key, seen)),
                Ok(Event::Apply(object)) => convert(object).map(|(key, seen)| Change::Present(key, seen)),
                Ok(Event::Delete(object)) => {
                    let end = version(object.meta());
                    convert(object).map(|(key, _)| Change::Absent(key, end))
                }
                Err(error) => {
                    let Source { plural, namespace } = &self.source;
                    tracing::warn!(plural, namespace, %error, "a watch broke, and begins anew");
                    None
                }
            };
            let Some(change) = change else { continue };
            let mut touched = self.world.tell(&self.source, change);
            if is_of_policies(&self.source) && touched.contains(&self.operator_namespace) {
                // Policies of the operator's namespace may bind every other.
                touched.extend(self.world.inhabited());
            }
            if self.source.plural == APPROVAL_POLICIES && !touched.is_empty() {
                self.world.approvals_wanted.notify_one();
            }
            for namespace in touched {
                self.queue.push(&namespace);
            }
        }
    }
}

/// Whether a source tells of policies, or of what they look into.
fn is_of_policies(source: &Source) -> bool {
    let mut policies = OWN_KINDS.into_iter().filter(|(kind, _)| POLICY_KINDS.contains(kind));
    source.plural == TERMS || policies.any(|(_, plural)| plural == source.plural)
}

fn key(kind: &str, object: &impl kube::ResourceExt) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), id: Id::new(kind, object.name_any()) }
}

fn own(kind: &'static str, mut object: DynamicObject) -> Option<(Key, Seen)> {
    object.managed_fields_mut().clear();
    let key = key(kind, &object);
    // Lists of an API server leave kind and version out of their items.
    object.types = Some(kube::core::TypeMeta {
        api_version: lychgate_crds::API_VERSION.to_owned(),
        kind: kind.to_owned(),
    });
    let value = serde_json::to_value(&object).ok()?;
    Some((key, Seen::Object(Arc::new(value))))
}

fn child(kind: &str, object: &PartialObjectMeta<DynamicObject>) -> Option<(Key, Seen)> {
    let metadata = &object.metadata;
    let annotations = metadata.annotations.clone().unwrap_or_default();
    let connection = annotations.get(CONNECTION_ANNOTATION).cloned();
    let is_own = |key: &String| KEPT_ANNOTATIONS.contains(&key.as_str());
    let child = Child {
        uid: metadata.uid.clone()?,
        version: version(metadata),
        fingerprint: fingerprint(kind, metadata),
        connection,
        annotations: annotations.into_iter().filter(|(key, _)| is_own(key)).collect(),
    };
    Some((key(kind, object), Seen::Child(child)))
}

fn pod(object: &CorePod) -> Option<(Key, Seen)> {
    let status = object.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    let volumes = object.spec.as_ref().and_then(|spec| spec.volumes.as_ref());
    let pod = Pod {
        uid: object.uid()?,
        instance: object.labels().get(INSTANCE_LABEL)?.clone(),
        address: status.and_then(|status| status.pod_ip.clone()),
        secrets: volumes.into_iter().flatten().flat_map(secrets).collect(),
        ending: object.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Succeeded" | "Failed")),
        ready: status.and_then(|status| status.conditions.as_ref()).into_iter().flatten().any(is_ready),
    };
    Some((key("Pod", object), Seen::Pod(pod)))
}

fn is_ready(condition: &PodCondition) -> bool {
    condition.type_ == "Ready" && condition.status == "True"
}

/// The Secrets that a volume is made of.
fn secrets(volume: &Volume) -> Vec<String> {
    let whole = volume.secret.as_ref().and_then(|secret| secret.secret_name.clone());
    let sources = volume.projected.as_ref().and_then(|projected| projected.sources.as_ref());
    let projected =
        sources.into_iter().flatten().filter_map(|source| Some(source.secret.as_ref()?.name.clone()));
    whole.into_iter().chain(projected).collect()
}

/// Where a Service leads, and nothing else of it: there may be thousands that nobody names.
fn service(object: &Service) -> Option<(Key, Seen)> {
    let ServiceSpec { type_, external_name, selector, ports, .. } = object.spec.clone()?;
    let port = |port: ServicePort| ServicePort {
        port: port.port,
        target_port: port.target_port,
        protocol: port.protocol,
        ..ServicePort::default()
    };
    let ports = ports.map(|ports| ports.into_iter().map(port).collect());
    let spec = ServiceSpec { type_, external_name, selector, ports, ..ServiceSpec::default() };
    let metadata = json!({"namespace": object.namespace(), "name": object.name_any()});
    let value = json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec});
    Some((key("Service", object), Seen::Service(Arc::new(value))))
}

/// The texts of a ConfigMap with words.
fn terms(object: &ConfigMap) -> Option<(Key, Seen)> {
    let metadata =
        json!({"namespace": object.namespace(), "name": object.name_any(), "labels": {TERMS_LABEL: "true"}});
    let value = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": object.data.clone().unwrap_or_default()});
    Some((key("ConfigMap", object), Seen::Terms(Arc::new(value))))
}

fn namespace(object: &PartialObjectMeta<Namespace>) -> Option<(Key, Seen)> {
    let name = object.name_any();
    let labels: BTreeMap<String, String> = object.labels().clone();
    let terminating = object.metadata.deletion_timestamp.is_some();
    let key = Key { namespace: name.clone(), id: Id::new("Namespace", name) };
    Some((key, Seen::Namespace { labels, terminating }))
}
