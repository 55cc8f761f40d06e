//! Texts that a reason about pins is given for, and a part of the line that says so.

use lychgate_crds::Reason;
use serde_json::json;

use super::minimal_with;

pub(crate) fn rows() -> Vec<(Reason, String, &'static str)> {
    let pinning = |pinning| minimal_with("McpConnection", "spec.toolPinning", Some(pinning));
    vec![
        (
            Reason::NothingPinned,
            pinning(json!({"mode": "Enforce"})),
            "warning: McpConnection default/docs: spec.toolPinning: no tool can be called: pins are enforced and there is none",
        ),
        (
            Reason::NoEffect,
            pinning(json!({"pins": {"query": "a".repeat(64)}})),
            "spec.toolPinning.pins: has no effect, because mode is Off",
        ),
    ]
}
