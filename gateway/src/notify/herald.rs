//! Learns from the Approvals that are seen what was decided, and has it told.

use std::collections::HashMap;
use std::sync::Arc;

use lychgate_crds::approval::Phase;

use super::message::outcome;
use crate::approval::is_recorded;
use crate::approval::seen::{Seen, name, phase};
use crate::state::Gateway;

/// Follows what is seen until it is dropped.
///
/// Of an Approval that is seen for the first time and was decided before, nothing is told if the record has its end:
/// whoever wrote that down has told it.
pub(crate) async fn run(seen: &Seen, gateway: &Arc<Gateway>) {
    let mut changes = seen.changes();
    let mut known: HashMap<String, Phase> = HashMap::new();
    loop {
        let now = seen.each(|approval| {
            let uid = approval.metadata.uid.clone()?;
            Some((uid, name(approval).to_owned(), outcome(phase(approval)), is_recorded(approval)))
        });
        known.retain(|uid, _| now.iter().any(|(other, ..)| other == uid));
        gateway.notifier.keep(|uid| known.contains_key(uid) || now.iter().any(|(other, ..)| other == uid));
        for (uid, name, phase, is_recorded) in now {
            let before = known.insert(uid.clone(), phase);
            let is_new = match before {
                Some(before) => before != phase,
                None => !is_recorded,
            };
            let approval = seen.get(&name).filter(|approval| approval.metadata.uid.as_ref() == Some(&uid));
            if let Some(approval) = approval.filter(|_| is_new && phase != Phase::Pending) {
                gateway.notifier.decided(gateway, &approval);
            }
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}
