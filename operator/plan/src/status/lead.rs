//! Whether an operator runs, read from the Lease by which one of its replicas leads.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

/// By how much the clocks of two machines may differ, in seconds, before anything is said.
const CLOCKS_MAY_DIFFER: i64 = 60;

/// Who leads (`Ok`), or that nobody does and what to do (`Err`), from the Lease `lychgate-operator` of the
/// operator's namespace (coordination.k8s.io/v1), if there is one.
///
/// # Errors
/// Nobody leads.
pub fn lead(namespace: &str, lease: Option<&Value>, now: Timestamp) -> Result<String, String> {
    let Some(lease) = lease else {
        return Err(format!(
            "no operator has ever run in namespace {namespace}; install one, or name its namespace with \
             --operator-namespace"
        ));
    };
    let text = |pointer: &str| lease.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let look = format!("look at its pods: kubectl get pods -n {namespace}");
    let holder = text("/spec/holderIdentity");
    let Ok(renewed) = text("/spec/renewTime").parse::<Timestamp>() else {
        return Err(format!("no operator leads in namespace {namespace}; {look}"));
    };
    if holder.is_empty() {
        return Err(format!(
            "no operator leads in namespace {namespace} since {renewed:.0}, when the last one ended; {look}"
        ));
    }
    let lasts = lease.pointer("/spec/leaseDurationSeconds").and_then(Value::as_i64).unwrap_or_default();
    if now.as_second() - renewed.as_second() > lasts + CLOCKS_MAY_DIFFER {
        return Err(format!(
            "no operator leads in namespace {namespace}: {holder} was last heard of at {renewed:.0}; {look}"
        ));
    }
    Ok(format!("{holder} leads in namespace {namespace}"))
}
