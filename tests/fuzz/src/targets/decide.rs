//! Decisions: what is permitted is what a grant names, however the message is spelled, and what is sent is that call,
//! to whoever reads it, without a credential that was known.

use std::sync::{Arc, LazyLock};

use lychgate_gateway_policy::config::GatewayConfig;
use lychgate_gateway_policy::mask::{Known, Tokens};
use lychgate_gateway_policy::{Call, Decision, Operation, Policy, compile, decide};
use serde_json::{Value, json};

use super::message::{authorised, read_by_rmcp};
use crate::caller::alice;
use crate::readers::message;
use crate::tree::Tree;

const CREDENTIAL: &str = "correct-horse-battery";
/// 2026-11-30T12:00:00Z.
const NOW: u64 = 1_796_040_000_000;

static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let config: GatewayConfig = serde_json::from_value(json!({
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
            "connectTimeoutMilliseconds": 5000, "callTimeoutMilliseconds": 120_000
        },
        "access": [
            {"users": ["alice"], "tools": ["query", "read_*"], "prompts": ["p*"], "resources": ["file:///pub/*"]},
            {"users": ["alice"], "tools": ["limited"], "when": "args.limit <= 10 && args.table != 'secret'"},
            {"users": ["bob"], "tools": ["*"], "prompts": ["*"], "resources": ["*"]},
        ],
        "masking": [{
            "name": "mail", "directions": ["Request"],
            "detectors": [{"type": "Email", "action": {"redact": {}}}],
            "fields": [{"keys": ["password"], "action": {"redact": {}}}],
        }],
        "commands": [{
            "namespace": "agents", "name": "sql", "uid": "uid-sql", "generation": 1, "audit": false,
            "extract": [{"tools": ["query"], "argument": "$.sql", "language": "SQL", "dialect": "postgresql"}],
            "rules": [{"name": "reads", "effects": ["Read"], "action": "Allow"}],
        }],
        "limits": {"messageBytes": 65536},
    }))
    .unwrap();
    compile(config).unwrap()
});

/// The tokens of the session. One that stands for a value is in the corpus.
static TOKENS: LazyLock<Arc<Tokens>> =
    LazyLock::new(|| Arc::new(Tokens::new([[1; 32]].into_iter()).unwrap()));

/// The whole of `data` is a message of alice's.
pub(crate) fn run(data: &[u8]) {
    let Some(call) = message(data).and_then(|message| Call::new(message).ok()) else { return };
    let call = call.in_session(Some(Arc::clone(&TOKENS)));
    let known = [Known::new("token", CREDENTIAL)];
    let permit = match decide(&POLICY, &alice(), call, &known, NOW) {
        Decision::Allow(permit) => permit,
        Decision::Deny(denial) => {
            assert_eq!(denial.call().message().bytes(), data, "a denial keeps what it is about");
            return;
        }
        Decision::Ask(_) => panic!("no policy asks people"),
    };
    assert_eq!(permit.call().message().bytes(), data, "a permit is for the call that was judged");
    let operation = permit.call().meant();
    let sent = message(permit.outbound()).expect("what is sent is a message");
    assert_eq!(sent.form(), permit.call().message().form());
    assert_eq!(Operation::of(&sent).as_ref(), Ok(operation), "masking changes no target");
    if let (Some(asked), Some(theirs)) = (authorised(&sent), read_by_rmcp(permit.outbound())) {
        assert_eq!(asked, theirs, "rmcp reads what is sent as what is permitted");
    }
    is_granted(permit.outbound());
    if let Ok(tree) = Tree::read(permit.outbound()) {
        tree.texts(&mut |text| assert!(!text.contains(CREDENTIAL), "a known credential does not travel"));
    }
}

/// Holds what serde_json sees of a message against the grants, read by hand.
fn is_granted(bytes: &[u8]) {
    let Ok(seen) = serde_json::from_slice::<Value>(bytes) else { return };
    let params = &seen["params"];
    let of = |member: &str| params[member].as_str().unwrap_or_default();
    match seen["method"].as_str().unwrap_or_default() {
        "tools/call" if of("name") == "limited" => {
            let arguments = &params["arguments"];
            assert!(arguments["limit"].as_f64().unwrap() <= 10.0, "the condition holds");
            assert_ne!(arguments["table"], "secret", "the condition holds");
        }
        "tools/call" => assert!(of("name") == "query" || of("name").starts_with("read_"), "{}", of("name")),
        "prompts/get" => assert!(of("name").starts_with('p')),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
            let uri = of("uri");
            assert!(
                uri.starts_with("file:///pub/") && !uri.split('/').any(|segment| segment == ".."),
                "{uri}"
            );
        }
        "completion/complete" => {
            let (name, uri) = (&params["ref"]["name"], &params["ref"]["uri"]);
            let starts = |value: &Value, with| value.as_str().is_some_and(|text| text.starts_with(with));
            assert!(starts(name, "p") || starts(uri, "file:///pub/"));
        }
        _ => {}
    }
}
