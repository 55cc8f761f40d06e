//! A server in a pod that answers every request with what it is: its user, what it may do, whether it can write to its
//! root. It needs nothing but the standard library, so that its image is small.
#![allow(clippy::print_stderr, reason = "its log is the pod's")]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpListener;

const PORT: u16 = 8080;
/// Where a kubelet puts what it projects, if it does.
const PROJECTED: &str = "/projected/text";

fn main() -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT))?;
    for stream in listener.incoming() {
        if let Err(error) = stream.and_then(answer) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn answer(mut stream: std::net::TcpStream) -> io::Result<()> {
    // A request without a body comes in one piece, or it does not matter what it was.
    let _request = stream.read(&mut [0; 4096])?;
    let text = facts();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", text.len());
    stream.write_all(format!("{head}{text}").as_bytes())
}

fn facts() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = ["Uid:", "CapEff:", "NoNewPrivs:", "Seccomp:"];
    let facts = status.lines().filter(|line| wanted.iter().any(|name| line.starts_with(name)));
    let mut text: String =
        facts.map(|line| line.split_whitespace().take(2).collect::<String>() + "\n").collect();
    text += &format!("root is writable:{}\n", fs::write("/written", "").is_ok());
    text += &format!("projected:{}\n", fs::read_to_string(PROJECTED).unwrap_or_default());
    text
}
