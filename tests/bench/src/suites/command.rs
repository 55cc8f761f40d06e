//! How long verdicts over statements and conditions take.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use lychgate_gateway_command::sql::{Dialect, Limits, analyse};
use lychgate_gateway_condition::{Budget, Caller, Condition, Connection, Input, Scope, Statement, compile};
use lychgate_gateway_mcp::json::{Document, Limits as JsonLimits};

use super::timing::seconds_each;
use crate::order::median;
use crate::outcome::{Outcome, Told};
use crate::report::Figures;
use crate::stage::Stage;

/// Statements of about a hundred bytes, as agents send them.
const STATEMENTS: [&str; 7] = [
    "SELECT id, name FROM stations WHERE id = 1",
    "SELECT state, count(*) FROM stations WHERE built > 1900 GROUP BY state ORDER BY 2 DESC LIMIT 10",
    "SELECT s.name, v.at FROM stations s JOIN visits v ON v.station_id = s.id WHERE s.id = 7",
    "INSERT INTO visits (station_id, visitor, at) VALUES (100, 'erin', now()) RETURNING id",
    "UPDATE stations SET state = 'closed', open = false WHERE id IN (1, 2, 3) AND open",
    "DELETE FROM visits WHERE id = id",
    "SELECT name FROM stations WHERE region = 'north' AND state <> 'closed' ORDER BY name LIMIT 20",
];

/// Conditions as people write them. `N` is another number in each rule.
const CONDITIONS: [&str; 8] = [
    "'teamN' in caller.groups",
    "connection.labels['env'] == 'prod' && caller.username != 'botN'",
    "has(args.schema) && args.schema == 'tenantN'",
    "args.limit <= 10N && args.dry_run == false",
    "statement.effects.exists(e, e == 'Write') && tool.startsWith('queryN')",
    "args.schema.matches('^tenantN[a-z]*$')",
    "caller.groups.exists(g, g == 'ownersN' || g == 'admins')",
    "now.getDayOfWeek() in [0, 6] || now.getHours() < 8 || args.limit > 5N",
];
const RULES: usize = 200;

const ARGUMENTS: &str = r#"{"sql": "SELECT id, name, state FROM stations WHERE region = 'north' ORDER BY name",
    "schema": "tenant7", "limit": 100, "dry_run": false, "reason": "monthly report", "tags": ["a", "b"]}"#;

pub(crate) fn run(stage: &Stage) -> Outcome<Figures> {
    let time = stage.seconds(0.05);
    let mut figures = Figures::default();
    figures.one("command.sql_p50_microseconds", sql(time));
    figures.one("command.conditions_200_microseconds", Some(conditions(time)? * 1e6));
    Ok(figures)
}

/// The middle one of the statements.
fn sql(time: Duration) -> Option<f64> {
    let limits = Limits::default();
    let each = STATEMENTS.map(|statement| {
        let verdict = || {
            let _looked_at = black_box(analyse(black_box(statement), Dialect::PostgreSql, &limits).is_ok());
        };
        seconds_each(time, verdict) * 1e6
    });
    median(&each)
}

/// All rules for one call, in seconds.
fn conditions(time: Duration) -> Outcome<f64> {
    let document =
        Document::parse(ARGUMENTS.into(), JsonLimits::with_bytes(1 << 16)).told("the arguments")?;
    let groups: Vec<String> = (0..5).map(|number| format!("group{number}")).collect();
    let labels = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    let connection = Connection { namespace: "test", name: "bench", labels: &labels };
    let mut rules: Vec<Condition> = Vec::new();
    for text in CONDITIONS {
        for number in 0..RULES / CONDITIONS.len() {
            let text = text.replace('N', &number.to_string());
            let compiled =
                compile(&text, Scope::Command).map_err(|fault| format!("{fault:?}")).told(&text)?;
            rules.push(compiled.bind(&connection));
        }
    }
    Ok(seconds_each(time, || {
        let budget = Budget::new();
        let caller = Caller {
            issuer: "https://login.example.com",
            username: "alice",
            subject: "0001",
            groups: &groups,
            anonymous: false,
        };
        let input = Input {
            caller,
            tool: Some("query_rows"),
            args: Some(document.root()),
            connection,
            now: 1_795_622_400_500,
            statement: Some(Statement { effects: &["Read"], text: "SELECT 1" }),
            budget: &budget,
        };
        let input = black_box(input);
        let _looked_at = black_box(rules.iter().filter(|rule| rule.holds(&input) == Ok(true)).count());
    }))
}
