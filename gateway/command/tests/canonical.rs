//! What a person is shown of a statement must be the statement: read again, it does what was found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "what is expected is for another test")]
mod cases;

use lychgate_gateway_command::sql::{Dialect, Limits, Statement, analyse};

const FILES: [(&str, Dialect); 10] = [
    (include_str!("sql/postgresql.sql"), Dialect::PostgreSql),
    (include_str!("sql/lookalikes.sql"), Dialect::PostgreSql),
    (include_str!("sql/mysql.sql"), Dialect::MySql),
    (include_str!("sql/sqlserver.sql"), Dialect::SqlServer),
    (include_str!("sql/sqlite.sql"), Dialect::Sqlite),
    (include_str!("sql/snowflake.sql"), Dialect::Snowflake),
    (include_str!("sql/bigquery.sql"), Dialect::BigQuery),
    (include_str!("sql/oracle.sql"), Dialect::Oracle),
    (include_str!("sql/clickhouse.sql"), Dialect::ClickHouse),
    (include_str!("sql/generic.sql"), Dialect::Generic),
];

/// How the canonical text of a statement, read again, is another one.
fn lie(statement: &Statement, dialect: Dialect) -> Option<String> {
    let canonical = &statement.canonical;
    match analyse(canonical, dialect, &Limits::default()) {
        Ok(again) => {
            let same = again.statements.len() == 1 && again.kinds() == statement.kinds();
            (!same).then(|| {
                format!("{dialect}: {canonical}\n  {:?} instead of {:?}", again.kinds(), statement.kinds())
            })
        }
        Err(refusal) => Some(format!("{dialect}: {canonical}\n  refused: {refusal}")),
    }
}

#[test]
fn what_people_are_shown_does_what_was_found() {
    let (mut shown, mut lies) = (0, Vec::new());
    for (content, dialect) in FILES {
        for case in cases::read(content) {
            let Ok(analysis) = analyse(&case.text, dialect, &Limits::default()) else { continue };
            shown += analysis.statements.len();
            lies.extend(analysis.statements.iter().filter_map(|statement| lie(statement, dialect)));
        }
    }
    assert!(shown > 400, "{shown} statements were shown");
    assert!(lies.is_empty(), "{}", lies.join("\n"));
}
