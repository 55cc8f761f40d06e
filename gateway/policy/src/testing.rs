//! What the tests of this crate share: a policy that alice may use in full, callers, messages.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;

use crate::config::{ApprovalConfig, ApprovalMatch, ApprovalPolicy, GatewayConfig};
use crate::{Call, Caller, Policy, compile};

/// A valid document in which alice may call every tool.
pub(crate) fn config() -> GatewayConfig {
    serde_json::from_str(
        r#"{
            "apiVersion": "gateway.lychgate.dev/v1alpha1",
            "sequence": 1,
            "connection": {"namespace": "agents", "name": "db"},
            "gateway": {"namespace": "agents", "name": "default"},
            "resources": ["https://mcp.example.com/db/mcp"],
            "identity": {"oidc": [
                {"issuer": "https://idp.example.com", "usernameClaim": "sub", "groupsClaim": "groups"}
            ]},
            "upstream": {
                "url": "https://db.internal/mcp",
                "connectTimeoutMilliseconds": 5000, "callTimeoutMilliseconds": 120000
            },
            "credentials": [{
                "name": "default",
                "inject": {"header": "Authorization", "format": "Bearer {value}"},
                "from": {"secretKeyRef": {"secret": "db", "key": "token"}}
            }],
            "access": [{"users": ["alice"], "tools": ["*"]}],
            "limits": {"messageBytes": 65536}
        }"#,
    )
    .unwrap()
}

/// The policy of that document after a change.
pub(crate) fn policy(change: impl FnOnce(&mut GatewayConfig)) -> Policy {
    let mut config = config();
    change(&mut config);
    compile(config).unwrap()
}

pub(crate) fn caller(username: &str, groups: &[&str]) -> Caller {
    Caller {
        issuer: "https://idp.example.com".into(),
        subject: username.into(),
        username: username.into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        kubernetes_usernames: vec![format!("oidc:{username}")],
        anonymous: false,
    }
}

pub(crate) fn message(text: &str) -> Message {
    Message::parse(Bytes::copy_from_slice(text.as_bytes()), Limits::with_bytes(1 << 20)).unwrap()
}

pub(crate) fn call(text: &str) -> Call {
    Call::new(message(text)).unwrap()
}

pub(crate) fn request(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

/// Approval by the given policies.
pub(crate) fn approval(policies: Vec<ApprovalPolicy>) -> ApprovalConfig {
    ApprovalConfig {
        connection_uid: "uid-db".into(),
        connection_generation: 1,
        gateway: "system:serviceaccount:agents:lychgate-db".into(),
        policies,
        notifications: vec![],
    }
}

/// A policy that holds for every call, with approvers in the group dba.
pub(crate) fn approval_policy(name: &str) -> ApprovalPolicy {
    ApprovalPolicy {
        namespace: "agents".into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        generation: 1,
        audit: false,
        matching: ApprovalMatch::default(),
        groups: vec!["dba".into()],
        service_accounts: vec![],
        break_glass_groups: vec![],
        approvals: 1,
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
    }
}
