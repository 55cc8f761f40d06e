//! For every reason, objects for which it is given; and what happens to connections when something else is
//! wrong.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod outside;
mod reason_rows;
mod support;

use std::collections::BTreeSet;

use lychgate_crds::Reason;
use lychgate_gateway_policy::config::OidcIssuer;
use lychgate_operator_plan::{Options, Severity};
use serde_json::{Value, json};

use support::{
    FULL, MINIMAL, approval_policy, check, command_rule, complete, documents, in_cluster, of_kind, set, write,
};

const OBJECT: &str = "apiVersion: lychgate.dev/v1alpha1\nkind: McpConnection\nmetadata: {name: docs}\n";

/// The minimal objects with a change to one of them.
fn minimal_with(kind: &str, path: &str, value: Option<Value>) -> String {
    let mut objects = documents(MINIMAL);
    set(of_kind(&mut objects, kind), path, value);
    write(&objects)
}

fn full_with(kind: &str, path: &str, value: Option<Value>) -> String {
    let mut objects = documents(FULL);
    set(of_kind(&mut objects, kind), path, value);
    write(&objects)
}

/// A connection of which the grants alone take more than a ConfigMap holds.
fn too_large() -> String {
    let globs = |grant: usize| -> Vec<Value> {
        (0..64).map(|index| json!(format!("{grant}-{index}-{}", "x".repeat(245)))).collect()
    };
    let grant = |index| json!({"groups": ["a"], "tools": globs(index)});
    minimal_with("McpConnection", "spec.access", Some((0..64).map(grant).collect()))
}

/// A credential that is a token of the gateway's own account.
fn with_token(audience: &str) -> Value {
    let inject = json!({"header": "Authorization", "format": "Bearer {value}"});
    json!({"name": "own", "inject": inject, "from": {"serviceAccountToken": {"audience": audience}}})
}

/// The minimal objects where callers can be told from approvers.
fn minimal_with_voters() -> String {
    minimal_with("McpGateway", "spec.identity.oidc[0].kubernetesUsernames", Some(json!(["{sub}"])))
}

/// The minimal objects with a rule.
fn minimal_with_rule(spec: &str) -> String {
    format!(
        "{MINIMAL}\n---\napiVersion: lychgate.dev/v1alpha1\nkind: MaskingRule\nmetadata: {{name: pii}}\n\
         spec:\n{spec}\n"
    )
}

const GOOD: &str = "  detectors: [{type: Email, action: {redact: {}}}]\n";
const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n";

/// Texts that a reason is given for when they are read, and a part of the line that says so.
fn rows_of_reading() -> Vec<(Reason, String, &'static str)> {
    vec![
        (Reason::InvalidSyntax, "a: [\n".to_owned(), "test.yaml:"),
        (Reason::InvalidSyntax, "just text\n".to_owned(), "test.yaml:1: not a Kubernetes object"),
        (Reason::InvalidSyntax, "kind: McpConnection\n".to_owned(), "write apiVersion and kind"),
        (
            Reason::DuplicateKey,
            format!("{OBJECT}kind: McpConnection\n"),
            "test.yaml:4: McpConnection default/docs: the key kind",
        ),
        (
            Reason::DuplicateObject,
            format!("{MINIMAL}\n---\n{OBJECT}spec: {{}}\n"),
            "metadata.name: stands twice (first in test.yaml:12)",
        ),
        (
            Reason::MadeByGateways,
            OBJECT.replace("McpConnection", "Approval"),
            "test.yaml:2: Approval default/docs: kind: gateways make Approvals, one for each call that waits",
        ),
        (Reason::DuplicateObject, format!("{SECRET}---\n{SECRET}"), "test.yaml:7: Secret default/a"),
        (Reason::UnknownKind, OBJECT.replace("McpConn", "MCPConn"), "did you mean McpConnection?"),
        (
            Reason::UnknownKind,
            OBJECT.replace("McpConnection", "ToolPin"),
            "kind: there is no kind ToolPin in lychgate.dev; write one of ApprovalPolicy, CommandRule, MaskingRule, \
             McpConnection, McpGateway",
        ),
        (Reason::UnknownKind, OBJECT.replace("v1alpha1", "v1"), "write apiVersion: lychgate.dev/v1alpha1"),
        (
            Reason::UnknownField,
            minimal_with("McpConnection", "spec.gatewayref", Some(json!({}))),
            "spec.gatewayref: there is no such field; did you mean gatewayRef?",
        ),
        (
            Reason::MissingField,
            minimal_with("McpConnection", "spec.gatewayRef.name", None),
            "spec.gatewayRef.name: missing; write it",
        ),
        (
            Reason::InvalidValue,
            MINIMAL.replace("https://docs.example.com/mcp", "docs"),
            "spec.upstream.url: not an absolute URL",
        ),
        (
            Reason::InvalidValue,
            MINIMAL.replace("https://docs.example.com/mcp", "Off"),
            "takes a bare Off for false; write it in quotes: \"Off\"",
        ),
    ]
}

/// The same for what objects say of each other.
fn rows_of_validation() -> Vec<(Reason, String, &'static str)> {
    vec![
        (
            Reason::RefNotFound,
            MINIMAL.replace("gatewayRef:\n    name: default", "gatewayRef:\n    name: other"),
            "spec.gatewayRef.name: there is no McpGateway other in the namespace default",
        ),
        (
            Reason::RefInvalid,
            minimal_with("McpGateway", "spec.deployment", Some(json!({"replicas": 0}))),
            "McpGateway default/default is invalid",
        ),
        (Reason::RefInvalid, FULL.replace("BEGIN CERTIFICATE", "BEGIN NOTHING"), "holds no certificate"),
        (
            Reason::PolicyInvalid,
            minimal_with_rule("  targetRefs: [{kind: McpGateway, name: default}]\n  detector: []"),
            "MaskingRule default/pii, which holds for it, is invalid",
        ),
        (
            Reason::PolicyInvalid,
            minimal_with_rule(&format!("  targetrefs: []\n{GOOD}")),
            "MaskingRule default/pii, which holds for it, is invalid",
        ),
        (
            Reason::PolicyInvalid,
            format!("{MINIMAL}\n---\na: [\n"),
            "could not be read, and may be a policy for it",
        ),
        (
            Reason::HostNotAllowed,
            FULL.replace("dbhub.data.svc:8443\n", "dbhub.data.svc:443\n"),
            "add the line dbhub.data.svc:8443 to its key lychgate-allowed-hosts",
        ),
        (
            Reason::ServiceNotAllowed,
            minimal_with("McpConnection", "spec.upstream", Some(outside::upstream()))
                + "\n---\n"
                + outside::SERVICE,
            "spec.upstream.serviceRef.name: Service outside is of type ExternalName and leads to db.example.com",
        ),
        (
            Reason::ServiceWithoutSelector,
            minimal_with("McpConnection", "spec.upstream", Some(outside::upstream_alone()))
                + "\n---\n"
                + &outside::SERVICE
                    .replace("type: ExternalName, externalName: db.example.com", "ports: [{port: 80}]"),
            "spec.upstream.serviceRef.networkPolicy: Service outside has no selector, so that nobody can tell for which",
        ),
        (
            Reason::NoTarget,
            minimal_with_rule(&format!("  targetRefs: [{{kind: McpConnection, name: doc}}]\n{GOOD}")),
            "spec.targetRefs[0].name: there is no McpConnection doc in the namespace default; did you mean docs?",
        ),
        (Reason::ConfigTooLarge, too_large(), "and a ConfigMap holds 1000000"),
        (
            Reason::DeniesEveryone,
            minimal_with("McpConnection", "spec.access", None),
            "warning: McpConnection default/docs: spec.access: denies everyone",
        ),
        (
            Reason::NoTarget,
            minimal_with_rule(&format!("  connectionSelector: {{matchLabels: {{env: prod}}}}\n{GOOD}")),
            "warning: MaskingRule default/pii: spec.connectionSelector: selects no McpConnection; compare",
        ),
        (
            Reason::SecretWatchNotGranted,
            minimal_with("McpGateway", "spec.secretAccess", Some(json!("Watch"))),
            "spec.secretAccess: the operator may not grant this in the namespace default; add it to \
             secretAccess.watchNamespaces of the Helm chart",
        ),
        (
            Reason::RequiredPolicyMissing,
            minimal_with("McpGateway", "spec.requires", Some(json!(["MaskingRule"]))),
            "warning: McpConnection default/docs: spec.gatewayRef: every call is refused: McpGateway default \
             requires a MaskingRule, and none holds for this connection; attach one",
        ),
        (
            Reason::Suspended,
            minimal_with("McpConnection", "spec.suspended", Some(json!(true))),
            "warning: McpConnection default/docs: spec.suspended: every call is refused; write suspended: false",
        ),
        (
            Reason::Suspended,
            minimal_with("McpGateway", "spec.suspended", Some(json!(true))),
            "spec.gatewayRef: every call is refused: McpGateway default is suspended; resume it there",
        ),
        (
            Reason::Suspended,
            minimal_with("McpGateway", "spec.suspended", Some(json!(true))),
            "warning: McpGateway default/default: spec.suspended: every call on every connection",
        ),
        (
            Reason::FailsOpen,
            minimal_with_rule(&format!("  connectionSelector: {{}}\n  failurePolicy: Open\n{GOOD}")),
            "warning: MaskingRule default/pii: spec.failurePolicy: what cannot be masked passes as it is",
        ),
        (
            Reason::NamespaceSelectorIgnored,
            minimal_with_rule(&format!("  namespaceSelector: {{}}\n{GOOD}")),
            "spec.namespaceSelector: counts in the operator's namespace alone; move the policy to agents",
        ),
        (
            Reason::InvalidValue,
            minimal_with("McpGateway", "spec.identity.kubernetes", Some(json!({"audiences": ["k3s"]}))),
            "spec.identity.kubernetes.audiences[0]: the API server's own audience",
        ),
        (
            Reason::InvalidValue,
            minimal_with("McpConnection", "spec.credentials", Some(json!([with_token("k3s")]))),
            "spec.credentials[0].from.serviceAccountToken.audience: the API server's own audience",
        ),
        (
            Reason::InvalidValue,
            MINIMAL.replace(
                "- issuer: https://idp.example.com",
                "- issuer: https://cluster.example.com\n    \
                             kubernetes: {enabled: true}",
            ),
            "spec.identity.kubernetes: is an issuer under oidc as well",
        ),
    ]
}

/// The same for what policies say of connections and of each other.
fn rows_of_policies() -> Vec<(Reason, String, &'static str)> {
    vec![
        (
            Reason::RequesterUnmapped,
            format!("{MINIMAL}{}", approval_policy("dba", "approvers: {groups: [dba]}")),
            "ApprovalPolicy default/dba: holds for callers of whom nobody can tell under which user names they could \
             vote: McpGateway default/default has no kubernetesUsernames for the issuer https://idp.example.com",
        ),
        (
            Reason::NoCommonApprover,
            format!(
                "{}{}{}",
                minimal_with_voters(),
                approval_policy("dba", "approvers: {groups: [dba]}"),
                approval_policy("security", "approvers: {groups: [security]}")
            ),
            "warning: ApprovalPolicy default/dba: spec.approvers: ApprovalPolicy security can hold for the same calls",
        ),
        (
            Reason::TooManyPolicies,
            format!(
                "{}{}",
                minimal_with_voters(),
                (0..9)
                    .map(|index| approval_policy(&format!("p{index}"), "approvers: {groups: [dba]}"))
                    .collect::<String>()
            ),
            "McpConnection default/docs: 9 ApprovalPolicies are enforced for it, and an Approval stands for 8",
        ),
        (
            Reason::CredentialConflict,
            format!(
                "{}{}{}",
                minimal_with("McpConnection", "spec.credentials", Some(json!([with_token("docs")]))),
                command_rule("one", "{name: reads, effects: [Read], action: Allow, credential: own}"),
                command_rule(
                    "other",
                    "{name: reads, effects: [Read, Write], action: Allow, credential: owner}, \
                     {name: writes, effects: [Write], action: RequireApproval}"
                )
            ),
            "warning: CommandRule default/one: spec.rules[0].credential: CommandRule other rules[0] reads chooses another \
             credential for the same effect",
        ),
        (
            Reason::InvalidValue,
            format!(
                "{MINIMAL}{}",
                command_rule("sql", "{name: reads, effects: [Read], action: Allow, credential: read-only}")
            ),
            "McpConnection default/docs: spec.credentials: there is no credential read-only, which CommandRule default/sql \
             rules[0] reads chooses; add it",
        ),
        (
            Reason::NoApprovers,
            format!(
                "{MINIMAL}{}",
                command_rule("sql", "{name: bulk, effects: [WriteAll], action: RequireApproval}")
            ),
            "warning: McpConnection default/docs: no ApprovalPolicy is enforced for it, so that what waits for approval by \
             CommandRule default/sql rules[0] bulk is denied; attach one",
        ),
        (
            Reason::NoEffect,
            format!(
                "{MINIMAL}{}",
                command_rule(
                    "sql",
                    "{name: never, effects: [Write, Schema], action: Deny}, {name: sometimes, effects: [Write], action: Allow}"
                )
            ),
            "warning: CommandRule default/sql: spec.rules[1]: never counts: for each of its effects never, which always holds, \
             says the stricter thing",
        ),
        (
            Reason::NoEffect,
            minimal_with("McpConnection", "spec.access[0].users", Some(json!(["anonymous"]))),
            "spec.access[0].users[0]: the gateway serves no callers without a token",
        ),
    ]
}

fn rows() -> impl Iterator<Item = (Reason, String, &'static str)> {
    let rows = [rows_of_reading(), rows_of_validation(), rows_of_policies(), reason_rows::rows()];
    rows.into_iter().flatten()
}

#[test]
fn every_reason_is_given_with_its_place_and_what_to_do() {
    let mut failures = Vec::new();
    let mut given = BTreeSet::new();
    for (reason, text, expected) in rows() {
        let (problems, _) = check(&text, &in_cluster());
        let lines: Vec<String> =
            problems.iter().filter(|problem| problem.reason == reason).map(ToString::to_string).collect();
        if !lines.iter().any(|line| line.contains(expected)) {
            failures.push(format!("{reason}: {expected:?} is not in {lines:#?} of {problems:#?}"));
        }
        given.insert(reason);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(given, BTreeSet::from(Reason::ALL), "a reason without a row");
}

#[test]
fn an_error_anywhere_near_a_connection_keeps_it_out_and_a_warning_does_not() {
    for (reason, text, _) in rows() {
        let (problems, validated) = check(&text, &in_cluster());
        let only_warnings = problems.iter().all(|problem| problem.severity == Severity::Warning);
        // A policy with one target that does not exist still holds for the others.
        let expected = usize::from(only_warnings || reason == Reason::NoTarget);
        assert_eq!(validated.connections.len(), expected, "{reason}: {problems:#?}");
    }
}

#[test]
fn all_problems_of_all_objects_are_found_at_once() {
    let text = FULL
        .replace("replicas: 3", "replicas: 99")
        .replace("connect: 250ms", "connect: soon")
        .replace("sampling: true", "samplng: true")
        .replace("messageBytes: 8Mi", "messageBytes: 8Gi")
        .replace("jsonPath: $.note", "jsonPath: note")
        .replace("type: Email", "type: EMail");
    let (problems, _) = check(&text, &complete());
    let paths: BTreeSet<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    for path in [
        "spec.deployment.replicas",
        "spec.upstream.timeouts.connect",
        "spec.serverRequests.samplng",
        "spec.limits.messageBytes",
        "spec.fields[3].jsonPath",
        "spec.detectors[2].type",
    ] {
        assert!(paths.contains(path), "{path} is missing in {problems:#?}");
    }
}

#[test]
fn a_missing_secret_matters_only_where_the_inventory_is_complete() {
    let mut objects = documents(FULL);
    // Words that a rule is made of are a part of it.
    let has_words = |it: &Value| it["metadata"]["labels"]["lychgate.dev/terms"] == "true";
    objects.retain(|it| has_words(it) || (it["kind"] != "Secret" && it["kind"] != "ConfigMap"));
    let text = write(&objects);
    assert_eq!(check(&text, &Options::default()).0, []);
    let (problems, validated) = check(&text, &complete());
    assert_eq!(validated.connections.len(), 0);
    let missing = problems.iter().filter(|problem| problem.reason == Reason::RefNotFound);
    let missing: BTreeSet<&str> = missing.map(|problem| problem.path.as_str()).collect();
    let expected = [
        "spec",
        "spec.identity.oidc[0].caRef.name",
        "spec.listener.tls.secretName",
        "spec.notifications[0].caRef.name",
        "spec.notifications[0].urlSecretRef.name",
        "spec.notifications[0].signingSecretRef.name",
        "spec.notifications[1].urlSecretRef.name",
        "spec.upstream.tls.caRef.name",
        "spec.credentials[0].from.secretKeyRef.name",
        "spec.credentials[1].from.secretKeyRef.name",
    ];
    assert_eq!(missing, BTreeSet::from(expected));
}

#[test]
fn a_secret_that_is_missing_beside_others_is_most_likely_misspelt() {
    let text = FULL
        .replace("key: token", "key: token # the Secret's name is wrong")
        .replace("secretKeyRef:\n        name: billing-db", "secretKeyRef:\n        name: biling-db");
    let (problems, validated) = check(&text, &Options::default());
    assert_eq!(validated.connections.len(), 1);
    let line = problems[0].to_string();
    assert!(
        line.contains("warning: McpConnection agents/billing-db: ")
            && line.contains("did you mean billing-db?")
    );
    assert_eq!(problems[0].reason, Reason::RefNotFound);
}

#[test]
fn a_secret_that_names_no_hosts_goes_nowhere() {
    for hosts in [json!(""), json!("*"), json!("dbhub.data"), json!("https://dbhub.data.svc:8443")] {
        let text = full_with("Secret", "stringData.lychgate-allowed-hosts", Some(hosts.clone()));
        let (problems, validated) = check(&text, &complete());
        assert_eq!(
            problems.iter().map(|problem| problem.reason).collect::<Vec<_>>(),
            [Reason::HostNotAllowed],
            "{hosts}"
        );
        assert!(validated.connections.is_empty());
    }
    let (problems, _) = check(&full_with("Secret", "stringData.lychgate-allowed-hosts", None), &complete());
    assert_eq!(problems.len(), 1, "{problems:#?}");
}

#[test]
fn a_development_issuer_makes_a_gateway_callable_and_may_be_on_loopback() {
    let text = minimal_with("McpGateway", "spec.identity", Some(json!({})));
    assert!(check(&text, &complete()).1.connections.is_empty());
    let development = OidcIssuer {
        issuer: "http://127.0.0.1:4444".to_owned(),
        ca: None,
        audiences: Vec::new(),
        username_claim: "sub".to_owned(),
        groups_claim: "groups".to_owned(),
        kubernetes_usernames: vec![],
        insecure_loopback: true,
    };
    let options = Options {
        allow_loopback_issuers: true,
        extra_issuers: vec![development.clone()],
        base_url: Some("http://127.0.0.1:8080/".to_owned()),
        ..complete()
    };
    let (problems, validated) = check(&text, &options);
    assert_eq!(problems, []);
    let config = validated.connections[0].config(7);
    assert_eq!(config.identity.oidc, [development]);
    assert_eq!(config.resources, ["http://127.0.0.1:8080/docs/mcp"]);
    assert_eq!(config.sequence, 7);
}

#[test]
fn an_issuer_on_loopback_is_accepted_only_where_it_is_allowed() {
    let text = MINIMAL.replace("https://idp.example.com", "http://localhost:4444");
    assert!(check(&text, &complete()).1.connections.is_empty());
    let options = Options { allow_loopback_issuers: true, ..complete() };
    let (problems, validated) = check(&text, &options);
    assert_eq!(problems, []);
    assert!(validated.connections[0].config(1).identity.oidc[0].insecure_loopback);
    let elsewhere = MINIMAL.replace("https://idp.example.com", "http://idp.example.com");
    assert!(check(&elsewhere, &options).1.connections.is_empty());
}

#[test]
fn under_one_base_url_two_connections_cannot_share_a_path() {
    let elsewhere = MINIMAL.replace("metadata:\n", "metadata:\n  namespace: other\n");
    let text = format!("{MINIMAL}\n---\n{elsewhere}");
    assert_eq!(check(&text, &complete()).1.connections.len(), 2);
    let options = Options { base_url: Some("http://127.0.0.1:8080".to_owned()), ..complete() };
    let (problems, validated) = check(&text, &options);
    assert_eq!(validated.connections.len(), 1);
    assert!(
        problems[0].to_string().contains("has the same URL here as McpConnection default/docs"),
        "{problems:#?}"
    );
}

#[test]
fn a_rule_holds_for_the_connections_of_its_own_namespace_alone() {
    let rule = "apiVersion: lychgate.dev/v1alpha1\nkind: MaskingRule\nmetadata: {name: pii, namespace: other}\n\
                spec:\n  targetRefs: [{kind: McpConnection, name: docs}]\n  detectors: [{type: Email, action: {redact: {}}}]\n";
    let (problems, validated) = check(&format!("{MINIMAL}\n---\n{rule}"), &complete());
    assert_eq!(problems.iter().map(|problem| problem.reason).collect::<Vec<_>>(), [Reason::NoTarget]);
    assert_eq!(validated.connections[0].config(1).masking, []);
}
