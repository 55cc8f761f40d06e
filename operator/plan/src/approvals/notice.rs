//! What people are told of an Approval, as Events.

use k8s_openapi::jiff::Timestamp;
use lychgate_crds::approval::Phase;

use super::{BROKEN_GLASS, Waiting, Withdrawal, later, whole_seconds};

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
        withdrawal: Option<&Withdrawal>,
        has_broken_glass: bool,
        now: Timestamp,
    ) -> Vec<Notice> {
        let subject = &self.subject;
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
            Phase::Cancelled | Phase::Revoked => match withdrawal {
                Some(Withdrawal { message, .. }) => {
                    format!("{subject}: withdrawn, since {message}; repeat the call to ask anew")
                }
                None => format!(
                    "{subject}: was approved, and is no longer: denied by {}",
                    self.tally.denied_by.join(", ")
                ),
            },
            Phase::Consumed => format!("{subject}: used"),
        };
        let is_warning = withdrawal.is_some_and(|it| it.is_warning) || phase == Phase::Revoked;
        let mut told = vec![Notice { reason: phase.as_str(), note, is_warning }];
        if has_broken_glass {
            let who = self.tally.broken_glass_by.as_deref().unwrap_or("somebody");
            let note = format!("{subject}: approved by {who} alone, in an emergency");
            told.push(Notice { reason: BROKEN_GLASS, note, is_warning: true });
        }
        told
    }
}
