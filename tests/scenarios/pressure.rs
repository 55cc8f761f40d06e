//! Clients that read slowly and servers that write slowly: neither holds more than its share, or longer than a call.

use serde_json::json;

use crate::support::counterparts::hostile;
use crate::support::dev::{entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};

/// How much a gateway may grow over a client that does not read, in bytes. The server would send as much in a moment.
const GROWTH_BYTES: u64 = 32 * 1024 * 1024;

fn resident_bytes(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() * 1024
}

/// How long the gateway has worked, in ticks of the system.
fn processor_ticks(gateway: &Gateway) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", gateway.process.id())).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    ticks.sum()
}

/// A gateway before the server that misbehaves, with so much time for a call.
async fn stage(milliseconds: u64) -> (Gateway, crate::support::counterparts::Server) {
    let folder = folders();
    let server = hostile(&folder.path().join("requests.jsonl")).await;
    let mut written = document(&server.url, 1);
    written["upstream"]["callTimeoutMilliseconds"] = json!(milliseconds);
    write_document(&folder, &written.to_string());
    (Gateway::start(folder, &[]).await, server)
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_server_up_and_nothing_piles_up_between_them() {
    let (gateway, _server) = stage(600_000).await;
    let recorded = || entries(&journal(&gateway.journal_folder())).len();
    // Once, so that what a gateway needs anyway is there.
    let call = |fault: &str| tool_call("misbehave", &json!({"x": fault}));
    Ask::post(&gateway.url(), call("sse_without_answer")).send().await;
    let before = resident_bytes(&gateway);
    for fault in ["endless_events", "endless_comments"] {
        let mut unread = Ask::post(&gateway.url(), call(fault)).open().await;
        eventually("the gateway to have nothing more to do", async || {
            let before = processor_ticks(&gateway);
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            // It looks at its folder now and then.
            (processor_ticks(&gateway) - before <= 2).then_some(())
        })
        .await;
        let grown = resident_bytes(&gateway).saturating_sub(before);
        assert!(grown < GROWTH_BYTES, "{fault}: {grown} bytes more than before");
        let stands = recorded();
        if fault == "endless_events" {
            let mut bytes = 0;
            while recorded() == stands {
                bytes += 1024 * 1024;
                unread.until_bytes(bytes).await;
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_a_call_no_longer_than_one_that_does() {
    let (gateway, _server) = stage(2000).await;
    let call = tool_call("misbehave", &json!({"x": "endless_events"}));
    let unread = Ask::post(&gateway.url(), call).open().await;
    let timed_out = || {
        let recorded = entries(&journal(&gateway.journal_folder()));
        recorded.iter().any(|entry| entry["reason"] == "UpstreamTimeout")
    };
    eventually("the call to end without its client", async || timed_out().then_some(())).await;
    let text = unread.rest().await;
    assert!(text.contains("-31504"), "the last word waits for who reads late: {}", text.len());
}

#[tokio::test]
async fn a_server_that_sends_a_byte_now_and_then_has_as_much_time_as_one_that_is_silent() {
    let (gateway, _server) = stage(1500).await;
    for fault in ["trickle_json", "trickle_sse", "trickle_comments"] {
        let call = tool_call("misbehave", &json!({"x": fault, "n": 50}));
        let answer = Ask::post(&gateway.url(), call).send().await;
        assert_eq!(answer.code(), -31_504, "{fault}: {}", answer.text);
    }
    let recorded = entries(&journal(&gateway.journal_folder()));
    assert_eq!(recorded.iter().filter(|entry| entry["reason"] == "UpstreamTimeout").count(), 3);
}
