//! CommandRules beside each other, beside ApprovalPolicies, and beside the credentials of the connections that they hold
//! for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use lychgate_crds::Reason;
use lychgate_operator_plan::{Closed, Severity};
use serde_json::{Value, json};

use support::{MINIMAL, approval_policy, check, command_rule, documents, in_cluster, of_kind, set, write};

const DENY: &str = "{name: deny, effects: [Schema, Admin], action: Deny}";
const ASK: &str = "{name: ask, effects: [Write], action: RequireApproval}";
const READS: &str = "{name: reads, effects: [Read], action: Allow, credential: reader}";

/// The minimal objects with changes to the connection, beside further documents.
fn docs(changes: &[(&str, Value)], more: &str) -> String {
    let mut objects = documents(MINIMAL);
    for (path, value) in changes {
        set(of_kind(&mut objects, "McpConnection"), path, Some(value.clone()));
    }
    set(
        of_kind(&mut objects, "McpGateway"),
        "spec.identity.oidc[0].kubernetesUsernames",
        Some(json!(["{sub}"])),
    );
    format!("{}{more}", write(&objects))
}

/// A credential that is a token of the gateway's own account.
fn credential(name: &str, header: &str) -> Value {
    json!({"name": name, "inject": {"header": header}, "from": {"serviceAccountToken": {"audience": "docs"}}})
}

fn audit(rule: &str) -> String {
    rule.replace("extract:", "mode: Audit, extract:")
}

/// What is said with some reasons, each as its severity, object and path.
fn said(text: &str, reasons: &[Reason]) -> Vec<String> {
    let problems = check(text, &in_cluster()).0.into_iter();
    let said = problems.filter(|problem| reasons.contains(&problem.reason)).map(|problem| {
        let object =
            problem.object.map(|object| format!("{} {}", object.kind, object.name)).unwrap_or_default();
        let severity = if problem.severity == Severity::Warning { "warning: " } else { "" };
        format!("{severity}{object}: {}", problem.path)
    });
    said.collect()
}

#[test]
fn a_rule_that_a_stricter_one_always_overrules_is_told() {
    let allow = |condition: &str| format!("{{name: allow, effects: [Schema], {condition}action: Allow}}");
    let when = "when: 'true', ";
    for (rules, expected) in [
        (format!("{DENY}, {}", allow("")), true),
        (format!("{}, {DENY}", allow("")), true),
        // Its condition may fail, which denies; so does the other rule.
        (format!("{DENY}, {}", allow(when)), true),
        (format!("{ASK}, {{name: allow, effects: [Write], action: Allow}}"), true),
        (format!("{ASK}, {{name: allow, effects: [Write], when: 'true', action: Allow}}"), false),
        (format!("{ASK}, {{name: allow, effects: [Write, Read], action: Allow}}"), false),
        (format!("{DENY}, {ASK}, {{name: allow, effects: [Write, Admin], action: Allow}}"), true),
        (format!("{{name: deny, effects: [Schema], when: 'true', action: Deny}}, {}", allow("")), false),
        (format!("{DENY}, {{name: again, effects: [Schema], action: Deny}}"), false),
    ] {
        let text = docs(&[], &command_rule("sql", &rules));
        assert_eq!(!said(&text, &[Reason::NoEffect]).is_empty(), expected, "{rules}");
        assert_eq!(check(&text, &in_cluster()).1.connections.len(), 1, "{rules}");
    }
    let told = "{name: reads, effects: [Read], action: Allow, message: fine}";
    let text = docs(&[], &command_rule("sql", told));
    assert_eq!(said(&text, &[Reason::NoEffect]), ["warning: CommandRule sql: spec.rules[0].message"]);
}

#[test]
fn credentials_that_contradict_each_other_are_told_of_both_rules() {
    let both = [("spec.credentials", json!([credential("reader", "A"), credential("owner", "B")]))];
    let other = |rule: &str| command_rule("other", rule);
    let owner = "{name: mine, effects: [Read], action: Allow, credential: owner}";
    for (second, count) in [
        (other(owner), 2),
        (other(owner).replace("tools: [query]", "tools: ['que*']"), 2),
        (other(owner).replace("tools: [query]", "tools: [explain]"), 0),
        (other(&owner.replace("[Read]", "[Write]")), 0),
        (other(&owner.replace("owner", "reader")), 0),
        (other(&owner.replace("action:", "when: 'true', action:")), 0),
        (audit(&other(owner)), 0),
        (
            other(
                &format!("{owner}, {{name: no, effects: [Read], action: Deny}}").replace(": no,", ": never,"),
            ),
            0,
        ),
    ] {
        let found = said(
            &docs(&both, &format!("{}{second}", command_rule("sql", READS))),
            &[Reason::CredentialConflict],
        );
        assert_eq!(found.len(), count, "{second}: {found:?}");
    }
    let within =
        said(&docs(&both, &command_rule("sql", &format!("{READS}, {owner}"))), &[Reason::CredentialConflict]);
    let expected = ["spec.rules[0].credential", "spec.rules[1].credential"];
    assert_eq!(within, expected.map(|path| format!("warning: CommandRule sql: {path}")));
}

#[test]
fn a_credential_that_a_rule_chooses_is_asked_of_the_connection() {
    let rule = command_rule("sql", READS);
    for (credentials, rule, expected, accepted) in [
        (json!([]), rule.clone(), vec!["McpConnection docs: spec.credentials"], false),
        (json!([]), audit(&rule), vec!["McpConnection docs: spec.credentials"], false),
        (json!([credential("reader", "A")]), rule.clone(), vec![], true),
    ] {
        let text = docs(&[("spec.credentials", credentials)], &rule);
        assert_eq!(said(&text, &[Reason::InvalidValue]), expected, "{text}");
        assert_eq!(check(&text, &in_cluster()).1.connections.len(), usize::from(accepted), "{text}");
    }
}

#[test]
fn of_credentials_in_one_header_all_but_one_must_be_chosen_by_somebody() {
    let pair = json!([credential("owner", "Authorization"), credential("reader", "authorization")]);
    let with = |more: Vec<(&'static str, Value)>| {
        let mut changes = vec![("spec.credentials", pair.clone())];
        changes.extend(more);
        changes
    };
    let chosen = |name: &str| vec![("spec.access[0].credential", json!(name))];
    let header = "McpConnection docs: spec.credentials[1].inject.header";
    let rule = command_rule("sql", READS);
    for (changes, rule, expected) in [
        (with(vec![]), String::new(), vec![header]),
        (with(chosen("reader")), String::new(), vec![]),
        (with(chosen("owner")), String::new(), vec![]),
        (with(vec![]), rule.clone(), vec![]),
        (with(chosen("owner")), rule.clone(), vec![]),
        // What only reports chooses nothing.
        (with(vec![]), audit(&rule), vec![header]),
        (with(chosen("raeder")), rule, vec!["McpConnection docs: spec.access[0].credential"]),
    ] {
        assert_eq!(said(&docs(&changes, &rule), &[Reason::InvalidValue]), expected, "{rule} {changes:?}");
    }
}

#[test]
fn an_approval_that_nobody_could_give_is_told_of_the_connection() {
    let policy = approval_policy("dba", "approvers: {groups: [dba]}");
    let ask = command_rule("sql", ASK);
    let unread = command_rule("sql", DENY).replace("extract:", "onUnparseable: RequireApproval, extract:");
    for (more, expected) in [
        (ask.clone(), true),
        (unread, true),
        (command_rule("sql", DENY), false),
        (audit(&ask), false),
        (format!("{ask}{policy}"), false),
        (format!("{ask}{}", policy.replace("approvers:", "mode: Audit, approvers:")), true),
        (format!("{ask}{}", policy.replace("groups: [dba]", "groups: dba")), false),
    ] {
        let found = said(&docs(&[], &more), &[Reason::NoApprovers]);
        assert_eq!(found, if expected { vec!["warning: McpConnection docs: "] } else { vec![] }, "{more}");
    }
}

#[test]
fn a_required_command_rule_is_one_that_is_enforced() {
    let rule = command_rule("sql", DENY);
    for (more, expected) in [
        (String::new(), Some(Closed::RequiredPolicyMissing)),
        (audit(&rule), Some(Closed::RequiredPolicyMissing)),
        (rule, None),
    ] {
        let text = docs(&[], &more).replace("identity:", "requires: [CommandRule]\n  identity:");
        assert_eq!(check(&text, &in_cluster()).1.connections[0].closed(), expected, "{more}");
    }
}

#[test]
fn a_required_masking_rule_is_one_that_is_enforced() {
    let rule = |mode: &str| {
        format!(
            "---\napiVersion: lychgate.dev/v1alpha1\nkind: MaskingRule\nmetadata: {{name: pii}}\n\
             spec: {{connectionSelector: {{}}, mode: {mode}, detectors: [{{group: All, action: {{redact: {{}}}}}}]}}\n"
        )
    };
    for (mode, expected) in [("Audit", Some(Closed::RequiredPolicyMissing)), ("Enforce", None)] {
        let text = docs(&[], &rule(mode)).replace("identity:", "requires: [MaskingRule]\n  identity:");
        assert_eq!(check(&text, &in_cluster()).1.connections[0].closed(), expected, "{mode}");
    }
}

#[test]
fn the_document_holds_the_labels_only_where_a_condition_may_ask_for_them() {
    let labels = ("metadata.labels", json!({"env": "prod"}));
    let when = json!("connection.labels['env'] == 'prod'");
    let clause = "{name: deny, effects: [Write], when: \"connection.labels['env'] == 'prod'\", action: Deny}";
    let policy = "match: {when: \"connection.labels['env'] == 'prod'\"}, approvers: {groups: [dba]}";
    for (changes, more, expected) in [
        (vec![labels.clone()], command_rule("sql", DENY), json!(null)),
        (vec![labels.clone(), ("spec.access[0].when", when)], String::new(), json!({"env": "prod"})),
        (vec![labels.clone()], command_rule("sql", clause), json!({"env": "prod"})),
        (vec![labels], approval_policy("dba", policy), json!({"env": "prod"})),
    ] {
        let connection = check(&docs(&changes, &more), &in_cluster()).1.connections.remove(0);
        let document = serde_json::to_value(connection.config(1)).unwrap();
        assert_eq!(document["connectionLabels"], expected, "{more}");
    }
}
