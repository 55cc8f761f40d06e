//! `lychgate pin`: the hashes of a server's tools as they are now, as `spec.toolPinning` for Git.
//!
//! What a definition is, and what is hidden in it, is said by `gateway-policy`. Here answers are read and pins printed.

mod ask;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::ValueEnum;
use lychgate_gateway_mcp::json::{Document, Kind, Limits, Value as Json};
use lychgate_gateway_mcp::message::{Id, Message, response};
use lychgate_gateway_policy::pinning::{Definition, MAXIMUM_NAME_LENGTH, Pinning, Standing, survey};
use lychgate_operator_plan::shown;
use serde_json::json;

use crate::manifests::{self, Source};
use crate::output::{CommandError, note, print};

/// The most that is read from standard input, in bytes.
const MAXIMUM_INPUT_BYTES: usize = 64 * 1024 * 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// URL of a connection, or of the server itself, that is asked; otherwise an answer is read from standard input
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// File with the bearer token that is sent to the URL
    #[arg(long, value_name = "FILE", requires = "url")]
    token_file: Option<PathBuf>,
    /// File with the certificate authorities of the URL, in PEM; otherwise the public ones
    #[arg(long, value_name = "FILE", requires = "url")]
    ca_file: Option<PathBuf>,
    /// Connection, as NAME or NAMESPACE/NAME: of --filename, and of what a gateway says is in use
    #[arg(long)]
    connection: Option<String>,
    /// Folder or file with the connection's manifest, whose pins are compared
    #[arg(short, long = "filename", value_name = "DIR", requires = "connection")]
    filename: Option<PathBuf>,
    /// Mode to print
    #[arg(long, default_value = "Enforce")]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Mode {
    #[value(name = "Audit")]
    Audit,
    #[value(name = "Enforce")]
    Enforce,
}

/// What is known of tools: of each the hash, and where characters are that people do not see.
#[derive(Default)]
struct Found {
    tools: BTreeMap<String, Tool>,
    /// How many there was no room for.
    omitted: usize,
    /// Other things with such characters.
    others: Vec<String>,
}

struct Tool {
    hash: String,
    hidden: Vec<String>,
}

/// Prints pins on standard output, and on standard error what is new, changed, gone or hidden.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let found = match &arguments.url {
        Some(url) => {
            let (token, ca) =
                (read_file(arguments.token_file.as_ref())?, read_file(arguments.ca_file.as_ref())?);
            let mut found = Found::default();
            for page in ask::pages(url, token.as_deref(), ca.as_deref())? {
                found.take(&page);
            }
            found
        }
        None => read(&standard_input()?, arguments.connection.as_deref())?,
    };
    if found.tools.is_empty() {
        return Err(CommandError::new("there is no tool to pin: the list is empty"));
    }
    for (name, tool) in &found.tools {
        if !tool.hidden.is_empty() {
            note(&format!("hidden characters in tool {}: {}", shown(name), shown(&tool.hidden.join(", "))));
        }
        if name.chars().count() > MAXIMUM_NAME_LENGTH {
            note(&format!(
                "not pinned, because its name is longer than {MAXIMUM_NAME_LENGTH}: {}",
                shown(name)
            ));
        }
    }
    if found.omitted > 0 {
        note(&format!("not pinned, because there are too many: {} tools", found.omitted));
    }
    for other in &found.others {
        note(&format!("hidden characters in {}", shown(other)));
    }
    if let (Some(filename), Some(connection)) = (&arguments.filename, &arguments.connection) {
        let source = Source { filename: filename.clone(), operator_namespace: None };
        compare(&found, manifests::policy(&source, connection)?.pinning());
    }
    let tools = found.tools.iter().filter(|(name, _)| name.chars().count() <= MAXIMUM_NAME_LENGTH);
    let pins: BTreeMap<&String, &String> = tools.map(|(name, tool)| (name, &tool.hash)).collect();
    let mode = format!("{:?}", arguments.mode);
    let block = json!({ "spec": { "toolPinning": { "mode": mode, "pins": pins } } });
    print(&lychgate_crds::yaml::write(&block));
    Ok(ExitCode::SUCCESS)
}

/// Says what is another than in the manifest.
fn compare(found: &Found, pinning: &Pinning) {
    for (name, tool) in &found.tools {
        let name_shown = shown(name);
        match pinning.judge(name, Some(&tool.hash)) {
            Standing::AsPinned | Standing::NotListed => {}
            Standing::NotPinned => note(&format!("new: {name_shown}")),
            Standing::Changed => note(&format!("changed: {name_shown}")),
        }
    }
    for name in pinning.pinned().filter(|name| !found.tools.contains_key(*name)) {
        note(&format!("gone: {}", shown(name)));
    }
}

impl Found {
    /// Takes up an answer to `tools/list`.
    fn take(&mut self, page: &Message) {
        let survey = survey(None, page);
        self.omitted += survey.omitted;
        for Definition { name, hash, hidden } in survey.tools {
            let hidden = hidden.iter().map(ToString::to_string).collect();
            self.tools.insert(name, Tool { hash, hidden });
        }
        for other in survey.others {
            let hidden: Vec<String> = other.hidden.iter().map(ToString::to_string).collect();
            self.others.push(format!("{} ({})", other.subject, hidden.join(", ")));
        }
    }
}

/// Reads an answer to `tools/list` (as a message, its `result`, or the list alone), or what a gateway says is in use.
fn read(bytes: &Bytes, connection: Option<&str>) -> Result<Found, CommandError> {
    let wrong = |what: &dyn std::fmt::Display| CommandError::new(format!("standard input: {what}"));
    let limits = Limits::with_bytes(MAXIMUM_INPUT_BYTES);
    let document = Document::parse(bytes.clone(), limits).map_err(|error| wrong(&error))?;
    let root = document.root();
    if let Some(connections) = root.get("connections") {
        return in_use(connections, connection);
    }
    let raw = |value: Json<'_>| String::from_utf8_lossy(value.raw()).into_owned();
    let answer = match root.get("result") {
        Some(answer) => raw(answer),
        None if root.kind() == Kind::Array => format!(r#"{{"tools":{}}}"#, raw(root)),
        None => raw(root),
    };
    let message = response(&Id::Number(1), &answer);
    let message = Message::parse(message, Limits::with_bytes(usize::MAX)).map_err(|error| wrong(&error))?;
    let mut found = Found::default();
    found.take(&message);
    Ok(found)
}

/// Reads what a gateway answers to `GET /config`.
fn in_use(connections: Json<'_>, named: Option<&str>) -> Result<Found, CommandError> {
    let text = |value: Json<'_>, member: &str| {
        value.get(member).and_then(Json::text).map(|text| text.into_owned()).unwrap_or_default()
    };
    let is_it = |name: &str| {
        named
            .is_none_or(|named| name == named || name.rsplit_once('/').is_some_and(|(_, name)| name == named))
    };
    let mut fitting = connections.items().filter(|connection| is_it(&text(*connection, "connection")));
    let connection = match (fitting.next(), fitting.next()) {
        (Some(connection), None) => connection,
        (Some(_), Some(_)) => {
            return Err(CommandError::new("it tells of several connections; name one with --connection"));
        }
        (None, _) => return Err(CommandError::new("it tells of no such connection")),
    };
    let definitions = connection.get("toolPinning");
    let list = |value: Option<Json<'_>>, member: &str| -> Vec<String> {
        let items = value.and_then(|value| value.get(member)).into_iter().flat_map(Json::items);
        items.filter_map(Json::text).map(|text| text.into_owned()).collect()
    };
    let mut found = Found::default();
    let tools = definitions.and_then(|definitions| definitions.get("tools"));
    let Some(tools) = tools else {
        return Err(CommandError::new(
            "the gateway does not know the server's tools yet; list them once as a caller, and ask it again",
        ));
    };
    for tool in tools.items() {
        let hidden = list(Some(tool), "hidden");
        found.tools.insert(text(tool, "name"), Tool { hash: text(tool, "definition"), hidden });
    }
    let others = definitions.and_then(|definitions| definitions.get("others"));
    for other in others.into_iter().flat_map(Json::items) {
        found.others.push(format!("{} ({})", text(other, "subject"), list(Some(other), "hidden").join(", ")));
    }
    Ok(found)
}

fn standard_input() -> Result<Bytes, CommandError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAXIMUM_INPUT_BYTES).unwrap_or(u64::MAX);
    let read = std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| CommandError::new(format!("standard input: {error}")))?;
    Ok(Bytes::from(bytes))
}

fn read_file(path: Option<&PathBuf>) -> Result<Option<String>, CommandError> {
    let Some(path) = path else { return Ok(None) };
    let text = std::fs::read_to_string(path);
    text.map(Some).map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::read;
    use bytes::Bytes;

    const QUERY: &str = r#"{"name":"query","description":"Reads","inputSchema":{"type":"object"}}"#;
    const HASH: &str = "3389405801d4db7af968837392b4c5742d312e15638c2f657bed71fc1ef36423";

    fn pins(input: &str, connection: Option<&str>) -> Result<Vec<(String, String)>, String> {
        let found = read(&Bytes::copy_from_slice(input.as_bytes()), connection);
        let found = found.map_err(|error| error.to_string())?;
        Ok(found.tools.into_iter().map(|(name, tool)| (name, tool.hash)).collect())
    }

    #[test]
    fn a_list_is_read_in_each_of_its_forms() {
        let query = vec![("query".to_owned(), HASH.to_owned())];
        for input in [
            format!("[{QUERY}]"),
            format!(r#"{{"tools":[{QUERY}]}}"#),
            format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{"tools":[{QUERY}]}}}}"#),
        ] {
            assert_eq!(pins(&input, None).unwrap(), query, "{input}");
        }
        assert!(pins("{", None).unwrap_err().starts_with("standard input: "));
    }

    #[test]
    fn what_a_gateway_says_is_read_for_the_connection_that_is_meant() {
        let tool = r#"{"name":"query","definition":"12","hidden":["title: U+200B at character 1"]}"#;
        let input = format!(
            r#"{{"connections":[{{"connection":"a/db","toolPinning":{{"mode":"Audit","tools":[{tool}]}}}},
                {{"connection":"a/new","toolPinning":{{"mode":"Off"}}}}]}}"#
        );
        for connection in ["db", "a/db"] {
            let found = pins(&input, Some(connection)).unwrap();
            assert_eq!(found, [("query".to_owned(), "12".to_owned())]);
        }
        for (connection, expected) in
            [(None, "several connections"), (Some("b/db"), "no such"), (Some("new"), "does not know")]
        {
            assert!(pins(&input, connection).unwrap_err().contains(expected), "{connection:?}");
        }
    }
}
