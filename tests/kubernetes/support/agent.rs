//! An agent of the cluster, as a gateway sees it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use lychgate_tests_cluster::Cluster;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Somebody who knows the name of the gateway of a connection `customers`, its address and its authority.
pub struct Agent {
    pub address: String,
    pub host: String,
    pub authority: String,
}

impl Agent {
    /// Knows the gateway by what the operator publishes, and its pod by `address`.
    pub async fn of(cluster: &Cluster, namespace: &str, address: &str) -> Self {
        let path = r"jsonpath={.data.ca\.crt}";
        let get = ["get", "configmap", "lychgate-customers-ca", "-n", namespace, "-o", path];
        Self {
            address: address.to_owned(),
            host: format!("lychgate-customers.{namespace}.svc"),
            authority: cluster.kubectl(&get).succeed().await,
        }
    }

    /// The connection's URL in the cluster: the audience of tokens for it.
    pub fn url(&self) -> String {
        format!("https://{}:8443/customers/mcp", self.host)
    }

    /// Posts a message; gives the status, the session, and the text.
    pub async fn post(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        message: &str,
    ) -> (StatusCode, Option<String>, String) {
        self.send(token, session, "application/json, text/event-stream", message).await.unwrap()
    }

    /// The same with these media types accepted. A gateway may end before it has answered.
    pub async fn send(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        accept: &str,
        message: &str,
    ) -> Result<(StatusCode, Option<String>, String), hyper::Error> {
        let mut connection = self.connect().await.unwrap();
        let request = self.request(token, session, accept, message);
        let response = connection.send_request(request).await?;
        let session = response.headers().get("mcp-session-id").map(|id| id.to_str().unwrap().to_owned());
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, session, String::from_utf8(body.to_vec()).unwrap()))
    }

    /// Opens a connection, over TLS and for HTTP/1.1.
    pub async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect((self.address.as_str(), 8443)).await?;
        let name = ServerName::try_from(self.host.clone()).unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let _driver = tokio::spawn(driver);
        Ok(sender)
    }

    /// A message as it is posted.
    pub fn request(
        &self,
        token: Option<&str>,
        session: Option<&str>,
        accept: &str,
        message: &str,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::post("/customers/mcp")
            .header("host", format!("{}:8443", self.host))
            .header("content-type", "application/json")
            .header("accept", accept);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(session) = session {
            request = request.header("mcp-session-id", session);
        }
        request.body(Full::new(Bytes::copy_from_slice(message.as_bytes()))).unwrap()
    }
}
