//! What a verdict says for itself.

use serde_json::json;

use super::{Scene, rule};
use crate::Decision;
use crate::config::{CommandAction, Effect};

#[test]
fn a_verdict_names_place_effect_rule_and_message_the_strictest_first() {
    let scene = Scene::new(vec![rule("sql", json!({}))]);
    let arguments = json!({"sql": "SELECT 1;\n  DROP TABLE t", "a-b": ["DELETE FROM t"]});
    let Decision::Deny(denial) = scene.decide("execute_sql", &arguments) else { panic!("not denied") };
    let verdict = denial.commands().enforced.as_ref().unwrap();
    assert_eq!(denial.rules(), ["commandrule[agents/sql] rules[0] no-ddl"]);
    assert_eq!(verdict.effects(), [Effect::Read, Effect::WriteAll, Effect::Schema]);
    let found: Vec<String> = verdict
        .findings
        .iter()
        .map(|it| {
            let rule = it.rule.as_deref().unwrap_or("none");
            format!("{} {} {:?} {:?} by {rule}", it.place, it.at.unwrap(), it.effect.unwrap(), it.action)
        })
        .collect();
    assert_eq!(
        found,
        [
            "$.sql line 2, column 3 Schema Deny by commandrule[agents/sql] rules[0] no-ddl",
            "$.*[0] line 1, column 1 WriteAll RequireApproval by commandrule[agents/sql] rules[1] bulk",
            "$.sql line 1, column 1 Read Allow by none",
        ]
    );
    assert_eq!(verdict.findings[0].message.as_deref(), Some("Schema changes go through migrations."));
    let texts: Vec<&str> = verdict.statements.iter().map(|statement| statement.text.as_str()).collect();
    assert_eq!(texts, ["DELETE FROM t", "SELECT 1", "DROP TABLE t"], "in the order of the arguments");
}

#[test]
fn the_caller_is_told_what_to_do_instead() {
    let scene = Scene::new(vec![rule("sql", json!({"onUnknownTool": "Deny"}))]);
    let told = |tool: &str, sql: &str| match scene.decide(tool, &json!({"sql": sql})) {
        Decision::Deny(denial) => denial.sentence().unwrap().to_owned(),
        Decision::Allow(_) | Decision::Ask(_) => panic!("not denied"),
    };
    for (tool, sql, expected) in [
        (
            "execute_sql",
            "DROP TABLE t",
            "Not sent: what $.sql at line 1, column 1 does (Schema: creates, changes or drops objects) is denied by \
             the rule no-ddl. Schema changes go through migrations.",
        ),
        (
            "execute_sql",
            "DELETE FROM t",
            "Not sent: what $.sql at line 1, column 1 does (WriteAll: removes rows without a condition that restricts \
             them) needs approval, and no ApprovalPolicy of this connection says whose. Do without it, or ask the \
             operators of this gateway",
        ),
        (
            "execute_sql",
            "SELECT 'x",
            "Not sent: $.sql at line 1, column 8 cannot be read: a quote that is not closed, so that nobody can say \
             what it does. Send plain statements of the server's own dialect",
        ),
        (
            "execute_sql",
            "SELECT '[REDACTED:Email]'",
            "Not sent: $.sql holds a mask in place of a value, and would be written as if it were the value. Leave \
             the value out, or do without it",
        ),
        (
            "drop_table",
            "",
            "Not sent: no rule reads the commands of this tool, and only such tools may be called here. Call another \
             tool",
        ),
    ] {
        assert_eq!(told(tool, sql), expected);
    }
    let bare = Scene::new(vec![rule("sql", json!({"rules": []}))]);
    let Decision::Deny(denial) = bare.decide("execute_sql", &json!({"sql": "DROP TABLE t"})) else {
        panic!("not denied")
    };
    assert!(denial.sentence().unwrap().contains("is allowed by no rule"), "{:?}", denial.sentence());
}

#[test]
fn what_goes_to_the_record_repeats_no_text_of_the_call() {
    let scene = Scene::new(vec![rule("sql", json!({}))]);
    for sql in
        ["SELECT FROM WHERE 'alice-secret'", "SELEKT alice-secret", "alice-secret", "SELECT 'alice-secret"]
    {
        let arguments = json!({"sql": sql, "alice-secret": "DROP TABLE t"});
        let Decision::Deny(denial) = scene.decide("execute_sql", &arguments) else { panic!("not denied") };
        for finding in &denial.commands().enforced.as_ref().unwrap().findings {
            assert!(!format!("{} {}", finding.why, finding.place).contains("alice-secret"), "{finding:?}");
        }
    }
}

#[test]
fn a_flood_of_effects_is_counted_and_the_one_that_decides_is_named() {
    let scene = Scene::new(vec![rule("sql", json!({}))]);
    let sql = format!("SELECT {}; DROP TABLE t", vec!["nextval('s')"; 200].join(", "));
    let Decision::Deny(denial) = scene.decide("execute_sql", &json!({"sql": sql})) else {
        panic!("not denied")
    };
    let verdict = denial.commands().enforced.as_ref().unwrap();
    assert_eq!(verdict.findings[0].action, CommandAction::Deny);
    assert_eq!((verdict.findings.len(), verdict.omitted), (64, 137));
}
