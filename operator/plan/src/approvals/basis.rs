//! What an Approval was asked for: the connection and the policies as they were. When one of them has gone or is another,
//! the call would be asked for anew, and what was asked before opens nothing any more.
//!
//! Gateways know connections and policies by what the operator publishes, never before it. So what the operator sees is
//! as new as what an Approval speaks of, or newer.

use lychgate_crds::approval::{ApprovalRequest, PolicyReference};

/// An object as an Approval names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Its kind.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    uid: String,
    generation: i64,
}

/// What is known of such an object now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nobody looks there.
    Unknown,
    /// It is not there.
    Gone,
    /// It is there.
    Is {
        /// Its uid.
        uid: String,
        /// Its generation.
        generation: i64,
    },
}

/// Why an Approval is withdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawal {
    /// The reason of the condition.
    pub(super) reason: &'static str,
    /// Why, in words that go on after "since".
    pub(super) message: String,
    /// Whether somebody should look.
    pub(super) is_warning: bool,
}

impl Withdrawal {
    /// Votes may be forged.
    pub(super) fn unguarded() -> Self {
        let message = "it was voted on while the API server may not have refused forged votes".to_owned();
        Self { reason: "NotGuarded", message, is_warning: true }
    }
}

impl Basis {
    /// All that a request was asked for, in `namespace`.
    pub(super) fn all_of(request: &ApprovalRequest, namespace: &str) -> Vec<Self> {
        let connection = Self {
            kind: "McpConnection",
            namespace: namespace.to_owned(),
            name: request.connection_ref.name.clone(),
            uid: request.connection_ref.uid.clone(),
            generation: request.connection_ref.generation,
        };
        let of_kind = |kind: &'static str, policies: &[PolicyReference]| -> Vec<Self> {
            let of_policy = |policy: &PolicyReference| Self {
                kind,
                namespace: policy.namespace.clone(),
                name: policy.name.clone(),
                uid: policy.uid.clone(),
                generation: policy.generation,
            };
            policies.iter().map(of_policy).collect()
        };
        let policies = of_kind("ApprovalPolicy", &request.policy_refs);
        let commands = of_kind("CommandRule", &request.command_refs);
        std::iter::once(connection).chain(policies).chain(commands).collect()
    }

    /// Why what was asked for it opens nothing any more.
    pub(super) fn withdrawal(&self, sight: &Sight) -> Option<Withdrawal> {
        let Self { kind, namespace, name, uid, generation } = self;
        let is_connection = *kind == "McpConnection";
        let (what, reason) = match sight {
            Sight::Unknown => return None,
            Sight::Gone => {
                ("is no longer there", if is_connection { "ConnectionGone" } else { "PolicyGone" })
            }
            Sight::Is { uid: now, .. } if now != uid => (
                "was deleted and made again",
                if is_connection { "ConnectionChanged" } else { "PolicyChanged" },
            ),
            Sight::Is { generation: now, .. } if now > generation => {
                ("has changed", if is_connection { "ConnectionChanged" } else { "PolicyChanged" })
            }
            Sight::Is { .. } => return None,
        };
        Some(Withdrawal {
            reason,
            message: format!("the {kind} {namespace}/{name} {what}"),
            is_warning: false,
        })
    }
}
