//! The control plane answers as a cluster does, to each caller as it should.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::large_futures,
    reason = "a test fails by panicking, and its futures may be large"
)]

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, PostParams};
use lychgate_tests_cluster::{Caller, Cluster, apply, eventually};

const PATIENCE: Duration = Duration::from_secs(60);

const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: "example.test/web:1" }] }
"#;

fn config_map(name: &str, note: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\ndata: {{ note: {note} }}\n")
}

#[tokio::test]
async fn it_is_of_the_version_that_its_go_module_names() {
    let cluster = Cluster::shared().await;
    let module = include_str!("../go.mod");
    let version = cluster.admin().apiserver_version().await.unwrap();
    let required = ["k8s.io/kubernetes", &version.git_version];
    assert!(
        module.lines().any(|line| line.split_whitespace().take(2).eq(required)),
        "{} is not what go.mod requires",
        version.git_version,
    );
}

#[tokio::test]
async fn a_deployment_gets_its_pods_and_takes_them_along() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("deployment").await;
    cluster.apply_yaml_in(namespace.name(), DEPLOYMENT).await;
    let pods = Api::<Pod>::namespaced(cluster.admin(), namespace.name());
    let replica_sets = Api::<ReplicaSet>::namespaced(cluster.admin(), namespace.name());
    eventually("two pending pods", PATIENCE, async || {
        let found = pods.list(&ListParams::default().labels("app=web")).await.unwrap().items;
        let phases: Vec<_> = found.iter().filter_map(|pod| pod.status.as_ref()?.phase.as_deref()).collect();
        if phases == ["Pending", "Pending"] { Ok(()) } else { Err(format!("{phases:?}")) }
    })
    .await;
    assert_eq!(replica_sets.list(&ListParams::default()).await.unwrap().items.len(), 1);

    let deployments = Api::<Deployment>::namespaced(cluster.admin(), namespace.name());
    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    eventually("nothing to be left", PATIENCE, async || {
        let sets = replica_sets.list(&ListParams::default()).await.unwrap().items.len();
        let pods = pods.list(&ListParams::default()).await.unwrap().items.len();
        if sets + pods == 0 { Ok(()) } else { Err(format!("{sets} replica sets, {pods} pods")) }
    })
    .await;
    namespace.delete().await;
}

#[tokio::test]
async fn a_token_is_good_for_its_audience_alone() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("token").await;
    let token = cluster.token(namespace.name(), "caller", &["gateway"], 600).await;
    let reviews = Api::<TokenReview>::all(cluster.admin());
    for (audience, good) in [("gateway", true), ("elsewhere", false)] {
        let review = TokenReview {
            spec: TokenReviewSpec { token: Some(token.clone()), audiences: Some(vec![audience.to_owned()]) },
            ..TokenReview::default()
        };
        let status = reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap();
        assert_eq!(status.authenticated.unwrap_or_default(), good, "{audience}: {status:?}");
        let user = status.user.unwrap_or_default().username;
        assert_eq!(user.is_some(), good);
        assert!(user.is_none_or(|user| user == format!("system:serviceaccount:{namespace}:caller")));
    }
}

#[tokio::test]
async fn each_caller_is_who_it_says_and_may_what_its_groups_may() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("callers").await;
    let binding = format!(
        "apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{ name: readers }}
roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view }}
subjects:
- {{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: readers }}
- {{ kind: ServiceAccount, name: reader, namespace: {namespace} }}
"
    );
    cluster.apply_yaml_in(namespace.name(), &binding).await;
    let read =
        async |client| Api::<ConfigMap>::namespaced(client, namespace.name()).get("kube-root-ca.crt").await;
    let refused = |result: Result<_, kube::Error>, code: u16| match result {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, code, "{status:?}"),
        other => panic!("it should have been refused: {other:?}"),
    };
    // The first to be asked for a right that was just given may be too early.
    eventually("the binding to be known", PATIENCE, async || {
        read(cluster.user("anna", &["readers"])).await.map_err(|error| error.to_string())
    })
    .await;
    read(cluster.user("anna", &["others", "readers"])).await.unwrap();
    read(cluster.impersonate("anna", &["a", "b", "readers"])).await.unwrap();
    read(cluster.service_account(namespace.name(), "reader").await).await.unwrap();
    refused(read(cluster.user("anna", &["others"])).await, 403);
    refused(read(cluster.impersonate("anna", &[])).await, 403);
    refused(read(cluster.service_account(namespace.name(), "writer").await).await, 403);
    refused(read(cluster.client(&Caller::Nobody)).await, 403);
    refused(read(cluster.client(&Caller::token("made.up.token"))).await, 401);
    refused(
        apply(&cluster.user("anna", &["readers"]), namespace.name(), &config_map("x", "x"))
            .await
            .map(|_| ConfigMap::default()),
        403,
    );
}

#[tokio::test]
async fn an_admission_policy_comes_into_force() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("admission").await;
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{ name: no-secrets-in-notes }}
spec:
  matchConstraints:
    resourceRules: [{{ apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [configmaps] }}]
  validations: [{{ expression: \"object.data.note != 'secret'\", message: a note is no place for it }}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{ name: no-secrets-in-notes }}
spec:
  policyName: no-secrets-in-notes
  validationActions: [Deny]
  matchResources: {{ namespaceSelector: {{ matchLabels: {{ kubernetes.io/metadata.name: {namespace} }} }} }}
"
    );
    cluster.apply_yaml(&policy).await;
    let refusal = eventually("the policy to be active", PATIENCE, async || {
        match apply(&cluster.admin(), namespace.name(), &config_map("note", "secret")).await {
            Ok(_) => Err("it was taken".to_owned()),
            Err(error) => Ok(error.to_string()),
        }
    })
    .await;
    assert!(refusal.contains("a note is no place for it"), "{refusal}");
    cluster.apply_yaml_in(namespace.name(), &config_map("note", "harmless")).await;
}

#[tokio::test]
async fn a_definition_and_an_object_of_it_can_stand_in_one_text() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("definition").await;
    let text = "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: lanterns.example.test }
spec:
  group: example.test
  scope: Namespaced
  names: { kind: Lantern, plural: lanterns, singular: lantern }
  versions:
  - name: v1
    served: true
    storage: true
    schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, properties: { lit: { type: boolean } } } } } }
---
# Nothing in this one.
---
apiVersion: example.test/v1
kind: Lantern
metadata: { name: porch }
spec: { lit: true }
";
    let applied: Vec<DynamicObject> = cluster.apply_yaml_in(namespace.name(), text).await;
    assert_eq!(applied.len(), 2);
    assert_eq!(applied[1].data["spec"]["lit"], true);
    assert_eq!(applied[1].metadata.namespace.as_deref(), Some(namespace.name()));
}

#[tokio::test]
async fn kubectl_and_helm_run_as_the_caller_they_are_given() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("commands").await;
    let name = namespace.name();
    let manifest = config_map("by-hand", "x");
    let printed = cluster.kubectl(&["-n", name, "apply", "-f", "-"]).input(&manifest).succeed().await;
    assert_eq!(printed, "configmap/by-hand created\n");
    let anna = Caller::user("anna", &[]);
    let complaint = cluster.kubectl(&["-n", name, "get", "configmaps"]).caller(&anna).fail().await;
    assert!(complaint.contains(r#"User "anna" cannot list resource "configmaps""#), "{complaint}");

    let chart = cluster.directory().join("home/chart");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 0.1.0\n").unwrap();
    std::fs::write(chart.join("templates/map.yaml"), config_map("by-chart", "{{ .Values.note }}")).unwrap();
    cluster.helm(&["-n", name, "install", "one", ".", "--set", "note=set"]).directory(&chart).succeed().await;
    let maps = Api::<ConfigMap>::namespaced(cluster.admin(), name);
    assert_eq!(maps.get("by-chart").await.unwrap().data.unwrap()["note"], "set");
}

#[tokio::test]
async fn the_record_tells_who_did_what_with_what_success() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace("record").await;
    let accounts = Api::<ServiceAccount>::namespaced(cluster.admin(), namespace.name());
    accounts.get("default").await.unwrap();
    let client = cluster.service_account(namespace.name(), "clerk").await;
    let before = cluster.audit().await.len();
    let refused = apply(&client, namespace.name(), &config_map("denied", "x")).await;
    refused.unwrap_err();
    let name = format!("system:serviceaccount:{namespace}:clerk");
    let impersonated = cluster.impersonate(&name, &[]);
    Api::<ConfigMap>::namespaced(impersonated, namespace.name()).get("denied").await.unwrap_err();

    let events = cluster.audit().await.split_off(before);
    let own: Vec<_> =
        events.iter().filter(|event| event.user == name && !event.resource.is_empty()).collect();
    let facts: Vec<_> = own
        .iter()
        .map(|event| {
            (event.verb.as_str(), event.resource.as_str(), event.name.as_str(), event.code, event.writes())
        })
        .collect();
    assert_eq!(
        facts,
        [("patch", "configmaps", "denied", 403, true), ("get", "configmaps", "denied", 403, false)]
    );
    assert_eq!(own[0].namespace, namespace.name());
    assert!(own[0].groups.contains(&"system:serviceaccounts".to_owned()));
    assert_eq!((own[0].impersonator.as_deref(), own[1].impersonator.as_deref()), (None, Some("admin")));
}
