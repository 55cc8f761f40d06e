//! The Service that a connection names as its server: whether it is there, and whether it may be one.
//!
//! A Service is a name that its namespace gives to pods of its own. One that stands for a name outside would
//! take credentials to whom the Secret's owner has never heard of; a gateway behind a gateway would see callers
//! as nobody meant it; and what is good at the API server is more than a tool's.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lychgate_crds::Reason;
use lychgate_crds::connection::Upstream;
use lychgate_crds::service::{ServerNetworkPolicy, ServiceReference};
use lychgate_gateway_policy::destination;
use url::Url;

use super::references::References;
use crate::names::ChildName;
use crate::problem::Finding;
use crate::render::labels_of;
use crate::service::{Backend, Service, ValidService};
use crate::values::{Name, UpstreamUrl};

/// The field that names a Service.
const PATH: &str = "spec.upstream.serviceRef";

/// Where the server of a connection in a namespace is, as its gateway is told.
pub(crate) fn upstream_url(upstream: &Upstream, namespace: &str) -> Option<UpstreamUrl> {
    match (&upstream.url, &upstream.service_ref) {
        (Some(url), None) => UpstreamUrl::parse(url),
        (None, Some(service)) => UpstreamUrl::parse(&service_url(service, namespace)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

/// The URL of a Service. Pods know the cluster's domain without being told.
pub(crate) fn service_url(service: &ServiceReference, namespace: &str) -> String {
    let ServiceReference { name, port, scheme, path, network_policy: _ } = service;
    format!("{}://{name}.{namespace}.svc:{port}{path}", scheme.as_str())
}

impl References<'_> {
    /// Checks the Service that a connection names.
    pub(super) fn check_service(&self, reference: &ServiceReference) -> Option<Finding> {
        if let Some(finding) = self.check_name(reference) {
            return Some(finding);
        }
        let found = match self.service(&reference.name) {
            Ok(found) => found?,
            Err(finding) => return Some(finding),
        };
        self.check_target(reference, found)
            .or_else(|| check_port(reference, found))
            .or_else(|| check_selector(reference, found))
    }

    /// The Service that a connection names, as far as it is known.
    pub(super) fn valid_service(&self, reference: &ServiceReference) -> Option<ValidService> {
        let found = self.service(&reference.name).ok().flatten();
        let backend = found.and_then(|service| {
            let port = service.ports.get(&reference.port)?.clone();
            Some(Backend { selector: service.selector.clone(), port })
        });
        let admitted = match reference.network_policy {
            ServerNetworkPolicy::GatewayOnly => {
                found.map(|service| self.gateways_to(&reference.name, service))
            }
            ServerNetworkPolicy::Unmanaged => None,
        };
        Some(ValidService { name: Name::parse(&reference.name)?, backend, admitted })
    }

    /// The gateways of all connections to a Service, in the order of their names. One of a connection that is not
    /// valid any more goes on, and shall.
    fn gateways_to(&self, name: &str, service: &Service) -> Vec<(ChildName, IntOrString)> {
        let here = self.inventory.connections.iter().filter(|entry| entry.key.namespace == self.namespace);
        let mut gateways: Vec<(ChildName, IntOrString)> = here
            .filter_map(|entry| {
                let reference = entry.spec.as_ref()?.upstream.service_ref.as_ref()?;
                let port = service.ports.get(&reference.port).filter(|_| reference.name == name)?;
                Some((ChildName::of(&entry.key.name), port.clone()))
            })
            .collect();
        gateways.sort_by(|(one, _), (other, _)| one.cmp(other));
        gateways
    }

    /// The API server has a Service like any other, in one namespace of each cluster.
    fn check_name(&self, reference: &ServiceReference) -> Option<Finding> {
        let url = Url::parse(&service_url(reference, self.namespace)).ok()?;
        let message = format!(
            "Service {} is the cluster's own API server, which no upstream may be; name an MCP server in front of it",
            reference.name
        );
        destination::is_api_server(&url)
            .then(|| Finding::new(format!("{PATH}.name"), Reason::ServiceNotAllowed, message))
    }

    fn check_target(&self, reference: &ServiceReference, found: &Service) -> Option<Finding> {
        let name = &reference.name;
        let message = match (&found.external_name, self.gateway_behind(found)) {
            (Some(host), _) => format!(
                "Service {name} is of type ExternalName and leads to {host}, outside of the cluster; write that as \
                 url, where everybody sees it"
            ),
            (None, Some(connection)) => format!(
                "Service {name} selects the gateway of McpConnection {connection}; name the Service of the MCP server"
            ),
            (None, None) => return None,
        };
        Some(Finding::new(format!("{PATH}.name"), Reason::ServiceNotAllowed, message))
    }

    /// The connection whose gateway a Service leads to, if it does.
    fn gateway_behind(&self, found: &Service) -> Option<&str> {
        let connections = self.inventory.connections.iter().map(|entry| &entry.key);
        let mut here = connections.filter(|key| key.namespace == self.namespace);
        let behind = here.find(|key| found.selects(&labels_of(&ChildName::of(&key.name))));
        behind.map(|key| key.name.as_str())
    }
}

fn check_selector(reference: &ServiceReference, found: &Service) -> Option<Finding> {
    let is_wanted = reference.network_policy == ServerNetworkPolicy::GatewayOnly;
    let message = format!(
        "Service {} has no selector, so that nobody can tell for which pods; give it one, or write Unmanaged",
        reference.name
    );
    (is_wanted && found.selector.is_empty())
        .then(|| Finding::new(format!("{PATH}.networkPolicy"), Reason::ServiceWithoutSelector, message))
}

fn check_port(reference: &ServiceReference, found: &Service) -> Option<Finding> {
    let ServiceReference { name, port, .. } = reference;
    if found.ports.contains_key(port) {
        return None;
    }
    let known: Vec<String> = found.ports.keys().map(ToString::to_string).collect();
    let message = match known.as_slice() {
        [] => format!("Service {name} has no port {port}, nor any other for TCP; add it there"),
        known => {
            format!("Service {name} has no port {port}; write one of {}, or add it there", known.join(", "))
        }
    };
    Some(Finding::new(format!("{PATH}.port"), Reason::RefNotFound, message))
}
