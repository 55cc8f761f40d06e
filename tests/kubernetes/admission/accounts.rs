//! Nobody becomes a gateway: no account of such a name, no token of it, no more rights for it.

use lychgate_tests_cluster::Caller;

use super::{Attack, HOME, OPERATOR, account, pair, person};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_gateways_account_or_gets_its_token() {
    let pair = pair("accounts").await;
    pair.make_gateways().await;
    let erin = person("erin");
    let secret = |name: &str, account: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, annotations: \
             {{kubernetes.io/service-account.name: {account}}}}}, type: kubernetes.io/service-account-token}}"
        )
    };
    let names = "names of service accounts that begin with lychgate- are for gateways";
    let kept = "lychgate-billing-db is a gateway's service account, and no Secret holds a token of it";
    let reserved = "names of this form are for the keys and certificates";
    let generated = "{apiVersion: v1, kind: ServiceAccount, metadata: {generateName: lychgate-}}";
    for (command, input, says) in [
        ("create serviceaccount lychgate-docs --dry-run=server", String::new(), names),
        ("create --dry-run=server -f -", generated.to_owned(), names),
        ("create token lychgate-billing-db", String::new(), "only kubelets get tokens of it"),
        ("create --dry-run=server -f -", secret("kept", "lychgate-billing-db"), kept),
        ("create secret generic lychgate-docs-keys-0a1b2c3d --dry-run=server", String::new(), reserved),
        ("create secret generic lychgate-docs-session-0a1b2c3d --dry-run=server", String::new(), reserved),
        ("create secret generic lychgate-docs-tls-0a1b2c3d --dry-run=server", String::new(), reserved),
    ] {
        pair.refuses(&erin, &Attack { command, input: &input, policy: "accounts", says }).await;
    }
    // Nor by a detour over a Secret for another account, nor as an administrator of the cluster.
    for namespace in pair.both() {
        let created = pair.kubectl(&erin, namespace, "create -f -", &secret("detour", "default")).await;
        assert_eq!(created.code, Some(0), "{}", created.errors);
    }
    let detour = "annotate secret detour kubernetes.io/service-account.name=lychgate-billing-db --overwrite \
                  --dry-run=server";
    pair.refuses(&erin, &Attack { command: detour, input: "", policy: "accounts", says: kept }).await;
    let token = Attack {
        command: "create token lychgate-billing-db",
        input: "",
        policy: "accounts",
        says: "only kubelets get tokens of it",
    };
    pair.refuses(&Caller::Admin, &token).await;
    pair.admits(
        &Caller::impersonated("system:node:one", &["system:nodes", "system:masters"]),
        token.command,
        "",
    )
    .await;

    for command in [
        "create serviceaccount lychgate --dry-run=server",
        "create token default",
        "create secret generic lychgate-registry --dry-run=server",
        "create secret generic lychgate-docs-keys --dry-run=server",
        "create secret generic lychgate-docs-session --dry-run=server",
    ] {
        pair.admits(&erin, command, "").await;
    }
    // In the release's namespace the chart's own accounts are none of gateways; every other is.
    let own = ["create", "token", "lychgate-operator", "--namespace", HOME];
    pair.cluster.kubectl(&own).caller(&erin).succeed().await;
    let other = ["create", "serviceaccount", "lychgate-operator-2", "--dry-run=server", "--namespace", HOME];
    assert!(pair.cluster.kubectl(&other).caller(&erin).fail().await.contains(names));
    pair.admits(&erin, "get serviceaccount lychgate-billing-db", "").await;
    let elsewhere = Attack {
        command: "create serviceaccount lychgate-operator --dry-run=server",
        input: "",
        policy: "accounts",
        says: names,
    };
    pair.refuses(&erin, &elsewhere).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_a_gateway_more_rights() {
    let pair = pair("accounts").await;
    pair.make_gateways().await;
    for (question, expected) in [
        ("serve mcpconnections.lychgate.dev/billing-db", "yes"),
        ("serve mcpconnections.lychgate.dev/other", "no"),
        ("serve mcpconnections.lychgate.dev", "no"),
        ("get secrets", "no"),
    ] {
        let gateway = account(&format!("system:serviceaccount:{}:lychgate-billing-db", pair.guarded));
        let answer = pair.kubectl(&gateway, &pair.guarded, &format!("auth can-i {question}"), "").await;
        assert_eq!(answer.output.trim(), expected, "a gateway may {question}");
    }
    let adam = person("adam");
    let says =
        "lychgate-billing-db is a gateway's service account, and may do only what the operator lets it";
    let binding = |subjects: &str| {
        format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: more}}, roleRef: \
             {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}, subjects: [{subjects}]}}"
        )
    };
    let user = |name: &str| format!("{{apiGroup: rbac.authorization.k8s.io, kind: User, name: '{name}'}}");
    let create = "create --dry-run=server -f -";
    for subjects in [
        "{kind: ServiceAccount, name: lychgate-billing-db, namespace: NAMESPACE}".to_owned(),
        "{kind: ServiceAccount, name: lychgate-billing-db, namespace: elsewhere}".to_owned(),
        format!("{}, {}", user("erin"), user("system:serviceaccount:NAMESPACE:lychgate-billing-db")),
    ] {
        let input = binding(&subjects);
        pair.refuses(&adam, &Attack { command: create, input: &input, policy: "bindings", says }).await;
    }
    for subjects in [
        "{kind: ServiceAccount, name: builder, namespace: NAMESPACE}".to_owned(),
        format!("{{kind: ServiceAccount, name: lychgate-operator, namespace: {HOME}}}"),
        user("system:serviceaccount:odd"),
        user("lychgate-billing-db"),
        "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: 'system:serviceaccounts'}".to_owned(),
        String::new(),
    ] {
        pair.admits(&adam, create, &binding(&subjects)).await;
    }
    for namespace in pair.both() {
        let created = pair.kubectl(&adam, namespace, "create -f -", &binding("")).await;
        assert_eq!(created.code, Some(0), "{}", created.errors);
    }
    let subject =
        r#"{"subjects":[{"kind":"ServiceAccount","name":"lychgate-billing-db","namespace":"elsewhere"}]}"#;
    let command = format!("patch rolebinding more --dry-run=server -p {subject}");
    pair.refuses(&adam, &Attack { command: &command, input: "", policy: "bindings", says }).await;
    let collector = account("system:serviceaccount:kube-system:generic-garbage-collector");
    pair.admits(&collector, "annotate rolebinding more a=b --dry-run=server", "").await;
    // Nor does anybody lose rights by a McpConnection that is called as his RoleBinding is.
    let says = "RoleBinding more was there before, and the operator has not made it";
    let command = "delete rolebinding more --dry-run=server";
    pair.refuses(&account(OPERATOR), &Attack { command, input: "", policy: "bindings", says }).await;
    let own = "delete rolebinding lychgate-billing-db --dry-run=server";
    pair.admits(&account(OPERATOR), own, "").await;
    pair.admits(&adam, "delete rolebinding more", "").await;
}
