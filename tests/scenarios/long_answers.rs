//! Answers that are too long to be held: they reach the client masked while they come, each piece is in the record before
//! it goes, and one that turns out to be wrong breaks off.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::support::dev::{entries, journal};
use crate::support::eventually;
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, Opened, tool_call};
use crate::support::process::lychgate;

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Json,
    Events,
    /// As one event of several lines with comments between them.
    Lines,
}

const FORMS: [Form; 3] = [Form::Json, Form::Events, Form::Lines];

/// A server that sends a part of its answer for each permit that it is given.
struct Server {
    url: String,
    permits: Arc<Semaphore>,
}

/// What an answer is made of: so many parts, each by its number; nothing for one at which the server breaks off.
type Parts = Arc<dyn Fn(usize) -> Option<String> + Send + Sync>;

impl Server {
    async fn start(form: Form, count: usize, parts: Parts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let permits = Arc::new(Semaphore::new(0));
        let given = Arc::clone(&permits);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (given, parts) = (Arc::clone(&given), Arc::clone(&parts));
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let (given, parts) = (Arc::clone(&given), Arc::clone(&parts));
                    async move {
                        let asked = request.into_body().collect().await?.to_bytes();
                        let asked: Value = serde_json::from_slice(&asked).unwrap();
                        if asked["method"] == "tools/list" {
                            given.add_permits(1);
                            return Ok(answer(
                                Form::Json,
                                1,
                                given,
                                Arc::new(move |_| Some(tools(&asked["id"]))),
                            ));
                        }
                        Ok::<_, hyper::Error>(answer(form, count, given, parts))
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer),
                );
            }
        });
        Self { url, permits }
    }

    async fn gateway(&self, rule: Value) -> Gateway {
        let folder = folders();
        let mut written = document(&self.url, 1);
        written["limits"]["messageBytes"] = json!(64 * 1024 * 1024);
        written["masking"] = json!([rule]);
        written["upstream"]["callTimeoutMilliseconds"] = json!(120_000);
        write_document(&folder, &written.to_string());
        let gateway = Gateway::start(folder, &[]).await;
        gateway.ready().await;
        gateway
    }
}

fn answer(
    form: Form,
    count: usize,
    permits: Arc<Semaphore>,
    parts: Parts,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = std::io::Error>> {
    let framed = move |number: usize, part: String| {
        let (head, tail) = (number == 0, number + 1 == count);
        match form {
            Form::Json => part,
            Form::Events => {
                format!("{}{part}{}", if head { "data: " } else { "" }, if tail { "\n\n" } else { "" })
            }
            Form::Lines => format!("data: {part}\n: still here\n{}", if tail { "\n" } else { "" }),
        }
    };
    let body = futures_util::stream::unfold(0, move |number| {
        let (permits, parts) = (Arc::clone(&permits), Arc::clone(&parts));
        async move {
            if number == count {
                return None;
            }
            permits.acquire().await.ok()?.forget();
            let part = parts(number).map(|part| Frame::data(Bytes::from(framed(number, part))));
            Some((part.ok_or_else(|| std::io::Error::other("broken off")), number + 1))
        }
    });
    let kind = if form == Form::Json { "application/json" } else { "text/event-stream" };
    Response::builder().header("content-type", kind).body(StreamBody::new(body)).unwrap()
}

/// What the server lists: a tool that declares no form of its answers, and one that does.
fn tools(id: &Value) -> String {
    let free = json!({"name": "query", "inputSchema": {"type": "object"}});
    let strict =
        json!({"name": "strict", "inputSchema": {"type": "object"}, "outputSchema": {"type": "object"}});
    json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [free, strict]}}).to_string()
}

/// Rows of about 64 KiB, the first and last part of an answer with what stands around them.
fn rows(number: usize, count: usize) -> String {
    let row = |row: usize| {
        json!({"id": number * 600 + row, "email": format!("erin{row}@example.com"), "note": "nothing to see here", "salary": 1000 + row})
            .to_string()
    };
    let rows = (0..600).map(row).collect::<Vec<_>>().join(",");
    let head = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"rows":["#;
    let tail = if number + 1 == count { "]}}}" } else { "," };
    format!("{}{rows}{tail}", if number == 0 { head } else { "" })
}

fn rule() -> Value {
    json!({"name": "personal", "directions": ["Response", "Request"],
        "detectors": [{"group": "All", "action": {"redact": {}}}],
        "fields": [{"jsonPath": "$.rows[*].salary", "action": {"replace": {"number": 0}}}]})
}

async fn call(gateway: &Gateway) -> Opened {
    let ask = Ask::post(&gateway.url(), tool_call("query", &json!({})));
    ask.open().await
}

/// The message in what a client got.
fn message(form: Form, text: &str) -> Value {
    let text = match form {
        Form::Json => text.to_owned(),
        Form::Events | Form::Lines => text.lines().filter_map(|line| line.strip_prefix("data: ")).collect(),
    };
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {} bytes", text.len()))
}

/// Puts a piece behind the whole, of whose arrays and objects so many go on, as docs/record-format.md says.
fn put_together(whole: &mut Value, piece: Value, open: u64) {
    match (whole, piece) {
        (Value::Array(items), Value::Array(more)) if open > 0 => {
            let mut more = more.into_iter();
            if let (true, Some(last)) = (open > 1, items.last_mut()) {
                put_together(last, more.next().unwrap(), open - 1);
            }
            items.extend(more);
        }
        (Value::Object(members), Value::Object(more)) if open > 0 => {
            for (name, value) in more {
                match members.get_mut(&name) {
                    Some(whole) => put_together(whole, value, open - 1),
                    None => drop(members.insert(name, value)),
                }
            }
        }
        (whole, piece) => *whole = piece,
    }
}

fn responses(gateway: &Gateway) -> Vec<Value> {
    let of_kind = |entry: &Value| entry["kind"] == "Response";
    let own = |entry: Value| entry.get("body").cloned().unwrap_or(entry);
    entries(&journal(&gateway.journal_folder())).into_iter().filter(of_kind).map(own).collect()
}

#[tokio::test]
async fn a_long_answer_reaches_the_client_masked_while_it_comes_and_each_piece_is_recorded_first() {
    const COUNT: usize = 24;
    for form in FORMS {
        let server = Server::start(form, COUNT, Arc::new(|number| Some(rows(number, COUNT)))).await;
        let gateway = server.gateway(rule()).await;
        server.permits.add_permits(COUNT / 2);
        let mut answer = call(&gateway).await;
        // The server has sent half of it, and waits.
        let begun = answer.until("\"id\":5000").await;
        assert!(begun.contains("[REDACTED:Email]") && !begun.contains("erin"), "{form:?}");
        let recorded = responses(&gateway);
        assert!(recorded.len() > 10 && recorded.iter().all(|piece| piece["last"] == false), "{form:?}");
        let recorded: u64 = recorded.iter().map(|piece| piece["messageBytes"].as_u64().unwrap()).sum();
        assert!(recorded >= begun.len() as u64 - 100, "{form:?}: {recorded} of {}", begun.len());
        server.permits.add_permits(COUNT / 2);
        let text = answer.rest().await;
        let message = message(form, &text);
        let rows = message["result"]["structuredContent"]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), COUNT * 600, "{form:?}");
        for (number, row) in rows.iter().enumerate() {
            let expected = json!({"id": number, "email": "[REDACTED:Email]", "note": "nothing to see here", "salary": 0});
            assert_eq!(row, &expected, "{form:?}");
        }
        let pieces = eventually("the last piece in the record", async || {
            Some(responses(&gateway))
                .filter(|pieces| pieces.last().is_some_and(|piece| piece["last"] == true))
        })
        .await;
        let mut recorded = Value::Null;
        for piece in pieces {
            let open = piece["piece"]["open"].as_u64().unwrap();
            put_together(&mut recorded, piece["message"].clone(), open);
        }
        assert_eq!(recorded, message, "{form:?}");
        assert!(!journal(&gateway.journal_folder()).contains("erin"), "{form:?}");
        let folder = gateway.journal_folder();
        let records = folder.parent().unwrap().to_str().unwrap();
        let verified = lychgate(&["verify", "--records", records], "").await;
        assert_eq!(verified.code, 0, "{} {}", verified.output, verified.errors);
    }
}

#[tokio::test]
async fn a_long_answer_that_turns_out_to_be_wrong_breaks_off_and_is_recorded_so() {
    const COUNT: usize = 24;
    for form in FORMS {
        for (what, last, reason) in [
            ("broken off", None, "UpstreamBrokeOff"),
            ("an id twice", Some(r#"{}],"a":1}},"id":1}"#.to_owned()), "UpstreamMalformed"),
            ("no JSON", Some("{]".to_owned()), "UpstreamMalformed"),
        ] {
            let part = move |number: usize| {
                if number + 1 == COUNT { last.clone() } else { Some(rows(number, COUNT)) }
            };
            let server = Server::start(form, COUNT, Arc::new(part)).await;
            let gateway = server.gateway(rule()).await;
            server.permits.add_permits(COUNT);
            let mut answer = call(&gateway).await;
            answer.until("[REDACTED:Email]").await;
            let has_ended = answer.ends().await;
            // A stream has room for the error that answers the call.
            let last = answer
                .text()
                .lines()
                .filter_map(|line| line.strip_prefix("data: ").map(str::to_owned))
                .next_back();
            let error = last.and_then(|last| serde_json::from_str::<Value>(&last).ok()).unwrap_or_default();
            let is_told = error["id"] == 1 && error["error"]["code"].is_i64();
            assert_eq!((has_ended, is_told), (form != Form::Json, form != Form::Json), "{what}: {error}");
            eventually("the failure in the record", async || {
                entries(&journal(&gateway.journal_folder()))
                    .iter()
                    .any(|entry| entry["reason"] == reason)
                    .then_some(())
            })
            .await;
        }
    }
}

#[tokio::test]
async fn an_answer_that_cannot_go_in_pieces_is_held_whole() {
    const COUNT: usize = 24;
    let blocks = json!({"name": "strict", "directions": ["Response"],
        "detectors": [{"type": "Email", "action": {"block": {}}}]});
    for form in FORMS {
        let server = Server::start(form, COUNT, Arc::new(|number| Some(rows(number, COUNT)))).await;
        let gateway = server.gateway(blocks.clone()).await;
        server.permits.add_permits(COUNT);
        let text = call(&gateway).await.rest().await;
        assert_eq!(message(form, &text)["error"]["code"], -31_002, "{form:?}");
        assert!(responses(&gateway).iter().all(|entry| entry.get("piece").is_none()), "{form:?}");
        let gateway = server.gateway(rule()).await;
        server.permits.add_permits(COUNT);
        let text = Ask::post(&gateway.url(), tool_call("strict", &json!({}))).send().await.text;
        let rows = message(form, &text)["result"]["structuredContent"]["rows"].as_array().unwrap().len();
        assert_eq!(rows, COUNT * 600, "{form:?}");
        assert!(responses(&gateway).iter().all(|entry| entry.get("piece").is_none()), "{form:?}");
    }
}

#[tokio::test]
async fn a_long_answer_takes_no_memory_of_its_length() {
    const COUNT: usize = 400;
    let server = Server::start(Form::Json, COUNT, Arc::new(|number| Some(rows(number, COUNT)))).await;
    let gateway = server.gateway(rule()).await;
    server.permits.add_permits(16);
    let mut answer = call(&gateway).await;
    answer.until("[REDACTED:Email]").await;
    let before = gateway.peak_bytes();
    server.permits.add_permits(COUNT);
    let bytes = answer.pass().await;
    assert!(bytes > 15_000_000, "{bytes}");
    let more = gateway.peak_bytes() - before;
    assert!(more < 6 * 1024 * 1024, "{more} bytes for {bytes}");
}
