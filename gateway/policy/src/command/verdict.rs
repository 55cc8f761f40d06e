//! What command rules say of a call, and why: for the caller, the record, approvers and the command line.

use lychgate_gateway_command::sql::Place;

use crate::approval::PolicyReference;
use crate::config::{CommandAction, Effect};
use crate::denial::DenialReason;

/// The most findings that are kept; what is beyond is counted.
pub const MAXIMUM_FINDINGS: usize = 64;

/// What command rules say of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What becomes of the call, as far as command rules go.
    pub action: CommandAction,
    /// The statements, in their order.
    pub statements: Vec<Statement>,
    /// What was found, the strictest first, and then in the order of the arguments.
    pub findings: Vec<Finding>,
    /// How many findings are not listed.
    pub omitted: usize,
    /// The CommandRules that look at the call.
    pub rules: Vec<PolicyReference>,
    /// The credentials that rules choose for it; nothing for an effect for which none is chosen.
    pub(crate) choices: Vec<Option<String>>,
}

/// One statement of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Where its text stands in the arguments, such as `$.sql`.
    pub place: String,
    /// The statement as it will be sent, on one line and without comments, with unseen characters escaped.
    pub text: String,
    /// What it does, each once.
    pub effects: Vec<Effect>,
}

/// One thing about a call, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where in the arguments, such as `$.sql`; the root where it is about the call as a whole.
    pub place: String,
    /// Where in the text.
    pub at: Option<Place>,
    /// The effect, if it is one.
    pub effect: Option<Effect>,
    /// What was found, in words without a value of the call in them.
    pub why: String,
    /// The same for the caller alone: it may repeat what he sent.
    pub detail: Option<String>,
    /// What becomes of it.
    pub action: CommandAction,
    /// Why it is denied.
    pub reason: Option<DenialReason>,
    /// The rule that says so, such as `commandrule[agents/sql] rules[0] no-ddl`; none where no rule is about it.
    pub rule: Option<String>,
    /// What that rule tells the caller.
    pub message: Option<String>,
}

impl Verdict {
    /// The effects of all statements, each once, in their order.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> =
            self.statements.iter().flat_map(|statement| statement.effects.iter().copied()).collect();
        effects.sort_unstable();
        effects.dedup();
        effects
    }

    /// Why the call is denied, if it is.
    #[must_use]
    pub fn denial(&self) -> Option<DenialReason> {
        self.findings.first().filter(|_| self.action == CommandAction::Deny)?.reason
    }

    /// The rules that decided: those of the strictest findings, each once.
    #[must_use]
    pub fn deciding(&self) -> Vec<String> {
        let mut rules = Vec::new();
        for finding in self.findings.iter().filter(|finding| finding.action == self.action) {
            if let Some(rule) = finding.rule.as_ref().filter(|rule| !rules.contains(*rule)) {
                rules.push(rule.clone());
            }
        }
        rules
    }
}

/// What command rules say of a call: those that are enforced, and what they would say together with those that only
/// watch. Nothing where none is about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commands {
    /// What counts.
    pub enforced: Option<Verdict>,
    /// What would count if audited rules were enforced as well.
    pub audited: Option<Verdict>,
}
