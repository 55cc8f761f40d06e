//! Connections that the gateway itself opens: to upstream servers and to issuers.
//!
//! Every address is checked after it was resolved and before anything is sent, so that a name cannot lead to
//! a metadata service or another refused address. Redirects are never followed: the client here has no such
//! thing.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Builder, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use lychgate_gateway_policy::destination;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tower_service::Service;

/// How long an idle connection is kept for the next request, in seconds. Servers that run on Node close theirs after
/// five (`http.Server.keepAliveTimeout`), and a call that meets the closing is lost: it may have been taken.
const IDLE_SECONDS: u64 = 4;
/// How many idle connections are kept for each host.
const IDLE_CONNECTIONS: usize = 64;

/// How long a connection with an endless answer may be silent until it is asked whether it is still there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// How long it may take to say so.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// A pooled HTTP client over TLS or plain TCP.
pub type HttpClient = Client<Connector, Full<Bytes>>;

type Connector = HttpsConnector<HttpConnector<GuardedResolver>>;

/// The certificate authorities in a bundle cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// There is none in it.
    #[error("holds no PEM certificate; put at least one -----BEGIN CERTIFICATE----- block into it")]
    Empty,
    /// One of them is broken.
    #[error("holds a certificate that cannot be read: {0}")]
    Unreadable(String),
}

/// Makes a client that trusts the authorities of `bundle` (PEM), or the public ones if there is none. It connects to
/// no name that leads to the API server at `api_server`.
///
/// # Errors
/// The bundle holds no certificate, or one that cannot be read.
pub fn client(
    bundle: Option<&str>,
    connect_timeout: Duration,
    api_server: Option<IpAddr>,
) -> Result<HttpClient, BundleError> {
    Ok(builder().build(connector(bundle, connect_timeout, api_server)?))
}

/// As [`client`], for answers that never end: a connection on which nothing happens is asked now and then whether it
/// is still there, where it speaks HTTP/2.
///
/// # Errors
/// As [`client`].
pub fn watching_client(bundle: &str, connect_timeout: Duration) -> Result<HttpClient, BundleError> {
    let mut builder = builder();
    builder
        .timer(TokioTimer::new())
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .http2_keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    Ok(builder.build(connector(Some(bundle), connect_timeout, None)?))
}

fn builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(IDLE_SECONDS))
        .pool_max_idle_per_host(IDLE_CONNECTIONS);
    builder
}

fn connector(
    bundle: Option<&str>,
    connect_timeout: Duration,
    api_server: Option<IpAddr>,
) -> Result<Connector, BundleError> {
    let tls = match bundle {
        Some(bundle) => rustls::ClientConfig::builder().with_root_certificates(read_bundle(bundle)?),
        None => rustls::ClientConfig::builder().with_webpki_roots(),
    }
    .with_no_client_auth();
    let mut tcp = HttpConnector::new_with_resolver(GuardedResolver { api_server });
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect_timeout));
    tcp.set_nodelay(true);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp))
}

fn read_bundle(bundle: &str) -> Result<rustls::RootCertStore, BundleError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
        let unreadable = |error: &dyn std::fmt::Display| BundleError::Unreadable(error.to_string());
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() { Err(BundleError::Empty) } else { Ok(roots) }
}

/// Whether a request may go to `uri`, as far as its text tells: an address in numbers passes no resolver.
///
/// # Errors
/// A sentence for the log.
pub fn check(uri: &http::Uri) -> Result<(), String> {
    let url = url::Url::parse(&uri.to_string()).map_err(|error| error.to_string())?;
    match destination::literal_address(&url).filter(|address| destination::is_refused(*address)) {
        Some(refused) => Err(format!("{refused} is an address that no gateway connects to")),
        None => Ok(()),
    }
}

/// Resolves names with the system's resolver, and hands out only addresses that may be connected to.
#[derive(Clone, Copy, Debug)]
pub struct GuardedResolver {
    /// The address of the cluster's API server, if it is refused like those that always are.
    api_server: Option<IpAddr>,
}

impl Service<Name> for GuardedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let api_server = self.api_server;
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            admit(addresses, api_server).map(Vec::into_iter)
        })
    }
}

/// All of `addresses`, or an error if one of them is refused: a name that resolves to a metadata service
/// beside a harmless address is no accident.
fn admit(addresses: Vec<SocketAddr>, api_server: Option<IpAddr>) -> Result<Vec<SocketAddr>, std::io::Error> {
    let is_refused = |ip: &IpAddr| destination::is_refused(*ip) || is_same(*ip, api_server);
    match addresses.iter().map(SocketAddr::ip).find(is_refused) {
        Some(refused) => Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            format!("the name resolves to {refused}, which no gateway connects to"),
        )),
        None => Ok(addresses),
    }
}

/// Whether an address is that of the API server, however it is written.
#[must_use]
pub fn is_same(address: IpAddr, api_server: Option<IpAddr>) -> bool {
    api_server.is_some_and(|api_server| api_server.to_canonical() == address.to_canonical())
}

/// Installs the one cryptography provider of this process. Safe to call more than once.
pub fn install_crypto_provider() {
    // An error says that a provider is already installed, which is what is wanted.
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A client in shared hands.
pub type SharedClient = Arc<HttpClient>;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{BundleError, admit, check, client, install_crypto_provider};
    use std::time::Duration;

    #[test]
    fn a_name_that_leads_to_a_refused_address_is_refused_whole() {
        let addresses = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let api_server = Some("10.96.0.1".parse().unwrap());
        assert!(admit(addresses(&["10.0.0.1:0", "[2001:db8::1]:0"]), api_server).is_ok());
        let error = admit(addresses(&["10.0.0.1:0", "169.254.169.254:0"]), api_server).unwrap_err();
        assert!(error.to_string().contains("169.254.169.254"), "{error}");
        for address in ["10.96.0.1:0", "[::ffff:10.96.0.1]:0"] {
            assert!(admit(addresses(&["10.0.0.1:0", address]), api_server).is_err(), "{address}");
            assert!(admit(addresses(&["10.0.0.1:0", address]), None).is_ok(), "{address}");
        }
    }

    #[test]
    fn a_refused_address_in_numbers_is_refused_in_any_spelling() {
        for (uri, expected) in [
            ("http://169.254.169.254/keys", false),
            ("http://2852039166/keys", false),
            ("https://[fe80::1]/keys", false),
            ("https://idp.example.com/keys", true),
            ("http://127.0.0.1:1/keys", true),
        ] {
            assert_eq!(check(&uri.parse().unwrap()).is_ok(), expected, "{uri}");
        }
    }

    #[test]
    fn a_bundle_without_a_readable_certificate_is_refused() {
        install_crypto_provider();
        let make = |bundle: &str| client(Some(bundle), Duration::from_secs(1), None).err();
        assert!(matches!(make(""), Some(BundleError::Empty)));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(make(broken), Some(BundleError::Unreadable(_))));
    }
}
