//! HTTP as bytes, for what no library would send: a client that writes what it is told, and a server that does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long an answer is waited for. It says nothing about how long one may take.
const PATIENCE: Duration = Duration::from_secs(90);

/// An answer as it stood on the wire.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl RawAnswer {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

/// Sends bytes, and gives all that comes until the other side closes.
pub async fn exchange(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // Who refuses may close before everything was written.
    let _closed_early = stream.write_all(bytes).await;
    rest(&mut stream).await
}

/// All that comes until the other side closes.
pub async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut received = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..count]);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the connection to be closed");
    received
}

/// The answers in what came over HTTP/1.1.
pub fn answers(received: &[u8]) -> Vec<RawAnswer> {
    let text = String::from_utf8_lossy(received).into_owned();
    let mut left = text.as_str();
    let mut answers = Vec::new();
    while !left.is_empty() {
        let (head, rest) = left.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {left:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = RawAnswer { status: status.unwrap(), head: head.to_owned(), body: String::new() };
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        let length = if answer.status < 200 { 0 } else { length.unwrap_or(rest.len()) };
        answer.body = rest[..length].to_owned();
        left = &rest[length..];
        answers.push(answer);
    }
    answers
}

/// How a raw server goes on after what it has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It closes.
    Close,
    /// It keeps the connection open and silent.
    Hold,
    /// It sends these bytes again and again, a tenth of a second apart.
    Repeat(&'static [u8]),
}

/// A server that answers every request with the bytes that it is told.
pub struct RawServer {
    pub url: String,
    script: Arc<Mutex<(Vec<u8>, Then)>>,
}

impl RawServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new((Vec::new(), Then::Close)));
        let told = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&told)));
            }
        });
        Self { url, script }
    }

    /// Answers like this from now on.
    pub fn tell(&self, bytes: impl Into<Vec<u8>>, then: Then) {
        *self.script.lock().unwrap() = (bytes.into(), then);
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<(Vec<u8>, Then)>>) {
    while read_request(&mut stream).await {
        let (bytes, then) = script.lock().unwrap().clone();
        if stream.write_all(&bytes).await.is_err() {
            return;
        }
        match then {
            Then::Close => return,
            Then::Hold => {}
            Then::Repeat(bytes) => {
                while stream.write_all(bytes).await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                return;
            }
        }
    }
}

/// Reads one request; false if there is none.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut received = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => received.extend_from_slice(&buffer[..count]),
            Ok(_) | Err(_) => return false,
        }
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if body.len() >= length {
                return true;
            }
        }
    }
}
