//! HTTP that is broken, or that never ends: what servers answer, byte by byte.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::dev::{entries, journal};
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Answer, Ask};
use crate::support::raw::{RawServer, Then};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const PONG: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;

/// The status, the code of the error if there is one, and the reason in the record.
type Told = (u16, i64, &'static str);
const BROKEN: Told = (502, -31_502, "UpstreamBrokeOff");
const MALFORMED: Told = (502, -31_502, "UpstreamMalformed");
const LATE: Told = (504, -31_504, "UpstreamTimeout");

async fn gateway(url: &str, ca: Option<&str>) -> Gateway {
    let folder = folders();
    let mut written = document(url, 1);
    written["upstream"]["callTimeoutMilliseconds"] = json!(1500);
    if let Some(ca) = ca {
        written["upstream"]["ca"] = json!({"configMap": "ca", "key": "ca.crt"});
        std::fs::write(folder.path().join("config-maps/ca/ca.crt"), ca).unwrap();
    }
    write_document(&folder, &written.to_string());
    let gateway = Gateway::start(folder, &[]).await;
    gateway.ready().await;
    gateway
}

async fn ask(gateway: &Gateway) -> Answer {
    Ask::post(&gateway.url(), PING).send().await
}

/// What is wrong with an answer, if it is not what must be told.
fn wrong(gateway: &Gateway, what: &str, before: usize, answer: &Answer, told: Told) -> Option<String> {
    let (status, code, reason) = told;
    let recorded = entries(&journal(&gateway.journal_folder())).split_off(before);
    let reasons: Vec<_> = recorded.into_iter().filter_map(|entry| entry.get("reason").cloned()).collect();
    let message: Value = serde_json::from_str(&answer.text).unwrap_or_default();
    let is_told = (answer.status.as_u16(), &message["error"]["code"]) == (status, &json!(code))
        && !answer.text.contains("hunter2")
        && reasons.iter().any(|recorded| recorded == reason);
    (!is_told).then(|| format!("{what}: {} and not {told:?}: {}, {reasons:?}", answer.status, answer.text))
}

/// An answer with a head of these lines.
fn answer(lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{lines}\r\n{body}").into_bytes()
}

/// An answer with a good length, and these lines.
fn whole(lines: &str) -> Vec<u8> {
    answer(&format!("Content-Length: {}\r\n{lines}", PONG.len()), PONG)
}

fn chunked(body: &str) -> Vec<u8> {
    answer("Transfer-Encoding: chunked\r\n", body)
}

fn faults() -> Vec<(&'static str, Vec<u8>, Then, Told)> {
    let length = PONG.len();
    let many = (0..101).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let two = answer(&format!("Content-Length: {length}\r\nContent-Length: 5\r\n"), PONG);
    vec![
        ("two lengths", two, Then::Close, BROKEN),
        ("a negative length", answer("Content-Length: -1\r\n", PONG), Then::Close, BROKEN),
        ("a length that is too long", answer("Content-Length: 1000\r\n", PONG), Then::Close, BROKEN),
        ("a length that is too short", answer("Content-Length: 10\r\n", PONG), Then::Close, MALFORMED),
        ("a chunk whose size is no number", chunked(&format!("zz\r\n{PONG}\r\n")), Then::Close, BROKEN),
        ("a chunk that is cut off", chunked(&format!("ff\r\n{PONG}")), Then::Close, BROKEN),
        ("chunks without the last", chunked(&format!("24\r\n{PONG}\r\n")), Then::Close, BROKEN),
        ("no chunk at all, for ever", chunked(""), Then::Hold, LATE),
        (
            "compressed chunks",
            answer("Transfer-Encoding: gzip, chunked\r\n", "2\r\n\x1f\x08\r\n0\r\n\r\n"),
            Then::Close,
            MALFORMED,
        ),
        ("a folded line", whole("X-A: hunter2\r\n b\r\n"), Then::Close, BROKEN),
        ("a NUL in a value", whole("X-A: hunter2\0\r\n"), Then::Close, BROKEN),
        ("a blank before the colon", whole("X-A : hunter2\r\n"), Then::Close, BROKEN),
        ("a flood of headers", whole(&many), Then::Close, BROKEN),
        ("a head of a MiB", whole(&format!("X-A: {}\r\n", "b".repeat(1 << 20))), Then::Close, BROKEN),
        ("a head without an end", b"HTTP/1.1 200 OK\r\n".to_vec(), Then::Repeat(b"X"), LATE),
        ("a body that dribbles", answer("Content-Length: 4000\r\n", ""), Then::Repeat(b" "), LATE),
        ("interim answers for ever", vec![], Then::Repeat(b"HTTP/1.1 103 Early Hints\r\n\r\n"), LATE),
        ("silence", vec![], Then::Hold, LATE),
        ("nothing", vec![], Then::Close, BROKEN),
        ("rubbish", b"hunter2\r\n\r\n".to_vec(), Then::Close, BROKEN),
        ("no status line", PONG.as_bytes().to_vec(), Then::Close, BROKEN),
        ("a status that is none", b"HTTP/1.1 20 OK\r\n\r\n".to_vec(), Then::Close, BROKEN),
        ("a version to come", b"HTTP/3.0 200 OK\r\n\r\n".to_vec(), Then::Close, BROKEN),
    ]
}

#[tokio::test]
async fn each_broken_answer_of_a_server_is_an_error_of_the_gateways_own() {
    let server = RawServer::start().await;
    let gateway = gateway(&server.url, None).await;
    let mut others = Vec::new();
    for (what, bytes, then, told) in faults() {
        server.tell(bytes, then);
        let before = entries(&journal(&gateway.journal_folder())).len();
        others.extend(wrong(&gateway, what, before, &ask(&gateway).await, told));
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[tokio::test]
async fn odd_answers_that_are_good_are_relayed_and_nothing_beside_them() {
    let server = RawServer::start().await;
    let gateway = gateway(&server.url, None).await;
    let length = PONG.len();
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let mut others = Vec::new();
    for (what, bytes, then) in [
        ("one that is kept alive", whole(""), Then::Hold),
        ("trailers", chunked(&format!("24\r\n{PONG}\r\n0\r\nSet-Cookie: a=hunter2\r\n\r\n")), Then::Hold),
        ("no length", answer("", PONG), Then::Close),
        (
            "HTTP/1.0",
            format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{PONG}").into_bytes(),
            Then::Close,
        ),
        (
            "an interim answer",
            [b"HTTP/1.1 103 Early Hints\r\nX-A: hunter2\r\n\r\n".to_vec(), whole("")].concat(),
            Then::Hold,
        ),
        ("a length and chunks", answer(&both, &format!("24\r\n{PONG}\r\n0\r\n\r\n")), Then::Close),
        (
            "more than it says, and then another answer",
            [whole(""), whole("Set-Cookie: a=hunter2\r\n")].concat(),
            Then::Hold,
        ),
        ("one after that", whole(""), Then::Hold),
    ] {
        server.tell(bytes, then);
        let answer = ask(&gateway).await;
        if (answer.status.as_u16(), answer.text.as_str()) != (200, PONG)
            || format!("{:?}", answer.headers).contains("hunter2")
        {
            others.push((what, answer.status, answer.text, answer.headers));
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

/// A server over TLS that speaks HTTP/2 as far as to answer a call with these bytes. Gives its URL and certificate.
async fn http_2(answer: Vec<u8>) -> (String, String) {
    lychgate_gateway::outbound::install_crypto_provider();
    let key = KeyPair::generate().unwrap();
    let pem = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap().pem();
    let chain = vec![CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let mut tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/mcp", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut received = Vec::new();
                let mut buffer = [0; 4096];
                // An empty SETTINGS, and the answer once the call is there.
                stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.unwrap();
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    received.extend_from_slice(&buffer[..count]);
                    if received.windows(PING.len()).any(|window| window == PING.as_bytes()) {
                        received.clear();
                        stream.write_all(&answer).await.unwrap();
                        stream.flush().await.unwrap();
                    }
                }
            });
        }
    });
    (url, pem)
}

#[tokio::test]
async fn each_way_in_which_a_server_ends_a_call_over_http_2_is_an_error_of_the_gateways_own() {
    let reset = |reason: u8| vec![0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, reason];
    let goaway = |last: u8| vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0];
    // A head with status 200 (RFC 7541, appendix A), whose body never comes.
    let head = vec![0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88];
    let mut others = Vec::new();
    for (what, answer, told) in [
        ("a reset with an internal error", reset(2), BROKEN),
        ("a reset because it is too busy", reset(11), BROKEN),
        ("the end of the connection, with the call", goaway(1), LATE),
        ("a head, and then a reset", [head.clone(), reset(8)].concat(), BROKEN),
        ("a head, and then nothing", head, LATE),
        ("a push", vec![0, 0, 5, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2, 0x82], BROKEN),
        ("a frame of a stream that is not there", vec![0, 0, 1, 0, 0, 0, 0, 0, 9, 7], BROKEN),
        ("a frame that is too large", vec![0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1], BROKEN),
    ] {
        let (url, ca) = http_2(answer).await;
        let gateway = gateway(&url, Some(&ca)).await;
        others.extend(wrong(&gateway, what, 0, &ask(&gateway).await, told));
    }
    assert!(others.is_empty(), "{others:#?}");
}
