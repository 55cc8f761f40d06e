//! What servers declare of the answers of their tools (`outputSchema`): learned from lists that pass through and from the
//! gateway's own, and read when an answer was masked that clients hold to it.
//!
//! The list that was seen last counts: a client checks answers against the one that it was shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use lychgate_gateway_mcp::json::Value;
use lychgate_gateway_mcp::message::Message;
use lychgate_gateway_policy::Operation;
use lychgate_gateway_policy::call::ListKind;
use lychgate_gateway_policy::mask::{MAXIMUM_SCHEMA_BYTES, Schema};
use lychgate_gateway_policy::pinning::MAXIMUM_TOOLS;

/// How long what a list says of a tool is believed.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long a server that was asked and did not list its tools is not asked again.
const RETRY: Duration = Duration::from_secs(30);
/// Of how many connections something is kept; beyond, all is forgotten.
const MAXIMUM_CONNECTIONS: usize = 1024;
/// The most that is kept of the schemas of one connection, in bytes.
const MAXIMUM_BYTES: usize = 4 * 1024 * 1024;

/// What is declared, by connection (`namespace/name`).
#[derive(Default)]
pub struct Schemas(Mutex<HashMap<String, Declared>>);

/// What one server declares.
#[derive(Default)]
struct Declared {
    tools: HashMap<String, Tool>,
    /// When all of its tools were listed last.
    listed: Option<Instant>,
    /// When it was asked last in vain.
    failed: Option<Instant>,
}

struct Tool {
    since: Instant,
    schema: Option<Arc<Declaration>>,
}

/// A schema as it came, which is read once somebody wants to know.
pub struct Declaration {
    text: Box<[u8]>,
    read: OnceLock<Option<Schema>>,
}

impl Declaration {
    /// The schema, unless it cannot be used.
    #[must_use]
    pub fn schema(&self) -> Option<&Schema> {
        let read = || {
            let read = Schema::read(&self.text);
            read.inspect_err(|cause| tracing::warn!(%cause, "an outputSchema is not used")).ok()
        };
        self.read.get_or_init(read).as_ref()
    }
}

/// What is known of a tool.
pub enum Standing {
    /// The server has to be asked.
    Unknown,
    /// It declares nothing, or cannot be asked now.
    Undeclared,
    /// It declares this.
    Declared(Arc<Declaration>),
}

impl Schemas {
    /// Learns from an answer to `operation`, if it is a list of tools.
    pub fn relayed(&self, connection: &str, operation: Option<&Operation>, message: &Message) {
        if matches!(operation, Some(Operation::List(ListKind::Tools))) {
            self.learn(connection, message);
        }
    }

    /// Learns from a list of tools, or a page of one.
    pub fn learn(&self, connection: &str, list: &Message) {
        let Some(listed) = list.result().and_then(|result| result.get("tools")) else { return };
        let mut declared = self.lock();
        if declared.len() >= MAXIMUM_CONNECTIONS && !declared.contains_key(connection) {
            declared.clear();
        }
        let declared = declared.entry(connection.to_owned()).or_default();
        for tool in listed.items() {
            declared.see(tool);
        }
    }

    /// Notes that the server was asked for all of its tools, and whether it told them.
    pub fn asked(&self, connection: &str, has_told: bool) {
        let mut declared = self.lock();
        let declared = declared.entry(connection.to_owned()).or_default();
        let now = Some(Instant::now());
        if has_told {
            declared.listed = now;
        } else {
            declared.failed = now;
        }
    }

    /// What is known of a tool.
    #[must_use]
    pub fn find(&self, connection: &str, tool: &str) -> Standing {
        let declared = self.lock();
        let Some(declared) = declared.get(connection) else { return Standing::Unknown };
        let is_within = |since: Option<Instant>, time| since.is_some_and(|since| since.elapsed() < time);
        let known = declared.tools.get(tool).filter(|tool| tool.since.elapsed() < LIFETIME);
        match known.map(|tool| tool.schema.clone()) {
            Some(Some(schema)) => Standing::Declared(schema),
            Some(None) => Standing::Undeclared,
            None if is_within(declared.listed, LIFETIME) || is_within(declared.failed, RETRY) => {
                Standing::Undeclared
            }
            None => Standing::Unknown,
        }
    }

    /// The server says that its tools have changed.
    pub fn forget(&self, connection: &str) {
        self.lock().remove(connection);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Declared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Declared {
    fn see(&mut self, tool: Value<'_>) {
        let Some(name) = tool.get("name").and_then(Value::text) else { return };
        let text = tool.get("outputSchema").map(Value::raw).filter(|text| text.len() <= MAXIMUM_SCHEMA_BYTES);
        let kept = self.tools.get(name.as_ref()).and_then(|tool| tool.schema.as_ref());
        // What says the same need not be read anew.
        let kept = kept.filter(|kept| Some(kept.text.as_ref()) == text).cloned();
        let bytes: usize =
            self.tools.values().filter_map(|tool| tool.schema.as_ref()).map(|kept| kept.text.len()).sum();
        let is_known = self.tools.contains_key(name.as_ref());
        if !is_known && self.tools.len() >= MAXIMUM_TOOLS
            || bytes + text.map_or(0, <[u8]>::len) > MAXIMUM_BYTES
        {
            self.tools.clear();
        }
        let new = || text.map(|text| Arc::new(Declaration { text: text.into(), read: OnceLock::new() }));
        let schema = kept.or_else(new);
        self.tools.insert(name.into_owned(), Tool { since: Instant::now(), schema });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use bytes::Bytes;
    use lychgate_gateway_mcp::json::Limits;
    use lychgate_gateway_mcp::message::Message;
    use lychgate_gateway_policy::Operation;
    use lychgate_gateway_policy::call::ListKind;

    use super::{MAXIMUM_SCHEMA_BYTES, Schemas, Standing};

    fn list(tools: &str) -> Message {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{tools}]}}}}"#);
        Message::parse(Bytes::from(text), Limits::with_bytes(1 << 20)).unwrap()
    }

    fn standing(schemas: &Schemas, connection: &str, tool: &str) -> &'static str {
        match schemas.find(connection, tool) {
            Standing::Unknown => "unknown",
            Standing::Undeclared => "undeclared",
            Standing::Declared(declared) => {
                if declared.schema().is_some() {
                    "declared"
                } else {
                    "unusable"
                }
            }
        }
    }

    #[test]
    fn what_a_list_declares_is_known_until_the_server_tells_of_a_change() {
        let schemas = Schemas::default();
        assert_eq!(standing(&schemas, "a/one", "q"), "unknown");
        let tools = r#"{"name":"q","outputSchema":{"type":"object"}},{"name":"plain"},{"name":"odd","outputSchema":{"type":5}}"#;
        let listed = list(tools);
        schemas.relayed("a/one", Some(&Operation::List(ListKind::Prompts)), &listed);
        assert_eq!(standing(&schemas, "a/one", "q"), "unknown", "that was no list of tools");
        schemas.relayed("a/one", Some(&Operation::List(ListKind::Tools)), &listed);
        for (tool, expected) in
            [("q", "declared"), ("plain", "undeclared"), ("odd", "unusable"), ("new", "unknown")]
        {
            assert_eq!(standing(&schemas, "a/one", tool), expected, "{tool}");
        }
        assert_eq!(standing(&schemas, "a/two", "q"), "unknown");
        schemas.asked("a/one", true);
        assert_eq!(standing(&schemas, "a/one", "new"), "undeclared", "all were listed");
        schemas.forget("a/one");
        assert_eq!(standing(&schemas, "a/one", "q"), "unknown");
        schemas.asked("a/one", false);
        assert_eq!(standing(&schemas, "a/one", "q"), "undeclared", "it is not asked again at once");
    }

    #[test]
    fn a_schema_that_is_too_long_is_none() {
        let schemas = Schemas::default();
        let long = "x".repeat(MAXIMUM_SCHEMA_BYTES);
        schemas
            .learn("a/one", &list(&format!(r#"{{"name":"q","outputSchema":{{"description":"{long}"}}}}"#)));
        assert_eq!(standing(&schemas, "a/one", "q"), "undeclared");
    }

    #[test]
    fn what_says_the_same_is_not_read_anew() {
        let schemas = Schemas::default();
        let tool = r#"{"name":"q","outputSchema":{"type":"object"}}"#;
        let found = || match schemas.find("a/one", "q") {
            Standing::Declared(declared) => declared,
            Standing::Unknown | Standing::Undeclared => panic!("it is declared"),
        };
        schemas.learn("a/one", &list(tool));
        let first = found();
        schemas.learn("a/one", &list(tool));
        assert!(std::sync::Arc::ptr_eq(&first, &found()));
        schemas.learn("a/one", &list(r#"{"name":"q","outputSchema":{"type":"object","title":"other"}}"#));
        assert!(!std::sync::Arc::ptr_eq(&first, &found()));
    }
}
