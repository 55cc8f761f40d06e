//! Of several replicas one leads: it holds the Lease.

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::settings::Settings;

/// The Lease, in the operator's namespace.
pub const LEASE: &str = "lychgate-operator";

/// The race for the Lease.
pub struct Election {
    leads: watch::Receiver<bool>,
    task: JoinHandle<Result<LeaseManager, LeaseManagerError>>,
}

impl Election {
    /// Takes part in the race.
    ///
    /// # Errors
    /// The Lease can neither be read nor made.
    pub async fn join(client: Client, settings: &Settings) -> Result<Self, LeaseManagerError> {
        let seconds = settings.lease.as_secs().max(3);
        let manager = LeaseManagerBuilder::new(client, LEASE)
            .with_namespace(&settings.namespace)
            .with_identity(&settings.identity)
            .with_duration(seconds)
            // Renewed when a third is left, so that one failed attempt does not cost the lead.
            .with_grace(seconds.div_ceil(3))
            .build()
            .await?;
        let (leads, task) = manager.watch().await;
        Ok(Self { leads, task })
    }

    /// Waits until this replica leads.
    ///
    /// # Errors
    /// The race has ended, which it does only with an error.
    pub async fn won(&mut self) -> Result<(), String> {
        self.leads
            .wait_for(|leads| *leads)
            .await
            .map(|_| ())
            .map_err(|_| "the race for the Lease has ended".to_owned())
    }

    /// Waits until this replica leads no more.
    pub async fn lost(&mut self) {
        // When the race has ended, nobody renews the Lease: that is a loss, too.
        let _lost_or_ended = self.leads.wait_for(|leads| !*leads).await;
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    pub async fn leave(self) {
        let Self { leads, task } = self;
        drop(leads);
        match tokio::time::timeout(std::time::Duration::from_secs(5), task).await {
            Ok(Ok(Ok(_))) => tracing::info!("the Lease is given back"),
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the Lease could not be given back"),
            Ok(Err(_)) | Err(_) => tracing::warn!("the Lease could not be given back in time"),
        }
    }
}
