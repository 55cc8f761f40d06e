//! From `kubectl apply` to `kubectl delete`.

use serde_json::{Value, json};

use crate::support::operator::Operator;
use crate::support::{GATEWAY, RULE, cluster, condition, connection, document, eventually, get, until};

/// Everything that is made for the connection `customers`, beside Secrets whose names have a hash.
const CHILDREN: [(&str, &str); 9] = [
    ("serviceaccount", "lychgate-customers"),
    ("configmap", "lychgate-customers"),
    ("configmap", "lychgate-customers-ca"),
    ("role", "lychgate-customers"),
    ("rolebinding", "lychgate-customers"),
    ("networkpolicy", "lychgate-customers"),
    ("service", "lychgate-customers"),
    ("poddisruptionbudget", "lychgate-customers"),
    ("deployment", "lychgate-customers"),
];

/// A rule whose words stand in a ConfigMap.
pub const RULE_OF_WORDS: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: units}
spec:
  targetRefs: [{kind: McpConnection, name: customers}]
  custom:
  - {name: unit, termsFrom: {configMapKeyRef: {name: words, key: units}}, action: {redact: {}}}
";

#[tokio::test(flavor = "multi_thread")]
async fn applied_objects_become_a_gateway_and_deleted_ones_leave_nothing() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("lifecycle").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "lifecycle", name, &[name]);
    cluster.apply_yaml_in(name, GATEWAY).await;
    cluster.apply_yaml_in(name, RULE).await;
    until(name, "maskingrule", "personal-data", "Accepted", "False/NoTarget").await;
    cluster.apply_yaml_in(name, &connection("customers", "http://10.1.2.3:8000/mcp")).await;

    let object = until(name, "mcpconnection", "customers", "Accepted", "True/Accepted").await;
    assert_eq!(condition(&object, "Programmed").as_deref(), Some("Unknown/NoReplica"));
    assert_eq!(object["status"]["policies"], serde_json::json!(["MaskingRule personal-data"]));
    let url = format!("https://lychgate-customers.{name}.svc:8443/customers/mcp");
    assert_eq!(object["status"]["url"].as_str(), Some(url.as_str()));
    let rule = until(name, "maskingrule", "personal-data", "Accepted", "True/Accepted").await;
    assert_eq!(rule["status"]["connections"], serde_json::json!([format!("{name}/customers")]));
    for (kind, child) in CHILDREN {
        let child = eventually(child, async || get(name, kind, child).await).await;
        let owner = &child["metadata"]["ownerReferences"][0];
        assert_eq!(owner["uid"], object["metadata"]["uid"], "{kind}");
        assert_eq!(
            child["metadata"]["labels"]["app.kubernetes.io/managed-by"], "lychgate-operator",
            "{kind}"
        );
    }
    let written_by = object["metadata"]["managedFields"].as_array().unwrap();
    let by_operator = written_by.iter().filter(|entry| entry["manager"] == "lychgate-operator");
    assert!(
        by_operator.clone().count() > 0
            && by_operator.into_iter().all(|entry| entry["subresource"] == "status")
    );

    cluster.kubectl(&["delete", "mcpconnection", "customers", "-n", name]).succeed().await;
    eventually("everything to be gone", async || {
        let kinds = "sa,cm,secret,role,rolebinding,netpol,svc,pdb,deploy,rs,pod";
        let listed = cluster.kubectl(&["get", kinds, "-n", name, "-o", "name"]).succeed().await;
        (!listed.contains("lychgate-customers")).then_some(())
    })
    .await;
    until(name, "maskingrule", "personal-data", "Accepted", "False/NoTarget").await;
    namespace.delete().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_rule_keeps_the_last_good_configuration_and_a_mended_one_replaces_it() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("broken").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "broken", name, &[name]);
    cluster
        .apply_yaml_in(
            name,
            &format!("{GATEWAY}---{RULE}---{}", connection("customers", "http://10.1.2.3:8000/mcp")),
        )
        .await;
    until(name, "mcpconnection", "customers", "Accepted", "True/Accepted").await;
    let good = eventually("a document", async || document(name, "lychgate-customers").await).await;

    let patch = r#"{"spec":{"fields":[{"jsonPath":"$.a[","action":{"redact":{}}}]}}"#;
    let arguments = ["patch", "maskingrule", "personal-data", "-n", name, "--type=merge", "-p", patch];
    cluster.kubectl(&arguments).succeed().await;
    let object = until(name, "mcpconnection", "customers", "Accepted", "False/PolicyInvalid").await;
    assert_eq!(condition(&object, "Ready").as_deref(), Some("False/NotAccepted"));
    let rule = until(name, "maskingrule", "personal-data", "Accepted", "False/InvalidValue").await;
    let message = rule["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("spec.fields[0].jsonPath: "), "{message}");
    assert_eq!(document(name, "lychgate-customers").await, Some(good.clone()));

    let patch = r#"{"spec":{"fields":[{"jsonPath":"$.a","action":{"redact":{}}}]}}"#;
    let arguments = ["patch", "maskingrule", "personal-data", "-n", name, "--type=merge", "-p", patch];
    cluster.kubectl(&arguments).succeed().await;
    until(name, "mcpconnection", "customers", "Accepted", "True/Accepted").await;
    let mended = document(name, "lychgate-customers").await.unwrap();
    assert!(sequence(&mended) > sequence(&good));
    assert_eq!(mended["masking"][0]["fields"][0]["jsonPath"], "$.a");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_schema_cannot_say_is_reported_with_its_field_and_what_it_can_is_refused() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("invalid").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "invalid", name, &[name]);
    cluster.apply_yaml_in(name, &connection("customers", "http://10.1.2.3:8000/mcp")).await;
    let object = until(name, "mcpconnection", "customers", "ResolvedRefs", "False/RefNotFound").await;
    let message = object["status"]["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("spec.gatewayRef.name: there is no McpGateway default"), "{message}");

    let wrong = connection("wrong", "http://169.254.169.254/latest");
    let refused = cluster.kubectl(&["apply", "-n", name, "-f", "-"]).input(&wrong).fail().await;
    assert!(refused.contains("spec.upstream.url") && refused.contains("metadata"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_connection_or_one_that_lacks_a_required_policy_is_closed() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("closed").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "closed", name, &[name]);
    let gateway = GATEWAY.replace("spec: {", "spec: {requires: [MaskingRule], ");
    cluster
        .apply_yaml_in(name, &format!("{gateway}---{}", connection("customers", "http://10.1.2.3:8000/mcp")))
        .await;
    until(name, "mcpconnection", "customers", "Ready", "False/RequiredPolicyMissing").await;
    assert_eq!(closed(name).await, "RequiredPolicyMissing");
    cluster.apply_yaml_in(name, RULE).await;
    until(name, "mcpconnection", "customers", "Ready", "Unknown/NoReplica").await;
    assert_eq!(closed(name).await, Value::Null);
    let arguments = [
        "patch",
        "mcpgateway",
        "default",
        "-n",
        name,
        "--type=merge",
        "-p",
        r#"{"spec":{"suspended":true}}"#,
    ];
    cluster.kubectl(&arguments).succeed().await;
    until(name, "mcpconnection", "customers", "Ready", "False/Suspended").await;
    assert_eq!(closed(name).await, "Suspended");
}

async fn closed(namespace: &str) -> Value {
    document(namespace, "lychgate-customers").await.unwrap()["closed"].clone()
}

fn sequence(document: &Value) -> u64 {
    document["sequence"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_labelled_config_map_reach_gateways_as_they_change_and_what_is_wrong_keeps_the_last_good_ones()
 {
    let cluster = cluster().await;
    let namespace = cluster.namespace("words").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "words", name, &[name]);
    let words = |labels: &str, text: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: words, labels: {{{labels}}}}}\ndata: {{units: {text:?}}}\n"
        )
    };
    let connection = connection("customers", "http://10.1.2.3:8000/mcp");
    cluster.apply_yaml_in(name, &format!("{GATEWAY}---{connection}---{RULE_OF_WORDS}")).await;
    let told =
        |rule: &Value| rule["status"]["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
    let rule = until(name, "maskingrule", "units", "Accepted", "False/RefNotFound").await;
    let path = "spec.custom[0].termsFrom.configMapKeyRef";
    assert!(told(&rule).starts_with(&format!("{path}.name: there is no ConfigMap words")), "{}", told(&rule));

    // One without the label is not seen.
    cluster.apply_yaml_in(name, &words("", "Northern Relay\n")).await;
    cluster.apply_yaml_in(name, &words("lychgate.dev/terms: 'true'", "Northern Relay\n")).await;
    until(name, "mcpconnection", "customers", "Accepted", "True/Accepted").await;
    let terms = async |expected: Value| {
        eventually("the words to be in the gateway's document", async || {
            let document = document(name, "lychgate-customers").await?;
            (document["masking"][0]["custom"][0]["terms"] == expected).then_some(document)
        })
        .await
    };
    let first = terms(json!(["Northern Relay"])).await;
    cluster
        .apply_yaml_in(name, &words("lychgate.dev/terms: 'true'", "# two\nNorthern Relay\nSouthern Relay\n"))
        .await;
    let second = terms(json!(["Northern Relay", "Southern Relay"])).await;
    assert!(sequence(&second) > sequence(&first));

    let many: String = (0..1001).map(|number| format!("unit {number}\n")).collect();
    cluster.apply_yaml_in(name, &words("lychgate.dev/terms: 'true'", &many)).await;
    let rule = until(name, "maskingrule", "units", "Accepted", "False/RefInvalid").await;
    let message = format!("{path}.key: units of ConfigMap words has 1001 words; write at most 1000");
    assert!(told(&rule).starts_with(&message), "{}", told(&rule));
    until(name, "mcpconnection", "customers", "Accepted", "False/PolicyInvalid").await;
    assert_eq!(document(name, "lychgate-customers").await, Some(second));
}
