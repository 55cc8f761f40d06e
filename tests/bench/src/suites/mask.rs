//! How fast messages are read, masked and written with every detector, and how fast one automaton of regular expressions
//! finds forty of the same kinds in the same bytes, in the same process. The automaton reads no JSON, checks no check digit
//! and no context and replaces nothing, so that it does less; it is what one would reach for first.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use lychgate_gateway_mcp::json::Limits;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Known, Program, mask};
use lychgate_gateway_policy::{Caller, compile};
use regex_automata::MatchKind;
use regex_automata::meta::Regex;
use regex_automata::util::syntax;

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

/// A pattern for each of forty kinds, as their documentation describes them.
const PATTERNS: [&str; 40] = [
    r"\b(?:\d[ -]?){12,18}\d\b",
    r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,128}\.[A-Za-z]{2,16}",
    r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\+\d(?:[ ().-]{0,2}\d){7,14}\b",
    r"\(\d{3}\) ?\d{3}-\d{4}\b",
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\bgh[opusr]_[A-Za-z0-9]{36,255}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,255}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,255}",
    r"\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{2,4096}\.[A-Za-z0-9_-]{0,1024}",
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----",
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}\b",
    r"\bAIza[A-Za-z0-9_-]{35}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,64}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}",
    r"\bsk-ant-[A-Za-z0-9_-]{20,128}",
    r"\bsk-(?:proj-)?[A-Za-z0-9_-]{20,200}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_-]{50,255}",
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,128}:[^\s/@]{1,128}@",
    r"\b9\d{2}-\d{2}-\d{4}\b",
    r"\b\d{2}-\d{7}\b",
    r"\b[1-9][AC-HJKMNP-RT-Yac-hjkmnp-rt-y][AC-HJKMNP-RT-Y0-9]\d[A-Z][A-Z0-9]\d[A-Z]{2}\d{2}\b",
    r"\b\d{3} \d{3} \d{4}\b",
    r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    r"\b\d{3}[ -]\d{3}[ -]\d{3}\b",
    r"\b\d{4} \d{4} \d{4}\b",
    r"\b[A-Z]{5}\d{4}[A-Z]\b",
    r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b",
    r"\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b",
    r"\b\d{8}[A-HJ-NP-TV-Z]\b",
    r"\b[XYZ]\d{7}[A-Z]\b",
    r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
    r"\b[STFGM]\d{7}[A-Z]\b",
    r"\b[A-HJ-NPR-Z0-9]{17}\b",
    r"\b(?:bc1[a-z0-9]{25,62}|0x[0-9a-fA-F]{40})\b",
    r"(?i)\b(?:password|passwd|secret|api[_-]?key|token)\b\s{0,3}[:=]\s{0,3}\S{6,128}",
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
    figures.one("mask.p50_microseconds_2kib", Some(masked(program, &answer.into(), time)? * 1e6));
    let automaton = automaton()?;
    let bytes = if stage.is_quick { TEXT_BYTES / 32 } else { TEXT_BYTES };
    for texts in Texts::ALL {
        let message = Bytes::from(texts.message(bytes, CONTENT_BYTES));
        let megabytes = message.len() as f64 / 1e6;
        let ours = megabytes / masked(program, &message, time)?;
        let reference = megabytes
            / seconds_each(time, || {
                let _looked_at = black_box(automaton.find_iter(&message).count());
            });
        let key = |what: &str| format!("mask.{what}.{}", texts.name());
        figures.one(&key("megabytes_per_second"), Some(ours));
        figures.one(&key("ratio_to_regex_automata"), Some(ours / reference));
        texts.check(&found(program, &parse(&message)?))?;
    }
    Ok(figures)
}

/// The patterns in one automaton, with the classes and boundaries of ASCII, which are the faster ones.
fn automaton() -> Outcome<Regex> {
    let syntax = syntax::Config::new().unicode(false).utf8(false);
    let config = Regex::config().match_kind(MatchKind::LeftmostFirst).utf8_empty(false);
    Regex::builder().configure(config).syntax(syntax).build_many(&PATTERNS).told("the patterns")
}

fn parse(bytes: &Bytes) -> Outcome<Message> {
    Message::parse(bytes.clone(), Limits::with_bytes(2 * TEXT_BYTES)).told("a message")
}

/// How long a message is read and masked for its caller, in seconds.
fn masked(program: &Program, bytes: &Bytes, time: Duration) -> Outcome<f64> {
    let known = known();
    let caller = Caller::anonymous();
    let context = context(&caller, &known);
    if mask(program, &context, &parse(bytes)?).is_refusal() {
        return Err(Fault("a message that should be masked is refused".to_owned()));
    }
    Ok(seconds_each(time, || {
        let message = parse(black_box(bytes)).ok();
        let _looked_at = black_box(message.map(|message| mask(program, &context, &message).bytes().len()));
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
