//! The same conditions asked of the interpreter of the crate `cel`, which nobody here wrote. What both answer is the
//! same, and what fails there fails here. Types that never are equal are errors here alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::collections::HashMap;

use cel::{Context, Program, Value};
use lychgate_gateway_condition::{Scope, compile};
use proptest::prelude::*;
use support::ask_condition;

const ARGUMENTS: &str = r#"{"i":7,"j":-3,"d":2.5,"s":"abc","t":"ba \u00e9","l":[3,1,2],"m":["a","b"],"e":[],
    "o":{"k":1,"n":null},"b":true,"f":false,"u":18446744073709551615}"#;

/// The same arguments for the interpreter.
fn arguments() -> Value {
    let members: [(&str, Value); 12] = [
        ("i", 7_i64.into()),
        ("j", (-3_i64).into()),
        ("d", 2.5.into()),
        ("s", "abc".into()),
        ("t", "ba é".into()),
        ("l", vec![3_i64, 1, 2].into()),
        ("m", vec!["a", "b"].into()),
        ("e", Vec::<i64>::new().into()),
        ("o", HashMap::from([("k", Value::Int(1)), ("n", Value::Null)]).into()),
        ("b", true.into()),
        ("f", false.into()),
        ("u", u64::MAX.into()),
    ];
    HashMap::from(members).into()
}

fn theirs(text: &str) -> Result<bool, String> {
    let program = Program::compile(text).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    context.add_variable_from_value("args", arguments());
    let answer = program.execute(&context).map_err(|error| error.to_string())?;
    if let Value::Bool(answer) = answer { Ok(answer) } else { Err(format!("{answer:?}")) }
}

fn numbers() -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        (-9_i64..10).prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            "args.i",
            "args.j",
            "args.l[1]",
            "args.l[7]",
            "args.o.k",
            "args.z",
            "args.o['k']"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["size(args.l)", "args.s.size()", "size(args.t)", "int('5')", "int(2.9)"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*", "/", "%"]), inner.clone())
                .prop_map(|(left, sign, right)| format!("({left} {sign} {right})")),
            inner.prop_map(|of| format!("-({of})")),
        ]
    })
    .boxed()
}

fn texts() -> BoxedStrategy<String> {
    let leaf = prop::sample::select(vec![
        "'a'",
        "'abc'",
        "''",
        "\"é\"",
        "r'b'",
        "args.s",
        "args.t",
        "args.m[0]",
        "args.z",
    ]);
    (leaf.clone(), leaf, any::<bool>())
        .prop_map(|(left, right, both)| if both { format!("({left} + {right})") } else { left.to_owned() })
        .boxed()
}

fn simple() -> BoxedStrategy<String> {
    let order = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    prop_oneof![
        (numbers(), order.clone(), numbers())
            .prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        (texts(), order.clone(), texts()).prop_map(|(left, sign, right)| format!("{left} {sign} {right}")),
        (order, prop::sample::select(vec!["args.i", "args.d", "args.u", "args.j"]))
            .prop_map(|(sign, of)| format!("{of} {sign} args.d")),
        (texts(), prop::sample::select(vec!["startsWith", "endsWith", "contains"]), texts())
            .prop_map(|(of, name, with)| format!("{of}.{name}({with})")),
        texts().prop_map(|text| format!("{text}.matches('^a.*[b-c]$')")),
        texts().prop_map(|text| format!("{text} in args.m")),
        numbers().prop_map(|number| format!("{number} in [1, 2, 3]")),
        prop::sample::select(vec![
            "has(args.s)",
            "has(args.z)",
            "has(args.o.n)",
            "has(args.o.q)",
            "has(args.z.q)",
            "args.b",
            "args.f",
            "args.o.n == null",
            "'k' in args.o",
            "'q' in args.o",
            "args.l == [3, 1, 2]",
            "args.e == []",
            "args.l != args.l",
            "args.z == 1",
        ])
        .prop_map(str::to_owned),
    ]
    .boxed()
}

fn conditions() -> impl Strategy<Value = String> {
    let each = prop_oneof![
        (prop::sample::select(vec!["all", "exists", "exists_one"]), numbers(), numbers())
            .prop_map(|(name, left, right)| format!("args.l.{name}(v, v + {left} > {right} || v == 2)")),
        texts().prop_map(|text| format!("args.m.filter(v, v != {text}).size() == 1")),
        numbers().prop_map(|number| format!("args.l.map(v, v * {number})[0] > 3")),
        numbers().prop_map(|number| format!("args.l.map(v, v > 1, v - {number}) == [2, 1]")),
        Just("args.o.all(name, name != 'q')".to_owned()),
        numbers().prop_map(|number| format!("args.l.all(v, v / {number} < 5)")),
    ];
    prop_oneof![4 => simple(), 1 => each].prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} && {right})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("({left} || {right})")),
            inner.clone().prop_map(|of| format!("!({of})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(condition, then, other)| format!("({condition} ? {then} : {other})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_the_interpreter_answers_is_answered_here(text in conditions()) {
        // What fails for every call is a fault here, and an error there only if it is come to.
        if let Ok(condition) = compile(&text, Scope::Access) {
            let ours = ask_condition(&condition, ARGUMENTS).map_err(|error| error.to_string());
            let theirs = theirs(&text);
            let strict = ours.as_ref().is_err_and(|error| error.contains(" compares "));
            prop_assert!(strict || ours.is_err() && theirs.is_err() || ours == theirs, "{}: {:?} {:?}", text, ours, theirs);
        }
    }
}

#[test]
fn most_conditions_are_compared() {
    for text in ["args.i > 5 && args.s == 'abc'", "args.z == 1 || args.b", "args.l.all(v, v > 0)"] {
        let ours = ask_condition(&support::condition(text), ARGUMENTS).map_err(|error| error.to_string());
        assert_eq!(ours, Ok(true), "{text}");
        assert_eq!(theirs(text), Ok(true), "{text}");
    }
    assert!(theirs("args.z == 1").is_err());
}
