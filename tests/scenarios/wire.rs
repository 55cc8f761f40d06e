//! HTTP that two readers could read in two ways, that is broken, or that never ends: what clients send, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::counterparts::{Server, hostile, logged};
use crate::support::gateway::{Gateway, document, folders, write_document};
use crate::support::http::{Ask, tool_call};
use crate::support::raw::{answers, exchange, rest};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A gateway that serves everybody, before a server that logs what reaches it.
async fn stage() -> (Gateway, Server, std::path::PathBuf) {
    let folder = folders();
    let log = folder.path().join("requests.jsonl");
    let server = hostile(&log).await;
    write_document(&folder, &document(&server.url, 1).to_string());
    let gateway = Gateway::start(folder, &[]).await;
    gateway.ready().await;
    (gateway, server, log)
}

/// A request whose head ends with these lines.
fn request(line: &str, lines: &str, body: &str) -> Vec<u8> {
    format!(
        "{line}\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n{lines}\r\n{body}"
    )
    .into_bytes()
}

/// A ping with these header lines beside the usual ones, the last request of its connection.
fn ping(lines: &str) -> Vec<u8> {
    let length = PING.len();
    let lines = format!("Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}");
    request("POST /server/mcp HTTP/1.1", &lines, PING)
}

/// A ping whose body is framed by these lines alone.
fn framed(lines: &str, body: &str) -> Vec<u8> {
    request("POST /server/mcp HTTP/1.1", &format!("Host: localhost\r\n{lines}"), body)
}

/// A ping with another request line.
fn aimed(line: &str, host: &str) -> Vec<u8> {
    let lines = format!("{host}Connection: close\r\nContent-Length: {}\r\n", PING.len());
    request(line, &lines, PING)
}

fn chunked(body: &str) -> Vec<u8> {
    framed("Transfer-Encoding: chunked\r\n", body)
}

/// What has no one length. All of it is refused, and nothing that follows on the connection is read.
fn lengths() -> Vec<(&'static str, Vec<u8>, u16)> {
    let length = PING.len();
    let two =
        |second: &str| framed(&format!("Content-Length: {length}\r\nContent-Length: {second}\r\n"), PING);
    let one = |value: &str| framed(&format!("Content-Length: {value}\r\n"), PING);
    let coded = |value: &str| {
        framed(&format!("Transfer-Encoding: {value}\r\n"), &format!("28\r\n{PING}\r\n0\r\n\r\n"))
    };
    vec![
        ("two lengths", two("5"), 400),
        ("a length in a list", one(&format!("{length}, {length}")), 400),
        ("a negative length", one("-1"), 400),
        ("a length with a sign", one(&format!("+{length}")), 400),
        ("a length in hexadecimal digits", one("0x28"), 400),
        ("a length beyond counting", one("99999999999999999999999"), 400),
        ("an empty length", one(""), 400),
        ("an encoding that tells no end", coded("gzip"), 400),
        ("an encoding after chunked", coded("chunked, gzip"), 400),
        ("two encodings, the last not chunked", coded("chunked\r\nTransfer-Encoding: gzip"), 400),
        ("an encoding that is called like chunked", coded("xchunked"), 400),
        ("identity", coded("identity"), 400),
        (
            "chunks over HTTP/1.0",
            request(
                "POST /server/mcp HTTP/1.0",
                "Host: localhost\r\nTransfer-Encoding: chunked\r\n",
                &format!("28\r\n{PING}\r\n0\r\n\r\n"),
            ),
            400,
        ),
        ("a chunk whose size is no number", chunked(&format!("zz\r\n{PING}\r\n0\r\n\r\n")), 408),
        ("a chunk whose size is negative", chunked(&format!("-28\r\n{PING}\r\n0\r\n\r\n")), 408),
        ("a chunk beyond counting", chunked(&format!("fffffffffffffffff\r\n{PING}\r\n")), 408),
        ("a chunk that is longer than it says", chunked(&format!("5\r\n{PING}\r\n0\r\n\r\n")), 408),
        ("a chunk with a huge extension", chunked(&format!("28;{}\r\n{PING}\r\n", "x".repeat(20_000))), 408),
        (
            "trailers without an end",
            chunked(&format!("28\r\n{PING}\r\n0\r\n{}", "x: y\r\n".repeat(8_000))),
            408,
        ),
        // By its chunks it is empty; what follows them would be a message by the length. The connection ends there.
        (
            "a length and chunks that disagree",
            framed(
                &format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", 200),
                &format!("0\r\n\r\n{}", String::from_utf8(ping("")).unwrap()),
            ),
            400,
        ),
    ]
}

/// Heads that are broken.
fn heads() -> Vec<(&'static str, Vec<u8>, u16)> {
    let many = (0..101).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let hello = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &[7; 200]].concat();
    vec![
        ("a folded line", ping("X-A: b\r\n c\r\n"), 400),
        ("a NUL in a value", ping("X-A: b\0c\r\n"), 400),
        ("a bare CR in a value", ping("X-A: b\rc\r\n"), 400),
        ("a control character in a value", ping("X-A: b\x01c\r\n"), 400),
        ("a blank before the colon", ping("X-A : b\r\n"), 400),
        ("a header without a name", ping(": b\r\n"), 400),
        ("a header without a colon", ping("X-A\r\n"), 400),
        ("a name that is no token", ping("X(A): b\r\n"), 400),
        ("a name with a NUL", ping("X\0A: b\r\n"), 400),
        ("a flood of headers", ping(&many), 431),
        ("a head of more than 64 KiB", ping(&format!("X-A: {}\r\n", "b".repeat(70_000))), 431),
        ("no version", b"POST /server/mcp\r\nHost: localhost\r\n\r\n".to_vec(), 400),
        ("a version to come", aimed("POST /server/mcp HTTP/2.0", "Host: localhost\r\n"), 400),
        ("a version that is none", aimed("POST /server/mcp HTTP/1.11", "Host: localhost\r\n"), 400),
        ("a blank in the target", aimed("POST /server/ mcp HTTP/1.1", "Host: localhost\r\n"), 400),
        ("a NUL in the target", aimed("POST /server/\0mcp HTTP/1.1", "Host: localhost\r\n"), 400),
        ("no method", aimed(" /server/mcp HTTP/1.1", "Host: localhost\r\n"), 400),
        ("a beginning of TLS", hello, 400),
        ("rubbish", b"\x00\x01\x02\x03\r\n\r\n".to_vec(), 400),
    ]
}

/// Where a request goes, in ways in which it may not.
fn targets() -> Vec<(&'static str, Vec<u8>, u16)> {
    let host = "Host: localhost\r\n";
    vec![
        ("no host", aimed("POST /server/mcp HTTP/1.1", ""), 403),
        ("no host over HTTP/1.0", aimed("POST /server/mcp HTTP/1.0", ""), 403),
        ("two hosts", aimed("POST /server/mcp HTTP/1.1", "Host: localhost\r\nHost: evil.example\r\n"), 403),
        (
            "the same host twice",
            aimed("POST /server/mcp HTTP/1.1", "Host: localhost\r\nHost: localhost\r\n"),
            403,
        ),
        ("an empty host", aimed("POST /server/mcp HTTP/1.1", "Host:\r\n"), 403),
        ("a target of another host", aimed("POST http://evil.example/server/mcp HTTP/1.1", host), 403),
        (
            "a target of ours with another host",
            aimed("POST http://localhost/server/mcp HTTP/1.1", "Host: evil.example\r\n"),
            403,
        ),
        ("a tunnel", aimed("CONNECT localhost:443 HTTP/1.1", "Host: localhost:443\r\n"), 404),
        ("an asterisk", aimed("OPTIONS * HTTP/1.1", host), 404),
        ("a path with dots", aimed("POST /other/../server/mcp HTTP/1.1", host), 404),
        ("a path with an empty part", aimed("POST //server/mcp HTTP/1.1", host), 404),
        ("a path with a slash at its end", aimed("POST /server/mcp/ HTTP/1.1", host), 404),
        ("a path with an escaped slash", aimed("POST /server%2fmcp HTTP/1.1", host), 404),
        ("a path in capitals", aimed("POST /SERVER/mcp HTTP/1.1", host), 404),
        ("a method in small letters", aimed("post /server/mcp HTTP/1.1", host), 405),
        ("a method of nobody", aimed("BREW /server/mcp HTTP/1.1", host), 405),
        ("a trace", aimed("TRACE /server/mcp HTTP/1.1", host), 405),
    ]
}

/// What is odd and allowed, with its answers, and how many requests reach the server.
fn allowed() -> Vec<(&'static str, Vec<u8>, Vec<u16>, usize)> {
    let length = PING.len();
    let lines = |lines: &str| ping(lines);
    let keep = framed(&format!("Content-Length: {length}\r\n"), PING);
    let dribbled: String = PING.chars().map(|c| format!("1;a=\"b\"\r\n{c}\r\n")).collect();
    let last = "Connection: close\r\n";
    vec![
        ("one length twice", lines(&format!("Content-Length: {length}\r\n")), vec![200], 1),
        (
            // RFC 9112, section 6.3: the chunks count, and the connection ends.
            "a length and chunks, with a request behind them",
            [
                framed(
                    &format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"),
                    &format!("28\r\n{PING}\r\n0\r\n\r\n"),
                ),
                ping(""),
            ]
            .concat(),
            vec![200],
            1,
        ),
        (
            "chunks of one byte, with extensions and trailers",
            framed(
                &format!("{last}Transfer-Encoding: chunked\r\n"),
                &format!("{dribbled}0\r\nAuthorization: Bearer x\r\nX-Trailer: y\r\n\r\n"),
            ),
            vec![200],
            1,
        ),
        ("HTTP/1.0", aimed("POST /server/mcp HTTP/1.0", "Host: localhost\r\n"), vec![200], 1),
        (
            "a target in absolute form",
            aimed("POST http://LocalHost/server/mcp HTTP/1.1", "Host: localhost\r\n"),
            vec![200],
            1,
        ),
        ("two requests at once", [keep.clone(), ping("")].concat(), vec![200, 200], 2),
        ("a good one and a bad one", [keep, ping("X-A : b\r\n")].concat(), vec![200, 400], 1),
        ("an empty line before", [b"\r\n".to_vec(), ping("")].concat(), vec![200], 1),
        ("an expectation", lines("Expect: 100-continue\r\n"), vec![100, 200], 1),
        ("another protocol", lines("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"), vec![200], 1),
        (
            "tabs, an empty value and letters beyond ASCII",
            lines("X-A:\t b\t\r\nX-B:\r\nX-C: é\r\n"),
            vec![200],
            1,
        ),
    ]
}

#[tokio::test]
async fn what_is_no_good_http_gets_its_exact_answer_and_never_reaches_the_server() {
    let (gateway, _server, log) = stage().await;
    let tables = [lengths(), heads(), targets()];
    let mut wrong = Vec::new();
    for (what, bytes, status) in tables.into_iter().flatten() {
        let before = logged(&log).len();
        let received = exchange(&gateway.address, &bytes).await;
        let statuses: Vec<u16> = answers(&received).iter().map(|answer| answer.status).collect();
        if statuses != [status] || logged(&log).len() != before {
            wrong.push((what, status, statuses, logged(&log).split_off(before)));
        }
    }
    assert!(wrong.is_empty(), "answered otherwise, or in the server's log: {wrong:#?}");
    let answer = Ask::post(&gateway.url(), PING).send().await;
    assert!(answer.status.is_success(), "the gateway goes on: {}", answer.text);
}

#[tokio::test]
async fn what_is_odd_and_good_http_is_answered_and_each_request_reaches_the_server_once() {
    let (gateway, _server, log) = stage().await;
    let mut wrong = Vec::new();
    for (what, bytes, expected, reaching) in allowed() {
        let before = logged(&log).len();
        let received = exchange(&gateway.address, &bytes).await;
        let statuses: Vec<u16> = answers(&received).iter().map(|answer| answer.status).collect();
        let arrived = logged(&log).split_off(before);
        if statuses != expected || arrived.len() != reaching {
            wrong.push((what, expected, statuses, arrived.len()));
        }
        for request in arrived {
            assert_eq!(request["body"], PING, "{what}");
            let headers = request["headers"].to_string().to_ascii_lowercase();
            for foreign in ["x-trailer", "bearer x\"", "x-a", "expect", "upgrade", "transfer-encoding"] {
                assert!(!headers.contains(foreign), "{what}: {headers}");
            }
        }
    }
    assert!(wrong.is_empty(), "answered otherwise, or not as often in the server's log: {wrong:#?}");
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING_FRAME: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// What every connection over HTTP/2 begins with.
fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])].concat()
}

/// The head of a POST, as literals that nobody keeps (RFC 7541, section 6.2.2).
fn head() -> Vec<u8> {
    let literal = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).unwrap();
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/server/mcp"),
        (":authority", "localhost"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ]
    .map(|(name, value)| literal(name, value))
    .concat()
}

/// The frames in what came: kind, stream and payload.
fn frames(received: &[u8]) -> Vec<(u8, u32, Vec<u8>)> {
    let mut left = received;
    let mut frames = Vec::new();
    while let [a, b, c, kind, _, s1, s2, s3, s4, rest @ ..] = left {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let stream = u32::from_be_bytes([*s1, *s2, *s3, *s4]);
        if rest.len() < length {
            break;
        }
        frames.push((*kind, stream, rest[..length].to_vec()));
        left = &rest[length..];
    }
    frames
}

/// The reason of a GOAWAY (RFC 9113, section 6.8), if the connection was ended by one.
fn ended_by(received: &[u8]) -> Option<u32> {
    let goaway = frames(received).into_iter().rfind(|(kind, ..)| *kind == GOAWAY)?;
    Some(u32::from_be_bytes(goaway.2[4..8].try_into().unwrap()))
}

#[tokio::test]
async fn a_client_that_floods_or_confuses_a_connection_over_http_2_loses_it() {
    const PROTOCOL_ERROR: u32 = 1;
    const ENHANCE_YOUR_CALM: u32 = 11;
    let (gateway, _server, log) = stage().await;
    let streams = || (0..4_000).map(|n| 2 * n + 1);
    let reset: Vec<u8> = streams()
        .flat_map(|stream| {
            let cancelled = frame(RESET, 0, stream, &8_u32.to_be_bytes());
            [frame(HEADERS, END_HEADERS, stream, &head()), cancelled].concat()
        })
        .collect();
    let continued =
        [frame(HEADERS, 0, 1, &head()), frame(CONTINUATION, 0, 1, &[0; 0]).repeat(200_000)].concat();
    let mut wrong = Vec::new();
    for (what, bytes, reason) in [
        ("rapid resets", reset, Some(ENHANCE_YOUR_CALM)),
        ("a head without an end", continued, Some(ENHANCE_YOUR_CALM)),
        // RFC 9113, section 4.3, has another code for it, which the library does not use; the connection ends as it must.
        ("a head that is not compressed", frame(HEADERS, END_HEADERS, 1, &[0xff; 64]), Some(PROTOCOL_ERROR)),
        ("data without a stream", frame(DATA, 0, 0, b"x"), Some(PROTOCOL_ERROR)),
        ("a stream of even number", frame(HEADERS, END_HEADERS, 2, &head()), Some(PROTOCOL_ERROR)),
    ] {
        let received = exchange(&gateway.address, &[preface(), bytes].concat()).await;
        if ended_by(&received) != reason || !logged(&log).is_empty() {
            wrong.push((what, reason, ended_by(&received), frames(&received).len()));
        }
    }
    assert!(wrong.is_empty(), "ended otherwise, or in the server's log: {wrong:#?} {:?}", logged(&log));
    let answer = Ask::post(&gateway.url(), PING).send().await;
    assert!(answer.status.is_success(), "the gateway goes on: {}", answer.text);
}

/// A connection over which these bytes are written at once, and these ones again and again after them.
async fn slow(address: String, bytes: Vec<u8>, again: Vec<u8>) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    writer.write_all(&bytes).await.unwrap();
    let dribble = async {
        while writer.write_all(&again).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        std::future::pending::<()>().await;
    };
    let mut received = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::select! {
        () = read => {}
        () = dribble => {}
        () = tokio::time::sleep(Duration::from_secs(90)) => panic!("the connection stays open"),
    }
    received
}

#[tokio::test]
async fn clients_that_say_nothing_or_too_little_are_left_and_nobody_waits_for_them() {
    let (gateway, _server, log) = stage().await;
    let address = || gateway.address.clone();
    let settings = frame(SETTINGS, 1, 0, &[]);
    let begun = b"POST /server/mcp HTTP/1.1\r\nHost: localhost\r\n".to_vec();
    let body = framed("Content-Length: 4000\r\n", "");
    let cases = [
        ("nothing", vec![], vec![], None),
        ("a beginning that may be HTTP/2", b"PRI * HT".to_vec(), vec![], None),
        ("a slow beginning that may be HTTP/2", b"P".to_vec(), b"".to_vec(), None),
        ("half a head", begun.clone(), vec![], None),
        ("a head without an end", begun, b"X-A: b\r\n".to_vec(), None),
        ("HTTP/2 without a request", [preface(), settings].concat(), vec![], None),
        ("HTTP/2 with pings and without a request", preface(), frame(PING_FRAME, 0, 0, &[0; 8]), None),
        ("half a head over HTTP/2", [preface(), frame(HEADERS, 0, 1, &head())].concat(), vec![], None),
        ("half a body", body.clone(), vec![], Some(408)),
        ("a body that dribbles", body, b" ".to_vec(), Some(408)),
    ];
    let left: Vec<_> = cases
        .into_iter()
        .map(|(what, bytes, again, status)| (what, status, tokio::spawn(slow(address(), bytes, again))))
        .collect();
    let answer = Ask::post(&gateway.url(), PING).send().await;
    assert!(answer.status.is_success(), "meanwhile others are served: {}", answer.text);
    for (what, status, left) in left {
        let received = left.await.unwrap();
        if let Some(status) = status {
            let answers = answers(&received);
            assert_eq!(answers.first().map(|answer| answer.status), Some(status), "{what}: {answers:?}");
        }
    }
    assert_eq!(logged(&log).len(), 1, "none of it reached the server");
}

#[tokio::test]
async fn a_request_whose_body_breaks_off_is_not_passed_on() {
    let (gateway, _server, log) = stage().await;
    let whole = framed(&format!("Content-Length: {}\r\n", PING.len()), PING);
    for (what, bytes) in [
        ("in a body of known length", whole[..whole.len() - 1].to_vec()),
        ("between chunks", chunked(&format!("28\r\n{PING}\r\n"))),
        ("in a chunk", chunked(&format!("28\r\n{}", &PING[..20]))),
        ("in the head", whole[..40].to_vec()),
    ] {
        let mut stream = TcpStream::connect(&gateway.address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let received = rest(&mut stream).await;
        assert!(!String::from_utf8_lossy(&received).contains("\"result\""), "{what}");
        assert!(logged(&log).is_empty(), "{what}");
    }
    let call = tool_call("misbehave", &serde_json::json!({}));
    assert!(Ask::post(&gateway.url(), call).send().await.status.is_success());
}
