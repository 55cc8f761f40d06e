//! Makes what should exist exist, and removes what should not any more.
//!
//! Server-side apply with one field manager, in the order in which the plan gives the objects. What is known
//! to stand as it was applied is not applied again. Secrets are created and never touched again: the operator
//! has no right to read one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use kube::core::GroupVersionKind;
use kube::{Api, Client};
use lychgate_operator_plan::{
    CHILD_KINDS, CONNECTION_ANNOTATION, ChildKind, FILL_ANNOTATION, OWNED_BY_ANNOTATION,
};
use serde_json::Value;

use crate::certificate::Authority;
use crate::fill::{self, Filled};
use crate::fingerprint::fingerprint;
use crate::metrics::{ApplyLabels, Metrics};
use crate::ownership::{has_foreign_content, is_controlled_by_another, is_frozen, own_entries};
use crate::scale;
use crate::world::{Change, Child, Id, KEPT_ANNOTATIONS, Key, Place, Seen, Source, World, version};

/// Who manages the fields that the operator writes.
pub const FIELD_MANAGER: &str = "lychgate-operator";
/// How long a Secret that was created is taken to be there. It cannot be looked at, only be created again.
const SECRET_RECHECK: Duration = Duration::from_secs(10 * 60);
/// The same while the gateway does not come up, which may be for want of it.
const SECRET_RECHECK_WHILE_DOWN: Duration = Duration::from_secs(60);
/// The same where the Secret may be that of an earlier owner, and about to be collected with it.
const SECRET_RECHECK_WHILE_UNCERTAIN: Duration = Duration::from_secs(2);
/// How long after an owner was made a Secret may still be that of the one before. The garbage collector is
/// faster by far, except in a cluster in distress.
const OWNER_IS_NEW: SignedDuration = SignedDuration::from_secs(60);

/// What the API server refused.
#[derive(Debug, thiserror::Error)]
#[error("{object}: {reason}")]
pub struct ApplyError {
    /// The object, such as `Deployment lychgate-billing-db`.
    pub object: String,
    /// The API server's words.
    pub reason: String,
}

/// Applies children.
pub struct Applier {
    client: Client,
    world: Arc<World>,
    metrics: Arc<Metrics>,
    namespaced: bool,
    applied: Mutex<HashMap<Key, Applied>>,
    created: Mutex<HashMap<Key, Created>>,
}

/// What was applied, and how the object looked afterwards.
struct Applied {
    digest: String,
    fingerprint: String,
    owner: Owner,
}

/// A ConfigMap that owns a Secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Owner {
    uid: String,
    born: Option<Timestamp>,
}

impl Owner {
    fn is_new(&self) -> bool {
        self.born.is_none_or(|born| Timestamp::now().duration_since(born) < OWNER_IS_NEW)
    }
}

/// A Secret that was created, or was there.
struct Created {
    at: Instant,
    /// Who owned it, if it was a ConfigMap.
    owner: Option<Owner>,
    /// Whether it was created for that owner, and not found.
    is_certain: bool,
}

/// What is applied for one connection.
pub struct Wanted<'a> {
    /// The connection's namespace.
    pub namespace: &'a str,
    /// The connection's name.
    pub connection: &'a str,
    /// The objects, in order.
    pub objects: &'a [Value],
    /// With how many pods its Deployment begins, where an autoscaler chooses how many there are.
    pub begins_with: Option<u32>,
    /// The names that its certificate is for.
    pub certificate_names: Vec<String>,
    /// Whether its gateway is up, as far as is known.
    pub is_up: bool,
}

impl Applier {
    /// An applier that has applied nothing yet. `namespaced` says whether single namespaces are watched.
    pub fn new(client: Client, world: Arc<World>, metrics: Arc<Metrics>, namespaced: bool) -> Self {
        Self { client, world, metrics, namespaced, applied: Mutex::default(), created: Mutex::default() }
    }

    /// Applies the objects of a connection, and then removes what it no longer needs: a certificate when no pod
    /// needs it any more. Answers when that should be done again although nothing changes.
    ///
    /// # Errors
    /// The API server refused an object; those after it are not applied, and nothing is removed.
    pub async fn apply(
        &self,
        wanted: &Wanted<'_>,
        authority: &Authority,
        place: &Place,
    ) -> Result<Option<Duration>, ApplyError> {
        let mut kept = BTreeSet::new();
        let mut again = None;
        for object in wanted.objects {
            let id = id(object);
            if id.kind == "Secret" {
                let is_certain = self.create(wanted, object, authority).await?;
                again = again.or((!is_certain).then_some(SECRET_RECHECK_WHILE_UNCERTAIN));
            } else {
                self.ensure(wanted, &id, object).await?;
                kept.insert(id);
            }
        }
        for (id, child) in &place.children {
            let is_of_connection = child.connection.as_deref() == Some(wanted.connection);
            if is_of_connection && !kept.contains(id) && !is_in_use(id, place) {
                self.delete(wanted.namespace, id, child).await?;
            }
        }
        Ok(again)
    }

    /// Removes what was made for connections that are gone. The garbage collector does so by itself where
    /// nobody has taken the owner away.
    ///
    /// # Errors
    /// The API server refused to delete an object.
    pub async fn remove_orphans(&self, namespace: &str, place: &Place) -> Result<(), ApplyError> {
        for (id, child) in &place.children {
            let Some(connection) = &child.connection else { continue };
            if !place.objects.contains_key(&Id::new("McpConnection", connection)) {
                self.delete(namespace, id, child).await?;
            }
        }
        Ok(())
    }

    /// Drops what is known of objects of a namespace that are gone, and of Secrets that are to be created again.
    pub fn forget(&self, namespace: &str) {
        let is_there =
            |key: &Key| key.namespace != namespace || self.world.child(namespace, &key.id).is_some();
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).retain(|key, _| is_there(key));
        let mut created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.retain(|_, created| created.at.elapsed() < SECRET_RECHECK);
    }

    async fn ensure(&self, wanted: &Wanted<'_>, id: &Id, object: &Value) -> Result<(), ApplyError> {
        let namespace = wanted.namespace;
        let key = Key { namespace: namespace.to_owned(), id: id.clone() };
        let digest = hash(object.to_string().as_bytes());
        let seen = self.world.child(namespace, id);
        if self.stands(&key, &digest, seen.as_ref()) {
            return Ok(());
        }
        let Some(kind) = child_kind(&id.kind) else { return Ok(()) };
        let api = self.api(namespace, kind);
        let autoscaled = wanted.begins_with.filter(|_| id.kind == scale::KIND);
        let is_new = seen.is_none() || !self.has_applied(&key, &digest);
        if let Some(replicas) = autoscaled.filter(|_| is_new) {
            scale::hand_over(&api, &id.name, object, replicas).await.map_err(|error| refused(id, &error))?;
        }
        let answer = self.put(&api, id, object).await;
        self.count(&id.kind, if answer.is_ok() { "applied" } else { "refused" });
        let answer = answer.map_err(|error| refused(id, &error))?;
        if let Some(replicas) = autoscaled {
            scale::revive(&api, &id.name, &answer, replicas).await.map_err(|error| refused(id, &error))?;
        }
        let fingerprint = fingerprint(&id.kind, &answer.metadata);
        if seen.as_ref().is_none_or(|seen| seen.fingerprint != fingerprint) {
            tracing::info!(namespace, kind = id.kind, name = id.name, "applied");
        }
        let uid = answer.metadata.uid.clone().unwrap_or_default();
        self.tell(kind, key.clone(), &answer, &uid, &fingerprint);
        let born = answer.metadata.creation_timestamp.as_ref().map(|Time(born)| *born);
        let applied = Applied { digest, fingerprint, owner: Owner { uid, born } };
        self.applied.lock().unwrap_or_else(PoisonError::into_inner).insert(key, applied);
        Ok(())
    }

    /// Applies an object. Server-side apply leaves alone what others have added, and a gateway is nobody's to
    /// add to: where somebody has, or where the addition makes the whole invalid, the object is replaced. What
    /// somebody else controls stays as it is.
    async fn put(
        &self,
        api: &Api<DynamicObject>,
        id: &Id,
        object: &Value,
    ) -> Result<DynamicObject, kube::Error> {
        let answer = match apply(api, id, object).await {
            Err(kube::Error::Api(status)) if status.code == 422 => {
                // Was it somebody else's doing, a replacement passes. Otherwise its refusal says what is wrong.
                let live = api.get_opt(&id.name).await?;
                let Some(live) = live.filter(|live| !is_controlled_by_another(live, object)) else {
                    return Err(kube::Error::Api(status));
                };
                self.replace(api, id, object, &live).await?;
                apply(api, id, object).await?
            }
            answer => answer?,
        };
        if !has_foreign_content(&answer.metadata) {
            return Ok(answer);
        }
        tracing::warn!(kind = id.kind, name = id.name, "somebody has added to it; replaced");
        self.replace(api, id, object, &answer).await
    }

    async fn replace(
        &self,
        api: &Api<DynamicObject>,
        id: &Id,
        object: &Value,
        live: &DynamicObject,
    ) -> Result<DynamicObject, kube::Error> {
        if is_frozen(live, object) {
            let preconditions = Preconditions { uid: live.metadata.uid.clone(), resource_version: None };
            let parameters =
                DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
            api.delete(&id.name, &parameters).await?;
            return apply(api, id, object).await;
        }
        let mut object: DynamicObject =
            serde_json::from_value(object.clone()).map_err(kube::Error::SerdeError)?;
        scale::keep(&mut object, live);
        // Refused if somebody writes in between; then it is tried again.
        object.metadata.resource_version.clone_from(&live.metadata.resource_version);
        // Without any, those that are there stay; the object is applied after that, and replaced once more.
        object.metadata.managed_fields = own_entries(&live.metadata);
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: false };
        api.replace(&id.name, &parameters, &object).await
    }

    /// Whether an object was applied as it is to be.
    fn has_applied(&self, key: &Key, digest: &str) -> bool {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        applied.get(key).is_some_and(|applied| applied.digest == digest)
    }

    /// Whether an object stands as it was applied.
    fn stands(&self, key: &Key, digest: &str, seen: Option<&Child>) -> bool {
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let known = applied.get(key).filter(|applied| applied.digest == digest);
        known.zip(seen).is_some_and(|(applied, seen)| applied.fingerprint == seen.fingerprint)
    }

    /// Tells the world at once what a watch would tell it a moment later.
    fn tell(&self, kind: &ChildKind, key: Key, object: &DynamicObject, uid: &str, fingerprint: &str) {
        let annotations = object.metadata.annotations.clone().unwrap_or_default();
        let own = |key: &&str| annotations.contains_key(*key);
        let child = Child {
            uid: uid.to_owned(),
            version: version(&object.metadata),
            fingerprint: fingerprint.to_owned(),
            connection: annotations.get(CONNECTION_ANNOTATION).cloned(),
            annotations: KEPT_ANNOTATIONS
                .into_iter()
                .filter(own)
                .map(|key| (key.to_owned(), annotations.get(key).cloned().unwrap_or_default()))
                .collect(),
        };
        let namespace = self.namespaced.then(|| key.namespace.clone());
        let source = Source { plural: kind.plural, namespace };
        self.world.tell(&source, Change::Answered(key, Seen::Child(child)));
    }

    /// Creates a Secret with what its annotation asks for, unless that was done not long ago. Answers whether
    /// it is certain to stay.
    async fn create(
        &self,
        wanted: &Wanted<'_>,
        object: &Value,
        authority: &Authority,
    ) -> Result<bool, ApplyError> {
        let id = id(object);
        let key = Key { namespace: wanted.namespace.to_owned(), id: id.clone() };
        let owner = self.owner(wanted, object).map_err(|reason| refused_for(&id, reason))?;
        if let Some(is_certain) = self.was_created(&key, owner.as_ref(), wanted.is_up) {
            return Ok(is_certain);
        }
        let Some(kind) = child_kind(&id.kind) else { return Ok(true) };
        let secret = filled(wanted, object, owner.as_ref(), authority);
        let secret = secret.map_err(|reason| refused_for(&id, reason))?;
        let parameters = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), dry_run: false };
        let is_certain = match self.api(wanted.namespace, kind).create(&parameters, &secret).await {
            Ok(_) => {
                self.count("Secret", "created");
                tracing::info!(namespace = wanted.namespace, name = id.name, "Secret created");
                true
            }
            Err(kube::Error::Api(status)) if status.code == 409 && status.reason == "AlreadyExists" => {
                self.count("Secret", "there");
                !owner.as_ref().is_some_and(Owner::is_new)
            }
            Err(error) => {
                self.count("Secret", "refused");
                return Err(refused(&id, &error));
            }
        };
        let created = Created { at: Instant::now(), owner, is_certain };
        self.created.lock().unwrap_or_else(PoisonError::into_inner).insert(key, created);
        Ok(is_certain)
    }

    /// Whether a Secret is certain to stay, if it was created for its owner not long ago.
    fn was_created(&self, key: &Key, owner: Option<&Owner>, is_up: bool) -> Option<bool> {
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let created = created.get(key).filter(|created| created.owner.as_ref() == owner)?;
        let recheck = match (created.is_certain, is_up) {
            (false, _) => SECRET_RECHECK_WHILE_UNCERTAIN,
            (true, true) => SECRET_RECHECK,
            (true, false) => SECRET_RECHECK_WHILE_DOWN,
        };
        (created.at.elapsed() < recheck).then_some(created.is_certain)
    }

    /// The ConfigMap that owns a Secret, if one does.
    fn owner(&self, wanted: &Wanted<'_>, object: &Value) -> Result<Option<Owner>, String> {
        let Some(name) = annotation(object, OWNED_BY_ANNOTATION) else { return Ok(None) };
        let key = Key { namespace: wanted.namespace.to_owned(), id: Id::new("ConfigMap", name) };
        let applied = self.applied.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = applied.get(&key).map(|applied| applied.owner.clone());
        owner.map(Some).ok_or_else(|| format!("its owner, ConfigMap {}, is not there", key.id.name))
    }

    async fn delete(&self, namespace: &str, id: &Id, child: &Child) -> Result<(), ApplyError> {
        let Some(kind) = child_kind(&id.kind) else { return Ok(()) };
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(child.uid.clone()), resource_version: None }),
            ..DeleteParams::background()
        };
        match self.api(namespace, kind).delete(&id.name, &parameters).await {
            Ok(_) => {
                tracing::info!(namespace, kind = id.kind, name = id.name, "removed");
                self.count(&id.kind, "removed");
                Ok(())
            }
            // It is gone, or another one of that name has come.
            Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
            Err(error) => Err(refused(id, &error)),
        }
    }

    fn api(&self, namespace: &str, kind: &ChildKind) -> Api<DynamicObject> {
        let resource = api_resource(kind.api_version, kind.kind, kind.plural);
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    fn count(&self, kind: &str, outcome: &'static str) {
        self.metrics.applies.get_or_create(&ApplyLabels { kind: kind.to_owned(), outcome }).inc();
    }
}

fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(name)?.as_str()
}

/// A Secret with what its annotation asks for, and with its owner.
fn filled(
    wanted: &Wanted<'_>,
    object: &Value,
    owner: Option<&Owner>,
    authority: &Authority,
) -> Result<DynamicObject, String> {
    let keys = annotation(object, FILL_ANNOTATION).unwrap_or_default();
    let Filled(data) = fill::fill(keys, &wanted.certificate_names, authority)?;
    let mut secret: DynamicObject =
        serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    if let Some(members) = secret.data.as_object_mut() {
        members.insert("data".to_owned(), data);
    }
    if let Some(Owner { uid, .. }) = owner {
        secret.metadata.owner_references = Some(vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            name: annotation(object, OWNED_BY_ANNOTATION).unwrap_or_default().to_owned(),
            uid: uid.clone(),
            ..OwnerReference::default()
        }]);
    }
    Ok(secret)
}

async fn apply(api: &Api<DynamicObject>, id: &Id, object: &Value) -> Result<DynamicObject, kube::Error> {
    api.patch(&id.name, &PatchParams::apply(FIELD_MANAGER).force(), &Patch::Apply(object)).await
}

/// Whether it is a ConfigMap that owns a Secret which a pod mounts. Until pods have rolled over to another one, a
/// node may start them again.
fn is_in_use(id: &Id, place: &Place) -> bool {
    let mut pods = place.pods.values().filter(|pod| !pod.ending);
    id.kind == "ConfigMap" && pods.any(|pod| pod.secrets.contains(&id.name))
}

/// The kind and name of an object.
#[must_use]
pub fn id(object: &Value) -> Id {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    Id::new(text("/kind"), text("/metadata/name"))
}

fn child_kind(kind: &str) -> Option<&'static ChildKind> {
    CHILD_KINDS.iter().find(|known| known.kind == kind)
}

/// What the API server is asked by for objects of a kind.
#[must_use]
pub fn api_resource(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn hash(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

fn refused(id: &Id, error: &kube::Error) -> ApplyError {
    let reason =
        if let kube::Error::Api(status) = error { status.message.clone() } else { crate::chain(error) };
    refused_for(id, reason)
}

fn refused_for(id: &Id, reason: String) -> ApplyError {
    ApplyError { object: format!("{} {}", id.kind, id.name), reason }
}
