//! Releases on a real API server: installed, used, upgraded, uninstalled and installed again.

use lychgate_tests_cluster::{Cluster, Namespace, Options};

use super::release::{Release, get, until};
use super::run::{self, AGENTS};
use super::{HOME, OPERATOR, page};
use crate::admission::check::of_release;
use crate::support::{GATEWAY, cluster, connection, eventually};

/// A namespace that admits only pods that pass Pod Security `restricted`.
fn restricted(name: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, \
         labels: {{pod-security.kubernetes.io/enforce: restricted}}}}}}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_installed_upgraded_and_uninstalled_and_its_gateways_stay() {
    let cluster = Cluster::start(Options::default()).await;
    cluster.apply_yaml(&format!("{}\n---\n{}", restricted(HOME), restricted(AGENTS))).await;
    let release = Release { cluster: &cluster, home: HOME };
    // Every flag that values can give. Somebody must be able to change what the operator made, so that it can put
    // it right: that is what the policies stop.
    let values = [
        "admissionPolicies.enabled=false",
        "operator.extraArgs={--lease-seconds=3}",
        "gateway.image.pullPolicy=Always",
        "gateway.imagePullSecrets={registry}",
        "apiServer.audiences={https://api.example.com}",
    ];
    let notes = release.set("install", &values).await;
    assert!(
        notes.contains("kubectl rollout status --namespace lychgate-system deployment/lychgate-operator")
    );
    eventually("pods that Pod Security admits", async || {
        let pods = cluster.kubectl(&["get", "pods", "-n", HOME, "-o", "name"]).succeed().await;
        (pods.lines().count() == 2).then_some(())
    })
    .await;

    run::everything(&release).await;
    run::hold_rights_to_use(&release).await;
    no_secret_can_be_read(&release).await;
    people_have_their_roles(&cluster).await;

    let operator = release.operator("operator-0").await;
    let objects = format!("{GATEWAY}---{}", connection("customers", "http://10.1.2.3:8000/mcp"));
    cluster.apply_yaml_in(AGENTS, &objects).await;
    run::accepted(&cluster).await;
    assert_eq!(operator.terminate().await, Some(0));
    let watching = format!("secretAccess.watchNamespaces={{{AGENTS}}}");
    release.set("upgrade", &["operator.replicas=3", "operator.logLevel=debug", &watching]).await;
    let upgraded = release.get("deployment", OPERATOR).await.unwrap();
    assert_eq!(upgraded["spec"]["replicas"], 3);
    gateways_may_watch_where_the_values_say_so(&release).await;
    every_policy_is_in_force_or_named(&release).await;

    let said = release.uninstall().await;
    assert!(said.contains("mcpconnections.lychgate.dev"), "what is kept is named: {said}");
    let kinds = "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding,\
                 mutatingadmissionpolicy,mutatingadmissionpolicybinding";
    let left = cluster.kubectl(&["get", kinds, "-o", "name"]).succeed().await;
    let left: Vec<&str> = left.lines().filter(|line| line.contains("lychgate")).collect();
    assert_eq!(left.len(), 6, "only definitions: {left:?}");
    assert!(left.iter().all(|line| line.starts_with("customresourcedefinition")), "{left:?}");
    let kept = cluster.kubectl(&["get", "mcpc,deployment", "-n", AGENTS, "-o", "name"]).succeed().await;
    assert_eq!(kept.lines().count(), 2, "{kept}");

    let authority = release.get("secret", "lychgate-operator-ca").await.expect("the authority stays");
    release.set("install", &values).await;
    cluster.apply_yaml_in(AGENTS, &connection("further", "http://10.1.2.3:8000/mcp")).await;
    let operator = release.operator("operator-0").await;
    until(&cluster, AGENTS, ("mcpconnection", "further"), "Accepted", "True/Accepted").await;
    assert_eq!(operator.terminate().await, Some(0));
    assert_eq!(release.get("secret", "lychgate-operator-ca").await, Some(authority));
    nothing_is_left(&cluster).await;
}

/// What the page says for removing everything does so, and needs no operator.
async fn nothing_is_left(cluster: &Cluster) {
    let commands = page::block("sh", "kubectl delete crd");
    for command in commands.lines() {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "kubectl" => cluster.kubectl(&words[1..]).succeed().await,
            "helm" => cluster.helm(&words[1..]).succeed().await,
            other => panic!("{other} is no command of the page"),
        };
    }
    eventually("nothing to be left", async || {
        let kinds = "sa,cm,secret,role,rolebinding,netpol,svc,pdb,deploy,rs,pod,crd,clusterrole,ns";
        let left = cluster.kubectl(&["get", kinds, "--all-namespaces", "-o", "name"]).succeed().await;
        (!left.contains("lychgate")).then_some(())
    })
    .await;
}

/// The check finds every policy of a release in force, and names one that somebody has unbound.
async fn every_policy_is_in_force_or_named(release: &Release<'_>) {
    let checked = of_release(release, &[]).await;
    assert_eq!((checked.code, checked.output.matches("in force").count()), (0, 8), "{}", checked.output);
    let policy = "owned-objects.lychgate.dev";
    release.cluster.kubectl(&["delete", "validatingadmissionpolicybinding", policy]).succeed().await;
    eventually("the check to fail", async || {
        let checked = of_release(release, &["admissionPolicies.check.timeoutSeconds=1"]).await;
        let says = format!("the policy {policy} is not in force");
        (checked.code == 1 && checked.output.contains(&says)).then_some(())
    })
    .await;
    // While they are in force, an upgrade changes the operator, and brings back what is missing.
    release.set("upgrade", &["operator.replicas=2", "operator.podAnnotations.note=b"]).await;
    let checked = of_release(release, &[]).await;
    assert_eq!(checked.code, 0, "{}", checked.output);
}

/// With `secretAccess: Mount` nobody reads a Secret but the operator its own authority.
async fn no_secret_can_be_read(release: &Release<'_>) {
    for verb in ["get", "list", "watch", "update", "patch", "delete", "deletecollection"] {
        for namespace in ["", HOME, AGENTS] {
            let may = release.may(OPERATOR, namespace, (verb, "secrets", "")).await;
            assert!(!may, "{verb} secrets in '{namespace}'");
        }
    }
    for (question, expected) in [
        (("get", "secrets", "lychgate-operator-ca"), true),
        (("get", "secrets", "other"), false),
        (("create", "secrets", ""), true),
    ] {
        assert_eq!(release.may(OPERATOR, HOME, question).await, expected, "{question:?}");
    }
}

/// A gateway is granted its own Secret, by an operator that could read it itself.
async fn gateways_may_watch_where_the_values_say_so(release: &Release<'_>) {
    let cluster = release.cluster;
    for (namespace, expected) in [(AGENTS, true), (HOME, false), ("default", false), ("", false)] {
        assert_eq!(release.may(OPERATOR, namespace, ("list", "secrets", "")).await, expected, "{namespace}");
    }
    let operator = release.operator("operator-0").await;
    let watching = GATEWAY.replace("spec: {", "spec: {secretAccess: Watch, ");
    cluster.apply_yaml_in(AGENTS, &watching).await;
    let gateways = Release { cluster, home: AGENTS };
    let may = async |name: &str| gateways.may("lychgate-customers", AGENTS, ("watch", "secrets", name)).await;
    eventually("the gateway to be granted its Secret", async || may("upstream").await.then_some(())).await;
    assert!(!may("other").await && !may("").await, "a gateway reads no Secret but its own");
    cluster.apply_yaml_in(AGENTS, GATEWAY).await;
    eventually("what was granted to be taken back", async || (!may("upstream").await).then_some(())).await;
    assert_eq!(operator.terminate().await, Some(0));
    assert_eq!(release.refused().await, Vec::<String>::new());
}

/// What the aggregated roles give to whom in a namespace.
async fn people_have_their_roles(cluster: &Cluster) {
    for (user, role) in [
        ("viewer", "view"),
        ("editor", "edit"),
        ("admin", "admin"),
        ("author", "lychgate-policy-author"),
        ("approver", "lychgate-approver"),
    ] {
        let binding = ["create", "rolebinding", user, "--clusterrole", role, "--user", user, "-n", AGENTS];
        cluster.kubectl(&binding).succeed().await;
    }
    let may = async |user: &str, verb: &str, kind: &str| {
        let (kind, subresource) = kind.split_once('/').unwrap_or((kind, ""));
        let kind = format!("{kind}.lychgate.dev");
        let arguments =
            ["auth", "can-i", verb, &kind, "--subresource", subresource, "--as", user, "-n", AGENTS];
        cluster.kubectl(&arguments).finish().await.output.trim() == "yes"
    };
    eventually("roles to be aggregated", async || {
        (may("admin", "patch", "mcpgateways").await && may("viewer", "list", "mcpgateways").await)
            .then_some(())
    })
    .await;
    for (kind, writers) in [
        ("mcpconnections", &["editor", "admin"][..]),
        ("mcpgateways", &["admin"]),
        ("maskingrules", &["author"]),
        ("commandrules", &["author"]),
        ("approvalpolicies", &["author"]),
        ("approvals", &[]),
        ("mcpconnections/status", &[]),
    ] {
        for user in ["viewer", "editor", "admin", "author", "approver"] {
            assert_eq!(may(user, "update", kind).await, writers.contains(&user), "{user} updates {kind}");
        }
    }
    for user in ["viewer", "editor", "admin", "author", "approver"] {
        let sees_rules = user != "approver";
        assert_eq!(may(user, "list", "maskingrules").await, sees_rules, "{user} sees rules");
        assert!(may(user, "list", "approvalpolicies").await, "{user} sees policies");
        assert_eq!(may(user, "list", "approvals").await, user != "author", "{user} sees what waits");
        assert_eq!(may(user, "patch", "approvals").await, user == "approver", "{user} votes");
        for verb in ["create", "update", "delete", "deletecollection"] {
            assert!(!may(user, verb, "approvals").await, "{user} may {verb} approvals");
        }
        assert!(!may(user, "patch", "approvals/status").await, "{user} says what votes amount to");
        assert!(
            !may(user, "approve", "approvalpolicies").await,
            "{user} is no approver by a role of the chart"
        );
        assert!(!may(user, "serve", "mcpconnections").await, "{user} is no gateway");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_releases_serve_namespaces_of_their_own() {
    let cluster = cluster().await;
    let (home_a, home_b) = (cluster.namespace("home-a").await, cluster.namespace("home-b").await);
    let (agents_a, agents_b) = (cluster.namespace("agents-a").await, cluster.namespace("agents-b").await);
    let objects = format!("{GATEWAY}---{}", connection("customers", "http://10.1.2.3:8000/mcp"));
    for (home, agents) in [(&home_a, &agents_a), (&home_b, &agents_b)] {
        let release = Release { cluster, home: home.name() };
        let watched = format!("watchNamespaces={{{agents}}}");
        release.set("install", &[&watched, "crds.install=false", "userRoles.create=false"]).await;
        let operator = release.operator("operator-0").await;
        cluster.apply_yaml_in(agents.name(), &objects).await;
        let object = ("mcpconnection", "customers");
        until(cluster, agents.name(), object, "Programmed", "Unknown/NoReplica").await;
        assert!(get(cluster, agents.name(), "deployment", "lychgate-customers").await.is_some());
        assert_eq!(operator.terminate().await, Some(0));
        assert_eq!(release.refused().await, Vec::<String>::new(), "{home}");
        for object in release.objects().await {
            let is_policy = object["kind"].as_str().unwrap().contains("AdmissionPolicy");
            // By which the operator sees its own policies, and nothing else.
            let sees_policies = object["metadata"]["name"] == format!("lychgate-operator-guard.{home}");
            assert!(is_policy || sees_policies || object["metadata"]["namespace"].is_string(), "{object}");
        }
        let checked = of_release(&release, &[&watched]).await;
        assert_eq!(checked.code, 0, "{}", checked.output);
    }
    each_guards_its_own(cluster, [&home_a, &home_b], [&agents_a, &agents_b]).await;
    let release = Release { cluster, home: home_a.name() };
    for (namespace, question, expected) in [
        (agents_a.name(), ("create", "serviceaccounts", ""), true),
        (agents_b.name(), ("create", "serviceaccounts", ""), false),
        (home_a.name(), ("create", "serviceaccounts", ""), false),
        ("", ("list", "namespaces", ""), false),
        (agents_a.name(), ("get", "secrets", ""), false),
        (home_b.name(), ("get", "secrets", "lychgate-operator-ca"), false),
    ] {
        let may = release.may(OPERATOR, namespace, question).await;
        assert_eq!(may, expected, "{question:?} in '{namespace}'");
    }
}

/// The policies of a release guard what its operator serves, and leave the rest alone.
async fn each_guards_its_own(cluster: &Cluster, homes: [&Namespace; 2], agents: [&Namespace; 2]) {
    let create = async |namespace: &str| {
        let create = ["create", "serviceaccount", "lychgate-evil", "--dry-run=server", "-n", namespace];
        cluster.kubectl(&create).finish().await
    };
    for (home, agents) in homes.into_iter().zip(agents) {
        for namespace in [home, agents] {
            let refused = create(namespace.name()).await.errors;
            assert!(refused.contains(&format!("'accounts.{home}.lychgate.dev'")), "{namespace}: {refused}");
        }
    }
    assert_eq!(create("default").await.code, Some(0));
}
