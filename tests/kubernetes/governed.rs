//! A call of an agent in the cluster, through a gateway that the operator made.

use hyper::StatusCode;

use crate::support::agent::Agent;
use crate::support::operator::Operator;
use crate::support::{GATEWAY, RULE, cluster, connection, counterparts, eventually, get, kubelet, until};

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_projected_token_gets_a_masked_answer_from_the_gateway_that_was_made() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("governed").await;
    let name = namespace.name();
    let folder = tempfile::tempdir().unwrap();
    let server = counterparts::dbhub(folder.path(), "credential-of-dbhub").await;
    let secret = "
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {token: credential-of-dbhub, lychgate-allowed-hosts: 127.0.0.1}
";
    let _operator = Operator::start(cluster, "governed", name, &[name]);
    let connection = connection("customers", &server.url);
    cluster.apply_yaml_in(name, &format!("{GATEWAY}---{RULE}---{connection}---{secret}")).await;
    until(name, "mcpconnection", "customers", "Programmed", "Unknown/NoReplica").await;
    let mut first = kubelet::run(name, "lychgate-customers").await;
    until(name, "mcpconnection", "customers", "Programmed", "True/Programmed").await;
    until(name, "mcpconnection", "customers", "Ready", "True/Ready").await;
    first.process.assert_alive();

    let agent = Agent::of(cluster, name, &first.address).await;
    let token = cluster.token(name, "agent", &[&agent.url()], 600).await;

    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"agent","version":"1"}}}"#;
    let (status, session, text) = agent.post(Some(&token), None, initialize).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let call = r#"{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"execute_sql","arguments":{"sql":"select name, email from customers"}}}"#;
    let (status, _, text) = agent.post(Some(&token), session.as_deref(), call).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    assert!(text.contains("[REDACTED:Email]") && !text.contains("alice@example.com"), "{text}");

    let (status, _, _) = agent.post(None, None, initialize).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let for_others = cluster.token(name, "agent", &["https://elsewhere.example.com"], 600).await;
    let (status, _, _) = agent.post(Some(&for_others), None, initialize).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_credential_is_told_by_the_gateway_and_shown_by_the_connection() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("missing").await;
    let name = namespace.name();
    let _operator = Operator::start(cluster, "missing", name, &[name]);
    let secret = "
apiVersion: v1
kind: Secret
metadata: {name: upstream}
stringData: {lychgate-allowed-hosts: 10.1.2.3}
";
    let connection = connection("customers", "http://10.1.2.3:8000/mcp");
    cluster.apply_yaml_in(name, &format!("{GATEWAY}---{connection}---{secret}")).await;
    until(name, "mcpconnection", "customers", "ResolvedRefs", "Unknown/Pending").await;
    let _pod = kubelet::run(name, "lychgate-customers").await;
    let object = until(name, "mcpconnection", "customers", "ResolvedRefs", "False/CredentialUnusable").await;
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let resolved = conditions.iter().find(|condition| condition["type"] == "ResolvedRefs").unwrap();
    let message = resolved["message"].as_str().unwrap();
    assert!(message.contains("Secret upstream has no key token"), "{message}");
    eventually("the connection not to be ready", async || {
        let object = get(name, "mcpconnection", "customers").await?;
        (crate::support::condition(&object, "Ready")? == "False/CredentialUnusable").then_some(())
    })
    .await;
}
