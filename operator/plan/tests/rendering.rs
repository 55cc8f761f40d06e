//! The objects that are made: held as they are by golden files, and to what holds for all of them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the test, not the crate, reads and writes golden files")]

mod support;

use std::path::Path;

use lychgate_gateway_policy::compile;
use lychgate_gateway_policy::config::GatewayConfig;
use lychgate_operator_plan::{Options, RenderOptions, ValidConnection, render};
use proptest::prelude::*;
use serde_json::{Value, json};

use support::{FULL, MINIMAL, check, complete, documents, of_kind, set, write};

/// A connection to a Service beside it.
const SERVICE: &str = include_str!("testdata/service.input.yaml");

fn options() -> RenderOptions {
    RenderOptions {
        operator_namespace: Some("lychgate-system".to_owned()),
        ..RenderOptions::new("registry.example.com/lychgate/gateway:0.1.0", 1)
    }
}

fn connection(text: &str, options: &Options) -> ValidConnection {
    let (problems, mut validated) = check(text, options);
    assert!(validated.connections.len() == 1, "{problems:#?}");
    validated.connections.remove(0)
}

/// The document of the ConfigMap among some objects.
fn config(objects: &[Value]) -> GatewayConfig {
    let is_it = |object: &&Value| object["kind"] == "ConfigMap" && object["data"].is_object();
    let documents = objects.iter().find(is_it).unwrap()["data"].as_object().unwrap();
    assert_eq!(documents.len(), 1);
    serde_json::from_str(documents.values().next().unwrap().as_str().unwrap()).unwrap()
}

fn hold(name: &str, text: &str) {
    let objects = render(&connection(text, &complete()), &options());
    let written = lychgate_crds::yaml::write_all(&objects);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &written).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(written.lines()).position(|(expected, written)| expected != written);
    assert!(
        expected == written,
        "{} differs from what is rendered, first in line {:?}. \
         Run `UPDATE_GOLDEN=1 cargo test -p lychgate-operator-plan` and look at the difference.",
        path.display(),
        differs.map(|line| line + 1)
    );
}

#[test]
fn the_least_connection_renders_as_it_is_held() {
    hold("minimal.golden.yaml", MINIMAL);
}

#[test]
fn a_connection_with_everything_renders_as_it_is_held() {
    hold("full.golden.yaml", FULL);
}

#[test]
fn a_connection_to_a_service_renders_as_it_is_held() {
    hold("service.golden.yaml", SERVICE);
}

#[test]
fn what_a_pod_needs_comes_before_the_pod() {
    let objects = render(&connection(MINIMAL, &complete()), &options());
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    let expected = [
        "ServiceAccount",
        "Secret",
        // Of each key of sessions the owner comes first; that of the period before may own nothing.
        "ConfigMap",
        "ConfigMap",
        "ConfigMap",
        "Secret",
        "Secret",
        "ConfigMap",
        "Secret",
        "ConfigMap",
        "Role",
        "RoleBinding",
        "NetworkPolicy",
        "Service",
        "PodDisruptionBudget",
        "Deployment",
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn without_tls_there_is_no_certificate_and_the_service_is_plain() {
    let mut objects = documents(MINIMAL);
    set(of_kind(&mut objects, "McpGateway"), "spec.listener", Some(json!({"tls": {"mode": "Disabled"}})));
    let connection = connection(&write(&objects), &complete());
    assert_eq!(connection.resources(), ["http://lychgate-docs.default.svc:8443/docs/mcp"]);
    let rendered = render(&connection, &options());
    let text = serde_json::to_string(&rendered).unwrap();
    assert!(
        text.contains("\"--plaintext\"")
            && !text.contains("--tls-dir")
            && !text.contains("lychgate-docs-tls")
    );
}

#[test]
fn every_object_is_labelled_named_and_without_status() {
    for text in [MINIMAL, FULL] {
        for object in render(&connection(text, &complete()), &options()) {
            let labels = &object["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/managed-by"], "lychgate-operator", "{object}");
            assert!(object["metadata"]["name"].as_str().unwrap().starts_with("lychgate-"), "{object}");
            assert!(object["apiVersion"].is_string() && object.get("status").is_none(), "{object}");
            assert!(
                object["kind"] != "Secret"
                    || object.get("data").is_none() && object.get("stringData").is_none()
            );
        }
    }
}

#[test]
fn a_pod_outlives_its_longest_call() {
    let objects = render(&connection(FULL, &complete()), &options());
    let pod = &objects.last().unwrap()["spec"]["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 5 + 600 + 10);
    assert_eq!(pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], 5);
}

/// Names of which RFC 1123 says that they are subdomains.
fn names() -> impl Strategy<Value = String> {
    let label = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
    prop::collection::vec(label, 1..5)
        .prop_map(|labels| labels.join("."))
        .prop_filter("at most 253 characters", |name| name.len() <= 253)
}

fn assert_within_limits(objects: &[Value]) {
    for object in objects {
        let limit = if object["kind"] == "Service" { 63 } else { 253 };
        let name = object["metadata"]["name"].as_str().unwrap();
        assert!(name.len() <= limit && !name.contains('.'), "{name}");
        let selectors = [&object["metadata"]["labels"], &object["spec"]["template"]["metadata"]["labels"]];
        for (_, value) in selectors.into_iter().flat_map(|labels| labels.as_object().into_iter().flatten()) {
            let value = value.as_str().unwrap();
            assert!(
                value.len() <= 63 && value.ends_with(|last: char| last.is_ascii_alphanumeric()),
                "{value}"
            );
        }
        for volume in object["spec"]["template"]["spec"]["volumes"].as_array().into_iter().flatten() {
            assert!(volume["name"].as_str().unwrap().len() <= 63);
        }
        for key in object["data"].as_object().into_iter().flat_map(|data| data.keys()) {
            assert!(key.len() <= 253, "{key}");
        }
    }
}

#[test]
fn the_longest_name_renders_within_limits() {
    let name = format!("{}.{}", "a".repeat(63), "b".repeat(189));
    let mut objects = documents(FULL);
    set(of_kind(&mut objects, "McpConnection"), "metadata.name", Some(json!(name)));
    set(of_kind(&mut objects, "MaskingRule"), "spec.targetRefs[0].name", Some(json!(name)));
    assert_within_limits(&render(&connection(&write(&objects), &complete()), &options()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_valid_renders_and_its_gateway_takes_it(
        name in names(),
        secret in names(),
        call in prop_oneof![Just("1ms"), Just("90s"), Just("1d"), Just("24h"), Just("999999ms")],
        size in prop_oneof![Just(json!(1024)), Just(json!("64Mi")), Just(json!("1M"))],
        host in prop_oneof![Just("dbhub"), Just("10.0.0.7"), Just("[2001:db8::7]"), Just("a.b.svc.cluster.local")],
        glob in "[ -~]{1,20}",
    ) {
        let mut objects = documents(FULL);
        objects.retain(|object| object["kind"] != "Secret");
        let connection_object = of_kind(&mut objects, "McpConnection");
        set(connection_object, "metadata.name", Some(json!(name)));
        set(connection_object, "spec.credentials[0].from.secretKeyRef.name", Some(json!(secret)));
        set(connection_object, "spec.upstream.timeouts.call", Some(json!(call)));
        set(connection_object, "spec.limits.messageBytes", Some(size));
        set(connection_object, "spec.upstream.url", Some(json!(format!("https://{host}/mcp"))));
        set(connection_object, "spec.access[1].tools", Some(json!([glob])));
        set(of_kind(&mut objects, "MaskingRule"), "spec.targetRefs[0].name", Some(json!(name)));
        let objects = render(&connection(&write(&objects), &Options::default()), &options());
        assert_within_limits(&objects);
        prop_assert!(objects.iter().all(Value::is_object));
        let compiled = compile(config(&objects));
        prop_assert!(compiled.is_ok(), "{:?}", compiled.err());
    }
}
