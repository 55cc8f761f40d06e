//! The objects of the admission policies that guard votes, watched one by one by their names.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use kube::{Api, Client};
use lychgate_operator_plan::approvals::guard::{Kind, OBJECTS, judge};
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Known;
use crate::apply::api_resource;

/// The API of admission policies.
const API_VERSION: &str = "admissionregistration.k8s.io/v1";
/// The end of the names of an installation's policies.
const SUFFIX: &str = "lychgate.dev";

/// What the objects say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// They are as they should be, since this moment.
    Good(Timestamp),
    /// One is missing or exempts somebody.
    Bad(String),
    /// Not all could be seen.
    Unclear(String),
}

/// The objects, as far as they have been seen.
pub(super) struct Objects {
    suffix: String,
    namespaces: Vec<String>,
    shared: Arc<Shared>,
    /// The watches, which end with this.
    _watches: JoinSet<()>,
}

#[derive(Default)]
struct Shared {
    changed: Notify,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What stands there, by the place in [`OBJECTS`]: nothing where it does not exist.
    objects: Known<Option<Value>>,
    /// Why one cannot be watched.
    problems: Known<String>,
    /// Whether all were known at some time.
    known: bool,
}

impl Objects {
    /// Watches the objects of an operator's installation. Several installations in one cluster have policies of
    /// their own, for the namespaces that each watches.
    pub(super) fn watch(client: &Client, home: &str, namespaces: &[String]) -> Self {
        let suffix = if namespaces.is_empty() { SUFFIX.to_owned() } else { format!("{home}.{SUFFIX}") };
        let mut guarded = namespaces.to_vec();
        if !guarded.is_empty() {
            guarded.push(home.to_owned());
        }
        let shared = Arc::new(Shared::default());
        let mut watches = JoinSet::new();
        for (place, (kind, part)) in OBJECTS.into_iter().enumerate() {
            let name = format!("{part}.{suffix}");
            watches.spawn(follow(client.clone(), kind, name, place, Arc::clone(&shared)));
        }
        Self { suffix, namespaces: guarded, shared, _watches: watches }
    }

    /// The end of the policies' names.
    pub(super) fn suffix(&self) -> &str {
        &self.suffix
    }

    /// Waits until something has changed.
    pub(super) async fn changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Whether all were known before.
    pub(super) fn has_been_known(&self) -> bool {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).known
    }

    /// What they say now.
    pub(super) fn seen(&self) -> Sight {
        let mut seen = self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = Timestamp::UNIX_EPOCH;
        let mut unclear = None;
        for (place, (kind, part)) in OBJECTS.into_iter().enumerate() {
            let name = format!("{} {part}.{}", kind.names().0, self.suffix);
            match seen.objects.get(&place) {
                None => {
                    let problem = seen.problems.get(&place);
                    let problem = problem.map_or("it has not been seen yet", String::as_str);
                    unclear = Some(format!("{name}: {problem}"));
                }
                Some(None) if kind.may_be_missing() => {}
                Some(None) => {
                    let advice = "install the chart again, with admissionPolicies.enabled";
                    return Sight::Bad(format!("{name} is not there; {advice}"));
                }
                Some(Some(object)) => match judge(kind, object, &self.namespaces) {
                    Ok(changed) => since = since.max(changed),
                    Err(problem) => return Sight::Bad(problem),
                },
            }
        }
        if let Some(problem) = unclear {
            return Sight::Unclear(problem);
        }
        seen.known = true;
        Sight::Good(since)
    }
}

impl Shared {
    fn tell(&self, place: usize, object: Option<Value>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.problems.remove(&place);
        let now = object.as_ref().map(identity);
        let before = seen.objects.insert(place, object);
        drop(seen);
        // A status that is written, or a list that is begun anew, changes nothing that guards.
        if before.map(|before| before.as_ref().map(identity)) != Some(now) {
            self.changed.notify_one();
        }
    }

    fn fail(&self, place: usize, problem: String) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.problems.insert(place, problem);
    }
}

/// What is another when somebody has changed an object, or made it anew.
fn identity(object: &Value) -> (Option<Value>, Option<Value>) {
    let member = |pointer: &str| object.pointer(pointer).cloned();
    (member("/metadata/uid"), member("/spec"))
}

async fn follow(client: Client, kind: Kind, name: String, place: usize, shared: Arc<Shared>) {
    let (kind_name, plural) = kind.names();
    if kind.may_be_missing() {
        until_known(&client, plural, place, &shared).await;
    }
    let resource = api_resource(API_VERSION, kind_name, plural);
    let api: Api<DynamicObject> = Api::all_with(client, &resource);
    let config = Config::default().fields(&format!("metadata.name={name}"));
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    let mut listed = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed = None,
            Ok(Event::InitApply(object)) => listed = value(object),
            Ok(Event::InitDone) => shared.tell(place, listed.take()),
            Ok(Event::Apply(object)) => shared.tell(place, value(object)),
            Ok(Event::Delete(_)) => shared.tell(place, None),
            Err(error) => fail(place, &error, &shared),
        }
    }
}

fn fail(place: usize, error: &watcher::Error, shared: &Shared) {
    let problem = crate::chain(error);
    tracing::debug!(problem, "an admission policy cannot be watched");
    shared.fail(place, problem);
}

/// Waits until it is known whether the API server serves a kind, and then, if it does not, for ever.
async fn until_known(client: &Client, plural: &str, place: usize, shared: &Shared) {
    loop {
        match client.list_api_group_resources(API_VERSION).await {
            Ok(list) if list.resources.iter().any(|resource| resource.name == plural) => return,
            Ok(_) => {
                shared.tell(place, None);
                std::future::pending::<()>().await;
            }
            Err(error) => shared.fail(place, crate::chain(&error)),
        }
        tokio::time::sleep(super::RETRY).await;
    }
}

fn value(object: DynamicObject) -> Option<Value> {
    serde_json::to_value(object).ok()
}
