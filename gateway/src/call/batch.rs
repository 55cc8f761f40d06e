//! Several messages in one array, as MCP 2025-03-26 lets clients send them.
//!
//! Each message is carried out as if it had come alone: decided, limited, masked, recorded and sent by itself. The
//! server sees no batch. The answers come as one event stream, each when it is there.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Collected};
use lychgate_gateway_mcp::headers::MCP_PROTOCOL_VERSION;
use lychgate_gateway_mcp::message::{Form, Message, check_batch, is_batch};
use lychgate_gateway_mcp::revision::Revision;
use lychgate_gateway_mcp::sse::{self, Event};

use super::approve::takes_events;
use super::{Trace, Visit, carry_out, fail, header, limited};
use crate::failure::Failure;
use crate::reply::{self, ReplyBody};
use crate::session::Session;
use crate::ticket;

/// How many messages of a batch are carried out at a time.
const AT_A_TIME: usize = 8;

/// Whether a body is taken for a batch: only in a session of the revision that has them, which a header may repeat and
/// not contradict. Elsewhere an array is no message.
pub(super) fn is_meant(visit: &Visit, body: &[u8]) -> bool {
    let named = header(&visit.headers, MCP_PROTOCOL_VERSION);
    visit.session.as_ref().is_some_and(Session::allows_batches)
        && named.is_none_or(|named| Revision::parse(named).is_some_and(Revision::allows_batches))
        && is_batch(body)
}

pub(super) async fn post(
    visit: Visit,
    body: Bytes,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    let messages = Message::parse_batch(body, ticket::limits(&visit.connection.policy))
        .and_then(|messages| check_batch(&messages).map(|()| messages))
        .map_err(|error| limited::unread(&visit, Failure::Malformed(error), trace))?;
    let asks = messages.iter().any(|message| matches!(message.form(), Form::Request { .. }));
    if asks && !takes_events(&visit.headers) {
        return Err(Failure::NotAcceptable);
    }
    let visit = Arc::new(Batched { visit, authority: trace.authority.clone() });
    if asks {
        let answers = messages.into_iter().map(move |message| answers(Arc::clone(&visit), message));
        return Ok(reply::events(stream::iter(answers).flatten_unordered(AT_A_TIME)));
    }
    // What is not taken is said by the status (MCP 2025-03-26, Transports, Sending Messages to the Server).
    let mut taken = stream::iter(messages).map(|message| visit.carry_out(message)).buffered(AT_A_TIME);
    let mut reply = reply::empty(StatusCode::ACCEPTED);
    while let Some(answer) = taken.next().await {
        if reply.status().is_success() && !answer.status().is_success() {
            reply = answer;
        }
    }
    Ok(reply)
}

/// Who sent a batch.
struct Batched {
    visit: Visit,
    authority: Option<String>,
}

impl Batched {
    async fn carry_out(&self, message: Message) -> Response<ReplyBody> {
        let visit = self.visit.for_one_of_batch();
        let gateway = Arc::clone(&visit.gateway);
        let mut trace = Trace {
            connection: Some(Arc::clone(&visit.connection)),
            authority: self.authority.clone(),
            known: Some(Arc::clone(&visit.known)),
            bytes: message.bytes().len() as u64,
            ..Trace::default()
        };
        match Box::pin(carry_out(visit, message, &mut trace)).await {
            Ok(response) => response,
            Err(failure) => fail(&gateway, &failure, &trace).await,
        }
    }
}

/// What answers one message, as events; nothing, if it asks for no answer.
fn answers(batched: Arc<Batched>, message: Message) -> BoxStream<'static, Bytes> {
    let asks = matches!(message.form(), Form::Request { .. });
    let answer = async move {
        let response = batched.carry_out(message).await;
        let is_stream = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
        let body = response.into_body();
        if is_stream {
            // Each of its chunks is a whole event.
            return body.into_data_stream().filter_map(async |chunk| chunk.ok()).boxed();
        }
        // What goes out with others is held whole, and does not break off.
        let whole = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        stream::iter((asks && !whole.is_empty()).then(|| event(whole))).boxed()
    };
    stream::once(answer).flatten().boxed()
}

fn event(message: Bytes) -> Bytes {
    let mut bytes = Vec::new();
    sse::encode(&Event::message(message), &mut bytes);
    Bytes::from(bytes)
}
