//! Names as long as Kubernetes lets them be.

use std::collections::BTreeSet;

use lychgate_tests_cluster::eventually;
use serde_json::json;

use crate::support::PATIENCE;
use crate::support::manifests::{connection, credential, gateway, rule, targets};
use crate::support::tenant::Tenant;

/// The longest name of an object (Kubernetes API).
const LONGEST: usize = 253;

#[tokio::test(flavor = "multi_thread")]
async fn connections_with_names_of_253_characters_have_gateways_of_their_own() {
    let (tenant, _operator) = Tenant::with_operator("names").await;
    let long = "x".repeat(LONGEST);
    let dotted = format!("{}.y", "x".repeat(LONGEST - 2));
    tenant
        .apply(&[
            gateway(json!({})),
            connection(&long, credential("upstream")),
            connection(&dotted, credential("upstream")),
            rule(&"m".repeat(LONGEST), targets(&long)),
        ])
        .await;
    tenant.is_published(&long).await;
    tenant.is_published(&dotted).await;
    tenant.becomes("MaskingRule", &"m".repeat(LONGEST), "Accepted", "True Accepted").await;

    let first: BTreeSet<_> = tenant.children(&long).await.into_keys().collect();
    let second: BTreeSet<_> = tenant.children(&dotted).await.into_keys().collect();
    // One of each kind; keys of sessions: two Secrets and three owners; a certificate and its owner; an authority.
    assert_eq!((first.len(), second.len()), (17, 17));
    assert!(first.is_disjoint(&second), "{first:?} {second:?}");
    let url = tenant.get("McpConnection", &long).await["status"]["url"].as_str().unwrap().to_owned();
    let (_, child) = first.iter().find(|(kind, _)| *kind == "Service").unwrap();
    assert_eq!(url, format!("https://{child}.{}.svc:8443/{long}/mcp", tenant.name()));
    eventually("pods with whole names", PATIENCE, async || {
        let pods = tenant.list("Pod").await;
        let names = pods.iter().map(|pod| pod["metadata"]["name"].as_str().unwrap());
        let of_child = names.filter(|name| name.starts_with(&format!("{child}-"))).count();
        if of_child == 2 { Ok(()) } else { Err(format!("{of_child} of {}", pods.len())) }
    })
    .await;
    eventually("Events of both", PATIENCE, async || {
        let events = tenant.list("Event").await;
        let is_told = |name: &str| events.iter().any(|event| event["regarding"]["name"] == name);
        if is_told(&long) && is_told(&dotted) { Ok(()) } else { Err(format!("{} others", events.len())) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_name_is_refused_by_the_api_server() {
    let tenant = Tenant::new(crate::support::cluster().await, "longer").await;
    for kind in ["McpConnection", "McpGateway", "MaskingRule"] {
        let mut object = match kind {
            "McpConnection" => connection("db", json!({})),
            "McpGateway" => gateway(json!({})),
            _ => rule("mail", targets("db")),
        };
        object["metadata"]["name"] = json!("x".repeat(LONGEST + 1));
        let arguments = ["create", "--namespace", tenant.name(), "--filename=-"];
        let refusal = tenant.cluster.kubectl(&arguments).input(&object.to_string()).fail().await;
        assert!(refusal.contains("metadata.name") && refusal.contains("253"), "{kind}: {refusal}");
    }
}
