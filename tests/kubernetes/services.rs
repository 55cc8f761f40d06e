//! Services as servers: as they come, change and go, and what the API server itself says of a connection that
//! names one.

use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::manifests::{connection, credential, gateway};
use crate::support::tenant::{Tenant, content};
use lychgate_tests_cluster::{apply, eventually};

/// A connection to port 80 of the Service dbhub, in plain http.
fn to_service(spec: Value) -> Value {
    let mut connection = connection("db", spec);
    connection["spec"]["upstream"] = json!({"serviceRef": {"name": "dbhub", "port": 80, "scheme": "HTTP"}});
    connection
}

fn service(spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dbhub"}, "spec": spec})
}

/// Waits until the gateway may connect to these pods at this port, beside DNS.
async fn may_connect_to(tenant: &Tenant<'_>, pods: Value, port: Value) {
    let to = json!([{"podSelector": {"matchLabels": pods}}]);
    let expected = json!({"to": to, "ports": [{"protocol": "TCP", "port": port}]});
    eventually("the way to the server", PATIENCE, async || {
        let policy = tenant.get("NetworkPolicy", "lychgate-db").await;
        let egress = policy["spec"]["egress"].as_array().unwrap();
        if egress.contains(&expected) { Ok(()) } else { Err(format!("{egress:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_comes_changes_and_goes_is_told_each_time_and_never_makes_a_gateway_laxer() {
    let (tenant, _operator) = Tenant::with_operator("service").await;
    tenant.apply(&[gateway(json!({})), to_service(json!({}))]).await;
    let missing = tenant.becomes("McpConnection", "db", "ResolvedRefs", "False RefNotFound").await;
    assert!(missing.message.contains("there is no Service dbhub in the namespace"), "{missing:?}");
    tenant.becomes("McpConnection", "db", "Accepted", "False RefNotFound").await;

    tenant.apply(&[service(&json!({"selector": {"app": "dbhub"}, "ports": [{"port": 8080}]}))]).await;
    eventually("another message", PATIENCE, async || {
        let told = tenant.condition("McpConnection", "db", "ResolvedRefs").await?;
        let is_told = told.message.contains("Service dbhub has no port 80; write one of 8080");
        if is_told { Ok(()) } else { Err(told.message) }
    })
    .await;

    let ports = json!([{"name": "mcp", "port": 80, "targetPort": "http"}]);
    tenant.edit("Service", "dbhub", json!({"spec": {"ports": ports}})).await;
    tenant.is_published("db").await;
    tenant.becomes("McpConnection", "db", "ResolvedRefs", "True ResolvedRefs").await;
    let url = format!("http://dbhub.{}.svc:80/mcp", tenant.name());
    let document = tenant.document("lychgate-db").await;
    assert_eq!(document["upstream"]["url"], url);
    may_connect_to(&tenant, json!({"app": "dbhub"}), json!("http")).await;

    let moved = json!({"spec": {"selector": {"app": null, "tier": "data"}}});
    tenant.edit("Service", "dbhub", moved).await;
    may_connect_to(&tenant, json!({"tier": "data"}), json!("http")).await;
    assert_eq!(tenant.document("lychgate-db").await, document, "the gateway has nothing to learn of that");

    let before = content(&tenant.get("NetworkPolicy", "lychgate-db").await);
    let outside = json!({"spec": {"type": "ExternalName", "externalName": "db.example.com", "selector": null,
        "ports": null, "clusterIP": null, "clusterIPs": null}});
    tenant.edit("Service", "dbhub", outside).await;
    let refused = tenant.becomes("McpConnection", "db", "Accepted", "False ServiceNotAllowed").await;
    assert!(refused.message.contains("ExternalName and leads to db.example.com"), "{refused:?}");
    tenant.delete("Service", "dbhub").await;
    tenant.becomes("McpConnection", "db", "Accepted", "False RefNotFound").await;
    assert_eq!(content(&tenant.get("NetworkPolicy", "lychgate-db").await), before, "it keeps what it has");
    assert_eq!(tenant.document("lychgate-db").await, document);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_a_gateway_is_no_server() {
    let (tenant, _operator) = Tenant::with_operator("behind").await;
    tenant.apply(&[gateway(json!({})), connection("docs", json!({}))]).await;
    tenant.is_published("docs").await;
    let mut behind = to_service(json!({}));
    let own = json!({"name": "lychgate-docs", "port": 8443, "scheme": "HTTP"});
    behind["spec"]["upstream"]["serviceRef"] = own;
    tenant.apply(&[behind]).await;
    let refused = tenant.becomes("McpConnection", "db", "Accepted", "False ServiceNotAllowed").await;
    assert!(refused.message.contains("selects the gateway of McpConnection docs"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_itself_says_what_a_service_needs() {
    let tenant = Tenant::new(crate::support::cluster().await, "rules").await;
    let said = async |upstream: Value, more: Value| {
        let mut connection = connection("db", more);
        connection["spec"]["upstream"] = upstream;
        let applied = apply(&tenant.client, tenant.name(), &connection.to_string()).await;
        applied.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let service = |scheme: &str| json!({"name": "dbhub", "port": 80, "scheme": scheme});
    let tls = json!({"caRef": {"name": "internal-ca", "key": "ca.crt"}});
    let url = "https://dbhub.example.com/mcp";
    let one = "write exactly one of url and serviceRef";
    for (upstream, more, expected) in [
        (json!({"url": url, "serviceRef": service("HTTP")}), json!({}), one),
        (json!({}), json!({}), one),
        (
            json!({"serviceRef": service("HTTPS")}),
            json!({}),
            "no public authority certifies names in a cluster",
        ),
        (json!({"serviceRef": {"name": "dbhub", "port": 80}}), json!({}), "no public authority certifies"),
        (json!({"serviceRef": service("HTTP"), "tls": tls}), json!({}), "spoken to in plain http"),
        (json!({"url": "http://dbhub/mcp", "tls": tls}), json!({}), "spoken to in plain http"),
        (json!({"serviceRef": service("HTTP")}), credential("db"), "write HTTPS, or insecurePlaintext: true"),
        (json!({"serviceRef": service("http")}), json!({}), "Unsupported value"),
        (
            json!({"serviceRef": {"name": "dbhub", "port": 0, "scheme": "HTTP"}}),
            json!({}),
            "spec.upstream.serviceRef.port",
        ),
        (json!({"serviceRef": service("HTTPS"), "tls": tls}), credential("db"), ""),
        (json!({"serviceRef": service("HTTP"), "insecurePlaintext": true}), credential("db"), ""),
        (json!({"serviceRef": service("HTTP")}), json!({}), ""),
    ] {
        let found = said(upstream.clone(), more).await;
        let is_expected = if expected.is_empty() { found.is_empty() } else { found.contains(expected) };
        assert!(is_expected, "{upstream}: {found:?} is not {expected:?}");
    }
}

/// What shall be around the server of a connection.
fn closed() -> Value {
    let gateway =
        json!({"app.kubernetes.io/name": "lychgate-gateway", "app.kubernetes.io/instance": "lychgate-db"});
    let from = json!([{"podSelector": {"matchLabels": gateway}}]);
    json!({
        "podSelector": {"matchLabels": {"app": "dbhub"}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": from, "ports": [{"protocol": "TCP", "port": 80}]}],
    })
}

async fn is_closed(tenant: &Tenant<'_>) {
    eventually("the server to be closed", PATIENCE, async || {
        let now = tenant.find("NetworkPolicy", "lychgate-db-server").await.ok_or("there is no policy")?;
        if now["spec"] == closed() { Ok(()) } else { Err(now["spec"].to_string()) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_closed_to_all_but_its_gateways_and_opened_again_when_nobody_asks_for_it_any_more() {
    let (tenant, _operator) = Tenant::with_operator("closed").await;
    let mut db = to_service(json!({}));
    db["spec"]["upstream"]["serviceRef"]["networkPolicy"] = json!("GatewayOnly");
    let by_hand = service(&json!({"ports": [{"port": 80}]}));
    tenant.apply(&[gateway(json!({})), by_hand, db]).await;
    tenant.becomes("McpConnection", "db", "Accepted", "False ServiceWithoutSelector").await;
    assert!(tenant.find("NetworkPolicy", "lychgate-db-server").await.is_none());
    tenant.edit("Service", "dbhub", json!({"spec": {"selector": {"app": "dbhub"}}})).await;
    tenant.is_published("db").await;
    is_closed(&tenant).await;
    let deployment = tenant.get("Deployment", "lychgate-db").await;
    let labels = &deployment["spec"]["template"]["metadata"]["labels"];
    for (key, value) in closed()["ingress"][0]["from"][0]["podSelector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(labels[key], *value, "who is let in");
    }

    // Whoever opens it, or takes it away, finds it closed again.
    tenant.edit("NetworkPolicy", "lychgate-db-server", json!({"spec": {"ingress": [{}]}})).await;
    is_closed(&tenant).await;
    tenant.delete("NetworkPolicy", "lychgate-db-server").await;
    is_closed(&tenant).await;

    let unmanaged = json!({"spec": {"upstream": {"serviceRef": {"networkPolicy": "Unmanaged"}}}});
    tenant.edit("McpConnection", "db", unmanaged).await;
    eventually("nobody to be cut off", PATIENCE, async || {
        match tenant.find("NetworkPolicy", "lychgate-db-server").await {
            Some(policy) => Err(policy.to_string()),
            None => Ok(()),
        }
    })
    .await;
    assert!(tenant.find("NetworkPolicy", "lychgate-db").await.is_some(), "that of the gateway stays");
}
