//! Objects that are wrong: refused by their schema, or told what is wrong, and never in the way of others.

use lychgate_tests_cluster::eventually;
use serde_json::{Value, json};

use crate::support::manifests::{connection, credential, gateway, rule, targets};
use crate::support::tenant::Tenant;
use crate::support::{PATIENCE, cluster};

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_can_tell_is_refused_at_once_with_the_field() {
    let tenant = Tenant::new(cluster().await, "refused").await;
    let upstream = |url: &str| json!({"upstream": {"url": url}});
    for (object, field, words) in [
        (connection("db", upstream("ftp://example.com")), "spec.upstream.url", "http"),
        (connection("db", upstream("http://169.254.169.254/latest")), "spec.upstream.url", "link-local"),
        (connection("db", json!({"access": [{"tools": ["*"]}]})), "spec.access[0]", "users"),
        (connection("db", json!({"limits": {"messageBytes": "1Gi"}})), "spec.limits.messageBytes", "64Mi"),
        (connection("db", json!({"acess": []})), "spec.acess", "unknown field"),
        (gateway(json!({"identity": {}})), "spec.identity", "issuer"),
        (gateway(json!({"deployment": {"replicas": 0}})), "spec.deployment.replicas", "1"),
        (gateway(json!({"secretAccess": "Read"})), "spec.secretAccess", "Mount"),
        (rule("mail", json!({})), "spec", "targetRefs"),
    ] {
        let arguments = ["apply", "--namespace", tenant.name(), "--filename=-"];
        let refusal = tenant.cluster.kubectl(&arguments).input(&object.to_string()).fail().await;
        for expected in [field, words] {
            assert!(refusal.contains(expected), "{expected}: {refusal}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_cannot_tell_is_told_with_the_field_in_accepted() {
    let (tenant, _operator) = Tenant::with_operator("told").await;
    let mut mail = rule("mail", targets("db"));
    mail["spec"]["exclude"] = json!({"values": {"regex": ["("]}});
    let mut nobody = connection("nobody", json!({"access": []}));
    nobody["spec"]["suspended"] = json!(true);
    tenant
        .apply(&[
            gateway(json!({"secretAccess": "Watch"})),
            connection("lost", json!({"gatewayRef": {"name": "defalt"}})),
            connection("db", credential("db")),
            connection("long", json!({"access": grants()})),
            nobody,
            mail,
            rule("nothing", targets("dbb")),
            rule("wide", json!({"namespaceSelector": {}})),
        ])
        .await;
    for (kind, name, expected, message) in [
        ("McpGateway", "default", "False SecretWatchNotGranted", "spec.secretAccess: "),
        ("McpConnection", "lost", "False RefNotFound", "spec.gatewayRef.name: there is no McpGateway defalt"),
        ("McpConnection", "db", "False RefInvalid", "spec.gatewayRef.name: McpGateway"),
        ("MaskingRule", "mail", "False InvalidValue", "spec.exclude.values.regex[0]: "),
        ("MaskingRule", "nothing", "False NoTarget", "spec.targetRefs[0].name: "),
    ] {
        let told = tenant.becomes(kind, name, "Accepted", expected).await;
        assert!(told.message.starts_with(message), "{kind} {name}: {told:?}");
    }
    // The operator lives in this namespace, so that its rule may select namespaces.
    tenant.becomes("MaskingRule", "wide", "Accepted", "True Accepted").await;

    tenant.apply(&[gateway(json!({}))]).await;
    let told = tenant.becomes("McpConnection", "db", "Accepted", "False PolicyInvalid").await;
    assert!(told.message.contains("MaskingRule") && told.message.contains("mail"), "{told:?}");
    let told = tenant.becomes("McpConnection", "long", "Accepted", "False ConfigTooLarge").await;
    assert!(told.message.starts_with("spec: takes "), "{told:?}");
    let told = tenant.becomes("McpConnection", "nobody", "Accepted", "True Accepted").await;
    assert!(told.message.contains("spec.access: denies everyone"), "a warning is told, too: {told:?}");
}

/// More than a ConfigMap holds.
fn grants() -> Value {
    let tools = |grant: usize| -> Vec<String> {
        (0..64).map(|tool| format!("{grant}-{tool}-{}", "x".repeat(240))).collect()
    };
    (0..64).map(|grant| json!({"groups": ["analysts"], "tools": tools(grant)})).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_the_operator_does_not_know_is_told_and_stops_nobody_else() {
    let tenant = Tenant::new(cluster().await, "unknown").await;
    // A definition of a later version knows a field that this operator does not.
    let field = json!({"properties": {"spec": {"properties": {"later": {"type": "string"}}}}});
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later";
    let patch =
        json!([{"op": "add", "path": path, "value": field["properties"]["spec"]["properties"]["later"]}]);
    let patch = format!("--patch={patch}");
    let definition = "customresourcedefinition/mcpconnections.lychgate.dev";
    tenant.cluster.kubectl(&["patch", definition, "--type=json", &patch]).succeed().await;

    let later = connection("later", json!({"later": "yes"})).to_string();
    let arguments = ["apply", "--validate=false", "--namespace", tenant.name(), "--filename=-"];
    eventually("the new field to be kept", PATIENCE, async || {
        tenant.cluster.kubectl(&arguments).input(&later).succeed().await;
        let spec = tenant.get("McpConnection", "later").await["spec"].clone();
        if spec["later"] == "yes" { Ok(()) } else { Err(spec.to_string()) }
    })
    .await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    // Not before: as long as the field was pruned, what was left of the connection was valid.
    let _operator = tenant.operator().lead().await;
    let told = tenant.becomes("McpConnection", "later", "Accepted", "False UnknownField").await;
    assert!(told.message.starts_with("spec.later: "), "{told:?}");
    tenant.is_published("db").await;
    assert!(tenant.children("later").await.is_empty());
}
