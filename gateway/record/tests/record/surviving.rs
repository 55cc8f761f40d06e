//! What an honest writer leaves behind when it dies, is replaced by a newer release, or when
//! retention removes old segments: the verifier tells it from damage.

use lychgate_gateway_record::{Chain, Content, Hash, LastLine, Outcome, Problem, Severity, Trust, Verifier};

use crate::journal::*;

#[test]
fn an_honest_journal_verifies_without_a_word() {
    let report = verify(&small_journal().segments);
    assert_eq!(report.problems, vec![]);
    assert!(report.is_intact());
    assert_eq!(report.replica.as_deref(), Some("gateway-0"));
    assert_eq!((report.entries, report.heads, report.unsigned_tail), (14, 2, 0));
    assert_eq!(report.sessions, 1);
    assert_eq!(report.key_ids, [key().verifying_key().id()].into());
}

#[test]
fn a_torn_tail_is_a_notice_until_the_next_process_accounts_for_it() {
    let mut journal = small_journal();
    journal.open(None);
    journal.write(&request("call-3", "session-2", "query", Outcome::Allow));
    journal.tear(b"{\"v\":1,\"sequ");
    let place = place("0000000002.jsonl", 3);
    let report = verify(&journal.segments);
    assert_eq!(report.problems, [Problem::TornTail { place, bytes: 12 }]);
    assert!(report.is_intact());

    journal.restart();
    journal.write(&ended(Some("call-3"), None));
    journal.sign(&key());
    let report = verify(&journal.segments);
    assert_eq!((report.problems, report.unsigned_tail), (vec![], 0));
}

#[test]
fn a_process_that_dies_in_its_first_line_again_and_again_is_recovered_from() {
    let mut journal = small_journal();
    for torn in ["{", "", "{{{"] {
        journal.segments.push(torn.into());
    }
    journal.restart();
    assert_eq!(verify(&journal.segments).problems, vec![]);

    let mut fresh = Journal::new();
    fresh.segments = vec![b"{\"v\"".to_vec()];
    fresh.restart();
    assert_eq!(verify(&fresh.segments).problems, vec![]);
}

#[test]
fn torn_bytes_that_the_next_process_did_not_find_are_damage() {
    let mut journal = Journal::new();
    journal.tear(b"{\"v\"");
    journal.restart();
    let place = place("0000000001.jsonl", 1);
    for (torn, bytes) in [(&b""[..], 0), (b"{\"v\":", 5)] {
        let mut segments = journal.segments.clone();
        let whole = segments[0].len() - 4;
        segments[0].truncate(whole);
        segments[0].extend_from_slice(torn);
        let problem = Problem::UnaccountedTornTail { place: place.clone(), bytes, recovered: 4 };
        assert_eq!(verify(&segments).problems, [problem]);
    }
}

#[test]
fn a_journal_without_its_oldest_segments_is_noticed_and_still_checked() {
    let mut journal = small_journal();
    journal.open(None);
    journal.sign(&key());
    let report = verify(&journal.segments[1..]);
    let place = place("0000000000.jsonl", 1);
    assert_eq!(report.problems, [Problem::StartsLate { place, sequence: 5 }]);
    assert!(report.is_intact());
    assert_eq!((report.heads, report.unsigned_tail), (2, 0));
}

#[test]
fn a_head_of_a_writer_that_lost_count_is_damage() {
    let mut journal = small_journal();
    let last = verify(&journal.segments).last_head.unwrap();
    journal.chain = Chain::resume(&LastLine { sequence: last.sequence, hash: last.hash, unsigned: 3 });
    journal.sign(&key());
    let place = place("0000000001.jsonl", 10);
    let problem = Problem::WrongCount { place, expected: 0, found: 3 };
    assert_eq!(verify(&journal.segments).problems, [problem]);
}

#[test]
fn entries_of_a_newer_release_are_notices_and_their_signature_holds() {
    let mut journal = small_journal();
    let last = lines(&journal.segments[1]).pop().unwrap();
    // A newer release of the same format signs what this one does not know.
    let newer = |kind: &str, body: &str| {
        let previous = Hash::of(last.strip_suffix(b"\n").unwrap());
        format!(
            r#"{{"v":1,"sequence":14,"time":"{}","previous":"{previous}","kind":"{kind}","body":{body}}}"#,
            at(0)
        )
    };
    let place = place("0000000001.jsonl", 10);
    let unknown = Problem::UnknownKind { place: place.clone(), kind: "Approved".into() };
    let unreadable = Problem::UnreadableBody { place, kind: "Ended".into() };
    let table = [
        (newer("Approved", r#"{"call":"call-2"}"#), unknown),
        (newer("Ended", r#"{"reason":"Bored"}"#), unreadable),
    ];
    for (line, problem) in table {
        assert_eq!(problem.severity(), Severity::Notice);
        let mut journal = small_journal();
        journal.tear(line.as_bytes());
        journal.tear(b"\n");
        journal.chain =
            Chain::resume(&LastLine { sequence: 14, hash: Hash::of(line.as_bytes()), unsigned: 1 });
        journal.sign(&key());
        let report = verify(&journal.segments);
        assert_eq!((report.problems, report.unsigned_tail), (vec![problem], 0));
    }
    journal.tear(newer("Head", "{}").as_bytes());
    journal.tear(b"\n");
    let problems = verify(&journal.segments).problems;
    assert!(matches!(problems[..], [Problem::BadSignature { .. }]));
}

#[test]
fn the_entries_that_a_verifier_gives_are_those_that_were_written() {
    let verifier = Verifier::new(Trust::Declared);
    let (_, entries) = verify_with(verifier, &small_journal().segments);
    assert_eq!(entries.len(), 14);
    let read = entries.iter().filter_map(|recorded| match &recorded.content {
        Content::Entry(entry) => Some(entry.clone()),
        Content::Head(_) | Content::Unknown { .. } => None,
    });
    let expected = [
        opened("gateway-0", &key(), None),
        request("call-1", "session-1", "query", Outcome::Allow),
        injected("call-1"),
        response("call-1", 0, false),
        opened("gateway-0", &key(), None),
        event(Some("call-1"), "session-1"),
        response("call-1", 1, true),
        ended(Some("call-1"), None),
        request("call-2", "session-1", "drop_table", Outcome::Deny),
        failed("call-2"),
        rejected(),
        ended(None, Some("session-1")),
    ];
    assert_eq!(read.collect::<Vec<_>>(), expected);
}
