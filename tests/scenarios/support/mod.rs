//! What scenarios are made of: counterparts, gateways, clients, and plain HTTP for what no client would send.

pub mod api_server;
pub mod approval_server;
pub mod counterparts;
pub mod dev;
pub mod event_stream;
pub mod front;
pub mod gateway;
pub mod http;
pub mod manifests;
pub mod process;
pub mod raw;
pub mod receiver;
pub mod replicas;
pub mod rmcp_client;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Tries again until something comes. How long it waits says nothing about how long it may take.
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = attempt().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("waited in vain for {what}");
}
