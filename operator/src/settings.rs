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

/// Where `secretAccess: Watch` may be had: in the namespaces that are named, or in all if one of them is `*`.
#[must_use]
pub fn secret_watch(namespaces: Vec<String>) -> SecretWatch {
    if namespaces.iter().any(|namespace| namespace == "*") {
        SecretWatch::All
    } else {
        SecretWatch::Namespaces(namespaces.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use lychgate_operator_plan::SecretWatch;

    use super::secret_watch;

    #[test]
    fn secrets_may_be_watched_where_that_is_said_and_everywhere_only_by_a_star() {
        let named = |names: &[&str]| secret_watch(names.iter().map(|name| (*name).to_owned()).collect());
        let namespaces =
            |names: &[&str]| SecretWatch::Namespaces(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(named(&[]), namespaces(&[]));
        assert_eq!(named(&["b", "a", "a"]), namespaces(&["a", "b"]));
        assert_eq!(named(&["a", "*"]), SecretWatch::All);
        assert_eq!(named(&["a*", ""]), namespaces(&["", "a*"]));
    }
}
