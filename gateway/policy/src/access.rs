//! The grants of a connection: which of them hold for a caller and an operation, and which credentials they choose.
//!
//! Two steps, since conditions ask about what will be sent: [`candidates`] are the grants that name caller and
//! operation, and [`Candidates::hold`] leaves those whose conditions hold.

use crate::call::Operation;
use crate::compile::{Grant, Policy};
use crate::config::ServerRequests;
use crate::decide::{Caller, closed};
use crate::denial::DenialReason;
use crate::task::{Maker, Task};
use crate::when::Asked;

/// The grants that name a caller and an operation; never none.
pub(crate) struct Candidates<'a> {
    grants: Vec<(usize, &'a Grant)>,
    leniency: Leniency,
}

/// Which conditions count as if they held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leniency {
    /// None.
    Nothing,
    /// Those that ask about arguments, which were decided on when the call was made.
    Arguments,
    /// Those that only a call can answer, for nothing is called.
    Everything,
}

/// The grants that hold, and what they choose.
pub(crate) struct Granted {
    /// Their names, such as `access[0]`; never none.
    pub(crate) rules: Vec<String>,
    /// The credential that the first of them chooses, if it does.
    pub(crate) credential: Option<String>,
    /// What each of them chooses.
    choices: Vec<Option<String>>,
}

/// Why no grant holds.
pub(crate) struct NoGrant {
    /// The reason.
    pub(crate) reason: DenialReason,
    /// What is wrong with a condition, for the caller.
    pub(crate) detail: Option<String>,
}

impl From<DenialReason> for NoGrant {
    fn from(reason: DenialReason) -> Self {
        Self { reason, detail: None }
    }
}

/// The grants that name `caller` and `operation`.
pub(crate) fn candidates<'a>(
    policy: &'a Policy,
    caller: &Caller,
    operation: &Operation,
) -> Result<Candidates<'a>, NoGrant> {
    if let Some(reason) = closed(policy) {
        return Err(reason.into());
    }
    let mut named = policy.access().iter().enumerate().filter(|(_, grant)| names(grant, caller)).peekable();
    let is_named = named.peek().is_some();
    let grants: Vec<_> = named.filter(|(_, grant)| covers(policy, grant, operation)).collect();
    if !grants.is_empty() {
        return Ok(Candidates { grants, leniency: leniency(operation) });
    }
    Err(NoGrant::from(if !is_named {
        DenialReason::NoAccess
    } else {
        match operation {
            Operation::Unknown { .. } => DenialReason::UnknownMethod,
            Operation::UnknownTask { is_declared: true } => DenialReason::UnknownTask,
            Operation::UnknownTask { is_declared: false } => DenialReason::TasksUndeclared,
            Operation::Tool { .. }
            | Operation::Resource { .. }
            | Operation::Prompt { .. }
            | Operation::Task { .. }
            | Operation::Listen { .. }
            | Operation::List(_)
            | Operation::Protocol { .. }
            | Operation::Answer => DenialReason::NoGrant,
        }
    }))
}

impl Candidates<'_> {
    /// Those whose conditions hold. A condition without an answer denies, whatever other grants say.
    pub(crate) fn hold(self, asked: &Asked<'_>) -> Result<Granted, NoGrant> {
        let mut granted = Granted { rules: Vec::new(), credential: None, choices: Vec::new() };
        let mut unmet = DenialReason::NoGrant;
        for (index, grant) in self.grants {
            let holds = match grant.when.holds(asked, None) {
                _ if self.leniency != Leniency::Nothing && grant.when.needs_arguments() => true,
                Ok(holds) => holds,
                Err(_) if self.leniency == Leniency::Everything => true,
                Err(error) => {
                    let detail = Some(format!("the condition of access[{index}] has no answer: {error}"));
                    return Err(NoGrant { reason: DenialReason::ConditionError, detail });
                }
            };
            if holds {
                if granted.rules.is_empty() {
                    granted.credential = grant.credential.clone();
                }
                granted.rules.push(format!("access[{index}]"));
                granted.choices.push(grant.credential.clone());
            } else if grant.when.needs_arguments() {
                unmet = DenialReason::ConditionUnmet;
            }
        }
        if granted.rules.is_empty() { Err(unmet.into()) } else { Ok(granted) }
    }

    /// Whether any of them could hold for a call with some arguments: then it is listed. `asked` is about the tool,
    /// the resource or the prompt itself.
    pub(crate) fn could_hold(self, asked: &Asked<'_>) -> bool {
        let mut could = false;
        for (_, grant) in self.grants {
            match grant.when.holds(asked, None) {
                _ if grant.when.needs_arguments() => could = true,
                Ok(holds) => could |= holds,
                Err(_) => return false,
            }
        }
        could
    }
}

impl Granted {
    /// Has the credential chosen with which the call was made that `task` is the answer to, if it may be chosen for
    /// such calls still. The server may know the task under no other.
    pub(crate) fn choose_again(&mut self, policy: &Policy, task: &Task) {
        let by_rule = || match (&task.maker, &task.credential) {
            (Maker::Tool(tool), Some(credential)) => policy.commands().may_choose(tool, credential),
            (Maker::Tool(_) | Maker::Prompt(_) | Maker::Resource(_), _) => false,
        };
        if self.choices.contains(&task.credential) || by_rule() {
            self.credential.clone_from(&task.credential);
        }
    }
}

/// The credentials that a call is made with: the chosen one in place of others for the same header, and all that are
/// nobody's to choose.
pub(crate) fn credentials(policy: &Policy, chosen: Option<&str>) -> Vec<String> {
    let all = &policy.config().credentials;
    let chosen = all.iter().find(|credential| Some(credential.name.as_str()) == chosen);
    let is_displaced =
        |header: &str| chosen.is_some_and(|chosen| chosen.inject.header.eq_ignore_ascii_case(header));
    let always = all
        .iter()
        .zip(policy.alternatives())
        .filter(|(credential, is_alternative)| !**is_alternative && !is_displaced(&credential.inject.header));
    chosen.into_iter().chain(always.map(|(credential, _)| credential)).map(|it| it.name.clone()).collect()
}

fn covers(policy: &Policy, grant: &Grant, operation: &Operation) -> bool {
    match operation {
        Operation::Tool { name } => grant.tools.iter().any(|glob| glob.matches(name)),
        Operation::Resource { uri } => reads(grant, uri),
        Operation::Prompt { name } => grant.prompts.iter().any(|glob| glob.matches(name)),
        Operation::Task { task } => covers(policy, grant, &task.maker.operation()),
        // Tasks are asked about one by one, each by the grants for what made it.
        Operation::Listen { uris, tasks: _ } => uris.iter().all(|uri| reads(grant, uri)),
        Operation::List(_) | Operation::Protocol { .. } => true,
        // The server has asked nothing where it may ask nothing.
        Operation::Answer => policy.config().server_requests != ServerRequests::default(),
        Operation::UnknownTask { .. } | Operation::Unknown { .. } => false,
    }
}

/// Whether a grant's patterns cover a resource. A server may resolve a segment `..` (RFC 3986, section 5.2.4), and then
/// the URI is one of another folder than its beginning says: no pattern covers it but the URI itself.
fn reads(grant: &Grant, uri: &str) -> bool {
    grant.resources.iter().any(|glob| glob.matches(uri) && (glob.as_str() == uri || !climbs(uri)))
}

/// Whether a URI has a segment `..`, also one that is spelled with percent signs or ends at a backslash.
pub(crate) fn climbs(uri: &str) -> bool {
    let plain = uri.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    plain.split(['/', '\\', '?', '#']).any(|segment| segment == "..")
}

fn leniency(operation: &Operation) -> Leniency {
    match operation {
        Operation::List(_) | Operation::Protocol { .. } | Operation::Answer => Leniency::Everything,
        // Who listens for changes of lists, or for tasks, reads no resource.
        Operation::Listen { uris, tasks: _ } if uris.is_empty() => Leniency::Everything,
        Operation::Task { .. } => Leniency::Arguments,
        Operation::Tool { .. }
        | Operation::Resource { .. }
        | Operation::Prompt { .. }
        | Operation::UnknownTask { .. }
        | Operation::Listen { .. }
        | Operation::Unknown { .. } => Leniency::Nothing,
    }
}

/// Whether a grant speaks of `caller`. The group `*` stands for everyone who has shown a token.
pub(crate) fn names(grant: &Grant, caller: &Caller) -> bool {
    let in_group = |group: &String| (group == "*" && !caller.anonymous) || caller.groups.contains(group);
    grant.users.contains(&caller.username) || grant.groups.iter().any(in_group)
}
