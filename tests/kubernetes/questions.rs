//! What people ask the cluster with the command line: `lychgate status` and `lychgate explain`, as somebody who
//! may do no more than look.

use lychgate_tests_cluster::{Caller, Cluster};

use crate::lifecycle::RULE_OF_WORDS;
use crate::support::operator::Operator;
use crate::support::process::{Finished, lychgate};
use crate::support::{GATEWAY, RULE, cluster, connection, eventually, get, until};

/// Lets somebody look at our kinds, Leases, and what the role `view` shows, in a namespace.
pub fn looking(name: &str) -> String {
    format!(
        "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: looking}}
rules:
- {{apiGroups: [lychgate.dev], resources: ['*'], verbs: [get, list]}}
- {{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: looking}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: looking}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {name}}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: view}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {name}}}]
"
    )
}

/// Asks as somebody.
pub async fn ask(cluster: &Cluster, who: &str, arguments: &[&str]) -> Finished {
    let kubeconfig = cluster.kubeconfig(&Caller::user(who, &[]));
    let mut all = arguments.to_vec();
    all.extend(["--kubeconfig", kubeconfig.to_str().unwrap()]);
    lychgate(&all, "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_what_is_wrong_and_what_to_do() {
    let cluster = cluster().await;
    let namespace = cluster.namespace("status").await;
    let name = namespace.name();
    cluster.apply_yaml_in(name, &looking("sam")).await;
    let status = async |more: &[&str]| {
        let arguments = [&["status", "-n", name, "--operator-namespace", name], more].concat();
        ask(cluster, "sam", &arguments).await
    };

    // Before there is an operator.
    cluster.apply_yaml_in(name, GATEWAY).await;
    let asked = status(&[]).await;
    assert_eq!(asked.code, 1, "{}", asked.errors);
    let expected =
        format!("Progressing  McpGateway {name}/default\n{:13}the operator has not looked at it yet\n", "");
    assert!(asked.output.starts_with(&expected), "{}", asked.output);
    assert!(asked.output.contains("no operator has ever run in namespace"), "{}", asked.output);

    // A connection of which everything is said by its condition.
    let operator = Operator::start(cluster, "status", name, &[name]);
    cluster.apply_yaml_in(name, &connection("customers", "http://10.1.2.3:8000/mcp")).await;
    until(name, "mcpconnection", "customers", "Programmed", "Unknown/NoReplica").await;
    until(name, "mcpgateway", "default", "Programmed", "Unknown/ConnectionsPending").await;
    let asked = status(&[]).await;
    assert_eq!(asked.code, 1);
    assert!(
        asked.output.contains(&format!("Progressing  McpConnection {name}/customers\n")),
        "{}",
        asked.output
    );
    assert!(asked.output.contains("Programmed is Unknown (NoReplica): no pod"), "{}", asked.output);
    assert!(asked.output.contains("Look at the pods: an image that cannot be pulled"), "{}", asked.output);
    assert!(asked.output.contains("Healthy      Operator: status leads in namespace"), "{}", asked.output);

    // A pod whose image cannot be pulled.
    let pod = a_pod(cluster, name).await;
    let image = r#"{"status":{"phase":"Pending","containerStatuses":[{"name":"gateway","image":"x","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}}"#;
    let patch = ["patch", "pod", &pod, "-n", name, "--subresource=status", "--type=merge", "-p", image];
    cluster.kubectl(&patch).succeed().await;
    let asked = status(&[]).await;
    assert!(
        asked.output.contains(&format!("Degraded     McpConnection {name}/customers\n")),
        "{}",
        asked.output
    );
    let trouble = format!("pod {pod}: container gateway: ImagePullBackOff: no such image\n");
    assert!(asked.output.contains(&trouble), "{}", asked.output);

    // The operator ends, and gives the lead back.
    assert_eq!(operator.terminate().await, Some(0));
    let asked = status(&[]).await;
    assert!(
        asked.output.contains("Degraded     Operator: no operator leads in namespace"),
        "{}",
        asked.output
    );

    // Who may not look at all namespaces is told what to do.
    let asked = ask(cluster, "sam", &["status", "--all-namespaces"]).await;
    assert_eq!((asked.code, asked.output.as_str()), (2, ""));
    assert!(asked.errors.contains("name one with --namespace"), "{}", asked.errors);
    let asked = ask(cluster, "nobody", &["status", "-n", name]).await;
    assert_eq!(asked.code, 2);
    assert!(asked.errors.contains("the role view grants it"), "{}", asked.errors);
}

async fn a_pod(cluster: &Cluster, namespace: &str) -> String {
    eventually("a pod", async || {
        let arguments = ["get", "pods", "-n", namespace, "-o", "jsonpath={.items[0].metadata.name}"];
        let found = cluster.kubectl(&arguments).finish().await;
        (found.code == Some(0) && !found.output.is_empty()).then_some(found.output)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_what_holds_by_the_objects_of_the_cluster_and_what_the_operator_says() {
    let cluster = cluster().await;
    let (home, tenant) = (cluster.namespace("explain-home").await, cluster.namespace("explain").await);
    let (home, name) = (home.name(), tenant.name());
    let _operator = Operator::start(cluster, "explain", home, &[home, name]);
    let binding = RULE.replace("spec:", "spec:\n  namespaceSelector: {}").replace("personal-data", "for-all");
    cluster.apply_yaml_in(home, &binding).await;
    cluster
        .apply_yaml_in(
            name,
            &format!(
                "{}---{GATEWAY}---{}",
                looking("sue"),
                connection("customers", "http://10.1.2.3:8000/mcp")
            ),
        )
        .await;
    until(name, "mcpconnection", "customers", "Programmed", "Unknown/NoReplica").await;
    let object = get(name, "mcpconnection", "customers").await.unwrap();
    let counted = format!("MaskingRule {home}/for-all");
    assert_eq!(object["status"]["policies"], serde_json::json!([counted]));

    let explain = async |who: &str, more: &[&str]| {
        let connection = format!("{name}/customers");
        ask(cluster, who, &[&["explain", connection.as_str()], more].concat()).await
    };
    // Whoever may read the operator's namespace sees the policy with its ground.
    cluster.apply_yaml_in(home, &looking("sid")).await;
    cluster
        .apply_yaml_in(
            name,
            &looking("sid")
                .replace("name: looking}\nrole", "name: sid}\nrole")
                .replace("name: view}\nrole", "name: sid-views}\nrole"),
        )
        .await;
    let asked = explain("sid", &["--operator-namespace", home]).await;
    assert_eq!(asked.code, 0, "{}", asked.errors);
    for line in [
        format!("McpConnection  {name}/customers"),
        "Standing       accepted; calls are held to the grants and policies below".to_owned(),
        "Status         Progressing".to_owned(),
        "               Programmed is Unknown (NoReplica): no pod of the gateway has an address yet"
            .to_owned(),
        format!("URL            https://lychgate-customers.{name}.svc:8443/customers/mcp"),
        "Problems       none".to_owned(),
    ] {
        assert!(asked.output.lines().any(|told| told == line), "{line}\n{}", asked.output);
    }
    assert!(asked.output.contains(&format!("Policies       {counted}: ")), "{}", asked.output);
    assert_eq!(asked.errors, "");

    // Whoever may not is told what is left out, and what the operator counts.
    let asked = explain("sue", &["--operator-namespace", home]).await;
    assert_eq!(asked.code, 0, "{}", asked.errors);
    assert!(asked.errors.contains(&format!("policies of namespace {home} are left out")), "{}", asked.errors);
    assert!(asked.errors.contains(&format!("by its status {counted} holds for it, too")), "{}", asked.errors);
    assert!(asked.output.contains("Policies       none"), "{}", asked.output);

    let asked = ask(cluster, "sue", &["explain", "nothing", "-n", name]).await;
    assert_eq!(asked.code, 2);
    assert!(
        asked.errors.contains(&format!("no connection nothing; there are: {name}/customers")),
        "{}",
        asked.errors
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_looks_up_the_words_of_a_rule_in_the_cluster() {
    let cluster = cluster().await;
    let tenant = cluster.namespace("explain-words").await;
    let name = tenant.name();
    let connection = connection("customers", "http://10.1.2.3:8000/mcp");
    let objects = format!("{}---{GATEWAY}---{connection}---{RULE_OF_WORDS}", looking("sue"));
    cluster.apply_yaml_in(name, &objects).await;
    let explain = async || {
        let connection = format!("{name}/customers");
        ask(cluster, "sue", &["explain", &connection, "--operator-namespace", name]).await
    };
    let asked = explain().await;
    let place = "spec.custom[0].termsFrom.configMapKeyRef.name: there is no ConfigMap words";
    assert_eq!(asked.code, 1, "{}{}", asked.output, asked.errors);
    assert!(asked.output.contains(place), "{}", asked.output);

    let words = "
apiVersion: v1
kind: ConfigMap
metadata: {name: words, labels: {lychgate.dev/terms: 'true'}}
data: {units: Northern Relay}
";
    cluster.apply_yaml_in(name, words).await;
    let asked = explain().await;
    assert_eq!(asked.code, 0, "{}{}", asked.output, asked.errors);
    assert!(asked.output.contains("Policies       MaskingRule units: targetRefs[0]"), "{}", asked.output);
    assert!(asked.output.contains("Problems       none"), "{}", asked.output);
}
