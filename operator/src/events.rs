//! Tells transitions as Events (events.k8s.io/v1), where people look first: `kubectl describe`.
//!
//! Each condition that changes is an Event of its own. The same transition within some minutes is counted on the
//! Event that is there, so that what goes back and forth fills no list.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use lychgate_crds::ConditionType;
use lychgate_operator_plan::approvals::Notice;
use serde_json::json;

use crate::apply::FIELD_MANAGER;

/// The longest note of an Event, in bytes (Kubernetes API, events.k8s.io/v1).
const MAXIMUM_NOTE_BYTES: usize = 1024;
/// The longest name of an Event, in characters (Kubernetes API, object names).
const MAXIMUM_NAME_LENGTH: usize = 253;
/// How long the same transition is counted on the Event that is there.
const SERIES: Duration = Duration::from_secs(6 * 60);
/// What Events say was done.
const ACTION: &str = "Reconcile";

/// Tells Events in the name of one replica.
pub struct Events {
    client: Client,
    instance: String,
    told: Mutex<HashMap<Transition, Told>>,
}

/// What is the same when it happens again.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Transition {
    uid: Option<String>,
    condition: String,
    status: String,
    reason: String,
}

/// An Event that is there.
#[derive(Clone)]
struct Told {
    name: String,
    last: Instant,
    count: i32,
}

/// Whether somebody should look. One condition is better False.
fn is_bad(condition: &Condition) -> bool {
    let is_reversed = condition.type_ == ConditionType::Conflicted.as_str();
    (condition.status == "True") == is_reversed
}

impl Events {
    /// Nothing has been told. `instance` is the name of this replica.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance, told: Mutex::default() }
    }

    /// Tells that a condition of an object has become what it is.
    ///
    /// # Errors
    /// The API server refused. Nothing depends on Events.
    pub async fn tell(&self, regarding: &ObjectReference, condition: &Condition) -> Result<(), kube::Error> {
        let transition = Transition {
            uid: regarding.uid.clone(),
            condition: condition.type_.clone(),
            status: condition.status.clone(),
            reason: condition.reason.clone(),
        };
        let namespace = regarding.namespace.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let told = match self.recall(&transition) {
            Some(told) => {
                let count = told.count.saturating_add(1);
                let series =
                    json!({"series": {"count": count, "lastObservedTime": MicroTime(Timestamp::now())}});
                api.patch(&told.name, &PatchParams::default(), &Patch::Merge(series)).await?;
                Told { name: told.name, last: Instant::now(), count }
            }
            None => {
                let Condition { type_, status, reason, message, .. } = condition;
                let note = format!("{type_} is {status}: {message}");
                let event = self.event(regarding, ACTION, reason, &note, is_bad(condition));
                let name = event.metadata.name.clone().unwrap_or_default();
                api.create(&PostParams::default(), &event).await?;
                Told { name, last: Instant::now(), count: 1 }
            }
        };
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(transition, told);
        Ok(())
    }

    fn recall(&self, transition: &Transition) -> Option<Told> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, told| told.last.elapsed() < SERIES);
        told.get(transition).cloned()
    }

    /// Tells once what has become of an object that does not go back and forth.
    ///
    /// # Errors
    /// The API server refused. Nothing depends on Events.
    pub async fn tell_once(
        &self,
        regarding: &ObjectReference,
        action: &str,
        notice: &Notice,
    ) -> Result<(), kube::Error> {
        let Notice { reason, note, is_warning } = notice;
        let event = self.event(regarding, action, reason, note, *is_warning);
        let namespace = regarding.namespace.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        api.create(&PostParams::default(), &event).await.map(drop)
    }

    fn event(
        &self,
        regarding: &ObjectReference,
        action: &str,
        reason: &str,
        note: &str,
        is_warning: bool,
    ) -> Event {
        let now = Timestamp::now();
        let kind = if is_warning { "Warning" } else { "Normal" };
        Event {
            metadata: ObjectMeta {
                namespace: regarding.namespace.clone(),
                name: Some(name(regarding.name.as_deref().unwrap_or_default(), now)),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(format!("{}/{FIELD_MANAGER}", lychgate_crds::GROUP)),
            reporting_instance: Some(self.instance.clone()),
            action: Some(action.to_owned()),
            reason: Some(reason.to_owned()),
            regarding: Some(regarding.clone()),
            note: Some(cut(note, MAXIMUM_NOTE_BYTES)),
            type_: Some(kind.to_owned()),
            ..Event::default()
        }
    }
}

/// A name of its own: that of the object, as far as there is room, and the time.
fn name(object: &str, now: Timestamp) -> String {
    let time = format!("{:x}", now.as_nanosecond());
    let room = MAXIMUM_NAME_LENGTH.saturating_sub(time.len() + 1);
    // What ends a name must be a letter or a digit, before a dot, too.
    format!("{}.{time}", cut(object, room).trim_end_matches(['.', '-']))
}

/// The beginning of a text, of so many bytes at the most.
fn cut(text: &str, bytes: usize) -> String {
    let end = text.char_indices().map(|(index, character)| index + character.len_utf8());
    let end = end.take_while(|end| *end <= bytes).last().unwrap_or(0);
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::{MAXIMUM_NAME_LENGTH, cut, name};

    #[test]
    fn an_events_name_is_within_limits_whatever_its_object_is_called() {
        assert_eq!(name("customers", Timestamp::UNIX_EPOCH), "customers.0");
        let dotted = format!("{}.{}", "a".repeat(235), "b".repeat(17));
        for object in ["a".repeat(253), dotted, "a-".repeat(126) + "a"] {
            let name = name(&object, Timestamp::MAX);
            assert!(
                name.len() <= MAXIMUM_NAME_LENGTH && !name.contains("-.") && !name.contains(".."),
                "{name}"
            );
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("déjà vu", 2), "d");
    }
}
