//! Who may connect to the pods of a server, beside those whom other NetworkPolicies admit.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::named;
use crate::names::ChildName;
use crate::valid::{ValidConnection, selected_labels};

/// Isolates the pods of the connection's Service: gateways come in, each at the port that it needs, and nobody
/// else. Nothing, where that is not asked for, or where the pods are not known.
pub(super) fn network_policy(connection: &ValidConnection) -> Option<NetworkPolicy> {
    let service = connection.upstream.service.as_ref()?;
    // An empty selector would mean every pod of the namespace.
    let pods = service.backend.as_ref().map(|backend| &backend.selector).filter(|pods| !pods.is_empty())?;
    let ingress = service.admitted.as_ref()?.iter().map(admit).collect();
    Some(NetworkPolicy {
        metadata: named(connection, connection.child.server()),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector {
                match_labels: Some(pods.clone()),
                ..LabelSelector::default()
            }),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(ingress),
            ..NetworkPolicySpec::default()
        }),
    })
}

fn admit((gateway, port): &(ChildName, IntOrString)) -> NetworkPolicyIngressRule {
    let pods = LabelSelector { match_labels: Some(selected_labels(gateway)), ..LabelSelector::default() };
    let port = NetworkPolicyPort {
        port: Some(port.clone()),
        protocol: Some("TCP".to_owned()),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicyIngressRule {
        from: Some(vec![NetworkPolicyPeer { pod_selector: Some(pods), ..NetworkPolicyPeer::default() }]),
        ports: Some(vec![port]),
    }
}
