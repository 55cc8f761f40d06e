//! The actions `fpe` and `block` through a gateway: what their page says of them, in answers of one message and in streams, and
//! in requests.

use std::path::PathBuf;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::counterparts::{Server, fixture, logged};
use crate::support::dev::{entries, journal};
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask};

const TOKEN: &str = "upstream-token-one";
const SSN: &str = "123-45-6789";
const CARD: &str = "4111 1111 1111 1111";

/// A gateway with one rule, before a server whose legacy side answers in streams and whose modern one in single messages.
struct Stage {
    gateway: Gateway,
    _server: Server,
    log: PathBuf,
}

impl Stage {
    async fn start(rule: Value, key: Option<[u8; 32]>) -> Self {
        let folder = folders();
        let log = folder.path().join("requests.jsonl");
        let server = fixture("both", TOKEN, &log).await;
        if let Some(key) = key {
            let secret = folder.path().join("secrets/mask-key");
            std::fs::create_dir_all(&secret).unwrap();
            let text = format!("lmk_{}", base64::engine::general_purpose::STANDARD.encode(key));
            std::fs::write(secret.join("k1"), text).unwrap();
        }
        let mut written = document(&server.url, 1);
        let mut whole = json!({"name": "forms", "directions": ["Response"]});
        whole.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        written["masking"] = json!([whole]);
        write_document(&folder, &written.to_string());
        let gateway = Gateway::start(folder, &[]).await;
        gateway.ready().await;
        Self { gateway, _server: server, log }
    }

    /// Calls a tool, as clients of either era do.
    async fn call(&self, modern: bool, tool: &str, arguments: &Value) -> Answer {
        let mut params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}});
        let body = |params: &Value| {
            json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
        };
        if !modern {
            let answer = Ask::post(&self.gateway.url(), body(&params)).send().await;
            let kind = answer.headers.get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
            let is_stream = kind.as_deref().is_some_and(|kind| kind.starts_with("text/event-stream"));
            assert!(is_stream || !answer.status.is_success(), "{kind:?}: {}", answer.text);
            return answer;
        }
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let ask = Ask::post(&self.gateway.url(), body(&params)).header("mcp-protocol-version", "2026-07-28");
        ask.header("mcp-method", "tools/call").header("mcp-name", tool).send().await
    }

    /// What the tool `echo` gives back of these arguments: as structured content, and as the text beside it.
    async fn echoed(&self, modern: bool, arguments: &Value) -> Value {
        let answer = self.call(modern, "echo", arguments).await;
        let result = &answer.message()["result"];
        let structured = result["structuredContent"]["arguments"].clone();
        let text = result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{}", answer.text));
        assert_eq!(
            serde_json::from_str::<Value>(text).unwrap()["arguments"],
            structured,
            "both say the same"
        );
        structured
    }

    fn entries(&self) -> Vec<Value> {
        entries(&journal(&self.gateway.journal_folder()))
    }

    /// How many calls of a tool reached the server.
    fn made(&self, tool: &str) -> usize {
        let is_call = |request: &&Value| {
            let body = request["body"].as_str().unwrap_or_default();
            body.contains("\"tools/call\"") && body.contains(&format!("\"name\":\"{tool}\""))
        };
        logged(&self.log).iter().filter(is_call).count()
    }
}

fn enciphering() -> Value {
    let action = json!({"fpe": {"key": {"secret": "mask-key", "key": "k1"}}});
    json!({
        "detectors": [{"type": "UsSsn", "action": action}, {"type": "CreditCard", "action": action}],
        "fields": [{"keys": ["account", "pin"], "action": action}],
    })
}

/// Digits as `0` and letters as `a` or `A`.
fn form(text: &str) -> String {
    let class = |character: char| match character {
        '0'..='9' => '0',
        'a'..='z' => 'a',
        'A'..='Z' => 'A',
        other => other,
    };
    text.chars().map(class).collect()
}

/// The check of Luhn.
fn is_card(text: &str) -> bool {
    let digits = text.bytes().rev().filter(u8::is_ascii_digit).map(|digit| u32::from(digit - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(place, digit)| if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit })
        .sum();
    sum.is_multiple_of(10)
}

#[tokio::test]
async fn what_is_enciphered_keeps_its_form_is_the_same_wherever_it_stands_and_changes_with_its_key() {
    let told = json!({
        "first": SSN, "second": SSN, "text": format!("the ssn is {SSN}, as said"), "card": CARD,
        "account": 7_500_000, "pin": "1234", "other": "stays 12-34",
    });
    let stage = Stage::start(enciphering(), Some([7; 32])).await;
    let mut seen = Vec::new();
    for modern in [false, true] {
        let shown = stage.echoed(modern, &told).await;
        let ssn = shown["first"].as_str().unwrap();
        assert_eq!(form(ssn), form(SSN));
        assert_ne!(ssn, SSN);
        assert_eq!(shown["second"], shown["first"]);
        assert_eq!(shown["text"].as_str().unwrap(), format!("the ssn is {ssn}, as said"));
        let card = shown["card"].as_str().unwrap();
        assert_eq!(form(card), form(CARD));
        assert!(is_card(CARD) && !is_card(card) && card != CARD, "{card} is taken for no card");
        let account = shown["account"].as_u64().unwrap().to_string();
        assert!(account.len() == 7 && account != "7500000", "{account}");
        assert_eq!(shown["pin"], "[REDACTED:Field]", "it has too few forms");
        assert_eq!(shown["other"], "stays 12-34");
        seen.push(shown);
    }
    assert_eq!(seen[0], seen[1], "a stream and a single message show the same");
    let record = journal(&stage.gateway.journal_folder());
    let ssn = seen[0]["first"].as_str().unwrap();
    assert!(
        record.contains(ssn) && !record.contains(SSN) && !record.contains(CARD),
        "the record is enciphered, too"
    );
    assert_eq!(stage.made("echo"), 2);
    assert!(std::fs::read_to_string(&stage.log).unwrap().contains(SSN), "the server is sent what was asked");

    let other = Stage::start(enciphering(), Some([8; 32])).await.echoed(true, &told).await;
    assert_eq!(form(other["first"].as_str().unwrap()), form(SSN));
    assert_ne!(other["first"], seen[0]["first"]);
    let without = Stage::start(enciphering(), None).await.echoed(true, &told).await;
    assert_eq!((&without["first"], &without["account"]), (&json!("[REDACTED:UsSsn]"), &json!(0)));
}

#[tokio::test]
async fn an_answer_that_is_blocked_is_an_error_that_names_its_kinds_in_a_stream_and_alone() {
    let rule = json!({
        "detectors": [
            {"type": "CreditCard", "action": {"block": {}}},
            {"type": "Email", "action": {"redact": {}}},
        ],
        "fields": [{"keys": ["contact"], "action": {"block": {}}}],
    });
    let stage = Stage::start(rule, None).await;
    for modern in [false, true] {
        let clean = stage.echoed(modern, &json!({"message": "ask erin@example.com", "contact": null})).await;
        assert_eq!(clean, json!({"message": "ask [REDACTED:Email]", "contact": null}), "null blocks nothing");
        for (arguments, kinds) in [
            (json!({"message": format!("erin@example.com pays with {CARD}")}), "CreditCard"),
            (json!({"contact": 0}), "Field"),
            (json!({"message": CARD, "contact": "x"}), "CreditCard, Field"),
        ] {
            let answer = stage.call(modern, "echo", &arguments).await;
            assert_eq!(answer.code(), -31_002, "{}", answer.text);
            let message = answer.message()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.ends_with(&format!("because of what it holds: {kinds}.")), "{message}");
            assert!(!answer.text.contains("4111") && !answer.text.contains("erin"), "{}", answer.text);
        }
    }
    assert_eq!(stage.made("echo"), 8, "each was called");
    let recorded = stage.entries();
    let blocked = recorded
        .iter()
        .filter(|entry| entry["kind"] == "Response" && entry["message"]["error"]["code"] == -31_002);
    let cards = blocked.clone().filter(|entry| entry["masks"]["CreditCard"].is_u64()).count();
    assert_eq!((blocked.count(), cards), (6, 4), "the record has what the client was told: {recorded:?}");
    assert!(!journal(&stage.gateway.journal_folder()).contains(CARD));
}

#[tokio::test]
async fn another_message_of_a_stream_that_is_blocked_ends_the_stream() {
    let rule = json!({"detectors": [{"type": "Email", "action": {"block": {}}}]});
    let stage = Stage::start(rule, None).await;
    let answer = stage.call(false, "slow", &json!({"milliseconds": 50, "steps": 1})).await;
    assert_eq!(answer.code(), -31_502, "{}", answer.text);
    assert!(
        !answer.text.contains("example.com") && !answer.text.contains("notifications/progress"),
        "{}",
        answer.text
    );
    let recorded = stage.entries();
    assert!(
        recorded.iter().any(|entry| entry["kind"] == "Failed" && entry["reason"] == "UpstreamMalformed"),
        "{recorded:?}"
    );
}

#[tokio::test]
async fn a_request_that_is_blocked_never_reaches_the_server_and_its_record_has_marks() {
    let rule = json!({
        "directions": ["Request"],
        "detectors": [{"type": "CreditCard", "action": {"block": {}}}],
    });
    let stage = Stage::start(rule, None).await;
    for modern in [false, true] {
        let mut body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "echo", "arguments": {"message": format!("pay with {CARD}")},
        }});
        let ask = if modern {
            body["params"]["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            let ask = Ask::post(&stage.gateway.url(), body.to_string())
                .header("mcp-protocol-version", "2026-07-28");
            ask.header("mcp-method", "tools/call").header("mcp-name", "echo")
        } else {
            Ask::post(&stage.gateway.url(), body.to_string())
        };
        let refused = ask.send().await;
        let result = &refused.message()["result"];
        assert_eq!(result["isError"], true, "{}", refused.text);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with("Not sent: ") && text.contains("CreditCard"), "{text}");
        assert!(!refused.text.contains("4111"), "{}", refused.text);
    }
    assert_eq!(stage.made("echo"), 0);
    let recorded = stage.entries();
    let requests: Vec<&Value> = recorded.iter().filter(|entry| entry["kind"] == "Request").collect();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request["decision"]["outcome"], "Deny", "{request}");
        assert!(request.to_string().contains("pay with [REDACTED:CreditCard]"), "{request}");
    }
    // The way back has no such rule.
    let echoed = stage.echoed(true, &json!({"message": "nothing of the kind"})).await;
    assert_eq!(echoed["message"], "nothing of the kind");
}
