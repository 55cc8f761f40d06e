//! A call's page in the record. Every way out of a call passes here: an answer, a denial, a failure, a
//! client that left.
//!
//! A [`Ticket`] that is dropped before it was closed says so in the record: that is how a client that went
//! away is seen. What a call has to say at one moment is handed to the recorder at once.

use std::time::Instant;

use lychgate_crds::approval::Approval;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction as MaskDirection;
use lychgate_gateway_policy::mask::{Audience, Context, Known, Masked, Tokens, mask};
use lychgate_gateway_policy::pinning::Finding;
use lychgate_gateway_policy::{Call, Caller, Operation, Policy};
use lychgate_gateway_record::{
    self as record, AUDITED, Decision, End, Ended, Entry, Event, Failed, Injected, Piece, Response,
};

use crate::approval::full_name;
use crate::credential;
use crate::failure::Failure;
use crate::recorder::{Recorder, Unwritten};
use crate::upstream::EmptyMethod;

/// The most things that one entry says somebody should look at; further ones are counted.
const MAXIMUM_FLAGS: usize = 64;

/// A call in the record, from its request to its end.
pub struct Ticket {
    recorder: Recorder,
    call: String,
    session: String,
    connection: String,
    sent: Instant,
    part: u64,
    closed: bool,
    /// The request, until it is written with what comes next.
    request: Option<Entry>,
}

/// What the record says about a request beside the message.
pub struct RequestFacts<'a> {
    /// Who asks.
    pub caller: &'a Caller,
    /// What is asked.
    pub subject: Subject<'a>,
    /// The revision that the request speaks.
    pub revision: String,
    /// What policy decided.
    pub decision: Decision,
    /// The message as the record has it, if it was masked for it already.
    pub masked: Option<Masked>,
}

/// What a request asks: a call, or the stream or the end of a session, which have no message.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// A message.
    Call(&'a Call),
    /// A GET or a DELETE.
    Session(EmptyMethod),
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
    /// Where it begins, if it is a piece of a message.
    pub piece: Option<Piece>,
    /// Whether it is the answer that the call waits for.
    pub last: bool,
}

impl Ticket {
    /// Opens a page by recording the request, with what policy decided.
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
        let mut ticket = Self::begin(recorder, policy, session, facts, known)?;
        ticket.write(&[]).await.map_err(|_| Failure::Recorder)?;
        Ok(ticket)
    }

    /// Opens a page for a call that is about to be sent: its request is recorded together with the credentials,
    /// by [`Ticket::injected`], and whatever comes before that.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub fn begin(
        recorder: &Recorder,
        policy: &Policy,
        session: &str,
        facts: RequestFacts<'_>,
        known: &[Known],
    ) -> Result<Self, Failure> {
        let config = policy.config();
        let mut random = [0; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| Failure::Recorder)?;
        let mut ticket = Self {
            recorder: recorder.clone(),
            call: hex::encode(random),
            session: session.to_owned(),
            connection: config.connection.to_string(),
            sent: Instant::now(),
            part: 0,
            closed: false,
            request: None,
        };
        let asked = match facts.subject {
            Subject::Call(call) => asked(policy, call, known, facts.masked),
            Subject::Session(method) => Asked { method: method.as_str().to_owned(), ..Asked::default() },
        };
        ticket.request = Some(Entry::Request(Box::new(record::Request {
            call: ticket.call.clone(),
            session: ticket.session.clone(),
            connection: ticket.connection.clone(),
            caller: (!facts.caller.anonymous).then(|| record_caller(facts.caller)),
            method: asked.method,
            target: asked.target,
            revision: facts.revision,
            decision: facts.decision,
            message: asked.message,
            message_bytes: asked.bytes,
            masks: asked.masks,
            configuration_sequence: config.sequence,
        })));
        Ok(ticket)
    }

    /// Writes entries, after the request if that is not written yet.
    async fn write(&mut self, entries: &[Entry]) -> Result<(), Unwritten> {
        let all: Vec<&Entry> = self.request.iter().chain(entries).collect();
        let written = self.recorder.hand_over(&all).await?;
        // From here on they are written also if the client leaves, and the page must say nothing twice.
        let request = self.request.take();
        let closed = self.closed;
        self.closed |= entries.iter().any(|entry| matches!(entry, Entry::Ended(_)));
        let result = written.wait().await;
        if result.is_err() {
            (self.request, self.closed) = (request, closed);
        }
        result
    }

    /// The call's identifier.
    #[must_use]
    pub fn call(&self) -> &str {
        &self.call
    }

    /// Records that the call waits for people.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn asked(&mut self, approval: &Approval, attached: bool) -> Result<(), Failure> {
        let entry = Entry::Asked(Box::new(record::Asked {
            call: self.call.clone(),
            approval: full_name(approval),
            uid: approval.metadata.uid.clone().unwrap_or_default(),
            digest: approval.spec.request.digest.clone(),
            deadline: approval.spec.required.deadline.clone(),
            attached,
        }));
        self.write(&[entry]).await.map_err(|_| Failure::Recorder)
    }

    /// Records which credentials go where, before they go.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn injected(
        &mut self,
        injected: &[credential::Injected],
        policy: &Policy,
    ) -> Result<(), Failure> {
        let entry = |credential: &credential::Injected| {
            Entry::Injected(Injected {
                call: self.call.clone(),
                credential: credential.name.clone(),
                version: credential.version.clone(),
                host: policy.upstream().authority().to_owned(),
            })
        };
        let entries: Vec<Entry> = injected.iter().map(entry).collect();
        if self.request.is_some() || !entries.is_empty() {
            self.write(&entries).await.map_err(|_| Failure::Recorder)?;
        }
        self.sent = Instant::now();
        Ok(())
    }

    /// Records what a server says of itself that somebody should look at, before it is shown or called.
    ///
    /// # Errors
    /// [`Failure::Recorder`].
    pub async fn flagged(&mut self, findings: Vec<Finding>) -> Result<(), Failure> {
        if findings.is_empty() {
            return Ok(());
        }
        let omitted = findings.len().saturating_sub(MAXIMUM_FLAGS) as u64;
        let flag = |finding: Finding| {
            let Finding { subject, reason, enforced, definition, pinned, hidden } = finding;
            record::Flag { subject, reason: reason.to_owned(), enforced, definition, pinned, hidden }
        };
        let flags = findings.into_iter().take(MAXIMUM_FLAGS).map(flag).collect();
        let entry = Entry::Flagged(Box::new(record::Flagged { call: self.call.clone(), flags, omitted }));
        self.write(&[entry]).await.map_err(|_| Failure::Recorder)
    }

    /// How long ago the call was sent.
    #[must_use]
    pub fn since_sent(&self) -> std::time::Duration {
        self.sent.elapsed()
    }

    /// Records a message of the answer before it leaves for the client.
    ///
    /// # Errors
    /// [`Failure::AnswerUnrecorded`].
    pub async fn answered(&mut self, message: ServerMessage<'_>) -> Result<(), Failure> {
        let entry = self.response(&message);
        self.write(&[entry]).await.map_err(|_| Failure::AnswerUnrecorded)
    }

    /// Records the one message of an answer, and with it the end of the call.
    ///
    /// # Errors
    /// [`Failure::AnswerUnrecorded`].
    pub async fn completed(&mut self, message: ServerMessage<'_>) -> Result<(), Failure> {
        let entries = [self.response(&message), self.end(End::Completed)];
        self.write(&entries).await.map_err(|_| Failure::AnswerUnrecorded)
    }

    fn response(&mut self, message: &ServerMessage<'_>) -> Entry {
        let entry = Entry::Response(Response {
            call: self.call.clone(),
            status: message.status,
            stream: message.stream,
            part: self.part,
            last: message.last,
            piece: message.piece,
            message: recorded_message(message.recorded),
            message_bytes: message.relayed_bytes as u64,
            masks: masks(message.recorded),
            upstream_microseconds: u64::try_from(self.sent.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
        self.part = self.part.saturating_add(1);
        entry
    }

    /// Records a message outside the answer, before it goes on: one of a session's own stream, or a request of
    /// the server that does not reach the client, with what the gateway replies.
    ///
    /// # Errors
    /// [`Failure::AnswerUnrecorded`].
    pub async fn event(
        &mut self,
        direction: record::Direction,
        recorded: &Masked,
        bytes: usize,
    ) -> Result<(), Failure> {
        let entry = Entry::Event(Box::new(Event {
            call: Some(self.call.clone()),
            session: self.session.clone(),
            connection: self.connection.clone(),
            direction,
            message: recorded_message(recorded),
            message_bytes: bytes as u64,
            masks: masks(recorded),
        }));
        self.write(&[entry]).await.map_err(|_| Failure::AnswerUnrecorded)
    }

    /// Records that the gateway itself answers, with an error.
    pub async fn failed(&mut self, reason: &str, status: u16) {
        let entry = Entry::Failed(Failed { call: self.call.clone(), reason: reason.to_owned(), status });
        if self.write(&[entry]).await.is_err() {
            tracing::error!(call = self.call, reason, "a failed call could not be recorded");
        }
        self.closed = true;
    }

    /// Records the end of the call.
    pub async fn ended(&mut self, reason: End) {
        self.closed = true;
        if self.write(&[self.end(reason)]).await.is_err() {
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
            let entries = self.request.take().into_iter().chain([self.end(End::ClientGone)]);
            self.recorder.leave(entries.collect());
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
    tokens: Option<&Tokens>,
    message: &Message,
) -> Masked {
    // For the record, no condition is asked.
    let context = Context { audience: Audience::Record, direction, operation, known, tokens, now: 0 };
    mask(policy.masking(), &context, message)
}

/// What the record says about what was asked.
#[derive(Default)]
struct Asked {
    method: String,
    target: Option<String>,
    message: Option<record::Message>,
    bytes: u64,
    masks: record::Masks,
}

/// A call for the record. Method and target are read from the masked message, so that neither tells what the
/// message hides.
fn asked(policy: &Policy, call: &Call, known: &[Known], masked: Option<Masked>) -> Asked {
    let message = call.message();
    let operation = Some(call.meant());
    let mask = || for_record(policy, MaskDirection::Request, operation, known, call.tokens(), message);
    let masked = masked.unwrap_or_else(mask);
    let (method, target) = if std::ptr::eq::<[u8]>(masked.bytes().as_ref(), message.bytes().as_ref()) {
        named(message, Some(call.operation()))
    } else {
        let seen = Message::parse(masked.bytes().clone(), limits(policy)).ok();
        let operation = seen.as_ref().and_then(|seen| Operation::of(seen).ok());
        seen.as_ref().map_or_else(|| (ANSWER.to_owned(), None), |seen| named(seen, operation.as_ref()))
    };
    Asked {
        method,
        target: task_tool(call, known).or(target),
        message: recorded_message(&masked),
        bytes: message.bytes().len() as u64,
        masks: masks(&masked),
    }
}

/// What stands for the method of a message that has none.
const ANSWER: &str = "(answer)";

fn named(message: &Message, operation: Option<&Operation>) -> (String, Option<String>) {
    let target = operation.and_then(Operation::target).map(str::to_owned);
    (message.method().unwrap_or(ANSWER).to_owned(), target)
}

/// The tool whose task is asked about. The message does not name it; a call of that tool did, where names of tools are
/// shown but for known credentials.
fn task_tool(call: &Call, known: &[Known]) -> Option<String> {
    let Operation::Task { .. } = call.operation() else { return None };
    let tool = call.operation().tool_behind()?;
    (!known.iter().any(|known| known.is_in(tool))).then(|| tool.to_owned())
}

/// The limits of a connection's messages.
#[must_use]
pub fn limits(policy: &Policy) -> Limits {
    Limits::with_bytes(usize::try_from(policy.config().limits.message_bytes).unwrap_or(usize::MAX))
}

fn recorded_message(masked: &Masked) -> Option<record::Message> {
    // Whatever is masked was read, and stays JSON.
    record::Message::accepted(masked.bytes()).ok()
}

fn masks(masked: &Masked) -> record::Masks {
    let masked_values = masked.counts().iter().map(|(detector, count)| (detector.clone(), *count));
    let audited = masked.audited().iter().map(|(detector, count)| (format!("{AUDITED}{detector}"), *count));
    masked_values.chain(audited).map(|(detector, count)| (detector, u64::from(count))).collect()
}

/// A caller as the record has him.
#[must_use]
pub fn record_caller(caller: &Caller) -> record::Caller {
    record::Caller {
        issuer: caller.issuer.clone(),
        subject: caller.subject.clone(),
        username: caller.username.clone(),
        groups: caller.groups.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use lychgate_gateway_mcp::message::Id;
    use lychgate_gateway_policy::mask::{own_pong, own_tool_error};
    use lychgate_gateway_policy::{Caller, compile};
    use lychgate_gateway_record::{Decision, Outcome, SigningKey};
    use serde_json::{Value, json};

    use super::{RequestFacts, ServerMessage, Subject, Ticket};
    use crate::recorder::Recorder;
    use crate::upstream::EmptyMethod;

    fn begin(recorder: &Recorder) -> Ticket {
        let config = json!({
            "apiVersion": "gateway.lychgate.dev/v1alpha1",
            "sequence": 1,
            "connection": {"namespace": "test", "name": "server"},
            "gateway": {"namespace": "test", "name": "gateway"},
            "resources": ["https://gateway.test/server/mcp"],
            "identity": {"anonymous": true},
            "upstream": {"url": "https://server", "connectTimeoutMilliseconds": 1, "callTimeoutMilliseconds": 1},
            "limits": {"messageBytes": 65536},
        });
        let policy = compile(serde_json::from_value(config).unwrap()).unwrap();
        let decision =
            Decision { outcome: Outcome::Allow, rules: vec![], reason: None, commands: None, audited: None };
        let facts = RequestFacts {
            caller: &Caller::anonymous(),
            subject: Subject::Session(EmptyMethod::Get),
            revision: String::new(),
            decision,
            masked: None,
        };
        Ticket::begin(recorder, &policy, "session", facts, &[]).unwrap()
    }

    /// The kinds of entries that are left behind, those of the journal itself apart.
    async fn left_by(leave: impl AsyncFnOnce(Ticket)) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed(&[1; 32]).ok().unwrap();
        let (recorder, thread) = Recorder::start(folder.path(), "replica", key, 1 << 20).unwrap();
        leave(begin(&recorder)).await;
        drop(recorder);
        tokio::task::spawn_blocking(move || thread.join()).await.unwrap();
        let journal = std::fs::read_to_string(folder.path().join("replica/0000000000.jsonl")).unwrap();
        let kind =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["kind"].as_str().map(str::to_owned);
        let own = ["Opened", "Head"];
        journal.lines().filter_map(kind).filter(|kind| !own.contains(&kind.as_str())).collect()
    }

    #[tokio::test]
    async fn a_page_says_nothing_twice_also_where_its_client_leaves_while_it_is_written() {
        let answer = own_pong(&Id::Number(1));
        let message = ServerMessage {
            recorded: &answer,
            relayed_bytes: 2,
            status: 200,
            stream: false,
            piece: None,
            last: true,
        };
        let whole = ["Request", "Response", "Ended"];
        let answered = left_by(async |mut ticket| ticket.completed(message).await.unwrap()).await;
        assert_eq!(answered, whole);
        // So long that nobody writes it at once.
        let answer = own_tool_error(&Id::Number(1), &"x".repeat(100_000), &[]);
        let message = ServerMessage {
            recorded: &answer,
            relayed_bytes: 2,
            status: 200,
            stream: false,
            piece: None,
            last: true,
        };
        let left = left_by(async |mut ticket| {
            tokio::select! {
                biased;
                _ = ticket.completed(message) => {}
                () = std::future::ready(()) => {}
            }
        });
        assert_eq!(left.await, whole);
        assert_eq!(left_by(async |ticket| drop(ticket)).await, ["Request", "Ended"]);
    }
}
