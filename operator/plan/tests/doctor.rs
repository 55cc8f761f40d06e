//! For each ailment, what was fetched of a cluster that has it, and what is said of it; and a cluster that has none.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(clippy::needless_pass_by_value, reason = "values are written where they are given")]

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;
use lychgate_operator_plan::doctor::{Ailment, Examined, Finding, Installation, examine};
use lychgate_operator_plan::{ObjectKey, Severity};
use serde_json::{Value, json};

const VERSION: &str = "0.1.0";
const IMAGE: &str = "registry.example.com/lychgate-gateway:0.1.0";
const KINDS: [&str; 6] =
    ["mcpgateways", "mcpconnections", "maskingrules", "commandrules", "approvalpolicies", "approvals"];

fn now() -> Timestamp {
    "2026-08-01T10:00:00Z".parse().unwrap()
}

fn metadata(name: &str, labels: Value) -> Value {
    json!({"namespace": "agents", "name": name, "labels": labels})
}

fn pod(status: Value) -> Value {
    let labels = json!({"app.kubernetes.io/name": "lychgate-gateway", "app.kubernetes.io/managed-by": "lychgate-operator"});
    json!({"kind": "Pod", "metadata": metadata("lychgate-db-6f9c-x2x7q", labels), "status": status})
}

fn container(state: Value) -> Value {
    let mut container = json!({"name": "gateway", "image": IMAGE, "ready": false, "restartCount": 0});
    container.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
    json!({"containerStatuses": [container]})
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn gateway(image: &str, status: Value) -> Value {
    let labels = json!({"app.kubernetes.io/managed-by": "lychgate-operator"});
    let spec =
        json!({"replicas": 2, "template": {"spec": {"containers": [{"name": "gateway", "image": image}]}}});
    json!({"kind": "Deployment", "metadata": metadata("lychgate-db", labels), "spec": spec, "status": status})
}

fn operator(version: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": "lychgate-operator", "app.kubernetes.io/version": version});
    let arguments = json!(["--namespace=$(POD_NAMESPACE)", format!("--gateway-image={IMAGE}")]);
    let spec = json!({"template": {"spec": {"containers": [{"name": "operator", "args": arguments}]}}});
    json!({"kind": "Deployment", "metadata": metadata("lychgate-operator", labels), "spec": spec})
}

fn connection(accepted: &str) -> Value {
    let condition =
        |kind: &str, status: &str| json!({"type": kind, "status": status, "reason": kind, "message": "told"});
    let conditions = [
        condition("Accepted", accepted),
        condition("ResolvedRefs", "True"),
        condition("Programmed", "True"),
        condition("Ready", accepted),
    ];
    json!({
        "apiVersion": "lychgate.dev/v1alpha1", "kind": "McpConnection",
        "metadata": {"namespace": "agents", "name": "db", "generation": 1},
        "spec": {"upstream": {"serviceRef": {"name": "dbhub", "port": 80}}},
        "status": {"observedGeneration": 1, "conditions": conditions},
    })
}

fn server_pod(ready: &str) -> Value {
    let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
    json!({"kind": "Pod", "metadata": metadata("dbhub-0", json!({"app": "dbhub", "tier": "data"})), "status": status})
}

/// A policy for pods with these labels, with these rules for who comes in.
fn policy(pods: Value, ingress: Value) -> Value {
    let spec = json!({"podSelector": pods, "policyTypes": ["Ingress"], "ingress": ingress});
    json!({"kind": "NetworkPolicy", "metadata": metadata("dbhub-in", json!({})), "spec": spec})
}

fn gateways() -> Value {
    json!({"podSelector": {"matchLabels": {
        "app.kubernetes.io/name": "lychgate-gateway", "app.kubernetes.io/instance": "lychgate-db"}}})
}

fn of_server(ingress: Value) -> Value {
    policy(json!({"matchLabels": {"app": "dbhub"}}), ingress)
}

/// A cluster in which nothing is wrong.
fn healthy() -> Examined {
    let lease = json!({"spec": {
        "holderIdentity": "one", "renewTime": "2026-08-01T09:59:58Z", "leaseDurationSeconds": 15}});
    let service = json!({"kind": "Service", "metadata": metadata("dbhub", json!({})), "spec": {"selector": {"app": "dbhub"}}});
    let running = json!({"containerStatuses": [{"name": "gateway", "ready": true, "restartCount": 3,
        "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]});
    Examined {
        objects: vec![connection("True")],
        deployments: vec![operator(VERSION), gateway(IMAGE, json!({"replicas": 2}))],
        pods: vec![pod(running)],
        warnings: vec![event("lychgate-other-6f9c")],
        services: vec![service],
        server_pods: Some(vec![server_pod("True")]),
        network_policies: Some(vec![of_server(json!([{"from": [gateways()], "ports": [{"port": "http"}]}]))]),
        metrics: vec![(ObjectKey::new("Pod", "agents", "lychgate-db-6f9c-x2x7q"), metrics("NoGrant", 7))],
        installation: Installation {
            namespace: "lychgate-system".to_owned(),
            kinds: Some(KINDS.iter().map(|kind| (*kind).to_owned()).collect()),
            lease: Some(Some(lease)),
            version: VERSION.to_owned(),
            server_time: Some("2026-08-01T09:59:45Z".parse().unwrap()),
            now: now(),
        },
    }
}

fn event(replica_set: &str) -> Value {
    json!({
        "involvedObject": {"kind": "ReplicaSet", "namespace": "agents", "name": replica_set},
        "reason": "FailedCreate", "lastTimestamp": "2026-08-01T09:00:00Z",
        "message": "pods \"lychgate-db-6f9c-\" is forbidden: exceeded quota: pods, requested: pods=1",
    })
}

fn metrics(reason: &str, count: u32) -> String {
    format!(
        "# TYPE lychgate_failures counter\n\
         lychgate_failures_total{{connection=\"agents/db\",reason=\"{reason}\"}} {count}\n\
         lychgate_failures_total{{connection=\"agents/db\",reason=\"UpstreamTimeout\"}} 0\n# EOF\n"
    )
}

#[test]
fn nothing_is_said_of_a_cluster_in_which_nothing_is_wrong() {
    assert_eq!(examine(&healthy()), []);
    // Nor of what may not be read.
    let unread = Installation { now: now(), ..Installation::default() };
    assert_eq!(examine(&Examined { installation: unread, ..Examined::default() }), []);
    let blind = Examined { server_pods: None, network_policies: None, ..healthy() };
    assert_eq!(examine(&blind), []);
}

type Row = (Ailment, &'static str, Box<dyn Fn(&mut Examined)>, &'static str, &'static str);

fn row(
    ailment: Ailment,
    place: &'static str,
    change: impl Fn(&mut Examined) + 'static,
    what: &'static str,
    next: &'static str,
) -> Row {
    (ailment, place, Box::new(change), what, next)
}

const POD: &str = "Pod agents/lychgate-db-6f9c-x2x7q";
const DEPLOYMENT: &str = "Deployment agents/lychgate-db";
const SERVICE: &str = "Service agents/dbhub";

fn of_installation() -> Vec<Row> {
    vec![
        row(
            Ailment::KindMissing,
            "CustomResourceDefinition mcpconnections.lychgate.dev",
            |found| found.installation.kinds.as_mut().unwrap().retain(|kind| kind != "mcpconnections"),
            "does not know mcpconnections.lychgate.dev",
            "kubectl apply --server-side -f crds/yaml",
        ),
        row(
            Ailment::OperatorMissing,
            "Lease lychgate-system/lychgate-operator",
            |found| found.installation.lease = Some(None),
            "no operator has ever run in namespace lychgate-system",
            "kubectl get deployments,pods -n lychgate-system",
        ),
        row(
            Ailment::VersionsDiffer,
            "Deployment agents/lychgate-operator",
            |found| found.deployments[0] = operator("0.2.0"),
            "the operator was installed as 0.2.0, and this lychgate is 0.1.0",
            "take the lychgate of version 0.2.0",
        ),
        row(
            Ailment::VersionsDiffer,
            DEPLOYMENT,
            |found| found.deployments[1] = gateway("other:1", json!({"replicas": 2})),
            "the gateway has the image other:1, and the operator gives registry",
            "kubectl describe mcpconnections -n agents",
        ),
        row(
            Ailment::ClocksDiffer,
            "Clock API server",
            |found| found.installation.server_time = Some("2026-08-01T10:01:00Z".parse().unwrap()),
            "60 s behind the API server's",
            "timedatectl",
        ),
        row(
            Ailment::ClocksDiffer,
            POD,
            |found| found.metrics[0].1 = metrics("ClocksDiffer", 3),
            "3 calls on agents/db failed with ClocksDiffer",
            "set the clock of its node",
        ),
        row(
            Ailment::ObjectDegraded,
            "McpConnection agents/db",
            |found| found.objects = vec![connection("False")],
            "Accepted is False (Accepted): told",
            "lychgate status -n agents",
        ),
    ]
}

fn of_pods() -> Vec<Row> {
    let crashed = || {
        let message = "2026-08-01 starting\nno journal can be written to /journal: read-only\n\n";
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": message}});
        container(
            json!({"restartCount": 4, "state": waiting("CrashLoopBackOff", "back-off"), "lastState": ended}),
        )
    };
    let without_memory = || {
        let ended = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        container(json!({"restartCount": 1, "state": ended}))
    };
    let replica_failure = |message: &str| {
        let condition =
            json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message});
        gateway(IMAGE, json!({"replicas": 2, "conditions": [condition]}))
    };
    vec![
        row(
            Ailment::ImageNotPulled,
            POD,
            |found| {
                found.pods =
                    vec![pod(container(json!({"state": waiting("ImagePullBackOff", "no such image")})))]
            },
            "container gateway has no image registry.example.com/lychgate-gateway:0.1.0: ImagePullBackOff: no such image",
            "kubectl describe pod -n agents lychgate-db-6f9c-x2x7q; compare image, digest and imagePullSecrets",
        ),
        row(
            Ailment::Crashing,
            POD,
            move |found| found.pods = vec![pod(crashed())],
            "started 4 times again, and last ended with exit code 1, saying: no journal can be written to /journal: read-only",
            "kubectl logs -n agents lychgate-db-6f9c-x2x7q -c gateway --previous",
        ),
        row(
            Ailment::Crashing,
            POD,
            move |found| found.pods = vec![pod(without_memory())],
            "last ran out of memory",
            "logs",
        ),
        row(
            Ailment::NotStarted,
            POD,
            |found| {
                found.pods = vec![pod(container(
                    json!({"state": waiting("CreateContainerConfigError", "no Secret")}),
                ))];
            },
            "cannot be started: CreateContainerConfigError: no Secret",
            "kubectl describe pod",
        ),
        row(
            Ailment::NotScheduled,
            POD,
            |found| {
                let condition = json!({"type": "PodScheduled", "status": "False", "message": "0/3 nodes"});
                found.pods = vec![pod(json!({"conditions": [condition]}))];
            },
            "no node takes it: 0/3 nodes",
            "kubectl describe pod",
        ),
        row(
            Ailment::PodsRefused,
            DEPLOYMENT,
            move |found| {
                found.deployments[1] = replica_failure("violates PodSecurity \"restricted\": privileged")
            },
            "no pod may be made: violates PodSecurity",
            "kubectl get namespace agents --show-labels",
        ),
        row(
            Ailment::PodsRefused,
            DEPLOYMENT,
            |found| {
                found.deployments[1] = gateway(IMAGE, json!({"replicas": 1}));
                found.warnings.push(event("lychgate-db-6f9c"));
            },
            "exceeded quota: pods",
            "kubectl describe resourcequotas -n agents",
        ),
    ]
}

fn of_servers() -> Vec<Row> {
    let let_in = |ingress: Value| {
        move |found: &mut Examined| found.network_policies = Some(vec![of_server(ingress.clone())])
    };
    let isolated_by = |pods: Value| {
        move |found: &mut Examined| found.network_policies = Some(vec![policy(pods.clone(), json!([]))])
    };
    let others = "others than gateways are let in by NetworkPolicy dbhub-in";
    let next = "kubectl describe networkpolicies -n agents";
    let cut_off = "kubectl edit mcpconnection -n agents db: networkPolicy: GatewayOnly";
    vec![
        row(
            Ailment::ServerUnreachable,
            SERVICE,
            |found| found.server_pods = Some(vec![]),
            "it selects no pod",
            "endpointslices",
        ),
        row(
            Ailment::ServerUnreachable,
            SERVICE,
            |found| found.server_pods = Some(vec![server_pod("False")]),
            "none of the 1 pods that it selects is ready",
            "kubectl get endpointslices -n agents -l kubernetes.io/service-name=dbhub",
        ),
        row(
            Ailment::ServerUnreachable,
            POD,
            |found| found.metrics[0].1 = metrics("UpstreamUnreachable", 12),
            "12 calls on agents/db failed with UpstreamUnreachable since this gateway started",
            "kubectl logs -n agents lychgate-db-6f9c-x2x7q",
        ),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            |found| found.network_policies = Some(vec![]),
            "the server of McpConnection db can be reached without its gateway: no NetworkPolicy isolates its pods",
            cut_off,
        ),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            isolated_by(json!({"matchLabels": {"app": "web"}})),
            "no NetworkPolicy isolates",
            cut_off,
        ),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            isolated_by(json!({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]})),
            "no NetworkPolicy isolates",
            cut_off,
        ),
        row(Ailment::ServerBypassable, SERVICE, let_in(json!([{}])), others, next),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            let_in(json!([{"from": [gateways(), {"podSelector": {}}]}])),
            others,
            next,
        ),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            let_in(json!([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])),
            others,
            next,
        ),
        row(
            Ailment::ServerBypassable,
            SERVICE,
            let_in(json!([{"from": [{"namespaceSelector": {}, "podSelector": gateways()["podSelector"]}]}])),
            others,
            next,
        ),
    ]
}

#[test]
fn each_ailment_is_found_where_it_is_with_what_to_do() {
    let mut failures = Vec::new();
    let mut known = BTreeSet::new();
    for (ailment, place, change, what, next) in
        of_installation().into_iter().chain(of_pods()).chain(of_servers())
    {
        let mut examined = healthy();
        change(&mut examined);
        let findings = examine(&examined);
        let is_it = |finding: &&Finding| finding.ailment == ailment && finding.place.to_string() == place;
        let found: Vec<&Finding> = findings.iter().filter(is_it).collect();
        if found.len() != 1 || !found[0].what.contains(what) || !found[0].next.contains(next) {
            failures.push(format!("{ailment:?} {place} {what:?} {next:?}: {findings:#?}"));
        }
        assert!(ailment == Ailment::ServerBypassable || findings.len() == 1, "{findings:#?}");
        known.insert(ailment);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(known, BTreeSet::from(Ailment::ALL), "an ailment without a row");
}

#[test]
fn a_policy_that_isolates_by_an_expression_counts() {
    for requirement in [
        json!({"key": "tier", "operator": "In", "values": ["data"]}),
        json!({"key": "tier", "operator": "NotIn", "values": ["web"]}),
        json!({"key": "tier", "operator": "Exists"}),
        json!({"key": "canary", "operator": "DoesNotExist"}),
    ] {
        let policy = policy(json!({"matchExpressions": [requirement]}), json!([{"from": [gateways()]}]));
        let examined = Examined { network_policies: Some(vec![policy.clone()]), ..healthy() };
        assert_eq!(examine(&examined), [], "{policy}");
    }
}

#[test]
fn what_all_pods_of_a_deployment_suffer_from_is_told_once_and_what_is_odd_is_a_warning() {
    let mut examined = healthy();
    let first = pod(container(json!({"state": waiting("ImagePullBackOff", "no such image")})));
    let mut second = first.clone();
    second["metadata"]["name"] = json!("lychgate-db-6f9c-aaaaa");
    examined.pods = vec![first, second];
    examined.metrics[0].1 = metrics("UpstreamUnreachable", 1);
    let findings = examine(&examined);
    let told: Vec<_> = findings.iter().map(|finding| (finding.ailment, finding.severity)).collect();
    let expected =
        [(Ailment::ImageNotPulled, Severity::Error), (Ailment::ServerUnreachable, Severity::Warning)];
    assert_eq!(told, expected);
}

#[test]
fn the_documentation_names_every_ailment() {
    let page = include_str!("../../../docs/command-line.md");
    for ailment in Ailment::ALL {
        assert!(page.contains(&format!("| `{}` |", ailment.as_str())), "{ailment:?}");
        assert!(ailment.why().ends_with('.'), "{ailment:?}");
    }
}
