//! How long 200 conditions take for one call: `command.conditions_200_microseconds`, at most 10.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lychgate_gateway_condition::{Budget, Caller, Condition, Connection, Input, Scope, Statement, compile};
use lychgate_gateway_mcp::json::{Document, Limits};

/// What people write. `N` is another number in each rule.
const CONDITIONS: [(&str, &str); 8] = [
    ("group", "'teamN' in caller.groups"),
    ("label", "connection.labels['env'] == 'prod' && caller.username != 'botN'"),
    ("argument", "has(args.schema) && args.schema == 'tenantN'"),
    ("number", "args.limit <= 10N && args.dry_run == false"),
    ("effect", "statement.effects.exists(e, e == 'Write') && tool.startsWith('queryN')"),
    ("pattern", "args.schema.matches('^tenantN[a-z]*$')"),
    ("groups", "caller.groups.exists(g, g == 'ownersN' || g == 'admins')"),
    ("time", "now.getDayOfWeek() in [0, 6] || now.getHours() < 8 || args.limit > 5N"),
];

const ARGUMENTS: &str = r#"{"sql": "SELECT id, name, email FROM customers WHERE region = 'eu' ORDER BY name LIMIT 100",
    "schema": "tenant7", "limit": 100, "dry_run": false, "reason": "monthly report", "tags": ["a", "b"]}"#;

fn all(text: &str, count: usize, connection: &Connection<'_>) -> Vec<Condition> {
    let one = |number: usize| compile(&text.replace('N', &number.to_string()), Scope::Command).unwrap();
    (0..count).map(|number| one(number).bind(connection)).collect()
}

fn conditions(criterion: &mut Criterion) {
    let document = Document::parse(ARGUMENTS.into(), Limits::with_bytes(1 << 16)).unwrap();
    let groups: Vec<String> = (0..5).map(|number| format!("group{number}")).collect();
    let labels =
        BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("team".to_owned(), "data".to_owned())]);
    let connection = Connection { namespace: "data", name: "billing-db", labels: &labels };
    let budget = Budget::new();
    let call = Input {
        caller: Caller {
            issuer: "https://login.example.com",
            username: "alice",
            subject: "0001",
            groups: &groups,
            anonymous: false,
        },
        tool: Some("query_rows"),
        args: Some(document.root()),
        connection,
        now: 1_795_622_400_500,
        statement: Some(Statement { effects: &["Read"], text: "SELECT 1" }),
        budget: &budget,
    };
    let mut bench = |name: &str, conditions: &[Condition]| {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                let budget = Budget::new();
                let input = Input { budget: &budget, ..black_box(call) };
                conditions.iter().filter(|condition| condition.holds(&input) == Ok(true)).count()
            });
        });
    };
    let mixed: Vec<Condition> =
        CONDITIONS.iter().flat_map(|(_, text)| all(text, 200 / CONDITIONS.len(), &connection)).collect();
    assert_eq!(mixed.len(), 200);
    bench("command.conditions_200_microseconds", &mixed);
    for (name, text) in CONDITIONS {
        bench(&format!("200 of {name}"), &all(text, 200, &connection));
    }
}

criterion_group!(benches, conditions);
criterion_main!(benches);
