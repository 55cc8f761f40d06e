//! Brings an operator up: first the race for the lead, then the watches, and when everything is known the
//! reconciles.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::runtime::controller::Config as ControllerConfig;
use kube::runtime::reflector::{ObjectRef, store};
use kube::runtime::{applier, watcher};
use kube::{Client, Config};
use tokio::task::JoinSet;

use crate::acknowledge::Acknowledgements;
use crate::admin::{self, Admin};
use crate::apply::Applier;
use crate::approvals::Approvals;
use crate::certificate::{Authority, AuthorityError};
use crate::events::Events;
use crate::guard::Guard;
use crate::issuer::Issuer;
use crate::leader::{Election, fence};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::reconcile::{Context, after_failure, reconcile};
use crate::report::Reporter;
use crate::sequence::Sequences;
use crate::settings::Settings;
use crate::sharing::Sharing;
use crate::watch;
use crate::world::World;

/// How many namespaces are reconciled at once.
const CONCURRENCY: u16 = 8;
/// How long to wait before the certificate authority is asked for again.
const AUTHORITY_RETRY: Duration = Duration::from_secs(2);

/// Why the operator does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no configuration for the API server.
    #[error("no API server is configured: {0}")]
    Config(String),
    /// The address for health and metrics cannot be had.
    #[error("cannot listen on {0}: {1}")]
    Listen(std::net::SocketAddr, std::io::Error),
    /// There is no certificate authority.
    #[error("{0}")]
    Authority(#[from] AuthorityError),
    /// A task that must not end has ended.
    #[error("a task has ended: {0}")]
    TaskEnded(String),
}

/// Runs the operator until `stop` is done. Whenever this replica loses the lead, it forgets everything and
/// takes part in the race again.
///
/// # Errors
/// It cannot start, or something that must not end has ended.
pub async fn run(settings: Settings, stop: impl Future<Output = ()>) -> Result<(), StartError> {
    let config = Config::infer().await.map_err(|error| StartError::Config(crate::chain(&error)))?;
    let token = own_token(&config);
    let client = Client::try_from(config).map_err(|error| StartError::Config(crate::chain(&error)))?;
    let metrics = Arc::new(Metrics::default());
    let admin = Arc::new(Admin::new(Arc::clone(&metrics)));
    let address = settings.admin_listen;
    let listener = admin::bind(address).await.map_err(|error| StartError::Listen(address, error))?;
    let mut services = JoinSet::new();
    services.spawn(admin::serve(listener, Arc::clone(&admin)));

    let mut election = Election::join(client.clone(), &settings);
    let client = fence(client, election.lead());
    tokio::pin!(stop);
    let ended = loop {
        tokio::select! {
            () = election.won() => {}
            () = &mut stop => break Ok(()),
        }
        tracing::info!(identity = settings.identity, "leads");
        let world = Arc::new(World::new(watch::sources(&settings.watch_namespaces)));
        admin.leads(&world);
        let mut tasks = JoinSet::new();
        let lead =
            lead(&mut tasks, client.clone(), settings.clone(), token.clone(), world, Arc::clone(&metrics));
        let ended = tokio::select! {
            ended = lead => Some(ended),
            () = election.lost() => None,
            () = &mut stop => Some(Ok(())),
        };
        tasks.shutdown().await;
        admin.follows();
        match ended {
            Some(ended) => break ended,
            None => tracing::warn!(identity = settings.identity, "leads no more"),
        }
    };
    election.leave().await;
    ended
}

/// The operator's own token, if it has one: its audiences are those of the API server.
fn own_token(config: &Config) -> Option<String> {
    let file = config.auth_info.token_file.as_ref()?;
    std::fs::read_to_string(file).ok()
}

async fn lead(
    tasks: &mut JoinSet<()>,
    client: Client,
    settings: Settings,
    token: Option<String>,
    world: Arc<World>,
    metrics: Arc<Metrics>,
) -> Result<(), StartError> {
    let namespaced = !settings.watch_namespaces.is_empty();
    let authority = authority(&client, &settings.namespace).await?;
    let issuer = Arc::new(Issuer::load(client.clone(), token.as_deref(), &settings.api_audiences).await);
    let (queue, requests) = Queue::new();
    let acknowledgements = Arc::new(Acknowledgements::new(settings.gateway_admin_port));
    let events = Events::new(client.clone(), settings.identity.clone());
    let (guard, guarding) =
        Guard::new(client.clone(), &settings, Arc::clone(&world), queue.clone(), Arc::clone(&metrics));
    let approvals =
        Approvals::new(&client, &settings, guarding.clone(), Arc::clone(&world), Arc::clone(&metrics));
    let context = Arc::new(Context {
        applier: Applier::new(client.clone(), Arc::clone(&world), Arc::clone(&metrics), namespaced),
        reporter: Reporter::new(client.clone(), events, Arc::clone(&world), Arc::clone(&metrics), namespaced),
        world: Arc::clone(&world),
        queue: queue.clone(),
        authority,
        issuer: Arc::clone(&issuer),
        sequences: Sequences::default(),
        sharing: Sharing::default(),
        acknowledgements: Arc::clone(&acknowledgements),
        guard: guarding,
        metrics,
        failures: Mutex::default(),
        settings,
    });
    let settings = &context.settings;
    watch::start(tasks, &client, &settings.watch_namespaces, &settings.namespace, &world, &queue);
    // Nothing may be published before every policy is known.
    world.complete().await;
    tracing::info!("the cluster is known");
    tasks.spawn(acknowledgements.run(Arc::clone(&world), queue.clone()));
    tasks.spawn(issuer.run(Arc::clone(&world), queue));
    tasks.spawn(guard.run());
    tasks.spawn(approvals.run());
    control(context, requests).await;
    Err(StartError::TaskEnded("the reconciles".to_owned()))
}

/// The authority. An API server that is away comes back.
async fn authority(client: &Client, namespace: &str) -> Result<Authority, AuthorityError> {
    loop {
        match Authority::load(client, namespace).await {
            Err(AuthorityError::Api(error)) => {
                let error = crate::chain(&error);
                tracing::warn!(error, "the certificate authority cannot be had; it is tried again");
                tokio::time::sleep(AUTHORITY_RETRY).await;
            }
            answer => return answer,
        }
    }
}

/// Reconciles the namespaces that are asked for, each at most once at a time.
async fn control(context: Arc<Context>, requests: impl futures_util::Stream<Item = String>) {
    // The scheduler wants its keys to be objects of a store: here they are nothing but names.
    let (names, mut writer) = store::<Namespace>();
    writer.apply_watcher_event(&watcher::Event::Init);
    writer.apply_watcher_event(&watcher::Event::InitDone);
    let inhabited = context.world.inhabited();
    let queue = stream::iter(inhabited).chain(requests).map(move |name| {
        let metadata = ObjectMeta { name: Some(name.clone()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        writer.apply_watcher_event(&watcher::Event::Apply(namespace));
        Ok::<_, std::convert::Infallible>(ObjectRef::<Namespace>::new(&name))
    });
    let config = ControllerConfig::default().concurrency(CONCURRENCY);
    // Each of them ends, so that the scheduler can tell when to ask again.
    let step = |namespace, context| Box::pin(reconcile(namespace, context));
    applier(step, after_failure, context, names, Box::pin(queue), config)
        .for_each(|result| async move {
            if let Err(error) = result {
                tracing::debug!(error = crate::chain(&error), "a reconcile failed");
            }
        })
        .await;
}
