//! Services, of which a connection may name one as its server: what of them counts here, and no more.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::Value;

use crate::names::ChildName;
use crate::values::Name;

/// What counts of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    /// The name outside that it stands for, if it is one of type ExternalName.
    pub(crate) external_name: Option<String>,
    /// The labels of its pods. Without any, somebody else says where it leads.
    pub(crate) selector: BTreeMap<String, String>,
    /// Its ports for TCP: by number, the port of the pods.
    pub(crate) ports: BTreeMap<i32, IntOrString>,
}

/// The Service that a connection names, once every check has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ValidService {
    pub(crate) name: Name,
    /// Where it leads; nothing where that is not known, as from files without the Service.
    pub(crate) backend: Option<Backend>,
    /// Whom alone its pods shall admit, if anybody is to be cut off: gateways, each at the port that it needs.
    pub(crate) admitted: Option<Vec<(ChildName, IntOrString)>>,
}

/// Where a port of a Service leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Backend {
    /// The labels of the pods; empty where somebody else says which they are.
    pub(crate) selector: BTreeMap<String, String>,
    /// Their port.
    pub(crate) port: IntOrString,
}

impl Service {
    /// Reads the `spec` of a Service.
    ///
    /// # Errors
    /// It is none that an API server would take.
    pub(crate) fn read(spec: Value) -> Result<Self, String> {
        let ServiceSpec { type_, external_name, selector, ports, .. } =
            serde_json::from_value(spec).map_err(|error| error.to_string())?;
        let is_external = type_.as_deref() == Some("ExternalName");
        let is_tcp = |port: &ServicePort| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
        let led_to = |port: ServicePort| {
            // Named as zero in older manifests; either way the pods have the Service's own.
            let of_pods = port.target_port.filter(|target| *target != IntOrString::Int(0));
            (port.port, of_pods.unwrap_or(IntOrString::Int(port.port)))
        };
        Ok(Self {
            external_name: is_external.then(|| external_name.unwrap_or_default()),
            selector: selector.unwrap_or_default(),
            ports: ports.into_iter().flatten().filter(is_tcp).map(led_to).collect(),
        })
    }

    /// Whether it selects pods with these labels.
    pub(crate) fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.selector.is_empty() && self.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}
