//! Each statement of `gateway/command/tests/sql/sqlite.sql` runs on SQLite, the library that Python brings. What it asks
//! leave for, and what changes, is compared with the effects that the file names, and that another test holds the crate
//! to: none may be missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, and tells what it saw"
)]

#[path = "../../../../gateway/command/tests/cases/mod.rs"]
#[allow(dead_code, reason = "reasons of refusals are for another test")]
mod cases;

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cases::Expected;

const STATEMENTS: &str = include_str!("../../../../gateway/command/tests/sql/sqlite.sql");

/// What SQLite did for each statement, and the error of it.
fn observed(statements: &[&str]) -> Vec<(Vec<String>, String)> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sqlite/observe.py");
    let mut python = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs SQLite for this test");
    python.stdin.take().unwrap().write_all(statements.join("\0").as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "observe.py failed");
    let output = String::from_utf8(output.stdout).unwrap();
    let observed: Vec<_> = output
        .lines()
        .map(|line| {
            let (kinds, error) = line.split_once('|').unwrap();
            (kinds.split_whitespace().map(str::to_owned).collect(), error.to_owned())
        })
        .collect();
    assert_eq!(observed.len(), statements.len());
    observed
}

#[test]
fn sqlite_does_nothing_that_is_not_named() {
    let mut cases = cases::read(STATEMENTS);
    cases.retain(|case| matches!(case.expected, Expected::Effects(_)));
    let texts: Vec<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    let (mut missed, mut ran) = (Vec::new(), 0);
    for (case, (seen, error)) in cases.iter().zip(observed(&texts)) {
        let Expected::Effects(named) = &case.expected else { continue };
        let covers = |kind: &String| {
            named.contains(kind) || (kind == "Write" && named.iter().any(|kind| kind == "WriteAll"))
        };
        if !seen.iter().all(covers) {
            missed.push(format!("sqlite.sql:{}: {}\n  {seen:?}, and not {named:?}", case.line, case.text));
        }
        ran += usize::from(error.is_empty());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert!(ran >= 20, "{ran} of {} statements ran", cases.len());
}

#[test]
fn what_a_statement_does_is_seen() {
    for (statement, kinds) in [
        ("SELECT * FROM users", ""),
        ("SAVEPOINT a; RELEASE a", ""),
        ("PRAGMA table_info(users)", ""),
        ("DELETE FROM users WHERE id = 1", "Write"),
        ("UPDATE users SET name = 'x'", "Write WriteAll"),
        ("DROP TABLE events", "Schema"),
        ("CREATE TEMP TABLE t (id)", "Schema"),
        ("PRAGMA user_version = 7", "Admin"),
        ("VACUUM", "Admin"),
        ("ATTACH '/tmp/other.db' AS other", "Exfiltrate"),
        ("SELECT load_extension('x')", "Exec"),
    ] {
        let seen = observed(&[statement]).remove(0);
        assert_eq!(seen.0.join(" "), kinds, "{statement}: {}", seen.1);
    }
}
