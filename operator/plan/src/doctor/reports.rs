//! What gateways report themselves, by the counters of their failures since they started.

use std::collections::BTreeMap;

use super::{Ailment, Examined, Finding, warning};
use crate::problem::ObjectKey;

/// The counter of failures, with its labels.
const FAILURES: &str = "lychgate_failures_total{";

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    examined.metrics.iter().flat_map(|(pod, metrics)| of_pod(pod, metrics)).collect()
}

fn of_pod(pod: &ObjectKey, metrics: &str) -> Vec<Finding> {
    let mut failures: BTreeMap<(String, String), f64> = BTreeMap::new();
    for line in metrics.lines() {
        if let Some((connection, reason, count)) = failure(line) {
            *failures.entry((connection, reason)).or_default() += count;
        }
    }
    let told = failures.into_iter().filter(|(_, count)| *count > 0.0);
    told.filter_map(|((connection, reason), count)| finding(pod, &connection, &reason, count)).collect()
}

fn finding(pod: &ObjectKey, connection: &str, reason: &str, count: f64) -> Option<Finding> {
    let ObjectKey { namespace, name, .. } = pod;
    let (ailment, next) = match reason {
        "UpstreamUnreachable" | "UpstreamTimeout" => {
            let next = format!("kubectl logs -n {namespace} {name}: the log says of each why");
            (Ailment::ServerUnreachable, next)
        }
        "ClocksDiffer" => {
            let next =
                format!("kubectl get pod -n {namespace} {name} -o wide, and set the clock of its node");
            (Ailment::ClocksDiffer, next)
        }
        _ => return None,
    };
    let what = format!("{count} calls on {connection} failed with {reason} since this gateway started");
    Some(warning(ailment, pod.clone(), what, next))
}

/// A line such as `lychgate_failures_total{connection="agents/db",reason="UpstreamUnreachable"} 3`. Names of
/// connections and reasons hold nothing that would be escaped.
fn failure(line: &str) -> Option<(String, String, f64)> {
    let (labels, value) = line.strip_prefix(FAILURES)?.split_once("} ")?;
    let label = |name: &str| {
        let (_, rest) = labels.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let count = value.split(' ').next()?.parse().ok()?;
    Some((label("connection")?, label("reason")?, count))
}
