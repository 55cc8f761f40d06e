//! May this caller make this call?
//!
//! The answer is an [`Decision::Allow`] with a [`Permit`], an [`Decision::Ask`] with a permit that waits for people,
//! or a [`Decision::Deny`] with a [`Denial`], and names the rules that made it so. No rule matches: denied. Only
//! [`decide`] makes a [`Permit`], which owns the call that it permits, so that what was decided is what is sent.

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::{Form, Message};

use crate::access::{self, Granted, NoGrant};
use crate::approval::{self, Terms};
use crate::ask::Ask;
use crate::call::{Call, Operation};
use crate::command::{self, Commands, Subject, Verdict};
use crate::compile::Policy;
use crate::config::{Closed, CommandAction};
use crate::denial::DenialReason;
use crate::mask::{Known, Masked};
use crate::shown;
use crate::when::Asked;

/// Who calls, as the gateway has verified it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    /// Who vouches for the name: the `iss` of the token; empty for an anonymous caller.
    pub issuer: String,
    /// The token's subject.
    pub subject: String,
    /// The name that grants speak of.
    pub username: String,
    /// The groups that grants speak of, as of the token in hand.
    pub groups: Vec<String>,
    /// The caller's user names at the API server: under none of them may he decide on a call of his own. None if
    /// nobody knows them.
    pub kubernetes_usernames: Vec<String>,
    /// Whether there was no token at all.
    pub anonymous: bool,
}

impl Caller {
    /// The caller without a token, where the gateway serves one.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            issuer: String::new(),
            subject: "anonymous".to_owned(),
            username: "anonymous".to_owned(),
            groups: Vec::new(),
            kubernetes_usernames: Vec::new(),
            anonymous: true,
        }
    }
}

/// The answer to a call, with the rules that made it so.
#[derive(Debug)]
pub enum Decision {
    /// The call may be sent.
    Allow(Permit),
    /// The call may be sent once people have approved it.
    Ask(Box<Ask>),
    /// The call may not be sent.
    Deny(Denial),
}

/// A call that may be sent. Its fields are private: nothing outside this module can make one.
#[derive(Debug)]
pub struct Permit {
    call: Call,
    outbound: Bytes,
    told: Option<Bytes>,
    is_masked: bool,
    rules: Vec<String>,
    commands: Commands,
    credentials: Vec<String>,
    chosen: Option<String>,
    recorded: Option<Masked>,
}

impl Permit {
    /// The call as it was received.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The bytes to send: the call's own with values in the place of tokens, unless a MaskingRule with direction Request
    /// changed them.
    #[must_use]
    pub fn outbound(&self) -> &Bytes {
        &self.outbound
    }

    /// The same with tokens in the place of values, as people may see it.
    #[must_use]
    pub fn told(&self) -> &Bytes {
        self.told.as_ref().unwrap_or(&self.outbound)
    }

    /// Whether a MaskingRule, or a known credential, has changed what is sent.
    #[must_use]
    pub fn is_masked(&self) -> bool {
        self.is_masked
    }

    /// The call as the record has it.
    #[must_use]
    pub fn recorded(&self) -> Option<&Masked> {
        self.recorded.as_ref()
    }

    /// The grants that allow it, such as `access[0]`, the CommandRules that look at it, and the ApprovalPolicies that
    /// hold for it.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// What its commands do, and what rules say of that.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// The credentials that it is made with, by name.
    #[must_use]
    pub fn credentials(&self) -> &[String] {
        &self.credentials
    }

    /// The one of them that a grant or a CommandRule has chosen.
    #[must_use]
    pub fn chosen_credential(&self) -> Option<&str> {
        self.chosen.as_deref()
    }
}

/// A call that may not be sent, and why.
#[derive(Debug)]
pub struct Denial {
    call: Call,
    reason: DenialReason,
    sentence: Option<String>,
    commands: Commands,
    rules: Vec<String>,
    recorded: Option<Masked>,
}

impl Denial {
    /// The call as it was received.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The call as the record has it, if it was masked before it was denied.
    #[must_use]
    pub fn recorded(&self) -> Option<&Masked> {
        self.recorded.as_ref()
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> DenialReason {
        self.reason
    }

    /// What the caller is told, where the reason alone would not help him. It may repeat what he sent.
    #[must_use]
    pub fn sentence(&self) -> Option<&str> {
        self.sentence.as_deref()
    }

    /// The CommandRules that deny it, or the rule whose condition has no answer.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// What its commands do, and what rules say of that.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        &self.commands
    }
}

/// What the caller is told where other arguments might do.
const UNMET: &str =
    "Not sent: you may call this under conditions that these arguments do not meet. Send others";

/// Why a call is denied, before it is part of a [`Denial`].
struct Refused {
    reason: DenialReason,
    sentence: Option<String>,
}

impl From<DenialReason> for Refused {
    fn from(reason: DenialReason) -> Self {
        Self { reason, sentence: None }
    }
}

impl From<NoGrant> for Refused {
    fn from(none: NoGrant) -> Self {
        let sentence = match (none.reason, none.detail) {
            (DenialReason::ConditionUnmet, _) => Some(UNMET.to_owned()),
            (_, detail) => detail.map(|detail| format!("Not sent: {detail}")),
        };
        Self { reason: none.reason, sentence }
    }
}

/// Decides a call at `now` (milliseconds since the Unix epoch). No rule matches: denied.
///
/// `known` are values that never travel, whatever the rules say: the caller's own token above all. Where the
/// call holds one, the permitted bytes hold a mask in its place. What is judged is what would be sent.
#[must_use]
pub fn decide(policy: &Policy, caller: &Caller, call: Call, known: &[Known], now: u64) -> Decision {
    let mut seen = Seen::default();
    let weighed = weigh(policy, caller, &call, known, now, &mut seen);
    let Seen { commands, recorded } = seen;
    match weighed {
        Ok((sent, terms)) => {
            let Sent { on_its_way: OnItsWay { outbound, told, is_masked, .. }, rules, chosen } = sent;
            let credentials = access::credentials(policy, chosen.as_deref());
            let permit =
                Permit { call, outbound, told, is_masked, rules, commands, credentials, chosen, recorded };
            match terms {
                None => Decision::Allow(permit),
                Some(terms) => Decision::Ask(Box::new(Ask::new(permit, *terms))),
            }
        }
        Err(Refused { reason, sentence }) => {
            let rules = commands.enforced.as_ref().filter(|verdict| verdict.denial() == Some(reason));
            let rules = rules.map(Verdict::deciding).unwrap_or_default();
            Decision::Deny(Denial { call, reason, sentence, commands, rules, recorded })
        }
    }
}

/// What may be sent, and by which rules.
struct Sent {
    on_its_way: OnItsWay,
    rules: Vec<String>,
    chosen: Option<String>,
}

/// What was found of a call, whatever becomes of it.
#[derive(Default)]
struct Seen {
    commands: Commands,
    recorded: Option<Masked>,
}

/// What would be sent, and what it takes of people. What is found of the call is left in `seen`.
fn weigh(
    policy: &Policy,
    caller: &Caller,
    call: &Call,
    known: &[Known],
    now: u64,
    seen: &mut Seen,
) -> Result<(Sent, Option<Box<Terms>>), Refused> {
    let operation = call.meant();
    let granted = access::candidates(policy, caller, operation)?;
    let on_its_way = on_its_way(policy, caller, call, known, now, seen)?;
    let sent = on_its_way.rewritten.as_ref().unwrap_or(call.meant_message());
    let asked = Asked::new(policy.config(), caller, operation, Some(sent), now);
    let mut granted = granted.hold(&asked)?;
    ask_about_tasks(policy, caller, operation, now, &mut granted)?;
    let Some(tool) = operation.tool_name() else {
        let terms = people(policy, caller, call, &asked, &seen.commands, &mut granted.rules)?;
        return Ok((Sent { on_its_way, rules: granted.rules, chosen: granted.credential }, terms));
    };
    if let Some(reason) = policy.pinning().refuses(tool) {
        return Err(reason.into());
    }
    let received = call.meant_message().params().and_then(|params| params.get("arguments"));
    let subject = Subject { tool, asked, received, masking: policy.masking() };
    seen.commands = policy.commands().judge(&subject);
    if let Some(verdict) = &seen.commands.enforced {
        if let Some(reason) = verdict.denial() {
            return Err(Refused { reason, sentence: command::sentence(verdict) });
        }
        granted.rules.extend(verdict.deciding());
        granted.credential = verdict.credential().map(str::to_owned).or(granted.credential);
    }
    let terms = people(policy, caller, call, &subject.asked, &seen.commands, &mut granted.rules)?;
    Ok((Sent { on_its_way, rules: granted.rules, chosen: granted.credential }, terms))
}

/// What of a call goes on.
struct OnItsWay {
    outbound: Bytes,
    /// The same with tokens, where it had any.
    told: Option<Bytes>,
    is_masked: bool,
    /// What goes on as a message, if it is another.
    rewritten: Option<Message>,
}

/// What of a call goes on, with values in the place of tokens, and masked by the rules for what goes to the server.
fn on_its_way(
    policy: &Policy,
    caller: &Caller,
    call: &Call,
    known: &[Known],
    now: u64,
    seen: &mut Seen,
) -> Result<OnItsWay, Refused> {
    let shown::Sent { upstream: masked, told, record } = shown::send(policy, caller, call, known, now);
    seen.recorded = Some(record);
    if let Some(unopened) = call.unopened() {
        return Err(Refused { reason: DenialReason::UnknownToken, sentence: Some(unopened.sentence()) });
    }
    if !masked.blocked().is_empty() {
        let kinds = masked.blocked().join(", ");
        let sentence = format!(
            "Not sent: the policy of this connection blocks this request, because of what it holds: {kinds}. Leave it out"
        );
        return Err(Refused { reason: DenialReason::ValueBlocked, sentence: Some(sentence) });
    }
    if masked.is_refusal() || told.as_ref().is_some_and(Masked::is_refusal) {
        return Err(DenialReason::Unmaskable.into());
    }
    let (outbound, meant) = (masked.into_bytes(), call.meant_message());
    let rewritten = if outbound == *meant.bytes() {
        None
    } else {
        let limits = Limits { bytes: outbound.len(), ..Limits::with_bytes(0) };
        let read = Message::parse(outbound.clone(), limits).ok();
        // A credential in what says who is answered or what is called: masked, it would be another call.
        let same = |read: &Message| read.form() == meant.form() && call.meant().is_asked_by(read);
        Some(read.filter(same).ok_or(Refused::from(DenialReason::Unmaskable))?)
    };
    let is_masked = rewritten.is_some();
    Ok(OnItsWay { outbound, told: told.map(Masked::into_bytes), is_masked, rewritten })
}

/// Tasks are asked about by the grants for what made them, and with the credential with which they were made.
fn ask_about_tasks(
    policy: &Policy,
    caller: &Caller,
    operation: &Operation,
    now: u64,
    granted: &mut Granted,
) -> Result<(), NoGrant> {
    match operation {
        Operation::Task { task } => granted.choose_again(policy, task),
        Operation::Listen { tasks, .. } => {
            for (index, task) in tasks.iter().enumerate() {
                let operation = Operation::Task { task: task.clone() };
                let asked = Asked::new(policy.config(), caller, &operation, None, now);
                let mut each = access::candidates(policy, caller, &operation)?.hold(&asked)?;
                // One stream has one credential: that of the first.
                if index == 0 {
                    each.choose_again(policy, task);
                    granted.credential = each.credential;
                }
            }
        }
        Operation::Tool { .. }
        | Operation::Resource { .. }
        | Operation::Prompt { .. }
        | Operation::UnknownTask { .. }
        | Operation::List(_)
        | Operation::Protocol { .. }
        | Operation::Answer
        | Operation::Unknown { .. } => {}
    }
    Ok(())
}

/// What a call takes of people: nothing, unless an ApprovalPolicy holds for it or a CommandRule demands approval. The
/// policies are added to `rules`.
fn people(
    policy: &Policy,
    caller: &Caller,
    call: &Call,
    asked: &Asked<'_>,
    commands: &Commands,
    rules: &mut Vec<String>,
) -> Result<Option<Box<Terms>>, Refused> {
    let found = policy.approval().find(call, asked);
    let mut found = found.map_err(|error| Refused {
        reason: DenialReason::ConditionError,
        sentence: Some(format!("Not sent: {error}")),
    })?;
    let demanding =
        commands.enforced.as_ref().filter(|verdict| verdict.action == CommandAction::RequireApproval);
    if let Some(verdict) = demanding.filter(|_| found.enforced.is_empty()) {
        found.enforced = policy.approval().enforced();
        if found.enforced.is_empty() {
            let sentence = Some(command::nobody(verdict));
            return Err(Refused { reason: DenialReason::NoApprovers, sentence });
        }
    }
    rules.extend(found.rules());
    if found.enforced.is_empty() {
        return Ok(None);
    }
    let Some(mut terms) = approval::merge(&found.enforced) else {
        return Err(DenialReason::NoCommonApprover.into());
    };
    if !matches!(call.message().form(), Form::Request { .. }) {
        return Err(DenialReason::Unanswerable.into());
    }
    if caller.kubernetes_usernames.is_empty() {
        return Err(DenialReason::RequesterUnmapped.into());
    }
    terms.commands = commands.enforced.as_ref().map(|verdict| verdict.rules.clone()).unwrap_or_default();
    Ok(Some(Box::new(terms)))
}

/// Leave to open the stream of a session, or to end the session: requests without a message.
#[derive(Debug)]
pub struct StreamPermit {
    rules: Vec<String>,
    credentials: Vec<String>,
}

impl StreamPermit {
    /// The grants that allow it.
    #[must_use]
    pub fn rules(&self) -> &[String] {
        &self.rules
    }

    /// The credentials that it is made with, by name.
    #[must_use]
    pub fn credentials(&self) -> &[String] {
        &self.credentials
    }
}

/// Decides a request without a message at `now`: open to whoever has any grant. What comes over the stream is
/// filtered and masked like every answer.
///
/// # Errors
/// The caller has no grant.
pub fn decide_stream(policy: &Policy, caller: &Caller, now: u64) -> Result<StreamPermit, DenialReason> {
    let operation = Operation::Protocol { method: String::new() };
    let asked = Asked::new(policy.config(), caller, &operation, None, now);
    let granted = access::candidates(policy, caller, &operation).map_err(|none| none.reason)?;
    let granted = granted.hold(&asked).map_err(|none| none.reason)?;
    let credentials = access::credentials(policy, granted.credential.as_deref());
    Ok(StreamPermit { rules: granted.rules, credentials })
}

/// Why nothing passes on the connection at all, where that is so: also what was permitted before ends then.
#[must_use]
pub fn closed(policy: &Policy) -> Option<DenialReason> {
    policy.config().closed.map(|closed| match closed {
        Closed::Suspended => DenialReason::Suspended,
        Closed::RequiredPolicyMissing => DenialReason::RequiredPolicyMissing,
    })
}

#[cfg(test)]
mod tests;
