//! The scanner, held against serde_json: what is accepted is the same value to both, what is refused though serde_json
//! takes it is refused for a reason that can be seen, and canonical texts stand for the value that they are made of.

use bytes::Bytes;
use lychgate_gateway_mcp::json::canonical::{canonical, visible};
use lychgate_gateway_mcp::json::{DEFAULT_DEPTH, Document, JsonError, Kind, quote};
use serde::de::IgnoredAny;

use crate::readers::LIMITS;
use crate::tree::Tree;

/// The whole of `data` is a text.
pub(crate) fn run(data: &[u8]) {
    let theirs = Tree::read(data);
    match (parse(data), theirs) {
        (Ok(document), Ok(tree)) => accepted(data, &document, &tree),
        (Ok(_), Err(error)) => {
            assert!(serde_json::from_slice::<IgnoredAny>(data).is_ok(), "serde_json: {error}");
            let is_number = error.to_string().starts_with("number out of range");
            assert!(is_number, "serde_json: {error}");
        }
        (Err(JsonError::DuplicateMember { .. }), Ok(tree)) => assert!(tree.has_twins()),
        (Err(JsonError::TooDeep { .. }), Ok(tree)) => assert!(tree.depth() > DEFAULT_DEPTH),
        (Err(error), Ok(_)) => panic!("serde_json takes what is refused here: {error}"),
        (Err(_), Err(_)) => {}
    }
}

fn parse(data: &[u8]) -> Result<Document, JsonError> {
    Document::parse(Bytes::copy_from_slice(data), LIMITS)
}

fn accepted(data: &[u8], document: &Document, tree: &Tree) {
    let root = document.root();
    assert_eq!(document.bytes(), data, "the bytes are kept");
    assert!(tree.is(root), "both read the same value");
    assert!(tree.depth() <= DEFAULT_DEPTH && !tree.has_twins());
    for value in root.walk() {
        let alone = parse(value.raw()).unwrap();
        assert_eq!(alone.root().kind(), value.kind(), "the span of a value is that value");
        if value.kind() == Kind::Object {
            for member in value.members() {
                let name = member.key.text().unwrap();
                assert!(value.get(&name).is_some_and(|found| found.span() == member.value.span()));
            }
        }
        if let Some(text) = value.text() {
            let quoted = parse(quote(&text).as_bytes()).unwrap();
            assert_eq!(quoted.root().text().unwrap(), text, "a quoted text is that text");
        }
    }

    let text = canonical(root);
    assert!(Tree::read(text.as_bytes()).unwrap().is_like(tree), "the canonical text is the same value");
    for spelling in [text.clone(), visible(root)] {
        let again = parse(spelling.as_bytes()).unwrap();
        assert_eq!(canonical(again.root()), text, "there is one canonical text of a value");
    }
}
