//! How fast messages are masked, with every detector, and how fast one automaton of regular expressions finds the
//! same kinds in the same bytes, in the same process. The automaton checks no check digit and replaces nothing, so
//! that it does less; it is what one would reach for first.

use std::hint::black_box;
use std::time::Duration;

use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Known, Program, mask};
use lychgate_gateway_policy::{Caller, compile};
use regex_automata::meta::Regex;

use super::timing::seconds_each;
use crate::outcome::{Fault, Outcome, Told};
use crate::report::Figures;
use crate::stage::Stage;
use crate::texts::Texts;
use crate::traffic::{Size, Template};

/// How long each text is, in bytes.
const TEXT_BYTES: usize = 8 * 1024 * 1024;
/// A text has this many bytes for each content of its message.
const CONTENT_BYTES: usize = 4096;

/// One pattern for each kind that there is a detector for, as their documentation describes them.
const PATTERNS: [&str; 12] = [
    r"\b(?:\d[ -]?){11,18}\d\b",
    r"[\w.!#$%'*+^~-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+",
    r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,4})?\b",
    r"\b\d{3}([ -])\d{2}[ -]\d{4}\b",
    r"\+\d(?:[ ().-]?\d){7,14}\b",
    r"\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{36,255})\b",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,250}",
    r"hooks\.slack\.com/services/[A-Za-z0-9/]{20,100}",
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
];

pub(crate) fn run(stage: &Stage) -> Outcome<Figures> {
    let config = stage.folders()?.config();
    let read = || serde_json::from_value(config.clone()).told("the configuration");
    let policy = compile(read()?).map_err(|problems| format!("{problems:?}")).told("the configuration")?;
    let program = policy.masking();
    let time = stage.seconds(0.1);
    let mut figures = Figures::default();
    let compiled = seconds_each(time, || {
        let _looked_at = black_box(read().ok().map(|config| compile(config).is_ok()));
    });
    figures.one("mask.compile_milliseconds", Some(compiled * 1e3));
    let answer = Template::of_size(Size::Kibibytes2).told("an answer")?.fill(b"10000000");
    let small = parse(answer)?;
    figures.one("mask.p50_microseconds_2kib", Some(masked(program, &small, time)? * 1e6));
    let automaton = Regex::new_many(&PATTERNS).told("the patterns")?;
    let bytes = if stage.is_quick { TEXT_BYTES / 32 } else { TEXT_BYTES };
    for texts in Texts::ALL {
        let message = parse(texts.message(bytes, CONTENT_BYTES))?;
        let megabytes = message.bytes().len() as f64 / 1e6;
        let ours = megabytes / masked(program, &message, time)?;
        let reference = megabytes
            / seconds_each(time, || {
                let _looked_at = black_box(automaton.find_iter(message.bytes()).count());
            });
        let key = |what: &str| format!("mask.{what}.{}", texts.name());
        figures.one(&key("megabytes_per_second"), Some(ours));
        figures.one(&key("ratio_to_regex_automata"), Some(ours / reference));
        texts.check(&found(program, &message))?;
    }
    Ok(figures)
}

fn parse(bytes: Vec<u8>) -> Outcome<Message> {
    Message::parse(bytes.into(), Limits::with_bytes(2 * TEXT_BYTES)).told("a message")
}

/// How long a message is masked for its caller, in seconds. It was read before.
fn masked(program: &Program, message: &Message, time: Duration) -> Outcome<f64> {
    let known = known();
    let caller = Caller::anonymous();
    let context = context(&caller, &known);
    if mask(program, &context, message).is_refusal() {
        return Err(Fault("a message that should be masked is refused".to_owned()));
    }
    Ok(seconds_each(time, || {
        let _looked_at = black_box(mask(program, &context, black_box(message)).bytes().len());
    }))
}

/// What is found in a message, by kind.
fn found(program: &Program, message: &Message) -> Vec<(String, u32)> {
    let (caller, known) = (Caller::anonymous(), known());
    mask(program, &context(&caller, &known), message).counts().clone().into_iter().collect()
}

fn context<'a>(caller: &'a Caller, known: &'a [Known]) -> Context<'a> {
    Context {
        audience: Audience::Caller(caller),
        direction: Direction::Response,
        operation: None,
        known,
        now: 0,
    }
}

/// A credential and a token, which are looked for in every message.
fn known() -> [Known; 2] {
    [Known::new("default", "a-credential-of-the-upstream"), Known::new("caller", &"t0ken".repeat(100))]
}
