//! What all requests of one gateway share.

use std::sync::Arc;

use tokio::sync::watch;

use crate::approval::Approvals;
use crate::approval::held::HeldCalls;
use crate::configuration::Configurations;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::open::OpenStreams;
use crate::recorder::Recorder;
use crate::rejection::Rejections;
use crate::session::Sealer;
use crate::streams::EventStreams;
use crate::tools::ToolLists;
use crate::values::Values;
use crate::watch::Standings;

/// One running gateway.
pub struct Gateway {
    /// The connections and their policies, as of now.
    pub configurations: Configurations,
    /// Where secrets are read from.
    pub values: Arc<Values>,
    /// How it stands with what is watched.
    pub watches: Arc<Standings>,
    /// Where people are asked; nowhere if neither an API server nor a folder was named.
    pub approvals: Option<Arc<Approvals>>,
    /// Tells people of calls that wait.
    pub notifier: Notifier,
    /// The calls that wait with an open answer.
    pub held: HeldCalls,
    /// How many streams without an end each caller has open.
    pub open: OpenStreams,
    /// The event streams of MCP 2024-11-05 that are open here.
    pub streams: EventStreams,
    /// What servers say of their tools.
    pub tools: ToolLists,
    /// Makes and opens session ids.
    pub sealer: Sealer,
    /// The journal.
    pub recorder: Recorder,
    /// The bound on what unauthenticated rubbish may write into it.
    pub rejections: Rejections,
    /// What is counted.
    pub metrics: Metrics,
    /// True from the moment on that the gateway drains.
    pub draining: watch::Receiver<bool>,
}

/// Seconds since the Unix epoch.
#[must_use]
pub fn now_seconds() -> u64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}
