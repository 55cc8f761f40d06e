//! What the tests of this folder share.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use aws_lc_rs::hmac;
use lychgate_crds::approval::Approval;
use lychgate_gateway_policy::approval::{PolicyReference, Terms};
use lychgate_gateway_policy::config::{ApprovalConfig, GatewayConfig};
use lychgate_gateway_policy::{Caller, Operation, Policy, compile};

use super::command::ShownCommands;
use super::digest::{Digest, Facts};
use super::shown::Shown;
use super::spec::{Parts, Wanted};

pub(crate) fn policy(change: impl FnOnce(&mut GatewayConfig)) -> Policy {
    let mut config: GatewayConfig = serde_json::from_str(
        r#"{
            "apiVersion": "gateway.lychgate.dev/v1alpha1", "sequence": 1,
            "connection": {"namespace": "agents", "name": "db"},
            "gateway": {"namespace": "agents", "name": "default"},
            "resources": ["https://mcp.example.com/db/mcp"],
            "identity": {"anonymous": true},
            "upstream": {
                "url": "https://db.internal/mcp", "connectTimeoutMilliseconds": 5, "callTimeoutMilliseconds": 5
            },
            "limits": {"messageBytes": 65536}
        }"#,
    )
    .unwrap();
    change(&mut config);
    compile(config).unwrap()
}

/// What alice's call of the tool drop wants at `now`.
pub(crate) fn wanted(now: u64) -> Wanted {
    let caller = Caller {
        issuer: "https://idp".into(),
        subject: "a1".into(),
        username: "alice".into(),
        groups: vec![],
        kubernetes_usernames: vec!["oidc:alice".into()],
        anonymous: false,
    };
    let policies = vec![PolicyReference {
        namespace: "agents".into(),
        name: "p".into(),
        uid: "uid-p".into(),
        generation: 1,
    }];
    let terms = Terms {
        policies,
        approvals: 1,
        groups: vec!["dba".into()],
        service_accounts: vec![],
        break_glass_groups: vec![],
        require_reason: true,
        require_digest: false,
        deny_is_veto: true,
        expires_after_milliseconds: 1_800_000,
        uses: 1,
        valid_for_milliseconds: 300_000,
        return_at_once: false,
        wait_milliseconds: 50_000,
        masked: false,
        max_pending_per_caller: 5,
        commands: vec![],
    };
    let config = ApprovalConfig {
        connection_uid: "uid-c".into(),
        connection_generation: 1,
        gateway: "system:serviceaccount:agents:lychgate-db".into(),
        policies: vec![],
        notifications: vec![],
    };
    let facts = Facts {
        connection_uid: "uid-c",
        connection_generation: 1,
        method: "tools/call",
        target: "drop",
        arguments: "{}",
        caller: &caller,
        terms: &terms,
        definition: "",
    };
    let digest = Digest::of(&facts, &hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])).unwrap();
    let parts = Parts {
        config: &config,
        connection: "db",
        operation: &Operation::Tool { name: "drop".into() },
        caller: &caller,
        terms: &terms,
        shown: Shown { arguments: Some(r#"{"table":"t"}"#.into()), hidden: vec![] },
        commands: ShownCommands::default(),
        digest: &digest,
        now,
    };
    Wanted::new(parts).unwrap()
}

/// Its first Approval.
pub(crate) fn approval(wanted: &Wanted) -> Approval {
    let mut approval = wanted.approval(&format!("{}1", wanted.name_prefix));
    approval.metadata.uid = Some("uid-1".into());
    approval
}
