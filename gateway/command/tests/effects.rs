//! Statements of each dialect, and what they do, derived from the dialects' manuals: in `sql`, one file per dialect.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod cases;

use std::fmt::Write as _;

use cases::{Case, Expected};
use lychgate_gateway_command::sql::{Dialect, Limits, analyse};

/// What is wrong with a case, if anything.
fn wrong(case: &Case, dialect: Dialect) -> Option<String> {
    match (analyse(&case.text, dialect, &Limits::default()), &case.expected) {
        (Ok(analysis), Expected::Effects(expected)) => {
            let mut found: Vec<String> = analysis.kinds().iter().map(ToString::to_string).collect();
            found.sort();
            (&found != expected).then(|| format!("found {found:?} and not {expected:?}: {analysis:#?}"))
        }
        (Ok(analysis), Expected::Refused(_)) => Some(format!("was not refused: {analysis:#?}")),
        (Err(refusal), Expected::Effects(_)) => Some(format!("was refused: {refusal}")),
        (Err(refusal), Expected::Refused(reason)) => {
            (!refusal.to_string().contains(reason)).then(|| format!("was refused otherwise: {refusal}"))
        }
    }
}

fn hold(file: &str, content: &str, dialect: Dialect, at_least: usize) {
    let cases = cases::read(content);
    assert!(cases.len() >= at_least, "{file} has {} statements", cases.len());
    let mut report = String::new();
    for case in &cases {
        if let Some(wrong) = wrong(case, dialect) {
            writeln!(report, "{file}:{}: {}\n  {wrong}", case.line, case.text).unwrap();
        }
    }
    assert!(report.is_empty(), "{report}");
}

#[test]
fn statements_of_postgresql_do_what_its_manual_says() {
    hold("postgresql.sql", include_str!("sql/postgresql.sql"), Dialect::PostgreSql, 200);
}

#[test]
fn harmless_statements_that_look_like_harm_are_reads() {
    hold("lookalikes.sql", include_str!("sql/lookalikes.sql"), Dialect::PostgreSql, 60);
}

#[test]
fn statements_of_mysql_do_what_its_manual_says() {
    hold("mysql.sql", include_str!("sql/mysql.sql"), Dialect::MySql, 90);
}

#[test]
fn statements_of_the_other_dialects_do_what_their_manuals_say() {
    hold("sqlserver.sql", include_str!("sql/sqlserver.sql"), Dialect::SqlServer, 28);
    hold("sqlite.sql", include_str!("sql/sqlite.sql"), Dialect::Sqlite, 25);
    hold("snowflake.sql", include_str!("sql/snowflake.sql"), Dialect::Snowflake, 20);
    hold("bigquery.sql", include_str!("sql/bigquery.sql"), Dialect::BigQuery, 15);
    hold("oracle.sql", include_str!("sql/oracle.sql"), Dialect::Oracle, 15);
    hold("clickhouse.sql", include_str!("sql/clickhouse.sql"), Dialect::ClickHouse, 18);
    hold("generic.sql", include_str!("sql/generic.sql"), Dialect::Generic, 14);
}
