//! What a server says of its tools, asked by the gateway itself: an approval is for a tool as it was defined, a pin is for
//! a tool as somebody has seen it, and a tool that the server does not list can have neither.
//!
//! The list is asked for in the caller's own era and session, with the connection's credentials, and kept for a short
//! while for each version of those.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use lychgate_gateway_mcp::headers::{MCP_METHOD, MCP_NAME, MCP_PARAM_PREFIX};
use lychgate_gateway_mcp::json::{Limits, quote};
use lychgate_gateway_mcp::message::{Form, Id, Message, request};
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::mask::Known;
use lychgate_gateway_policy::pinning::{Definition, Survey, survey};

use crate::fault::Fault;
use crate::schemas::Schemas;
use crate::sightings::Sightings;
use crate::upstream::Upstream;

/// How long a list is believed.
const LIFETIME: Duration = Duration::from_secs(30);
/// The most pages of one list.
const MAXIMUM_PAGES: usize = 64;
/// How many lists are kept; beyond, all are forgotten.
const MAXIMUM_LISTS: usize = 1024;
/// The gateway's own requests begin with this, which no SDK makes.
const ID_PREFIX: &str = "lychgate-tools-";

/// What a list is kept under: the connection, its server, the era, and the versions of the credentials.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListKey {
    /// `namespace/name`.
    pub connection: String,
    /// The server's URL.
    pub upstream: String,
    /// Whether it is asked as MCP 2026-07-28 does.
    pub modern: bool,
    /// The versions of the credentials.
    pub versions: Vec<String>,
}

/// Lists of tools, kept for a short while, and what was seen last in any list.
#[derive(Default)]
pub struct ToolLists {
    lists: Mutex<HashMap<ListKey, Kept>>,
    /// What servers said last.
    pub sightings: Sightings,
    /// What servers declare of answers.
    pub schemas: Schemas,
}

/// The tools of a list, by name.
type Tools = HashMap<String, Definition>;

struct Kept {
    since: Instant,
    tools: Tools,
}

/// How the server is asked.
pub struct Asking<'a> {
    /// The server.
    pub upstream: &'a Upstream,
    /// The headers of the caller's own request, with the credentials.
    pub headers: HeaderMap,
    /// The caller's request, whose `_meta` says what the era demands.
    pub message: &'a Message,
    /// What must not be told.
    pub known: &'a [Known],
    /// The limits of messages.
    pub limits: Limits,
}

impl ToolLists {
    /// A tool's definition, if a list that is still believed has it.
    #[must_use]
    pub fn kept(&self, key: &ListKey, tool: &str) -> Option<Definition> {
        let lists = self.lock();
        let kept = lists.get(key).filter(|kept| kept.since.elapsed() < LIFETIME)?;
        kept.tools.get(tool).cloned()
    }

    /// Asks for the list, keeps it, and gives the tool's definition; none if the server does not list it.
    ///
    /// # Errors
    /// The server does not answer, or not with a list.
    pub async fn ask(
        &self,
        key: &ListKey,
        tool: &str,
        asking: Asking<'_>,
    ) -> Result<Option<Definition>, Fault> {
        let tools = self.listed(&key.connection, key.modern, asking).await?;
        let found = tools.get(tool).cloned();
        let mut lists = self.lock();
        if lists.len() >= MAXIMUM_LISTS {
            lists.clear();
        }
        lists.insert(key.clone(), Kept { since: Instant::now(), tools });
        Ok(found)
    }

    /// Asks for the list, to learn what it declares.
    ///
    /// # Errors
    /// The server does not answer, or not with a list.
    pub async fn list(&self, connection: &str, modern: bool, asking: Asking<'_>) -> Result<(), Fault> {
        self.listed(connection, modern, asking).await.map(|_| ())
    }

    async fn listed(&self, connection: &str, modern: bool, asking: Asking<'_>) -> Result<Tools, Fault> {
        let known = asking.known;
        let tools = asking.list(modern, |page| self.schemas.learn(connection, page)).await?;
        self.schemas.asked(connection, true);
        let seen = Survey { tools: tools.values().cloned().collect(), ..Survey::default() };
        self.sightings.note(connection, &seen.without(known), true);
        Ok(tools)
    }

    /// Takes note of what a server says in an answer to `operation`, and gives what it says. A list that says something
    /// else than one that is kept ends the belief in that.
    #[must_use]
    pub fn relayed(
        &self,
        connection: &str,
        operation: Option<&Operation>,
        message: &Message,
        known: &[Known],
    ) -> Survey {
        self.schemas.relayed(connection, operation, message);
        let seen = survey(operation, message);
        if seen.is_empty() {
            return seen;
        }
        let contradicts = |kept: &Kept| {
            seen.tools
                .iter()
                .any(|tool| kept.tools.get(&tool.name).is_some_and(|kept| kept.hash != tool.hash))
        };
        self.lock().retain(|key, kept| key.connection != connection || !contradicts(kept));
        let seen = seen.without(known);
        self.sightings.note(connection, &seen, false);
        seen
    }

    /// The server says that its tools have changed.
    pub fn forget(&self, connection: &str) {
        self.lock().retain(|key, _| key.connection != connection);
        self.schemas.forget(connection);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ListKey, Kept>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asking<'_> {
    async fn list(mut self, modern: bool, on_page: impl Fn(&Message)) -> Result<Tools, Fault> {
        let besides =
            |name: &str| name == MCP_NAME || name == MCP_METHOD || name.starts_with(MCP_PARAM_PREFIX);
        let unfit: Vec<HeaderName> =
            self.headers.keys().filter(|name| besides(name.as_str())).cloned().collect();
        for name in unfit {
            self.headers.remove(name);
        }
        if modern {
            self.headers.insert(HeaderName::from_static(MCP_METHOD), HeaderValue::from_static("tools/list"));
        }
        let mut tools = HashMap::new();
        let mut cursor = None;
        for page in 0..MAXIMUM_PAGES {
            let id = Id::String(format!("{ID_PREFIX}{page}"));
            let params = self.params(modern, cursor.as_deref());
            let bytes = request(&id, "tools/list", Some(&params));
            let answer = self.upstream.ask(bytes, self.headers.clone(), &id, self.limits).await?;
            let has_more = read_page(&answer, &mut tools)?;
            on_page(&answer);
            if !has_more {
                return Ok(tools);
            }
            let next = answer.result().and_then(|result| result.get("nextCursor"));
            cursor = next.and_then(|next| next.text()).map(|next| next.into_owned());
        }
        Err(Fault::Rubbish(format!("a list of tools of more than {MAXIMUM_PAGES} pages")))
    }

    /// The parameters of a page. What the era demands in `_meta` is the caller's own, but for what belongs to his
    /// request alone.
    fn params(&self, modern: bool, cursor: Option<&str>) -> String {
        let cursor = cursor.map(|cursor| format!(r#""cursor":{}"#, quote(cursor)));
        let raw = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let meta = self.message.meta().filter(|_| modern).map(|meta| {
            let kept = meta.members().filter(|member| !member.key.is_text("progressToken"));
            let kept: Vec<String> =
                kept.map(|member| format!("{}:{}", raw(member.key.raw()), raw(member.value.raw()))).collect();
            format!(r#""_meta":{{{}}}"#, kept.join(","))
        });
        let members: Vec<String> = cursor.into_iter().chain(meta).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// Takes the tools of a page, and says whether there is another.
fn read_page(answer: &Message, tools: &mut Tools) -> Result<bool, Fault> {
    let rubbish = |what: &str| Fault::Rubbish(format!("to the gateway's own tools/list: {what}"));
    let result = match answer.form() {
        Form::Response { .. } => answer.result().ok_or_else(|| rubbish("no result"))?,
        Form::Request { .. } | Form::Notification { .. } | Form::Error { .. } => {
            return Err(rubbish("an error"));
        }
    };
    let listed = result.get("tools").ok_or_else(|| rubbish("no tools"))?;
    for tool in listed.items() {
        let definition = Definition::of(tool).ok_or_else(|| rubbish("a tool without name"))?;
        if tools.insert(definition.name.clone(), definition).is_some() {
            return Err(rubbish("two tools of one name"));
        }
    }
    Ok(result.get("nextCursor").is_some_and(|next| next.text().is_some_and(|next| !next.is_empty())))
}

/// Whether a message of the server says that its tools have changed.
#[must_use]
pub fn tells_of_change(message: &Message) -> bool {
    message.method() == Some("notifications/tools/list_changed")
}

/// Reads one message of an answer that may hold others before it.
pub(crate) fn find_answer(bytes: Bytes, id: &Id, limits: Limits) -> Result<Option<Message>, Fault> {
    let message = Message::parse(bytes, limits).map_err(|error| Fault::Rubbish(error.to_string()))?;
    let is_answer = match message.form() {
        Form::Response { id: answered } => answered == id,
        Form::Error { id: answered } => answered.as_ref().is_none_or(|answered| answered == id),
        Form::Request { .. } | Form::Notification { .. } => false,
    };
    Ok(is_answer.then_some(message))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Kept, ListKey, ToolLists, Tools, read_page, tells_of_change};
    use bytes::Bytes;
    use lychgate_gateway_mcp::json::Limits;
    use lychgate_gateway_mcp::message::Message;
    use lychgate_gateway_policy::Operation;
    use lychgate_gateway_policy::call::ListKind;
    use std::time::Instant;

    fn message(text: &str) -> Message {
        Message::parse(Bytes::copy_from_slice(text.as_bytes()), Limits::with_bytes(10_000)).unwrap()
    }

    fn listed(tools: &str) -> Result<(Tools, bool), String> {
        let mut found = Tools::new();
        let answer = message(&format!(r#"{{"jsonrpc":"2.0","id":"x","result":{{{tools}}}}}"#));
        read_page(&answer, &mut found).map(|more| (found, more)).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_no_list_is_refused_and_a_cursor_tells_of_another_page() {
        assert!(listed(r#""tools":[{"name":"q"}],"nextCursor":"2""#).unwrap().1);
        assert!(!listed(r#""tools":[]"#).unwrap().1);
        for (wrong, expected) in [
            ("", "no tools"),
            (r#""tools":[{}]"#, "a tool without name"),
            (r#""tools":[{"name":"q"},{"name":"q"}]"#, "two tools of one name"),
        ] {
            assert!(listed(wrong).unwrap_err().contains(expected), "{wrong}");
        }
        let error = message(r#"{"jsonrpc":"2.0","id":"x","error":{"code":-1,"message":"no"}}"#);
        assert!(read_page(&error, &mut Tools::new()).is_err());
    }

    #[test]
    fn a_list_is_forgotten_when_its_server_tells_of_a_change() {
        let changed = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
        assert!(tells_of_change(&message(changed)));
        assert!(!tells_of_change(&message(r#"{"jsonrpc":"2.0","method":"notifications/message"}"#)));
        let lists = ToolLists::default();
        for connection in ["a/one", "a/two"] {
            keep(&lists, connection);
        }
        lists.forget("a/one");
        assert_eq!(lists.kept(&key("a/one"), "q"), None);
        assert!(lists.kept(&key("a/two"), "q").is_some());
        assert_eq!(lists.kept(&key("a/two"), "other"), None);
    }

    fn key(connection: &str) -> ListKey {
        ListKey {
            connection: connection.to_owned(),
            upstream: "u".to_owned(),
            modern: false,
            versions: vec![],
        }
    }

    fn keep(lists: &ToolLists, connection: &str) {
        let tools = listed(r#""tools":[{"name":"q"}]"#).unwrap().0;
        lists.lock().insert(key(connection), Kept { since: Instant::now(), tools });
    }

    #[test]
    fn a_list_is_not_believed_any_more_when_a_caller_was_told_something_else() {
        let lists = ToolLists::default();
        for connection in ["a/one", "a/two"] {
            keep(&lists, connection);
        }
        let relayed = |list: &str| {
            let message = message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{list}}}}}"#));
            let seen = lists.relayed("a/one", Some(&Operation::List(ListKind::Tools)), &message, &[]);
            assert!(seen.lists_tools);
        };
        relayed(r#""tools":[{"name":"q"},{"name":"new"}]"#);
        assert!(lists.kept(&key("a/one"), "q").is_some(), "it says the same of q");
        relayed(r#""tools":[{"name":"q","description":"now"}]"#);
        assert_eq!(lists.kept(&key("a/one"), "q"), None);
        assert!(lists.kept(&key("a/two"), "q").is_some());
    }
}
