//! What the gateway counts. Names and labels are stable and documented in `docs/metrics.md`; no label holds
//! anything that a caller chose freely.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::approval::held::HeldCalls;
use crate::configuration::Configurations;
use crate::tools::ToolLists;
use crate::watch::Standings;

/// Labels of a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct CallLabels {
    /// `namespace/name`.
    pub connection: String,
    /// `Allow`, `Ask` or `Deny`.
    pub decision: &'static str,
    /// The reason of a denial; empty when allowed.
    pub reason: &'static str,
}

/// Labels of a failure or a rejected request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// `namespace/name`; empty where the request named none.
    pub connection: String,
    /// The failure's name.
    pub reason: &'static str,
}

/// Labels of a mask.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct MaskLabels {
    /// `namespace/name`.
    pub connection: String,
    /// What was found.
    pub detector: String,
}

/// Labels of a tool that was held to its pin.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ToolLabels {
    /// `namespace/name`.
    pub connection: String,
    /// How the tool stands to its pin: `AsPinned`, `Changed`, `NotPinned`, `NotListed`, or `Unknown`.
    pub standing: &'static str,
}

/// Labels of what happens with Approvals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ApprovalLabels {
    /// `namespace/name`.
    pub connection: String,
    /// `Asked`, `Attached` or `Used`.
    pub event: &'static str,
}

/// Labels of a message about a call that waits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NotificationLabels {
    /// `namespace/name`.
    pub connection: String,
    /// The receiver's name.
    pub notification: String,
    /// `Sent`, `Dropped`, or why it was given up.
    pub outcome: &'static str,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConnectionLabels {
    /// `namespace/name`.
    pub connection: String,
}

/// An object that is watched at the API server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WatchLabels {
    /// `ConfigMap`, `Secret` or `Approval`.
    pub kind: &'static str,
    /// The object's name.
    pub name: String,
}

/// All of the gateway's metrics.
pub struct Metrics {
    registry: Registry,
    /// Decided calls.
    pub calls: Family<CallLabels, Counter>,
    /// Calls that CommandRules with mode Audit look at, by what would have become of them.
    pub audited_commands: Family<CallLabels, Counter>,
    /// Requests, and streams, that ended in a failure of the gateway's own table; denials are among them.
    pub failures: Family<ReasonLabels, Counter>,
    /// Values that were masked on the way to a client.
    pub masks: Family<MaskLabels, Counter>,
    /// Values that MaskingRules with mode Audit would have masked there.
    pub audited_masks: Family<MaskLabels, Counter>,
    /// From the request's last byte to the upstream's first.
    pub upstream_seconds: Family<ConnectionLabels, Histogram, fn() -> Histogram>,
    /// The sequence of the policy in use.
    pub policy_sequence: Family<ConnectionLabels, Gauge<u64, AtomicU64>>,
    /// Calls that a server works on. Autoscalers may go by it.
    pub calls_under_way: Gauge,
    /// Streams that are open.
    pub open_streams: Gauge,
    /// What happened with Approvals.
    pub approvals: Family<ApprovalLabels, Counter>,
    /// What became of messages about calls that wait.
    pub notifications: Family<NotificationLabels, Counter>,
    /// Calls whose answer is held until people decide.
    approvals_held: Gauge,
    /// How long the first of these has waited, in seconds.
    approvals_oldest_held: Gauge,
    /// Calls of tools that were held to their pins.
    pub tool_checks: Family<ToolLabels, Counter>,
    /// What servers said last that somebody should look at.
    flagged: Family<ReasonLabels, Gauge<u64, AtomicU64>>,
    /// 1 for each watch that is in sync, 0 for each that is not.
    pub watch_in_sync: Family<WatchLabels, Gauge>,
    /// When the API server said something about a watched object last.
    pub watch_heard: Family<WatchLabels, Gauge<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lychgate");
        let calls = Family::default();
        registry.register("calls", "Decided calls", calls.clone());
        let audited_commands = Family::default();
        let text = "Calls that audited CommandRules look at, by what would have become of them";
        registry.register("audited_commands", text, audited_commands.clone());
        let failures = Family::default();
        registry.register(
            "failures",
            "Requests that the gateway answered with an error of its own",
            failures.clone(),
        );
        let (masks, audited_masks) = masks(&mut registry);
        let upstream_seconds = Family::new_with_constructor(latency as fn() -> Histogram);
        registry.register_with_unit(
            "upstream",
            "Time until the upstream's first byte",
            Unit::Seconds,
            upstream_seconds.clone(),
        );
        let policy_sequence = Family::default();
        registry.register("policy_sequence", "Sequence of the policy in use", policy_sequence.clone());
        let (calls_under_way, open_streams) = (Gauge::default(), Gauge::default());
        registry.register("calls_under_way", "Calls that the server works on", calls_under_way.clone());
        registry.register("open_streams", "Event streams that are open", open_streams.clone());
        let approvals = Family::default();
        registry.register(
            "approvals",
            "Calls that asked people, or used what they decided",
            approvals.clone(),
        );
        let approvals_held = Gauge::default();
        registry.register(
            "approvals_held",
            "Calls whose answer is held until people decide",
            approvals_held.clone(),
        );
        let notifications = Family::default();
        registry.register("notifications", "Messages about calls that wait", notifications.clone());
        let approvals_oldest_held = Gauge::default();
        registry.register_with_unit(
            "approvals_oldest_held",
            "How long the first of these has waited; 0 if none does",
            Unit::Seconds,
            approvals_oldest_held.clone(),
        );
        let (tool_checks, flagged) = definitions(&mut registry);
        let (watch_in_sync, watch_heard) = watches(&mut registry);
        Self {
            registry,
            calls,
            audited_commands,
            failures,
            masks,
            audited_masks,
            upstream_seconds,
            policy_sequence,
            calls_under_way,
            open_streams,
            approvals,
            approvals_held,
            notifications,
            approvals_oldest_held,
            tool_checks,
            flagged,
            watch_in_sync,
            watch_heard,
        }
    }
}

impl Metrics {
    /// Shows the calls that wait for people.
    pub fn show_held(&self, held: &HeldCalls) {
        let (count, oldest) = held.waiting();
        self.approvals_held.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.approvals_oldest_held.set(i64::try_from(oldest.as_secs()).unwrap_or(i64::MAX));
    }

    /// Shows what servers said last that somebody should look at; what is mended has no series.
    pub fn show_flagged(&self, configurations: &Configurations, tools: &ToolLists) {
        self.flagged.clear();
        for connection in configurations.connections() {
            for (reason, count) in tools.sightings.counts(&connection.label, connection.policy.pinning()) {
                let labels = ReasonLabels { connection: connection.label.clone(), reason };
                self.flagged.get_or_create(&labels).set(count);
            }
        }
    }

    /// Notes how it stands with each watch; what is not watched any more has no series.
    pub fn show_watches(&self, watches: &Standings) {
        self.watch_in_sync.clear();
        self.watch_heard.clear();
        for ((kind, name), standing) in watches.all() {
            let labels = WatchLabels { kind, name };
            self.watch_in_sync.get_or_create(&labels).set(i64::from(standing.in_sync));
            if let Some(seconds) = standing.heard_seconds {
                self.watch_heard.get_or_create(&labels).set(seconds);
            }
        }
    }

    /// All metrics in the OpenMetrics text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing into a String does not fail.
            Err(std::fmt::Error) => String::new(),
        }
    }
}

fn masks(registry: &mut Registry) -> (Family<MaskLabels, Counter>, Family<MaskLabels, Counter>) {
    let (masks, audited) = (Family::default(), Family::default());
    registry.register("masks", "Values masked on the way to a client", Family::clone(&masks));
    let text = "Values that audited MaskingRules would have masked on the way to a client";
    registry.register("audited_masks", text, Family::clone(&audited));
    (masks, audited)
}

fn definitions(
    registry: &mut Registry,
) -> (Family<ToolLabels, Counter>, Family<ReasonLabels, Gauge<u64, AtomicU64>>) {
    let (checks, flagged) = (Family::default(), Family::default());
    registry.register("tool_checks", "Calls of tools that were held to their pins", Family::clone(&checks));
    registry.register(
        "flagged",
        "Definitions that servers gave last and that somebody should look at",
        Family::clone(&flagged),
    );
    (checks, flagged)
}

fn watches(
    registry: &mut Registry,
) -> (Family<WatchLabels, Gauge>, Family<WatchLabels, Gauge<u64, AtomicU64>>) {
    let (in_sync, heard) = (Family::default(), Family::default());
    registry.register(
        "watch_in_sync",
        "Whether a watch at the API server is in sync",
        Family::clone(&in_sync),
    );
    registry.register_with_unit(
        "watch_heard_timestamp",
        "When the API server said something about a watched object last",
        Unit::Seconds,
        Family::clone(&heard),
    );
    (in_sync, heard)
}

fn latency() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0,
    ])
}
