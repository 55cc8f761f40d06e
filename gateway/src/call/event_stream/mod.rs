//! A server that speaks HTTP+SSE, the transport of MCP 2024-11-05, and its clients, which must speak it, too.
//!
//! A client opens an event stream (`open`), over which everything of the server comes (`stream`), and posts its messages
//! to an endpoint that the stream names first (`message`). The endpoint holds the server's own, sealed, so that any
//! replica takes a message; what the gateway itself has to say comes over the stream where that is open at the same
//! replica, and otherwise in answer to the message.

mod message;
mod open;
mod stream;

use std::sync::Arc;

use http::{Response, StatusCode, Uri};
use hyper::body::Incoming;
use lychgate_gateway_policy::config::Transport;

pub(super) use self::message::post;
use super::{Trace, Visit, limited};
use crate::accept::AcceptedMethod;
use crate::connection::Connection;
use crate::failure::Failure;
use crate::reply::{self, Asker, ReplyBody};
use crate::streams::{EventStream, Word};
use crate::upstream::EmptyMethod;
use crate::upstream::event_stream::Endpoint;

/// The member of an endpoint's query that holds the server's own endpoint, sealed.
const SESSION: &str = "session";

/// What a message that was posted to an endpoint belongs to.
#[derive(Clone)]
pub(super) struct Exchange {
    /// Where it is posted on to.
    endpoint: Endpoint,
    /// The stream, if it is open at this replica.
    stream: Option<Arc<EventStream>>,
}

/// What a request is about that came by this transport.
pub(super) enum Asked {
    /// An event stream; the text is the path that was asked for.
    Stream(String),
    /// A message, with the sealed endpoint.
    Message(String),
}

/// What is asked of a connection by its event stream, if it has one; nothing if its server speaks Streamable HTTP.
///
/// # Errors
/// [`Failure::EventStreamOnly`] for what only Streamable HTTP has. That a client of both transports takes for leave to
/// open a stream with GET (MCP 2025-11-25, Transports, Backwards Compatibility). [`Failure::NoConnection`] for the path
/// of a stream where there is none.
pub(super) fn asked(
    connection: &Connection,
    method: &AcceptedMethod,
    uri: &Uri,
) -> Result<Option<Asked>, Failure> {
    match connection.policy.config().upstream.transport {
        Transport::StreamableHttp if crate::accept::is_event_stream(uri.path()) => Err(Failure::NoConnection),
        Transport::StreamableHttp => Ok(None),
        Transport::Sse => match (method, sealed(uri)) {
            (AcceptedMethod::Post, Some(sealed)) => Ok(Some(Asked::Message(sealed.to_owned()))),
            (AcceptedMethod::Empty(EmptyMethod::Get), None) => Ok(Some(Asked::Stream(uri.path().to_owned()))),
            (AcceptedMethod::Post, None)
            | (AcceptedMethod::Empty(EmptyMethod::Delete), _)
            | (AcceptedMethod::Empty(EmptyMethod::Get), Some(_)) => Err(Failure::EventStreamOnly),
        },
    }
}

fn sealed(uri: &Uri) -> Option<&str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find_map(|(name, value)| (name == SESSION).then_some(value))
}

/// Does what is asked.
pub(super) async fn handle(
    visit: Visit,
    asked: Asked,
    body: Incoming,
    trace: &mut Trace,
) -> Result<Response<ReplyBody>, Failure> {
    match asked {
        Asked::Stream(path) => {
            limited::count(&visit, trace)?;
            open::open(visit, &path, trace).await
        }
        Asked::Message(sealed) => message::receive(visit, &sealed, body, trace).await,
    }
}

impl Exchange {
    /// Whether the stream is open at this replica.
    pub(super) fn is_here(&self) -> bool {
        self.stream.is_some()
    }

    /// Tells the client of a failure: over the stream where it is here, so that the client takes it for the answer to
    /// its call. Otherwise by the answer to the POST, which must be no success, because a client would wait for more.
    pub(super) fn refuse(
        &self,
        failure: &Failure,
        asker: &Asker<'_>,
        refusal: Response<ReplyBody>,
    ) -> Response<ReplyBody> {
        // A session that is over is told as HTTP has it: the stream is of no use any more.
        let stream = self.stream.as_ref().filter(|_| !matches!(failure, Failure::Session));
        if let Some(stream) = stream.filter(|_| asker.id.is_some()) {
            let (_, message) = reply::failure_message(failure, asker);
            if stream.say(Word::Message(message)).is_ok() {
                return reply::empty(StatusCode::ACCEPTED);
            }
        }
        let mut refusal = refusal;
        if refusal.status().is_success() {
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
        }
        refusal
    }
}
