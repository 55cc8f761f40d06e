//! The open answer of a call that waits: a stream of events that says now and then that it is still there, and ends
//! with the answer, once people have decided, or with word that the call still waits.
//!
//! The stream is the caller. When it is dropped, because the client has left, nothing runs any more.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use lychgate_crds::approval::{Approval, Phase};
use lychgate_gateway_mcp::sse::{self, Event};
use lychgate_gateway_policy::DenialReason;
use lychgate_gateway_policy::mask::{Masked, own_input_required, own_progress};
use lychgate_gateway_record::End;
use tokio::time::Instant;

use super::approve::{Case, refusal, run};
use crate::approval::full_name;
use crate::approval::held::Place;
use crate::approval::seen::phase;
use crate::failure::Failure;
use crate::metrics::ReasonLabels;
use crate::reply::{self, Asker, ReplyBody};
use crate::session::Leg;
use crate::state::now_seconds;
use crate::ticket::Ticket;

/// How often the client hears that the call still waits. Proxies and clients give up on silence.
const BEAT: Duration = Duration::from_secs(15);
/// How long one leg lasts at most in MCP 2026-07-28: clients give up after a minute.
const LEG: Duration = Duration::from_secs(48);
/// How often a client of that revision is told to ask again; clients stop after ten rounds.
const MAXIMUM_LEGS: u32 = 8;
/// How long the state of a leg is worth something, in seconds.
const LEG_LIFETIME_SECONDS: u64 = 600;

/// An open answer.
struct Held {
    /// The call; nothing once it was made or refused.
    case: Option<Case>,
    /// What is left of the server's answer.
    body: Option<ReplyBody>,
    place: Place,
    /// When the client is told that the call still waits.
    until: Instant,
    beat_at: Instant,
    /// The client's progress token, as JSON, if it wants to hear of progress.
    token: Option<String>,
    beats: u64,
}

/// What an open answer waits for.
enum Next {
    Beat,
    Settled(Box<Approval>),
    Cancelled,
    Drained,
    Closed(DenialReason),
}

/// Holds the answer of a call that waits.
pub(super) fn hold(case: Case) -> Response<ReplyBody> {
    let gateway = &case.visit.gateway;
    let wait = Duration::from_millis(case.ask.terms().wait_milliseconds);
    let wait = if case.modern { wait.min(LEG) } else { wait };
    let token = case.ask.call().message().meta().and_then(|meta| meta.get("progressToken"));
    let token = token.map(|token| String::from_utf8_lossy(token.raw()).into_owned());
    let held = Held {
        body: None,
        place: gateway.held.enter(&case.visit.session_name, &case.id),
        until: Instant::now() + wait,
        // The first bytes go out at once.
        beat_at: Instant::now(),
        token,
        beats: 0,
        case: Some(case),
    };
    reply::events(futures_util::stream::unfold(held, |mut held| async move {
        let chunk = Box::pin(held.next()).await?;
        Some((chunk, held))
    }))
}

impl Held {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(body) = &mut self.body {
            return frame(body).await;
        }
        match self.wait().await? {
            Next::Beat => Some(self.beat()),
            Next::Settled(approval) => self.settle(*approval).await,
            Next::Cancelled => {
                let mut case = self.take()?;
                case.ticket.ended(End::ClientGone).await;
                None
            }
            Next::Drained => self.refuse(None).await,
            Next::Closed(reason) => self.refuse(Some(reason)).await,
        }
    }

    async fn wait(&mut self) -> Option<Next> {
        let case = self.case.as_ref()?;
        let gateway = &case.visit.gateway;
        let approvals = gateway.approvals.as_ref()?;
        let connection = &case.visit.connection.policy.config().connection.name;
        let mut draining = gateway.draining.clone();
        let drained = async {
            if draining.wait_for(|draining| *draining).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Some(tokio::select! {
            biased;
            () = self.place.cancelled() => Next::Cancelled,
            reason = gateway.configurations.until_closed(connection) => Next::Closed(reason),
            () = tokio::time::sleep_until(self.beat_at) => Next::Beat,
            approval = approvals.settle(&case.approval, self.until) => Next::Settled(Box::new(approval)),
            () = drained => Next::Drained,
        })
    }

    /// Word that the call still waits: progress, if the client wants to hear of it, or a comment.
    fn beat(&mut self) -> Bytes {
        self.beat_at = Instant::now() + BEAT;
        self.beats = self.beats.saturating_add(1);
        let Some((token, case)) = self.token.as_ref().zip(self.case.as_ref()) else {
            return encode(&Event::keep_alive());
        };
        let text = format!("Waiting for approval {}", full_name(&case.approval));
        encode(&Event::message(own_progress(token, self.beats, &text).into_bytes()))
    }

    async fn settle(&mut self, approval: Approval) -> Option<Bytes> {
        let case = self.case.as_mut()?;
        case.approval = approval;
        let asks_again = case.modern && case.leg < MAXIMUM_LEGS;
        match phase(&case.approval) {
            Phase::Approved => {
                let case = self.take()?;
                let (visit, id, modern) = (Told::of(&case), case.id.clone(), case.modern);
                match Box::pin(run(case)).await {
                    Ok(response) => self.relay(response).await,
                    Err((failure, ticket)) => {
                        let asker = Asker { id: Some(&id), modern, known: &visit.known, ..Asker::default() };
                        Some(visit.refuse(*ticket, &failure, asker).await)
                    }
                }
            }
            Phase::Pending if asks_again => self.ask_again().await,
            Phase::Pending
            | Phase::Denied
            | Phase::Expired
            | Phase::Cancelled
            | Phase::Consumed
            | Phase::Revoked => self.refuse(None).await,
        }
    }

    /// Tells a client of MCP 2026-07-28 to ask again, with a state by which it joins the call that waits.
    async fn ask_again(&mut self) -> Option<Bytes> {
        let mut case = self.take()?;
        let visit = &case.visit;
        let leg = Leg {
            digest: case.approval.spec.request.digest.clone(),
            number: case.leg.saturating_add(1),
            expires: now_seconds().saturating_add(LEG_LIFETIME_SECONDS),
        };
        // It is owed the outcome, as if it had been told that the call is pending.
        let pending = refusal(&case);
        let state =
            visit.gateway.sealer.seal_leg(&visit.connection.label, &visit.authenticated.caller, &leg)?;
        case.ticket.failed(pending.as_str(), StatusCode::OK.as_u16()).await;
        Some(event(own_input_required(&case.id, &state)))
    }

    /// Ends the call without making it.
    async fn refuse(&mut self, closed: Option<DenialReason>) -> Option<Bytes> {
        let case = self.take()?;
        let failure = match closed {
            Some(reason) => Failure::denied(reason, case.ask.call().operation().clone()),
            None => refusal(&case),
        };
        let visit = Told::of(&case);
        let asker =
            Asker { id: Some(&case.id), modern: case.modern, known: &visit.known, ..Asker::default() };
        Some(visit.refuse(case.ticket, &failure, asker).await)
    }

    /// Passes on the server's answer: a message becomes an event, and a stream goes on in this one.
    async fn relay(&mut self, response: Response<ReplyBody>) -> Option<Bytes> {
        let kind =
            response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind == "text/event-stream" {
            return frame(self.body.insert(response.into_body())).await;
        }
        let body = response.into_body().collect().await.ok()?.to_bytes();
        // What was posted to an event stream is answered over that.
        (!body.is_empty()).then(|| encode(&Event::message(body)))
    }

    fn take(&mut self) -> Option<Case> {
        self.place.decided();
        self.case.take()
    }
}

/// What it takes to tell a caller that his call is refused.
struct Told {
    gateway: std::sync::Arc<crate::state::Gateway>,
    connection: String,
    known: std::sync::Arc<[lychgate_gateway_policy::mask::Known]>,
    calls_tool: bool,
}

impl Told {
    fn of(case: &Case) -> Self {
        Self {
            gateway: std::sync::Arc::clone(&case.visit.gateway),
            connection: case.visit.connection.label.clone(),
            known: std::sync::Arc::clone(&case.visit.known),
            calls_tool: case.ask.call().operation().tool_name().is_some(),
        }
    }

    async fn refuse(&self, mut ticket: Ticket, failure: &Failure, asker: Asker<'_>) -> Bytes {
        let asker = Asker { calls_tool: self.calls_tool, ..asker };
        let (status, message) = reply::failure_message(failure, &asker);
        let labels = ReasonLabels { connection: self.connection.clone(), reason: failure.as_str() };
        self.gateway.metrics.failures.get_or_create(&labels).inc();
        tracing::warn!(connection = self.connection, reason = failure.as_str(), %failure, "request refused");
        ticket.failed(failure.as_str(), status.as_u16()).await;
        event(message)
    }
}

async fn frame(body: &mut ReplyBody) -> Option<Bytes> {
    loop {
        let frame = body.frame().await?.ok()?;
        if let Ok(data) = frame.into_data() {
            return Some(data);
        }
    }
}

fn event(message: Masked) -> Bytes {
    encode(&Event::message(message.into_bytes()))
}

fn encode(event: &Event) -> Bytes {
    let mut bytes = Vec::new();
    sse::encode(event, &mut bytes);
    Bytes::from(bytes)
}
