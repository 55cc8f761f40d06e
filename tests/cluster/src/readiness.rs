//! When a control plane is ready: what is asked of it, and what is said where it is not.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{Api, Client};
use tokio::time::{Instant, sleep, timeout};

use crate::apply::apply;
use crate::caller::Caller;
use crate::cluster::{Cluster, StartError};

/// How long a start may take on a machine with much else to do. Usually it takes four seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long one question may take.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);

impl Cluster {
    pub(crate) async fn become_ready(&mut self) -> Result<(), StartError> {
        self.apiserver_becomes_ready().await?;
        let first = self.options().before_controllers.clone();
        if !first.is_empty() {
            apply(&self.admin(), "default", &first)
                .await
                .map_err(|error| StartError::new(format!("what comes before the controllers: {error}")))?;
            self.launch_controller_manager()?;
        }
        self.controllers_become_ready().await
    }

    pub(crate) async fn apiserver_becomes_ready(&mut self) -> Result<(), StartError> {
        let admin = self.admin();
        let end = Instant::now() + PATIENCE;
        while let Err(reason) = within(get(&admin, "/readyz")).await {
            self.still_waits(end, &reason).await?;
        }
        Ok(())
    }

    /// All controllers run, and those by which every namespace gets its service account and its certificate
    /// authority have done so once.
    async fn controllers_become_ready(&mut self) -> Result<(), StartError> {
        let mut configuration = self.configuration(&Caller::Nobody);
        configuration.cluster_url =
            self.controller_manager_url().parse().map_err(|_| StartError::new("no URL"))?;
        let manager = Client::try_from(configuration).map_err(|error| StartError::new(error.to_string()))?;
        let admin = self.admin();
        let end = Instant::now() + PATIENCE;
        while let Err(reason) = within(controllers_are_ready(&manager, &admin)).await {
            self.revive_controller_manager()?;
            self.still_waits(end, &reason).await?;
        }
        Ok(())
    }

    async fn still_waits(&mut self, end: Instant, reason: &str) -> Result<(), StartError> {
        if let Some(name) = self.dead() {
            return Err(StartError::new(format!("{name} ended\n{}", self.tails())));
        }
        if Instant::now() > end {
            return Err(StartError::new(format!("not ready after {PATIENCE:?}: {reason}\n{}", self.tails())));
        }
        sleep(PAUSE).await;
        Ok(())
    }
}

async fn within(question: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(ANSWER, question).await.unwrap_or_else(|_elapsed| Err(format!("no answer within {ANSWER:?}")))
}

async fn get(client: &Client, path: &str) -> Result<(), String> {
    let request = http::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())?;
    client.request_text(request).await.map(drop).map_err(|error| format!("{path}: {error}"))
}

async fn controllers_are_ready(manager: &Client, admin: &Client) -> Result<(), String> {
    get(manager, "/healthz").await?;
    namespace_is_furnished(admin, "default").await
}

/// Whether the controllers have put into a namespace what a pod in it needs.
pub(crate) async fn namespace_is_furnished(admin: &Client, namespace: &str) -> Result<(), String> {
    let accounts = Api::<ServiceAccount>::namespaced(admin.clone(), namespace);
    accounts.get("default").await.map_err(|error| error.to_string())?;
    let maps = Api::<ConfigMap>::namespaced(admin.clone(), namespace);
    maps.get("kube-root-ca.crt").await.map(drop).map_err(|error| error.to_string())
}
