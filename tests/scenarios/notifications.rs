//! Messages about calls that wait: to a receiver that checks them as any receiver of Standard Webhooks does, and to
//! receivers that fail in every way.

use serde_json::{Value, json};

use crate::approval_faults::Stage;
use crate::support::counterparts::fixture;
use crate::support::dev::{Dev, entries, journal};
use crate::support::eventually;
use crate::support::gateway::Gateway;
use crate::support::http::{Ask, tool_call};
use crate::support::manifests::Manifests;
use crate::support::process::lychgate;
use crate::support::receiver::{Receiver, Reply};

/// A key of Standard Webhooks.
const KEY: &str = "whsec_Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeQ==";
const KEY_OF_ANOTHER: &str = "whsec_YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlcg==";

/// A notification as the operator writes it, with its URL at `path` of the receiver.
fn notification(receiver: &Receiver, name: &str, template: &str) -> Value {
    json!({
        "name": name, "host": receiver.host(), "url": {"secret": "notify", "key": name},
        "ca": {"configMap": "ca", "key": "receiver.crt"}, "template": template,
        "signingKey": {"secret": "notify", "key": "key"}, "events": ["Asked", "Decided"],
    })
}

/// A gateway that tells `receiver`; each notification has the path `/NAME-sesame` there.
async fn stage(receiver: &Receiver, notifications: Vec<Value>) -> Stage {
    Stage::start_with(|document, folder| {
        let secrets = folder.join("secrets/notify");
        std::fs::create_dir(&secrets).unwrap();
        std::fs::write(secrets.join("key"), KEY).unwrap();
        for notification in &notifications {
            let name = notification["name"].as_str().unwrap();
            let url = format!("https://{}/{name}-sesame", notification["host"].as_str().unwrap());
            std::fs::write(secrets.join(name), url).unwrap();
        }
        std::fs::write(folder.join("config-maps/ca/receiver.crt"), receiver.certificate()).unwrap();
        document["approval"]["notifications"] = json!(notifications);
    })
    .await
}

async fn metrics(gateway: &Gateway) -> String {
    Ask::get(&format!("{}/metrics", gateway.admin)).send().await.text
}

/// Waits until so many messages to the named receiver have come to that end.
async fn counted(gateway: &Gateway, name: &str, outcome: &str, count: usize) {
    let labels = format!(r#"connection="test/server",notification="{name}",outcome="{outcome}""#);
    let line = format!("lychgate_notifications_total{{{labels}}} {count}\n");
    eventually(&line, async || metrics(gateway).await.contains(&line).then_some(())).await;
}

#[tokio::test]
async fn who_decides_is_told_what_waits_by_a_message_that_a_standard_verifier_takes_and_nothing_leaks() {
    let receiver = Receiver::start().await;
    let mut slack = notification(&receiver, "slack", "Slack");
    slack["arguments"] = json!(true);
    let stage = stage(&receiver, vec![notification(&receiver, "relay", "Json"), slack]).await;
    let message = "<!channel> `x` & card 4111";
    stage.call(message).await;
    let [made] = stage.api.all().try_into().unwrap();
    let (name, uid) = (made["metadata"]["name"].as_str().unwrap(), made["metadata"]["uid"].as_str().unwrap());

    let [asked] = receiver.wait("/relay-sesame", 1).await.try_into().unwrap();
    let verified = asked.verified(KEY).await;
    assert_eq!(verified["ok"], asked.json(), "{verified}");
    assert_eq!(asked.headers["webhook-id"], format!("approval_{uid}_asked"));
    let mut forged = asked.clone();
    forged.body = forged.body.replace("echo", "evil");
    let mut renamed = asked.clone();
    renamed.headers.insert("webhook-id".into(), "approval_other_asked".into());
    for (wrong, key) in [(&forged, KEY), (&renamed, KEY), (&asked, KEY_OF_ANOTHER)] {
        assert_eq!(wrong.verified(key).await["error"], "No matching signature found");
    }
    let told = asked.json();
    assert_eq!((&told["type"], &told["data"]["tool"]), (&json!("lychgate.approval.asked"), &json!("echo")));
    assert_eq!(told["data"]["digest"], made["spec"]["request"]["digest"]);
    let show = format!("kubectl get approval {name} -n test -o yaml");
    assert_eq!((&told["data"]["commands"]["show"], told["data"].get("arguments")), (&json!(show), None));

    let [asked_slack] = receiver.wait("/slack-sesame", 1).await.try_into().unwrap();
    let blocks = asked_slack.json();
    let text = blocks["blocks"][1]["text"]["text"].as_str().unwrap();
    let shown = r#"```{"message":"&lt;!channel&gt; \u0060x\u0060 &amp; card 4111"}```"#;
    assert!(text.contains(shown) && text.contains(&show), "{text}");

    stage.api.approve();
    let answer = stage.call(message).await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], message);
    let [_, decided] = receiver.wait("/relay-sesame", 2).await.try_into().unwrap();
    assert_eq!(decided.verified(KEY).await["ok"], decided.json());
    assert_eq!(decided.headers["webhook-id"], format!("approval_{uid}_approved"));
    let votes =
        json!([{"approver": "oidc:erin", "decision": "Approve", "reason": "INC-42", "breakGlass": false}]);
    assert_eq!(
        (&decided.json()["data"]["phase"], &decided.json()["data"]["votes"]),
        (&json!("Approved"), &votes)
    );
    let [_, decided_slack] = receiver.wait("/slack-sesame", 2).await.try_into().unwrap();
    assert!(decided_slack.body.contains("`oidc:erin` approves: `INC-42`"), "{}", decided_slack.body);
    counted(&stage.gateway, "relay", "Sent", 2).await;
    counted(&stage.gateway, "slack", "Sent", 2).await;

    let answered = Ask::get(&format!("{}/config", stage.gateway.admin)).send().await.text;
    let recorded = json!(entries(&journal(&stage.gateway.journal_folder()))).to_string();
    let kept = [metrics(&stage.gateway).await, answered, recorded, stage.gateway.process.output()].concat();
    assert!(!kept.contains("sesame") && !kept.contains("whsec_") && !kept.contains(&KEY[6..]), "{kept}");
    for message in [&asked, &decided, &asked_slack, &decided_slack] {
        let sent = format!("{:?}{}", message.headers, message.body);
        for secret in ["upstream-token-one", &KEY[6..], "sesame", &stage.token] {
            assert!(!sent.contains(secret), "{secret} in {sent}");
        }
    }
    assert!(!format!("{}{}", asked.body, decided.body).contains("4111"), "arguments stay in the cluster");
}

#[tokio::test]
async fn no_call_waits_for_a_receiver_and_what_may_pass_later_is_sent_again() {
    let receiver = Receiver::start().await;
    receiver.reply("/hangs-sesame", &[Reply::Never, Reply::Never, Reply::Never]);
    let elsewhere = ("location", "/elsewhere");
    receiver.reply("/moved-sesame", &[Reply::Status(307, elsewhere.0, elsewhere.1)]);
    let (busy, broken) = (Reply::Status(429, "retry-after", "0"), Reply::Status(500, "x-broken", "yes"));
    receiver.reply("/fails-sesame", &[busy, broken]);
    let mut down = notification(&receiver, "down", "Json");
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    down["host"] = json!(closed.local_addr().unwrap().to_string());
    drop(closed);
    let mut all: Vec<Value> =
        ["hangs", "moved", "fails"].iter().map(|name| notification(&receiver, name, "Json")).collect();
    all.push(down);
    let stage = stage(&receiver, all).await;

    // The one receiver never answers, and the call has its own answer all the same.
    stage.call("hi").await;
    assert_eq!(stage.reason(), "ApprovalPending");
    receiver.wait("/hangs-sesame", 1).await;
    stage.api.approve();
    let answer = stage.call("hi").await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], "hi");

    let tried = receiver.wait("/fails-sesame", 4).await;
    let asked: Vec<_> =
        tried.iter().filter(|message| message.headers["webhook-id"].ends_with("_asked")).collect();
    counted(&stage.gateway, "fails", "Sent", 2).await;
    assert!(asked.iter().all(|message| message.body == asked[0].body), "each attempt says the same");
    for message in &tried {
        assert_eq!(message.verified(KEY).await["ok"], message.json());
    }
    counted(&stage.gateway, "moved", "Redirected", 1).await;
    assert!(receiver.received("/elsewhere").is_empty(), "redirects are not followed");
    let log = stage.gateway.process.output();
    let failed = |name: &str, reason: &str| {
        let failed = log.lines().filter(|line| {
            line.contains(&format!(r#""notification":"{name}""#))
                && line.contains(&format!(r#""reason":"{reason}""#))
        });
        failed.count()
    };
    assert!(failed("down", "Unreachable") > 0 && failed("fails", "TooManyRequests") == 1, "{log}");
    assert_eq!((failed("fails", "ReceiverError"), failed("moved", "Redirected")), (1, 1));
    assert!(!log.contains("sesame"), "{log}");
}

#[tokio::test]
async fn dev_tells_as_a_gateway_does_and_a_secret_that_leads_elsewhere_is_not_followed() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let server = fixture("both", "upstream-token-one", &folder.path().join("requests.jsonl")).await;
    let host = receiver.host();
    let gateway = format!(
        "notifications:\n  - {{name: relay, host: \"{host}\", urlSecretRef: {{name: notify, key: url}}, template: Json, \
         signingSecretRef: {{name: notify, key: key}}, caRef: {{name: receiver, key: ca.crt}}, arguments: Include}}"
    );
    let certificate = receiver.certificate().replace('\n', "\n    ");
    let more = |url: &str| {
        format!(
            "\n---\napiVersion: lychgate.dev/v1alpha1\nkind: ApprovalPolicy\nmetadata: {{name: p, namespace: test}}\n\
             spec:\n  targetRefs: [{{kind: McpConnection, name: server}}]\n  approvers: {{groups: [strangers]}}\n  \
             wait: {{mode: Return}}\n---\napiVersion: v1\nkind: Secret\nmetadata: {{name: notify, namespace: test}}\n\
             stringData: {{url: \"{url}\", key: {KEY}}}\n---\napiVersion: v1\nkind: ConfigMap\n\
             metadata: {{name: receiver, namespace: test}}\ndata:\n  ca.crt: |\n    {certificate}\n"
        )
    };
    let manifests = |more: &str| {
        let (upstream, token) = (&server.url, "upstream-token-one");
        Manifests { upstream, token, gateway: &gateway, more, ..Manifests::default() }.to_yaml()
    };
    let dev = Dev::start(&manifests(&more(&receiver.url("/relay")))).await;
    let body = tool_call("echo", &json!({"message": "hi"}));
    Ask::post(&dev.url, body).token(&dev.token("alice")).send().await;
    let [asked] = receiver.wait("/relay", 1).await.try_into().unwrap();
    let told = asked.verified(KEY).await["ok"]["data"].clone();
    let approve =
        format!("lychgate approvals approve {} --dev --as YOU --reason why", told["name"].as_str().unwrap());
    assert_eq!(told["commands"]["approve"], approve);
    assert_eq!((&told["arguments"], &told["namespace"]), (&json!(r#"{"message":"hi"}"#), &Value::Null));

    let elsewhere = more("https://evil.example/relay-sesame");
    let file = folder.path().join("elsewhere.yaml");
    std::fs::write(&file, manifests(&elsewhere)).unwrap();
    let found = lychgate(&["validate", "-f", file.to_str().unwrap()], "").await;
    let said = format!("{}{}", found.output, found.errors);
    assert!(
        said.contains(&format!("leads to another host than {host}")) && !said.contains("sesame"),
        "{said}"
    );
}
