//! The Service that a connection names as its server: whether it is there, and whether it may be one.
//!
//! A Service is a name that its namespace gives to pods of its own. One that stands for a name outside would
//! take credentials to whom the Secret's owner has never heard of; a gateway behind a gateway would see callers
//! as nobody meant it; and what is good at the API server is more than a tool's.

use lychgate_crds::Reason;
use lychgate_crds::connection::Upstream;
use lychgate_crds::service::ServiceReference;
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
    let ServiceReference { name, port, scheme, path } = service;
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
        self.check_target(reference, found).or_else(|| check_port(reference, found))
    }

    /// The Service that a connection names, as far as it is known.
    pub(super) fn valid_service(&self, reference: &ServiceReference) -> Option<ValidService> {
        let found = self.service(&reference.name).ok().flatten();
        let backend = found.and_then(|service| {
            let port = service.ports.get(&reference.port)?.clone();
            Some(Backend { selector: service.selector.clone(), port })
        });
        Some(ValidService { name: Name::parse(&reference.name)?, backend })
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
