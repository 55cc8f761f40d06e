//! Reads texts, each a JSON string on a line of its own, and writes of each what every detector finds in it: a JSON list of kind,
//! first byte and the byte behind the last. It is for `tests/quality`, which compares that with what was planted. Nothing is tested
//! here.

use std::error::Error;
use std::io::{BufRead, BufWriter, Write};

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, compile, explain};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let rule = json!({
        "name": "found",
        "directions": ["Response"],
        "detectors": [{"group": "All", "action": {"redact": {}}}],
    });
    let program = compile(&[serde_json::from_value(rule)?]).map_err(|problems| format!("{problems:?}"))?;
    let context = Context {
        audience: Audience::Record,
        direction: Direction::Response,
        operation: None,
        known: &[],
        tokens: None,
        now: 0,
    };
    let mut output = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        let answer =
            json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}]}});
        let message = Message::parse(Bytes::from(answer.to_string()), Limits::with_bytes(1 << 20))?;
        let (_, found) = explain(&program, &context, &message);
        let places = found.iter().filter_map(|found| {
            let range = found.range.as_ref()?;
            Some(json!([found.kind, range.start, range.end]))
        });
        writeln!(output, "{}", serde_json::Value::from_iter(places))?;
    }
    output.flush()?;
    Ok(())
}
