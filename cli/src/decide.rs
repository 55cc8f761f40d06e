//! `lychgate decide`: whether a caller may make a call, and by which rules.

use std::io::Read as _;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Kind, Limits};
use lychgate_gateway_mcp::message::{Id, Message, request};
use lychgate_gateway_policy::command::{Commands, Finding, Statement, Verdict};
use lychgate_gateway_policy::config::CommandAction;
use lychgate_gateway_policy::{Ask, Call, Caller, Decision, DenialReason, Policy, decide};
use serde_json::{Value, json};

use crate::manifests::{self, Source};
use crate::output::{CommandError, print_line};

/// Which connection is assumed to be called, and by whom.
#[derive(clap::Args)]
pub(crate) struct Called {
    #[command(flatten)]
    source: Source,
    /// Connection, as NAME or NAMESPACE/NAME
    #[arg(long)]
    connection: String,
    /// User name of the caller; none is an anonymous caller
    #[arg(long)]
    user: Option<String>,
    /// Groups of the caller
    #[arg(long, value_delimiter = ',')]
    groups: Vec<String>,
}

impl Called {
    pub(crate) fn policy(&self) -> Result<Policy, CommandError> {
        manifests::policy(&self.source, &self.connection)
    }

    pub(crate) fn caller(&self) -> Caller {
        match &self.user {
            None if self.groups.is_empty() => Caller::anonymous(),
            user => Caller {
                issuer: String::new(),
                subject: user.clone().unwrap_or_default(),
                username: user.clone().unwrap_or_default(),
                groups: self.groups.clone(),
                // Which name he has in a cluster is the token's to say; here it is enough that he has one.
                kubernetes_usernames: vec![user.clone().unwrap_or_default()],
                anonymous: false,
            },
        }
    }
}

/// Reads a JSON-RPC request, or the `params` of a `tools/call` alone. Exit code 1 for a denial.
pub(crate) fn run(arguments: &Called) -> Result<ExitCode, CommandError> {
    let policy = arguments.policy()?;
    let call = Call::new(read_message(&policy)?)
        .map_err(|missing| CommandError::new(format!("standard input: {missing}")))?;
    let (answer, code) = match decide(&policy, &arguments.caller(), call, &[], now()) {
        Decision::Allow(permit) => {
            let answer = json!({"decision": "Allow", "rules": permit.rules(), "reason": null});
            let credentials = json!({"credentials": permit.credentials()});
            (merged([answer, commands(permit.commands()), credentials]), ExitCode::SUCCESS)
        }
        Decision::Ask(ask) => (merged([asked(&ask), commands(ask.commands())]), ExitCode::SUCCESS),
        Decision::Deny(denial) => {
            let reason = denial.reason().as_str();
            let answer = json!({"decision": "Deny", "rules": denial.rules(), "reason": reason});
            let told = json!({"sentence": denial.sentence()});
            (merged([answer, commands(denial.commands()), told]), ExitCode::FAILURE)
        }
    };
    print_line(&answer.to_string());
    Ok(code)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(now).unwrap_or(u64::MAX)
}

/// A call that waits for people: by which policies, and who decides.
fn asked(ask: &Ask) -> Value {
    let terms = ask.terms();
    let names: Vec<String> =
        terms.policies.iter().map(|policy| format!("{}/{}", policy.namespace, policy.name)).collect();
    json!({
        "decision": "Ask",
        "rules": ask.rules(),
        "reason": null,
        "policies": names,
        "approvals": terms.approvals,
        "approvers": {"groups": terms.groups, "serviceAccounts": terms.service_accounts},
        "breakGlass": {"groups": terms.break_glass_groups},
        "credentials": ask.credentials(),
    })
}

/// What the commands of a call do, and what becomes of that. `audited` is there where a rule only watches.
fn commands(commands: &Commands) -> Value {
    let found = |verdict: Option<&Verdict>| {
        let findings = verdict.iter().flat_map(|verdict| verdict.findings.iter().map(finding));
        let statements = verdict.iter().flat_map(|verdict| verdict.statements.iter().map(statement));
        json!({
            "effects": findings.collect::<Vec<Value>>(),
            "statements": statements.collect::<Vec<Value>>(),
        })
    };
    let answer = found(commands.enforced.as_ref());
    match &commands.audited {
        None => answer,
        Some(verdict) => {
            let outcome = json!({"decision": decision(verdict.action)});
            merged([answer, json!({"audited": merged([outcome, found(Some(verdict))])})])
        }
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "effect": finding.effect,
        "decision": decision(finding.action),
        "reason": finding.reason.map(DenialReason::as_str),
        "rule": finding.rule,
        "message": finding.message,
        "place": finding.place,
        "line": finding.at.map(|at| at.line),
        "column": finding.at.map(|at| at.column),
        "why": finding.detail.as_ref().unwrap_or(&finding.why),
    })
}

fn statement(statement: &Statement) -> Value {
    json!({"place": statement.place, "canonical": statement.text, "effects": statement.effects})
}

fn decision(action: CommandAction) -> &'static str {
    match action {
        CommandAction::Allow => "Allow",
        CommandAction::RequireApproval => "Ask",
        CommandAction::Deny => "Deny",
    }
}

/// One object with the members of all.
fn merged<const N: usize>(objects: [Value; N]) -> Value {
    let members = objects.into_iter().filter_map(|object| match object {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    });
    Value::Object(members.flatten().collect())
}

/// A message from standard input. An object without `jsonrpc` is taken for the params of a tool call.
pub(crate) fn read_message(policy: &Policy) -> Result<Message, CommandError> {
    let maximum = policy.config().limits.message_bytes;
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(maximum.saturating_add(1))
        .read_to_string(&mut text)
        .map_err(|error| CommandError::new(format!("standard input: {error}")))?;
    let limits = Limits::with_bytes(usize::try_from(maximum).unwrap_or(usize::MAX));
    let wrong = |error: &dyn std::fmt::Display| CommandError::new(format!("standard input: {error}"));
    let bytes = Bytes::from(text);
    let document =
        lychgate_gateway_mcp::json::Document::parse(bytes.clone(), limits).map_err(|error| wrong(&error))?;
    let root = document.root();
    let bytes = if root.kind() == Kind::Object && root.get("jsonrpc").is_none() {
        let params = std::str::from_utf8(&bytes).map_err(|error| wrong(&error))?;
        request(&Id::Number(1), "tools/call", Some(params.trim()))
    } else {
        bytes
    };
    Message::parse(bytes, limits).map_err(|error| wrong(&error))
}
