//! What an auditor sees of a journal: the sessions, the steps of one, and nothing raw of what an
//! attacker wrote.

use lychgate_gateway_record::{
    Content, Direction, Entry, Message, Outcome, Recorded, Step, Trust, Verifier, render_session,
    render_step, replay, summarize,
};

use crate::journal::*;

fn entries(journal: &Journal) -> Vec<Recorded> {
    verify_with(Verifier::new(Trust::Declared), &journal.segments).1
}

fn request_by(username: &str, call: &str, session: &str) -> Entry {
    let Entry::Request(mut request) = request(call, session, "query", Outcome::Allow) else {
        unreachable!("the helper makes a request")
    };
    request.caller = Some(caller(username));
    Entry::Request(request)
}

#[test]
fn a_session_is_summed_up_from_its_entries_in_both_directions() {
    let summaries = summarize(&entries(&small_journal()));
    assert_eq!(summaries.len(), 1);
    let summary = &summaries[0];
    assert_eq!((&*summary.session, &*summary.connection), ("session-1", "team/database"));
    assert_eq!((summary.calls, summary.denied, summary.masked), (2, 1, 6));
    assert_eq!((summary.first, summary.last), (at(1), at(10)));
    assert_eq!(summary.callers, [caller("alice@example.com")]);
    assert_eq!(
        render_session(summary),
        "session-1  team/database  2026-08-01T09:30:01.000000Z  2026-08-01T09:30:10.000000Z  \
         2 calls, 1 denied, 6 masked  alice@example.com (analysts, on-call)\n"
    );
}

#[test]
fn sessions_come_in_the_order_of_their_beginning_and_show_every_caller() {
    let mut journal = Journal::new();
    journal.write(&request_by("alice", "call-1", "session-2"));
    journal.write(&request_by("alice", "call-2", "session-1"));
    journal.write(&request_by("mallory", "call-3", "session-2"));
    journal.write(&request_by("alice", "call-4", "session-2"));
    let summaries = summarize(&entries(&journal));
    let sessions: Vec<_> = summaries.iter().map(|summary| &*summary.session).collect();
    assert_eq!(sessions, ["session-2", "session-1"]);
    assert_eq!(summaries[0].callers, [caller("alice"), caller("mallory")]);
}

#[test]
fn a_replay_holds_the_steps_of_its_session_alone_in_their_order() {
    let mut journal = small_journal();
    journal.write(&request("call-9", "session-9", "query", Outcome::Allow));
    journal.write(&response("call-9", 0, true));
    let steps = replay(entries(&journal), "session-1");
    let seen: Vec<_> =
        steps.iter().map(|step| (step.sequence, step.content.kind(), step.direction)).collect();
    let (to_server, to_client) = (Some(Direction::ToServer), Some(Direction::ToClient));
    assert_eq!(
        seen,
        [
            (1, "Request", to_server),
            (2, "Injected", None),
            (3, "Response", to_client),
            (6, "Event", to_client),
            (7, "Response", to_client),
            (8, "Ended", None),
            (9, "Request", to_server),
            (10, "Failed", to_client),
            (12, "Ended", None),
        ]
    );
}

#[test]
fn a_step_is_rendered_with_who_what_why_and_the_message() {
    let steps = replay(entries(&small_journal()), "session-1");
    let text: String = steps.iter().map(|step| render_step(step, 0)).collect();
    let expected = r#"2026-08-01T09:30:01.000000Z #1 → tools/call query  (call call-1)
    by alice@example.com (analysts, on-call) on team/database, protocol 2025-11-25
    allowed by team/readers (configuration 12)
    | {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"query"}}
2026-08-01T09:30:02.000000Z #2 · credential database-token sent to database.example:443  (call call-1)
    version 5f2c
2026-08-01T09:30:03.000000Z #3 ← response, part 0  (call call-1)
    status 200 after 12 ms
    masked: email 2, iban 1
    | {"jsonrpc":"2.0","id":1,"result":{"content":[]}}
2026-08-01T09:30:06.000000Z #6 ← message  (call call-1)
    on team/database
    | {"jsonrpc":"2.0","method":"notifications/progress"}
2026-08-01T09:30:07.000000Z #7 ← response, part 1, the last  (call call-1)
    status 200 after 12 ms
    masked: email 2, iban 1
    | {"jsonrpc":"2.0","id":1,"result":{"content":[]}}
2026-08-01T09:30:08.000000Z #8 · ended: Completed  (call call-1)
2026-08-01T09:30:09.000000Z #9 → DENIED tools/call drop_table  (call call-2)
    by alice@example.com (analysts, on-call) on team/database, protocol 2025-11-25
    denied by team/readers (configuration 12): CommandDenied
    | {"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"drop_table"}}
2026-08-01T09:30:10.000000Z #10 ← answered by the gateway: CommandDenied  (call call-2)
    status 200
2026-08-01T09:30:12.000000Z #12 · ended: Completed
"#;
    assert_eq!(text, expected);
}

#[test]
fn an_entry_of_a_newer_release_is_shown_as_unknown_where_it_belongs() {
    let mut recorded = entries(&small_journal());
    let newer = r#"{"v":1,"sequence":4,"time":"2026-08-01T09:30:04.000000Z","previous":"0000000000000000000000000000000000000000000000000000000000000000","kind":"Approved","body":{"call":"call-1","votes":2}}"#;
    recorded.insert(4, Recorded::parse(newer.as_bytes()).unwrap());
    let steps = replay(recorded, "session-1");
    assert!(matches!(steps[3].content, Content::Unknown { .. }));
    assert_eq!(
        render_step(&steps[3], 0),
        "2026-08-01T09:30:04.000000Z #4 · unknown kind Approved\n    | {\"call\":\"call-1\",\"votes\":2}\n"
    );
}

#[test]
fn a_call_that_people_decided_on_tells_who_and_why() {
    let mut journal = Journal::new();
    journal.write(&request("call-3", "session-1", "drop_table", Outcome::Ask));
    journal.write(&asked("call-3"));
    journal.write(&decided("call-3"));
    let steps = replay(entries(&journal), "session-1");
    let text: String = steps.iter().map(|step| render_step(step, 0)).collect();
    for expected in [
        "→ ASKED tools/call drop_table",
        "    to be approved by team/readers (configuration 12)\n",
        "· waits for approval team/appr-x-1  (call call-3)\n    until 2026-08-01T10:00:00Z, asked before\n",
        "· approval team/appr-x-1: Approved  (call call-3)\n    oidc:erin approves in an emergency: INC-42\\u{1b}[2J\n    use 1\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn nothing_that_an_attacker_wrote_reaches_the_terminal_raw_or_looks_like_a_step() {
    let attack = "\u{1b}[2J\u{9b}31m\u{202e}\u{200b}\u{e0041}\u{7f}";
    let Entry::Request(mut hostile) = request("c", "s", "t", Outcome::Allow) else {
        unreachable!("the helper makes a request")
    };
    hostile.call = format!("c{attack}");
    hostile.method = attack.into();
    hostile.target = Some(format!("{attack}\n2026-08-01T09:30:00.000000Z #1 → nothing"));
    hostile.caller = Some(caller(attack));
    hostile.decision.rules = vec![attack.into()];
    // Raw controls cannot stand in JSON, but these can: DEL, C1, bidirectional and hidden ones.
    let message = "{\"a\":\"\u{9b}31m\u{202e}\u{200b}\u{e0041}\u{7f}\"}";
    hostile.message = Some(Message::new(message.as_bytes()).unwrap());
    let mut journal = Journal::new();
    journal.write(&Entry::Request(hostile));
    let recorded = entries(&journal);
    let session = render_session(&summarize(&recorded)[0]);
    let step = &replay(recorded, "s")[0];
    for width in [0, 1, 20, 80] {
        let text = render_step(step, width) + &session;
        let raw = text.chars().filter(|character| *character != '\n' && attack.contains(*character));
        assert_eq!(raw.collect::<String>().replace(['[', '2', 'J', '3', '1', 'm'], ""), "");
        let steps = render_step(step, width);
        assert!(steps.lines().skip(1).all(|line| line.starts_with("    ")), "{steps}");
    }
}

#[test]
fn a_payload_cut_into_lines_never_begins_a_line_as_the_gateway_does() {
    let forged = format!(r#"{{"text":"{}"}}"#, "    denied by nobody                ".repeat(40));
    let mut journal = Journal::new();
    journal.write(&request("c", "s", "t", Outcome::Allow));
    journal.write(&response_with("c", 0, true, &forged));
    let steps: Vec<Step> = replay(entries(&journal), "s");
    for width in 20..60 {
        let text = render_step(&steps[1], width);
        let outside = text.lines().filter(|line| line.contains("nobody"));
        assert!(outside.into_iter().all(|line| line.starts_with("    | ")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= width.max(24)), "{text}");
    }
}
