//! A call's page in the record. Every way out of a call passes here: an answer, a denial, a failure, a
//! client that left.
//!
//! A [`Ticket`] that is dropped before it was closed says so in the record: that is how a client that went
//! away is seen.

use std::time::Instant;

use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction as MaskDirection;
use lychgate_gateway_policy::mask::{Audience, Context, Known, Masked, mask};
use lychgate_gateway_policy::{Call, Caller, Operation, Policy};
use lychgate_gateway_record::{
    self as record, Decision, End, Ended, Entry, Event, Failed, Injected, Response,
};

use crate::credential;
use crate::failure::Failure;
use crate::recorder::Recorder;

/// A call in the record, from its request to its end.
pub struct Ticket {
    recorder: Recorder,
    call: String,
    session: String,
    connection: String,
    sent: Instant,
    part: u64,
    closed: bool,
}

/// What the record says about a request beside the message.
pub struct RequestFacts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// What is asked.
    pub call: &'a Call,
    /// The revision that the request speaks.
    pub revision: String,
    /// What policy decided.
    pub decision: Decision,
}

/// A message of the server on its way to the client, for the record.
pub struct ServerMessage<'a> {
    /// The message, masked for the record.
    pub recorded: &'a Masked,
    /// Its length as it goes to the client, in bytes.
    pub relayed_bytes: usize,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Whether it is part of an event stream.
    pub stream: bool,
    /// Whether it is the answer that the call waits for.
    pub last: bool,
}

impl Ticket {
    /// Opens a page by recording the request, with what policy decided. Nothing is sent before this returns.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn open(
        recorder: &Recorder,
        policy: &Policy,
        session: &str,
        facts: RequestFacts<'_>,
        known: &[Known],
    ) -> Result<Self, Failure> {
        let config = policy.config();
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::Recorder)?;
        let ticket = Self {
            recorder: recorder.clone(),
            call: hex::encode(random),
            session: session.to_owned(),
            connection: config.connection.to_string(),
            sent: Instant::now(),
            part: 0,
            closed: false,
        };
        let message = facts.call.message();
        let masked = for_record(policy, MaskDirection::Request, Some(facts.call.operation()), known, message);
        let (method, target) = recorded_subject(&masked, policy);
        let entry = Entry::Request(Box::new(record::Request {
            call: ticket.call.clone(),
            session: ticket.session.clone(),
            connection: ticket.connection.clone(),
            caller: (!facts.caller.anonymous).then(|| record_caller(facts.caller)),
            method,
            target,
            revision: facts.revision,
            decision: facts.decision,
            message: recorded_message(&masked),
            message_bytes: message.bytes().len() as u64,
            masks: masks(&masked),
            configuration_sequence: config.sequence,
        }));
        recorder.append(entry).await.map_err(|_| Failure::Recorder)?;
        Ok(ticket)
    }

    /// Records which credential goes where, before it goes.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn injected(
        &mut self,
        injected: &[credential::Injected],
        policy: &Policy,
    ) -> Result<(), Failure> {
        for credential in injected {
            let entry = Entry::Injected(Injected {
                call: self.call.clone(),
                credential: credential.name.clone(),
                version: credential.version.clone(),
                host: policy.upstream().authority().to_owned(),
            });
            self.recorder.append(entry).await.map_err(|_| Failure::Recorder)?;
        }
        self.sent = Instant::now();
        Ok(())
    }

    /// How long ago the call was sent.
    #[must_use]
    pub fn since_sent(&self) -> std::time::Duration {
        self.sent.elapsed()
    }

    /// Records a message before it leaves for the client.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn answered(&mut self, message: ServerMessage<'_>) -> Result<(), Failure> {
        let entry = Entry::Response(Response {
            call: self.call.clone(),
            status: message.status,
            stream: message.stream,
            part: self.part,
            last: message.last,
            message: recorded_message(message.recorded),
            message_bytes: message.relayed_bytes as u64,
            masks: masks(message.recorded),
            upstream_microseconds: u64::try_from(self.sent.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
        self.part = self.part.saturating_add(1);
        self.recorder.append(entry).await.map_err(|_| Failure::Recorder)
    }

    /// Records that the gateway itself answers, with an error.
    pub async fn failed(&mut self, reason: &str, status: u16) {
        let entry = Entry::Failed(Failed { call: self.call.clone(), reason: reason.to_owned(), status });
        if self.recorder.append(entry).await.is_err() {
            tracing::error!(call = self.call, reason, "a failed call could not be recorded");
        }
        self.closed = true;
    }

    /// Records the end of the call.
    pub async fn ended(&mut self, reason: End) {
        self.closed = true;
        if self.recorder.append(self.end(reason)).await.is_err() {
            tracing::error!(call = self.call, "the end of a call could not be recorded");
        }
    }

    fn end(&self, reason: End) -> Entry {
        Entry::Ended(Ended { call: Some(self.call.clone()), session: None, reason })
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.closed {
            self.recorder.leave(self.end(End::ClientGone));
        }
    }
}

/// The page of a session's own stream, which belongs to no call.
pub struct StreamTicket {
    recorder: Recorder,
    session: String,
    connection: String,
    closed: bool,
}

impl StreamTicket {
    /// A page for the stream of `session`.
    #[must_use]
    pub fn new(recorder: &Recorder, session: &str, connection: &str) -> Self {
        Self {
            recorder: recorder.clone(),
            session: session.to_owned(),
            connection: connection.to_owned(),
            closed: false,
        }
    }

    /// Records a message before it leaves for the client.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn event(&mut self, recorded: &Masked, relayed_bytes: usize) -> Result<(), Failure> {
        let entry = Entry::Event(Box::new(Event {
            call: None,
            session: self.session.clone(),
            connection: self.connection.clone(),
            direction: record::Direction::ToClient,
            message: recorded_message(recorded),
            message_bytes: relayed_bytes as u64,
            masks: masks(recorded),
        }));
        self.recorder.append(entry).await.map_err(|_| Failure::Recorder)
    }

    /// Records the end of the stream.
    pub async fn ended(&mut self, reason: End) {
        self.closed = true;
        if self.recorder.append(self.end(reason)).await.is_err() {
            tracing::error!("the end of a stream could not be recorded");
        }
    }

    fn end(&self, reason: End) -> Entry {
        Entry::Ended(Ended { call: None, session: Some(self.session.clone()), reason })
    }
}

impl Drop for StreamTicket {
    fn drop(&mut self) {
        if !self.closed {
            self.recorder.leave(self.end(End::ClientGone));
        }
    }
}

/// A message as the record may show it: masked by every rule, whoever calls and whichever way it goes.
#[must_use]
pub fn for_record(
    policy: &Policy,
    direction: MaskDirection,
    operation: Option<&Operation>,
    known: &[Known],
    message: &Message,
) -> Masked {
    let context = Context { audience: Audience::Record, direction, operation, known };
    mask(policy.masking(), &context, message)
}

/// Method and target as the masked message has them, so that neither tells what the message hides.
fn recorded_subject(masked: &Masked, policy: &Policy) -> (String, Option<String>) {
    let Ok(message) = Message::parse(masked.bytes().clone(), limits(policy)) else {
        return ("(unreadable)".to_owned(), None);
    };
    let method = message.method().unwrap_or("(answer)").to_owned();
    let target = Operation::of(&message).ok().and_then(|operation| operation.target().map(str::to_owned));
    (method, target)
}

/// The limits of a connection's messages.
#[must_use]
pub fn limits(policy: &Policy) -> Limits {
    Limits::with_bytes(usize::try_from(policy.config().limits.message_bytes).unwrap_or(usize::MAX))
}

fn recorded_message(masked: &Masked) -> Option<record::Message> {
    record::Message::new(masked.bytes()).ok()
}

fn masks(masked: &Masked) -> record::Masks {
    masked.counts().iter().map(|(detector, count)| (detector.clone(), u64::from(*count))).collect()
}

fn record_caller(caller: &Caller) -> record::Caller {
    record::Caller {
        issuer: caller.issuer.clone(),
        subject: caller.subject.clone(),
        username: caller.username.clone(),
        groups: caller.groups.clone(),
    }
}
