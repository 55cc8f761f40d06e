//! What a server says of one tool, as one hash, and where in it characters are that nobody sees.

use aws_lc_rs::digest;
use lychgate_gateway_mcp::json::canonical::{canonical_without, is_hidden};
use lychgate_gateway_mcp::json::{Kind, Value};

use super::hidden::{self, Hidden};

/// The most places with hidden characters that are told of one item.
pub const MAXIMUM_PLACES: usize = 8;
/// The longest path of a place, in characters.
const MAXIMUM_PATH_LENGTH: usize = 120;
/// Members of a definition that are not part of it. `_meta` is for programs, and may hold what changes with each
/// answer; `icons` are for eyes, and their URLs may be signed anew each time. Neither is shown to a model.
const LEFT_OUT: [&str; 2] = ["_meta", "icons"];

/// What a server says of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The tool's name.
    pub name: String,
    /// SHA-256 of the definition, in 64 hexadecimal digits in lower case: of the item of `tools/list` as one text for
    /// all spellings ([`lychgate_gateway_mcp::json::canonical`]), without its members `_meta` and `icons`. So every
    /// other member counts, also one that no revision knows yet: a model may read it.
    pub hash: String,
    /// The first places with characters that people do not see.
    pub hidden: Vec<Hidden>,
}

impl Definition {
    /// Reads an item of a list of tools; nothing if it has no name.
    #[must_use]
    pub fn of(item: Value<'_>) -> Option<Self> {
        let name = item.get("name").and_then(Value::text)?.into_owned();
        let text = canonical_without(item, &LEFT_OUT);
        let hash = hex::encode(digest::digest(&digest::SHA256, text.as_bytes()));
        Some(Self { name, hash, hidden: places(item) })
    }
}

/// Whether a text is the hash of a definition.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
}

/// The first places of an item, at any depth and also in names of members, with characters that people do not see.
pub(super) fn places(item: Value<'_>) -> Vec<Hidden> {
    let mut found = Vec::new();
    look(item, "", &LEFT_OUT, &mut found);
    found
}

/// Depth is bounded by the limits that the message was read with.
fn look(value: Value<'_>, path: &str, left_out: &[&str], found: &mut Vec<Hidden>) {
    if found.len() >= MAXIMUM_PLACES {
        return;
    }
    match value.kind() {
        Kind::Null | Kind::Bool | Kind::Number => {}
        Kind::String => {
            found.extend(value.text().and_then(|text| hidden::find(&text)).map(|run| run.at(path)));
        }
        Kind::Array => {
            for (index, item) in value.items().enumerate() {
                look(item, &joined(path, &format!("[{index}]")), &[], found);
            }
        }
        Kind::Object => {
            for member in value.members() {
                let name = member.key.text().unwrap_or_default();
                if left_out.contains(&name.as_ref()) {
                    continue;
                }
                let dot = if path.is_empty() { "" } else { "." };
                let place = joined(path, &format!("{dot}{}", escaped(&name)));
                if let Some(run) = hidden::find(&name).filter(|_| found.len() < MAXIMUM_PLACES) {
                    found.push(run.at(&format!("{place} (the name itself)")));
                }
                look(member.value, &place, &[], found);
            }
        }
    }
}

fn joined(path: &str, step: &str) -> String {
    let length = path.chars().count();
    if length >= MAXIMUM_PATH_LENGTH {
        return path.to_owned();
    }
    let mut joined = path.to_owned();
    joined.extend(step.chars().take(MAXIMUM_PATH_LENGTH - length));
    joined
}

/// A name from outside as it may be shown: with its number for each character that is not seen or that a terminal
/// obeys.
pub(super) fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if is_hidden(character) || character.is_control() {
            text.extend(character.escape_unicode());
        } else {
            text.push(character);
        }
    }
    text
}
