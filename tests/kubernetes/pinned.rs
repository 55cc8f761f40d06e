//! The condition ToolsPinned of a connection, by what its gateways have seen of its server.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::support::agent::Agent;
use crate::support::manifests::{connection, credential};
use crate::support::operator::Operator;
use crate::support::tenant::Tenant;
use crate::support::{GATEWAY, cluster, counterparts, kubelet};

const KIND: &str = "McpConnection";
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_changes_a_tool_is_told_by_the_condition_until_the_new_definition_is_pinned() {
    let tenant = Tenant::new(cluster().await, "pinned").await;
    let folder = tempfile::tempdir().unwrap();
    let mut server = counterparts::fixture("both", "token-one", &folder.path().join("log.jsonl")).await;
    let _operator = Operator::start(tenant.cluster, "pinned", tenant.name(), &[tenant.name()]);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "upstream"},
        "stringData": {"token": "token-one", "lychgate-allowed-hosts": "127.0.0.1"},
    });
    let gateway: Value = serde_yaml::from_str(GATEWAY).unwrap();
    let mut customers = connection("customers", credential("upstream"));
    customers["spec"]["upstream"] = json!({"url": server.url, "insecurePlaintext": true});
    customers["spec"]["access"] = json!([{"groups": ["system:serviceaccounts"], "tools": ["*"]}]);
    customers["spec"]["toolPinning"] = json!({"mode": "Enforce"});
    tenant.apply(&[gateway, secret, customers.clone()]).await;
    let warned = tenant.becomes(KIND, "customers", "Accepted", "True Accepted").await;
    assert!(warned.message.contains("no tool can be called"), "{}", warned.message);
    let pod = kubelet::run(tenant.name(), "lychgate-customers").await;
    tenant.becomes(KIND, "customers", "ToolsPinned", "Unknown Pending").await;
    tenant.becomes(KIND, "customers", "Ready", "True Ready").await;

    let stands = async |expected: &str| {
        lychgate_tests_cluster::eventually(expected, crate::support::PATIENCE, async || {
            // The gateway mounts its document, which a kubelet brings now and then.
            pod.sync(tenant.cluster).await;
            let found = tenant.condition(KIND, "customers", "ToolsPinned").await?;
            let is_expected = format!("{} {}", found.status, found.reason) == expected;
            if is_expected { Ok(found) } else { Err(format!("{found:?}")) }
        })
        .await
    };
    let agent = Agent::of(tenant.cluster, tenant.name(), &pod.address).await;
    let token = tenant.cluster.token(tenant.name(), "agent", &[&agent.url()], 600).await;
    let lists = async || agent.post(Some(&token), None, LIST).await.2;
    assert!(!lists().await.contains("echo"), "without a pin nothing is shown");
    let unpinned = stands("False ToolsNotPinned").await;
    assert!(unpinned.message.contains("echo ("), "{}", unpinned.message);

    let url = format!("http://{}:9090/config", pod.address);
    let pins = async || {
        let told = in_use(&url).await;
        let tools = told["connections"][0]["toolPinning"]["tools"].as_array().unwrap().clone();
        let pin = |tool: &Value| (tool["name"].as_str().unwrap().to_owned(), tool["definition"].clone());
        Value::Object(tools.iter().map(pin).collect())
    };
    customers["spec"]["toolPinning"] = json!({"mode": "Enforce", "pins": pins().await});
    tenant.apply(&[customers.clone()]).await;
    stands("True ToolsPinned").await;

    server.process.tell("describe echo Sends its arguments to somebody else").await;
    lychgate_tests_cluster::eventually(
        "the changed tool to be hidden",
        crate::support::PATIENCE,
        async || {
            let listed = lists().await;
            if listed.contains("\"echo\"") { Err(listed) } else { Ok(()) }
        },
    )
    .await;
    let changed = stands("False ToolsChanged").await;
    for expected in ["echo (", "neither shown nor called", "lychgate pin"] {
        assert!(changed.message.contains(expected), "{}", changed.message);
    }
    assert!(!changed.message.contains("somebody else"), "{}", changed.message);

    customers["spec"]["toolPinning"]["pins"] = pins().await;
    tenant.apply(&[customers.clone()]).await;
    stands("True ToolsPinned").await;
    customers["spec"]["toolPinning"] = json!({"mode": "Off"});
    tenant.apply(&[customers]).await;
    lychgate_tests_cluster::eventually("the condition to go", crate::support::PATIENCE, async || {
        let status = tenant.get(KIND, "customers").await["status"].clone();
        if status.to_string().contains("ToolsPinned") { Err(status.to_string()) } else { Ok(()) }
    })
    .await;
}

/// What a gateway says is in use.
async fn in_use(url: &str) -> Value {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let answer = client.get(url.parse().unwrap()).await.unwrap();
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}
