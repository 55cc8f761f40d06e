//! The cluster as an issuer of service-account tokens: its name, its public keys, and the audiences that are
//! its own.
//!
//! Gateways get the keys in their configuration, so that they need no right at the API server to know an
//! agent. The keys are looked at again now and then; new ones are published before the first token is signed
//! with them, as long as the API server announces them that early.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use kube::Client;
use lychgate_operator_plan::ClusterIssuer;
use serde_json::Value;

use crate::queue::Queue;
use crate::world::World;

/// How often the keys are looked at.
const REFRESH: Duration = Duration::from_secs(60);
/// The same while they cannot be had.
const RETRY: Duration = Duration::from_secs(5);
/// How long the API server may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The cluster's issuer, as of now; nothing while it could not be asked.
pub struct Issuer {
    current: ArcSwap<Option<ClusterIssuer>>,
    client: Client,
    audiences: Vec<String>,
}

impl Issuer {
    /// Asks the API server once. `token` is the operator's own, whose audiences are the API server's.
    pub async fn load(client: Client, token: Option<&str>, further_audiences: &[String]) -> Self {
        let mut audiences = further_audiences.to_vec();
        audiences.extend(token.map(audiences_of).unwrap_or_default());
        let issuer = Self { current: ArcSwap::default(), client, audiences };
        issuer.refresh().await;
        issuer
    }

    /// What is known.
    #[must_use]
    pub fn current(&self) -> Arc<Option<ClusterIssuer>> {
        self.current.load_full()
    }

    /// Looks for new keys for as long as the process lives; new ones make every namespace be looked at.
    pub async fn run(self: Arc<Self>, world: Arc<World>, queue: Queue) {
        loop {
            let pause = if self.current.load().is_some() { REFRESH } else { RETRY };
            tokio::time::sleep(pause).await;
            if self.refresh().await {
                for namespace in world.inhabited() {
                    queue.push(&namespace);
                }
            }
        }
    }

    async fn refresh(&self) -> bool {
        match tokio::time::timeout(TIMEOUT, self.ask()).await {
            Ok(Ok(issuer)) => {
                let issuer = Some(issuer);
                let changed = **self.current.load() != issuer;
                if changed {
                    let keys = issuer.as_ref().map_or(0, |issuer| issuer.keys.len());
                    tracing::info!(keys, "keys of the cluster's issuer known");
                    self.current.store(Arc::new(issuer));
                }
                changed
            }
            Ok(Err(error)) => {
                tracing::warn!(error, "the keys of the cluster's issuer cannot be had");
                false
            }
            Err(_) => {
                tracing::warn!("the API server does not tell the keys of its issuer in time");
                false
            }
        }
    }

    async fn ask(&self) -> Result<ClusterIssuer, String> {
        let get = async |path: &str| {
            let request = Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
            self.client.request::<Value>(request).await.map_err(|error| crate::chain(&error))
        };
        let discovery = get("/.well-known/openid-configuration").await?;
        let keys = get("/openid/v1/jwks").await?;
        let issuer = discovery.get("issuer").and_then(Value::as_str).ok_or("names no issuer")?.to_owned();
        let keys = keys.get("keys").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut api_audiences = self.audiences.clone();
        // Without --api-audiences the API server's audience is its issuer.
        api_audiences.push(issuer.clone());
        api_audiences.sort();
        api_audiences.dedup();
        Ok(ClusterIssuer { issuer, keys, api_audiences })
    }
}

/// The audiences of a token, which has been verified by nobody here: it is the operator's own.
fn audiences_of(token: &str) -> Vec<String> {
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims: Option<Value> = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match claims.as_ref().and_then(|claims| claims.get("aud")) {
        Some(Value::Array(audiences)) => audiences.iter().filter_map(text).collect(),
        Some(audience) => text(audience).into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::audiences_of;

    #[test]
    fn audiences_are_read_from_a_token_whether_it_has_one_or_many() {
        let token = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(audiences_of(&token(r#"{"aud":["a","b"]}"#)), ["a", "b"]);
        assert_eq!(audiences_of(&token(r#"{"aud":"a"}"#)), ["a"]);
        assert!(audiences_of(&token("{}")).is_empty() && audiences_of("opaque").is_empty());
    }
}
