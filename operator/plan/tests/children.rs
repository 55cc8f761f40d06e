//! What objects depend on beside the connection's own fields: certificates and their names, tokens, rights,
//! and names that never meet.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;

use lychgate_operator_plan::{
    CHILD_KINDS, CONFIG_HASH_ANNOTATION, CertificateAuthority, FILL_ANNOTATION, MANAGER, MANAGER_LABEL,
    OWNED_BY_ANNOTATION, Options, RenderOptions, SEQUENCE_ANNOTATION, SHARERS_ANNOTATION, ValidConnection,
    render,
};
use serde_json::{Value, json};

use support::{FULL, MINIMAL, check, complete, documents, in_cluster, of_kind, set, write};

/// A connection for which every kind of object is made.
const SERVICE: &str = include_str!("testdata/service.input.yaml");

fn options() -> RenderOptions {
    RenderOptions::new("gateway:1", 7)
}

fn connection(text: &str, options: &Options) -> ValidConnection {
    let (problems, mut validated) = check(text, options);
    assert!(validated.connections.len() == 1, "{problems:#?}");
    validated.connections.remove(0)
}

/// The minimal connection after some fields were changed.
fn minimal_with(changes: &[(&str, &str, Value)]) -> ValidConnection {
    let mut objects = documents(MINIMAL);
    for (kind, path, value) in changes {
        set(of_kind(&mut objects, kind), path, Some(value.clone()));
    }
    connection(&write(&objects), &Options::default())
}

fn watching(credential_source: &Value) -> ValidConnection {
    let credential = json!({
        "name": "own",
        "inject": {"header": "Authorization", "format": "Bearer {value}"},
        "from": credential_source,
    });
    minimal_with(&[
        ("McpGateway", "spec.secretAccess", json!("Watch")),
        ("McpConnection", "spec.credentials", json!([credential])),
    ])
}

fn find<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found =
        objects.iter().filter(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.next().unwrap()
}

fn pod(objects: &[Value]) -> &Value {
    &objects.last().unwrap()["spec"]["template"]["spec"]
}

fn volume<'a>(objects: &'a [Value], name: &str) -> &'a Value {
    let volumes = pod(objects)["volumes"].as_array().unwrap();
    volumes.iter().find(|volume| volume["name"] == name).unwrap_or(&Value::Null)
}

fn arguments(objects: &[Value]) -> String {
    let arguments = pod(objects)["containers"][0]["args"].as_array().unwrap();
    arguments.iter().map(|argument| argument.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_object_is_of_a_listed_kind_and_carries_the_managers_label() {
    let mut rendered = BTreeSet::new();
    let authority = CertificateAuthority { pem: "PEM".to_owned(), fingerprint: "f".to_owned() };
    for text in [MINIMAL, FULL, SERVICE] {
        let options = RenderOptions { certificate_authority: Some(authority.clone()), ..options() };
        for object in render(&connection(text, &complete()), &options) {
            assert_eq!(object["metadata"]["labels"][MANAGER_LABEL], MANAGER, "{object}");
            let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
            rendered.insert((version.to_owned(), kind.to_owned()));
        }
    }
    let listed: BTreeSet<_> =
        CHILD_KINDS.iter().map(|child| (child.api_version.to_owned(), child.kind.to_owned())).collect();
    assert_eq!(rendered, listed);
}

#[test]
fn the_document_carries_its_sequence_and_a_hash_of_all_else() {
    let docs = minimal_with(&[]);
    let config_map = |options| {
        let objects = render(&docs, &options);
        find(&objects, "ConfigMap", "lychgate-docs")["metadata"]["annotations"].clone()
    };
    let (first, second) = (config_map(options()), config_map(RenderOptions { sequence: 8, ..options() }));
    assert_eq!((&first[SEQUENCE_ANNOTATION], &second[SEQUENCE_ANNOTATION]), (&json!("7"), &json!("8")));
    assert_eq!(first[CONFIG_HASH_ANNOTATION], docs.content_hash());
    assert_eq!(second[CONFIG_HASH_ANNOTATION], docs.content_hash());
    assert_eq!(docs.content_hash().len(), 64);
    let changed = minimal_with(&[("McpConnection", "spec.access[0].tools", json!(["query"]))]);
    assert_ne!(changed.content_hash(), docs.content_hash());
    // The replicas divide what each caller may ask for, so that their number is part of it.
    let scaled = minimal_with(&[("McpGateway", "spec.deployment", json!({"replicas": 5}))]);
    assert_eq!(scaled.replicas(), 5);
    assert_ne!(scaled.content_hash(), docs.content_hash());
    // What is no part of the document does not move the sequence.
    let labelled = minimal_with(&[("McpConnection", "metadata.labels", json!({"env": "test"}))]);
    assert_eq!(labelled.content_hash(), docs.content_hash());
}

#[test]
fn where_an_autoscaler_chooses_no_number_is_applied_and_limits_are_shared_within_its_bounds() {
    let fixed = minimal_with(&[("McpGateway", "spec.deployment", json!({"replicas": 5}))]).shared_by(9);
    assert_eq!((fixed.autoscaled(), fixed.config(1).limits.replicas), (None, 5), "nobody else chooses");
    let autoscaling = json!({"autoscaling": {"minReplicas": 3, "maxReplicas": 8, "callsUnderWay": 40}});
    let docs = minimal_with(&[("McpGateway", "spec.deployment", autoscaling)]);
    assert_eq!((docs.replicas(), docs.autoscaled()), (3, Some(3..=8)));
    for (ready, shared) in [(None, 3), (Some(0), 3), (Some(6), 6), (Some(50), 8)] {
        let docs = ready.map_or(docs.clone(), |ready| docs.clone().shared_by(ready));
        let objects = render(&docs, &options());
        let deployment = find(&objects, "Deployment", "lychgate-docs");
        assert_eq!(deployment["spec"].get("replicas"), None);
        assert_eq!(docs.config(1).limits.replicas, shared, "{ready:?}");
        let annotations = &find(&objects, "ConfigMap", "lychgate-docs")["metadata"]["annotations"];
        assert_eq!(annotations[SHARERS_ANNOTATION], shared.to_string(), "an operator goes on from there");
        let autoscaler = objects.last().unwrap();
        assert_eq!(autoscaler["kind"], "HorizontalPodAutoscaler", "after what it scales");
        assert_eq!(autoscaler["spec"]["metrics"].as_array().unwrap().len(), 1);
    }
    let hashes = [3, 4].map(|ready| docs.clone().shared_by(ready).content_hash());
    assert_ne!(hashes[0], hashes[1], "another number is another configuration");
    let pods = [3, 4].map(|ready| pod_of(&render(&docs.clone().shared_by(ready), &options())));
    assert_eq!(pods[0], pods[1], "and the same pods");
}

/// The pods of a gateway as its Deployment says them.
fn pod_of(objects: &[Value]) -> Value {
    find(objects, "Deployment", "lychgate-docs")["spec"]["template"].clone()
}

#[test]
fn a_certificate_has_another_name_when_anything_that_it_depends_on_changes() {
    let authority = |fingerprint: &str| CertificateAuthority {
        pem: "PEM".to_owned(),
        fingerprint: fingerprint.to_owned(),
    };
    let named = |connection: &ValidConnection, options: &RenderOptions| {
        let objects = render(connection, options);
        let name = volume(&objects, "tls")["secret"]["secretName"].as_str().unwrap().to_owned();
        let secret = find(&objects, "Secret", &name);
        assert_eq!(secret["metadata"]["annotations"][OWNED_BY_ANNOTATION], name);
        assert_eq!(secret["metadata"]["annotations"][FILL_ANNOTATION], "tls.crt,tls.key");
        let owner = find(&objects, "ConfigMap", &name);
        assert!(owner.get("data").is_none(), "{owner}");
        let place = |wanted: &Value| objects.iter().position(|object| object == wanted);
        assert!(place(owner) < place(secret), "what owns comes first");
        name
    };
    let docs = minimal_with(&[]);
    let hosts = ("McpGateway", "spec.listener", json!({"hostnames": ["mcp.example.com:8443"]}));
    let anew = ("McpConnection", "metadata.uid", json!("5a1c0f6e"));
    let names = [
        named(&docs, &options()),
        named(&docs, &RenderOptions { certificate_epoch: 1, ..options() }),
        named(&docs, &RenderOptions { certificate_authority: Some(authority("one")), ..options() }),
        named(&docs, &RenderOptions { certificate_authority: Some(authority("two")), ..options() }),
        named(&minimal_with(&[hosts]), &options()),
        named(&minimal_with(&[anew]), &options()),
    ];
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
    assert_eq!(named(&docs, &RenderOptions { sequence: 9, ..options() }), names[0], "nothing else matters");
}

#[test]
fn a_key_of_sessions_is_mounted_before_it_seals_while_it_seals_and_afterwards() {
    let at = |connection: &ValidConnection, epoch: u64| {
        let objects = render(connection, &RenderOptions { certificate_epoch: epoch, ..options() });
        let sources = volume(&objects, "keys")["projected"]["sources"].as_array().unwrap().clone();
        let file = |path: &str| {
            let has = |source: &&Value| {
                let items = source["secret"]["items"].as_array().unwrap();
                items.iter().any(|item| item["path"] == path)
            };
            let secret = &sources.iter().find(has).unwrap()["secret"];
            // A pod that waited for a key of before would never start.
            assert_eq!(secret["optional"] == true, path == "session.previous", "{path}");
            secret["name"].as_str().unwrap().to_owned()
        };
        let names = ["session.previous", "session", "session.next"].map(file);
        for name in &names {
            assert!(find(&objects, "ConfigMap", name).get("data").is_none(), "its owner");
        }
        for name in &names[1..] {
            let secret = find(&objects, "Secret", name);
            assert_eq!(secret["metadata"]["annotations"][OWNED_BY_ANNOTATION], **name);
            assert_eq!(secret["metadata"]["annotations"][FILL_ANNOTATION], "session");
        }
        let is_filled_anew = objects.iter().any(|object| {
            object["kind"] == "Secret" && object["metadata"]["name"].as_str() == Some(names[0].as_str())
        });
        assert!(!is_filled_anew, "another key than the one that sealed would open nothing");
        let lasting = file("signing");
        assert_eq!(file("names"), lasting);
        let annotations = &find(&objects, "Secret", &lasting)["metadata"]["annotations"];
        assert_eq!(annotations[FILL_ANNOTATION], "session,signing");
        (names, lasting)
    };
    let docs = minimal_with(&[]);
    let periods = [0, 1, 2].map(|epoch| at(&docs, epoch));
    // Pods of two periods that follow one another know the keys with which either seals.
    for [(earlier, lasting), (later, still)] in [[&periods[0], &periods[1]], [&periods[1], &periods[2]]] {
        assert_eq!(earlier[1..], later[..2]);
        assert_eq!(lasting, still, "what signs records and names things stays");
    }
    let all: BTreeSet<&String> =
        periods.iter().flat_map(|(names, lasting)| names.iter().chain([lasting])).collect();
    assert_eq!(all.len(), 6, "{all:?}");
    let anew = minimal_with(&[("McpConnection", "metadata.uid", json!("5a1c0f6e"))]);
    let (names, lasting) = at(&anew, 1);
    let shared = names.iter().chain([&lasting]).filter(|name| all.contains(name)).count();
    assert_eq!(shared, 0, "a connection that is made anew has keys of its own");
}

#[test]
fn a_certificate_is_for_the_service_and_the_host_names() {
    let hostnames = json!({"hostnames": ["mcp.example.com", "mcp.example.com:8443", "10.0.0.7:443"]});
    let docs = minimal_with(&[("McpGateway", "spec.listener", hostnames)]);
    assert!(docs.wants_certificate());
    assert_eq!(
        docs.certificate_names(),
        [
            "lychgate-docs.default.svc.cluster.local",
            "lychgate-docs.default.svc",
            "lychgate-docs.default",
            "mcp.example.com",
            "10.0.0.7",
        ]
    );
}

#[test]
fn the_authority_is_published_where_it_is_known_and_signs_something() {
    let authority = CertificateAuthority { pem: "PEM".to_owned(), fingerprint: "f".to_owned() };
    let known = RenderOptions { certificate_authority: Some(authority), ..options() };
    let published = |connection: &ValidConnection, options: &RenderOptions| {
        let objects = render(connection, options);
        objects.iter().find(|object| object["metadata"]["name"] == "lychgate-docs-ca").cloned()
    };
    let docs = minimal_with(&[]);
    assert_eq!(published(&docs, &known).unwrap()["data"], json!({"ca.crt": "PEM"}));
    assert_eq!(published(&docs, &options()), None);
    let plain = minimal_with(&[("McpGateway", "spec.listener", json!({"tls": {"mode": "Disabled"}}))]);
    assert_eq!(published(&plain, &known), None);
    assert!(!plain.wants_certificate());
}

#[test]
fn a_token_for_the_server_is_mounted_under_the_name_of_its_credential() {
    let source = json!({"serviceAccountToken": {"audience": "dbhub", "expirationSeconds": 900}});
    let objects = render(&watching(&source), &options());
    let projected = json!({"audience": "dbhub", "expirationSeconds": 900, "path": "own/token"});
    assert_eq!(
        volume(&objects, "tokens")["projected"]["sources"],
        json!([{"serviceAccountToken": projected}])
    );
    assert!(arguments(&objects).contains("--tokens-dir /etc/lychgate/tokens"), "{}", arguments(&objects));
    let document = find(&objects, "ConfigMap", "lychgate-docs")["data"]["docs.json"].as_str().unwrap();
    assert!(document.contains(r#""from":{"serviceAccountToken":{"audience":"dbhub"}}"#), "{document}");
    let without = render(&minimal_with(&[]), &options());
    assert!(volume(&without, "tokens").is_null() && !arguments(&without).contains("--tokens-dir"));
}

#[test]
fn a_watching_gateway_may_read_its_own_document_and_credential_and_nothing_else() {
    let rules = |connection: &ValidConnection| {
        let objects = render(connection, &options());
        find(&objects, "Role", "lychgate-docs")["rules"].as_array().unwrap()[1..].to_vec()
    };
    let may_watch = |resource: &str, name: &str| {
        json!({
            "apiGroups": [""],
            "resources": [resource],
            "resourceNames": [name],
            "verbs": ["get", "list", "watch"],
        })
    };
    let secret = watching(&json!({"secretKeyRef": {"name": "db", "key": "token"}}));
    assert_eq!(rules(&secret), [may_watch("configmaps", "lychgate-docs"), may_watch("secrets", "db")]);
    // A rule without names would speak of every Secret.
    let token = watching(&json!({"serviceAccountToken": {"audience": "dbhub"}}));
    assert_eq!(rules(&token), [may_watch("configmaps", "lychgate-docs")]);
    assert_eq!(rules(&minimal_with(&[])), Vec::<Value>::new(), "one that does not watch reads nothing");
}

#[test]
fn a_watching_gateway_reaches_the_api_server_with_a_token_of_its_own() {
    let secret = watching(&json!({"secretKeyRef": {"name": "db", "key": "token"}}));
    let objects = render(&secret, &RenderOptions { api_server_ports: vec![16443], ..options() });
    let expected = "--watch-config-map lychgate-docs --kubernetes-dir /etc/lychgate/kubernetes";
    assert!(arguments(&objects).contains(expected), "{}", arguments(&objects));
    let sources = volume(&objects, "kubernetes")["projected"]["sources"].as_array().unwrap();
    let files: Vec<&Value> = vec![
        &sources[0]["serviceAccountToken"]["path"],
        &sources[1]["configMap"]["items"][0]["path"],
        &sources[2]["downwardAPI"]["items"][0]["path"],
    ];
    assert_eq!(files, ["token", "ca.crt", "namespace"]);
    assert!(sources[0]["serviceAccountToken"].get("audience").is_none(), "it is for the API server");
    let egress = &find(&objects, "NetworkPolicy", "lychgate-docs")["spec"]["egress"];
    assert!(egress.as_array().unwrap().contains(&json!({"ports": [{"port": 16443, "protocol": "TCP"}]})));
    let without = render(&minimal_with(&[]), &options());
    assert!(volume(&without, "kubernetes").is_null() && !arguments(&without).contains("--watch-config-map"));
    assert_eq!(pod(&without)["automountServiceAccountToken"], false);
}

#[test]
fn the_image_is_pulled_as_the_operator_is_told() {
    let told = RenderOptions {
        image_pull_secrets: vec!["registry".to_owned()],
        image_pull_policy: Some("IfNotPresent".to_owned()),
        ..options()
    };
    let objects = render(&minimal_with(&[]), &told);
    assert_eq!(pod(&objects)["imagePullSecrets"], json!([{"name": "registry"}]));
    assert_eq!(pod(&objects)["containers"][0]["imagePullPolicy"], "IfNotPresent");
    let objects = render(&minimal_with(&[]), &options());
    assert!(pod(&objects).get("imagePullSecrets").is_none());
    assert!(pod(&objects)["containers"][0].get("imagePullPolicy").is_none());
}

#[test]
fn no_connection_can_be_named_after_an_object_of_another() {
    let authority = CertificateAuthority { pem: "PEM".to_owned(), fingerprint: "f".to_owned() };
    let options = RenderOptions { certificate_authority: Some(authority), ..options() };
    let objects_of = |name: &str| {
        let mut objects = documents(SERVICE);
        set(of_kind(&mut objects, "McpConnection"), "metadata.name", Some(json!(name)));
        let connection = connection(&write(&objects), &Options::default());
        let objects = render(&connection, &options).into_iter();
        let key = |object: &Value| format!("{} {}", object["kind"], object["metadata"]["name"]);
        objects.map(|object| key(&object)).collect::<BTreeSet<String>>()
    };
    let victim = objects_of("docs");
    assert!(victim.contains(r#""NetworkPolicy" "lychgate-docs-server""#), "with everything: {victim:?}");
    for taken in &victim {
        let name = taken.split('"').nth(3).unwrap().trim_start_matches("lychgate-").to_owned();
        let imitation = objects_of(&name);
        let shared: Vec<_> = victim.intersection(&imitation).collect();
        assert!(name == "docs" || shared.is_empty(), "{name}: {shared:?}");
    }
}

#[test]
fn the_shell_learns_what_it_needs_of_a_connection() {
    let billing = connection(FULL, &in_cluster());
    assert_eq!(billing.uid(), Some("5a1c0f6e-2f2b-4a70-9a4c-2f7a0f3b9d10"));
    assert_eq!((billing.gateway_name(), billing.child_name()), ("default", "lychgate-billing-db"));
    assert_eq!((billing.replicas(), billing.admin_port()), (3, 9090));
    assert!(!billing.wants_certificate() && billing.closed().is_none());
    let policies: Vec<String> = billing.policies().iter().map(ToString::to_string).collect();
    assert_eq!(
        policies,
        [
            "ApprovalPolicy agents/billing-writes",
            "CommandRule agents/statements",
            "MaskingRule agents/personal-data"
        ]
    );
    let objects = render(&billing, &options());
    let selector = &objects.last().unwrap()["spec"]["selector"]["matchLabels"];
    assert_eq!(&json!(billing.selected_labels()), selector);
}
