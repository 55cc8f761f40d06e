//! What the operator knows of the cluster: the objects that people wrote, the labels of their namespaces, and
//! of its own children and their pods what it takes to see that somebody has changed them.
//!
//! Watches write, reconciles read. Everything is kept by namespace, because that is what is reconciled as one.
//! Nothing of a child's content is kept: a fingerprint of its metadata tells whether it is still as it was
//! when it was last applied.

mod revision;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use lychgate_operator_plan::{CONFIG_HASH_ANNOTATION, SEQUENCE_ANNOTATION, SHARERS_ANNOTATION};
use serde_json::Value;
use tokio::sync::{Notify, watch};

pub use self::revision::Revision;
use self::revision::revision;

/// The name by which the watch of all Services goes; one of those that the operator made goes by their plural.
pub const ALL_SERVICES: &str = "services of everybody";

/// The name by which the watch of ConfigMaps with words goes; one of those that the operator made goes by their plural.
pub const TERMS: &str = "configmaps with terms";

/// The annotations of children that are kept: what an operator that begins anew goes on from.
pub const KEPT_ANNOTATIONS: [&str; 3] = [CONFIG_HASH_ANNOTATION, SEQUENCE_ANNOTATION, SHARERS_ANNOTATION];

/// Who tells about a part of the world: one watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The plural of the kind that is watched, [`ALL_SERVICES`] or [`TERMS`].
    pub plural: &'static str,
    /// The namespace that is watched; all if there is none.
    pub namespace: Option<String>,
}

/// A kind and a name, within a namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl Id {
    /// The id of an object.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into() }
    }
}

/// What a watch has seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// An object of ours, as it stands.
    Object(Arc<Value>),
    /// An object that the operator made.
    Child(Child),
    /// A pod of a gateway.
    Pod(Pod),
    /// A Service that a connection may name: as much of it as the plan reads.
    Service(Arc<Value>),
    /// A ConfigMap with words that rules look for.
    Terms(Arc<Value>),
    /// A namespace.
    Namespace {
        /// Its labels.
        labels: BTreeMap<String, String>,
        /// Whether it is about to end, so that nothing can be made in it.
        terminating: bool,
    },
}

/// What is kept of an object that the operator made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its uid.
    pub uid: String,
    /// Its version, which also changes with what is of no interest here.
    pub version: Option<Version>,
    /// Changes when somebody changes what the operator has said.
    pub fingerprint: String,
    /// The connection that it was made for, by its annotation.
    pub connection: Option<String>,
    /// Its annotations that are the operator's own.
    pub annotations: BTreeMap<String, String>,
}

/// What is kept of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its uid.
    pub uid: String,
    /// The name of the gateway's Deployment.
    pub instance: String,
    /// Where it answers, once it has an address.
    pub address: Option<String>,
    /// Whether it is about to end.
    pub ending: bool,
    /// Whether it is ready, so that it gets calls.
    pub ready: bool,
    /// The Secrets that its volumes are made of.
    pub secrets: BTreeSet<String>,
}

/// Everything in one namespace.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The namespace's labels, once they are known.
    pub labels: Option<BTreeMap<String, String>>,
    /// Whether the namespace is about to end.
    pub terminating: bool,
    /// Objects of ours.
    pub objects: BTreeMap<Id, Arc<Value>>,
    /// What the operator made.
    pub children: BTreeMap<Id, Child>,
    /// The gateways' pods, by name.
    pub pods: BTreeMap<String, Pod>,
    /// All Services, by name.
    pub services: BTreeMap<String, Arc<Value>>,
    /// ConfigMaps with words, by name.
    pub terms: BTreeMap<String, Arc<Value>>,
}

/// An event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A list begins: what it will not hold is gone.
    Begin,
    /// An object is part of the list that has begun.
    Listed(Key, Seen),
    /// The list is complete.
    End,
    /// An object is new or has changed.
    Present(Key, Seen),
    /// An object is gone. The version is that of its end.
    Absent(Key, Option<Version>),
    /// The API server has answered a write with this, which the watch has told, or will.
    Answered(Key, Seen),
}

/// A resource version. Those of one kind can be compared (KEP-5504); where they are no numbers, there is none.
pub type Version = u128;

/// The version of an object.
#[must_use]
pub fn version(metadata: &ObjectMeta) -> Option<Version> {
    metadata.resource_version.as_deref()?.parse().ok()
}

/// The namespace and the id of an object; a namespace is in itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The namespace.
    pub namespace: String,
    /// The kind and name.
    pub id: Id,
}

/// What is known.
pub struct World {
    /// Told when something about ApprovalPolicies has changed.
    pub approvals_wanted: Notify,
    /// Told when something that Approvals are asked for is another than it was.
    revised: watch::Sender<()>,
    inner: Mutex<Inner>,
    missing: watch::Sender<usize>,
}

#[derive(Default)]
struct Inner {
    places: BTreeMap<String, Place>,
    known: HashMap<Source, BTreeSet<Key>>,
    listing: HashMap<Source, BTreeSet<Key>>,
    incomplete: BTreeSet<Source>,
    /// The newest version of which each watch has told.
    newest: HashMap<Source, Version>,
    /// Whether that is to be told.
    revised: bool,
}

impl World {
    /// Nothing is known yet, and the sources are what must be known before anything is decided.
    #[must_use]
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let incomplete: BTreeSet<Source> = sources.into_iter().collect();
        let missing = watch::Sender::new(incomplete.len());
        Self {
            approvals_wanted: Notify::new(),
            revised: watch::Sender::new(()),
            inner: Mutex::new(Inner { incomplete, ..Inner::default() }),
            missing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every source has been listed once. An object that is not seen yet may be a policy, so that
    /// nothing may be published before.
    pub async fn complete(&self) {
        let mut missing = self.missing.subscribe();
        // The sender lives as long as this world.
        let _sender_lives = missing.wait_for(|missing| *missing == 0).await;
    }

    /// Whether every source has been listed once.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        *self.missing.borrow() == 0
    }

    /// Takes what a source tells, and answers the namespaces in which something has changed.
    pub fn tell(&self, source: &Source, change: Change) -> BTreeSet<String> {
        let mut inner = self.lock();
        let touched = inner.tell(source, change);
        let missing = inner.incomplete.len();
        let revised = std::mem::take(&mut inner.revised);
        drop(inner);
        self.revised.send_if_modified(|()| revised);
        self.missing.send_if_modified(|known| std::mem::replace(known, missing) != missing);
        touched
    }

    /// What is known of a namespace.
    #[must_use]
    pub fn place(&self, namespace: &str) -> Place {
        self.lock().places.get(namespace).cloned().unwrap_or_default()
    }

    /// The objects of a kind, by namespace.
    #[must_use]
    pub fn objects_of(&self, kind: &str) -> BTreeMap<String, Vec<Arc<Value>>> {
        let inner = self.lock();
        let of_place = |(namespace, place): (&String, &Place)| {
            let objects = place.objects.range(Id::new(kind, "")..).take_while(|(id, _)| id.kind == kind);
            let objects: Vec<Arc<Value>> = objects.map(|(_, object)| Arc::clone(object)).collect();
            (!objects.is_empty()).then(|| (namespace.clone(), objects))
        };
        inner.places.iter().filter_map(of_place).collect()
    }

    /// One child, if it is there.
    #[must_use]
    pub fn child(&self, namespace: &str, id: &Id) -> Option<Child> {
        self.lock().places.get(namespace)?.children.get(id).cloned()
    }

    /// All pods that can be asked: namespace, name and pod.
    #[must_use]
    pub fn pods(&self) -> Vec<(String, String, Pod)> {
        let inner = self.lock();
        let of_place = |(namespace, place): (&String, &Place)| {
            let pods = place.pods.iter().filter(|(_, pod)| pod.address.is_some() && !pod.ending);
            pods.map(|(name, pod)| (namespace.clone(), name.clone(), pod.clone())).collect::<Vec<_>>()
        };
        inner.places.iter().flat_map(of_place).collect()
    }

    /// The namespaces that hold any object of ours, or anything that was made for one.
    #[must_use]
    pub fn inhabited(&self) -> BTreeSet<String> {
        let inner = self.lock();
        let inhabited =
            inner.places.iter().filter(|(_, place)| !place.objects.is_empty() || !place.children.is_empty());
        inhabited.map(|(namespace, _)| namespace.clone()).collect()
    }
}

impl Inner {
    fn tell(&mut self, source: &Source, change: Change) -> BTreeSet<String> {
        match change {
            Change::Begin => {
                self.listing.insert(source.clone(), BTreeSet::new());
                BTreeSet::new()
            }
            Change::Listed(key, seen) => {
                self.hear(source, seen.version());
                self.listing.entry(source.clone()).or_default().insert(key.clone());
                self.put(source, key, seen)
            }
            Change::End => {
                let listed = self.listing.remove(source).unwrap_or_default();
                let known = self.known.get(source).cloned().unwrap_or_default();
                self.incomplete.remove(source);
                known.difference(&listed).flat_map(|key| self.remove(source, key)).collect()
            }
            Change::Present(key, seen) => {
                self.hear(source, seen.version());
                self.put(source, key, seen)
            }
            Change::Absent(key, version) => {
                self.hear(source, version);
                self.remove(source, &key)
            }
            // The watch knows what has become of it since.
            Change::Answered(_, seen) if self.has_heard(source, seen.version()) => BTreeSet::new(),
            Change::Answered(key, seen) => self.put(source, key, seen),
        }
    }

    fn hear(&mut self, source: &Source, version: Option<Version>) {
        let newest = self.newest.entry(source.clone()).or_default();
        *newest = version.unwrap_or_default().max(*newest);
    }

    /// Whether a watch has told of this version, or of a newer one.
    fn has_heard(&self, source: &Source, version: Option<Version>) -> bool {
        version.zip(self.newest.get(source)).is_some_and(|(version, newest)| version <= *newest)
    }

    fn put(&mut self, source: &Source, key: Key, seen: Seen) -> BTreeSet<String> {
        let place = self.places.entry(key.namespace.clone()).or_default();
        let changed = match seen {
            Seen::Object(object) => {
                let known = place.objects.get(&key.id);
                if known.is_some_and(|known| is_older(&object, known)) {
                    return BTreeSet::new();
                }
                let changed = known != Some(&object);
                let before = known.and_then(|known| revision(&key.id, known));
                self.revised |= before != revision(&key.id, &object);
                place.objects.insert(key.id.clone(), object);
                changed
            }
            Seen::Child(child) => {
                let known = place.children.get(&key.id);
                if known.is_some_and(|known| child.is_older_than(known)) {
                    return BTreeSet::new();
                }
                let changed = known.is_none_or(|known| child.differs_from(known));
                place.children.insert(key.id.clone(), child);
                changed
            }
            Seen::Pod(pod) => {
                let changed = place.pods.get(&key.id.name) != Some(&pod);
                place.pods.insert(key.id.name.clone(), pod);
                changed
            }
            Seen::Service(service) => {
                let changed = place.services.get(&key.id.name) != Some(&service);
                place.services.insert(key.id.name.clone(), service);
                changed && place.has_connections()
            }
            Seen::Terms(terms) => {
                let changed = place.terms.get(&key.id.name) != Some(&terms);
                place.terms.insert(key.id.name.clone(), terms);
                changed
            }
            Seen::Namespace { labels, terminating } => {
                let inhabited = !place.objects.is_empty();
                let changed = place.labels.as_ref() != Some(&labels) || place.terminating != terminating;
                place.labels = Some(labels);
                place.terminating = terminating;
                changed && inhabited
            }
        };
        let namespace = key.namespace.clone();
        self.known.entry(source.clone()).or_default().insert(key);
        if changed { BTreeSet::from([namespace]) } else { BTreeSet::new() }
    }

    fn remove(&mut self, source: &Source, key: &Key) -> BTreeSet<String> {
        if let Some(known) = self.known.get_mut(source) {
            known.remove(key);
        }
        let Some(place) = self.places.get_mut(&key.namespace) else { return BTreeSet::new() };
        match source.plural {
            "namespaces" => {
                self.places.remove(&key.namespace);
                return BTreeSet::new();
            }
            "pods" => {
                place.pods.remove(&key.id.name);
            }
            ALL_SERVICES => {
                place.services.remove(&key.id.name);
                if !place.has_connections() {
                    return BTreeSet::new();
                }
            }
            TERMS => {
                place.terms.remove(&key.id.name);
            }
            _ => {
                let gone = place.objects.remove(&key.id);
                self.revised |= gone.is_some_and(|gone| revision(&key.id, &gone).is_some());
                place.children.remove(&key.id);
            }
        }
        BTreeSet::from([key.namespace.clone()])
    }
}

impl Place {
    /// Whether anybody is here who could name a Service.
    fn has_connections(&self) -> bool {
        self.objects.keys().any(|id| id.kind == "McpConnection")
    }
}

impl Seen {
    fn version(&self) -> Option<Version> {
        match self {
            Self::Object(object) => object_version(object),
            Self::Child(child) => child.version,
            Self::Pod(_) | Self::Service(_) | Self::Terms(_) | Self::Namespace { .. } => None,
        }
    }
}

impl Child {
    fn is_older_than(&self, known: &Self) -> bool {
        self.uid == known.uid && is_less(self.version, known.version)
    }

    fn differs_from(&self, known: &Self) -> bool {
        let Self { uid, version: _, fingerprint, connection, annotations } = self;
        *uid != known.uid
            || *fingerprint != known.fingerprint
            || *connection != known.connection
            || *annotations != known.annotations
    }
}

/// Whether what a watch brings is older than what is known, which an answer to a write may have told before.
fn is_older(new: &Value, known: &Value) -> bool {
    let same_object = new.pointer("/metadata/uid") == known.pointer("/metadata/uid");
    same_object && is_less(object_version(new), object_version(known))
}

fn object_version(object: &Value) -> Option<Version> {
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

fn is_less(new: Option<Version>, known: Option<Version>) -> bool {
    new.zip(known).is_some_and(|(new, known)| new < known)
}
