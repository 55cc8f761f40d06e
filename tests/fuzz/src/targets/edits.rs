//! Splicing, held against a model: whatever is removed, replaced and added, the text that comes out is the value that
//! the model has, as serde_json reads it.

use bytes::Bytes;
use lychgate_gateway_mcp::json::{Document, Edits, Kind, Value};

use crate::readers::{Choices, LIMITS, two_parts};
use crate::tree::Tree;

/// A line of choices, and a text.
pub(crate) fn run(data: &[u8]) {
    let (choices, text) = two_parts(data);
    let Ok(document) = Document::parse(Bytes::copy_from_slice(text), LIMITS) else { return };
    // Numbers that serde_json cannot hold are no matter of edits.
    let Ok(tree) = Tree::read(text) else { return };
    let mut edits = Edits::new();
    let expected = change(document.root(), tree, &mut Choices::new(choices), &mut edits);
    let is_untouched = edits.is_empty();
    let changed = edits.apply(document.bytes()).unwrap();
    if is_untouched {
        assert_eq!(changed.as_ptr(), document.bytes().as_ptr(), "without edits nothing is copied");
    }
    assert!(Document::parse(changed.clone(), LIMITS).unwrap().root().kind() == document.root().kind());
    assert_eq!(Tree::read(&changed).unwrap(), expected);
}

/// What becomes of one element.
enum Fate {
    Stays,
    Goes,
    Becomes(&'static str),
}

fn fate(choices: &mut Choices<'_>) -> Fate {
    match choices.next() % 4 {
        0 | 1 => Fate::Stays,
        2 => Fate::Goes,
        _ => Fate::Becomes(["null", "{\"a\":[]}", "\"\\u0041\"", "-0.5e1"][usize::from(choices.next() % 4)]),
    }
}

/// Changes an array or object and all inside it, and gives what should come out.
fn change(value: Value<'_>, tree: Tree, choices: &mut Choices<'_>, edits: &mut Edits) -> Tree {
    match tree {
        Tree::Array(items) => {
            let parts = items.into_iter().zip(value.items()).map(|(tree, item)| ((), tree, item));
            let (stays, kept) = each(parts, choices, edits);
            let mut stays = stays.into_iter();
            edits.retain_items(value, |_| stays.next().unwrap());
            Tree::Array(kept.into_iter().map(|((), tree)| tree).collect())
        }
        Tree::Object(members) => {
            let parts = members.into_iter().zip(value.members());
            let (stays, mut kept) =
                each(parts.map(|((name, tree), member)| (name, tree, member.value)), choices, edits);
            let mut stays = stays.into_iter();
            edits.retain_members(value, |_| stays.next().unwrap());
            // A name that is there already would be given a new value, which `Becomes` is for.
            if choices.next() % 3 == 2 && value.get("new\n").is_none() {
                edits.insert_member(value, "new\n", "[1]");
                kept.insert(0, ("new\n".to_owned(), Tree::Array(vec![Tree::Integer(1)])));
            }
            Tree::Object(kept)
        }
        Tree::Null | Tree::Bool(_) | Tree::Integer(_) | Tree::Float(_) | Tree::Text(_) => {
            assert!(!matches!(value.kind(), Kind::Array | Kind::Object));
            tree
        }
    }
}

/// For each element whether it stays, and those that do.
fn each<'a, N>(
    parts: impl Iterator<Item = (N, Tree, Value<'a>)>,
    choices: &mut Choices<'_>,
    edits: &mut Edits,
) -> (Vec<bool>, Vec<(N, Tree)>) {
    let mut stays = Vec::new();
    let mut kept = Vec::new();
    for (name, tree, value) in parts {
        let fate = fate(choices);
        stays.push(!matches!(fate, Fate::Goes));
        match fate {
            Fate::Stays => kept.push((name, change(value, tree, choices, edits))),
            // What is changed in what goes has no effect.
            Fate::Goes => drop(change(value, tree, choices, edits)),
            Fate::Becomes(text) => {
                edits.replace(value.span(), text);
                kept.push((name, Tree::read(text.as_bytes()).unwrap()));
            }
        }
    }
    (stays, kept)
}
