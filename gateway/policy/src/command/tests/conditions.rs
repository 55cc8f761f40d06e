//! Conditions of rules, grants and ApprovalPolicies, as they count for calls.

use serde_json::{Value, json};

use super::{Scene, rule};
use crate::{Decision, decide_stream};

/// A scene whose rule denies reads under a condition.
fn denying(when: &str) -> Scene {
    let deny = json!({"name": "n", "effects": ["Read"], "action": "Deny", "when": when});
    let mut scene = Scene::new(vec![rule("sql", json!({"rules": [deny]}))]);
    scene.config.connection_labels.insert("env".into(), "prod".into());
    scene
}

#[test]
fn a_rule_is_asked_about_the_call_and_the_statement_and_what_has_no_answer_denies() {
    for (when, expected) in [
        ("connection.labels['env'] == 'prod'", "CommandDenied"),
        ("connection.labels['env'] == 'test'", "Allow"),
        ("caller.username == 'alice'", "CommandDenied"),
        ("tool == 'other'", "Allow"),
        ("statement.text.contains('salary')", "CommandDenied"),
        ("'Write' in statement.effects", "Allow"),
        ("args.limit > 10", "CommandDenied"),
        ("args.absent > 10", "ConditionError"),
    ] {
        let arguments = json!({"sql": "SELECT salary FROM staff", "limit": 11});
        assert_eq!(denying(when).outcome("execute_sql", &arguments), expected, "{when}");
    }
}

#[test]
fn a_grant_counts_only_where_its_condition_holds_for_these_arguments() {
    let granted = |when: &str, arguments: &Value| {
        let mut scene = Scene::new(vec![]);
        scene.config.access[0].when = Some(when.to_owned());
        match scene.decide("transfer", arguments) {
            Decision::Allow(_) | Decision::Ask(_) => "Allow",
            Decision::Deny(denial) => denial.reason().as_str(),
        }
    };
    for (when, arguments, expected) in [
        ("args.amount < 100", json!({"amount": 99}), "Allow"),
        ("args.amount < 100", json!({"amount": 100}), "ConditionUnmet"),
        ("args.amount < 100", json!({}), "ConditionError"),
        ("args.amount < 100", json!({"amount": "99"}), "ConditionError"),
        ("caller.username == 'bob'", json!({}), "NoGrant"),
        ("tool == 'transfer'", json!({}), "Allow"),
    ] {
        assert_eq!(granted(when, &arguments), expected, "{when} {arguments}");
    }
    let policy = crate::testing::policy(|config| config.access[0].when = Some("args.amount < 100".into()));
    let alice = crate::testing::caller("alice", &[]);
    assert!(decide_stream(&policy, &alice, 0).is_ok(), "a session needs no arguments");
    let policy = crate::testing::policy(|config| {
        config.access[0].when = Some("now < timestamp('2020-01-01T00:00:00Z')".into());
    });
    assert!(decide_stream(&policy, &alice, 0).is_ok());
    assert!(decide_stream(&policy, &alice, 1_700_000_000_000).is_err(), "a grant that has ended");
}

#[test]
fn an_approval_policy_asks_where_its_condition_holds() {
    for (when, expected) in
        [("args.amount > 100", "Ask"), ("args.amount > 1000", "Allow"), ("args.absent > 1", "ConditionError")]
    {
        let mut scene = Scene::new(vec![]).with_approvers();
        let matching = &mut scene.config.approval.as_mut().unwrap().policies[0].matching;
        matching.tools.clear();
        matching.when = Some(when.to_owned());
        assert_eq!(scene.outcome("transfer", &json!({"amount": 500})), expected, "{when}");
    }
}
