//! From the server to the client: each message is screened, filtered, masked and recorded, and only then
//! passed on, alone or in a stream.
//!
//! What cannot be read as an MCP message does not pass. In a stream, that ends the stream with an error for
//! the call; what went before stays.

mod fitted;
mod pieces;
mod stream;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::lists::{ACKNOWLEDGED, Lists, Negotiated};
use lychgate_gateway_mcp::message::{Form, Id, Message, codes};
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::listen::{Listening, may_hear};
use lychgate_gateway_policy::mask::{Known, Masked, Tokens, own_error, own_pong};
use lychgate_gateway_policy::pinning::Finding;
use lychgate_gateway_policy::server::{Screening, screen};
use lychgate_gateway_policy::shown::{Shown, show};
use lychgate_gateway_policy::task::{Relayed, Relaying, TaskFault};
use lychgate_gateway_policy::{Caller, Operation, list, task};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

pub use self::fitted::Doubt;
pub use self::pieces::{Received, receive};
pub use self::stream::{Life, SILENCE, beginning, events};
use crate::approval::time::now_milliseconds;
use crate::connection::Connection;
use crate::fault::Fault;
use crate::metrics::MaskLabels;
use crate::session::StreamOf;
use crate::session::tokens::SessionTokens;
use crate::state::{Gateway, now_seconds};
use crate::ticket;
use crate::tools::tells_of_change;
use crate::usage::Turn;

/// What an answer is an answer to.
pub struct Origin {
    /// The gateway.
    pub gateway: Arc<Gateway>,
    /// The connection, with the policy that decided the call.
    pub connection: Arc<Connection>,
    /// Who gets the answer.
    pub caller: Caller,
    /// What was asked; nothing for a session's own stream.
    pub operation: Option<Operation>,
    /// The credential that was chosen for it: tasks that it makes are asked about with the same.
    pub credential: Option<String>,
    /// The id that the answer must have; nothing for a session's own stream.
    pub id: Option<Id>,
    /// Values that must never be shown.
    pub known: Arc<[Known]>,
    /// The tokens of the session, for rules that make some.
    pub tokens: SessionTokens,
    /// Headers for answering a request of the server in the client's place.
    pub reply_headers: HeaderMap,
    /// The name of the session in the record, if streams of it can be resumed: not in MCP 2026-07-28.
    pub resumable: Option<String>,
    /// Whether the server may send several messages in one array.
    pub batches: bool,
    /// The lists of whose changes the stream tells from its beginning.
    pub announced: Lists,
    /// What a `subscriptions/listen` asks to hear.
    pub listening: Option<Listening>,
    /// Whether the call is of MCP 2026-07-28.
    pub modern: bool,
    /// The call of a tool, by whose `_meta` the server is asked about it.
    pub asked: Option<Message>,
    /// The caller's place, which is free again when the call is over. A stream without an end has none.
    pub turn: Option<Turn>,
}

/// A message that may pass, in its two forms.
pub struct Passing {
    /// For the client.
    pub masked: Masked,
    /// For the record.
    pub recorded: Masked,
    /// Whether it is the answer that the call waits for.
    pub last: bool,
    /// What it settles, if it is the answer to `initialize`.
    pub negotiated: Option<Negotiated>,
    /// The lists of whose changes a `subscriptions/listen` hears from now on, if it says so.
    pub granted: Option<Lists>,
    /// What the server says in it that somebody should look at.
    pub findings: Vec<Finding>,
    /// What of it may not fit what the server declares of its tool: [`Origin::fitted`] sees to that.
    pub doubt: Option<Box<Doubt>>,
}

/// A request of the server that does not reach the client.
pub struct Aside {
    /// For the record.
    pub recorded: Masked,
    /// What the server is answered.
    pub reply: Masked,
}

/// What becomes of a message of the server.
pub enum Verdict {
    /// It goes to the client.
    Pass(Box<Passing>),
    /// It is not for this caller.
    Drop,
    /// The client is told nothing, and the server gets an answer of the gateway's.
    Reply(Box<Aside>),
}

impl Origin {
    /// Prepares the one message of a JSON answer.
    ///
    /// # Errors
    /// It is not an answer to this call, or asks what may not be asked.
    pub fn answer(&self, bytes: Bytes) -> Result<Passing, Fault> {
        match self.judge(bytes)? {
            Verdict::Pass(passing) if passing.last => Ok(*passing),
            Verdict::Pass(_) | Verdict::Drop | Verdict::Reply(_) => {
                Err(Fault::Rubbish("a message that is not the answer to the call".to_owned()))
            }
        }
    }

    /// What becomes of a message of the server.
    ///
    /// # Errors
    /// It cannot be read or masked, answers another call, or asks what may not be asked.
    pub fn judge(&self, bytes: Bytes) -> Result<Verdict, Fault> {
        let rubbish = |what: &dyn std::fmt::Display| Fault::Rubbish(what.to_string());
        let policy = &self.connection.policy;
        let limits = ticket::limits(policy);
        let message = Message::parse(bytes, limits).map_err(|error| rubbish(&error))?;
        // A server of the modern era asks inside its results (MCP 2026-07-28, Streamable HTTP, Receiving
        // Messages): what it asks beside them, nobody could answer.
        if self.modern && matches!(message.form(), Form::Request { .. }) {
            return Err(Fault::ServerRequest);
        }
        let last = self.is_answer(&message)?;
        if tells_of_change(&message) {
            self.gateway.tools.forget(&self.connection.label);
        }
        let reply = match (screen(policy, &message), message.form()) {
            (Screening::Relay, _) => None,
            (Screening::Pong, _) => message.id().map(own_pong),
            (Screening::Refuse, Form::Request { id, .. }) => Some(refusal(id)),
            (Screening::Refuse, Form::Notification { .. } | Form::Response { .. } | Form::Error { .. }) => {
                return Err(Fault::ServerRequest);
            }
        };
        if let Some(reply) = reply {
            let recorded = self.for_record(self.operation.as_ref(), &message);
            return Ok(Verdict::Reply(Box::new(Aside { recorded, reply })));
        }
        if !may_hear(policy, &self.caller, &message, now_milliseconds()) {
            return Ok(Verdict::Drop);
        }
        self.pass(message, last, limits)
    }

    /// Filters and masks a message that may be relayed.
    fn pass(&self, message: Message, last: bool, limits: Limits) -> Result<Verdict, Fault> {
        let rubbish = |what: &dyn std::fmt::Display| Fault::Rubbish(what.to_string());
        let (policy, operation) = (&self.connection.policy, self.operation.as_ref());
        let survey = self.gateway.tools.relayed(&self.connection.label, operation, &message, &self.known);
        let findings = policy.pinning().findings(&survey);
        let filtered = list::filter(policy, &self.caller, operation, &message, now_milliseconds())
            .map_err(|error| rubbish(&error))?;
        // Most answers are no lists, and pass the filter as they came.
        let message = if std::ptr::eq::<[u8]>(filtered.as_ref(), message.bytes().as_ref()) {
            message
        } else {
            Message::parse(filtered, limits).map_err(|error| rubbish(&error))?
        };
        let (sealed, about) = match self.with_handles(&message).map_err(|error| rubbish(&error))? {
            Relayed::Unchanged => (None, None),
            Relayed::Changed(bytes) => (Some(bytes), None),
            Relayed::About(bytes, operation) => (Some(bytes), Some(operation)),
            Relayed::Withheld => return Ok(Verdict::Drop),
        };
        let operation = about.as_deref().or(operation);
        let now = now_milliseconds();
        let tokens = self.tokens();
        let shown =
            |message: &Message| show(policy, &self.caller, operation, &self.known, tokens, message, now);
        let Shown { caller: masked, record: recorded } = match sealed {
            None => shown(&message),
            Some(bytes) => {
                // Handles are longer than ids, and the limit is for what comes from the server.
                let limits = Limits { bytes: usize::MAX, ..limits };
                let sealed = Message::parse(bytes, limits).map_err(|error| rubbish(&error))?;
                // The record has the server's own ids, in both directions.
                Shown { record: self.for_record(operation, &message), ..shown(&sealed) }
            }
        };
        if masked.is_refusal() && !last {
            // An error in the place of anything but an answer would look like the answer to another call.
            let kinds = masked.blocked();
            let is_blocked = !kinds.is_empty();
            let blocked = || format!("a message that a MaskingRule blocks: {}", kinds.join(", "));
            let text = if is_blocked { blocked() } else { "a message that cannot be masked".to_owned() };
            return Err(rubbish(&text));
        }
        // What a client was told in place of an answer is what the record has, too.
        let recorded = if masked.blocked().is_empty() { recorded } else { masked.clone() };
        let doubt = if last { self.doubt(&message, &masked, operation) } else { None };
        self.count(&masked);
        let negotiated = (last && self.initializes()).then(|| Negotiated::of(&message));
        let granted = self.granted(&message);
        Ok(Verdict::Pass(Box::new(Passing { masked, recorded, last, negotiated, granted, findings, doubt })))
    }

    /// Whether a session is to begin.
    #[must_use]
    pub fn initializes(&self) -> bool {
        matches!(&self.operation, Some(Operation::Protocol { method }) if method == "initialize")
    }

    /// The lists that a server says it will tell of, as far as it was asked.
    fn granted(&self, message: &Message) -> Option<Lists> {
        let asked = self.listening.as_ref().filter(|_| message.method() == Some(ACKNOWLEDGED))?;
        let granted = message.params()?.get("notifications").map(Lists::asked);
        Some(granted.unwrap_or_default().and(asked.lists()))
    }

    /// The message with handles in the place of the ids of tasks.
    fn with_handles(&self, message: &Message) -> Result<Relayed, TaskFault> {
        let relaying = Relaying {
            policy: &self.connection.policy,
            caller: &self.caller,
            operation: self.operation.as_ref(),
            credential: self.credential.as_deref(),
            known: &self.known,
            now: now_milliseconds(),
        };
        let handles = || self.gateway.sealer.handles(&self.connection.label, &self.caller);
        task::relay(&relaying, message, |task| handles()?.seal(task))
    }

    fn for_record(&self, operation: Option<&Operation>, message: &Message) -> Masked {
        let policy = &self.connection.policy;
        ticket::for_record(policy, Direction::Response, operation, &self.known, self.tokens(), message)
    }

    fn tokens(&self) -> Option<&Tokens> {
        self.tokens.of(&self.gateway.sealer, &self.connection, &self.caller).map(Arc::as_ref)
    }

    /// The id under which the client can resume after an event.
    fn event_id(&self, upstream: &str) -> Option<String> {
        let stream = StreamOf {
            connection: &self.connection.label,
            caller: &self.caller,
            session: self.resumable.as_deref()?,
            of_call: self.id.is_some(),
            known: &self.known,
        };
        self.gateway.sealer.seal_event(&stream, upstream, now_seconds())
    }

    /// Whether `message` is the answer that the call waits for. An answer to anything else is an error: it
    /// belongs to somebody else's call.
    fn is_answer(&self, message: &Message) -> Result<bool, Fault> {
        let id = match message.form() {
            Form::Request { .. } | Form::Notification { .. } => return Ok(false),
            Form::Response { id } => Some(id),
            // A server that could not read the id answers without one (JSON-RPC 2.0, section 5).
            Form::Error { id } => id.as_ref(),
        };
        match (&self.id, id) {
            // A session's own stream carries answers of streams that broke off (resumption).
            (None, _) | (Some(_), None) => Ok(true),
            (Some(expected), Some(id)) if expected == id => Ok(true),
            (Some(_), Some(_)) => Err(Fault::Rubbish("an answer to another call".to_owned())),
        }
    }

    fn count(&self, masked: &Masked) {
        let metrics = &self.gateway.metrics;
        let counts = [(masked.counts(), &metrics.masks), (masked.audited(), &metrics.audited_masks)];
        for (counts, family) in counts {
            counts.iter().for_each(|(detector, count)| self.count_kind(family, detector, *count));
        }
    }

    fn count_kind(&self, family: &Family<MaskLabels, Counter>, detector: &str, count: u32) {
        let labels = MaskLabels { connection: self.connection.label.clone(), detector: detector.to_owned() };
        family.get_or_create(&labels).inc_by(u64::from(count));
    }

    /// Answers the server in the client's place, without holding up what comes after it.
    fn reply(&self, reply: Masked) {
        let (connection, headers) = (Arc::clone(&self.connection), self.reply_headers.clone());
        tokio::spawn(async move {
            if let Err(error) = connection.upstream.reply(reply.into_bytes(), headers).await {
                tracing::warn!(connection = connection.label, %error, "a reply did not reach the server");
            }
        });
    }
}

fn refusal(id: &Id) -> Masked {
    own_error(
        Some(id),
        codes::METHOD_NOT_FOUND,
        "The gateway does not allow this request to the client",
        None,
        &[],
    )
}
