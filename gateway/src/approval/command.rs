//! What approvers are shown of the commands in a call: its statements as they would run, what they do, and how much
//! that is.

use lychgate_crds::approval::{MAXIMUM_ARGUMENTS, Risk};
use lychgate_crds::command::Effect;
use lychgate_gateway_policy::command::{Commands, Verdict};
use lychgate_gateway_policy::config;

use super::refusal::Refusal;

/// What approvers see of the commands in a call; nothing where no command rule looks at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShownCommands {
    /// The statements, each on a line of its own.
    pub statement: Option<String>,
    /// What they do.
    pub effects: Vec<Effect>,
    /// How much that is.
    pub risk: Option<Risk>,
}

/// What approvers see. Where something of the arguments is hidden from them, the statements are, too: they are seen in
/// the arguments, as far as they may be.
///
/// # Errors
/// It is longer than they could be shown.
pub fn shown(commands: &Commands, is_hidden: bool) -> Result<ShownCommands, Refusal> {
    let Some(verdict) = &commands.enforced else { return Ok(ShownCommands::default()) };
    let statements: Vec<&str> = verdict.statements.iter().map(|statement| statement.text.as_str()).collect();
    let statement = (!is_hidden && !statements.is_empty()).then(|| statements.join("\n"));
    if let Some(characters) = statement.as_ref().map(|text| text.chars().count())
        && characters > MAXIMUM_ARGUMENTS
    {
        return Err(Refusal::TooLong { characters });
    }
    let effects: Vec<Effect> = verdict.effects().into_iter().map(effect).collect();
    Ok(ShownCommands { statement, risk: Some(risk(verdict)), effects })
}

/// What could not be read may do anything.
fn risk(verdict: &Verdict) -> Risk {
    let is_unread = verdict.findings.iter().any(|finding| finding.effect.is_none()) || verdict.omitted > 0;
    verdict.effects().into_iter().map(risk_of).fold(if is_unread { Risk::High } else { Risk::Low }, higher)
}

fn risk_of(effect: config::Effect) -> Risk {
    match effect {
        config::Effect::Read => Risk::Low,
        config::Effect::Write => Risk::Medium,
        config::Effect::WriteAll
        | config::Effect::Schema
        | config::Effect::Admin
        | config::Effect::Exec
        | config::Effect::Exfiltrate => Risk::High,
    }
}

fn higher(one: Risk, other: Risk) -> Risk {
    match (one, other) {
        (Risk::High, _) | (_, Risk::High) => Risk::High,
        (Risk::Medium, _) | (_, Risk::Medium) => Risk::Medium,
        (Risk::Low, Risk::Low) => Risk::Low,
    }
}

fn effect(effect: config::Effect) -> Effect {
    match effect {
        config::Effect::Read => Effect::Read,
        config::Effect::Write => Effect::Write,
        config::Effect::WriteAll => Effect::WriteAll,
        config::Effect::Schema => Effect::Schema,
        config::Effect::Admin => Effect::Admin,
        config::Effect::Exec => Effect::Exec,
        config::Effect::Exfiltrate => Effect::Exfiltrate,
    }
}
