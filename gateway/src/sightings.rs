//! What servers said of themselves last, for the operator and for whoever pins: of each tool the hash of its
//! definition, and where characters are that people do not see.
//!
//! It comes from lists that were relayed and from the gateway's own. Nothing is decided by it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use lychgate_gateway_policy::pinning::{
    Definition, Flagged, HIDDEN_CHARACTERS, Hidden, MAXIMUM_FLAGGED, MAXIMUM_TOOLS, Pinning, Survey,
};
use serde_json::{Value, json};

/// Of how many connections something is kept; beyond, all is forgotten.
const MAXIMUM_CONNECTIONS: usize = 1024;

/// What servers said last, by connection (`namespace/name`).
#[derive(Default)]
pub struct Sightings(Mutex<HashMap<String, Seen>>);

/// What one server said last.
#[derive(Default)]
struct Seen {
    /// Whether any list of tools was seen.
    listed: bool,
    tools: BTreeMap<String, Definition>,
    /// How many tools there was no room for.
    omitted: usize,
    /// Places with hidden characters outside of tools, by what has them.
    others: BTreeMap<String, Vec<Hidden>>,
}

impl Sightings {
    /// Notes what a message said. `whole` is whether it holds all of the server's tools.
    pub fn note(&self, connection: &str, survey: &Survey, whole: bool) {
        if survey.is_empty() && !whole {
            return;
        }
        let mut sightings = self.lock();
        if sightings.len() >= MAXIMUM_CONNECTIONS && !sightings.contains_key(connection) {
            sightings.clear();
        }
        let seen = sightings.entry(connection.to_owned()).or_default();
        if whole {
            seen.tools.retain(|name, _| survey.tools.iter().any(|tool| tool.name == *name));
            seen.omitted = 0;
        }
        seen.listed |= whole || survey.lists_tools;
        seen.omitted = seen.omitted.max(survey.omitted);
        for tool in &survey.tools {
            seen.see(connection, tool);
        }
        for subject in &survey.clean {
            seen.others.remove(subject);
        }
        for Flagged { subject, hidden } in &survey.others {
            if seen.others.len() < MAXIMUM_FLAGGED
                && seen.others.insert(subject.clone(), hidden.clone()).is_none()
            {
                tracing::warn!(connection, subject, reason = HIDDEN_CHARACTERS, "a server hides something");
            }
        }
    }

    /// What is known of a connection, held against its pins of now, for `/config`; nothing where no server said
    /// anything.
    #[must_use]
    pub fn report(&self, connection: &str, pinning: &Pinning) -> Value {
        let mut report = json!({ "mode": pinning.mode() });
        let sightings = self.lock();
        if let (Some(seen), Some(members)) = (sightings.get(connection), report.as_object_mut()) {
            if seen.listed {
                let tools = seen.tools.values().map(|tool| described(tool, pinning)).collect();
                members.insert("tools".to_owned(), Value::Array(tools));
                members.insert("omitted".to_owned(), json!(seen.omitted));
            }
            let other = |(subject, hidden): (&String, &Vec<Hidden>)| json!({ "subject": subject, "hidden": in_words(hidden) });
            members.insert("others".to_owned(), seen.others.iter().map(other).collect());
        }
        report
    }

    /// How many things of a connection somebody should look at, by the name of the reason.
    #[must_use]
    pub fn counts(&self, connection: &str, pinning: &Pinning) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        if let Some(seen) = self.lock().get(connection) {
            let tools = seen.tools.values().filter_map(|tool| pinning.finding(&tool.name, Some(tool)));
            let reasons =
                tools.map(|finding| finding.reason).chain(seen.others.iter().map(|_| HIDDEN_CHARACTERS));
            for reason in reasons {
                *counts.entry(reason).or_default() += 1;
            }
        }
        counts
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn see(&mut self, connection: &str, tool: &Definition) {
        let name = &tool.name;
        let before = self.tools.get(name);
        if before.is_none() && self.tools.len() >= MAXIMUM_TOOLS {
            self.omitted = self.omitted.max(1);
            return;
        }
        if before == Some(tool) {
            return;
        }
        if let Some(before) = before.filter(|before| before.hash != tool.hash) {
            tracing::warn!(
                connection, tool = ?name, before = before.hash, now = tool.hash, "a server has changed a tool's definition"
            );
        }
        if !tool.hidden.is_empty() {
            tracing::warn!(connection, tool = ?name, reason = HIDDEN_CHARACTERS, "a server hides something");
        }
        self.tools.insert(name.clone(), tool.clone());
    }
}

fn described(tool: &Definition, pinning: &Pinning) -> Value {
    let mut described = json!({ "name": tool.name, "definition": tool.hash });
    let Some(members) = described.as_object_mut() else { return described };
    if pinning.watches() {
        let standing = pinning.judge(&tool.name, Some(&tool.hash));
        members.insert("standing".to_owned(), json!(standing.as_str()));
    }
    if let Some(pinned) = pinning.pin(&tool.name) {
        members.insert("pinned".to_owned(), json!(pinned));
    }
    if !tool.hidden.is_empty() {
        members.insert("hidden".to_owned(), json!(in_words(&tool.hidden)));
    }
    described
}

fn in_words(hidden: &[Hidden]) -> Vec<String> {
    hidden.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::Sightings;
    use lychgate_gateway_policy::pinning::{Definition, Flagged, Pinning, Survey};
    use serde_json::json;

    fn tools(tools: &[(&str, &str)]) -> Survey {
        let tool = |(name, hash): &(&str, &str)| Definition {
            name: (*name).to_owned(),
            hash: (*hash).to_owned(),
            hidden: vec![],
        };
        Survey { tools: tools.iter().map(tool).collect(), lists_tools: true, ..Survey::default() }
    }

    #[test]
    fn what_was_said_last_counts_and_a_whole_list_forgets_what_is_gone() {
        let (sightings, off) = (Sightings::default(), Pinning::default());
        assert_eq!(sightings.report("a/one", &off), json!({"mode": "Off"}));
        sightings.note("a/one", &tools(&[("q", "1"), ("r", "1")]), false);
        sightings.note("a/one", &tools(&[("q", "2")]), false);
        let names = |connection: &str| {
            sightings.report(connection, &off).get("tools").map(ToString::to_string).unwrap_or_default()
        };
        assert_eq!(names("a/one"), r#"[{"definition":"2","name":"q"},{"definition":"1","name":"r"}]"#);
        sightings.note("a/one", &tools(&[("q", "2")]), true);
        assert_eq!(names("a/one"), r#"[{"definition":"2","name":"q"}]"#);
        assert_eq!(names("a/two"), "");
    }

    #[test]
    fn what_hides_something_is_told_until_it_is_seen_without() {
        let (sightings, off) = (Sightings::default(), Pinning::default());
        let hidden = Flagged { subject: "prompt p".to_owned(), hidden: vec![] };
        sightings.note("a/one", &Survey { others: vec![hidden], ..Survey::default() }, false);
        assert_eq!(sightings.counts("a/one", &off).get("HiddenCharacters"), Some(&1));
        let clean = Survey { clean: vec!["prompt p".to_owned()], ..Survey::default() };
        sightings.note("a/one", &clean, false);
        assert!(sightings.counts("a/one", &off).is_empty());
    }
}
