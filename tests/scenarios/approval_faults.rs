//! A gateway whose API server answers about Approvals in every wrong way, and whose calls are made all the same only
//! where nothing at all is wrong.

use std::path::{Path, PathBuf};

use lychgate_gateway::approval::time::now_milliseconds;
use serde_json::{Value, json};

use crate::support::approval_server::{ApprovalServer, Faults, GUARDED, Twist};
use crate::support::counterparts::{Server, fixture, identity_provider, logged, minted};
use crate::support::dev::{entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask, tool_call};

/// A gateway between an API server that fails, a real server, and alice.
pub struct Stage {
    pub api: ApprovalServer,
    pub gateway: Gateway,
    pub token: String,
    log: PathBuf,
    servers: [Server; 2],
}

impl Stage {
    async fn start() -> Self {
        Self::start_with(|_, _| {}).await
    }

    /// Starts after a change of the document and of the folders.
    pub async fn start_with(change: impl FnOnce(&mut Value, &Path)) -> Self {
        let folder = folders();
        let (keys, log) = (folder.path().join("keys.json"), folder.path().join("requests.jsonl"));
        let provider = identity_provider(&keys, &[]).await;
        let server = fixture("both", "upstream-token-one", &log).await;
        let mut written = document(&server.url, 1);
        written["identity"] = json!({"oidc": [{
            "issuer": provider.url, "usernameClaim": "sub", "groupsClaim": "groups",
            "kubernetesUsernames": ["oidc:{sub}"], "insecureLoopback": true,
        }]});
        written["access"] = json!([{"users": ["alice"], "tools": ["*"]}]);
        written["approval"] = json!({
            "connectionUid": "uid-c", "connectionGeneration": 3,
            "gateway": "system:serviceaccount:test:lychgate-server",
            "policies": [{
                "namespace": "test", "name": "dba", "uid": "uid-p", "generation": 2, "groups": ["dba"],
                "approvals": 1, "requireReason": true, "requireDigest": false, "denyIsVeto": true,
                "expiresAfterMilliseconds": 600_000, "uses": 1, "validForMilliseconds": 300_000,
                "returnAtOnce": true, "waitMilliseconds": 1000, "maxPendingPerCaller": 100,
            }],
        });
        change(&mut written, folder.path());
        write_document(&folder, &written.to_string());
        let api = ApprovalServer::start().await;
        let flags = api.flags(folder.path());
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let gateway = Gateway::start(folder, &flags).await;
        let mut stage = Self { api, gateway, token: String::new(), log, servers: [provider, server] };
        stage.token = stage.token_of_alice(&json!({})).await;
        stage
    }

    /// A token with these claims besides.
    async fn token_of_alice(&self, claims: &Value) -> String {
        let (keys, issuer) = (self.gateway.folder.path().join("keys.json"), &self.servers[0].url);
        let more = ["--subject", "alice", "--claims", &claims.to_string()];
        minted(&keys, issuer, "https://gateway.test/server/mcp", "none", &more).await
    }

    pub async fn call(&self, message: &str) -> Answer {
        self.call_with(&self.token, message).await
    }

    async fn call_with(&self, token: &str, message: &str) -> Answer {
        let body = tool_call("echo", &json!({"message": message}));
        Ask::post(&self.gateway.url(), body).token(token).send().await
    }

    /// Why the last call was not made, as the record has it.
    pub fn reason(&self) -> Value {
        let entries = entries(&journal(&self.gateway.journal_folder()));
        entries.iter().rfind(|entry| entry["kind"] == "Failed").unwrap()["reason"].clone()
    }

    fn made(&self) -> usize {
        logged(&self.log).iter().filter(|request| request["body"].to_string().contains("tools/call")).count()
    }
}

#[tokio::test]
async fn an_approval_says_exactly_what_is_asked_and_its_use_is_one_write_with_a_precondition() {
    let stage = Stage::start().await;
    stage.call("hi").await;
    assert_eq!(stage.reason(), "ApprovalPending");
    let [made] = stage.api.all().try_into().unwrap();
    let (name, spec) = (made["metadata"]["name"].as_str().unwrap(), &made["spec"]);
    let digest = spec["request"]["digest"].as_str().unwrap();
    assert!(digest.starts_with("hmac-sha256:") && digest.len() == 76, "{digest}");
    assert!(name.starts_with("appr-") && name.ends_with("-1") && name.len() == 33, "{name}");
    assert!(spec["request"]["caller"]["issuer"].as_str().unwrap().starts_with("http://127.0.0.1"));
    let expected = json!({
        "digest": digest, "connectionRef": {"name": "server", "uid": "uid-c", "generation": 3},
        "policyRefs": [{"namespace": "test", "name": "dba", "uid": "uid-p", "generation": 2}],
        "operation": "CallTool", "tool": "echo", "arguments": r#"{"message":"hi"}"#,
        "caller": {"issuer": spec["request"]["caller"]["issuer"], "subject": "alice", "username": "alice",
            "kubernetesUsernames": ["oidc:alice"]},
        "gateway": "system:serviceaccount:test:lychgate-server",
    });
    assert_eq!(spec["request"], expected);
    let required = json!({
        "approvals": 1, "groups": ["dba"], "requireReason": true, "requireDigest": false, "denyIsVeto": true,
        "deadline": spec["required"]["deadline"], "grant": {"uses": 1, "validFor": "300s"},
    });
    assert_eq!(spec["required"], required);
    assert_eq!(spec.as_object().unwrap().len(), 2, "an Approval begins without votes: {spec}");

    stage.api.approve();
    let version = stage.api.all()[0]["metadata"]["resourceVersion"].clone();
    let answer = stage.call("hi").await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], "hi");
    let [(probed, probe), (used, usage)] = stage.api.patches().try_into().unwrap();
    assert!(probed.ends_with(&format!("/{name}?dryRun=All")), "{probed}");
    assert_eq!(probe["spec"]["votes"]["lychgate:probe"]["decision"], "Approve");
    assert!(used.ends_with(&format!("/{name}/status")), "{used}");
    assert_eq!(usage["metadata"], json!({"resourceVersion": version, "uid": made["metadata"]["uid"]}));
    let status = &usage["status"];
    assert_eq!((&status["phase"], &status["consumed"]["count"]), (&json!("Consumed"), &json!(1)));
    assert_eq!(status["consumed"]["replica"], "replica-0");
    assert_eq!(
        (&status["conditions"][0]["type"], &status["conditions"][0]["status"]),
        (&json!("Recorded"), &json!("True"))
    );
    let recorded = entries(&journal(&stage.gateway.journal_folder()));
    let decided = recorded.iter().find(|entry| entry["kind"] == "Decided").unwrap();
    assert_eq!(decided["call"], status["consumed"]["callId"]);
    assert_eq!(stage.made(), 1);
}

#[tokio::test]
async fn whatever_goes_wrong_at_the_api_server_an_approved_call_is_made_at_most_once() {
    let stage = Stage::start().await;
    let read = |twist: Twist| Faults { read: Some(twist), ..Faults::default() };
    let probe = |status, message| Faults { probe: Some((status, message)), ..Faults::default() };
    let write = |status, message| Faults { write: Some((status, message)), ..Faults::default() };
    let faults = [
        (
            "a foreign digest",
            read(|it| it["spec"]["request"]["digest"] = json!(format!("hmac-sha256:{}", "0".repeat(64)))),
            "ApprovalUnfit",
        ),
        ("other arguments", read(|it| it["spec"]["request"]["arguments"] = json!("{}")), "ApprovalUnfit"),
        (
            "other approvers",
            read(|it| it["spec"]["required"]["groups"] = json!(["friends"])),
            "ApprovalUnfit",
        ),
        ("no vote", read(|it| it["spec"]["votes"] = json!({})), "ApprovalUnfit"),
        (
            "a vote without reason",
            read(|it| it["spec"]["votes"]["oidc:erin"] = json!({"decision": "Approve"})),
            "ApprovalUnfit",
        ),
        (
            "the caller's own vote",
            read(|it| it["spec"]["votes"]["oidc:alice"] = json!({"decision": "Approve", "reason": "x"})),
            "ApprovalUnfit",
        ),
        (
            "a veto",
            read(|it| it["spec"]["votes"]["oidc:frank"] = json!({"decision": "Deny", "reason": "x"})),
            "ApprovalUnfit",
        ),
        (
            "a decision of long ago",
            read(|it| it["status"]["decidedAt"] = json!("2020-01-01T00:00:00Z")),
            "ApprovalExpired",
        ),
        (
            "a decision to come",
            read(|it| it["status"]["decidedAt"] = json!("2999-01-01T00:00:00Z")),
            "ApprovalUnfit",
        ),
        (
            "no time of decision",
            read(|it| {
                it["status"].as_object_mut().unwrap().remove("decidedAt");
            }),
            "ApprovalUnfit",
        ),
        (
            "a use before",
            read(|it| {
                it["status"]["consumed"] =
                    json!({"at": "2026-01-01T00:00:00Z", "replica": "r", "callId": "c", "count": 1})
            }),
            "ApprovalUsed",
        ),
        ("a vote that is not refused", probe(200, ""), "ApprovalUnguarded"),
        (
            "no right to patch",
            probe(403, "approvals.lychgate.dev is forbidden: User \"x\" cannot patch"),
            "ApprovalUnguarded",
        ),
        (
            "another policy",
            probe(422, "ValidatingAdmissionPolicy 'other.example.com' with binding 'b' denied request: no"),
            "ApprovalUnguarded",
        ),
        (
            "a policy of a similar name",
            probe(
                422,
                "ValidatingAdmissionPolicy 'approval-votes.x' with binding 'lychgate.dev' with binding denied",
            ),
            "ApprovalUnguarded",
        ),
        ("an API server in trouble that names the policy", probe(500, GUARDED), "ApprovalUnguarded"),
        (
            "an Approval that changes all the time",
            probe(409, "the object has been modified"),
            "ApprovalUnavailable",
        ),
        (
            "a clock of long ago",
            Faults { date: Some("Sun, 06 Nov 1994 08:49:37 GMT"), ..Faults::default() },
            "ClocksDiffer",
        ),
        (
            "a clock of years to come",
            Faults { date: Some("Fri, 01 Jan 2999 00:00:00 GMT"), ..Faults::default() },
            "ClocksDiffer",
        ),
        (
            "a use that always comes too late",
            write(409, "the object has been modified"),
            "ApprovalUnavailable",
        ),
        ("a use that is refused", write(422, "no"), "ApprovalUnavailable"),
        (
            "a use of another call",
            Faults {
                written: Some(|it| it["status"]["consumed"]["callId"] = json!("other")),
                ..Faults::default()
            },
            "ApprovalUsed",
        ),
    ];
    let count = faults.len();
    for (what, faults, expected) in faults {
        let last = faults.written.is_some();
        stage.api.faults(Faults::default());
        stage.call(what).await;
        assert_eq!(stage.reason(), "ApprovalPending", "{what}");
        stage.api.approve();
        // What the gateway knows is what it read itself, as the watch tells nothing.
        let before = stage.made();
        stage.api.faults(faults);
        let refused = stage.call(what).await;
        assert_eq!(refused.message()["result"]["isError"], true, "{what}: {}", refused.text);
        assert_eq!((stage.reason(), stage.made()), (json!(expected), before), "{what}");
        stage.api.faults(Faults::default());
        if !last {
            // An Approval that looked wrong is passed over, and the call asks anew.
            let mut made = stage.call(what).await;
            if stage.made() == before {
                stage.api.approve();
                made = stage.call(what).await;
            }
            assert_eq!(made.message()["result"]["structuredContent"]["arguments"]["message"], what, "{what}");
        }
    }
    assert_eq!(stage.made(), count - 1, "each was made once, but the one whose race was lost");

    stage.api.faults(Faults { create: Some((403, "forbidden")), ..Faults::default() });
    stage.call("new").await;
    assert_eq!(stage.reason(), "ApprovalUnavailable");
}

#[tokio::test]
async fn a_call_whose_caller_is_known_no_longer_is_not_made_and_his_next_token_makes_it() {
    let stage = Stage::start_with(|document, _| {
        let policy = document["approval"]["policies"][0].as_object_mut().unwrap();
        policy.extend([("returnAtOnce".into(), json!(false)), ("waitMilliseconds".into(), json!(600_000))]);
    })
    .await;
    // Clocks may differ by 30 s, so that this one is good for 18 s more.
    let token = stage.token_of_alice(&json!({"exp": now_milliseconds() / 1000 - 12})).await;
    let decided = async {
        eventually("the call to wait", async || (!stage.api.all().is_empty()).then_some(())).await;
        eventually("the token to expire", async || {
            let ping = r#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
            let answer = Ask::post(&stage.gateway.url(), ping).token(&token).send().await;
            (answer.status == 401).then_some(())
        })
        .await;
        stage.api.approve();
    };
    let (refused, ()) = tokio::join!(stage.call_with(&token, "late"), decided);
    assert_eq!(refused.code(), -31_401, "{}", refused.text);
    assert!(refused.text.contains("the token has expired"), "{}", refused.text);
    assert_eq!((stage.reason(), stage.made()), (json!("Expired"), 0));
    assert_eq!(stage.api.all()[0]["status"]["phase"], "Approved", "it is not used");

    let answer = stage.call("late").await;
    assert_eq!(answer.message()["result"]["structuredContent"]["arguments"]["message"], "late");
    assert_eq!((stage.api.all().len(), stage.made()), (1, 1));
}

/// Nobody withdraws anything here, so that it is the gateway alone that asks its policy anew.
#[tokio::test]
async fn a_call_that_waits_is_decided_by_the_document_of_the_moment_at_which_it_would_be_made() {
    let stage = Stage::start_with(|document, _| {
        let policy = document["approval"]["policies"][0].as_object_mut().unwrap();
        policy.extend([("returnAtOnce".into(), json!(false)), ("waitMilliseconds".into(), json!(600_000))]);
    })
    .await;
    let folder = &stage.gateway.folder;
    let text = std::fs::read_to_string(folder.path().join("config/server.json")).unwrap();
    let written: Value = serde_json::from_str(&text).unwrap();
    let mut sequence = 1;
    let mut publish = async |mut document: Value| {
        sequence += 1;
        document["sequence"] = json!(sequence);
        write_document(folder, &document.to_string());
        let line = format!(r#"lychgate_policy_sequence{{connection="test/server"}} {sequence}"#);
        eventually("the gateway to use the document", async || {
            let metrics = Ask::get(&format!("{}/metrics", stage.gateway.admin)).send().await.text;
            metrics.lines().any(|found| found == line).then_some(())
        })
        .await;
    };
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 4] = [
        ("Unknown tool: echo", |it| it["access"][0]["tools"] = json!(["customers"])),
        ("the policies that ask for approval have changed", |it| {
            let policy = it["approval"]["policies"][0].as_object_mut().unwrap();
            policy.extend([("approvals".into(), json!(2)), ("generation".into(), json!(3))]);
        }),
        ("the policies that ask for approval have changed", |it| {
            it.as_object_mut().unwrap().remove("approval");
        }),
        ("its connection has changed", |it| it["approval"]["connectionGeneration"] = json!(4)),
    ];
    for (number, (expected, change)) in changes.into_iter().enumerate() {
        let decided = async {
            eventually("the call to wait", async || (stage.api.all().len() > number).then_some(())).await;
            let mut changed = written.clone();
            change(&mut changed);
            publish(changed).await;
            stage.api.approve();
        };
        let message = format!("call {number}");
        let (answer, ()) = tokio::join!(stage.call(&message), decided);
        assert!(answer.text.contains(expected), "not `{expected}`: {}", answer.text);
        assert_eq!(stage.made(), 0, "call {number}");
        publish(written.clone()).await;
    }
    let is_unused = |approval: &Value| approval["status"]["phase"] == "Approved";
    assert!(stage.api.all().iter().all(is_unused), "{:?}", stage.api.all());
}
