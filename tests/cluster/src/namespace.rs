//! A namespace of a test's own.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client, Config};

use crate::caller::Caller;
use crate::cluster::Cluster;
use crate::readiness::namespace_is_furnished;
use crate::wait::eventually;

type Core = k8s_openapi::api::core::v1::Namespace;

const PATIENCE: Duration = Duration::from_secs(60);

static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// A namespace that no other test of the process has. Dropping it asks for its deletion and does not wait.
pub struct Namespace {
    name: String,
    configuration: Option<Config>,
}

impl Cluster {
    /// A new namespace, with its default service account and its ConfigMap of the certificate authority.
    ///
    /// # Panics
    ///
    /// Where the control plane does not make it.
    pub async fn namespace(&self, prefix: &str) -> Namespace {
        let name = format!("{prefix}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = self.admin();
        let mut namespace = Core::default();
        namespace.metadata.name = Some(name.clone());
        Api::<Core>::all(admin.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap_or_else(|error| panic!("the namespace {name}: {error}"));
        let namespace = Namespace { name, configuration: Some(self.configuration(&Caller::Admin)) };
        eventually("the namespace to be furnished", PATIENCE, async || {
            namespace_is_furnished(&admin, namespace.name()).await
        })
        .await;
        namespace
    }
}

impl Namespace {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Deletes it and waits until it and all in it are gone.
    ///
    /// # Panics
    ///
    /// Where it stays, since something in it has a finalizer that nobody takes away.
    pub async fn delete(mut self) {
        let Some(configuration) = self.configuration.take() else { return };
        let client = Client::try_from(configuration).expect("the configuration is of our own making");
        let namespaces = Api::<Core>::all(client);
        let name = self.name.as_str();
        let deleted = namespaces.delete(name, &DeleteParams::default()).await;
        deleted.unwrap_or_else(|error| panic!("the namespace {name}: {error}"));
        eventually("the namespace to be gone", PATIENCE, async || match namespaces.get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(namespace)) => Err(format!("{:?}", namespace.status)),
            Err(error) => Err(error.to_string()),
        })
        .await;
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let Some(configuration) = self.configuration.take() else { return };
        let name = self.name.clone();
        // The runtime of the test is about to end, so the request has a thread of its own. At the end of the
        // process it may not be sent; then the control plane ends too.
        thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let Ok(client) = Client::try_from(configuration) else { return };
                let _nobody_waits = Api::<Core>::all(client).delete(&name, &DeleteParams::default()).await;
            });
        });
    }
}
