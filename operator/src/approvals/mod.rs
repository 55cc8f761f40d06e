//! Turns votes into phases: watches Approvals, asks the plan what becomes of each that has changed or is due, writes
//! that, and tells people.
//!
//! Of each Approval only what decides is kept, and nothing of one whose end has come; work is done for what has
//! changed or is due, a few writes at a time.

mod book;
mod write;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{Config, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use lychgate_crds::Approval;
use lychgate_operator_plan::approvals::{Basis, Outlook, Sight, Waiting};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::book::{Book, Key};
use self::write::{Outcome, Writer};
use crate::apply::api_resource;
use crate::events::Events;
use crate::guard::{CANARY, Guarding};
use crate::metrics::{Metrics, NamespaceLabels};
use crate::settings::Settings;
use crate::world::{Id, Revision, World};

/// How many Approvals are written at once.
const WRITES: usize = 8;
/// How many events of watches wait to be taken in.
const EVENTS: usize = 256;
/// How many Approvals are listed at once.
const PAGE: u32 = 200;
/// How often the age of the oldest is measured.
const MEASURE: Duration = Duration::from_secs(5);
/// The longest time until something is looked at that is due.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Something that a watch has told.
enum Change {
    /// A list of this scope begins.
    Begin(usize),
    /// An Approval is part of the list.
    Listed(usize, Key, Box<Waiting>),
    /// The list is complete.
    End(usize),
    /// An Approval is new or has changed.
    Present(usize, Key, Box<Waiting>),
    /// It is gone.
    Absent(Key),
}

/// What the operator knows of what Approvals are asked for. All of it is known before the first is looked at.
struct View {
    world: Arc<World>,
    /// The namespaces that are watched; all if there is none.
    namespaces: Vec<String>,
}

impl View {
    fn of(&self, basis: &Basis) -> Sight {
        if !self.namespaces.is_empty() && !self.namespaces.contains(&basis.namespace) {
            return Sight::Unknown;
        }
        let revision = self.world.revision(&basis.namespace, &Id::new(basis.kind, &basis.name));
        revision.map_or(Sight::Gone, |Revision { uid, generation }| Sight::Is { uid, generation })
    }
}

/// Turns votes into phases for as long as this replica leads.
pub struct Approvals {
    watches: Vec<Api<DynamicObject>>,
    home: String,
    guarding: Guarding,
    view: View,
    revisions: watch::Receiver<()>,
    metrics: Arc<Metrics>,
    writer: Arc<Writer>,
    book: Book,
    /// What the lists that have begun hold so far, by scope.
    listing: Vec<HashSet<Key>>,
    /// The namespaces of which the metrics speak.
    measured: HashSet<String>,
}

impl Approvals {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(
        client: &Client,
        settings: &Settings,
        guarding: Guarding,
        world: Arc<World>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let resource = resource();
        let namespaces = settings.watch_namespaces.iter();
        let mut watches: Vec<Api<DynamicObject>> =
            namespaces.map(|name| Api::namespaced_with(client.clone(), name, &resource)).collect();
        if watches.is_empty() {
            watches.push(Api::all_with(client.clone(), &resource));
        }
        let events = Events::new(client.clone(), settings.identity.clone());
        Self {
            listing: vec![HashSet::new(); watches.len()],
            watches,
            home: settings.namespace.clone(),
            guarding,
            revisions: world.revisions(),
            view: View { world, namespaces: settings.watch_namespaces.clone() },
            writer: Arc::new(Writer::new(client.clone(), events, Arc::clone(&metrics))),
            metrics,
            book: Book::default(),
            measured: HashSet::new(),
        }
    }

    /// Runs until the process ends, or the lead is lost.
    pub async fn run(mut self) {
        let (sender, mut changes) = mpsc::channel(EVENTS);
        let mut watches = JoinSet::new();
        for (scope, api) in std::mem::take(&mut self.watches).into_iter().enumerate() {
            watches.spawn(follow(api, scope, self.home.clone(), sender.clone()));
        }
        let mut writes: JoinSet<(Key, Outcome)> = JoinSet::new();
        let mut measure = tokio::time::interval(MEASURE);
        loop {
            self.work(&mut writes);
            let until_due = self.until_due();
            tokio::select! {
                Some(change) = changes.recv() => self.take_in(change),
                Some(done) = writes.join_next(), if !writes.is_empty() => {
                    if let Ok((key, outcome)) = done {
                        self.book.done(&key, outcome, Timestamp::now());
                    }
                }
                Ok(()) = self.guarding.changed() => {
                    self.guarding.mark_unchanged();
                    self.book.look_at_all();
                }
                Ok(()) = self.revisions.changed() => self.book.look_at_all(),
                () = sleep(until_due), if writes.len() < WRITES => {}
                _ = measure.tick() => self.measure(),
            }
        }
    }

    fn take_in(&mut self, change: Change) {
        let now = Timestamp::now();
        match change {
            Change::Begin(scope) => {
                if let Some(listing) = self.listing.get_mut(scope) {
                    listing.clear();
                }
            }
            Change::Listed(scope, key, waiting) => {
                if let Some(listing) = self.listing.get_mut(scope) {
                    listing.insert(key.clone());
                }
                self.book.put(key, scope, *waiting, now);
            }
            Change::End(scope) => {
                let listed = self.listing.get_mut(scope).map(std::mem::take).unwrap_or_default();
                self.book.retain(scope, &listed);
            }
            Change::Present(scope, key, waiting) => self.book.put(key, scope, *waiting, now),
            Change::Absent(key) => self.book.remove(&key),
        }
    }

    /// Begins as many writes as there may be at once.
    fn work(&mut self, writes: &mut JoinSet<(Key, Outcome)>) {
        let trust = self.guarding.borrow().trust;
        let now = Timestamp::now();
        while writes.len() < WRITES {
            let Some((key, waiting, arrived)) = self.book.next(now) else { return };
            let withdrawal = waiting.withdrawal(|basis| self.view.of(basis));
            match waiting.look(&trust, withdrawal, arrived, now) {
                Outlook::Wait(due) => self.book.wait(&key, due),
                outlook @ (Outlook::Write { .. } | Outlook::Delete) => {
                    let (writer, waiting) = (Arc::clone(&self.writer), waiting.clone());
                    self.book.begin(&key);
                    writes.spawn(async move {
                        let outcome = writer.write(&key, &waiting, outlook).await;
                        (key, outcome)
                    });
                }
            }
        }
    }

    fn until_due(&self) -> Duration {
        let Some(due) = self.book.next_due() else { return LONGEST_SLEEP };
        let left = due.duration_since(Timestamp::now());
        Duration::try_from(left).unwrap_or_default().min(LONGEST_SLEEP)
    }

    fn measure(&mut self) {
        let metrics = &self.metrics.approvals;
        let age = self.book.oldest().map(|created| Timestamp::now().duration_since(created).as_secs());
        metrics.oldest_waiting.set(age.unwrap_or_default());
        let waiting = self.book.waiting();
        self.measured.retain(|namespace| {
            let stays = waiting.contains_key(namespace);
            if !stays {
                metrics.waiting.remove(&NamespaceLabels { namespace: namespace.clone() });
            }
            stays
        });
        for (namespace, count) in waiting {
            let labels = NamespaceLabels { namespace: namespace.clone() };
            metrics.waiting.get_or_create(&labels).set(i64::try_from(*count).unwrap_or(i64::MAX));
            self.measured.insert(namespace.clone());
        }
    }
}

fn resource() -> ApiResource {
    api_resource(lychgate_crds::API_VERSION, "Approval", "approvals")
}

/// Follows a watch for as long as the process lives. A watch that breaks begins anew by itself.
async fn follow(api: Api<DynamicObject>, scope: usize, home: String, sender: mpsc::Sender<Change>) {
    let config = Config::default().page_size(PAGE);
    let mut events = std::pin::pin!(watcher(api, config).default_backoff());
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(Event::Init) => Some(Change::Begin(scope)),
            Ok(Event::InitDone) => Some(Change::End(scope)),
            Ok(Event::InitApply(object)) => {
                read(object, &home).map(|(key, waiting)| Change::Listed(scope, key, Box::new(waiting)))
            }
            Ok(Event::Apply(object)) => {
                read(object, &home).map(|(key, waiting)| Change::Present(scope, key, Box::new(waiting)))
            }
            Ok(Event::Delete(object)) => Some(Change::Absent(key(&object))),
            Err(error) => {
                tracing::warn!(error = crate::chain(&error), "the watch of Approvals broke, and begins anew");
                None
            }
        };
        let Some(change) = change else { continue };
        if sender.send(change).await.is_err() {
            return;
        }
    }
}

fn key(object: &DynamicObject) -> Key {
    Key { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
}

/// What is kept of an Approval. The canary is none.
fn read(object: DynamicObject, home: &str) -> Option<(Key, Waiting)> {
    let key = key(&object);
    if key.name == CANARY && key.namespace == home {
        return None;
    }
    let read = serde_json::to_value(object)
        .and_then(serde_json::from_value::<Approval>)
        .map_err(|error| error.to_string())
        .and_then(|approval| Waiting::read(&approval));
    match read {
        Ok(waiting) => Some((key, waiting)),
        Err(problem) => {
            let Key { namespace, name } = key;
            tracing::warn!(namespace, name, problem, "an Approval cannot be read, and is left alone");
            None
        }
    }
}
