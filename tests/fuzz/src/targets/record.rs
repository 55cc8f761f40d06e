//! The record: whatever stands in a segment is read without harm and the same in any pieces; and whoever changes a byte
//! of a signed journal is found out.

use std::sync::LazyLock;

use lychgate_gateway_record::{
    Caller, Chain, Decision, End, Ended, Entry, Hash, Masks, Message, Opened, Outcome, Recorded, Recovery,
    Report, Request, Search, SigningKey, Timestamp, Trust, Verifier, render_step, replay, summarize,
};

use crate::readers::Choices;

fn key() -> SigningKey {
    SigningKey::from_seed(&[9; 32]).ok().unwrap()
}

/// A signed journal with a call that was denied.
static JOURNAL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = key();
    let mut chain = Chain::new();
    let entries = [
        Entry::Opened(Opened {
            replica: "gateway-0".into(),
            version: "0.1.0".into(),
            public_key: key.verifying_key().clone(),
            recovered: None,
        }),
        request(),
        Entry::Ended(Ended { call: Some("call-1".into()), session: None, reason: End::Completed }),
    ];
    // 2026-08-01T09:20:00Z and so many seconds.
    let at = |seconds: u64| Timestamp::from_unix_microseconds((1_785_576_600 + seconds) * 1_000_000);
    let mut journal = Vec::new();
    for (entry, second) in entries.iter().zip(0..) {
        journal.extend_from_slice(chain.append(at(second), &entry.encode().unwrap()).as_bytes());
    }
    journal.extend_from_slice(chain.head(at(9), &key).as_bytes());
    journal
});

fn request() -> Entry {
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query"}}"#;
    Entry::Request(Box::new(Request {
        call: "call-1".into(),
        session: "session-1".into(),
        connection: "agents/db".into(),
        caller: Some(Caller {
            issuer: "https://idp.example.com".into(),
            subject: "alice".into(),
            username: "alice".into(),
            groups: vec!["analysts".into()],
        }),
        method: "tools/call".into(),
        target: Some("query".into()),
        revision: "2025-11-25".into(),
        decision: Decision {
            outcome: Outcome::Deny,
            rules: vec![],
            reason: Some("CommandDenied".into()),
            commands: None,
            audited: None,
        },
        message: Message::new(message.as_bytes()).ok(),
        message_bytes: message.len() as u64,
        masks: Masks::new(),
        configuration_sequence: 12,
    }))
}

/// An odd first byte: what follows changes the signed journal. An even one: what follows is a segment.
pub(crate) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice % 2 == 1 {
        tampered(rest);
    } else {
        read(rest);
    }
}

/// What a verifier says of a segment that comes in such pieces.
fn verify(segment: &[u8], cuts: &mut Choices<'_>) -> (Report, Vec<Recorded>) {
    let mut verifier = Verifier::new(Trust::In(vec![key().verifying_key().clone()]));
    verifier.segment("0000000000.jsonl");
    let mut entries = Vec::new();
    let mut rest = segment;
    while !rest.is_empty() {
        let length = match cuts.next() {
            0 => rest.len(),
            some => usize::from(some).min(rest.len()),
        };
        let (chunk, after) = rest.split_at(length);
        rest = after;
        entries.extend(verifier.feed(chunk));
    }
    (verifier.finish(), entries)
}

fn read(segment: &[u8]) {
    let (report, entries) = verify(segment, &mut Choices::new(&[]));
    let (again, others) = verify(segment, &mut Choices::new(segment));
    let shown = |entries: &[Recorded]| format!("{entries:?}");
    assert!(report == again && shown(&entries) == shown(&others), "pieces change nothing");
    // What has no line feed yet is no line.
    let whole = segment.iter().rposition(|byte| *byte == b'\n').map_or(&[][..], |end| &segment[..end]);
    let readable = whole.split(|byte| *byte == b'\n').filter(|line| Recorded::parse(line).is_ok()).count();
    assert_eq!((report.entries, entries.len()), (readable as u64, readable));
    if let Some(head) = report.last_head {
        assert_eq!(head.hash, last_line(), "nobody without the key signs anything else");
    }
    for summary in summarize(&entries) {
        assert!(summary.first <= summary.last && summary.denied <= summary.calls);
        for step in replay(entries.clone(), &summary.session) {
            let shown = render_step(&step, 80);
            assert!(!shown.replace('\n', "").contains(char::is_control), "nothing that a terminal obeys");
        }
    }
    let mut recovery = Recovery::new();
    if let Ok(found) = recovery.segment(segment) {
        let resumed = recovery.finish();
        let torn = segment.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        assert_eq!(resumed.recovered.map_or(0, |torn| torn.torn_bytes), torn.len() as u64);
        assert!(found == Search::NeedsOlder || resumed.chain != Chain::new());
    }
}

/// Three bytes each: a place, and the byte that is put there.
fn tampered(changes: &[u8]) {
    let mut journal = JOURNAL.clone();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % journal.len();
        journal[place] = change[2];
    }
    let (report, _) = verify(&journal, &mut Choices::new(changes));
    if journal == *JOURNAL {
        assert!(report.problems.is_empty() && report.heads == 1 && report.unsigned_tail == 0);
        assert_eq!(report.last_head.map(|head| head.hash), Some(last_line()));
    } else {
        assert!(!report.problems.is_empty(), "a changed byte is found");
    }
}

fn last_line() -> Hash {
    let lines = JOURNAL.strip_suffix(b"\n").unwrap();
    Hash::of(lines.rsplit(|byte| *byte == b'\n').next().unwrap())
}
