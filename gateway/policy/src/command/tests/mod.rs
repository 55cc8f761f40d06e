//! What becomes of calls by their commands, line by line of what is promised.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, and reads best with its values in place"
)]

mod bad_input;
mod conditions;
mod credentials;
mod explanation;
mod faults;
mod meaning;

use serde_json::{Value, json};

use crate::config::{CommandRule, Credential, GatewayConfig, Grant};
use crate::testing::{approval, approval_policy, call, caller, policy, request};
use crate::{Decision, decide};

/// A rule for `execute_sql` and `$.sql` of PostgreSQL, with `changes` in it.
pub(super) fn rule(name: &str, changes: Value) -> CommandRule {
    let mut rule = json!({
        "namespace": "agents", "name": name, "uid": format!("uid-{name}"), "generation": 1,
        "extract": [
            {"tools": ["execute_sql", "query*"], "argument": "$.sql", "language": "SQL", "dialect": "postgresql"},
        ],
        "rules": [
            {"name": "no-ddl", "effects": ["Schema", "Admin", "Exec", "Exfiltrate"], "action": "Deny",
             "message": "Schema changes go through migrations."},
            {"name": "bulk", "effects": ["WriteAll"], "action": "RequireApproval"},
            {"name": "writes", "effects": ["Write"], "action": "Allow"},
        ],
    });
    for (member, value) in changes.as_object().unwrap() {
        rule[member] = value.clone();
    }
    serde_json::from_value(rule).unwrap()
}

/// What the rules of one test are.
pub(super) struct Scene {
    pub(super) config: GatewayConfig,
}

impl Scene {
    pub(super) fn new(rules: Vec<CommandRule>) -> Self {
        let mut config = crate::testing::config();
        config.commands = rules;
        Self { config }
    }

    pub(super) fn with_approvers(mut self) -> Self {
        // About no call by itself, so that only a rule asks.
        let mut policy = approval_policy("dba");
        policy.matching.tools = vec!["nothing".into()];
        self.config.approval = Some(approval(vec![policy]));
        self
    }

    pub(super) fn with_credentials(mut self, names: &[(&str, &str)]) -> Self {
        let make = |(name, header): &(&str, &str)| Credential {
            name: (*name).to_owned(),
            inject: crate::config::Inject { header: (*header).to_owned(), format: "{value}".to_owned() },
            ..self.config.credentials[0].clone()
        };
        self.config.credentials = names.iter().map(make).collect();
        self
    }

    pub(super) fn with_grants(mut self, grants: Vec<Grant>) -> Self {
        self.config.access = grants;
        self
    }

    pub(super) fn decide(&self, tool: &str, arguments: &Value) -> Decision {
        let policy = policy(|config| *config = self.config.clone());
        let params = json!({"name": tool, "arguments": arguments});
        let message = request("tools/call", &params.to_string());
        decide(&policy, &caller("alice", &[]), call(&message), &[], 0)
    }

    /// `Allow`, `Ask` or the reason of a denial.
    pub(super) fn outcome(&self, tool: &str, arguments: &Value) -> &'static str {
        match self.decide(tool, arguments) {
            Decision::Allow(_) => "Allow",
            Decision::Ask(_) => "Ask",
            Decision::Deny(denial) => denial.reason().as_str(),
        }
    }

    /// The same for a statement that `execute_sql` gets.
    pub(super) fn sql(&self, statement: &str) -> &'static str {
        self.outcome("execute_sql", &json!({"sql": statement}))
    }
}
