//! A call that waits for people: what is asked, and what happens once they have decided.
//!
//! Nothing of the call reaches its server before. What was asked is asked again at the end, with the policy, the
//! credentials and the tool's definition of that moment, and the call is made only if it is still the very same.

use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderMap, Response};
use lychgate_crds::approval::{Approval, Phase};
use lychgate_gateway_mcp::json::Edits;
use lychgate_gateway_mcp::message::{Id, Message};
use lychgate_gateway_policy::{Ask, Decision, decide};

use super::event_stream::Exchange;
use super::held::hold;
use super::pinned::{self, Wish};
use super::{Failed, Trace, Verdict, Visit, close, forward, header, known_of, limited, open};
use super::{presented, protected};
use crate::approval::command;
use crate::approval::digest::{Digest, Facts};
use crate::approval::refusal::{Refusal, SOMETHING};
use crate::approval::seen::{name, phase};
use crate::approval::shown::{Sent, shown, substance};
use crate::approval::spec::{Parts, Wanted};
use crate::approval::time::now_milliseconds;
use crate::approval::{Standing, Use};
use crate::failure::Failure;
use crate::metrics::ApprovalLabels;
use crate::reply::ReplyBody;
use crate::session::Leg;
use crate::state::now_seconds;
use crate::ticket::{Subject, Ticket, limits};

/// A call that waits.
pub(super) struct Case {
    pub(super) visit: Visit,
    pub(super) ask: Box<Ask>,
    pub(super) ticket: Ticket,
    /// The id that its answer has.
    pub(super) id: Id,
    /// What it waits for.
    pub(super) approval: Approval,
    /// Whether the request is of MCP 2026-07-28.
    pub(super) modern: bool,
    /// How often the client was told to ask again, in that revision.
    pub(super) leg: u32,
}

/// Takes the state of an earlier leg out of a message: it is the gateway's own, and no server's business.
pub(super) fn take_leg(visit: &Visit, message: Message, modern: bool) -> (Message, Option<Leg>) {
    let state = || message.params()?.get("requestState")?.text().map(|text| text.into_owned());
    let open = |state: String| {
        let (sealer, label) = (&visit.gateway.sealer, &visit.connection.label);
        sealer.open_leg(label, &visit.authenticated.caller, state.as_bytes(), now_seconds())
    };
    let Some(leg) = state().filter(|_| modern).and_then(open) else { return (message, None) };
    let mut edits = Edits::new();
    if let Some(params) = message.params() {
        edits.remove_member(params, "requestState");
    }
    let stripped = edits.apply(message.bytes()).ok();
    let stripped =
        stripped.and_then(|bytes: Bytes| Message::parse(bytes, limits(&visit.connection.policy)).ok());
    (stripped.unwrap_or(message), Some(leg))
}

/// Asks people, and answers: at once, if the call is decided already or the client shall come back, and with a stream
/// that is held open otherwise.
pub(super) async fn ask(
    visit: Visit,
    ask: Box<Ask>,
    revision: String,
    leg: Option<Leg>,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    let mut ticket = open(&visit, Subject::Call(ask.call()), revision, Verdict::Ask(&ask), trace).await?;
    if visit.in_batch {
        // The other calls of the batch would wait with it, or be told that they had to be sent again.
        return close(ticket, Failure::AskedInBatch, trace).await;
    }
    let asked = Box::pin(begin(&visit, &ask, &mut ticket, trace.modern)).await;
    let standing = match asked {
        Ok(standing) => standing,
        Err(failure) => return close(ticket, failure, trace).await,
    };
    let Some(id) = trace.id.clone() else { return Err(Failure::Recorder) };
    let approval = standing.approval;
    // A state of another call counts for nothing.
    let leg = leg.filter(|leg| leg.digest == approval.spec.request.digest).map_or(0, |leg| leg.number);
    let holds = !ask.terms().return_at_once && can_hold(&visit);
    let case = Case { visit, ask, ticket, id, approval, modern: trace.modern, leg };
    match phase(&case.approval) {
        Phase::Approved => match Box::pin(run(case)).await {
            Ok(response) => Ok(response),
            Err((failure, ticket)) => close(*ticket, failure, trace).await,
        },
        Phase::Pending if holds => Ok(hold(case)),
        Phase::Pending
        | Phase::Denied
        | Phase::Expired
        | Phase::Cancelled
        | Phase::Consumed
        | Phase::Revoked => {
            let refusal = refusal(&case);
            close(case.ticket, refusal, trace).await
        }
    }
}

/// What the caller of a case is told while it is not approved.
pub(super) fn refusal(case: &Case) -> Failure {
    let approvals = case.visit.gateway.approvals.as_ref();
    approvals.map_or_else(nowhere, |approvals| approvals.refusal(&case.approval)).into()
}

fn nowhere() -> Refusal {
    Refusal::Unavailable("the gateway knows no API server; name it with --kubernetes-dir".to_owned())
}

/// The Approval that the call waits for, in the record.
async fn begin(visit: &Visit, ask: &Ask, ticket: &mut Ticket, modern: bool) -> Result<Standing, Failure> {
    let approvals = visit.gateway.approvals.as_ref().ok_or_else(nowhere)?;
    let wanted = wanted(visit, ask, ticket, modern, false).await?;
    let standing = approvals.ask(&wanted).await?;
    count(visit, if standing.attached { "Attached" } else { "Asked" });
    ticket.asked(&standing.approval, standing.attached).await?;
    if !standing.attached {
        visit.gateway.notifier.asked(&visit.gateway, &standing.approval);
    }
    Ok(standing)
}

/// Makes the call, if it is still the one that was approved. The answer is the server's.
pub(super) async fn run(mut case: Case) -> Result<Response<ReplyBody>, Failed> {
    // Before the Approval is used: who has no place now comes again, and finds it as it was.
    let turn = match limited::begin(&case.visit, case.ask.call()) {
        Ok(turn) => turn,
        Err(failure) => return Err((failure, Box::new(case.ticket))),
    };
    match Box::pin(opened(&mut case)).await {
        Ok(permit) => {
            count(&case.visit, "Used");
            // The client may have been told to wait in a stream, which the answer ends.
            forward(Visit { is_event: true, ..case.visit }, &permit, case.ticket, turn).await
        }
        Err(failure) => Err((failure, Box::new(case.ticket))),
    }
}

/// Asks everything once more, marks the Approval as used, and opens the permit.
async fn opened(case: &mut Case) -> Result<lychgate_gateway_policy::Permit, Failure> {
    let visit = &mut case.visit;
    let approvals = visit.gateway.approvals.clone().ok_or_else(nowhere)?;
    let name_of_connection = visit.connection.policy.config().connection.name.clone();
    visit.connection = visit.gateway.configurations.connection(&name_of_connection)?;
    // Nothing runs for a caller who is gone: his token may have expired meanwhile, or its issuer is no longer trusted.
    let presented = presented(&visit.headers)?;
    visit.authenticated = visit.connection.authenticator.authenticate(presented).await?.into();
    let policy = std::sync::Arc::clone(&visit.connection.policy);
    visit.credentials = visit.connection.credentials(&visit.gateway.values);
    let known = known_of(&visit.credentials, &visit.authenticated);
    let call = visit.in_session(case.ask.call().clone());
    visit.known = protected(&known, call.restored_values());
    let unfit = |changed: &'static str, cause: &str| {
        let approval = crate::approval::full_name(&case.approval);
        Failure::from(Refusal::Unfit { approval, changed, cause: cause.to_owned() })
    };
    let ask = match decide(&policy, &visit.authenticated.caller, call, &known, now_milliseconds()) {
        Decision::Ask(ask) => ask,
        Decision::Allow(_) => {
            return Err(unfit("the policies that ask for approval have", "no policy asks for it any more"));
        }
        Decision::Deny(denial) => return Err(Failure::from(&denial)),
    };
    let wanted = wanted(visit, &ask, &mut case.ticket, case.modern, true).await?;
    if !name(&case.approval).starts_with(&wanted.name_prefix) {
        let changed = wanted.changed_since(&case.approval.spec.request);
        return Err(unfit(changed, &format!("the call has another digest now: {changed} changed")));
    }
    let using = Use {
        ask: &ask,
        caller: &visit.authenticated.caller,
        wanted: &wanted,
        asked: &case.approval,
        call: case.ticket.call(),
        recorder: &visit.gateway.recorder,
    };
    let evidence = approvals.use_up(&using).await?;
    let permit = ask.approved(&visit.authenticated.caller, &evidence, now_milliseconds());
    permit.map_err(|cause| unfit(SOMETHING, &cause.to_string()))
}

/// What the call wants of people, with the tool's definition: as it was last heard, or, if `fresh`, as it is now.
async fn wanted(
    visit: &Visit,
    ask: &Ask,
    ticket: &mut Ticket,
    modern: bool,
    fresh: bool,
) -> Result<Wanted, Failure> {
    let policy = &visit.connection.policy;
    let unavailable = |cause: &str| Refusal::Unavailable(cause.to_owned());
    let config = policy.config().approval.as_ref().ok_or_else(|| unavailable("no approval in the policy"))?;
    let sent = Message::parse(ask.outbound().clone(), limits(policy)).map_err(Failure::Malformed)?;
    let operation = ask.call().operation();
    let told = Message::parse(ask.told().clone(), limits(policy)).map_err(Failure::Malformed)?;
    let shown =
        shown(policy, ask.call(), Sent { sent: &sent, told: &told }, ask.terms().masked, &visit.known)?;
    let commands = command::shown(ask.commands(), !shown.hidden.is_empty())?;
    let definition = match operation.tool_name() {
        Some(tool) => {
            let wish = Wish { chosen: ask.credentials(), message: &sent, tool, modern, fresh };
            definition(visit, wish, ticket).await?
        }
        None => String::new(),
    };
    let substance = substance(&told);
    let facts = Facts {
        connection_uid: &config.connection_uid,
        connection_generation: config.connection_generation,
        method: told.method().unwrap_or_default(),
        target: operation.target().unwrap_or_default(),
        arguments: substance.as_deref().unwrap_or("null"),
        caller: &visit.authenticated.caller,
        terms: ask.terms(),
        definition: &definition,
    };
    let key = visit.gateway.sealer.approval_key(&visit.connection.label);
    let digest = Digest::of(&facts, &key).ok_or_else(|| unavailable("the arguments cannot be read again"))?;
    let parts = Parts {
        config,
        connection: &policy.config().connection.name,
        operation,
        caller: &visit.authenticated.caller,
        terms: ask.terms(),
        shown,
        commands,
        digest: &digest,
        now: now_milliseconds(),
    };
    Ok(Wanted::new(parts)?)
}

/// The hash of the tool's definition, if its pin lets it be called.
async fn definition(visit: &Visit, wish: Wish<'_>, ticket: &mut Ticket) -> Result<String, Failure> {
    let definition = pinned::ask(visit, wish, ticket).await?;
    if visit.connection.policy.pinning().enforces() {
        pinned::hold(visit, wish.tool, definition.as_ref(), ticket).await?;
    }
    let unknown = || Failure::from(Refusal::UnknownTool { tool: wish.tool.to_owned() });
    definition.map(|definition| definition.hash).ok_or_else(unknown)
}

/// Whether the client can be told anything before the answer: over its event stream, if it has one, or else in a stream
/// of the call's own.
fn can_hold(visit: &Visit) -> bool {
    visit.exchange.as_ref().map_or_else(|| takes_events(&visit.headers), Exchange::is_here)
}

pub(super) fn takes_events(headers: &HeaderMap) -> bool {
    header(headers, ACCEPT.as_str()).is_some_and(|accept| {
        let accept = accept.to_ascii_lowercase();
        ["text/event-stream", "text/*", "*/*"].iter().any(|kind| accept.contains(kind))
    })
}

fn count(visit: &Visit, event: &'static str) {
    let labels = ApprovalLabels { connection: visit.connection.label.clone(), event };
    visit.gateway.metrics.approvals.get_or_create(&labels).inc();
}
