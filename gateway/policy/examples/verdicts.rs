//! Reads lines of a kind (or `All`), the name of a member and a value, and says of each whether that kind finds the value there: yes or
//! no. It is for `tests/quality`, which asks another implementation the same. Nothing is tested here.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufWriter, Write};

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Program, compile, mask};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut programs = BTreeMap::new();
    let mut output = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut parts = line.splitn(3, ' ');
        let (Some(kind), Some(label), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("write a kind, a name and a value with spaces between: {line}").into());
        };
        if !programs.contains_key(kind) {
            programs.insert(kind.to_owned(), program(kind)?);
        }
        let is_found = programs.get(kind).map(|program| finds(program, label, value)).transpose()?;
        writeln!(output, "{}", if is_found == Some(true) { "yes" } else { "no" })?;
    }
    output.flush()?;
    Ok(())
}

/// A program that redacts values of one kind.
fn program(kind: &str) -> Result<Program, Box<dyn Error>> {
    let rule = json!({
        "name": "verdicts",
        "directions": ["Response"],
        "detectors": [{(if kind == "All" { "group" } else { "type" }): kind, "action": {"redact": {}}}],
    });
    let compiled = compile(&[serde_json::from_value(rule)?]);
    compiled.map_err(|problems| format!("{kind}: {problems:?}").into())
}

fn finds(program: &Program, label: &str, value: &str) -> Result<bool, Box<dyn Error>> {
    let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"structuredContent": {label: value}}});
    let message = Message::parse(Bytes::from(message.to_string()), Limits::with_bytes(1 << 16))?;
    let context = Context {
        audience: Audience::Record,
        direction: Direction::Response,
        operation: None,
        known: &[],
        tokens: None,
        now: 0,
    };
    Ok(!mask(program, &context, &message).counts().is_empty())
}
