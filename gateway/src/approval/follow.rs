//! The watch on the Approvals of this gateway, and what a gateway writes down about those that came to their end.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lychgate_gateway_record::{Decided, Entry};
use tokio::task::{AbortHandle, JoinSet};

use super::seen::{name, phase};
use super::server::{self, Told};
use super::store::Store;
use super::{Approvals, spec};
use crate::api_server::ApiServer;
use crate::notify::herald;
use crate::state::{Gateway, now_seconds};
use crate::watch::follow::{FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_WATCH, SILENCE, spread};

/// The kind, as metrics show it.
const KIND: &str = "Approval";
/// How often a folder is looked at.
const FOLDER_INTERVAL: Duration = Duration::from_millis(200);

/// Follows the Approvals until it is dropped.
pub(super) async fn run(approvals: Arc<Approvals>, gateway: Arc<Gateway>) {
    let clerk = clerk(Arc::clone(&approvals), Arc::clone(&gateway));
    let follower = async {
        match &approvals.store {
            Store::ApiServer(_) => follow_server(&approvals, &gateway).await,
            Store::Folder(_) => follow_folder(&approvals).await,
        }
    };
    tokio::join!(clerk, follower, herald::run(&approvals.seen, &gateway));
}

async fn follow_folder(approvals: &Approvals) {
    let Store::Folder(folder) = &approvals.store else { return };
    let mut ticks = tokio::time::interval(FOLDER_INTERVAL);
    loop {
        ticks.tick().await;
        match folder.operate() {
            Ok(all) => {
                for approval in all {
                    if approvals.seen.get(name(&approval)).as_ref() != Some(&approval) {
                        approvals.seen.see(approval);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the folder of Approvals cannot be used"),
        }
    }
}

/// Watches for each user name by which the API server knows this gateway; there is one, unless that has changed.
async fn follow_server(approvals: &Arc<Approvals>, gateway: &Arc<Gateway>) {
    let mut changes = gateway.configurations.changes();
    let mut tasks = JoinSet::new();
    let mut running: BTreeMap<String, AbortHandle> = BTreeMap::new();
    loop {
        let wanted = gateway.configurations.approval_gateways();
        running.retain(|user, task| {
            let kept = wanted.contains(user);
            if !kept {
                task.abort();
                gateway.watches.end(KIND, user);
            }
            kept
        });
        for user in wanted {
            running.entry(user.clone()).or_insert_with(|| {
                gateway.watches.begin(KIND, &user);
                tasks.spawn(follow_user(Arc::clone(approvals), Arc::clone(gateway), user.clone()))
            });
        }
        while tasks.try_join_next().is_some() {}
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn follow_user(approvals: Arc<Approvals>, gateway: Arc<Gateway>, user: String) {
    let Store::ApiServer(api) = &approvals.store else { return };
    let watched = (KIND, user.clone());
    let mut pause = FIRST_PAUSE;
    loop {
        let begun = Instant::now();
        let (problem, was_watching) = attempt(&approvals, &gateway, api, &user).await;
        if was_watching && begun.elapsed() >= SHORTEST_WATCH {
            pause = FIRST_PAUSE;
            continue;
        }
        if gateway.watches.lose(&watched, &problem) {
            tracing::warn!(gateway = user, error = problem, "watch on Approvals out of sync");
        }
        tokio::time::sleep(spread(pause)).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Lists and watches until that ends: why, and whether there was a watch.
async fn attempt(approvals: &Approvals, gateway: &Gateway, api: &ApiServer, user: &str) -> (String, bool) {
    let watched = (KIND, user.to_owned());
    let listed = match server::list(api, user).await {
        Ok(listed) => listed,
        Err(problem) => return (problem, false),
    };
    approvals.seen.see_all(user, listed.approvals);
    let mut lines = match server::watch(api, user, &listed.version).await {
        Ok(lines) => lines,
        Err(problem) => return (problem, false),
    };
    gateway.watches.hear(&watched, now_seconds());
    if gateway.watches.find(&watched) {
        tracing::info!(gateway = user, "watch on Approvals in sync");
    }
    loop {
        let line = match tokio::time::timeout(SILENCE, lines.next()).await {
            Ok(Ok(Some(line))) => line,
            Ok(Ok(None)) => return ("the API server has ended the watch".to_owned(), true),
            Ok(Err(problem)) => return (problem, true),
            Err(_) => return ("the API server is silent".to_owned(), true),
        };
        match server::told(user, &line) {
            Ok(Told::Is(approval)) => approvals.seen.see(*approval),
            Ok(Told::Gone(name)) => approvals.seen.forget(&name),
            Ok(Told::Nothing) => {}
            Err(problem) => return (problem, true),
        }
        gateway.watches.hear(&watched, now_seconds());
    }
}

/// Writes into the record what became of each Approval, and into the Approval that this was done. An Approval that was
/// used is recorded by the call that uses it.
async fn clerk(approvals: Arc<Approvals>, gateway: Arc<Gateway>) {
    let mut changes = approvals.seen.changes();
    let mut recorded = HashSet::new();
    loop {
        let all = approvals.seen.all();
        recorded.retain(|uid: &String| all.iter().any(|it| it.metadata.uid.as_ref() == Some(uid)));
        for approval in all {
            if !phase(&approval).is_final() || super::is_recorded(&approval) {
                continue;
            }
            let Some(uid) = approval.metadata.uid.clone() else { continue };
            if !recorded.contains(&uid) {
                let entry = Entry::Decided(Box::new(approvals.decided(&approval, None)));
                if gateway.recorder.append(&[&entry]).await.is_err() {
                    continue;
                }
                recorded.insert(uid);
            }
            let status = super::with_recorded(&approval);
            match approvals.store.write(&approval, &status).await {
                Ok(written) => approvals.seen.see(written),
                Err(error) => {
                    let approval = name(&approval);
                    tracing::warn!(approval, %error, "an Approval could not be marked as recorded");
                }
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

impl Approvals {
    /// What the record says of an Approval's end, or of its use by a call.
    pub(super) fn decided(
        &self,
        approval: &lychgate_crds::approval::Approval,
        usage: Option<u32>,
    ) -> Decided {
        let status = approval.status.clone().unwrap_or_default();
        Decided {
            call: None,
            approval: super::full_name(approval),
            uid: approval.metadata.uid.clone().unwrap_or_default(),
            digest: approval.spec.request.digest.clone(),
            phase: status.phase.as_str().to_owned(),
            decided_at: status.decided_at,
            usage,
            votes: spec::recorded_votes(approval),
        }
    }
}
