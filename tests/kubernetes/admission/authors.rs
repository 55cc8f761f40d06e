//! Who writes a McpConnection or a McpGateway may read the Secrets that it names (security.md: the author of a
//! McpConnection).

use lychgate_tests_cluster::Caller;

use super::{Attack, pair, person};

/// Carol may write what connects servers, and read one Secret by its name.
const CAROL: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: carol}
rules:
- {apiGroups: [lychgate.dev], resources: [mcpconnections, mcpgateways], verbs: [get, create, update, patch]}
- {apiGroups: [''], resources: [secrets], resourceNames: [hers, more], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: carol}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: carol}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: carol}]
";

fn connection(secrets: &[&str]) -> String {
    let credential = |(index, secret): (usize, &&str)| {
        format!(
            "{{name: c{index}, inject: {{header: X-Key-{index}}}, from: {{secretKeyRef: {{name: {secret}, key: token}}}}}}"
        )
    };
    let credentials: Vec<String> = secrets.iter().enumerate().map(credential).collect();
    format!(
        "{{apiVersion: lychgate.dev/v1alpha1, kind: McpConnection, metadata: {{name: docs}}, spec: {{\
         gatewayRef: {{name: default}}, upstream: {{url: 'https://docs.example.com/mcp'}}, credentials: [{}]}}}}",
        credentials.join(", ")
    )
}

fn gateway(secret: &str) -> String {
    format!(
        "{{apiVersion: lychgate.dev/v1alpha1, kind: McpGateway, metadata: {{name: default}}, spec: {{\
         identity: {{anonymous: true}}, listener: {{tls: {{mode: Secret, secretName: {secret}}}}}}}}}"
    )
}

/// A gateway whose notifications name these Secrets, with their URLs and with their keys.
fn telling(secrets: &[(&str, &str)]) -> String {
    let notification = |(index, (url, key)): (usize, &(&str, &str))| {
        format!(
            "{{name: n{index}, host: relay.example.com, template: Json, urlSecretRef: {{name: {url}, key: url}}, \
             signingSecretRef: {{name: {key}, key: key}}}}"
        )
    };
    let notifications: Vec<String> = secrets.iter().enumerate().map(notification).collect();
    gateway("hers").replace("identity:", &format!("notifications: [{}], identity:", notifications.join(", ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_names_only_secrets_that_he_may_read() {
    let pair = pair("authors").await;
    let carol = person("carol");
    for namespace in pair.both() {
        pair.cluster.apply_yaml_in(namespace, CAROL).await;
    }
    let create = "create --dry-run=server -f -";
    // Each place in the list is checked, and no list is too long to be.
    for place in 0..8 {
        let mut secrets = vec!["hers"; place];
        secrets.push("theirs");
        let says = format!(
            "spec.credentials[{place}].from.secretKeyRef.name: you (carol) may not read Secret theirs in namespace \
             guarded-authors"
        );
        let attack = Attack {
            command: create,
            input: &connection(&secrets),
            policy: "connection-authors",
            says: &says,
        };
        pair.refuses(&carol, &attack).await;
    }
    let attack = Attack {
        command: create,
        input: &connection(&["hers"; 9]),
        policy: "connection-authors",
        says: "at most 8 can be checked",
    };
    pair.refuses(&carol, &attack).await;
    pair.admits(&carol, create, &connection(&["hers"; 8])).await;
    pair.admits(&carol, create, &connection(&[])).await;
    let token = connection(&["x"])
        .replace("secretKeyRef: {name: x, key: token}", "serviceAccountToken: {audience: docs.example.com}");
    pair.admits(&carol, create, &token).await;

    let attack = Attack {
        command: create,
        input: &gateway("theirs"),
        policy: "gateway-authors",
        says: "spec.listener.tls.secretName: you (carol) may not read Secret theirs in namespace guarded-authors",
    };
    pair.refuses(&carol, &attack).await;
    pair.admits(&carol, create, &gateway("hers")).await;
    // Who is told of calls that wait, and as whom: each place in the list is checked.
    for (field, stolen) in [("urlSecretRef", ("theirs", "hers")), ("signingSecretRef", ("hers", "theirs"))] {
        for place in 0..4 {
            let mut secrets = vec![("hers", "more"); place];
            secrets.push(stolen);
            let says =
                format!("spec.notifications[{place}].{field}.name: you (carol) may not read Secret theirs");
            let input = telling(&secrets);
            let attack = Attack { command: create, input: &input, policy: "gateway-authors", says: &says };
            pair.refuses(&carol, &attack).await;
        }
    }
    pair.admits(&carol, create, &telling(&[("hers", "more"); 4])).await;

    // Somebody who may read it has connected it; who may not must not send it elsewhere.
    for namespace in pair.both() {
        pair.cluster.apply_yaml_in(namespace, &connection(&["theirs"])).await;
        pair.cluster.apply_yaml_in(namespace, &gateway("theirs")).await;
    }
    let url = r#"{"spec":{"upstream":{"url":"https://evil.example.com/mcp"}}}"#;
    for (what, patch, policy) in [
        ("mcpconnection/docs", url, "connection-authors"),
        (
            "mcpgateway/default",
            r#"{"spec":{"listener":{"hostnames":["evil.example.com"]}}}"#,
            "gateway-authors",
        ),
    ] {
        let command = format!("patch {what} --type=merge --dry-run=server -p {patch}");
        pair.refuses(
            &carol,
            &Attack { command: &command, input: "", policy, says: "may not read Secret theirs" },
        )
        .await;
        pair.admits(&carol, &format!("annotate {what} note=seen"), "").await;
        pair.admits(&Caller::Admin, &command, "").await;
        // Whoever may write it may stop it.
        let stop = r#"{"spec":{"suspended":true}}"#;
        pair.admits(&carol, &format!("patch {what} --type=merge -p {stop}"), "").await;
        let both = patch.replace(r#"{"spec":{"#, r#"{"spec":{"suspended":false,"#);
        let command = format!("patch {what} --type=merge --dry-run=server -p {both}");
        let attack = Attack { command: &command, input: "", policy, says: "may not read Secret theirs" };
        pair.refuses(&carol, &attack).await;
    }
    let other = concat!(
        r#"{"spec":{"credentials":[{"name":"c0","inject":{"header":"X-Key-0"},"#,
        r#""from":{"secretKeyRef":{"name":"hers","key":"token"}}}]}}"#
    );
    pair.admits(&carol, &format!("patch mcpconnection/docs --type=merge -p {other}"), "").await;
    pair.admits(&carol, &format!("patch mcpconnection/docs --type=merge -p {url}"), "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn edit_connects_servers_admin_makes_gateways_and_neither_writes_policies_or_serves() {
    let pair = pair("authors").await;
    for (person, verb, resource, expected) in [
        ("erin", "create", "mcpconnections", "yes"),
        ("erin", "list", "mcpgateways", "yes"),
        ("erin", "create", "mcpgateways", "no"),
        ("erin", "create", "maskingrules", "no"),
        ("erin", "serve", "mcpconnections", "no"),
        ("adam", "create", "mcpconnections", "yes"),
        ("adam", "create", "mcpgateways", "yes"),
        ("adam", "delete", "maskingrules", "no"),
        ("adam", "serve", "mcpconnections", "no"),
        ("adam", "patch", "mcpconnections/status", "no"),
        ("adam", "patch", "mcpgateways/status", "no"),
    ] {
        let user = format!("--as={person}");
        let (kind, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let kind = format!("{kind}.lychgate.dev");
        let subresource = format!("--subresource={subresource}");
        let arguments = ["auth", "can-i", verb, &kind, &subresource, &user, "-n", "guarded-authors"];
        let answer = pair.cluster.kubectl(&arguments).finish().await.output;
        assert_eq!(answer.trim(), expected, "{person} {verb} {resource}");
    }
    // Who does not hold it cannot give it.
    let role = "create role server --verb=serve --resource=mcpconnections.lychgate.dev --dry-run=server";
    let refused = pair.kubectl(&person("adam"), &pair.guarded, role, "").await;
    assert!(
        refused.errors.contains("attempting to grant RBAC permissions not currently held"),
        "{}",
        refused.errors
    );
}
