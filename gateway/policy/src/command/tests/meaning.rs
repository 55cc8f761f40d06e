//! Which verdict an effect gets, and which a call of several.

use serde_json::json;

use super::{Scene, rule};
use crate::testing::{call, caller, policy, request};
use crate::{Decision, decide};

#[test]
fn every_effect_of_every_statement_counts_and_the_strictest_verdict_is_the_calls() {
    let scene = Scene::new(vec![rule("sql", json!({}))]).with_approvers();
    for (statement, expected) in [
        ("SELECT * FROM t", "Allow"),
        ("SELECT 'DROP TABLE t; DELETE FROM t'", "Allow"),
        ("SELECT drop_delete FROM t -- DROP TABLE t", "Allow"),
        ("DELETE FROM t WHERE id = 1", "Allow"),
        ("DELETE FROM t", "Ask"),
        ("DELETE FROM t WHERE true", "Ask"),
        ("DROP TABLE t", "CommandDenied"),
        ("DELETE FROM t; DROP TABLE t", "CommandDenied"),
        ("SELECT 1; DELETE FROM t", "Ask"),
        ("SELECT 1; SELECT 2; DROP TABLE t", "CommandDenied"),
        ("EXPLAIN DELETE FROM t", "Allow"),
        ("EXPLAIN ANALYZE DELETE FROM t", "Ask"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "Ask"),
        ("SELECT pg_read_file('/etc/passwd')", "CommandDenied"),
        ("DO $$ BEGIN DROP TABLE t; END $$", "CommandDenied"),
        ("PREPARE p AS DROP TABLE t", "CommandDenied"),
    ] {
        assert_eq!(scene.sql(statement), expected, "{statement}");
    }
}

#[test]
fn without_a_rule_for_an_effect_a_read_is_allowed_and_all_else_is_denied() {
    let scene = Scene::new(vec![rule("sql", json!({"rules": []}))]);
    for (statement, expected) in [
        ("SELECT 1", "Allow"),
        ("UPDATE t SET a = 1 WHERE id = 1", "CommandNotAllowed"),
        ("DELETE FROM t", "CommandNotAllowed"),
        ("CREATE TABLE t (a int)", "CommandNotAllowed"),
        ("GRANT ALL ON t TO bob", "CommandNotAllowed"),
        ("SELECT my_function()", "CommandNotAllowed"),
    ] {
        assert_eq!(scene.sql(statement), expected, "{statement}");
    }
}

#[test]
fn deny_is_stronger_than_approval_and_approval_than_allow_whatever_their_order_and_their_rule() {
    let clause = |name: &str, action: &str| json!({"name": name, "effects": ["Write"], "action": action});
    let write = "UPDATE t SET a = 1 WHERE id = 1";
    for (one, other, expected) in [
        ("Allow", "Deny", "CommandDenied"),
        ("Deny", "Allow", "CommandDenied"),
        ("RequireApproval", "Deny", "CommandDenied"),
        ("Allow", "RequireApproval", "Ask"),
        ("RequireApproval", "Allow", "Ask"),
        ("Allow", "Allow", "Allow"),
    ] {
        let within = rule("sql", json!({"rules": [clause("one", one), clause("other", other)]}));
        assert_eq!(Scene::new(vec![within]).with_approvers().sql(write), expected, "{one} and {other}");
        let rules = vec![
            rule("a", json!({"rules": [clause("one", one)]})),
            rule("b", json!({"rules": [clause("other", other)]})),
        ];
        assert_eq!(Scene::new(rules).with_approvers().sql(write), expected, "{one} beside {other}");
    }
    let read = rule("sql", json!({"rules": [{"name": "r", "effects": ["Read"], "action": "Deny"}]}));
    assert_eq!(Scene::new(vec![read]).sql("SELECT 1"), "CommandDenied", "reads can be denied");
}

#[test]
fn a_rule_counts_only_where_its_condition_holds() {
    let with = |when: &str| {
        let deny = json!({"name": "n", "effects": ["Read"], "action": "Deny", "when": when});
        Scene::new(vec![rule("sql", json!({"rules": [deny]}))])
    };
    assert_eq!(with("true").sql("SELECT 1"), "CommandDenied");
    assert_eq!(with("false").sql("SELECT 1"), "Allow");
}

#[test]
fn a_tool_that_no_rule_reads_is_left_to_the_grants_unless_a_rule_denies_it() {
    let drop = json!({"sql": "DROP TABLE t"});
    let inherits = rule("a", json!({}));
    let other = json!([{"tools": ["other"], "argument": "$.x", "language": "SQL", "dialect": "mysql"}]);
    let denies = |audit: bool| rule("b", json!({"extract": other, "onUnknownTool": "Deny", "audit": audit}));
    assert_eq!(Scene::new(vec![inherits.clone()]).outcome("list_tables", &drop), "Allow");
    let strict = Scene::new(vec![inherits.clone(), denies(false)]);
    assert_eq!(strict.outcome("list_tables", &drop), "UnknownTool");
    assert_eq!(strict.outcome("EXECUTE_SQL", &drop), "UnknownTool", "names are told apart by case");
    assert_eq!(strict.sql("SELECT 1"), "Allow", "another rule reads it");
    assert_eq!(Scene::new(vec![inherits, denies(true)]).outcome("list_tables", &drop), "Allow");
}

#[test]
fn what_needs_approval_asks_the_policies_that_match_else_all_else_is_denied() {
    let terms = |decision: Decision| match decision {
        Decision::Ask(ask) => {
            ask.terms().policies.iter().map(|policy| policy.name.clone()).collect::<Vec<_>>().join(" ")
        }
        Decision::Allow(_) => "Allow".to_owned(),
        Decision::Deny(denial) => denial.reason().as_str().to_owned(),
    };
    let delete = json!({"sql": "DELETE FROM t"});
    let mut scene = Scene::new(vec![rule("sql", json!({}))]);
    assert_eq!(terms(scene.decide("execute_sql", &delete)), "NoApprovers");
    scene = scene.with_approvers();
    let mut elsewhere = crate::testing::approval_policy("elsewhere");
    elsewhere.matching.tools = vec!["other".into()];
    let mut watching = crate::testing::approval_policy("watching");
    watching.audit = true;
    let policies = &mut scene.config.approval.as_mut().unwrap().policies;
    *policies = vec![watching.clone()];
    assert_eq!(terms(scene.decide("execute_sql", &delete)), "NoApprovers", "one that watches asks nobody");
    scene.config.approval.as_mut().unwrap().policies = vec![watching, elsewhere.clone()];
    assert_eq!(terms(scene.decide("execute_sql", &delete)), "elsewhere");
    assert_eq!(terms(scene.decide("execute_sql", &json!({"sql": "SELECT 1"}))), "Allow");
    let mut own = crate::testing::approval_policy("own");
    own.matching.tools = vec!["execute_sql".into()];
    scene.config.approval.as_mut().unwrap().policies = vec![elsewhere, own];
    assert_eq!(terms(scene.decide("execute_sql", &delete)), "own");
    let Decision::Ask(ask) = scene.decide("execute_sql", &delete) else { panic!("no ask") };
    assert_eq!(ask.terms().commands[0].uid, "uid-sql", "the rule is part of what is approved");
}

#[test]
fn a_rule_that_watches_changes_nothing_but_what_is_said() {
    let watching = rule("sql", json!({"audit": true, "maskedValueInRequest": "Deny"}));
    let policy = policy(|config| config.commands = vec![watching]);
    for (statement, expected) in [
        ("SELECT 1", "Allow"),
        ("DROP TABLE t", "Deny"),
        ("DELETE FROM t", "RequireApproval"),
        ("UPDATE t SET a = '[REDACTED:Email]' WHERE id = 1", "Deny"),
        ("'", "Deny"),
    ] {
        let params = json!({"name": "execute_sql", "arguments": {"sql": statement}});
        let message = request("tools/call", &params.to_string());
        let Decision::Allow(permit) = decide(&policy, &caller("alice", &[]), call(&message), &[], 0) else {
            panic!("not allowed: {statement}");
        };
        assert_eq!(
            (permit.commands().enforced.as_ref(), permit.rules()),
            (None, &["access[0]".to_owned()][..])
        );
        let watched = permit.commands().audited.as_ref().unwrap();
        assert_eq!(format!("{:?}", watched.action), expected, "{statement}");
    }
}
