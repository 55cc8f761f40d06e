//! JSON Pointers (RFC 6901), by which places of a document are named.

use serde_json::Value;

/// The pointer one step further down.
pub(crate) fn join(pointer: &str, step: &str) -> String {
    format!("{pointer}/{}", step.replace('~', "~0").replace('/', "~1"))
}

/// The pointer of what a place is in, and the name of the place there.
pub(crate) fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, step) = pointer.rsplit_once('/')?;
    Some((parent, step.replace("~1", "/").replace("~0", "~")))
}

/// Whether there is an object at a pointer.
pub(crate) fn is_object(document: &Value, pointer: &str) -> bool {
    document.pointer(pointer).is_some_and(Value::is_object)
}
