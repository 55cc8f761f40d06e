//! The texts in the arguments of a call: those at the places that rules name, and all others.

use std::borrow::Cow;

use lychgate_gateway_mcp::json::{Kind, Value};

use super::program::Extraction;
use crate::path::filter::{Asked, Filter};
use crate::path::{Path, States, Step, advance, start};

/// Names of members that stand in a place as they are: short, and of letters and underscores alone. Others could be
/// values, which neither records nor logs may have.
const LONGEST_NAME: usize = 32;

/// A text, or what stands where one should be.
#[derive(Debug)]
pub(super) struct Text<'a> {
    /// Its place, such as `$.sql`.
    pub(super) place: String,
    /// The text; none where there is another kind of value.
    pub(super) text: Option<Cow<'a, str>>,
    /// Which extractions lead here: none for a text that is no rule's.
    pub(super) extractions: Vec<usize>,
}

/// All texts, and all that stands at the end of a path, in the order of the document.
pub(super) fn texts<'a>(arguments: Option<Value<'a>>, extractions: &[&Extraction]) -> Vec<Text<'a>> {
    let paths: Vec<&Path> = extractions.iter().map(|extraction| &extraction.path).collect();
    let Some(arguments) = arguments else { return Vec::new() };
    let (place, asked) = (String::from("$"), Asked::new(arguments));
    let mut search = Search { paths: &paths, asked, place, found: Vec::new() };
    search.descend(arguments, &start(&paths));
    search.found
}

struct Search<'s, 'a> {
    paths: &'s [&'s Path],
    asked: Asked<'a>,
    /// The place of the value in hand.
    place: String,
    found: Vec<Text<'a>>,
}

impl<'a> Search<'_, 'a> {
    /// Depth is bounded by the limits that the document was read with.
    fn descend(&mut self, value: Value<'a>, states: &States) {
        let arrived = |&(index, done): &(usize, usize)| {
            self.paths.get(index).is_some_and(|path| path.length() == done).then_some(index)
        };
        let extractions: Vec<usize> = states.iter().filter_map(arrived).collect();
        if value.kind() == Kind::String || !extractions.is_empty() {
            self.found.push(Text { place: self.place.clone(), text: value.text(), extractions });
        }
        for member in value.members() {
            let name = member.key.text().unwrap_or_default();
            let is_plain = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
            if !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_plain) {
                self.enter(member.value, states, Step::Name(&name), &format!(".{name}"));
            } else {
                self.enter(member.value, states, Step::Name(&name), ".*");
            }
        }
        let length = value.items().count();
        for (index, item) in value.items().enumerate() {
            self.enter(item, states, Step::Item { index, length }, &format!("[{index}]"));
        }
    }

    fn enter(&mut self, value: Value<'a>, states: &States, step: Step<'_>, name: &str) {
        let mut next = States::new();
        // Where it would take too long to say, the text is a command.
        let fulfils = |_, filter: &Filter| self.asked.fulfils(value, filter).unwrap_or(true);
        advance(self.paths, states, step, &mut next, &fulfils);
        let length = self.place.len();
        self.place.push_str(name);
        self.descend(value, &next);
        self.place.truncate(length);
    }
}
