//! How a gateway is reached, and what it may reach.
//!
//! NetworkPolicy speaks of ports, pods and addresses, not of host names: what is here narrows where a
//! gateway can connect, and is no filter of hosts. Which hosts a credential may go to, its Secret says.

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
    NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use url::{Host, Url};

use super::workload::SERVE_PORT_NAME;
use super::{RenderOptions, metadata, selector, texts};
use crate::service::Backend;
use crate::valid::{ADMIN_PORT, GATEWAY_PORT, Tls, ValidConnection};

const DNS_PORT: u16 = 53;

/// The Service under whose name the connection is reached in the cluster.
pub(super) fn service(connection: &ValidConnection) -> Service {
    let protocol = if connection.gateway.tls == Tls::Disabled { "http" } else { "https" };
    Service {
        metadata: metadata(connection),
        spec: Some(ServiceSpec {
            selector: Some(connection.selected_labels()),
            ports: Some(vec![ServicePort {
                name: Some(SERVE_PORT_NAME.to_owned()),
                port: i32::from(GATEWAY_PORT),
                target_port: Some(IntOrString::String(SERVE_PORT_NAME.to_owned())),
                protocol: Some("TCP".to_owned()),
                app_protocol: Some(protocol.to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// In: the serving port from everywhere (each request must show a token), the admin port from the operator.
/// Out: DNS, the upstream, the issuers, who is told of calls that wait, and the API server if it is asked.
pub(super) fn network_policy(connection: &ValidConnection, options: &RenderOptions) -> NetworkPolicy {
    let operator = match &options.operator_namespace {
        Some(namespace) => namespace_peer(namespace),
        None => NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector::default()),
            ..NetworkPolicyPeer::default()
        },
    };
    let ingress = vec![
        NetworkPolicyIngressRule { from: None, ports: Some(vec![tcp(GATEWAY_PORT)]) },
        NetworkPolicyIngressRule { from: Some(vec![operator]), ports: Some(vec![tcp(ADMIN_PORT)]) },
    ];
    NetworkPolicy {
        metadata: metadata(connection),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(connection)),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress),
            egress: Some(egress(connection, options)),
        }),
    }
}

fn egress(connection: &ValidConnection, options: &RenderOptions) -> Vec<NetworkPolicyEgressRule> {
    let dns = vec![port("UDP", DNS_PORT), port("TCP", DNS_PORT)];
    let mut rules = vec![NetworkPolicyEgressRule { to: None, ports: Some(dns) }];
    if connection.needs_api_server() {
        // It has an address that no policy can name before it is known.
        let ports = options.api_server_ports.iter().copied().map(tcp).collect();
        rules.push(NetworkPolicyEgressRule { to: None, ports: Some(ports) });
    }
    let upstream = &connection.upstream;
    let backend = upstream.service.as_ref().and_then(|service| service.backend.as_ref());
    rules.extend(backend.map(egress_to_backend));
    let issuers =
        connection.gateway.identity.oidc.iter().filter_map(|issuer| Url::parse(&issuer.issuer).ok());
    let receivers = connection.notifications().filter_map(|notification| {
        let host = notification.host.as_str();
        Url::parse(&format!("https://{host}/")).ok()
    });
    let server = Some(upstream.url.url().clone()).filter(|_| backend.is_none());
    for url in issuers.chain(server).chain(receivers) {
        let rule = egress_to(&url, connection.namespace.as_str());
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

/// Leave to connect to the pods of a Service. Policies see the port of the pod, and none of the Service.
fn egress_to_backend(backend: &Backend) -> NetworkPolicyEgressRule {
    let Backend { selector, port } = backend;
    let pods = LabelSelector { match_labels: Some(selector.clone()), ..LabelSelector::default() };
    let pods = NetworkPolicyPeer { pod_selector: Some(pods), ..NetworkPolicyPeer::default() };
    NetworkPolicyEgressRule {
        // Without a selector, whoever writes its EndpointSlices says where it leads.
        to: (!selector.is_empty()).then(|| vec![pods]),
        ports: Some(vec![NetworkPolicyPort {
            port: Some(port.clone()),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        }]),
    }
}

/// Leave to connect to the host of an URL, as narrow as its form allows.
fn egress_to(url: &Url, own_namespace: &str) -> NetworkPolicyEgressRule {
    let ports = url.port_or_known_default().map(|port| vec![tcp(port)]);
    let address = |cidr: String| NetworkPolicyPeer {
        ip_block: Some(IPBlock { cidr, except: None }),
        ..NetworkPolicyPeer::default()
    };
    match url.host() {
        Some(Host::Ipv4(v4)) => {
            NetworkPolicyEgressRule { to: Some(vec![address(format!("{v4}/32"))]), ports }
        }
        Some(Host::Ipv6(v6)) => {
            NetworkPolicyEgressRule { to: Some(vec![address(format!("{v6}/128"))]), ports }
        }
        Some(Host::Domain(name)) => match service_namespace(name, own_namespace) {
            // Policies see the port of the pod, which a Service may have mapped from any other.
            Some(namespace) => {
                NetworkPolicyEgressRule { to: Some(vec![namespace_peer(namespace)]), ports: None }
            }
            None => NetworkPolicyEgressRule { to: None, ports },
        },
        None => NetworkPolicyEgressRule { to: None, ports },
    }
}

/// The namespace of a Service, if a host name is one of a Service: `name`, or `….namespace.svc` with or
/// without the cluster's domain.
fn service_namespace<'a>(host: &'a str, own_namespace: &'a str) -> Option<&'a str> {
    let mut labels = host.trim_end_matches('.').split('.');
    let first = labels.next()?;
    let mut previous = first;
    let mut count = 1;
    for label in labels {
        if label == "svc" && count >= 2 {
            return Some(previous);
        }
        previous = label;
        count += 1;
    }
    (count == 1 && first != "localhost").then_some(own_namespace)
}

fn namespace_peer(namespace: &str) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_labels: Some(texts([("kubernetes.io/metadata.name", namespace)])),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    }
}

fn tcp(number: u16) -> NetworkPolicyPort {
    port("TCP", number)
}

fn port(protocol: &str, number: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(i32::from(number))),
        end_port: None,
    }
}

#[cfg(test)]
mod tests {
    use super::service_namespace;

    #[test]
    fn the_namespace_of_a_service_is_read_from_its_name() {
        for (host, expected) in [
            ("dbhub", Some("own")),
            ("dbhub.data.svc", Some("data")),
            ("dbhub.data.svc.cluster.local", Some("data")),
            ("dbhub-0.dbhub.data.svc", Some("data")),
            ("dbhub.data.svc.", Some("data")),
            ("dbhub.internal", None),
            ("svc.example.com", None),
            ("a.svc", None),
            ("localhost", None),
        ] {
            assert_eq!(service_namespace(host, "own"), expected, "{host}");
        }
    }
}
