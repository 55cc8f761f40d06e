//! What is told of a connection: held as it is by a golden file, and row by row for each ground.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the test, not the crate, reads and writes golden files")]

mod support;

use std::path::Path;

use lychgate_operator_plan::{Closed, Explanation, Options, Standing, explain};
use serde_json::json;

use support::{FULL, MINIMAL, complete, documents, in_cluster, load_text, of_kind, set, write};

const EMAIL: &str = "detectors: [{type: Email, action: {redact: {}}}]";
const NAMESPACE: &str =
    "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {tier: iron}}\n";

fn rule(namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "\n---\napiVersion: lychgate.dev/v1alpha1\nkind: MaskingRule\n\
         metadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

fn explained(text: &str, options: &Options, namespace: &str, name: &str) -> Explanation {
    explain(&load_text(text).inventory, options, namespace, name).unwrap()
}

/// The minimal connection, labelled, beside further documents, in a cluster of which the operator lies in `agents`.
fn docs(more: &str) -> Explanation {
    let text = MINIMAL.replace("  name: docs\n", "  name: docs\n  labels: {env: dev}\n");
    explained(&format!("{text}{more}"), &in_cluster(), "default", "docs")
}

#[test]
fn all_that_is_told_of_a_connection_reads_as_it_is_held() {
    let more = [
        rule("agents", "elsewhere", &format!("targetRefs: [{{kind: McpConnection, name: other}}], {EMAIL}")),
        rule("agents", "broken", "connectionSelector: {}, detectors: [{type: Mail, action: {redact: {}}}]"),
        rule("tenant", "own", &format!("connectionSelector: {{}}, {EMAIL}")),
    ];
    let text =
        explained(&format!("{FULL}{}", more.concat()), &in_cluster(), "agents", "billing-db").to_string();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/explanation.golden.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text);
}

#[test]
fn each_ground_on_which_a_policy_holds_is_told() {
    for (namespace, spec, expected) in [
        ("default", "targetRefs: [{kind: McpConnection, name: docs}]", "targetRefs[0] McpConnection docs"),
        (
            "default",
            "targetRefs: [{kind: McpConnection, name: x}, {kind: McpGateway, name: default}]",
            "targetRefs[1] McpGateway default",
        ),
        ("default", "connectionSelector: {}", "connectionSelector {}"),
        (
            "default",
            "connectionSelector: {matchLabels: {env: dev}, matchExpressions: [{key: env, operator: In, values: [dev, test]}, \
             {key: env, operator: NotIn, values: [prod]}, {key: env, operator: Exists}, {key: team, operator: DoesNotExist}]}",
            "connectionSelector env=dev,env in (dev,test),env notin (prod),env,!team",
        ),
        (
            "agents",
            "namespaceSelector: {matchLabels: {tier: iron}}",
            "namespaceSelector tier=iron (operator's namespace)",
        ),
        (
            "agents",
            "namespaceSelector: {matchLabels: {tier: iron}}, connectionSelector: {matchLabels: {env: dev}}",
            "namespaceSelector tier=iron and connectionSelector env=dev (operator's namespace)",
        ),
        ("default", "targetRefs: docs", "spec.targetRefs cannot be read, and may have been meant for it"),
        (
            "agents",
            "namespaceSelector: default",
            "spec.namespaceSelector cannot be read, and may have been meant for it",
        ),
    ] {
        let explanation =
            docs(&format!("{NAMESPACE}{}", rule(namespace, "pii", &format!("{spec}, {EMAIL}"))));
        let grounds: Vec<&str> = explanation.policies.iter().map(|policy| policy.ground.as_str()).collect();
        assert_eq!(grounds, [expected], "{namespace}: {spec}");
        assert!(explanation.others.is_empty());
    }
}

#[test]
fn each_obstacle_for_which_a_policy_does_not_hold_is_told() {
    for (namespace, spec, expected) in [
        (
            "default",
            "targetRefs: [{kind: McpConnection, name: doc}, {kind: McpGateway, name: other}]",
            "targetRefs names McpConnection doc, McpGateway other",
        ),
        (
            "default",
            "connectionSelector: {matchLabels: {env: prod}}",
            "connectionSelector asks for env=prod, and the connection has env=dev",
        ),
        (
            "default",
            "connectionSelector: {matchExpressions: [{key: team, operator: Exists}]}",
            "connectionSelector asks for team, and the connection has no label team",
        ),
        (
            "default",
            "targetRefs: [{kind: McpConnection, name: x}], connectionSelector: {matchExpressions: [{key: env, operator: NotIn, \
             values: [dev]}]}",
            "targetRefs names McpConnection x; connectionSelector asks for env notin (dev), and the connection has env=dev",
        ),
        (
            "agents",
            "namespaceSelector: {matchLabels: {tier: gold}}",
            "namespaceSelector asks for tier=gold, and the namespace default has tier=iron",
        ),
    ] {
        let explanation =
            docs(&format!("{NAMESPACE}{}", rule(namespace, "pii", &format!("{spec}, {EMAIL}"))));
        let obstacles: Vec<&str> = explanation.others.iter().map(|policy| policy.ground.as_str()).collect();
        assert_eq!(obstacles, [expected], "{namespace}: {spec}");
        assert!(explanation.policies.is_empty());
    }
}

#[test]
fn labels_of_a_namespace_that_are_not_known_are_told_to_be_taken_as_asked_for() {
    let selection = format!("namespaceSelector: {{matchLabels: {{tier: gold}}}}, {EMAIL}");
    let explanation = docs(&rule("agents", "pii", &selection));
    assert_eq!(
        explanation.policies[0].ground,
        "namespaceSelector tier=gold (operator's namespace); not all labels of the namespace default are known here"
    );
}

#[test]
fn a_policy_that_cannot_reach_the_connection_is_not_told_of() {
    let more = rule("tenant", "pii", &format!("connectionSelector: {{}}, {EMAIL}"))
        + &rule("agents", "own", &format!("connectionSelector: {{}}, {EMAIL}"));
    let explanation = docs(&more);
    assert_eq!((explanation.policies, explanation.others), (Vec::new(), Vec::new()));
}

#[test]
fn what_closes_a_connection_or_keeps_it_out_is_told() {
    let standing = |kind: &str, path: &str, value: serde_json::Value| {
        let mut objects = documents(MINIMAL);
        set(of_kind(&mut objects, kind), path, Some(value));
        let explanation = explained(&write(&objects), &complete(), "default", "docs");
        (explanation.standing, explanation.to_string())
    };
    let served = explained(MINIMAL, &complete(), "default", "docs");
    assert_eq!((served.standing, served.problems.len()), (Standing::Served, 0));
    let (suspended, text) = standing("McpGateway", "spec.suspended", json!(true));
    assert_eq!(suspended, Standing::Closed(Closed::Suspended));
    assert!(text.contains("accepted and closed: it or its gateway is suspended"), "{text}");
    let (lacking, text) = standing("McpGateway", "spec.requires", json!(["MaskingRule"]));
    assert_eq!(lacking, Standing::Closed(Closed::RequiredPolicyMissing));
    assert!(text.contains("requires a MaskingRule, and every call is refused until one holds"), "{text}");
    assert!(text.contains("Required       MaskingRule: missing"), "{text}");
    // What was found when it was read counts as well as what was found afterwards.
    for (kind, path, value, expected) in [
        ("McpConnection", "spec.upstream.url", json!("docs"), "spec.upstream.url: not an absolute URL"),
        ("McpConnection", "spec.upstream", json!(1), "spec.upstream: is a number"),
        ("McpConnection", "spec.gatewayRef.name", json!("other"), "there is no McpGateway other"),
        (
            "McpGateway",
            "spec.deployment",
            json!({"replicas": 0}),
            "McpGateway default/default: spec.deployment.replicas",
        ),
    ] {
        let (refused, text) = standing(kind, path, value);
        assert_eq!(refused, Standing::NotAccepted, "{path}");
        assert!(
            text.contains(expected) && text.contains("none as long as it is not accepted"),
            "{path}: {text}"
        );
    }
}

#[test]
fn problems_of_others_are_not_told_and_what_could_not_be_read_is() {
    let other =
        MINIMAL.split("---\n").last().unwrap().replace("name: docs", "name: other").replace("https:", "ftp:");
    let explanation = docs(&format!("\n---\n{other}"));
    assert_eq!((explanation.standing, explanation.problems.len()), (Standing::Served, 0));
    let explanation = docs("\n---\na: [\n");
    let told: Vec<String> = explanation.problems.iter().map(ToString::to_string).collect();
    assert_eq!((explanation.standing, told.len()), (Standing::NotAccepted, 2), "{told:#?}");
}

#[test]
fn a_connection_that_is_not_there_is_not_explained() {
    let inventory = load_text(MINIMAL).inventory;
    assert!(explain(&inventory, &complete(), "default", "other").is_none());
    assert!(explain(&inventory, &complete(), "agents", "docs").is_none());
}
