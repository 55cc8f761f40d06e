//! Whether what a server says of its tools is what was pinned, as its gateways saw it last.

use std::collections::BTreeMap;

use lychgate_crds::{ConditionType, Progress};
use lychgate_gateway_policy::config::PinningMode;

use super::ODD;
use super::conditions::Verdict;
use super::connection::ConnectionFacts;
use crate::shown;

/// How many tools, or other things, a condition names; the rest is counted.
const MAXIMUM_NAMED: usize = 8;

/// What a gateway has heard of a server last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionsAnswer {
    /// The tools.
    pub tools: Vec<ToolAnswer>,
    /// What else has characters that people do not see, and where, in words.
    pub others: Vec<String>,
}

/// What a gateway has heard of a tool last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolAnswer {
    /// The tool's name.
    pub name: String,
    /// The hash of its definition.
    pub definition: String,
    /// The hash that it was pinned with.
    pub pinned: Option<String>,
    /// Where it has characters that people do not see, in words.
    pub hidden: Vec<String>,
}

/// The condition; none where tools are not pinned.
pub(super) fn pinned(facts: &ConnectionFacts<'_>) -> Option<Verdict> {
    let mode = facts.valid.as_ref()?.pinning?;
    let answers = facts.replicas.iter().filter_map(|replica| match &replica.answer {
        Some(Ok(answer)) => answer.definitions.as_ref(),
        Some(Err(_)) | None => None,
    });
    let answers: Vec<&DefinitionsAnswer> = answers.collect();
    if answers.is_empty() {
        let message = "no gateway knows the server's tools yet; one does when a caller lists or calls some";
        return Some(Verdict::unknown(Progress::Pending, message));
    }
    let (mut changed, mut unpinned, mut hidden) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for ToolAnswer { name, definition, pinned, hidden: places } in
        answers.iter().flat_map(|answer| &answer.tools)
    {
        let told = |what: String| {
            if places.is_empty() { what } else { format!("{what}; hides: {}", places.join(", ")) }
        };
        match pinned {
            Some(pinned) if pinned == definition => {}
            Some(pinned) => drop(changed.insert(name, told(format!("{definition}, pinned {pinned}")))),
            None => drop(unpinned.insert(name, told(definition.clone()))),
        }
    }
    hidden.extend(answers.iter().flat_map(|answer| &answer.others).map(|other| (other, String::new())));
    let odd =
        if hidden.is_empty() { String::new() } else { format!("; hidden characters in {}", listed(&hidden)) };
    let (refused, next) =
        (consequence(mode), "look at what the server says, and write what lychgate pin prints");
    Some(if !changed.is_empty() {
        let message = format!("changed since they were pinned{refused}: {}; {next}{odd}", listed(&changed));
        Verdict::fails(Progress::ToolsChanged, message)
    } else if !unpinned.is_empty() {
        let message = format!("not pinned{refused}: {}; {next}{odd}", listed(&unpinned));
        Verdict::fails(Progress::ToolsNotPinned, message)
    } else if hidden.is_empty() {
        Verdict::holds(ConditionType::ToolsPinned, "every tool is as it was pinned")
    } else {
        let message = format!("{ODD}every tool is as it was pinned{odd}");
        Verdict::holds(ConditionType::ToolsPinned, message)
    })
}

fn consequence(mode: PinningMode) -> &'static str {
    match mode {
        PinningMode::Enforce => ", and neither shown nor called",
        PinningMode::Audit => ", and used all the same (mode Audit)",
    }
}

/// Names, each with what is said of it, the first of them.
fn listed(named: &BTreeMap<&String, String>) -> String {
    let one = |(name, said): (&&String, &String)| {
        let name = shown(name);
        if said.is_empty() { name } else { format!("{name} ({})", shown(said)) }
    };
    let mut listed: Vec<String> = named.iter().take(MAXIMUM_NAMED).map(one).collect();
    if named.len() > MAXIMUM_NAMED {
        listed.push(format!("and {} more", named.len() - MAXIMUM_NAMED));
    }
    listed.join(", ")
}
