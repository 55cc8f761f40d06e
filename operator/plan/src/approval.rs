//! ApprovalPolicies as the gateway knows them.

use lychgate_crds::approval::policy::{
    ApprovalMatch, ApprovalPolicySpec, Approvers, Grant, Mode, Required, Show, Wait, WaitMode,
};
use lychgate_crds::units;
use lychgate_gateway_policy::config;

use crate::inventory::Entry;

/// Stands for the uid that an object from a file does not have yet.
pub(crate) const NO_UID: &str = "none";

/// A policy as the gateway knows it. What its schema allows and the gateway could not take is impossible; where a
/// number or a time were wrong all the same, the strictest stands in.
pub(crate) fn to_config(
    entry: &Entry<ApprovalPolicySpec>,
    spec: &ApprovalPolicySpec,
) -> config::ApprovalPolicy {
    let ApprovalPolicySpec {
        target_refs: _,
        connection_selector: _,
        namespace_selector: _,
        mode,
        matching,
        approvers: Approvers { groups, service_accounts },
        required: Required { approvals, require_reason, require_digest, deny_is_veto },
        expires_after,
        grant: Grant { uses, valid_for },
        wait: Wait { mode: wait_mode, for_ },
        show,
        break_glass,
        max_pending_per_caller,
    } = spec;
    config::ApprovalPolicy {
        namespace: entry.key.namespace.clone(),
        name: entry.key.name.clone(),
        uid: entry.uid.clone().unwrap_or_else(|| NO_UID.to_owned()),
        generation: entry.generation.unwrap_or_default(),
        audit: *mode == Mode::Audit,
        matching: matching.as_ref().map(match_to_config).unwrap_or_default(),
        groups: groups.clone(),
        service_accounts: service_accounts.clone(),
        break_glass_groups: break_glass.as_ref().map(|glass| glass.groups.clone()).unwrap_or_default(),
        approvals: u32::try_from(*approvals).unwrap_or(u32::MAX),
        require_reason: *require_reason,
        require_digest: *require_digest,
        deny_is_veto: *deny_is_veto,
        expires_after_milliseconds: milliseconds(expires_after),
        uses: count(*uses),
        valid_for_milliseconds: milliseconds(valid_for),
        return_at_once: *wait_mode == WaitMode::Return,
        wait_milliseconds: milliseconds(for_),
        masked: *show == Show::Masked,
        max_pending_per_caller: count(*max_pending_per_caller),
    }
}

fn match_to_config(matching: &ApprovalMatch) -> config::ApprovalMatch {
    let ApprovalMatch { tools, resources, prompts, when } = matching.clone();
    config::ApprovalMatch { tools, resources, prompts, when }
}

fn count(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(1)
}

fn milliseconds(written: &str) -> u64 {
    let duration = units::parse_duration(written).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
