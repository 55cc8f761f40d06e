//! Whatever is written and sent, nothing panics, and what is answered does not depend on how it is written.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use lychgate_gateway_condition::{Scope, compile};
use proptest::prelude::*;
use support::ask_condition;

/// Words that conditions are made of, so that random ones get far.
const WORDS: [&str; 62] = [
    "args",
    ".x",
    ".y",
    ".l",
    ".s",
    "['x']",
    "[0]",
    "[-1]",
    "caller",
    ".groups",
    ".username",
    ".anonymous",
    "connection",
    ".labels",
    "['env']",
    "tool",
    "now",
    "statement",
    ".effects",
    ".text",
    "(",
    ")",
    "[",
    "]",
    ",",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "?",
    ":",
    " in ",
    "1",
    "2.5",
    "3u",
    "'a'",
    "'prod'",
    "true",
    "false",
    "null",
    ".size()",
    ".exists(i, ",
    ".all(i, ",
    ".filter(i, ",
    ".map(i, ",
    "i",
    "has(",
    ".matches('a+')",
    ".startsWith(",
    "int(",
    ".getHours()",
    "type(",
];

const ARGUMENTS: [&str; 5] = [
    "{}",
    r#"{"x":1,"y":"a","l":[1,2,"a",null,{"x":[]}],"s":"prod \u00e9\ud83d\ude00"}"#,
    r#"{"x":-0.5,"y":null,"l":[],"s":""}"#,
    r#"{"x":18446744073709551615,"y":{"x":{"x":1}},"l":[[1],[2]],"s":"1"}"#,
    r#"{"x":1e999,"y":0.123456789012345678901234567890,"l":{"a":1},"s":true}"#,
];

proptest! {
    #[test]
    fn no_text_makes_the_checker_panic(text in "\\PC{0,80}") {
        if let Ok(condition) = compile(&text, Scope::Command) {
            for args in ARGUMENTS {
                let _ = ask_condition(&condition, args);
            }
        }
    }

    #[test]
    fn no_condition_makes_the_evaluator_panic(picks in prop::collection::vec(0..WORDS.len(), 1..14)) {
        let text: String = picks.iter().filter_map(|pick| WORDS.get(*pick)).copied().collect();
        match compile(&text, Scope::Command) {
            Ok(condition) => for args in ARGUMENTS {
                let _ = ask_condition(&condition, args);
            },
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(fault.at <= text.len() && fault.line >= 1 && fault.column >= 1, "{:?}", fault);
                }
            }
        }
    }

    #[test]
    fn numbers_are_held_exactly_or_not_at_all(digits in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,20})?([eE][-+]?[0-9]{1,2})?") {
        let args = format!(r#"{{"x":{digits},"s":"{digits}"}}"#);
        let same = support::condition("args.x == double(args.s) || args.x == int(args.s)");
        // Both ways of reading agree, or there is no answer.
        prop_assert_ne!(ask_condition(&same, &args), Ok(false), "{}", digits);
    }

    #[test]
    fn blanks_comments_and_escapes_change_no_answer(value in "[a-zé]{1,6}", blank in "[ \\n\\t]{0,3}(//[a-z]*\\n)?") {
        let escaped: String = value.chars().map(|one| format!("\\u{:04x}", u32::from(one))).collect();
        let plain = support::condition(&format!("args.x=='{value}'"));
        let other = support::condition(&format!("args{blank}.x{blank}=={blank}\"{escaped}\"{blank}"));
        for args in [format!(r#"{{"x":"{value}"}}"#), format!(r#"{{"\u0078":"{escaped}"}}"#), r#"{"x":"other"}"#.to_owned()] {
            prop_assert_eq!(ask_condition(&plain, &args), ask_condition(&other, &args));
        }
    }
}
