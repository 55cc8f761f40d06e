//! A journal in memory, as a gateway's writer would leave it on disk, and entries to fill it. The
//! tests beside this file share it; it tests nothing itself.

use lychgate_gateway_record::{
    Asked, Caller, Chain, Decided, Decision, Direction, End, Ended, Entry, Event, Failed, Flag, Flagged,
    Injected, Masks, Message, Opened, Outcome, Place, Recorded, Recovered, Recovery, Rejected, Report,
    Request, Response, Search, SigningKey, Timestamp, Trust, Verifier, Vote, segment_file_name,
};

/// The operator's key in all tests.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32]).ok().unwrap()
}

/// The key of somebody else.
pub(crate) fn foreign_key() -> SigningKey {
    SigningKey::from_seed(&[8; 32]).ok().unwrap()
}

/// 2026-08-01T09:30:00Z and so many seconds.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_microseconds((1_785_576_600 + seconds) * 1_000_000)
}

/// Segments and the chain that writes them; each line is a second after the one before.
pub(crate) struct Journal {
    pub(crate) chain: Chain,
    pub(crate) segments: Vec<Vec<u8>>,
    seconds: u64,
}

impl Journal {
    /// A journal with one segment, opened.
    pub(crate) fn new() -> Self {
        let mut journal = Self { chain: Chain::new(), segments: Vec::new(), seconds: 0 };
        journal.open(None);
        journal
    }

    /// Begins a segment with an `Opened` entry.
    pub(crate) fn open(&mut self, recovered: Option<Recovered>) {
        self.segments.push(Vec::new());
        self.write(&opened("gateway-0", &key(), recovered));
    }

    pub(crate) fn write(&mut self, entry: &Entry) {
        let line = self.chain.append(at(self.seconds), &entry.encode().unwrap());
        self.push(line.as_bytes());
    }

    pub(crate) fn sign(&mut self, key: &SigningKey) {
        let line = self.chain.head(at(self.seconds), key);
        self.push(line.as_bytes());
    }

    /// The process dies in the middle of a line.
    pub(crate) fn tear(&mut self, bytes: &[u8]) {
        self.segments.last_mut().unwrap().extend_from_slice(bytes);
    }

    /// Another process takes the journal up, from its bytes alone.
    pub(crate) fn restart(&mut self) {
        let mut recovery = Recovery::new();
        for segment in self.segments.iter().rev() {
            if recovery.segment(segment).unwrap() == Search::Complete {
                break;
            }
        }
        let resumed = recovery.finish();
        self.chain = resumed.chain;
        self.open(resumed.recovered);
    }

    fn push(&mut self, line: &[u8]) {
        self.seconds += 1;
        self.segments.last_mut().unwrap().extend_from_slice(line);
    }
}

pub(crate) fn place(segment: &str, line: u64) -> Place {
    Place { segment: segment.into(), line }
}

pub(crate) fn lines(segment: &[u8]) -> Vec<Vec<u8>> {
    segment.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Verifies segments with the operator's key.
pub(crate) fn verify(segments: &[Vec<u8>]) -> Report {
    verify_with(Verifier::new(Trust::In(vec![key().verifying_key().clone()])), segments).0
}

/// Verifies segments and gives their entries too.
pub(crate) fn verify_with(mut verifier: Verifier, segments: &[Vec<u8>]) -> (Report, Vec<Recorded>) {
    let mut entries = Vec::new();
    for (number, segment) in segments.iter().enumerate() {
        verifier.segment(&segment_file_name(u32::try_from(number).unwrap()));
        for chunk in segment.chunks(100) {
            entries.extend(verifier.feed(chunk));
        }
    }
    (verifier.finish(), entries)
}

/// A session with an allowed call, a streamed answer, a denied call and a failed one, in two
/// segments, both closed with a head.
pub(crate) fn small_journal() -> Journal {
    let mut journal = Journal::new();
    journal.write(&request("call-1", "session-1", "query", Outcome::Allow));
    journal.write(&injected("call-1"));
    journal.write(&response("call-1", 0, false));
    journal.sign(&key());
    journal.open(None);
    journal.write(&event(Some("call-1"), "session-1"));
    journal.write(&response("call-1", 1, true));
    journal.write(&ended(Some("call-1"), None));
    journal.write(&request("call-2", "session-1", "drop_table", Outcome::Deny));
    journal.write(&failed("call-2"));
    journal.write(&rejected());
    journal.write(&ended(None, Some("session-1")));
    journal.sign(&key());
    journal
}

pub(crate) fn asked(call: &str) -> Entry {
    Entry::Asked(Box::new(Asked {
        call: call.into(),
        approval: "team/appr-x-1".into(),
        uid: "0b1c".into(),
        digest: "hmac-sha256:00".into(),
        deadline: "2026-08-01T10:00:00Z".into(),
        attached: true,
    }))
}

pub(crate) fn flagged(call: &str) -> Entry {
    let flag = Flag {
        subject: "tool query".into(),
        reason: "ToolChanged".into(),
        enforced: false,
        definition: Some("5f".into()),
        pinned: Some("6a".into()),
        hidden: vec!["description: U+200B at character 3".into()],
    };
    Entry::Flagged(Box::new(Flagged { call: call.into(), flags: vec![flag], omitted: 1 }))
}

pub(crate) fn decided(call: &str) -> Entry {
    Entry::Decided(Box::new(Decided {
        call: Some(call.into()),
        approval: "team/appr-x-1".into(),
        uid: "0b1c".into(),
        digest: "hmac-sha256:00".into(),
        phase: "Approved".into(),
        decided_at: Some("2026-08-01T09:40:00Z".into()),
        usage: Some(1),
        votes: vec![Vote {
            approver: "oidc:erin".into(),
            approves: true,
            reason: Some("INC-42\u{1b}[2J".into()),
            emergency: true,
        }],
    }))
}

pub(crate) fn opened(replica: &str, key: &SigningKey, recovered: Option<Recovered>) -> Entry {
    Entry::Opened(Opened {
        replica: replica.into(),
        version: "0.1.0".into(),
        public_key: key.verifying_key().clone(),
        recovered,
    })
}

pub(crate) fn caller(username: &str) -> Caller {
    Caller {
        issuer: "https://issuer.example".into(),
        subject: "0a1b".into(),
        username: username.into(),
        groups: vec!["analysts".into(), "on-call".into()],
    }
}

pub(crate) fn request(call: &str, session: &str, target: &str, outcome: Outcome) -> Entry {
    let message =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{target}"}}}}"#);
    Entry::Request(Box::new(Request {
        call: call.into(),
        session: session.into(),
        connection: "team/database".into(),
        caller: Some(caller("alice@example.com")),
        method: "tools/call".into(),
        target: Some(target.into()),
        revision: "2025-11-25".into(),
        decision: Decision {
            outcome,
            rules: vec!["team/readers".into()],
            reason: (outcome == Outcome::Deny).then(|| "CommandDenied".into()),
            commands: None,
            audited: None,
        },
        message: Message::new(message.as_bytes()).ok(),
        message_bytes: message.len() as u64,
        masks: Masks::new(),
        configuration_sequence: 12,
    }))
}

pub(crate) fn injected(call: &str) -> Entry {
    Entry::Injected(Injected {
        call: call.into(),
        credential: "database-token".into(),
        version: "5f2c".into(),
        host: "database.example:443".into(),
    })
}

pub(crate) fn response(call: &str, part: u64, last: bool) -> Entry {
    response_with(call, part, last, r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#)
}

pub(crate) fn response_with(call: &str, part: u64, last: bool, message: &str) -> Entry {
    Entry::Response(Response {
        call: call.into(),
        status: 200,
        stream: true,
        part,
        last,
        message: Message::new(message.as_bytes()).ok(),
        message_bytes: message.len() as u64,
        masks: Masks::from([("email".into(), 2), ("iban".into(), 1)]),
        piece: None,
        upstream_microseconds: 12_345,
    })
}

pub(crate) fn failed(call: &str) -> Entry {
    Entry::Failed(Failed { call: call.into(), reason: "CommandDenied".into(), status: 200 })
}

pub(crate) fn event(call: Option<&str>, session: &str) -> Entry {
    let message = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
    Entry::Event(Box::new(Event {
        call: call.map(Into::into),
        session: session.into(),
        connection: "team/database".into(),
        direction: Direction::ToClient,
        message: Message::new(message.as_bytes()).ok(),
        message_bytes: message.len() as u64,
        masks: Masks::new(),
    }))
}

pub(crate) fn rejected() -> Entry {
    Entry::Rejected(Rejected {
        connection: Some("team/database".into()),
        caller: None,
        reason: "BodyTooLarge".into(),
        status: 413,
        bytes: 4_194_304,
    })
}

pub(crate) fn ended(call: Option<&str>, session: Option<&str>) -> Entry {
    Entry::Ended(Ended {
        call: call.map(Into::into),
        session: session.map(Into::into),
        reason: End::Completed,
    })
}
