//! What a message of a server says of its tools, prompts, resources and of itself, as far as models read it.

use lychgate_gateway_mcp::json::{Kind, Value};
use lychgate_gateway_mcp::message::Message;

use super::definition::{Definition, escaped, places};
use super::hidden::{self, Hidden};
use crate::call::{ListKind, Operation};
use crate::mask::Known;

/// The most tools of one survey; further ones are counted.
pub const MAXIMUM_TOOLS: usize = 512;
/// The most other things with hidden characters; further ones are not told.
pub const MAXIMUM_FLAGGED: usize = 32;
/// The longest name of a subject, in characters.
const MAXIMUM_SUBJECT_LENGTH: usize = 128;
/// The most other things without hidden characters that are named.
const MAXIMUM_CLEAN: usize = 512;

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// The tools.
    pub tools: Vec<Definition>,
    /// Whether it is a list of tools at all.
    pub lists_tools: bool,
    /// How many tools are left out.
    pub omitted: usize,
    /// What else has characters that people do not see.
    pub others: Vec<Flagged>,
    /// What else it speaks of, without such characters: the subjects, as [`Flagged::subject`] has them.
    pub clean: Vec<String>,
}

/// Something other than a tool that has characters which people do not see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flagged {
    /// What it is, such as `prompt greet`, `resource file:///a` or `instructions`; safe to show.
    pub subject: String,
    /// The first places.
    pub hidden: Vec<Hidden>,
}

impl Survey {
    fn add(&mut self, subject: String, hidden: Vec<Hidden>) {
        if hidden.is_empty() {
            if self.clean.len() < MAXIMUM_CLEAN {
                self.clean.push(subject);
            }
        } else if self.others.len() < MAXIMUM_FLAGGED {
            self.others.push(Flagged { subject, hidden });
        }
    }

    /// Takes out what says one of `known`: a server that repeats a credential in a name shall not have it told.
    #[must_use]
    pub fn without(mut self, known: &[Known]) -> Self {
        let says = |text: &str| known.iter().any(|known| known.is_in(text));
        self.tools.retain(|tool| !says(&tool.name));
        self.others.retain(|other| !says(&other.subject));
        self.clean.retain(|subject| !says(subject));
        let of_tools = self.tools.iter_mut().map(|tool| &mut tool.hidden);
        let of_others = self.others.iter_mut().map(|other| &mut other.hidden);
        for hidden in of_tools.chain(of_others).flatten().filter(|hidden| says(&hidden.place)) {
            hidden.place = "a place whose name is withheld".to_owned();
        }
        self
    }

    /// Whether there is nothing in it that anybody has to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.lists_tools && self.others.is_empty() && self.clean.is_empty()
    }
}

/// Reads an answer to `operation`; one of unknown origin (a stream that is resumed) is read as each of the answers that
/// it could be.
#[must_use]
pub fn survey(operation: Option<&Operation>, message: &Message) -> Survey {
    let mut survey = Survey::default();
    let Some(result) = message.result().filter(|result| result.kind() == Kind::Object) else { return survey };
    match operation {
        Some(Operation::List(kind)) => list(*kind, result, &mut survey),
        None => {
            for kind in [ListKind::Tools, ListKind::Resources, ListKind::ResourceTemplates, ListKind::Prompts]
            {
                list(kind, result, &mut survey);
            }
            instructions(result, &mut survey);
        }
        Some(Operation::Protocol { .. }) => instructions(result, &mut survey),
        Some(
            Operation::Tool { .. }
            | Operation::Resource { .. }
            | Operation::Prompt { .. }
            | Operation::Listen { .. }
            | Operation::Task { .. }
            | Operation::UnknownTask { .. }
            | Operation::Answer
            | Operation::Unknown { .. },
        ) => {}
    }
    survey
}

fn list(kind: ListKind, result: Value<'_>, survey: &mut Survey) {
    let (member, name, subject) = match kind {
        ListKind::Tools => return tools(result, survey),
        ListKind::Resources => ("resources", "uri", "resource"),
        ListKind::ResourceTemplates => ("resourceTemplates", "uriTemplate", "resource template"),
        ListKind::Prompts => ("prompts", "name", "prompt"),
    };
    let Some(items) = result.get(member).filter(|items| items.kind() == Kind::Array) else { return };
    for item in items.items() {
        let name = item.get(name).and_then(Value::text).unwrap_or_default();
        survey.add(format!("{subject} {}", shown(&name)), places(item));
    }
}

fn tools(result: Value<'_>, survey: &mut Survey) {
    let Some(items) = result.get("tools").filter(|items| items.kind() == Kind::Array) else { return };
    survey.lists_tools = true;
    for definition in items.items().filter_map(Definition::of) {
        if survey.tools.len() < MAXIMUM_TOOLS {
            survey.tools.push(definition);
        } else {
            survey.omitted += 1;
        }
    }
}

/// `instructions` of `initialize` and `server/discover`, which clients put before their models.
fn instructions(result: Value<'_>, survey: &mut Survey) {
    let Some(text) = result.get("instructions").and_then(Value::text) else { return };
    survey.add("instructions".to_owned(), hidden::find(&text).map(|run| run.at("")).into_iter().collect());
}

/// A name from outside, as records and conditions may show it.
pub(super) fn shown(name: &str) -> String {
    escaped(name).chars().take(MAXIMUM_SUBJECT_LENGTH).collect()
}
