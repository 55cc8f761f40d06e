//! What the operator made is written by the operator alone (security.md: a holder of `edit` in the namespace).

use lychgate_tests_cluster::Caller;

use serde_json::Value;

use super::{Attack, CLOUD, OPERATOR, Pair, account, golden, pair, person};
use crate::chart::objects;
use crate::support::eventually;

/// What the operator has made, and a change to each. Whoever changes roles must hold what they grant, and nobody but
/// the operator and administrators of the cluster holds `serve`.
const CHANGES: [(&str, &str); 14] = [
    ("serviceaccount/lychgate-billing-db", r#"{"automountServiceAccountToken":true}"#),
    ("secret/lychgate-billing-db-keys-fe2247da", r#"{"stringData":{"session":"known"}}"#),
    // With the owners of keys of sessions the keys would go.
    ("configmap/lychgate-billing-db-session-87ce0fb2", r#"{"data":{"a":"b"}}"#),
    ("configmap/lychgate-billing-db-session-b98643ec", r#"{"data":{"a":"b"}}"#),
    ("configmap/lychgate-billing-db-session-19074a35", r#"{"data":{"a":"b"}}"#),
    ("secret/lychgate-billing-db-session-b98643ec", r#"{"stringData":{"session":"known"}}"#),
    ("secret/lychgate-billing-db-session-19074a35", r#"{"stringData":{"session":"known"}}"#),
    ("configmap/lychgate-billing-db", r#"{"data":{"billing-db.json":"{}"}}"#),
    ("role/lychgate-billing-db", r#"{"rules":[]}"#),
    ("rolebinding/lychgate-billing-db", r#"{"subjects":[]}"#),
    ("networkpolicy/lychgate-billing-db", r#"{"spec":{"egress":[{}]}}"#),
    ("service/lychgate-billing-db", r#"{"spec":{"selector":{"app":"mine"}}}"#),
    ("poddisruptionbudget/lychgate-billing-db", r#"{"spec":{"maxUnavailable":"100%"}}"#),
    ("deployment/lychgate-billing-db", r#"{"metadata":{"annotations":{"a":"b"}}}"#),
];
const UNLABELLED: &str = r#"{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}"#;
const OF_GATEWAY: &str = "--selector app.kubernetes.io/instance=lychgate-billing-db";

/// Adam may write everything in his namespace, its statuses too.
const STATUSES: &str = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: statuses}
rules:
- {apiGroups: [''], resources: [services/status], verbs: [get, patch]}
- {apiGroups: [apps], resources: [replicasets/status], verbs: [get, patch]}
- {apiGroups: [policy], resources: [poddisruptionbudgets/status], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: statuses}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: statuses}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: adam}]
";

async fn is_refused(pair: &Pair, caller: &Caller, command: &str, says: &str) {
    pair.refuses(caller, &Attack { command, input: "", policy: "owned-objects", says }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_operator_made_is_changed_and_deleted_by_nobody_else() {
    let pair = pair("objects").await;
    pair.make_gateways().await;
    let finalizers = r#"{"metadata":{"finalizers":["example.com/stay"]}}"#;
    for (object, change) in CHANGES {
        let (kind, name) = object.split_once('/').unwrap();
        let caller = if kind.starts_with("role") { Caller::Admin } else { person("adam") };
        let says = format!("{name} is the operator's, not ");
        for change in [change, UNLABELLED, finalizers] {
            let command = format!("patch {object} --type=merge --dry-run=server -p {change}");
            let (policy, says) = match (kind, change) {
                // No longer with that label, it would still run as the gateway.
                ("deployment", UNLABELLED) => ("owned-objects|workloads", "operator"),
                _ => ("owned-objects", says.as_str()),
            };
            pair.refuses(&caller, &Attack { command: &command, input: "", policy, says }).await;
        }
        is_refused(&pair, &caller, &format!("delete {object} --dry-run=server"), &says).await;
    }
    let mut made: Vec<String> = objects(&pair.gateway(&pair.open).await).iter().map(object_name).collect();
    made.sort_unstable();
    let mut changed = CHANGES.map(|(object, _)| object);
    changed.sort_unstable();
    assert_eq!(made, changed, "everything that the operator makes");

    let adam = person("adam");
    let says = "is the operator's, not adam's";
    let all = "delete --raw /api/v1/namespaces/NAMESPACE/configmaps?labelSelector=app.kubernetes.io/part-of=lychgate&dryRun=All";
    is_refused(&pair, &adam, all, says).await;
    // A Deployment's ReplicaSets are the operator's, too.
    is_refused(&pair, &adam, &format!("delete replicaset {OF_GATEWAY} --dry-run=server"), says).await;
    is_refused(&pair, &adam, &format!("annotate replicaset {OF_GATEWAY} a=b --dry-run=server"), says).await;
}

/// An object as kubectl names it.
fn object_name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    format!("{}/{}", text(&object["kind"]).to_lowercase(), text(&object["metadata"]["name"]))
}

/// An autoscaler as the operator makes one, of a Deployment that is not there.
const AUTOSCALER: &str = "
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: lychgate-scaled
  labels: {app.kubernetes.io/managed-by: lychgate-operator}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: lychgate-scaled}
  minReplicas: 2
  maxReplicas: 3
  metrics:
  - type: Pods
    pods: {metric: {name: lychgate_calls_under_way}, target: {type: AverageValue, averageValue: '20'}}
";

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_that_the_operator_made_is_changed_by_nobody_else_and_says_what_it_does() {
    let pair = pair("objects").await;
    let adam = person("adam");
    let attack = Attack {
        command: "create --dry-run=server -f -",
        input: AUTOSCALER,
        policy: "owned-objects",
        says: "is for what the operator makes; leave it out",
    };
    pair.refuses(&adam, &attack).await;
    for namespace in pair.both() {
        pair.apply(&account(OPERATOR), namespace, AUTOSCALER).await.unwrap();
    }
    let object = "horizontalpodautoscaler/lychgate-scaled";
    let says = "lychgate-scaled is the operator's, not adam's";
    for change in [r#"{"spec":{"maxReplicas":50}}"#, UNLABELLED] {
        let command = format!("patch {object} --type=merge --dry-run=server -p {change}");
        is_refused(&pair, &adam, &command, says).await;
    }
    is_refused(&pair, &adam, &format!("delete {object} --dry-run=server"), says).await;
    eventually("what its controller says of it", async || {
        let found = pair.get(object).await;
        found["status"]["conditions"].is_array().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_label_gets_lost_by_way_of_a_status_and_no_namespace_by_way_of_its_own() {
    let pair = pair("objects").await;
    pair.make_gateways().await;
    let adam = person("adam");
    for namespace in pair.both() {
        pair.cluster.apply_yaml_in(namespace, STATUSES).await;
    }
    for object in ["service/lychgate-billing-db", "poddisruptionbudget/lychgate-billing-db"] {
        let command =
            format!("patch {object} --subresource=status --type=merge --dry-run=server -p {UNLABELLED}");
        is_refused(&pair, &adam, &command, "is the operator's, not adam's").await;
    }
    let listed = format!("get replicaset {OF_GATEWAY} --output jsonpath={{.items[0].metadata.name}}");
    for namespace in pair.both() {
        let set = eventually("a ReplicaSet", async || {
            let listed = pair.kubectl(&adam, namespace, &listed, "").await;
            (!listed.output.is_empty()).then_some(listed.output)
        })
        .await;
        let patch = format!(
            "patch replicaset {set} --subresource=status --type=merge --dry-run=server -p {UNLABELLED}"
        );
        let patched = pair.kubectl(&adam, namespace, &patch, "").await;
        let is_refused = patched.errors.contains("'owned-objects.lychgate.dev'");
        assert_eq!(is_refused, namespace == pair.guarded, "{}{}", patched.output, patched.errors);
    }
    // What a status is there for can be written.
    let condition = concat!(
        r#"{"status":{"conditions":[{"type":"a","status":"True","reason":"b","message":"","#,
        r#""lastTransitionTime":"2026-01-01T00:00:00Z"}]}}"#
    );
    let status = format!(
        "patch service lychgate-billing-db --subresource=status --type=merge --dry-run=server -p {condition}"
    );
    pair.admits(&adam, &status, "").await;
    // The label that the bindings look at is the API server's own.
    let guarded =
        ["label", "namespace", &pair.guarded, "kubernetes.io/metadata.name=kube-system", "--overwrite"];
    pair.cluster.kubectl(&guarded).finish().await;
    let delete = "delete configmap lychgate-billing-db --dry-run=server";
    is_refused(&pair, &adam, delete, "is the operator's, not adam's").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_passes_his_own_for_the_operators_and_the_operator_takes_over_nothing() {
    let pair = pair("adoption").await;
    let says = "is for what the operator makes; leave it out";
    let label = "app.kubernetes.io/managed-by=lychgate-operator";
    for (kind, rest) in [
        ("ConfigMap", "data: {a: b}"),
        ("Secret", "stringData: {a: b}"),
        ("Service", "spec: {ports: [{port: 80}], selector: {a: b}}"),
        ("ServiceAccount", "automountServiceAccountToken: false"),
    ] {
        let input = format!(
            "{{apiVersion: v1, kind: {kind}, metadata: {{name: mine, labels: {{app.kubernetes.io/managed-by: \
             lychgate-operator}}}}, {rest}}}"
        );
        let attack =
            Attack { command: "create --dry-run=server -f -", input: &input, policy: "owned-objects", says };
        pair.refuses(&person("erin"), &attack).await;
    }

    // Somebody was there first, with a document or a peer of his own beside what the operator will apply.
    let adam = person("adam");
    for namespace in pair.both() {
        let created = pair.kubectl(&adam, namespace, "create -f -", SQUATTERS).await;
        assert_eq!(created.code, Some(0), "{}", created.errors);
    }
    let command = format!("label configmap lychgate-billing-db {label} --dry-run=server");
    is_refused(&pair, &adam, &command, "is the operator's").await;
    pair.make_gateway(&pair.open).await.expect("without policies it takes them over");
    let keys = "get configmap lychgate-billing-db -o jsonpath={.data}";
    let both = pair.kubectl(&Caller::Admin, &pair.open, keys, "").await.output;
    assert!(both.contains("evil.json") && both.contains("billing-db.json"), "{both}");
    let gateway = pair.gateway(&pair.guarded).await;
    for squatter in objects(SQUATTERS) {
        let kind = squatter["kind"].as_str().unwrap();
        let is_in_its_place = |object: &&str| {
            object.contains(&format!("kind: {kind}\n")) && object.contains("  name: lychgate-billing-db\n")
        };
        let own = gateway.split("---\n").find(is_in_its_place).unwrap();
        let error = pair.apply(&account(OPERATOR), &pair.guarded, own).await.expect_err("somebody's own");
        let says = format!("{kind} lychgate-billing-db was there before, and the operator has not made it");
        assert!(error.contains(&says), "{error}");
    }
    pair.admits(&adam, "delete -f -", SQUATTERS).await;
    pair.make_gateway(&pair.guarded).await.expect("now there is nobody's but its own");
}

const SQUATTERS: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: lychgate-billing-db}
data: {evil.json: '{}'}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: lychgate-billing-db}
spec: {podSelector: {}, egress: [{}]}
---
apiVersion: v1
kind: Service
metadata: {name: lychgate-billing-db}
spec: {ports: [{name: evil, port: 1}], externalIPs: [192.0.2.1]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: lychgate-billing-db}
spec: {selector: {matchLabels: {evil: ''}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: lychgate-billing-db}
rules: [{apiGroups: [''], resources: [pods], verbs: [list]}]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_the_values_name_annotates_and_does_no_more() {
    let pair = pair("controllers").await;
    pair.make_gateways().await;
    let admin = "
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: controller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:cloud-controller'}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: 'system:another-controller'}
";
    for namespace in pair.both() {
        pair.cluster.apply_yaml_in(namespace, admin).await;
    }
    let annotate = "annotate service lychgate-billing-db cloud.example.com/group=7 --overwrite";
    pair.admits(&account(CLOUD), annotate, "").await;
    let another = account("system:another-controller");
    is_refused(&pair, &another, &annotate.replace("=7", "=8"), "is the operator's").await;
    for command in [
        "delete service lychgate-billing-db --dry-run=server",
        "label service lychgate-billing-db a=b --dry-run=server",
        r#"patch service lychgate-billing-db --dry-run=server -p {"spec":{"selector":{"app":"mine"}}}"#,
        r#"patch configmap lychgate-billing-db --dry-run=server -p {"data":{"evil.json":"{}"}}"#,
        r#"patch configmap lychgate-billing-db --dry-run=server -p {"data":null}"#,
        r#"patch configmap lychgate-billing-db --dry-run=server -p {"binaryData":{"evil.json":"e30="}}"#,
        r#"patch secret lychgate-billing-db-keys-fe2247da --dry-run=server -p {"stringData":{"session":"known"}}"#,
    ] {
        is_refused(&pair, &account(CLOUD), command, "is the operator's").await;
    }
    let image = "set image deployment/lychgate-billing-db gateway=evil --dry-run=server";
    let attack = Attack { command: image, input: "", policy: "owned-objects|workloads", says: "operator" };
    pair.refuses(&account(CLOUD), &attack).await;
    let pods = "pods --selector app.kubernetes.io/instance=lychgate-billing-db";
    for namespace in pair.both() {
        eventually("a pod", async || {
            let listed =
                pair.kubectl(&Caller::Admin, namespace, &format!("get {pods} --output name"), "").await;
            listed.output.starts_with("pod/").then_some(())
        })
        .await;
    }
    let label = format!("label {pods} a=b --dry-run=server");
    let attack = Attack { command: &label, input: "", policy: "workloads", says: "operator" };
    pair.refuses(&account(CLOUD), &attack).await;
    // Its own annotation goes, whoever else is kept out.
    pair.admits(&account(CLOUD), "annotate service lychgate-billing-db cloud.example.com/group-", "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_gives_no_gateway_a_right_to_read_secrets_unless_the_values_say_so() {
    let pair = pair("objects").await;
    let golden = golden().replace("namespace: agents\n", &format!("namespace: {}\n", pair.guarded));
    let role = golden.split("---\n").find(|object| object.contains("kind: Role\n")).unwrap();
    let role = role.replace("name: lychgate-billing-db\n", "name: lychgate-reader\n");
    let error = pair.apply(&account(OPERATOR), &pair.guarded, &role).await.expect_err("it reads a Secret");
    assert!(error.contains("attempting to grant RBAC permissions not currently held"), "{error}");
}
