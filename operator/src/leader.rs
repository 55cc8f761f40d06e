//! Of several replicas one leads: it holds the Lease.
//!
//! The leader renews the Lease. A follower takes it when it is free, or when it has not changed for as long as it
//! lasts. That is measured by the follower's own clock, so that the clocks of two nodes need not agree, and
//! each write names the version that was read, so that two cannot take it at once.
//!
//! A leader that cannot renew the Lease stops before anybody else may take it. [`Lead`] tells until when it
//! leads, and a [`fence`] lets nothing be written after that, be the process stopped for an hour in between.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::client::Body;
use kube::{Api, Client};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tower_service::Service;

use crate::settings::Settings;

/// The Lease, in the operator's namespace.
pub const LEASE: &str = "lychgate-operator";
/// How often a follower looks at the Lease, at the least.
const LOOK: Duration = Duration::from_secs(2);
/// How long giving the Lease back may take.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Until when this replica leads, if it does.
#[derive(Clone, Default)]
pub struct Lead(Arc<Mutex<Option<Instant>>>);

impl Lead {
    /// Whether this replica leads.
    #[must_use]
    pub fn is_held(&self) -> bool {
        let end = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.is_some_and(|end| Instant::now() < end)
    }

    fn set(&self, end: Option<Instant>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }
}

/// A client that reads at any time and writes only while this replica leads.
#[must_use]
pub fn fence(client: Client, lead: Lead) -> Client {
    let namespace = client.default_namespace().to_owned();
    Client::new(Fence { client, lead }, namespace)
}

struct Fence {
    client: Client,
    lead: Lead,
}

/// Nothing is written by a replica that does not lead.
#[derive(Debug, thiserror::Error)]
#[error("this replica does not lead any more")]
struct NotLeading;

type Error = Box<dyn std::error::Error + Send + Sync>;

impl Service<Request<Body>> for Fence {
    type Response = Response<Body>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Error>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, lead) = (self.client.clone(), self.lead.clone());
        Box::pin(async move {
            if request.method() == Method::GET || lead.is_held() {
                client.send(request).await.map_err(Error::from)
            } else {
                Err(NotLeading.into())
            }
        })
    }
}

/// The race for the Lease.
pub struct Election {
    leads: watch::Receiver<bool>,
    lead: Lead,
    leave: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Election {
    /// Takes part in the race from now on, also where the API server is away.
    #[must_use]
    pub fn join(client: Client, settings: &Settings) -> Self {
        let lead = Lead::default();
        let race = Race {
            api: Api::namespaced(client, &settings.namespace),
            identity: settings.identity.clone(),
            duration: settings.lease.max(Duration::from_secs(1)),
            lead: lead.clone(),
            seen: None,
        };
        let (sender, leads) = watch::channel(false);
        let (leave, left) = oneshot::channel();
        Self { leads, lead, leave, task: tokio::spawn(race.run(sender, left)) }
    }

    /// Until when this replica leads.
    #[must_use]
    pub fn lead(&self) -> Lead {
        self.lead.clone()
    }

    /// Waits until this replica leads.
    pub async fn won(&mut self) {
        self.become_(true).await;
    }

    /// Waits until this replica leads no more.
    pub async fn lost(&mut self) {
        self.become_(false).await;
    }

    async fn become_(&mut self, expected: bool) {
        // The race ends only when this is left.
        let _races = self.leads.wait_for(|leads| *leads == expected).await;
    }

    /// Gives the Lease back, so that another replica need not wait for its end.
    pub async fn leave(self) {
        // Where the race has ended there is nobody to tell.
        let _ended = self.leave.send(());
        if tokio::time::timeout(LEAVE_TIMEOUT, self.task).await.is_err() {
            tracing::warn!("the Lease could not be given back in time");
        }
    }
}

struct Race {
    api: Api<Lease>,
    identity: String,
    /// How long the Lease lasts without being renewed.
    duration: Duration,
    lead: Lead,
    /// The version of the Lease of another replica, and when it was first seen.
    seen: Option<(String, Instant)>,
}

impl Race {
    async fn run(mut self, leads: watch::Sender<bool>, mut left: oneshot::Receiver<()>) {
        loop {
            match tokio::time::timeout(self.duration / 4, self.turn()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error = crate::chain(&error), "the Lease could not be looked at");
                }
                Err(_) => tracing::warn!("the API server does not answer about the Lease in time"),
            }
            let is_held = self.lead.is_held();
            leads.send_if_modified(|known| std::mem::replace(known, is_held) != is_held);
            tokio::select! {
                () = tokio::time::sleep(self.pause()) => {}
                _ = &mut left => break,
            }
        }
        match self.give_back().await {
            Ok(()) => tracing::info!("the Lease is given back"),
            Err(error) => tracing::warn!(error = crate::chain(&error), "the Lease could not be given back"),
        }
    }

    /// A leader that fails to renew twice leads on; then its time is up.
    fn pause(&self) -> Duration {
        let renewal = self.duration / 5;
        if self.lead.is_held() { renewal } else { renewal.min(LOOK) }
    }

    /// Looks at the Lease, and takes or renews it if that is this replica's right.
    async fn turn(&mut self) -> Result<(), kube::Error> {
        // Others count from a moment after this one.
        let end = Instant::now() + self.duration * 2 / 3;
        let parameters = PostParams::default();
        let written = match self.api.get_opt(LEASE).await? {
            None => self.api.create(&parameters, &self.lease(None)).await,
            Some(lease) if self.may_have(&lease) => {
                self.api.replace(LEASE, &parameters, &self.lease(Some(lease))).await
            }
            Some(_) => {
                self.lead.set(None);
                return Ok(());
            }
        };
        match written {
            Ok(_) => self.lead.set(Some(end)),
            // Somebody else was faster; the next look tells who.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn may_have(&mut self, lease: &Lease) -> bool {
        let spec = lease.spec.as_ref();
        let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
        if holder.is_empty() || holder == self.identity {
            return true;
        }
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            Some(_) | None => {
                let now = Instant::now();
                self.seen = Some((version, now));
                now
            }
        };
        let seconds = spec.and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
        since.elapsed() >= seconds.map_or(self.duration, Duration::from_secs)
    }

    /// The Lease in the hands of this replica.
    fn lease(&self, old: Option<Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let Lease { metadata, spec } = old.unwrap_or_default();
        let spec = spec.unwrap_or_default();
        let is_own = spec.holder_identity.as_deref() == Some(&self.identity);
        let transitions = spec.lease_transitions.unwrap_or_default();
        Lease {
            metadata: ObjectMeta { name: Some(LEASE.to_owned()), ..metadata },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
                acquire_time: spec.acquire_time.filter(|_| is_own).or_else(|| Some(now.clone())),
                renew_time: Some(now),
                lease_transitions: Some(if is_own { transitions } else { transitions.saturating_add(1) }),
                ..spec
            }),
        }
    }

    async fn give_back(&self) -> Result<(), kube::Error> {
        self.lead.set(None);
        let Some(mut lease) = self.api.get_opt(LEASE).await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() == Some(&self.identity) {
            spec.holder_identity = None;
            self.api.replace(LEASE, &PostParams::default(), &lease).await?;
        }
        Ok(())
    }
}
