//! Where a credential may go, and which addresses no upstream may have.
//!
//! A Secret names the hosts that it may be sent to under the data key [`ALLOWED_HOSTS_KEY`]. It is the
//! Secret's owner who writes that list, not the author of the McpConnection, who could otherwise point
//! anybody's Secret at a server of his own.

use std::net::IpAddr;

use url::{Host, Url};

/// The data key of a Secret under which the hosts stand that its other values may be sent to.
pub const ALLOWED_HOSTS_KEY: &str = "lychgate-allowed-hosts";

/// Whether `allowed_hosts`, the text under [`ALLOWED_HOSTS_KEY`], admits `url`.
///
/// A line is `host` (any port) or `host:port`, in lower case, IPv6 addresses in brackets; blank lines do not
/// count, and there are no wildcards and no comments.
#[must_use]
pub fn admits(allowed_hosts: &str, url: &Url) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let with_port = format!("{host}:{port}");
    allowed_hosts.lines().map(str::trim).any(|line| line == host || line == with_port)
}

/// Whether no gateway may connect to `address`, whoever asks: unspecified, multicast and link-local
/// addresses, among them the metadata services of the clouds.
#[must_use]
pub fn is_refused(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || v4.is_link_local()
                // The metadata service of Alibaba Cloud; the others are link-local.
                || v4.octets() == [100, 100, 100, 200]
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_refused(IpAddr::V4(v4)),
            None => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unicast_link_local()
                    // The metadata service of AWS over IPv6.
                    || v6.segments() == [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254]
            }
        },
    }
}

/// The address that a URL names by its numbers, if it does: no resolver sees such a one.
#[must_use]
pub fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(v4) => Some(IpAddr::V4(v4)),
        Host::Ipv6(v6) => Some(IpAddr::V6(v6)),
        Host::Domain(_) => None,
    }
}

/// Whether a URL names the API server of a cluster by one of the names that it has in every cluster. A credential
/// that is good there is more than a tool's.
#[must_use]
pub fn is_api_server(url: &Url) -> bool {
    let Some(Host::Domain(host)) = url.host() else { return false };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    matches!(host.as_str(), "kubernetes" | "kubernetes.default" | "kubernetes.default.svc")
        || host.starts_with("kubernetes.default.svc.")
}

/// What is wrong with `text` as the URL of an upstream, if anything is.
///
/// # Errors
/// A sentence that says what to write instead.
pub fn parse_upstream(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| {
        format!("not an absolute URL ({error}); write for example https://server.example.com/mcp")
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("the scheme is {}; write https, or http inside a trusted network", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or password; put credentials into a Secret and name it under \
                    spec.credentials"
            .to_owned());
    }
    if url.fragment().is_some() {
        return Err("has a fragment (#…), which no server sees; remove it".to_owned());
    }
    if url.host().is_none() {
        return Err("names no host; write for example https://server.example.com/mcp".to_owned());
    }
    if is_api_server(&url) {
        return Err(
            "is the cluster's own API server, which no upstream may be; name an MCP server in front of it"
                .to_owned(),
        );
    }
    match literal_address(&url) {
        Some(address) if is_refused(address) => Err(format!(
            "{address} is a link-local, metadata, multicast or unspecified address, which no upstream may \
             have; name the server's own address"
        )),
        Some(_) | None => Ok(url),
    }
}

/// The longest path with query that a server may send messages to, in bytes.
const MAXIMUM_ENDPOINT_BYTES: usize = 1024;

/// Where messages go, by what the server says in the event stream at `stream` (the `endpoint` event of MCP 2024-11-05,
/// Transports, HTTP with SSE). It may be relative to the stream, and must be of the stream's own origin: a server does
/// not send a gateway, with its credential, to somebody else. A fragment does not count.
///
/// # Errors
/// A sentence for the log.
pub fn parse_endpoint(stream: &Url, named: &str) -> Result<Url, &'static str> {
    let mut endpoint = stream.join(named).map_err(|_| "is no URI")?;
    endpoint.set_fragment(None);
    if endpoint.origin() != stream.origin() {
        return Err("is of another origin than the event stream");
    }
    if !endpoint.username().is_empty() || endpoint.password().is_some() {
        return Err("holds a user name or password");
    }
    let bytes = endpoint.path().len() + endpoint.query().map_or(0, str::len);
    if bytes > MAXIMUM_ENDPOINT_BYTES { Err("is too long") } else { Ok(endpoint) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{admits, is_refused, parse_endpoint, parse_upstream};

    #[test]
    fn messages_go_to_the_origin_of_the_event_stream_and_nowhere_else() {
        let stream = "https://server.example.com:8443/tools/sse".parse().unwrap();
        let long = "x".repeat(1025);
        for (named, expected) in [
            ("/message?sessionId=7", Ok("https://server.example.com:8443/message?sessionId=7")),
            ("?session=7#part", Ok("https://server.example.com:8443/tools/sse?session=7")),
            ("messages/7", Ok("https://server.example.com:8443/tools/messages/7")),
            ("https://SERVER.example.com:8443/m", Ok("https://server.example.com:8443/m")),
            ("//server.example.com:8443/m", Ok("https://server.example.com:8443/m")),
            ("https://server.example.com/m", Err("another origin")),
            ("http://server.example.com:8443/m", Err("another origin")),
            ("//elsewhere.example.com:8443/m", Err("another origin")),
            ("http://169.254.169.254/latest", Err("another origin")),
            ("https://server.example.com:8443@elsewhere.example.com/m", Err("another origin")),
            ("https://user@server.example.com:8443/m", Err("user name")),
            ("data:text/plain,x", Err("another origin")),
            ("http://[", Err("no URI")),
            (long.as_str(), Err("too long")),
        ] {
            let found = parse_endpoint(&stream, named).map(String::from);
            let is_expected = match (&found, expected) {
                (Ok(endpoint), Ok(expected)) => endpoint == expected,
                (Err(cause), Err(expected)) => cause.contains(expected),
                (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
            };
            assert!(is_expected, "{named}: {found:?} is not {expected:?}");
        }
    }

    #[test]
    fn only_a_listed_host_is_admitted() {
        for (allowed, url, expected) in [
            ("db.internal", "https://db.internal/mcp", true),
            ("db.internal", "https://db.internal:8443/mcp", true),
            ("db.internal:443", "https://db.internal/mcp", true),
            ("db.internal:443", "https://db.internal:8443/mcp", false),
            ("db.internal", "https://DB.INTERNAL/mcp", true),
            ("DB.INTERNAL", "https://db.internal/mcp", false),
            ("*.internal", "https://db.internal/mcp", false),
            ("internal", "https://db.internal/mcp", false),
            ("db.internal.evil.example", "https://db.internal/mcp", false),
            ("other\n  db.internal  \n", "https://db.internal/mcp", true),
            ("# db.internal", "https://db.internal/mcp", false),
            ("", "https://db.internal/mcp", false),
            ("127.0.0.1:9000", "http://127.0.0.1:9000/mcp", true),
            ("[::1]:9000", "http://[::1]:9000/mcp", true),
        ] {
            assert_eq!(admits(allowed, &url.parse().unwrap()), expected, "{allowed:?} for {url}");
        }
    }

    #[test]
    fn addresses_that_give_power_over_the_machine_are_refused() {
        for (address, expected) in [
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("fe80::1", true),
            ("fd00:ec2::254", true),
            ("100.100.100.200", true),
            ("0.0.0.0", true),
            ("::", true),
            ("224.0.0.1", true),
            ("255.255.255.255", true),
            ("10.0.0.1", false),
            ("127.0.0.1", false),
            ("fd00::1", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(is_refused(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn a_wrong_upstream_is_refused_with_what_to_write() {
        for (url, expected) in [
            ("server/mcp", "not an absolute URL"),
            ("ftp://server/mcp", "write https"),
            ("https://user@server/mcp", "Secret"),
            ("https://:word@server/mcp", "Secret"),
            ("https://server/mcp#part", "fragment"),
            ("http://169.254.169.254/latest", "metadata"),
            ("http://[fe80::1]/", "link-local"),
            ("https://kubernetes.default.svc/mcp", "API server"),
            ("https://KUBERNETES.default.svc.cluster.local.:443/mcp", "API server"),
            ("https://kubernetes/mcp", "API server"),
            ("https://kubernetes.tools.svc/mcp", ""),
            ("https://kubernetes.default.svcs/mcp", ""),
            ("http://0x7f.1:80/", ""),
            ("http://2852039166/", "metadata"),
        ] {
            match parse_upstream(url) {
                Ok(_) => assert_eq!(expected, "", "{url} was accepted"),
                Err(message) => {
                    assert!(!expected.is_empty() && message.contains(expected), "{url}: {message}");
                }
            }
        }
    }
}
