//! Tools and their pins: before a tool is called, the server is asked what it says of it now.
//!
//! What follows from the answer is said by `gateway-policy`; here the server is asked, and what is found is written down
//! and counted.

use std::time::Duration;

use http::HeaderMap;
use lychgate_gateway_mcp::headers::{MCP_PROTOCOL_VERSION, is_modern};
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::pinning::{CHANGED, Definition, Standing};
use lychgate_gateway_policy::{DenialReason, Operation, Permit};

use super::{Visit, header, unless_closed};
use crate::failure::Failure;
use crate::metrics::ToolLabels;
use crate::ticket::{Ticket, limits};
use crate::tools::{Asking, ListKey};
use crate::upstream;

/// How long a call waits for what is only told and not enforced.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Holds the tool that a permitted call names to its pin.
pub(super) async fn check(visit: &Visit, permit: &Permit, ticket: &mut Ticket) -> Result<(), Failure> {
    let pinning = visit.connection.policy.pinning();
    let call = permit.call();
    let Some(tool) = call.operation().tool_name().filter(|_| pinning.watches()) else { return Ok(()) };
    let modern = is_modern(header(&visit.headers, MCP_PROTOCOL_VERSION), call.message());
    let wish = Wish { chosen: permit.credentials(), message: call.message(), tool, modern, fresh: false };
    if pinning.enforces() {
        let definition = ask(visit, wish, ticket).await?;
        return hold(visit, tool, definition.as_ref(), ticket).await;
    }
    let asked = tokio::time::timeout(AUDIT_TIMEOUT, ask(visit, wish, ticket)).await;
    match asked {
        Ok(Ok(definition)) => hold(visit, tool, definition.as_ref(), ticket).await,
        // No entry, no call.
        Ok(Err(Failure::Recorder)) => Err(Failure::Recorder),
        Ok(Err(failure)) => {
            count(visit, "Unknown");
            tracing::warn!(connection = visit.connection.label, %failure, "a tool could not be held to its pin");
            Ok(())
        }
        Err(_) => {
            count(visit, "Unknown");
            tracing::warn!(connection = visit.connection.label, "the server does not list its tools in time");
            Ok(())
        }
    }
}

/// Whose definition is wanted, and how the server is asked for it.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    /// The credentials that the call is made with.
    pub(super) chosen: &'a [String],
    /// The call.
    pub(super) message: &'a Message,
    pub(super) tool: &'a str,
    pub(super) modern: bool,
    /// Whether a list that is at hand does not do.
    pub(super) fresh: bool,
}

/// What the server says of a tool; nothing if it does not list it.
pub(super) async fn ask(
    visit: &Visit,
    wish: Wish<'_>,
    ticket: &mut Ticket,
) -> Result<Option<Definition>, Failure> {
    let Wish { chosen, message, tool, modern, fresh } = wish;
    let session = visit.session.as_ref().and_then(|session| session.upstream.as_deref());
    let mut headers: HeaderMap = upstream::headers(&visit.headers, session, &visit.known, true);
    let injected = visit.credentials.inject(chosen, visit.gateway.sealer.naming(), &mut headers)?;
    let key = ListKey {
        connection: visit.connection.label.clone(),
        upstream: visit.connection.policy.upstream().to_string(),
        modern,
        versions: injected.iter().map(|credential| credential.version.clone()).collect(),
    };
    if !fresh && let Some(kept) = visit.gateway.tools.kept(&key, tool) {
        return Ok(Some(kept));
    }
    ticket.injected(&injected, &visit.connection.policy).await?;
    let limits = limits(&visit.connection.policy);
    let asking =
        Asking { upstream: &visit.connection.upstream, headers, message, known: &visit.known, limits };
    let operation = Operation::Tool { name: tool.to_owned() };
    let listed = visit.gateway.tools.ask(&key, tool, asking);
    unless_closed(visit, &operation, listed).await
}

/// Writes down how a tool stands to its pin, and refuses the call where policy says so.
pub(super) async fn hold(
    visit: &Visit,
    tool: &str,
    definition: Option<&Definition>,
    ticket: &mut Ticket,
) -> Result<(), Failure> {
    let pinning = visit.connection.policy.pinning();
    if !pinning.watches() {
        return Ok(());
    }
    let standing = pinning.judge(tool, definition.map(|definition| definition.hash.as_str()));
    count(visit, standing.as_str());
    let withheld = visit.known.iter().any(|known| known.is_in(tool));
    let finding = pinning.finding(tool, definition).filter(|_| !withheld);
    ticket.flagged(finding.into_iter().collect()).await?;
    match standing.denial().filter(|_| pinning.enforces()) {
        Some(reason) => Err(refused(reason, standing, tool)),
        None => Ok(()),
    }
}

fn refused(reason: DenialReason, standing: Standing, tool: &str) -> Failure {
    let sentence = (standing == Standing::Changed).then(|| CHANGED.to_owned());
    Failure::Denied { reason, operation: Operation::Tool { name: tool.to_owned() }, sentence }
}

fn count(visit: &Visit, standing: &'static str) {
    let labels = ToolLabels { connection: visit.connection.label.clone(), standing };
    visit.gateway.metrics.tool_checks.get_or_create(&labels).inc();
}
