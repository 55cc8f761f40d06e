//! `lychgate mask`: a message as a caller would see it.

use std::process::ExitCode;

use lychgate_gateway_mcp::message::Form;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Found, explain};

use crate::decide::{Called, now, read_message};
use crate::output::{CommandError, note, print_line};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    called: Called,
    /// Tool whose answer the message is
    #[arg(long)]
    tool: Option<String>,
    /// Resource whose answer the message is
    #[arg(long, conflicts_with = "tool")]
    resource: Option<String>,
    /// Say on standard error what was masked, where, and how often
    #[arg(long)]
    explain: bool,
}

/// A request is shown as the server would see it, everything else as the caller would.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let policy = arguments.called.policy()?;
    let message = read_message(&policy)?;
    let caller = arguments.called.caller();
    let asked =
        Operation::of(&message).map_err(|error| CommandError::new(format!("standard input: {error}")))?;
    let operation = match (&arguments.tool, &arguments.resource) {
        (Some(name), _) => Some(Operation::Tool { name: name.clone() }),
        (None, Some(uri)) => Some(Operation::Resource { uri: uri.clone() }),
        (None, None) => Some(asked).filter(|asked| *asked != Operation::Answer),
    };
    let (audience, direction) = match message.form() {
        Form::Request { .. } => (Audience::Upstream(&caller), Direction::Request),
        Form::Notification { .. } | Form::Response { .. } | Form::Error { .. } => {
            (Audience::Caller(&caller), Direction::Response)
        }
    };
    // Without a session, and so without its tokens.
    let context =
        Context { audience, direction, operation: operation.as_ref(), known: &[], tokens: None, now: now() };
    let (masked, found) = explain(policy.masking(), &context, &message);
    if arguments.explain {
        found.iter().for_each(|found| note(&place(found)));
        for (detector, count) in masked.counts() {
            note(&format!("{detector}: {count}"));
        }
        for (detector, count) in masked.audited() {
            note(&format!("{detector}: {count}, counted only (mode: Audit)"));
        }
        if masked.counts().is_empty() {
            note("nothing was masked");
        }
    }
    print_line(&String::from_utf8_lossy(masked.bytes()));
    Ok(ExitCode::SUCCESS)
}

/// What was found and where: `Email at $.result.content[0].text, bytes 3 to 18`.
fn place(Found { kind, path, range, in_name }: &Found) -> String {
    let of_name = if *in_name { ", in the name of a member" } else { "" };
    let bytes = range.as_ref().map(|range| format!(", bytes {} to {}", range.start, range.end));
    format!("{kind} at {path}{of_name}{}", bytes.unwrap_or_default())
}
