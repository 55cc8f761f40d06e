//! `docs/record-format.md` says what the code does: its sample is what the code writes, and it names
//! every kind, member, value and problem.

use std::collections::BTreeSet;

use lychgate_gateway_record::{
    Direction, End, FORMAT_VERSION, Hash, LINE_BYTES_MAXIMUM, Outcome, Problem, Severity,
};

use crate::journal::*;

const PAGE: &str = include_str!("../../../../docs/record-format.md");

/// The page's one block of `language`.
fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn sample() -> Journal {
    let mut journal = Journal::new();
    journal.write(&request("c-1", "s-1", "query", Outcome::Allow));
    journal.write(&injected("c-1"));
    journal.write(&response("c-1", 0, true));
    journal.write(&ended(Some("c-1"), None));
    journal.sign(&key());
    journal
}

/// One of each problem, without regard to what it says.
fn problems() -> Vec<Problem> {
    let place = || place("0000000000.jsonl", 1);
    let (kind, hash) = (String::new, Hash::ZERO);
    vec![
        Problem::BrokenChain { place: place() },
        Problem::WrongSequence { place: place(), expected: 0, found: 1 },
        Problem::NotJson { place: place() },
        Problem::NotAnEntry { place: place() },
        Problem::UnknownVersion { place: place(), version: 2 },
        Problem::Oversized { place: place(), bytes: 1 },
        Problem::UnknownKind { place: place(), kind: kind() },
        Problem::UnreadableBody { place: place(), kind: kind() },
        Problem::MissingOpened { place: place() },
        Problem::OtherReplica { place: place(), expected: kind(), found: kind() },
        Problem::UnknownKey { place: place(), key_id: kind() },
        Problem::BadSignature { place: place() },
        Problem::WrongCount { place: place(), expected: 0, found: 1 },
        Problem::TornTail { place: place(), bytes: 1 },
        Problem::UnaccountedTornTail { place: place(), bytes: 1, recovered: 0 },
        Problem::StartsLate { place: place(), sequence: 1 },
        Problem::AnchorMissing { sequence: 1 },
        Problem::AnchorMismatch { place: place(), expected: hash, found: hash },
    ]
}

/// The names of all members that the format gives, so none from inside a message or a count of
/// masks.
fn members(value: &serde_json::Value, names: &mut BTreeSet<String>) {
    for (name, member) in value.as_object().into_iter().flatten() {
        names.insert(name.clone());
        if name != "message" && name != "masks" {
            members(member, names);
        }
    }
}

fn is_documented(name: &str) -> bool {
    PAGE.contains(&format!("`{name}`"))
}

#[test]
fn the_sample_is_what_the_code_writes_and_it_verifies() {
    let sample = sample();
    let written = String::from_utf8(sample.segments.concat()).unwrap();
    assert_eq!(block("jsonl"), written, "the page should show:\n{written}");
    let report = verify(&sample.segments);
    assert_eq!((report.problems, report.unsigned_tail), (vec![], 0));
    assert!(PAGE.contains(&key().verifying_key().to_string()));
}

#[test]
fn every_member_of_every_kind_is_documented() {
    let mut journal = small_journal();
    journal.tear(b"{");
    journal.restart();
    journal.write(&asked("call-3"));
    journal.write(&decided("call-3"));
    journal.write(&flagged("call-3"));
    let mut names = BTreeSet::new();
    let mut kinds = BTreeSet::new();
    for line in journal.segments.iter().flat_map(|segment| lines(segment)) {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&line) else {
            continue;
        };
        kinds.insert(value["kind"].as_str().unwrap().to_owned());
        members(&value, &mut names);
    }
    assert_eq!(kinds.len(), 12);
    assert!(names.contains("tornBytes"), "{names:?}");
    for name in &names {
        assert!(is_documented(name), "the page does not name the member {name}");
    }
    for kind in &kinds {
        let heading = format!("### {kind}\n");
        assert!(PAGE.contains(&heading), "the page has no section on {kind}");
    }
}

#[test]
fn every_value_of_every_choice_is_documented() {
    let outcomes = [Outcome::Allow, Outcome::Ask, Outcome::Deny].map(|value| format!("{value:?}"));
    let directions = [Direction::ToServer, Direction::ToClient].map(|value| format!("{value:?}"));
    let ends = [End::Completed, End::ClientGone, End::UpstreamClosed, End::Timeout, End::Drained];
    let ends = ends.map(|value| format!("{value:?}"));
    for value in outcomes.iter().chain(&directions).chain(&ends) {
        assert!(is_documented(value), "the page does not name the value {value}");
    }
}

#[test]
fn every_problem_is_documented_under_its_severity() {
    let (_, rest) = PAGE.split_once("\nDamage is").unwrap();
    let (damage, notices) = rest.split_once("\nNotices are").unwrap();
    let problems = problems();
    let names: BTreeSet<_> = problems.iter().map(Problem::name).collect();
    assert_eq!(names.len(), 18, "one of each");
    for problem in &problems {
        let table = match problem.severity() {
            Severity::Damage => damage,
            Severity::Notice => notices,
        };
        let row = format!("| `{}` |", problem.name());
        assert!(table.contains(&row), "the page has no row {row} where it belongs");
    }
}

#[test]
fn the_version_and_the_longest_line_are_documented() {
    assert!(PAGE.contains(&format!("version {FORMAT_VERSION} of the format")));
    assert_eq!(LINE_BYTES_MAXIMUM, 83_886_080);
    assert!(PAGE.contains("83,886,080 bytes"));
}
