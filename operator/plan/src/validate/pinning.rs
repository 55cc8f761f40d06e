//! Pins of tools: what a gateway is told of them, and what is legal and hardly meant.

use lychgate_crds::Reason;
use lychgate_crds::pinning::{PinningMode, ToolPinning};
use lychgate_gateway_policy::config;

use crate::problem::Finding;

/// What a gateway is told; nothing where tools are not pinned.
pub(super) fn build(pinning: &ToolPinning) -> Option<config::ToolPinning> {
    let mode = match pinning.mode {
        PinningMode::Off => return None,
        PinningMode::Audit => config::PinningMode::Audit,
        PinningMode::Enforce => config::PinningMode::Enforce,
    };
    Some(config::ToolPinning { mode, pins: pinning.pins.clone() })
}

/// What is legal and hardly meant.
pub(super) fn warning(pinning: &ToolPinning) -> Option<Finding> {
    let ToolPinning { mode, pins } = pinning;
    match (mode, pins.is_empty()) {
        (PinningMode::Off, false) => {
            let message =
                "has no effect, because mode is Off; write mode: Audit or Enforce, or remove the pins";
            Some(Finding::warning("spec.toolPinning.pins", Reason::NoEffect, message))
        }
        (PinningMode::Enforce, true) => {
            let message = "no tool can be called: pins are enforced and there is none; write what lychgate pin prints, or \
                           mode: Audit until then";
            Some(Finding::warning("spec.toolPinning", Reason::NothingPinned, message))
        }
        (PinningMode::Off | PinningMode::Audit, true)
        | (PinningMode::Audit | PinningMode::Enforce, false) => None,
    }
}
