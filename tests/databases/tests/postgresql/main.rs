//! Each statement of `gateway/command/tests/sql/postgresql.sql` runs on a PostgreSQL 15 of its own, in a transaction
//! that is rolled back, or on a database that is made anew where a transaction cannot hold it. What changed is compared
//! with the effects that the file names, and that another test holds the crate to: none may be missing. What is named
//! and not seen is listed, since much cannot be seen from outside, or does not happen with this data.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    unreachable_pub,
    reason = "a test fails by panicking, and tells what it saw"
)]

#[path = "../../../../gateway/command/tests/cases/mod.rs"]
#[allow(dead_code, reason = "reasons of refusals are for another test")]
mod cases;
mod observe;
mod server;

use std::collections::BTreeSet;

use cases::Expected;
use observe::{Observation, observed};
use server::Server;

const STATEMENTS: &str = include_str!("../../../../gateway/command/tests/sql/postgresql.sql");
const FIXTURE: &str = include_str!("../../../../gateway/command/tests/sql/postgresql-fixture.sql");

/// How many statements may fail, because the server lacks what they are about or they are meant to be taken apart only.
const MOST_FAILURES: usize = 40;

#[test]
fn postgresql_does_nothing_that_is_not_named() {
    let server = Server::start(FIXTURE);
    let fresh = server.observe("SELECT 1", None);
    let (mut missed, mut unseen, mut failed, mut run) = (Vec::new(), 0, Vec::new(), 0);
    for case in cases::read(STATEMENTS) {
        let Expected::Effects(named) = &case.expected else { continue };
        run += 1;
        let after = server.observe(&case.text, Some(&fresh));
        let seen = observed(&fresh, &after);
        let place = format!("postgresql.sql:{}: {}", case.line, case.text);
        let named: BTreeSet<&str> = named.iter().map(String::as_str).collect();
        let missing: Vec<&str> = seen.iter().copied().filter(|kind| !covers(&named, kind)).collect();
        if !missing.is_empty() {
            missed.push(format!("{place}\n  does {missing:?}, and only {named:?} is named"));
        }
        if named.iter().any(|kind| *kind != "Read" && !seen.contains(kind)) {
            unseen += 1;
            println!("not seen: {named:?} (seen: {seen:?}): {place}");
        }
        if let Some(error) = &after.error {
            failed.push(format!("{place}\n  {error}"));
        }
    }
    println!("{run} statements, {unseen} with an effect that was not seen, {} failed", failed.len());
    assert!(run > 200, "the statements were found");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    assert!(failed.len() <= MOST_FAILURES, "{}", failed.join("\n"));
}

/// Code that cannot be seen may do anything, and who changes all rows changes some.
fn covers(named: &BTreeSet<&str>, seen: &str) -> bool {
    named.contains(seen) || named.contains("Exec") || (seen == "Write" && named.contains("WriteAll"))
}

#[test]
fn what_a_statement_does_is_seen() {
    let server = Server::start(FIXTURE);
    let fresh: Observation = server.observe("SELECT 1", None);
    for (statement, kind) in [
        ("SELECT 1", None),
        ("DELETE FROM users WHERE id = 3", Some("Write")),
        ("SELECT nextval('orders_seq')", Some("Write")),
        ("DELETE FROM orders", Some("WriteAll")),
        ("UPDATE orders SET total = 1", Some("WriteAll")),
        ("CREATE TABLE t ()", Some("Schema")),
        ("ALTER TABLE users ADD age int", Some("Schema")),
        ("CREATE ROLE intruder", Some("Admin")),
        ("SET ROLE reader", Some("Admin")),
        ("ALTER SYSTEM SET work_mem = '5MB'", Some("Admin")),
        ("SELECT pg_read_file('postgresql.conf')", Some("Exfiltrate")),
        ("COPY users TO '/tmp/out'", Some("Exfiltrate")),
    ] {
        let after = server.observe(statement, Some(&fresh));
        let expected: BTreeSet<&str> = kind.into_iter().collect();
        assert_eq!(observed(&fresh, &after), expected, "{statement}: {:?}", after.error);
    }
}
