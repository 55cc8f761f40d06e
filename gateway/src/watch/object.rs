//! The API server's texts about one object: as much of them as a gateway needs, and nothing else of them is kept.
//!
//! No error repeats any of a text, since it may hold a Secret.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::Subject;
use crate::api_server::words;
use crate::live::Seen;

/// A kind that a gateway may watch, with its data.
pub(super) trait Kind: Send + 'static {
    /// The kind's name.
    const NAME: &'static str;
    /// The kind as it stands in URLs.
    const PLURAL: &'static str;
    /// What is kept of an object.
    type Data: DeserializeOwned + Default + Send;
}

/// ConfigMaps, with their texts.
pub(super) struct ConfigMaps;

impl Kind for ConfigMaps {
    const NAME: &'static str = "ConfigMap";
    const PLURAL: &'static str = "configmaps";
    type Data = BTreeMap<String, String>;
}

/// Secrets, with their values.
pub(super) struct Secrets;

impl Kind for Secrets {
    const NAME: &'static str = "Secret";
    const PLURAL: &'static str = "secrets";
    type Data = BTreeMap<String, Bytes>;
}

/// A value of a Secret: base64 on the wire (RFC 4648, section 4), wiped when it is dropped.
pub(super) struct Bytes(pub(super) Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| D::Error::custom("no base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// An answer to a list.
pub(super) struct Listed<Data> {
    /// The object, if there is one.
    pub(super) seen: Seen<Data>,
    /// Where a watch goes on.
    pub(super) version: String,
}

/// A line of a watch.
pub(super) enum Event<Data> {
    /// The object is, or is gone.
    Seen(Seen<Data>),
    /// Nothing has changed.
    Bookmark,
}

#[derive(Deserialize)]
struct List<Data> {
    metadata: Metadata,
    #[serde(default = "Vec::new")]
    items: Vec<Object<Data>>,
}

#[derive(Deserialize)]
struct Object<Data> {
    metadata: Metadata,
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    resource_version: String,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Reads the answer to a list of which the object is the only one that may be in it.
///
/// # Errors
/// It is none; says so without its content.
pub(super) fn listed<K: Kind>(subject: &Subject, text: &[u8]) -> Result<Listed<K::Data>, String> {
    let List::<K::Data> { metadata, items } =
        serde_json::from_slice(text).map_err(|_| unreadable("the API server's list", K::NAME))?;
    let mut seen = Seen::Absent;
    for object in items {
        seen = Seen::Present(data(subject, object)?);
    }
    if metadata.resource_version.is_empty() {
        return Err("the API server's list has no resourceVersion".to_owned());
    }
    Ok(Listed { seen, version: metadata.resource_version })
}

/// Reads a line of a watch.
///
/// # Errors
/// It is none, or says that the watch is at its end; says so without its content.
pub(super) fn event<K: Kind>(subject: &Subject, line: &[u8]) -> Result<Event<K::Data>, String> {
    let object = |text: &RawValue| {
        let object: Object<K::Data> =
            serde_json::from_str(text.get()).map_err(|_| unreadable("what the API server sent", K::NAME))?;
        data(subject, object)
    };
    let Line { kind, object: text } =
        serde_json::from_slice(line).map_err(|_| "the API server sent what is no event".to_owned())?;
    match kind {
        "ADDED" | "MODIFIED" => Ok(Event::Seen(Seen::Present(object(text)?))),
        "DELETED" => object(text).map(|_| Event::Seen(Seen::Absent)),
        "BOOKMARK" => Ok(Event::Bookmark),
        "ERROR" => {
            let words = words(text.get().as_bytes()).unwrap_or_default();
            Err(format!("the API server ends the watch: {words}"))
        }
        _ => Err("the API server sent an event of a type that is not known".to_owned()),
    }
}

fn data<Data: Default>(subject: &Subject, object: Object<Data>) -> Result<Data, String> {
    if object.metadata.name != subject.name {
        return Err("the API server tells of an object that was not asked for".to_owned());
    }
    Ok(object.data.unwrap_or_default())
}

fn unreadable(text: &str, kind: &str) -> String {
    format!("{text} cannot be read as a {kind}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::{ConfigMaps, Event, Secrets, event, listed};
    use crate::live::Seen;
    use crate::watch::Subject;

    fn subject() -> Subject {
        Subject { name: "db".to_owned() }
    }

    /// What a line of a watch on a Secret says: the value under `token`, or why it says nothing.
    fn told(line: &str) -> Result<Option<String>, String> {
        let event = event::<Secrets>(&subject(), line.as_bytes())?;
        let Event::Seen(seen) = event else { return Ok(Some("a bookmark".to_owned())) };
        Ok(match seen {
            Seen::Absent => None,
            Seen::Present(data) => {
                let token = data.get("token").map(|value| String::from_utf8(value.0.to_vec()).unwrap());
                Some(token.unwrap_or_default())
            }
        })
    }

    #[test]
    fn a_line_says_that_the_object_is_or_is_gone_or_nothing_new() {
        let line = |kind: &str, rest: &str| {
            format!(r#"{{"type":"{kind}","object":{{"kind":"Secret","metadata":{{"name":"db"}}{rest}}}}}"#)
        };
        let with_token = r#","type":"Opaque","data":{"token":"dmFsdWU=","other":""}"#;
        for (text, expected) in [
            (line("ADDED", with_token), Some("value")),
            (line("MODIFIED", with_token), Some("value")),
            (line("MODIFIED", ""), Some("")),
            (line("MODIFIED", r#","data":null"#), Some("")),
            (line("DELETED", with_token), None),
            (
                r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#.into(),
                Some("a bookmark"),
            ),
        ] {
            assert_eq!(told(&text), Ok(expected.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_that_repeats_nothing_of_it() {
        let secret = "c2VjcmV0LXZhbHVl";
        for (text, expected) in [
            (secret.to_owned(), "what is no event"),
            (format!(r#"{{"type":"MODIFIED","object":{{"data":{{"token":"{secret}"#), "what is no event"),
            (format!(r#"{{"type":"MODIFIED","object":"{secret}"}}"#), "cannot be read as a Secret"),
            (
                format!(r#"{{"type":"MODIFIED","object":{{"data":{{"token":"{secret}"}}}}}}"#),
                "cannot be read",
            ),
            (
                format!(r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"db"}},"data":"{secret}"}}}}"#),
                "cannot be read as a Secret",
            ),
            (
                format!(
                    r#"{{"type":"ADDED","object":{{"metadata":{{"name":"db"}},"data":{{"token":"{secret}!"}}}}}}"#
                ),
                "cannot be read as a Secret",
            ),
            (
                format!(r#"{{"type":"ADDED","object":{{"metadata":{{"name":"{secret}"}}}}}}"#),
                "an object that was not asked for",
            ),
            (format!(r#"{{"type":"{secret}","object":{{}}}}"#), "a type that is not known"),
            (
                r#"{"type":"ERROR","object":{"code":410,"message":"too old"}}"#.into(),
                "ends the watch: 410, too old",
            ),
            (format!(r#"{{"type":"ERROR","object":"{secret}"}}"#), "ends the watch"),
        ] {
            let error = told(&text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains(secret) && !error.contains("secret-value"), "{error}");
        }
    }

    #[test]
    fn a_list_tells_the_object_or_that_there_is_none_and_where_a_watch_goes_on() {
        let list = |items: &str| {
            format!(r#"{{"kind":"List","metadata":{{"resourceVersion":"7"}},"items":{items}}}"#)
        };
        let read = |text: &str| listed::<ConfigMaps>(&subject(), text.as_bytes());
        let there = read(&list(r#"[{"metadata":{"name":"db"},"data":{"a.json":"{}"}}]"#)).unwrap();
        assert_eq!(there.version, "7");
        let Seen::Present(data) = there.seen else { panic!("it is there") };
        assert_eq!(data.get("a.json").map(String::as_str), Some("{}"));
        assert!(matches!(read(&list("[]")).unwrap().seen, Seen::Absent));
        for (text, expected) in [
            (list(r#"[{"metadata":{"name":"other"}}]"#), "not asked for"),
            (list(r#"[{"metadata":{"name":"db"},"data":{"a":1}}]"#), "cannot be read as a ConfigMap"),
            (r#"{"metadata":{},"items":[]}"#.into(), "no resourceVersion"),
            ("<html>".into(), "cannot be read as a ConfigMap"),
        ] {
            let error = read(&text).map(|_| ()).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
