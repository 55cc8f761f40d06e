//! What every stand-in for an API server has in front: a port with a certificate of its own, and the files by which
//! a gateway finds and believes it.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Where a stand-in is reached.
pub struct Front {
    pub url: String,
    certificate: String,
}

impl Front {
    /// Listens, and hands each connection to `serve`.
    pub async fn open<F, S>(serve: F) -> Self
    where
        F: Fn(TlsStream<TcpStream>) -> S + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        lychgate_gateway::outbound::install_crypto_provider();
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap().pem();
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let serve = Arc::new(serve);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, serve) = (acceptor.clone(), Arc::clone(&serve));
                tokio::spawn(async move {
                    // A gateway may go at any time.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream).await;
                    }
                });
            }
        });
        Self { url, certificate }
    }

    /// Its own authority, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Writes what a kubelet would mount, and gives the flags of a gateway that goes by it.
    pub fn flags(&self, folder: &Path) -> Vec<String> {
        let kubernetes = folder.join("kubernetes");
        std::fs::create_dir(&kubernetes).unwrap();
        for (file, text) in [("token", "token"), ("namespace", "test"), ("ca.crt", &self.certificate)] {
            std::fs::write(kubernetes.join(file), text).unwrap();
        }
        let kubernetes = kubernetes.to_str().unwrap();
        ["--kubernetes-dir", kubernetes, "--kubernetes-url", &self.url].map(str::to_owned).into()
    }
}
