//! The operator works under the policies with the account, the rights and the arguments that the chart gives it, and
//! holds to what they cannot: where a token may be sent, and which policies bind a tenant (security.md: the author of a
//! McpConnection). ARCHITECTURE.md has all thefts with their tests.

use lychgate_tests_cluster::{Caller, Cluster};
use serde_json::{Value, json};

use super::{AUDIENCE, HOME, Pair, pair, person};
use crate::chart::release::Release;
use crate::support::tenant::Tenant;
use crate::support::{condition, eventually};

const GATEWAY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: McpGateway
metadata: {name: default}
spec: {identity: {kubernetes: {enabled: true}}}
";

/// A connection that sends `credential`, over `scheme`.
fn connection(name: &str, scheme: &str, credential: &str) -> String {
    format!(
        "
apiVersion: lychgate.dev/v1alpha1
kind: McpConnection
metadata: {{name: {name}, labels: {{env: prod}}}}
spec:
  gatewayRef: {{name: default}}
  upstream: {{url: '{scheme}://docs.example.com/mcp'}}
  credentials: [{{name: default, inject: {{header: Authorization}}, from: {{{credential}}}}}]
  access: [{{groups: ['system:serviceaccounts'], tools: ['*']}}]
"
    )
}

fn token_for(audience: &str) -> String {
    format!("serviceAccountToken: {{audience: '{audience}'}}")
}

/// A rule of the operator's namespace, for all others.
const FOR_EVERYBODY: &str = "
apiVersion: lychgate.dev/v1alpha1
kind: MaskingRule
metadata: {name: for-everybody}
spec: {namespaceSelector: {}, detectors: [{type: Email, action: {redact: {}}}]}
";

/// A condition of a connection, as `status/reason`, once it is what it should be.
async fn until(pair: &Pair, name: &str, kind: &str, expected: &str) -> Value {
    lychgate_tests_cluster::eventually(name, crate::support::PATIENCE, async || {
        let object = pair.get(&format!("mcpconnection/{name}")).await;
        if condition(&object, kind).as_deref() == Some(expected) {
            Ok(object)
        } else {
            Err(object["status"].to_string())
        }
    })
    .await
}

/// The document that is published for a connection.
async fn document(pair: &Pair, name: &str) -> Value {
    let config_map = pair.get(&format!("configmap/lychgate-{name}")).await;
    serde_json::from_str(config_map["data"][format!("{name}.json")].as_str().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_works_under_the_policies_and_sends_no_token_of_the_api_servers() {
    let pair = pair("thefts").await;
    let erin = person("erin");
    let mut operator = Release { cluster: pair.cluster, home: HOME }.operator("operator-0").await;
    pair.admits(&person("adam"), "create -f -", GATEWAY).await;

    let create = "create -f -";
    for (audience, says) in [
        ("https://kubernetes.default.svc.cluster.local", "audience"),
        ("kubernetes", "audience"),
        ("", "audience"),
    ] {
        let own = connection("own", "https", &token_for(audience));
        let refused = pair.kubectl(&erin, &pair.guarded, create, &own).await;
        assert!(refused.code == Some(1) && refused.errors.contains(says), "{audience}: {}", refused.errors);
    }
    let plain = connection("plain", "http", "secretKeyRef: {name: upstream, key: token}");
    let refused = pair.kubectl(&erin, &pair.guarded, create, &plain).await;
    assert!(refused.errors.contains("insecurePlaintext"), "{}", refused.errors);
    // One that no schema can know.
    pair.admits(&erin, create, &connection("own", "https", &token_for(AUDIENCE))).await;
    let refused = until(&pair, "own", "Accepted", "False/InvalidValue").await;
    operator.assert_alive();
    assert!(refused.to_string().contains("serviceAccountToken.audience"), "{refused}");
    let none = pair.admits(&Caller::Admin, "get deployments --output name", "").await;
    assert_eq!(none, "", "nothing runs for it");

    // Somebody is there first. The operator takes nothing over, says so, and goes on when it is gone.
    pair.admits(&erin, "create configmap lychgate-docs --from-literal=evil.json={}", "").await;
    pair.admits(&erin, create, &connection("docs", "https", &token_for("docs.example.com"))).await;
    let waiting = until(&pair, "docs", "Programmed", "False/ApplyFailed").await.to_string();
    assert!(waiting.contains("ConfigMap lychgate-docs was there before"), "{waiting}");
    pair.admits(&erin, "delete configmap lychgate-docs", "").await;
    until(&pair, "docs", "Programmed", "Unknown/NoReplica").await;
    assert_eq!(document(&pair, "docs").await["masking"], json!([]));
    let refused = refused_to_operator(pair.cluster).await;
    assert!(refused.iter().all(|request| request.contains("/configmaps/lychgate-docs?")), "{refused:?}");
    bound_whatever_its_labels(&pair, &erin).await;

    // It removes what is no longer wanted, and all that it made.
    let without = r#"{"spec":{"listener":{"tls":{"mode":"Disabled"}}}}"#;
    pair.admits(&person("adam"), &format!("patch mcpgateway default --type=merge -p {without}"), "").await;
    let tenant = Tenant::of(pair.cluster, &pair.guarded);
    eventually("the certificate to be removed, once pods have rolled over", async || {
        tenant.readies_pods().await;
        let names = pair.admits(&Caller::Admin, "get configmaps,secrets --output name", "").await;
        (!names.contains("lychgate-docs-tls-") && !names.contains("lychgate-docs-ca")).then_some(())
    })
    .await;
    assert_eq!(refused_to_operator(pair.cluster).await, refused);
    let delete = ["delete", "namespace", &pair.guarded, "--timeout=60s"];
    pair.cluster.kubectl(&delete).succeed().await;
    operator.kill().await;
}

/// A rule of the operator's namespace holds whatever a tenant does to his connection, and he cannot take it away. A
/// gateway that requires one of his own namespace's is closed without.
async fn bound_whatever_its_labels(pair: &Pair, erin: &Caller) {
    pair.cluster.apply_yaml_in(HOME, FOR_EVERYBODY).await;
    let is_masked = async |rule: &'static str| {
        eventually("the document to be masked", async || {
            (document(pair, "docs").await["masking"][0]["name"].as_str()?.contains(rule)).then_some(())
        })
        .await;
    };
    is_masked("for-everybody").await;
    pair.admits(erin, "label mcpconnection docs env- --overwrite", "").await;
    let delete = ["delete", "maskingrule", "for-everybody", "--namespace", HOME];
    let refused = pair.cluster.kubectl(&delete).caller(erin).fail().await;
    assert!(refused.contains("cannot delete resource \"maskingrules\""), "{refused}");
    pair.admits(erin, "delete mcpconnection docs", "").await;
    pair.admits(erin, "create -f -", &connection("docs", "https", &token_for("docs.example.com"))).await;
    until(pair, "docs", "Programmed", "Unknown/NoReplica").await;
    is_masked("for-everybody").await;
}

/// Everything that the operator was refused.
async fn refused_to_operator(cluster: &Cluster) -> Vec<String> {
    let events = cluster.audit().await;
    let refused = events.iter().filter(|event| event.user == super::OPERATOR && event.code == 403);
    // Others impersonate it.
    let own = refused.filter(|event| event.impersonator.is_none());
    own.map(|event| format!("{} {}", event.verb, event.uri)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_documentation_says_of_the_roles_of_kubernetes_is_so() {
    let pair = pair("ordinary").await;
    for (question, expected) in [
        ("get secrets", "yes"),
        ("create pods", "yes"),
        ("create pods/exec", "yes"),
        ("impersonate serviceaccounts", "yes"),
        ("create networkpolicies.networking.k8s.io", "yes"),
        ("create endpointslices.discovery.k8s.io", "no"),
        ("update namespaces", "no"),
    ] {
        for role in ["erin", "adam"] {
            let answer =
                pair.kubectl(&person(role), &pair.guarded, &format!("auth can-i {question}"), "").await;
            assert_eq!(answer.output.trim(), expected, "{role}: {question}");
        }
    }
}
