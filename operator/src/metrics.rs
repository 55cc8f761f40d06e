//! What the operator counts. The names are stable, and docs/metrics.md lists them.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What became of an object that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ApplyLabels {
    /// The object's kind.
    pub kind: String,
    /// applied, created, there, removed or refused.
    pub outcome: &'static str,
}

/// How a namespace's reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReconcileLabels {
    /// done or failed.
    pub outcome: &'static str,
}

/// A kind and whether its objects are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, EncodeLabelSet)]
pub struct ObjectLabels {
    /// The namespace.
    pub namespace: String,
    /// The kind.
    pub kind: String,
    /// True or False.
    pub accepted: &'static str,
}

/// What became of an Approval.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DecisionLabels {
    /// The namespace.
    pub namespace: String,
    /// The phase that it got into.
    pub phase: &'static str,
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct NamespaceLabels {
    /// The namespace.
    pub namespace: String,
}

/// The metrics of Approvals.
#[derive(Default)]
pub struct ApprovalMetrics {
    /// How many wait for votes.
    pub waiting: Family<NamespaceLabels, Gauge>,
    /// How long the oldest of these has waited, in seconds.
    pub oldest_waiting: Gauge,
    /// What became of them.
    pub decisions: Family<DecisionLabels, Counter>,
    /// How many were approved by one person in an emergency.
    pub broken_glass: Family<NamespaceLabels, Counter>,
    /// Whether votes are known to be guarded.
    pub guarded: Gauge,
}

impl ApprovalMetrics {
    fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("approvals_waiting", "Approvals that wait for votes", metrics.waiting.clone());
        registry.register_with_unit(
            "approvals_oldest_waiting",
            "How long the oldest Approval that waits for votes has waited; 0 if none does",
            Unit::Seconds,
            metrics.oldest_waiting.clone(),
        );
        registry.register(
            "approval_decisions",
            "Approvals by the phase that the operator has set",
            metrics.decisions.clone(),
        );
        registry.register(
            "approvals_broken_glass",
            "Approvals that one person gave alone, in an emergency",
            metrics.broken_glass.clone(),
        );
        registry.register(
            "approvals_guarded",
            "1 if the API server is known to refuse forged votes",
            metrics.guarded.clone(),
        );
        metrics
    }
}

/// The metrics of one operator.
pub struct Metrics {
    registry: Registry,
    /// Requests for children.
    pub applies: Family<ApplyLabels, Counter>,
    /// Reconciles of namespaces.
    pub reconciles: Family<ReconcileLabels, Counter>,
    /// How long they took.
    pub reconcile_duration: Histogram,
    /// Statuses written.
    pub statuses: Counter,
    /// Whether this replica leads.
    pub leader: Gauge,
    /// Objects of ours.
    pub objects: Family<ObjectLabels, Gauge>,
    /// Approvals.
    pub approvals: ApprovalMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("lychgate_operator");
        let applies = Family::<ApplyLabels, Counter>::default();
        registry.register(
            "applies",
            "Objects that gateways consist of, by what became of them",
            applies.clone(),
        );
        let reconciles = Family::<ReconcileLabels, Counter>::default();
        registry.register("reconciles", "Reconciles of namespaces", reconciles.clone());
        let buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let reconcile_duration = Histogram::new(buckets);
        registry.register_with_unit(
            "reconcile_duration",
            "How long the reconcile of a namespace took",
            Unit::Seconds,
            reconcile_duration.clone(),
        );
        let statuses = Counter::default();
        registry.register("status_writes", "Statuses written", statuses.clone());
        let leader = Gauge::default();
        registry.register("leader", "1 if this replica leads", leader.clone());
        let objects = Family::<ObjectLabels, Gauge>::default();
        registry.register(
            "objects",
            "Objects of Lychgate's kinds, by namespace and whether they are accepted",
            objects.clone(),
        );
        let approvals = ApprovalMetrics::register(&mut registry);
        Self { registry, applies, reconciles, reconcile_duration, statuses, leader, objects, approvals }
    }
}

impl Metrics {
    /// All metrics in OpenMetrics text.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _written = text::encode(&mut text, &self.registry);
        text
    }
}
