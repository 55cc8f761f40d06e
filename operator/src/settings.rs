//! What the operator is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use lychgate_operator_plan::SecretWatch;

/// What the operator is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace, whose policies may bind others.
    pub namespace: String,
    /// The name of this replica, as the lease has it.
    pub identity: String,
    /// The image of gateways.
    pub gateway_image: String,
    /// The namespaces that are watched; all if none is named.
    pub watch_namespaces: Vec<String>,
    /// Where `secretAccess: Watch` may be had.
    pub secret_watch: SecretWatch,
    /// Where health and metrics are served.
    pub admin_listen: SocketAddr,
    /// Secrets with which images are pulled.
    pub image_pull_secrets: Vec<String>,
    /// When images are pulled.
    pub image_pull_policy: Option<String>,
    /// The ports under which pods reach the API server.
    pub api_server_ports: Vec<u16>,
    /// The port on which gateways are asked.
    pub gateway_admin_port: u16,
    /// Audiences of the API server beside those of the operator's own token.
    pub api_audiences: Vec<String>,
    /// How long a lease is held without being renewed.
    pub lease: Duration,
}
