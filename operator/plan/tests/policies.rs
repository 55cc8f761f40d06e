//! Which policies hold for which connections, what a broken one does, and what closes a connection.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use lychgate_crds::Reason;
use lychgate_operator_plan::{Closed, Options, SecretWatch, Severity, Validated};
use proptest::prelude::*;
use serde_json::json;

use support::{MINIMAL, check, complete, documents, in_cluster, of_kind, set, write};

const OPERATOR: &str = "lychgate-system";
const EMAIL: &str = "detectors: [{type: Email, action: {redact: {}}}]";

/// Two tenants with labels, one of whose Namespace nothing is known, and the operator's own namespace.
fn world() -> String {
    let mut objects = Vec::new();
    for (namespace, tier) in [("gold", "gold"), ("iron", "iron"), (OPERATOR, "own")] {
        let metadata = json!({"name": namespace, "labels": {"tier": tier}});
        objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    }
    for namespace in ["gold", "iron", "bare", OPERATOR] {
        let mut gateway = documents(MINIMAL).remove(0);
        gateway["metadata"]["namespace"] = json!(namespace);
        objects.push(gateway);
    }
    for (namespace, name, labels) in [
        ("gold", "a", json!({"env": "prod"})),
        ("gold", "b", json!({"env": "dev", "team": "x"})),
        ("iron", "a", json!({"env": "prod"})),
        ("bare", "a", json!({})),
        (OPERATOR, "own", json!({})),
    ] {
        let mut connection = documents(MINIMAL).remove(1);
        connection["metadata"] = json!({"name": name, "namespace": namespace, "labels": labels});
        objects.push(connection);
    }
    write(&objects)
}

fn cluster() -> Options {
    Options { operator_namespace: Some(OPERATOR.to_owned()), ..complete() }
}

fn rule(namespace: &str, spec: &str) -> String {
    format!(
        "\n---\napiVersion: lychgate.dev/v1alpha1\nkind: MaskingRule\n\
         metadata: {{name: pii, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )
}

fn names(validated: &Validated) -> Vec<String> {
    validated.connections.iter().map(|connection| connection.name().to_string()).collect()
}

/// What the one rule of a text holds for.
fn reach(validated: &Validated) -> String {
    assert_eq!(validated.reach.len(), 1);
    let names: Vec<String> = validated.reach[0].connections.iter().map(ToString::to_string).collect();
    names.join(" ")
}

const ALL: &str = "bare/a gold/a gold/b iron/a lychgate-system/own";

/// Where a rule lies, by what it selects, and what it holds for.
fn rows_of_selection() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("gold", "targetRefs: [{kind: McpConnection, name: a}]", "gold/a"),
        ("gold", "targetRefs: [{kind: McpGateway, name: default}]", "gold/a gold/b"),
        ("gold", "connectionSelector: {}", "gold/a gold/b"),
        ("gold", "connectionSelector: {matchLabels: {env: prod}}", "gold/a"),
        ("gold", "connectionSelector: {matchLabels: {env: prod, team: x}}", ""),
        ("gold", "connectionSelector: {matchLabels: {env: \"\"}}", ""),
        (
            "gold",
            "connectionSelector: {matchExpressions: [{key: env, operator: In, values: [dev, test]}]}",
            "gold/b",
        ),
        (
            "gold",
            "connectionSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}",
            "gold/a",
        ),
        (
            "gold",
            "connectionSelector: {matchExpressions: [{key: team, operator: NotIn, values: [z]}]}",
            "gold/a gold/b",
        ),
        ("gold", "connectionSelector: {matchExpressions: [{key: team, operator: In, values: [z]}]}", ""),
        ("gold", "connectionSelector: {matchExpressions: [{key: team, operator: Exists}]}", "gold/b"),
        ("gold", "connectionSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}", "gold/a"),
        (
            "gold",
            "connectionSelector: {matchLabels: {env: dev}, matchExpressions: [{key: team, operator: DoesNotExist}]}",
            "",
        ),
        (
            "gold",
            "targetRefs: [{kind: McpConnection, name: b}], connectionSelector: {matchLabels: {env: prod}}",
            "gold/a gold/b",
        ),
        (OPERATOR, "connectionSelector: {}", "lychgate-system/own"),
        (OPERATOR, "namespaceSelector: {}", ALL),
        // Of a namespace that nobody has told of, only the name is known, and any label may be there.
        (OPERATOR, "namespaceSelector: {matchLabels: {tier: gold}}", "bare/a gold/a gold/b"),
        (OPERATOR, "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: iron}}", "iron/a"),
        (
            OPERATOR,
            "namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [bare]}]}",
            "gold/a gold/b iron/a lychgate-system/own",
        ),
        (OPERATOR, "namespaceSelector: {matchExpressions: [{key: tier, operator: Exists}]}", ALL),
        (OPERATOR, "namespaceSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}", "bare/a"),
        (
            OPERATOR,
            "namespaceSelector: {matchLabels: {tier: gold}}, connectionSelector: {matchLabels: {env: prod}}",
            "gold/a",
        ),
        (
            OPERATOR,
            "namespaceSelector: {matchLabels: {tier: iron}}, targetRefs: [{kind: McpConnection, name: own}]",
            "bare/a iron/a lychgate-system/own",
        ),
    ]
}

#[test]
fn a_rule_holds_for_what_it_names_and_selects_and_for_nothing_else() {
    for (namespace, selection, expected) in rows_of_selection() {
        let text = format!("{}{}", world(), rule(namespace, &format!("{selection}, {EMAIL}")));
        let (problems, validated) = check(&text, &cluster());
        assert_eq!(reach(&validated), expected, "{namespace}: {selection}");
        let is_clean = problems.iter().all(|problem| problem.severity == Severity::Warning);
        assert!(is_clean, "{namespace}: {selection}: {problems:#?}");
        let warned = problems.iter().any(|problem| problem.reason == Reason::NoTarget);
        assert_eq!(warned, expected.is_empty(), "{namespace}: {selection}: {problems:#?}");
        for connection in &validated.connections {
            let holds = expected.split(' ').any(|name| name == connection.name().to_string());
            let own = connection.name().namespace == namespace;
            let name = if own { "pii".to_owned() } else { format!("{namespace}/pii") };
            let masking: Vec<String> =
                connection.config(1).masking.into_iter().map(|rule| rule.name).collect();
            assert_eq!(masking, if holds { vec![name] } else { Vec::new() }, "{}", connection.name());
            assert_eq!(connection.policies().len(), usize::from(holds));
        }
    }
}

/// Rules with mistakes, and what they count for: at least for what they may have been meant for.
fn rows_of_mistakes() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        // Of what can be read, each part counts.
        ("gold", "targetRefs: [{kind: McpConnection, name: a}], detector: []", "gold/a"),
        ("gold", "targetRefs: [{kind: McpConnection, name: a}], directions: []", "gold/a"),
        ("gold", "connectionSelector: {matchLabels: {env: prod}}, directions: []", "gold/a"),
        (OPERATOR, "namespaceSelector: {matchLabels: {tier: iron}}, directions: []", "bare/a iron/a"),
        // Of a part with a mistake, all that it could be.
        ("gold", "targetRefs: [{kind: McpConnection, name: A}]", "gold/a gold/b"),
        ("gold", "targetRefs: [{kind: McpConnection, name: a, namespace: iron}]", "gold/a gold/b"),
        ("gold", "targetRefs: a", "gold/a gold/b"),
        ("gold", "connectionSelector: {matchlabels: {env: prod}}", "gold/a gold/b"),
        ("gold", "connectionSelector: {matchLabels: {env: true}}", "gold/a gold/b"),
        (
            "gold",
            "connectionSelector: {matchExpressions: [{key: env, operator: In, value: [x]}]}",
            "gold/a gold/b",
        ),
        (
            OPERATOR,
            "namespaceSelector: {matchLabels: {tier: iron}}, connectionSelector: {matchLabels: {env: no way}}",
            "bare/a iron/a",
        ),
        (
            OPERATOR,
            "namespaceSelector: {matchLabels: {tier: no way}}, connectionSelector: {matchLabels: {env: prod}}",
            "gold/a iron/a",
        ),
        (OPERATOR, "namespaceSelector: gold", ALL),
        // A part that may be misspelt may be any of them; nobody writes a rule for nothing.
        ("gold", "targets: [{kind: McpConnection, name: a}]", "gold/a gold/b"),
        ("gold", "selector: {}, targetRefs: [{kind: McpConnection, name: a}]", "gold/a gold/b"),
        ("gold", "directions: [Response]", "gold/a gold/b"),
        ("gold", "detector: []", "gold/a gold/b"),
        (OPERATOR, "namespaceselector: {}", ALL),
        (OPERATOR, "selector: {}", ALL),
        (OPERATOR, "directions: []", ALL),
        (OPERATOR, "targetRefs: [{kind: McpConnection, name: OWN}]", "lychgate-system/own"),
        // A tenant's rule never reaches another, whatever is wrong with it.
        ("gold", "namespaceSelector: {}", "gold/a gold/b"),
        ("gold", "namespaceSelector: {matchLabels: {tier: iron}}", ""),
        ("gold", "namespaceSelector: everybody", "gold/a gold/b"),
    ]
}

#[test]
fn a_rule_with_a_mistake_keeps_out_whatever_it_may_have_been_meant_for() {
    for (namespace, spec, expected) in rows_of_mistakes() {
        let text = format!("{}{}", world(), rule(namespace, &format!("{spec}, {EMAIL}")));
        let (problems, validated) = check(&text, &cluster());
        assert_eq!(reach(&validated), expected, "{namespace}: {spec}: {problems:#?}");
        let is_told = problems.iter().any(|problem| {
            problem.object.as_ref().is_some_and(|object| object.kind == "MaskingRule")
                && problem.severity == Severity::Error
        });
        assert!(is_told, "{namespace}: {spec}: {problems:#?}");
        let others: Vec<&str> =
            ALL.split(' ').filter(|name| expected.split(' ').all(|kept_out| kept_out != *name)).collect();
        let mut valid = names(&validated);
        valid.sort();
        assert_eq!(valid, others, "{namespace}: {spec}: {problems:#?}");
    }
}

#[test]
fn a_rule_whose_text_or_place_in_it_is_wrong_counts_for_all_that_it_could_hold_for() {
    let outside = rule("gold", EMAIL).replace("spec:", "connectionSelector: {}\nspec:");
    let twice =
        rule("gold", &format!("targetRefs: [{{kind: McpConnection, name: a}}], targetRefs: [], {EMAIL}"));
    let without = rule("gold", EMAIL).replace("spec:", "specs:");
    for text in [outside, twice, without] {
        let (problems, validated) = check(&format!("{}{text}", world()), &cluster());
        assert_eq!(reach(&validated), "gold/a gold/b", "{text}: {problems:#?}");
    }
}

#[test]
fn from_files_a_rule_may_select_namespaces_wherever_it_lies() {
    let text = format!("{}{}", world(), rule("gold", &format!("namespaceSelector: {{}}, {EMAIL}")));
    let (problems, validated) = check(&text, &complete());
    assert_eq!((problems, reach(&validated).as_str()), (Vec::new(), ALL));
}

#[test]
fn labels_of_a_namespace_with_a_mistake_count_as_unknown() {
    let selection = format!("namespaceSelector: {{matchLabels: {{tier: platinum}}}}, {EMAIL}");
    let text = format!("{}{}", world(), rule(OPERATOR, &selection));
    assert_eq!(reach(&check(&text, &cluster()).1), "bare/a");
    let (problems, validated) = check(&text.replace("tier: iron", "tier: 7"), &cluster());
    assert_eq!(reach(&validated), "bare/a iron/a");
    let line = problems[0].to_string();
    assert!(
        line.contains(": Namespace iron: metadata.labels.tier: is a number; write it in quotes"),
        "{line}"
    );
}

#[test]
fn a_connection_without_the_policy_that_its_gateway_requires_is_closed_and_stays_valid() {
    let mut objects = documents(&world());
    for gateway in objects.iter_mut().filter(|object| object["kind"] == "McpGateway") {
        set(gateway, "spec.requires", Some(json!(["MaskingRule"])));
    }
    let selection =
        format!("namespaceSelector: {{}}, connectionSelector: {{matchLabels: {{env: prod}}}}, {EMAIL}");
    let text = format!("{}{}", write(&objects), rule(OPERATOR, &selection));
    let (problems, validated) = check(&text, &cluster());
    let missing = Some(Closed::RequiredPolicyMissing);
    let closed: Vec<_> =
        validated.connections.iter().map(|next| (next.name().to_string(), next.closed())).collect();
    let expected = [
        ("gold/a", None),
        ("gold/b", missing),
        ("iron/a", None),
        ("bare/a", missing),
        ("lychgate-system/own", missing),
    ];
    assert_eq!(closed, expected.map(|(name, closed)| (name.to_owned(), closed)));
    assert!(validated.connections.iter().all(|next| next.config(1).closed == next.closed()));
    assert_eq!(problems.iter().filter(|problem| problem.reason == Reason::RequiredPolicyMissing).count(), 3);
}

#[test]
fn what_is_suspended_is_closed_for_that_reason_first() {
    let closed = |changes: &[(&str, &str, serde_json::Value)]| {
        let mut objects = documents(MINIMAL);
        for (kind, path, value) in changes {
            set(of_kind(&mut objects, kind), path, Some(value.clone()));
        }
        let (_, validated) = check(&write(&objects), &complete());
        validated.connections[0].closed()
    };
    let suspend = |kind| (kind, "spec.suspended", json!(true));
    let require = ("McpGateway", "spec.requires", json!(["MaskingRule"]));
    assert_eq!(closed(&[]), None);
    assert_eq!(closed(&[suspend("McpConnection")]), Some(Closed::Suspended));
    assert_eq!(closed(&[suspend("McpGateway")]), Some(Closed::Suspended));
    assert_eq!(closed(&[suspend("McpConnection"), require]), Some(Closed::Suspended));
}

#[test]
fn secrets_are_watched_only_where_the_operator_may_grant_it() {
    let text = MINIMAL.replace("spec:\n  identity:", "spec:\n  secretAccess: Watch\n  identity:");
    for (watch, count) in [
        (SecretWatch::Unknown, 1),
        (SecretWatch::All, 1),
        (SecretWatch::Namespaces(["default".to_owned()].into()), 1),
        (SecretWatch::Namespaces(["defaults".to_owned()].into()), 0),
        (SecretWatch::Namespaces([].into()), 0),
    ] {
        let options = Options { secret_watch: watch.clone(), ..complete() };
        let (problems, validated) = check(&text, &options);
        assert_eq!((validated.connections.len(), validated.gateways.len()), (count, count), "{watch:?}");
        let reasons: Vec<Reason> = problems.iter().map(|problem| problem.reason).collect();
        let expected = [Reason::SecretWatchNotGranted, Reason::RefInvalid];
        assert_eq!(reasons, if count == 1 { Vec::new() } else { expected.to_vec() }, "{watch:?}");
    }
}

#[test]
fn service_accounts_of_the_cluster_call_with_its_keys_and_from_files_with_none() {
    let with = |kubernetes: &str| {
        MINIMAL.replace("  identity:\n", &format!("  identity:\n    kubernetes: {kubernetes}\n"))
    };
    let identity = |text: &str, options: &Options| {
        let (problems, validated) = check(text, options);
        assert_eq!(problems, []);
        validated.connections[0].config(1).identity.kubernetes
    };
    assert_eq!(identity(&with("{enabled: false, audiences: [a]}"), &in_cluster()), None);
    assert_eq!(identity(&with("{}"), &in_cluster()), None);
    let served = identity(&with("{enabled: true, audiences: [a]}"), &in_cluster()).unwrap();
    assert_eq!((served.issuer.as_str(), served.keys.len()), ("https://cluster.example.com", 1));
    assert_eq!(served.audiences, ["a"]);
    let unknown = identity(&with("{enabled: true}"), &complete()).unwrap();
    assert_eq!(unknown.issuer, "https://kubernetes.default.svc.cluster.local");
    assert_eq!((unknown.keys, unknown.audiences), (Vec::new(), Vec::new()));
    // They are callers enough for a gateway; switched off, they are none.
    let alone = |enabled: bool| {
        let mut objects = documents(MINIMAL);
        let identity = json!({"kubernetes": {"enabled": enabled}});
        set(of_kind(&mut objects, "McpGateway"), "spec.identity", Some(identity));
        check(&write(&objects), &in_cluster()).1.connections.len()
    };
    assert_eq!((alone(true), alone(false)), (1, 0));
}

#[test]
fn the_order_in_which_a_cluster_lists_its_keys_changes_no_document() {
    let text = MINIMAL.replace("  identity:\n", "  identity:\n    kubernetes: {enabled: true}\n");
    let hash = |keys: [serde_json::Value; 2]| {
        let mut options = in_cluster();
        options.cluster.as_mut().unwrap().keys = keys.to_vec();
        check(&text, &options).1.connections[0].content_hash()
    };
    let (one, two) = (json!({"kty": "EC", "kid": "1"}), json!({"kty": "RSA", "kid": "2"}));
    assert_eq!(hash([one.clone(), two.clone()]), hash([two.clone(), one.clone()]));
    assert_ne!(hash([one.clone(), two]), hash([one.clone(), one]));
}

/// A rule with every way to say what it holds for, which is everything but `bare/a`; each key stands once.
const FOR_ALMOST_ALL: &str = "
---
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata:
  name: pii
  namespace: lychgate-system
spec:
  targetRefs:
  - {name: own, kind: McpConnection}
  connectionSelector:
    matchExpressions:
    - {key: env, operator: In, values: [prod, dev]}
  namespaceSelector:
    matchLabels: {}
  detectors:
  - {type: Email, action: {redact: {}}}
";

proptest! {
    #[test]
    fn one_slip_in_a_key_of_a_rule_never_serves_a_connection_without_it(
        line in 2_usize..16,
        word in 0_usize..4,
        place in 0_usize..20,
        slip in prop_oneof!["", "[a-zA-Z]", "[a-z]{2}"],
        keeps in any::<bool>(),
    ) {
        let whole = format!("{}{FOR_ALMOST_ALL}", world());
        let (_, unharmed) = check(&whole, &cluster());
        let held = reach(&unharmed);
        assert_eq!(held, "gold/a gold/b iron/a lychgate-system/own");

        let mut lines: Vec<String> = FOR_ALMOST_ALL.lines().map(str::to_owned).collect();
        let keys: Vec<(usize, usize)> = keys_of(&lines[line]);
        prop_assume!(!keys.is_empty());
        let (start, end) = keys[word % keys.len()];
        let at = start + place % (end - start);
        lines[line].replace_range(at..if keeps { at } else { at + 1 }, &slip);
        let (_, validated) = check(&format!("{}{}\n", world(), lines.join("\n")), &cluster());
        for connection in &validated.connections {
            let name = connection.name().to_string();
            let is_masked = !connection.config(1).masking.is_empty();
            prop_assert!(is_masked || !held.split(' ').any(|held| held == name), "{name}: {}", lines[line]);
        }
    }
}

/// Where the keys of a line begin and end.
fn keys_of(line: &str) -> Vec<(usize, usize)> {
    let mut keys = Vec::new();
    for (end, _) in line.match_indices(':') {
        let start = line
            .get(..end)
            .unwrap()
            .rfind(|last: char| !last.is_ascii_alphanumeric())
            .map_or(0, |before| before + 1);
        if start < end {
            keys.push((start, end));
        }
    }
    keys
}
