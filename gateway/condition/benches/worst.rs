//! How long the conditions of one call take at the worst, whatever the arguments are: a full budget for each.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use lychgate_gateway_condition::{Budget, Caller, Connection, Input, Scope, compile};
use lychgate_gateway_mcp::json::{Document, Limits};

#[path = "../tests/support/worst.rs"]
mod worst;

fn whole_budgets(criterion: &mut Criterion) {
    let labels = BTreeMap::new();
    for (number, (text, args)) in worst::cases(1 << 20).into_iter().enumerate() {
        let document = Document::parse(args.into(), Limits::with_bytes(1 << 24)).unwrap();
        let condition = compile(text, Scope::Access).unwrap();
        criterion.bench_function(&format!("{number:02} {text}"), |bencher| {
            bencher.iter(|| {
                let budget = Budget::new();
                let caller = Caller { issuer: "", username: "", subject: "", groups: &[], anonymous: true };
                let connection = Connection { namespace: "", name: "", labels: &labels };
                let input = Input {
                    caller,
                    tool: None,
                    args: Some(document.root()),
                    connection,
                    now: 0,
                    statement: None,
                    budget: &budget,
                };
                // As many conditions as there may be, until the budget is spent.
                (0..200).take_while(|_| !over(condition.holds(black_box(&input)))).count()
            });
        });
    }
}

fn over(answer: Result<bool, lychgate_gateway_condition::EvaluationError>) -> bool {
    answer.is_err_and(|error| error.message.contains("steps"))
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(10))
        .measurement_time(Duration::from_millis(100));
    targets = whole_budgets
}
criterion_main!(benches);
