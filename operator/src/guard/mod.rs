//! Whether the API server refuses votes and Approvals that nobody may write: proved again and again.
//!
//! Two ways, since neither is enough alone. The six objects of the admission policies are watched and judged, and
//! probes, all of them dry runs, must be refused by those very policies. What cannot be told is told as such: votes
//! wait until it can.

mod objects;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::Client;
use lychgate_operator_plan::approvals::Trust;
use lychgate_operator_plan::status;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub use self::probe::CANARY;

use self::objects::{Objects, Sight};
use self::probe::Prober;
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::settings::Settings;
use crate::world::World;

/// How often it is proved.
const PERIOD: Duration = Duration::from_secs(30);
/// How soon again when it could not be.
const RETRY: Duration = Duration::from_secs(3);
/// How long a change of a policy may take until the API server goes by it (measured: up to two seconds).
const SETTLING: Duration = Duration::from_millis(2500);

/// What is known of the guard; every reader sees the newest.
pub type Guarding = watch::Receiver<Standing>;

/// Whether votes are guarded, and why not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What Approvals are judged by.
    pub trust: Trust,
    /// Why votes are not known to be guarded.
    problem: Option<String>,
}

impl Standing {
    /// What stands in the status of ApprovalPolicies.
    #[must_use]
    pub fn status(&self) -> status::Guard {
        match (self.trust, &self.problem) {
            (Trust::Guarded { .. }, _) => status::Guard::Guarded,
            (Trust::Lapsed { .. }, problem) => status::Guard::Lapsed(problem.clone().unwrap_or_default()),
            (Trust::Unknown, problem) => status::Guard::Unknown(problem.clone()),
        }
    }
}

/// What one proof says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    /// Everything was refused as it should be, and nothing that guards has changed since this moment.
    Good(Timestamp),
    /// Something passes, or is exempted.
    Bad(String),
    /// It could not be told.
    Unclear(String),
}

/// Proves the guard for as long as this replica leads.
pub struct Guard {
    client: Client,
    home: String,
    namespaces: Vec<String>,
    world: Arc<World>,
    queue: Queue,
    metrics: Arc<Metrics>,
    told: watch::Sender<Standing>,
    /// When votes were last known to be guarded.
    last_good: Option<Timestamp>,
    /// When something was wrong last.
    last_bad: Timestamp,
}

impl Guard {
    /// Nothing is proved yet.
    #[must_use]
    pub fn new(
        client: Client,
        settings: &Settings,
        world: Arc<World>,
        queue: Queue,
        metrics: Arc<Metrics>,
    ) -> (Self, Guarding) {
        let (told, guarding) = watch::channel(Standing::default());
        let guard = Self {
            client,
            home: settings.namespace.clone(),
            namespaces: settings.watch_namespaces.clone(),
            world,
            queue,
            metrics,
            told,
            last_good: None,
            last_bad: Timestamp::UNIX_EPOCH,
        };
        (guard, guarding)
    }

    /// Proves, when something has changed and from time to time. Without an ApprovalPolicy there is nothing to do.
    pub async fn run(mut self) {
        while self.world.objects_of("ApprovalPolicy").is_empty() {
            self.world.approvals_wanted.notified().await;
        }
        let objects = Objects::watch(&self.client, &self.home, &self.namespaces);
        let mut prober: Option<Prober> = None;
        loop {
            let seen = objects.seen();
            let begun = Timestamp::now();
            let probed = self.with_policies();
            let proof = match seen {
                Sight::Good(since) => self.probe(&mut prober, &objects, &probed, since).await,
                Sight::Bad(problem) => Proof::Bad(problem),
                Sight::Unclear(problem) => Proof::Unclear(problem),
            };
            let again = self.conclude(proof, begun);
            let at = Instant::now() + again;
            tokio::select! {
                () = sleep_until(at) => {}
                () = objects.changed() => self.settle(&objects).await,
                () = self.other_namespaces(&probed) => {}
            }
        }
    }

    /// Something that guards has changed. What is gone is gone at once; what is new holds after a while, and until
    /// then probes may still meet the old.
    async fn settle(&mut self, objects: &Objects) {
        let has_been_known = objects.has_been_known();
        let proof = match objects.seen() {
            Sight::Bad(problem) => Proof::Bad(problem),
            // They are seen for the first time, and have been there before.
            Sight::Good(_) | Sight::Unclear(_) if !has_been_known => return,
            Sight::Good(_) | Sight::Unclear(_) => {
                Proof::Unclear("the admission policies have just changed, and are looked at again".to_owned())
            }
        };
        self.conclude(proof, Timestamp::now());
        tokio::time::sleep(SETTLING).await;
    }

    /// Waits until calls may wait for people in other namespaces than those that were probed.
    async fn other_namespaces(&self, probed: &BTreeSet<String>) {
        while self.with_policies() == *probed {
            self.world.approvals_wanted.notified().await;
        }
    }

    async fn probe(
        &self,
        prober: &mut Option<Prober>,
        objects: &Objects,
        namespaces: &BTreeSet<String>,
        since: Timestamp,
    ) -> Proof {
        let known = match prober.take() {
            Some(known) => Ok(known),
            None => Prober::new(&self.client, &self.home, objects.suffix()).await,
        };
        match known {
            Ok(known) => {
                let found = known.prove(namespaces, since).await;
                *prober = Some(known);
                found
            }
            Err(problem) => Proof::Unclear(problem),
        }
    }

    /// The namespaces in which calls may wait for people.
    fn with_policies(&self) -> BTreeSet<String> {
        let policies = self.world.objects_of("ApprovalPolicy");
        let binds = |policy: &Arc<Value>| policy.pointer("/spec/namespaceSelector").is_some();
        let binds_others = policies.get(&self.home).is_some_and(|policies| policies.iter().any(binds));
        let connections = self.world.objects_of("McpConnection");
        connections.into_keys().filter(|name| binds_others || policies.contains_key(name)).collect()
    }

    /// Tells what a proof that was begun at a moment says; answers when to prove again.
    fn conclude(&mut self, proof: Proof, begun: Timestamp) -> Duration {
        let before = self.told.borrow().clone();
        let standing = match proof {
            Proof::Good(since) => {
                let since = since.max(self.last_bad);
                let proved = match before.trust {
                    Trust::Guarded { since: known, proved } if known == since => proved,
                    Trust::Guarded { .. } | Trust::Unknown | Trust::Lapsed { .. } => Timestamp::now(),
                };
                self.last_good = Some(begun);
                Standing { trust: Trust::Guarded { since, proved }, problem: None }
            }
            Proof::Bad(problem) => {
                self.last_bad = Timestamp::now();
                let trust = Trust::Lapsed { last_good: self.last_good };
                Standing { trust, problem: Some(problem) }
            }
            Proof::Unclear(problem) => match before.trust {
                // What was wrong stays so until it is proved right.
                Trust::Lapsed { .. } => before.clone(),
                Trust::Guarded { .. } | Trust::Unknown => {
                    Standing { trust: Trust::Unknown, problem: Some(problem) }
                }
            },
        };
        let is_guarded = matches!(standing.trust, Trust::Guarded { .. });
        if before != standing {
            self.tell(&before, standing);
        }
        if is_guarded { PERIOD } else { RETRY }
    }

    fn tell(&self, before: &Standing, standing: Standing) {
        let is_guarded = matches!(standing.trust, Trust::Guarded { .. });
        self.metrics.approvals.guarded.set(i64::from(is_guarded));
        match (&standing.problem, is_guarded) {
            (Some(problem), false) => tracing::warn!(problem, "votes are not known to be guarded"),
            (_, _) => tracing::info!("votes are guarded"),
        }
        let is_shown = before.status() != standing.status();
        self.told.send_replace(standing);
        if is_shown {
            for namespace in self.world.objects_of("ApprovalPolicy").into_keys() {
                self.queue.push(&namespace);
            }
        }
    }
}

/// What is known of each object, by its place.
type Known<Content> = BTreeMap<usize, Content>;
