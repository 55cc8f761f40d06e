//! Values in the place of tokens: what a caller's message means in the session that its tokens were made for.
//!
//! Tokens are turned back in the values that a server works with, also inside longer texts and in texts that are JSON, and
//! before anything is judged. What the record and people are shown is the message as it came. A token that does not open is
//! told with its place. How a token is made is the business of `mask`.

use std::borrow::Cow;

use bytes::Bytes;
use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, Document, Edits, Kind, Limits, Value, quote};
use lychgate_gateway_mcp::message::Message;
use zeroize::Zeroizing;

use crate::mask::token::{may_be_in, written};
use crate::mask::{Known, Tokens, looks_like_json};

/// The most different values of one message: each is looked for in all of the answer.
const MAXIMUM_VALUES: usize = 64;
/// How many texts inside each other are opened as JSON, as masking does by default.
const MAXIMUM_NESTING: usize = 3;
/// The members of `params` that hold what a server works with. All else is the protocol's, or names what is called.
const MEMBERS: [&str; 4] = ["arguments", "context", "inputResponses", "uri"];
/// Names of members that stand in a place as they are: short, and of letters and underscores alone.
const LONGEST_NAME: usize = 32;

/// A message with values in the place of tokens.
pub(crate) struct Restored {
    pub(crate) message: Message,
    /// What must not come back as it is.
    pub(crate) values: Vec<Known>,
}

impl std::fmt::Debug for Restored {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Restored").field("values", &self.values.len()).finish_non_exhaustive()
    }
}

/// A token that is not turned back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unopened {
    place: String,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is none of this session's.
    Foreign,
    /// It stands in the name of a member.
    InName,
    /// There are too many.
    TooMany,
}

impl Unopened {
    /// What the caller is told. It repeats nothing that he sent but names of members.
    pub(crate) fn sentence(&self) -> String {
        let place = &self.place;
        match self.why {
            Why::Foreign => format!(
                "Not sent: {place} holds a [TOKEN:…] that stands for no value here. It is of another session, caller or \
                 connection, or too old, or not as it was given to you. Get the value again, and send its token as it stands"
            ),
            Why::InName => format!(
                "Not sent: a name in {place} holds a [TOKEN:…], which is turned back in values alone. Put it into a value"
            ),
            Why::TooMany => format!(
                "Not sent: with {place}, this call holds more than {MAXIMUM_VALUES} different values as [TOKEN:…]. Send fewer \
                 at once"
            ),
        }
    }
}

/// The message with values in the place of its tokens; `None` if it holds none.
///
/// # Errors
/// The first token that is not turned back. Without `tokens` none is.
pub(crate) fn restored(message: &Message, tokens: Option<&Tokens>) -> Result<Option<Restored>, Unopened> {
    if !may_be_in(message.bytes()) {
        return Ok(None);
    }
    let mut search = Search { tokens, place: String::new(), values: Vec::new(), edits: Edits::new() };
    for (place, value) in places(message) {
        search.place = place;
        search.value(value, 0)?;
    }
    if search.edits.is_empty() {
        return Ok(None);
    }
    let unwritable = Unopened { place: "the message".to_owned(), why: Why::Foreign };
    let bytes = search.edits.apply(message.bytes()).map_err(|_| unwritable.clone())?;
    let limits = Limits { bytes: bytes.len(), ..Limits::with_bytes(0) };
    let message = Message::parse(bytes, limits).map_err(|_| unwritable)?;
    let values = search.values.iter().map(|value| Known::restored(value)).collect();
    Ok(Some(Restored { message, values }))
}

/// `text`, a part of a message that holds no other tokens than the message does, with values in their place.
pub(crate) fn restored_text<'t>(text: &'t str, tokens: Option<&Tokens>) -> Option<Cow<'t, str>> {
    let mut search = Search { tokens, place: String::new(), values: Vec::new(), edits: Edits::new() };
    let restored = search.text(text, 0).ok()?;
    Some(restored.map_or(Cow::Borrowed(text), Cow::Owned))
}

/// Where tokens are turned back.
fn places(message: &Message) -> Vec<(String, Value<'_>)> {
    if let Some(result) = message.result() {
        return vec![("result".to_owned(), result)];
    }
    let Some(params) = message.params() else { return Vec::new() };
    let inner = |outer: &str, inner: &str| {
        let value = params.get(outer).and_then(|value| value.get(inner));
        value.map(|value| (format!("params.{outer}.{inner}"), value))
    };
    let own = |name: &str| params.get(name).map(|value| (format!("params.{name}"), value));
    // Of a completion's argument the name is the protocol's.
    let others = [inner("argument", "value"), inner("notifications", "resourceSubscriptions")];
    MEMBERS.into_iter().filter_map(own).chain(others.into_iter().flatten()).collect()
}

struct Search<'t> {
    tokens: Option<&'t Tokens>,
    /// The place of the value in hand.
    place: String,
    values: Vec<Zeroizing<String>>,
    edits: Edits,
}

impl Search<'_> {
    /// Depth is bounded by the limits that documents are read with.
    fn value(&mut self, value: Value<'_>, nesting: usize) -> Result<(), Unopened> {
        match value.kind() {
            Kind::String => {
                let text = value.text().unwrap_or_default();
                if let Some(restored) = self.text(&text, nesting)? {
                    self.edits.replace(value.span(), quote(&restored));
                }
            }
            Kind::Object => {
                for member in value.members() {
                    let name = member.key.text().unwrap_or_default();
                    if written(&name).next().is_some() {
                        return Err(self.unopened(Why::InName));
                    }
                    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
                    let is_told =
                        !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_plain);
                    self.enter(&format!(".{}", if is_told { &name } else { "*" }), member.value, nesting)?;
                }
            }
            Kind::Array => {
                for (index, item) in value.items().enumerate() {
                    self.enter(&format!("[{index}]"), item, nesting)?;
                }
            }
            Kind::Null | Kind::Bool | Kind::Number => {}
        }
        Ok(())
    }

    fn enter(&mut self, step: &str, value: Value<'_>, nesting: usize) -> Result<(), Unopened> {
        let length = self.place.len();
        self.place.push_str(step);
        self.value(value, nesting)?;
        self.place.truncate(length);
        Ok(())
    }

    /// What a text becomes, if it changes. A value is put in as it is; in a text that is JSON, as JSON has it.
    fn text(&mut self, text: &str, nesting: usize) -> Result<Option<String>, Unopened> {
        if !may_be_in(text.as_bytes()) {
            return Ok(None);
        }
        if nesting < MAXIMUM_NESTING && looks_like_json(text) {
            let limits = Limits { bytes: usize::MAX, depth: DEFAULT_DEPTH };
            if let Ok(document) = Document::parse(Bytes::copy_from_slice(text.as_bytes()), limits) {
                return self.document(&document, nesting + 1);
            }
        }
        let mut restored = String::new();
        let mut done = 0;
        for written in written(text) {
            let opened = written.body.and_then(|body| self.tokens?.open(body));
            let value = opened.ok_or_else(|| self.unopened(Why::Foreign))?;
            restored.push_str(text.get(done..written.range.start).unwrap_or_default());
            restored.push_str(&value);
            done = written.range.end;
            self.note(value)?;
        }
        if done == 0 {
            return Ok(None);
        }
        restored.push_str(text.get(done..).unwrap_or_default());
        Ok(Some(restored))
    }

    fn document(&mut self, document: &Document, nesting: usize) -> Result<Option<String>, Unopened> {
        let outer = std::mem::take(&mut self.edits);
        self.value(document.root(), nesting)?;
        let edits = std::mem::replace(&mut self.edits, outer);
        if edits.is_empty() {
            return Ok(None);
        }
        let bytes = edits.apply(document.bytes()).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes.into()).ok());
        text.map(Some).ok_or_else(|| self.unopened(Why::Foreign))
    }

    fn note(&mut self, value: Zeroizing<String>) -> Result<(), Unopened> {
        if !self.values.contains(&value) {
            if self.values.len() == MAXIMUM_VALUES {
                return Err(self.unopened(Why::TooMany));
            }
            self.values.push(value);
        }
        Ok(())
    }

    fn unopened(&self, why: Why) -> Unopened {
        Unopened { place: self.place.clone(), why }
    }
}

#[cfg(test)]
mod tests;
