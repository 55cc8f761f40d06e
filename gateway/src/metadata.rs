//! OAuth 2.0 Protected Resource Metadata (RFC 9728): how a client learns where to get a token.

use serde_json::json;
use url::Url;

use crate::connection::Connection;

/// The well-known path; a resource's own path is appended to it (RFC 9728, section 3.1).
pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The address of a resource's metadata.
#[must_use]
pub fn address(resource: &str) -> Option<String> {
    let mut url = Url::parse(resource).ok()?;
    let path = format!("{WELL_KNOWN}{}", url.path());
    url.set_path(&path);
    url.set_query(None);
    Some(url.into())
}

/// The metadata of a connection as it was called.
#[must_use]
pub fn document(connection: &Connection, authority: Option<&str>) -> String {
    let config = connection.policy.config();
    let mut document = json!({
        "resource": connection.resource(authority),
        "resource_name": config.connection.to_string(),
        "bearer_methods_supported": ["header"],
    });
    // The cluster's own issuer is none that a client could ask. A list without members is left out (RFC 9728,
    // section 3.2).
    let servers: Vec<&str> = config.identity.oidc.iter().map(|issuer| issuer.issuer.as_str()).collect();
    if let Some(members) = document.as_object_mut().filter(|_| !servers.is_empty()) {
        members.insert("authorization_servers".to_owned(), servers.into());
    }
    document.to_string()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_path_of_the_resource_follows_the_well_known_one() {
        assert_eq!(
            address("https://mcp.example.com/billing-db/mcp").as_deref(),
            Some("https://mcp.example.com/.well-known/oauth-protected-resource/billing-db/mcp"),
        );
        assert_eq!(address("no url"), None);
    }
}
