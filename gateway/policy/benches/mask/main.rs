//! What masking costs: `mask.p50_microseconds_2kib`, `mask.megabytes_per_second.*`, `mask.compile_milliseconds`,
//! and for `mask.ratio_to_regex_automata.*` one pass of a DFA over the same text in the same process.
//!
//! The figures include reading the message (strict JSON) and writing it anew, unless a name says otherwise.
#![allow(missing_docs, unreachable_pub, reason = "a benchmark is nobody's library")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

mod corpus;
mod reference;

use std::hint::black_box;

use bytes::Bytes;
use corpus::{Density, message};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::call::Operation;
use lychgate_gateway_policy::config::{Direction, MaskingRule};
use lychgate_gateway_policy::decide::Caller;
use lychgate_gateway_policy::mask::{Audience, Context, Known, Program, compile, mask};

const MEGABYTES: usize = 8 << 20;
const SEED: u64 = 20_261_123;

const DENSITIES: [(&str, Density); 4] = [
    ("clean", Density::Clean),
    ("sparse", Density::Sparse),
    ("dense", Density::Dense),
    ("adversarial", Density::Adversarial),
];

/// Every detector there is.
const RULES: &str = r#"[{"name":"all","directions":["Response"],"detectors":[
    {"group":"All","action":{"redact":{}}}]}]"#;

fn program() -> Program {
    compile(&serde_json::from_str::<Vec<MaskingRule>>(RULES).unwrap()).unwrap()
}

fn parse(bytes: &Bytes) -> Message {
    Message::parse(bytes.clone(), Limits::with_bytes(64 << 20)).unwrap()
}

fn masking(criterion: &mut Criterion) {
    let program = program();
    let caller = Caller::anonymous();
    let operation = Operation::Tool { name: "query".to_owned() };
    let known = [
        Known::new("caller", "c2VjcmV0LXRva2VuLW9mLXRoZS1jYWxsZXI.0123456789abcdef0123456789abcdef"),
        Known::new("upstream", "sk-test-upstream-0123456789abcdef"),
    ];
    let context = |known| Context {
        audience: Audience::Caller(&caller),
        direction: Direction::Response,
        operation: Some(&operation),
        known,
        tokens: None,
        now: 0,
    };
    let small = Bytes::from(message(Density::Clean, 2 << 10, SEED));
    let read = parse(&small);
    let mut group = criterion.benchmark_group("mask.p50_microseconds_2kib");
    group.bench_function("whole", |bencher| {
        bencher.iter(|| mask(&program, &context(&known), &parse(black_box(&small))));
    });
    group.bench_function("parse", |bencher| bencher.iter(|| parse(black_box(&small))));
    group.bench_function("mask", |bencher| {
        bencher.iter(|| mask(&program, &context(&known), black_box(&read)));
    });
    group.bench_function("mask_without_known", |bencher| {
        bencher.iter(|| mask(&program, &context(&[]), black_box(&read)));
    });
    group.finish();
    for (name, density) in DENSITIES {
        let bytes = Bytes::from(message(density, MEGABYTES, SEED));
        let read = parse(&bytes);
        let mut group = criterion.benchmark_group(format!("mask.megabytes_per_second.{name}"));
        group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(10);
        group.bench_function("whole", |bencher| {
            bencher.iter(|| mask(&program, &context(&known), &parse(black_box(&bytes))));
        });
        group.bench_function("mask", |bencher| {
            bencher.iter(|| mask(&program, &context(&known), black_box(&read)));
        });
        group.bench_function("mask_without_known", |bencher| {
            bencher.iter(|| mask(&program, &context(&[]), black_box(&read)));
        });
        let reference = reference::Reference::new();
        group.bench_function("regex_automata", |bencher| {
            bencher.iter(|| reference.count(black_box(&bytes)));
        });
        group.finish();
    }
    criterion.bench_function("mask.compile_milliseconds", |bencher| bencher.iter(self::program));
}

criterion_group!(benches, masking);
criterion_main!(benches);
