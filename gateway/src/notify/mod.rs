//! Tells people, by webhook, of calls that wait for them and of what was decided.
//!
//! No call waits for a message, and none fails because one cannot be sent: what does not get through is counted and
//! logged. `message` and `slack` say what is told, `signature` signs it, `delivery` sends it, and `herald` learns what
//! was decided. Where messages may go is decided in `lychgate-gateway-policy`.

pub mod delivery;
pub(crate) mod herald;
pub mod message;
pub mod receiver;
pub mod signature;
pub mod slack;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lychgate_crds::approval::Approval;
use lychgate_gateway_policy::config::{NotificationEvent, NotificationTemplate};
use tokio::sync::{Semaphore, watch};

use self::delivery::{Delivery, Outcome};
use self::message::Story;
use self::receiver::Receiver;
use crate::approval::time::{now_milliseconds, parse_milliseconds};
use crate::state::Gateway;

/// How many messages may wait for one receiver. What is beyond is dropped.
const MAXIMUM_WAITING: usize = 64;
/// How many messages are on their way to one receiver at once.
const MAXIMUM_SENDING: usize = 4;
/// How many Approvals of its own a replica remembers.
const MAXIMUM_OWN: usize = 10_000;

/// Sends messages, as long as the gateway lives.
pub struct Notifier {
    state: Mutex<State>,
    draining: watch::Receiver<bool>,
}

#[derive(Default)]
struct State {
    /// By connection and the receiver's name.
    lanes: HashMap<(String, String), Arc<Lane>>,
    /// The uids of the Approvals that this replica has made.
    own: BTreeSet<String>,
}

/// The room of one receiver.
pub(crate) struct Lane {
    waiting: Arc<Semaphore>,
    pub(crate) sending: Semaphore,
}

impl Notifier {
    /// Nothing was told yet.
    #[must_use]
    pub fn new(draining: watch::Receiver<bool>) -> Self {
        Self { state: Mutex::default(), draining }
    }

    /// Tells that a call waits, which this replica has made an Approval for.
    pub fn asked(&self, gateway: &Arc<Gateway>, approval: &Approval) {
        if let Some(uid) = approval.metadata.uid.clone() {
            let mut state = self.lock();
            if state.own.len() < MAXIMUM_OWN {
                state.own.insert(uid);
            }
        }
        self.tell(gateway, approval, NotificationEvent::Asked);
    }

    /// Tells what was decided. Each replica that learns of it does: receivers of Json know repeats by their id. Slack
    /// knows none, so there only the replica speaks that has asked.
    pub(crate) fn decided(&self, gateway: &Arc<Gateway>, approval: &Approval) {
        self.tell(gateway, approval, NotificationEvent::Decided);
    }

    /// Forgets, when there are many, all Approvals of its own but those that are still there.
    pub(crate) fn keep(&self, still_there: impl Fn(&str) -> bool) {
        let mut state = self.lock();
        if state.own.len() > MAXIMUM_OWN / 2 {
            state.own.retain(|uid| still_there(uid));
        }
    }

    /// Waits until nothing is on its way any more. When the gateway drains, nothing is tried again.
    pub async fn settle(&self, longest: Duration) {
        let lanes: Vec<Arc<Lane>> = self.lock().lanes.values().cloned().collect();
        let all = u32::try_from(MAXIMUM_WAITING).unwrap_or(u32::MAX);
        let settled = async {
            for lane in lanes {
                // Nobody closes it.
                let _all = lane.waiting.acquire_many(all).await;
            }
        };
        if tokio::time::timeout(longest, settled).await.is_err() {
            tracing::warn!("some messages about calls that wait were not sent before the gateway ended");
        }
    }

    fn tell(&self, gateway: &Arc<Gateway>, approval: &Approval, event: NotificationEvent) {
        let Ok(connection) = gateway.configurations.connection(&approval.spec.request.connection_ref.name)
        else {
            return;
        };
        let is_own = approval.metadata.uid.as_ref().is_some_and(|uid| self.lock().own.contains(uid));
        for receiver in &connection.receivers {
            let repeats = event == NotificationEvent::Decided && !is_own;
            if !receiver.settings.events.contains(&event)
                || (repeats && receiver.settings.template == NotificationTemplate::Slack)
            {
                continue;
            }
            self.send(
                gateway,
                receiver,
                &connection.label,
                &Story { approval, event, connection: &connection.label },
            );
        }
    }

    fn send(&self, gateway: &Arc<Gateway>, receiver: &Receiver, connection: &str, story: &Story<'_>) {
        let name = receiver.settings.name.clone();
        let lane = self.lane(connection, &name);
        let Ok(place) = Arc::clone(&lane.waiting).try_acquire_owned() else {
            delivery::count(&gateway.metrics, connection, &name, Outcome::Dropped);
            tracing::warn!(connection, notification = name, "too many messages wait; one was dropped");
            return;
        };
        let now = now_milliseconds();
        let (shows_arguments, template) = (receiver.settings.arguments, receiver.settings.template);
        let body = match template {
            NotificationTemplate::Json => message::json(story, shows_arguments, now),
            NotificationTemplate::Slack => slack::blocks(story, shows_arguments),
        };
        // Nobody has to decide any more once the time is over.
        let deadline = match story.event {
            NotificationEvent::Asked => parse_milliseconds(&story.approval.spec.required.deadline),
            NotificationEvent::Decided => None,
        };
        let delivery = Delivery {
            gateway: Arc::downgrade(gateway),
            connection: story.approval.spec.request.connection_ref.name.clone(),
            label: connection.to_owned(),
            name,
            id: story.id(),
            body: Bytes::from(body.to_string()),
            time: deadline.map(|deadline| Duration::from_millis(deadline.saturating_sub(now))),
            draining: self.draining.clone(),
            lane,
        };
        tokio::spawn(async move {
            delivery.run().await;
            drop(place);
        });
    }

    fn lane(&self, connection: &str, name: &str) -> Arc<Lane> {
        let mut state = self.lock();
        let lane = state.lanes.entry((connection.to_owned(), name.to_owned())).or_insert_with(|| {
            Arc::new(Lane {
                waiting: Arc::new(Semaphore::new(MAXIMUM_WAITING)),
                sending: Semaphore::new(MAXIMUM_SENDING),
            })
        });
        Arc::clone(lane)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
