//! How long a verdict over a short statement takes: `command.sql_p50_microseconds`, at most 5 for 100 bytes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lychgate_gateway_command::sql::{Dialect, Limits, analyse};

const STATEMENTS: [(&str, &str); 7] = [
    ("select_by_id", "SELECT id, name FROM users WHERE id = 1"),
    (
        "aggregate",
        "SELECT status, count(*) FROM orders WHERE total > 100 GROUP BY status ORDER BY 2 DESC LIMIT 10",
    ),
    ("join", "SELECT u.name, o.total FROM users u JOIN orders o ON o.user_id = u.id WHERE u.id = 7"),
    ("insert", "INSERT INTO users (id, name, email) VALUES (100, 'erin', 'erin@example.com') RETURNING id"),
    ("update", "UPDATE users SET name = 'x', active = false WHERE id IN (1, 2, 3) AND active"),
    ("delete_all", "DELETE FROM users WHERE id = id"),
    ("refused", "SELECT 1 FROM"),
];

fn verdicts(criterion: &mut Criterion) {
    let limits = Limits::default();
    for (name, statement) in STATEMENTS {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| analyse(black_box(statement), Dialect::PostgreSql, &limits).is_ok());
        });
    }
}

criterion_group!(benches, verdicts);
criterion_main!(benches);
