//! What approvers are shown of a call: its arguments as they will be sent, whole, or with hidden values counted.

use std::collections::BTreeMap;

use bytes::Bytes;
use lychgate_crds::approval::{Hidden, MAXIMUM_ARGUMENTS};
use lychgate_gateway_mcp::json::canonical::visible;
use lychgate_gateway_mcp::json::{Document, Kind, Value};
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::config::Direction;
use lychgate_gateway_policy::mask::{Audience, Context, Known, mask};
use lychgate_gateway_policy::{Call, Policy};

use super::refusal::Refusal;
use crate::ticket::limits;

/// The most places of hidden values that are listed; what is beyond is counted at the root.
const MAXIMUM_PLACES: usize = 64;
/// The longest path that is written out, in characters; what is below is counted at its end.
const MAXIMUM_PATH: usize = 512;
/// Members of `params` that say what is called, which stands elsewhere, or that change nothing about it.
const ASIDE: [&str; 3] = ["name", "uri", "_meta"];

/// What approvers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The arguments; none if there are none.
    pub arguments: Option<String>,
    /// How many values are hidden where.
    pub hidden: Vec<Hidden>,
}

/// The arguments of a call as one JSON text. Where `params` has more that the server would act on (answers to its
/// questions, a task, state), it is an object of all of them.
#[must_use]
pub fn substance(message: &Message) -> Option<String> {
    let raw = |value: Value<'_>| String::from_utf8_lossy(value.raw()).into_owned();
    let params = message.params()?;
    let members = || params.members().filter(|member| !ASIDE.iter().any(|name| member.key.is_text(name)));
    let arguments = params.get("arguments");
    if members().count() == usize::from(arguments.is_some()) {
        return arguments.map(raw);
    }
    let all: Vec<String> =
        members().map(|member| format!("{}:{}", raw(member.key), raw(member.value))).collect();
    Some(format!("{{{}}}", all.join(",")))
}

/// A message as it will be sent, and as people may see it: with tokens in the place of the values that it holds.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    /// With values.
    pub sent: &'a Message,
    /// With tokens; the same where there are none.
    pub told: &'a Message,
}

/// What approvers see of a message. What stands there as a token is hidden.
///
/// # Errors
/// It is longer than they could be shown, or cannot be masked.
pub fn shown(
    policy: &Policy,
    call: &Call,
    Sent { sent, told }: Sent<'_>,
    masked: bool,
    known: &[Known],
) -> Result<Shown, Refusal> {
    let Some(whole) = substance(sent) else { return Ok(Shown { arguments: None, hidden: Vec::new() }) };
    let unreadable = || Refusal::Unavailable("the arguments cannot be read again".to_owned());
    let parse = |text: String| Document::parse(Bytes::from(text), limits(policy)).map_err(|_| unreadable());
    let whole = parse(whole)?;
    let (text, hidden) = if masked {
        let context = Context {
            audience: Audience::Record,
            direction: Direction::Request,
            operation: Some(call.meant()),
            known,
            tokens: call.tokens(),
            // For approvers, as for the record, no condition is asked.
            now: 0,
        };
        let masked = mask(policy.masking(), &context, told);
        if masked.is_refusal() {
            return Err(Refusal::Unavailable("the arguments cannot be masked for approvers".to_owned()));
        }
        let masked = Message::parse(masked.into_bytes(), limits(policy)).map_err(|_| unreadable())?;
        let left = parse(substance(&masked).ok_or_else(unreadable)?)?;
        let mut places = BTreeMap::new();
        compare(whole.root(), left.root(), "$", &mut places);
        (visible(left.root()), list(places))
    } else {
        let left = parse(substance(told).ok_or_else(unreadable)?)?;
        let mut places = BTreeMap::new();
        compare(whole.root(), left.root(), "$", &mut places);
        (visible(left.root()), list(places))
    };
    let characters = text.chars().count();
    if characters > MAXIMUM_ARGUMENTS {
        return Err(Refusal::TooLong { characters });
    }
    Ok(Shown { arguments: Some(text), hidden })
}

/// A name with every character escaped that an approver would not see.
#[must_use]
pub fn plain(name: &str) -> String {
    let quoted = lychgate_gateway_mcp::json::quote(name);
    let length = quoted.len();
    let document =
        Document::parse(Bytes::from(quoted), lychgate_gateway_mcp::json::Limits::with_bytes(length));
    let text = document.map(|document| visible(document.root())).unwrap_or_default();
    let escaped = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    // Quotes and backslashes of the name itself are seen as they are.
    if escaped.contains(r"\u") || name.contains(['\n', '\t']) { escaped.to_owned() } else { name.to_owned() }
}

/// Counts what `left` hides of `whole`, by its place. Masking keeps members and items in their order.
fn compare(whole: Value<'_>, left: Value<'_>, path: &str, places: &mut BTreeMap<String, i32>) {
    let same_shape = whole.kind() == left.kind() && whole.len() == left.len();
    match whole.kind() {
        Kind::Object if same_shape && !whole.is_empty() => {
            for (one, other) in whole.members().zip(left.members()) {
                let name = other.key.text().unwrap_or_default();
                let below = format!("{path}.{}", plain(&name));
                let below = if below.chars().count() > MAXIMUM_PATH { path.to_owned() } else { below };
                if one.key.text() != other.key.text() {
                    count(&below, places);
                }
                compare(one.value, other.value, &below, places);
            }
        }
        Kind::Array if same_shape && !whole.is_empty() => {
            let below = format!("{path}[*]");
            let below = if below.chars().count() > MAXIMUM_PATH { path.to_owned() } else { below };
            for (one, other) in whole.items().zip(left.items()) {
                compare(one, other, &below, places);
            }
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array | Kind::Object => {
            if visible(whole) != visible(left) {
                count(path, places);
            }
        }
    }
}

fn count(path: &str, places: &mut BTreeMap<String, i32>) {
    let counted = places.entry(path.to_owned()).or_default();
    *counted = counted.saturating_add(1);
}

fn list(places: BTreeMap<String, i32>) -> Vec<Hidden> {
    let over = places.len() > MAXIMUM_PLACES;
    let listed = if over { MAXIMUM_PLACES - 1 } else { MAXIMUM_PLACES };
    let rest: i32 = places.values().skip(listed).fold(0, |sum, count| sum.saturating_add(*count));
    let mut hidden: Vec<Hidden> =
        places.into_iter().take(listed).map(|(path, count)| Hidden { path, count }).collect();
    if rest > 0 {
        match hidden.iter_mut().find(|hidden| hidden.path == "$") {
            Some(root) => root.count = root.count.saturating_add(rest),
            None => hidden.insert(0, Hidden { path: "$".to_owned(), count: rest }),
        }
    }
    hidden
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::{Sent, plain, shown, substance};
    use crate::approval::refusal::Refusal;
    use crate::approval::testing;
    use bytes::Bytes;
    use lychgate_gateway_mcp::json::Limits;
    use lychgate_gateway_mcp::message::Message;
    use lychgate_gateway_policy::Call;
    use lychgate_gateway_policy::config::MaskingRule;

    fn message(params: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        Message::parse(Bytes::from(text), Limits::with_bytes(1 << 20)).unwrap()
    }

    #[test]
    fn what_a_server_would_act_on_is_the_substance_of_a_call() {
        for (params, expected) in [
            (r#"{"name":"q"}"#, None),
            (r#"{"name":"q","arguments":{"a": 1}}"#, Some(r#"{"a": 1}"#)),
            (r#"{"name":"q","_meta":{"progressToken":7},"arguments":{}}"#, Some("{}")),
            (
                r#"{"name":"q","arguments":{},"inputResponses":{"x":1}}"#,
                Some(r#"{"arguments":{},"inputResponses":{"x":1}}"#),
            ),
            (r#"{"name":"q","task":{}}"#, Some(r#"{"task":{}}"#)),
        ] {
            assert_eq!(substance(&message(params)).as_deref(), expected, "{params}");
        }
    }

    #[test]
    fn approvers_see_all_of_the_arguments_or_how_much_is_hidden_where_and_never_a_part() {
        let rule: MaskingRule = serde_json::from_str(
            r#"{"name":"r","directions":["Response"],"detectors":[{"type":"Email","action":{"redact":{}}}],
                "fields":[{"keys":["secret"],"action":{"redact":{}}}]}"#,
        )
        .unwrap();
        let policy = testing::policy(|config| config.masking = vec![rule]);
        let see = |arguments: &str, masked| {
            let sent = message(&format!(r#"{{"name":"q","arguments":{arguments}}}"#));
            let call = Call::new(sent.clone()).unwrap();
            shown(&policy, &call, Sent { sent: &sent, told: &sent }, masked, &[])
        };
        let arguments = r#"{"to":["a@example.com","b@example.com","c"],"deep":{"secret":{"x":1}},"n":1.0}"#;
        let full = see(arguments, false).unwrap();
        let whole = r#"{"deep":{"secret":{"x":1}},"n":1,"to":["a@example.com","b@example.com","c"]}"#;
        assert_eq!((full.arguments.as_deref(), full.hidden.len()), (Some(whole), 0));
        let masked = see(arguments, true).unwrap();
        let left = r#"{"deep":{"secret":{}},"n":1,"to":["[REDACTED:Email]","[REDACTED:Email]","c"]}"#;
        assert_eq!(masked.arguments.as_deref(), Some(left));
        let hidden: Vec<_> = masked.hidden.iter().map(|it| (it.path.as_str(), it.count)).collect();
        assert_eq!(hidden, [("$.deep.secret", 1), ("$.to[*]", 2)]);

        // What the caller has sent as a token is hidden, and the token is shown.
        let [sent, told] =
            ["90000", "[TOKEN:x]"].map(|to| message(&format!(r#"{{"arguments":{{"to":"{to}"}}}}"#)));
        let call = Call::opening(message(r#"{"name":"q"}"#), |_| None).unwrap();
        for masked in [false, true] {
            let seen = shown(&policy, &call, Sent { sent: &sent, told: &told }, masked, &[]).unwrap();
            assert_eq!(seen.arguments.as_deref(), Some(r#"{"to":"[TOKEN:x]"}"#));
            assert_eq!((seen.hidden[0].path.as_str(), seen.hidden[0].count), ("$.to", 1));
        }

        let many: Vec<String> =
            (0..100).map(|number| format!(r#""k{number:03}":"a{number}@example.com""#)).collect();
        let many = see(&format!("{{{}}}", many.join(",")), true).unwrap().hidden;
        assert_eq!((many.len(), many.iter().map(|it| it.count).sum::<i32>()), (64, 100));
        assert!(many.iter().any(|it| it.path == "$" && it.count == 37));

        let text = |characters: usize| format!(r#"{{"a":"{}"}}"#, "é".repeat(characters));
        assert!(see(&text(8192 - 8), false).is_ok());
        assert!(matches!(see(&text(8192 - 7), false), Err(Refusal::TooLong { characters: 8193 })));
    }

    #[test]
    fn a_name_is_shown_as_it_is_unless_something_in_it_would_not_be_seen() {
        for (name, expected) in [
            ("execute_sql", "execute_sql"),
            (r#"a"b\c"#, r#"a"b\c"#),
            ("drop\u{202e}lqs", r"drop\u202elqs"),
            ("a\u{1b}[2J", r"a\u001b[2J"),
            ("a\nb", r"a\nb"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }
}
