//! What memory it takes to mask an answer of 64 MiB while it comes: in a process of its own, which has masked nothing
//! before, so that nothing is there to be used again.

use std::path::Path;
use std::process::Command;

use lychgate_gateway_mcp::message::{Id, Message};
use lychgate_gateway_policy::shown::{Shown, show};
use lychgate_gateway_policy::stream::Stream;
use lychgate_gateway_policy::{Caller, Operation, Policy, compile};
use serde_json::Value;

use crate::outcome::{Fault, Outcome, Told};

/// How long the answer is, in bytes.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// What it takes under this configuration, in bytes.
pub(crate) fn extra_bytes(config: &Value) -> Outcome<f64> {
    let file = tempfile::NamedTempFile::new().told("a file")?;
    std::fs::write(file.path(), config.to_string()).told("the configuration")?;
    let mut command = Command::new(std::env::current_exe().told("this program")?);
    let output = command.arg("pieces").arg("--config").arg(file.path()).output().told("pieces")?;
    if !output.status.success() {
        return Err(Fault(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().told("a number of bytes")
}

/// Masks the answer, half of it in a text and half of it as data, with something to find in a row of forty, and tells how
/// much more the process had in RAM at most than before.
pub(crate) fn run(config: &Path, tell: fn(&str)) -> Outcome<()> {
    let text = std::fs::read_to_string(config).told("the configuration")?;
    let config = serde_json::from_str(&text).told("the configuration")?;
    let policy = compile(config).map_err(|problems| format!("{problems:?}")).told("the configuration")?;
    drop(text);
    let mut measured =
        Measured { policy: &policy, stream: Stream::new(Id::Number(1)), most: 0, masked: 0, sent: 0 };
    let before = anonymous_bytes()?;
    measured.push(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"rows\":["#)?;
    measured.rows(ANSWER_BYTES / 2, true)?;
    measured.push(r#"]}"}],"structuredContent":{"rows":["#)?;
    measured.rows(ANSWER_BYTES, false)?;
    measured.push("]}}}")?;
    let Measured { mut stream, most, masked, .. } = measured;
    stream.finish(&mut |message| Some(masks(&policy, message))).told("the end of the answer")?;
    if masked == 0 {
        return Err(Fault("nothing was masked".to_owned()));
    }
    tell(&most.saturating_sub(before).to_string());
    Ok(())
}

struct Measured<'p> {
    policy: &'p Policy,
    stream: Stream,
    most: u64,
    masked: u32,
    sent: usize,
}

impl Measured<'_> {
    /// Sends rows until so many bytes were sent.
    fn rows(&mut self, until: usize, is_text: bool) -> Outcome<()> {
        let mut number = 0_usize;
        while self.sent < until {
            let comma = if number > 0 { "," } else { "" };
            let sign = if number.is_multiple_of(40) { "@" } else { " at " };
            let row = format!(
                r#"{comma}{{"id":{number},"name":"row number {number}","contact":"row{number}{sign}example.com","open":true}}"#
            );
            let row = if is_text { row.replace('"', "\\\"") } else { row };
            self.push(&row)?;
            number += 1;
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Outcome<()> {
        let Self { policy, stream, .. } = self;
        let parts = stream.push(text.as_bytes(), &mut |message| Some(masks(policy, message)));
        let parts = parts.told("a piece of the answer")?;
        self.sent += text.len();
        if !parts.is_empty() {
            self.most = self.most.max(anonymous_bytes()?);
            self.masked += parts.iter().flat_map(|part| part.masked.counts().values()).sum::<u32>();
        }
        Ok(())
    }
}

fn masks(policy: &Policy, message: &Message) -> Shown {
    let operation = Operation::Tool { name: "query".to_owned() };
    show(policy, &Caller::anonymous(), Some(&operation), &[], None, message, 0)
}

/// What this process has in RAM that is in no file (RssAnon), in bytes.
fn anonymous_bytes() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status").told("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).told("RssAnon")?;
    let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().told("RssAnon")?;
    Ok(kibibytes * 1024)
}
