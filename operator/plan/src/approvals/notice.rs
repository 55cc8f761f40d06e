//! What people are told of an Approval, as Events.

use k8s_openapi::jiff::Timestamp;
use lychgate_crds::approval::{Event, Phase};

use super::{BROKEN_GLASS, Waiting, later, whole_seconds};

/// Something that people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The reason, as the Event has it.
    pub reason: &'static str,
    /// What has happened, in words.
    pub note: String,
    /// Whether somebody should look.
    pub is_warning: bool,
}

impl Waiting {
    /// What is told when it gets into a phase.
    pub(super) fn told(
        &self,
        phase: Phase,
        event: Event,
        has_broken_glass: bool,
        now: Timestamp,
    ) -> Vec<Notice> {
        let subject = &self.subject;
        let withdrawn = event == Event::Withdrawn;
        let note = match phase {
            Phase::Pending => return Vec::new(),
            Phase::Approved => {
                let until = whole_seconds(later(now, self.valid_for));
                format!("{subject}: approved ({}); the call may be made until {until}", self.tally.short())
            }
            Phase::Denied => format!("{subject}: denied by {}", self.tally.denied_by.join(", ")),
            Phase::Expired if self.phase == Phase::Approved => {
                format!("{subject}: was approved, and the call was not made in time; repeat it to ask anew")
            }
            Phase::Expired => format!("{subject}: nobody has decided in time; repeat the call to ask anew"),
            Phase::Cancelled | Phase::Revoked if withdrawn => format!(
                "{subject}: withdrawn, since it was voted on while the API server may not have refused forged votes; \
                 repeat the call to ask anew"
            ),
            Phase::Cancelled => format!("{subject}: withdrawn"),
            Phase::Revoked => {
                format!(
                    "{subject}: was approved, and is no longer: denied by {}",
                    self.tally.denied_by.join(", ")
                )
            }
            Phase::Consumed => format!("{subject}: used"),
        };
        let is_warning = withdrawn || phase == Phase::Revoked;
        let mut told = vec![Notice { reason: phase.as_str(), note, is_warning }];
        if has_broken_glass {
            let who = self.tally.broken_glass_by.as_deref().unwrap_or("somebody");
            let note = format!("{subject}: approved by {who} alone, in an emergency");
            told.push(Notice { reason: BROKEN_GLASS, note, is_warning: true });
        }
        told
    }
}
