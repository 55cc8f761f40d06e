//! A masked answer to `tools/call`, held to the schema that its tool declares: clients check `structuredContent` against
//! it, and refuse an answer that does not fit.
//!
//! What fits is worked out by `lychgate-gateway-schema`, which shows nothing that was masked. Where nothing fits, the
//! answer becomes a result that says so, which no client checks.

use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, Edits, Limits, Span, Value, quote};
use lychgate_gateway_mcp::message::{Message, response};
use lychgate_gateway_schema::{Fit, Schema, Unfit};
use serde_json::Value as Tree;

use super::{Context, Masked, Program, explain, holds_known, mask, own_tool_error};

/// What is counted of places that are others so that an answer fits.
const FITTED: &str = "fitted";
/// What is counted of an answer for which nothing fits.
const UNFIT: &str = "unfit";
/// The longest pointer that is told, in characters.
const MAXIMUM_POINTER: usize = 200;

/// The member of a result that clients check.
const STRUCTURED: &str = "structuredContent";

/// Whether a masked answer may no longer fit the schema of its tool: whether anything was masked in what clients check.
#[must_use]
pub fn may_misfit(before: &Message, masked: &Masked) -> bool {
    // What nothing was masked in has the very bytes that came.
    if masked.is_refusal() || std::ptr::eq::<[u8]>(masked.bytes().as_ref(), before.bytes().as_ref()) {
        return false;
    }
    let Some(came) = structured(before) else { return false };
    let is_error = before.result().and_then(|result| result.get("isError")).and_then(Value::as_bool);
    if is_error == Some(true) {
        return false;
    }
    parse(masked).is_some_and(|after| structured(&after).is_none_or(|after| after.raw() != came.raw()))
}

/// A masked answer as it fits the schema, or what says that it does not. `before` is the answer as it came. For one that
/// did not fit before it was masked, nothing is done.
#[must_use]
pub fn fit(
    program: &Program,
    context: &Context<'_>,
    before: &Message,
    masked: Masked,
    schema: &Schema,
) -> Masked {
    let Some(after) = parse(&masked) else { return masked };
    let (Some(came), Some(current)) = (structured(before), structured(&after)) else { return masked };
    let tree = |value: Value<'_>| serde_json::from_slice::<Tree>(value.raw()).ok();
    let (Some(came), Some(now)) = (tree(came), tree(current)) else { return masked };
    match schema.fit(&came, &now, &|text| may_show(program, context, text)) {
        Fit::NotAsked | Fit::Fits => masked,
        Fit::Changed { document, places } => {
            let mut edits = Edits::new();
            write(current, &now, &document, &mut edits);
            let bytes = edits.apply(after.bytes()).ok();
            let written = bytes.and_then(|bytes| Message::parse(bytes, UNLIMITED).ok());
            // What a schema says may be a credential: that is shown to nobody, whoever says it.
            match written.filter(|written| !holds_known(written, context.known)) {
                Some(written) => {
                    let places = u32::try_from(places).unwrap_or(u32::MAX);
                    Masked { bytes: written.bytes().clone(), ..masked }.counting(FITTED, places)
                }
                None => {
                    let unfit = Unfit { pointer: String::new(), keyword: "required".to_owned() };
                    refuse(program, context, before, masked, &unfit)
                }
            }
        }
        Fit::Unfit(unfit) => refuse(program, context, before, masked, &unfit),
    }
}

const UNLIMITED: Limits = Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH };

fn parse(masked: &Masked) -> Option<Message> {
    Message::parse(masked.bytes().clone(), UNLIMITED).ok()
}

fn structured(message: &Message) -> Option<Value<'_>> {
    message.result()?.get(STRUCTURED)
}

/// Whether a text of a schema's making would be shown by the rules if a server sent it.
fn may_show(program: &Program, context: &Context<'_>, text: &str) -> bool {
    let content = format!(r#"{{"content":[{{"type":"text","text":{}}}]}}"#, quote(text));
    let answer = response(&lychgate_gateway_mcp::message::Id::Number(0), &content);
    Message::parse(answer, UNLIMITED)
        .is_ok_and(|message| mask(program, context, &message).bytes() == message.bytes())
}

/// Writes what is another in `wanted` than it is `now`. `current` is the latter, as it is spelled.
fn write(current: Value<'_>, now: &Tree, wanted: &Tree, edits: &mut Edits) {
    match (now, wanted) {
        _ if now == wanted => {}
        (Tree::Object(now), Tree::Object(wanted)) => {
            if now.keys().any(|name| !wanted.contains_key(name)) {
                edits.retain_members(current, |member| {
                    member.key.text().is_some_and(|name| wanted.contains_key(name.as_ref()))
                });
            }
            for (name, value) in wanted {
                match (now.get(name), current.get(name)) {
                    (Some(now), Some(current)) => write(current, now, value, edits),
                    (_, _) => edits.insert_member(current, name, value.to_string()),
                }
            }
        }
        (Tree::Array(now), Tree::Array(wanted)) if wanted.len() >= now.len() => {
            for ((current, now), wanted) in current.items().zip(now).zip(wanted) {
                write(current, now, wanted, edits);
            }
            let added: Vec<String> = wanted.iter().skip(now.len()).map(Tree::to_string).collect();
            if !added.is_empty() {
                let comma = if now.is_empty() { "" } else { "," };
                let end = current.span().end.saturating_sub(1);
                edits.replace(Span { start: end, end }, format!("{comma}{}", added.join(",")));
            }
        }
        (_, _) => edits.replace(current.span(), wanted.to_string()),
    }
}

/// The result in place of an answer for which nothing fits. It names the place, the keyword and what was masked there, and
/// no value.
fn refuse(
    program: &Program,
    context: &Context<'_>,
    before: &Message,
    masked: Masked,
    unfit: &Unfit,
) -> Masked {
    let Some(id) = before.id() else { return masked };
    let place = match unfit.pointer.as_str() {
        "" => "its root".to_owned(),
        pointer => pointer.chars().take(MAXIMUM_POINTER).collect(),
    };
    let kinds = kinds_at(program, context, before, &unfit.pointer);
    let kinds = if kinds.is_empty() { String::new() } else { format!(" (masked as {})", kinds.join(", ")) };
    let text = format!(
        "The policy of this connection masks values of this answer, and what would stand in their place does not fit the \
         outputSchema of the tool: structuredContent, at {place}{kinds}, keyword {}. The tool was called, and its answer \
         is not shown. Asking again changes nothing: whoever writes the MaskingRules of this connection should use \
         another action at that place, or exclude it",
        unfit.keyword,
    );
    let result = own_tool_error(id, &text, context.known);
    Masked { bytes: result.bytes, ..masked }.counting(UNFIT, 1)
}

/// What was masked at a place, or in it, by kind.
fn kinds_at(program: &Program, context: &Context<'_>, before: &Message, pointer: &str) -> Vec<String> {
    let mut path = format!("$.result.{STRUCTURED}");
    let mut at = structured(before);
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        let is_plain =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let index =
            at.filter(|at| at.kind() == lychgate_gateway_mcp::json::Kind::Array).and(name.parse().ok());
        path += &match index {
            Some(index) => format!("[{index}]"),
            None if is_plain => format!(".{name}"),
            None => format!("[{name:?}]"),
        };
        at = at.and_then(|at| index.map_or_else(|| at.get(&name), |index: usize| at.items().nth(index)));
    }
    let is_there = |found: &str| {
        let rest = found.strip_prefix(&path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[', ' ']))
    };
    let (_, found) = explain(program, context, before);
    let kinds = found.into_iter().filter(|found| is_there(&found.path)).map(|found| found.kind);
    kinds.collect::<std::collections::BTreeSet<String>>().into_iter().collect()
}

impl Masked {
    /// The same, with so many more of a kind counted.
    fn counting(mut self, kind: &str, count: u32) -> Self {
        let counted = self.counts.entry(kind.to_owned()).or_default();
        *counted = counted.saturating_add(count);
        self
    }

    /// Whether this says that nothing was found which fits the schema of its tool.
    #[must_use]
    pub fn is_unfit(&self) -> bool {
        self.counts.contains_key(UNFIT)
    }
}
