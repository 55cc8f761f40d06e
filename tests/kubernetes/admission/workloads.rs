//! Nobody runs pods as a gateway, or in a gateway's place (security.md: a holder of `edit` in the namespace).

use lychgate_tests_cluster::Caller;

use super::{Attack, Pair, pair, person};
use crate::support::eventually;

const CREATE: &str = "create --dry-run=server -f -";

/// A workload of a kind, with this in its pods' metadata and this in their spec.
fn workload(kind: &str, metadata: &str, spec: &str) -> String {
    let labels = "app: mine";
    let pods = format!(
        "metadata: {{labels: {{{labels}, {metadata}}}}}, spec: {{{spec}, containers: [{{name: a, image: b}}]}}"
    );
    let never = format!(
        "metadata: {{labels: {{{labels}, {metadata}}}}}, \
         spec: {{{spec}, restartPolicy: Never, containers: [{{name: a, image: b}}]}}"
    );
    let selected = format!("selector: {{matchLabels: {{{labels}}}}}, template: {{{pods}}}");
    let (version, rest) = match kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => ("apps/v1", format!("spec: {{{selected}}}")),
        "StatefulSet" => ("apps/v1", format!("spec: {{serviceName: a, {selected}}}")),
        "Job" => ("batch/v1", format!("spec: {{template: {{{never}}}}}")),
        "CronJob" => {
            let job = format!("jobTemplate: {{spec: {{template: {{{never}}}}}}}");
            ("batch/v1", format!("spec: {{schedule: '@daily', {job}}}"))
        }
        "ReplicationController" => ("v1", format!("spec: {{selector: {{{labels}}}, template: {{{pods}}}}}")),
        "PodTemplate" => ("v1", format!("template: {{{pods}}}")),
        "Pod" => {
            return format!(
                "{{apiVersion: v1, kind: Pod, metadata: {{name: mine, labels: {{{labels}, {metadata}}}}}, \
                 spec: {{{spec}, containers: [{{name: a, image: b}}]}}}}"
            );
        }
        other => panic!("{other}"),
    };
    format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: mine}}, {rest}}}")
}

const KINDS: [&str; 9] = [
    "Deployment",
    "ReplicaSet",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "ReplicationController",
    "PodTemplate",
    "Pod",
];

/// Waits until the controllers have made a pod of the gateway; gives its name.
async fn pod(pair: &Pair, namespace: &str) -> String {
    eventually("a gateway's pod", async || {
        let command = "get pods --selector app.kubernetes.io/instance=lychgate-billing-db --output name";
        let pods = pair.kubectl(&Caller::Admin, namespace, command, "").await.output;
        pods.lines().next().map(|name| name.trim_start_matches("pod/").to_owned())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_runs_pods_as_a_gateway_or_in_its_place() {
    let pair = pair("workloads").await;
    pair.make_gateways().await;
    erin_holds_more_than_edit(&pair).await;
    let erin = person("erin");
    let as_gateway = ["serviceAccountName: lychgate-billing-db", "serviceAccount: lychgate-billing-db"];
    let operator = Caller::impersonated(super::OPERATOR, &["system:masters"]);
    let in_its_place =
        ["app.kubernetes.io/name: lychgate-gateway", "app.kubernetes.io/managed-by: lychgate-operator"];
    for kind in KINDS {
        for spec in as_gateway {
            let input = workload(kind, "a: b", spec);
            let says = "service accounts named lychgate-… are gateways'";
            pair.refuses(&erin, &Attack { command: CREATE, input: &input, policy: "workloads", says }).await;
        }
        for label in in_its_place {
            let input = workload(kind, label, "hostNetwork: false");
            let says = "would get the calls of a gateway";
            pair.refuses(&erin, &Attack { command: CREATE, input: &input, policy: "workloads", says }).await;
        }
        pair.admits(&erin, CREATE, &workload(kind, "a: b", "serviceAccountName: default")).await;
        // The operator does not make these, whoever says to be it; its Deployments are its own.
        if kind != "Deployment" {
            let input = workload(kind, "a: b", as_gateway[0]);
            let by_operator = pair.kubectl(&operator, &pair.guarded, CREATE, &input).await;
            assert!(
                by_operator.errors.contains("'workloads.lychgate.dev'"),
                "{kind}: {}",
                by_operator.errors
            );
        }
    }
    // An object of somebody's own becomes none of a gateway's afterwards.
    for namespace in pair.both() {
        let input = workload("Deployment", "a: b", "serviceAccountName: default");
        let created = pair.kubectl(&erin, namespace, "create -f -", &input).await;
        assert_eq!(created.code, Some(0), "{}", created.errors);
    }
    let patch = r#"{"spec":{"template":{"spec":{"serviceAccountName":"lychgate-billing-db"}}}}"#;
    let command = format!("patch deployment mine --dry-run=server -p {patch}");
    pair.refuses(&erin, &Attack { command: &command, input: "", policy: "workloads", says: "lychgate-…" })
        .await;
}

/// `edit` holds no right over these, but whoever does is no operator either.
async fn erin_holds_more_than_edit(pair: &Pair) {
    let more = "
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: more}
rules:
- {apiGroups: [''], resources: [podtemplates, bindings, pods/binding], verbs: [create]}
- {apiGroups: [''], resources: [pods/ephemeralcontainers, pods/status], verbs: [get, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: more}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: more}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: erin}]
";
    for namespace in pair.both() {
        pair.cluster.apply_yaml_in(namespace, more).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pod_becomes_a_gateways_by_way_of_its_labels() {
    let pair = pair("workloads").await;
    erin_holds_more_than_edit(&pair).await;
    let erin = person("erin");
    let own = workload("Pod", "a: b", "serviceAccountName: default").replace("name: mine", "name: labelled");
    for namespace in pair.both() {
        let created = pair.kubectl(&erin, namespace, "create -f -", &own).await;
        assert_eq!(created.code, Some(0), "{}", created.errors);
    }
    let says = "would get the calls of a gateway";
    let patch = r#"{"metadata":{"labels":{"app.kubernetes.io/name":"lychgate-gateway"}}}"#;
    for subresource in ["", "--subresource=status "] {
        let command = format!("patch pod labelled {subresource}--type=merge --dry-run=server -p {patch}");
        pair.refuses(&erin, &Attack { command: &command, input: "", policy: "workloads", says }).await;
    }
    // The API server copies the labels of a binding to the pod.
    let binding = "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"labelled\",\"labels\":\
                   {\"app.kubernetes.io/name\":\"lychgate-gateway\"}},\"target\":{\"kind\":\"Node\",\"name\":\"one\"}}";
    for path in ["pods/labelled/binding", "bindings"] {
        let command = format!("create --raw /api/v1/namespaces/NAMESPACE/{path}?dryRun=All -f -");
        pair.refuses(&erin, &Attack { command: &command, input: binding, policy: "workloads", says }).await;
    }
    // What schedulers and controllers say of a gateway's pods they say.
    pair.make_gateway(&pair.guarded).await.unwrap();
    let pod = pod(&pair, &pair.guarded).await;
    let condition = r#"{"status":{"conditions":[{"type":"DisruptionTarget","status":"True"}]}}"#;
    pair.admits(&erin, &format!("patch pod {pod} --subresource=status --dry-run=server -p {condition}"), "")
        .await;
    let bind = format!("create --raw /api/v1/namespaces/NAMESPACE/pods/{pod}/binding?dryRun=All -f -");
    let binding = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{{\"name\":\"{pod}\"}},\
         \"target\":{{\"kind\":\"Node\",\"name\":\"one\"}}}}"
    );
    pair.admits(&erin, &bind, &binding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateways_own_pods_and_their_number_are_not_changed() {
    let pair = pair("workloads").await;
    pair.make_gateways().await;
    erin_holds_more_than_edit(&pair).await;
    let erin = person("erin");
    for namespace in pair.both() {
        pod(&pair, namespace).await;
    }
    // Pods and ReplicaSets have names of their own in each namespace; the label chooses them.
    let deployment = "deployment/lychgate-billing-db";
    let sets = "replicaset --selector app.kubernetes.io/instance=lychgate-billing-db";
    let pods = "pods --selector app.kubernetes.io/instance=lychgate-billing-db";
    for scaled in [deployment, sets] {
        let command = format!("scale {scaled} --replicas=0 --dry-run=server");
        let says = "as spec.deployment.replicas of the McpGateway";
        pair.refuses(&erin, &Attack { command: &command, input: "", policy: "workloads", says }).await;
    }
    for command in [
        format!("set image {deployment} gateway=evil --dry-run=server"),
        format!("set env {deployment} A=B --dry-run=server"),
        format!("set image {sets} gateway=evil --dry-run=server"),
        format!("rollout restart {deployment}"),
    ] {
        let attack =
            Attack { command: &command, input: "", policy: "owned-objects|workloads", says: "operator" };
        pair.refuses(&erin, &attack).await;
    }
    for command in [
        format!("set image {pods} gateway=evil --dry-run=server"),
        format!("label {pods} app.kubernetes.io/instance- --dry-run=server"),
        format!("label {pods} app.kubernetes.io/name- --dry-run=server"),
        format!("label {pods} more=1 --dry-run=server"),
    ] {
        let says = "only the operator runs pods as them";
        pair.refuses(&erin, &Attack { command: &command, input: "", policy: "workloads", says }).await;
    }
    each_pod(&pair, &erin).await;
}

/// What can be done to one pod by its name alone.
async fn each_pod(pair: &Pair, erin: &Caller) {
    let debug =
        r#"{"spec":{"ephemeralContainers":[{"name":"debug","image":"sh","targetContainerName":"gateway"}]}}"#;
    let owners = r#"{"metadata":{"ownerReferences":null}}"#;
    let finalizers = r#"{"metadata":{"finalizers":["example.com/stay"]}}"#;
    for (subresource, patch, says) in [
        ("--subresource=ephemeralcontainers ", debug, "another container in it would see its credentials"),
        ("", owners, "only the operator runs pods as them"),
        ("", finalizers, "only the operator runs pods as them"),
    ] {
        let command = |pod: &str| format!("patch pod {pod} {subresource}--dry-run=server -p {patch}");
        let open = pair.kubectl(erin, &pair.open, &command(&pod(pair, &pair.open).await), "").await;
        assert_eq!(open.code, Some(0), "{patch}: {}", open.errors);
        let guarded = pair.kubectl(erin, &pair.guarded, &command(&pod(pair, &pair.guarded).await), "").await;
        assert!(
            guarded.errors.contains("'workloads.lychgate.dev'"),
            "{patch}: {}{}",
            guarded.output,
            guarded.errors
        );
        assert!(guarded.errors.contains(says), "{}", guarded.errors);
    }
    // Networks and meshes do this, and anybody may.
    let annotate = format!("annotate pod {} network.example.com/status=up", pod(pair, &pair.guarded).await);
    pair.admits(erin, &annotate, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_autoscaler_scales_a_gateway() {
    let pair = pair("controllers").await;
    pair.make_gateway(&pair.guarded).await.unwrap();
    let deployment = "deployment/lychgate-billing-db";
    pair.admits(&person("erin"), &format!("autoscale {deployment} --min=4 --max=4"), "").await;
    eventually("four pods", async || {
        let replicas = &pair.get(deployment).await["spec"]["replicas"];
        (replicas == 4).then_some(())
    })
    .await;
}
