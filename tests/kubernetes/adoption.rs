//! Objects that others made, or that others hold on to.

use serde_json::{Value, json};

use crate::support::cluster;
use crate::support::manifests::{connection, gateway};
use crate::support::tenant::{Tenant, condition_of, content};

/// A ConfigMap in the place of the document.
fn config_map() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "lychgate-db"},
        "data": {"note": "by hand"},
    })
}

/// A Deployment in the place of the gateway.
fn deployment(labels: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "lychgate-db", "labels": {"by": "hand"}},
        "spec": {
            "replicas": 5,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"hostNetwork": true, "containers": [{"name": "web", "image": "example.test/web:1"}]},
            },
        },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_by_hand_under_a_childs_name_is_taken_over() {
    let tenant = Tenant::new(cluster().await, "adopt").await;
    let selected = json!({
        "app.kubernetes.io/name": "lychgate-gateway",
        "app.kubernetes.io/instance": "lychgate-db",
    });
    tenant.apply(&[config_map(), deployment(&selected)]).await;
    let made = tenant.get("Deployment", "lychgate-db").await;

    let _operator = tenant.operator().lead().await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    assert_eq!(tenant.document("lychgate-db").await["connection"]["name"], "db");
    let taken = tenant.get("Deployment", "lychgate-db").await;
    assert_eq!(taken["metadata"]["uid"], made["metadata"]["uid"], "it is the same one");
    assert_eq!(taken["metadata"]["ownerReferences"][0]["name"], "db");
    assert_eq!(taken["spec"]["replicas"], 2);
    let pod = &taken["spec"]["template"]["spec"];
    let containers: Vec<&Value> =
        pod["containers"].as_array().unwrap().iter().map(|next| &next["name"]).collect();
    assert_eq!(containers, ["gateway"]);
    assert_eq!(pod["hostNetwork"], Value::Null, "nothing stays of what was made by hand");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_controls_is_left_alone_and_told_until_it_is_gone() {
    let (tenant, _operator) = Tenant::with_operator("controlled").await;
    let mut owner = config_map();
    owner["metadata"]["name"] = json!("owner");
    tenant.apply(&[owner]).await;
    let mut theirs = config_map();
    theirs["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": tenant.get("ConfigMap", "owner").await["metadata"]["uid"],
        "controller": true,
    }]);
    tenant.apply(&[theirs]).await;
    let before = tenant.get("ConfigMap", "lychgate-db").await;

    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    let told = tenant.becomes("McpConnection", "db", "Programmed", "False ApplyFailed").await;
    assert!(told.message.starts_with("ConfigMap lychgate-db: "), "{told:?}");
    assert!(told.message.contains("controller"), "in the API server's words: {told:?}");
    tenant.becomes("McpConnection", "db", "Ready", "False ApplyFailed").await;
    assert_eq!(tenant.get("ConfigMap", "lychgate-db").await, before);
    assert_eq!(tenant.find("Deployment", "lychgate-db").await, None, "no pod starts without its document");

    tenant.delete("ConfigMap", "lychgate-db").await;
    tenant.is_published("db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_become_ours_is_told_until_it_is_gone_and_stops_no_other_connection() {
    let (tenant, _operator) = Tenant::with_operator("immutable").await;
    tenant.apply(&[deployment(&json!({"app": "web"}))]).await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), connection("docs", json!({}))]).await;
    let told = tenant.becomes("McpConnection", "db", "Programmed", "False ApplyFailed").await;
    assert!(told.message.starts_with("Deployment lychgate-db: "), "{told:?}");
    assert!(told.message.contains("immutable"), "in the API server's words: {told:?}");
    tenant.is_published("docs").await;
    let gateway = tenant.becomes("McpGateway", "default", "Programmed", "False ConnectionsPending").await;
    assert!(gateway.message.ends_with("not db"), "{gateway:?}");

    tenant.delete("Deployment", "lychgate-db").await;
    tenant.is_published("db").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_field_manager_keeps_neither_a_childs_field_nor_a_status() {
    let (tenant, _operator) = Tenant::with_operator("managers").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    let apply = async |arguments: &[&str], object: Value| {
        let mut command = vec!["apply", "--server-side", "--field-manager=other", "--force-conflicts"];
        command.extend(["--namespace", tenant.name(), "--filename=-"]);
        command.extend(arguments);
        tenant.cluster.kubectl(&command).input(&object.to_string()).succeed().await;
    };

    let document = tenant.document_text("lychgate-db").await;
    let mut theirs = config_map();
    theirs["data"] = json!({"db.json": "{}", "note": "theirs"});
    apply(&[], theirs).await;
    lychgate_tests_cluster::eventually("the document to be back", crate::support::PATIENCE, async || {
        let data = tenant.get("ConfigMap", "lychgate-db").await["data"].clone();
        if data == json!({"db.json": document}) { Ok(()) } else { Err(data.to_string()) }
    })
    .await;

    let condition = |kind: &str, status: &str| {
        json!({
            "type": kind,
            "status": status,
            "reason": "Theirs",
            "message": "theirs",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    apply(
        &["--subresource=status"],
        json!({
            "apiVersion": "lychgate.dev/v1alpha1",
            "kind": "McpConnection",
            "metadata": {"name": "db"},
            "status": {"conditions": [condition("Accepted", "False"), condition("Theirs", "True")]},
        }),
    )
    .await;
    let accepted = tenant.becomes("McpConnection", "db", "Accepted", "True Accepted").await;
    assert_eq!(accepted.message, "everything is valid");

    let object = tenant.get("McpConnection", "db").await;
    assert!(condition_of(&object, "Theirs").is_err(), "and nobody else's condition speaks of a generation");
    let fields = object["metadata"]["managedFields"].as_array().unwrap();
    let ours: Vec<&Value> = fields.iter().filter(|entry| entry["manager"] == "lychgate-operator").collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!(ours[0]["subresource"], "status");
    let members: Vec<&String> = ours[0]["fieldsV1"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["f:status"], "the operator writes nothing that people wrote");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_and_contents_that_somebody_prepared_under_a_childs_name_do_not_stay() {
    let tenant = Tenant::new(cluster().await, "prepared").await;
    let mut frozen = config_map();
    frozen["immutable"] = json!(true);
    let prepared = [
        frozen,
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "lychgate-db"},
            "imagePullSecrets": [{"name": "theirs"}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "lychgate-db"},
            "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["*"]}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "lychgate-db"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": tenant.name()}],
        }),
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "lychgate-db"},
            "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
        }),
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "lychgate-db"},
            "spec": {"type": "ExternalName", "externalName": "elsewhere.example.com"},
        }),
    ];
    tenant.apply(&prepared).await;
    // How the children are where nobody has prepared anything: those of another connection tell.
    let _operator = tenant.operator().lead().await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({})), connection("ab", json!({}))]).await;
    tenant.is_published("db").await;
    tenant.is_published("ab").await;
    for object in &prepared {
        let kind = object["kind"].as_str().unwrap();
        let untouched = content(&tenant.get(kind, "lychgate-ab").await).to_string();
        let taken = content(&tenant.get(kind, "lychgate-db").await).to_string().replace("db", "ab");
        assert_eq!(without_document(&taken), without_document(&untouched), "{kind}");
    }
}

/// The document has a sequence and a hash of its own.
fn without_document(text: &str) -> Value {
    let mut object: Value = serde_json::from_str(text).unwrap();
    if object["data"]["ab.json"].is_string() {
        object["data"]["ab.json"] = Value::Null;
        object["metadata"]["annotations"] = Value::Null;
    }
    object
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_made_anew_takes_over_what_an_earlier_one_left_and_shares_none_of_its_secrets() {
    let (tenant, operator) = Tenant::with_operator("anew").await;
    tenant.apply(&[gateway(json!({})), connection("db", json!({}))]).await;
    tenant.is_published("db").await;
    operator.kill().await;
    let before = tenant.children("db").await;
    let delete = ["delete", "mcpconnection", "db", "--cascade=orphan", "--namespace", tenant.name()];
    tenant.cluster.kubectl(&delete).succeed().await;
    assert!(tenant.get("Deployment", "lychgate-db").await["metadata"]["ownerReferences"].is_null());
    tenant.apply(&[connection("db", json!({}))]).await;

    let _operator = tenant.operator().lead().await;
    tenant.is_published("db").await;
    let owner = tenant.get("McpConnection", "db").await["metadata"]["uid"].clone();
    let after = tenant.children("db").await;
    let mut taken = 0;
    for ((kind, name), child) in &after {
        let old = before.get(&(*kind, name.clone()));
        match (*kind, old) {
            ("Secret", Some(_)) => {}
            // The old certificate and keys of sessions stay until the old pods have rolled over.
            ("ConfigMap", Some(_)) if owns_secrets(name) => {}
            ("Secret", None) => assert_ne!(child["metadata"]["ownerReferences"], Value::Null, "{name}"),
            (_, Some(old)) => {
                assert_eq!(child["metadata"]["uid"], old["metadata"]["uid"], "{kind} {name} is the same one");
                assert_eq!(child["metadata"]["ownerReferences"][0]["uid"], owner, "{kind} {name}");
                taken += 1;
            }
            (_, None) => assert!(*kind == "ConfigMap" && owns_secrets(name), "{kind} {name}"),
        }
    }
    assert_eq!(taken, 9);
    let deployment = &after[&("Deployment", "lychgate-db".to_owned())];
    let volumes = deployment["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    let sources = volumes.iter().filter_map(|volume| volume["projected"]["sources"].as_array()).flatten();
    let of_keys = sources.map(|source| &source["secret"]).filter(|secret| secret["optional"] != true);
    let whole = volumes.iter().filter_map(|volume| volume["secret"]["secretName"].as_str());
    let mounted: Vec<&str> = whole.chain(of_keys.filter_map(|secret| secret["name"].as_str())).collect();
    assert_eq!(mounted.len(), 4, "a certificate, keys that stay, and two of sessions: {mounted:?}");
    for secret in mounted {
        let key = ("Secret", secret.to_owned());
        assert!(after.contains_key(&key) && !before.contains_key(&key), "{secret} is the new one's own");
    }

    // Old pods may be started again until the last of them is gone, and need what they mount.
    let owners: Vec<&String> =
        before.keys().map(|(_, name)| name).filter(|name| owns_secrets(name)).collect();
    let is_there = |name: &str| after.contains_key(&("ConfigMap", name.to_owned()));
    assert!(owners.len() >= 4 && owners.iter().all(|name| is_there(name)), "{owners:?}");
    tenant.rolls_over("lychgate-db").await;
    lychgate_tests_cluster::eventually(
        "what old pods mounted to be gone",
        crate::support::PATIENCE,
        async || {
            let children = tenant.children("db").await;
            let mut left = children.keys().filter(|(_, name)| owners.contains(&name));
            left.next().map_or(Ok(()), |left| Err(format!("{left:?}")))
        },
    )
    .await;
}

/// Whether a ConfigMap of this name is there to own Secrets.
fn owns_secrets(name: &str) -> bool {
    ["lychgate-db-tls-", "lychgate-db-session-"].into_iter().any(|owner| name.starts_with(owner))
}
