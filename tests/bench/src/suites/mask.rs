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

use super::pieces;
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

/// A pattern for each of forty kinds, as their documentation describes them, a line each.
const PATTERNS: &str = include_str!("../../../../gateway/policy/benches/mask/patterns.txt");

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
    figures.one("mask.stream_64mib_extra_bytes", Some(pieces::extra_bytes(&config)?));
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
    Regex::builder()
        .configure(config)
        .syntax(syntax)
        .build_many(&PATTERNS.lines().collect::<Vec<_>>())
        .told("the patterns")
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
        tokens: None,
        now: 0,
    }
}

/// A credential and a token, which are looked for in every message.
fn known() -> [Known; 2] {
    [Known::new("default", "a-credential-of-the-upstream"), Known::new("caller", &"t0ken".repeat(100))]
}
