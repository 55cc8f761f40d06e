//! The gateway's own certificate, read anew when its files change.
//!
//! A pair that cannot be used never replaces one that can.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// How often the files are looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{folder}: {reason}; it must hold tls.crt (the chain, PEM) and tls.key (its private key, PEM)")]
pub struct CertificateError {
    folder: PathBuf,
    reason: String,
}

/// A certificate that follows its files.
pub struct Certificate {
    folder: PathBuf,
    current: ArcSwap<Loaded>,
}

struct Loaded {
    chain: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads `tls.crt` and `tls.key` in `folder`.
    ///
    /// # Errors
    /// They are missing, unreadable, or do not belong together.
    pub fn load(folder: PathBuf) -> Result<Self, CertificateError> {
        let loaded = load(&folder)?;
        Ok(Self { folder, current: ArcSwap::from_pointee(loaded) })
    }

    /// What new connections are served with.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// Follows the files, until the task is dropped.
    pub async fn watch(&self) {
        let mut ticks = tokio::time::interval(POLL_INTERVAL);
        loop {
            ticks.tick().await;
            let chain = std::fs::read(self.folder.join("tls.crt")).unwrap_or_default();
            if chain == self.current.load().chain {
                continue;
            }
            match load(&self.folder) {
                Ok(loaded) => {
                    tracing::info!(folder = %self.folder.display(), "certificate replaced");
                    self.current.store(Arc::new(loaded));
                }
                Err(error) => tracing::warn!(%error, "the new certificate is refused, the old one stays"),
            }
        }
    }
}

fn load(folder: &Path) -> Result<Loaded, CertificateError> {
    let wrong = |reason: String| CertificateError { folder: folder.to_owned(), reason };
    let chain = std::fs::read(folder.join("tls.crt")).map_err(|error| wrong(format!("tls.crt: {error}")))?;
    let key = std::fs::read(folder.join("tls.key")).map_err(|error| wrong(format!("tls.key: {error}")))?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("tls.crt: {error}")))?;
    // The error of a key may quote the file; what is wrong with it is told without.
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|_| wrong("tls.key holds no private key in PEM".to_owned()))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| wrong(error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Loaded { chain, config: Arc::new(config) })
}
