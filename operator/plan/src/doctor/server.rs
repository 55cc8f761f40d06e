//! Servers that are Services: whether there is anybody to answer, and whether anybody can go round the gateway.
//!
//! NetworkPolicies add up: what one lets in is in. So each that isolates a server's pods is looked at.

use serde_json::Value;

use super::{Ailment, Examined, Finding, error, key, list, text};
use crate::problem::ObjectKey;

/// The label that every gateway's pods have, and its value.
const GATEWAY_LABEL: (&str, &str) = ("app.kubernetes.io/name", "lychgate-gateway");

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let connections = examined.objects.iter().filter(|object| text(object, "/kind") == "McpConnection");
    connections.flat_map(|connection| server(connection, examined)).collect()
}

fn server(connection: &Value, examined: &Examined) -> Vec<Finding> {
    let connection_key = key(connection);
    let namespace = &connection_key.namespace;
    let name = text(connection, "/spec/upstream/serviceRef/name");
    let is_it = |service: &&Value| key(service).name == name && key(service).namespace == *namespace;
    // One that is not there, the connection's status tells of.
    let Some(service) = examined.services.iter().find(is_it).filter(|_| !name.is_empty()) else {
        return Vec::new();
    };
    let selector = service.pointer("/spec/selector").filter(|selector| is_filled(selector));
    let Some(selector) = selector else { return Vec::new() };
    let place = ObjectKey::new("Service", namespace, name);
    let mut findings = Vec::new();
    let pods = examined.server_pods.as_ref().map(|pods| {
        let selected = pods.iter().filter(|pod| text(pod, "/metadata/namespace") == namespace);
        let selected = selected.filter(|pod| has_all(labels(pod), selector));
        selected.filter(|pod| pod.pointer("/metadata/deletionTimestamp").is_none()).collect::<Vec<&Value>>()
    });
    findings.extend(pods.as_ref().and_then(|pods| unreachable(&place, &connection_key, pods)));
    if let Some(policies) = &examined.network_policies {
        let here: Vec<&Value> =
            policies.iter().filter(|policy| text(policy, "/metadata/namespace") == namespace).collect();
        // Without a pod, what the Service asks for is all that is known of its pods.
        let known = pods.as_deref().unwrap_or_default().iter().map(|pod| labels(pod));
        let known: Vec<&Value> = known.collect();
        let known = if known.is_empty() { vec![selector] } else { known };
        let ways = known.into_iter().filter_map(|labels| way_round(labels, &here));
        findings.extend(ways.map(|way| open(&place, &connection_key, way)));
    }
    findings
}

fn unreachable(place: &ObjectKey, connection: &ObjectKey, pods: &[&Value]) -> Option<Finding> {
    let is_ready = |pod: &&&Value| {
        let mut conditions = list(pod, "/status/conditions");
        conditions
            .any(|condition| text(condition, "/type") == "Ready" && text(condition, "/status") == "True")
    };
    if pods.iter().any(|pod| is_ready(&pod)) {
        return None;
    }
    let (namespace, name) = (&place.namespace, &place.name);
    let server = format!("the server of McpConnection {}", connection.name);
    let what = match pods.len() {
        0 => format!("it selects no pod, so that {server} has none"),
        count => format!("none of the {count} pods that it selects is ready, and they are {server}"),
    };
    let next = format!("kubectl get endpointslices -n {namespace} -l kubernetes.io/service-name={name}");
    Some(error(Ailment::ServerUnreachable, place.clone(), what, next))
}

/// How anybody but a gateway gets to a server.
enum WayRound {
    /// Nothing is in the way.
    Open,
    /// These policies let others in.
    LetIn(String),
}

/// How anybody but a gateway gets to pods with these labels.
fn way_round(labels: &Value, policies: &[&Value]) -> Option<WayRound> {
    let isolating: Vec<&&Value> = policies.iter().filter(|policy| isolates(policy, labels)).collect();
    if isolating.is_empty() {
        return Some(WayRound::Open);
    }
    let open: Vec<&str> = isolating
        .into_iter()
        .filter(|policy| list(policy, "/spec/ingress").any(admits_others))
        .map(|policy| text(policy, "/metadata/name"))
        .collect();
    (!open.is_empty()).then(|| WayRound::LetIn(open.join(", ")))
}

fn open(place: &ObjectKey, connection: &ObjectKey, way: WayRound) -> Finding {
    let ObjectKey { namespace, name: connection, .. } = connection;
    let (how, next) = match way {
        WayRound::Open => (
            "no NetworkPolicy isolates its pods, so that every pod of the cluster may reach them".to_owned(),
            format!(
                "kubectl edit mcpconnection -n {namespace} {connection}: networkPolicy: GatewayOnly under \
                 spec.upstream.serviceRef cuts everybody else off"
            ),
        ),
        WayRound::LetIn(policies) => (
            format!("others than gateways are let in by NetworkPolicy {policies}"),
            format!(
                "kubectl describe networkpolicies -n {namespace}: take out whom you do not mean to let in"
            ),
        ),
    };
    let what = format!("the server of McpConnection {connection} can be reached without its gateway: {how}");
    error(Ailment::ServerBypassable, place.clone(), what, next)
}

/// Whether a policy cuts incoming connections to pods with these labels.
fn isolates(policy: &Value, labels: &Value) -> bool {
    let is_ingress = list(policy, "/spec/policyTypes").any(|kind| kind == "Ingress");
    is_ingress && policy.pointer("/spec/podSelector").is_some_and(|selector| selects(selector, labels))
}

/// Whether a rule lets in anybody who is not known to be a gateway of the same namespace.
fn admits_others(rule: &Value) -> bool {
    let mut peers = list(rule, "/from").peekable();
    let is_gateway = |peer: &Value| {
        let asked_for = peer.pointer("/podSelector/matchLabels").and_then(|all| all.get(GATEWAY_LABEL.0));
        peer.get("namespaceSelector").is_none() && asked_for.and_then(Value::as_str) == Some(GATEWAY_LABEL.1)
    };
    peers.peek().is_none() || peers.any(|peer| !is_gateway(peer))
}

/// Whether a label selector (meta/v1) matches.
fn selects(selector: &Value, labels: &Value) -> bool {
    let by_labels = selector.get("matchLabels").is_none_or(|wanted| has_all(labels, wanted));
    by_labels && list(selector, "/matchExpressions").all(|requirement| holds(requirement, labels))
}

fn holds(requirement: &Value, labels: &Value) -> bool {
    let found = labels.get(text(requirement, "/key"));
    let is_listed = list(requirement, "/values").any(|value| Some(value) == found);
    match text(requirement, "/operator") {
        "In" => is_listed,
        "NotIn" => !is_listed,
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        _ => false,
    }
}

fn has_all(labels: &Value, wanted: &Value) -> bool {
    wanted.as_object().into_iter().flatten().all(|(key, value)| labels.get(key) == Some(value))
}

fn labels(object: &Value) -> &Value {
    object.pointer("/metadata/labels").unwrap_or(&Value::Null)
}

fn is_filled(value: &Value) -> bool {
    value.as_object().is_some_and(|members| !members.is_empty())
}
