//! Which lists a change of policy makes others for a caller, so that he is told of these and of no others.
//!
//! The server's lists are not known here: two policies show the same of any list if the same patterns let the caller
//! see items under the same conditions. In what order grants stand, how they are cut, whom else they name and what
//! they choose makes no difference; nor do texts that masking hides in items.

use std::collections::BTreeSet;

use lychgate_gateway_mcp::lists::{List, Lists};

use crate::access::names;
use crate::compile::Policy;
use crate::decide::{Caller, closed};
use crate::glob::Glob;

/// The lists of which `after` may show `caller` another part than `before`.
#[must_use]
pub fn changed_lists(before: &Policy, after: &Policy, caller: &Caller) -> Lists {
    Lists::which(|list| view(before, caller, list) != view(after, caller, list))
}

/// What decides which items of a list a caller sees.
#[derive(PartialEq, Eq)]
struct View<'a> {
    /// Patterns whose items he sees; none that another of them covers.
    plain: BTreeSet<String>,
    /// Patterns with conditions that need not hold for each item.
    narrowed: BTreeSet<Narrowed<'a>>,
}

/// A pattern, its condition, and the connection's labels, which the condition may ask about.
type Narrowed<'a> = (&'a str, &'a str, Vec<(&'a str, &'a str)>);

fn view<'a>(policy: &'a Policy, caller: &Caller, list: List) -> View<'a> {
    let mut view = View { plain: BTreeSet::new(), narrowed: BTreeSet::new() };
    if closed(policy).is_some() {
        return view;
    }
    let config = policy.config();
    let grants = policy.access().iter().zip(&config.access).filter(|(grant, _)| names(grant, caller));
    for (grant, written) in grants {
        let patterns = match list {
            List::Tools => &grant.tools,
            List::Prompts => &grant.prompts,
            List::Resources => &grant.resources,
        };
        for pattern in patterns {
            if grant.when.narrows() {
                let labels = config.connection_labels.iter();
                let labels = labels.map(|(key, value)| (key.as_str(), value.as_str())).collect();
                view.narrowed.insert((pattern.as_str(), written.when.as_deref().unwrap_or_default(), labels));
            } else {
                view.plain.insert(plain(pattern.as_str()));
            }
        }
    }
    let all = view.plain.clone();
    view.plain.retain(|pattern| !all.iter().any(|other| other != pattern && covers(other, pattern)));
    view
}

/// A pattern with one `*` in the place of several in a row, which say the same.
fn plain(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        if character != '*' || !plain.ends_with('*') {
            plain.push(character);
        }
    }
    plain
}

/// Whether all that `pattern` matches is matched by `other`, too. Only a `*` matches a `*`, so that whatever stands for
/// the one in `pattern` is taken by the other.
fn covers(other: &str, pattern: &str) -> bool {
    Glob::new(other).matches(pattern)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{changed_lists, covers, plain};
    use crate::config::{Closed, GatewayConfig, Grant};
    use crate::testing::{caller, policy};
    use lychgate_gateway_mcp::lists::Lists;
    use proptest::prelude::*;

    fn grant(tools: &[&str], resources: &[&str], prompts: &[&str], when: Option<&str>) -> Grant {
        let owned = |patterns: &[&str]| patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Grant {
            users: vec!["alice".into()],
            tools: owned(tools),
            resources: owned(resources),
            prompts: owned(prompts),
            when: when.map(str::to_owned),
            ..Grant::default()
        }
    }

    fn tools(tools: &[&str]) -> Grant {
        grant(tools, &[], &[], None)
    }

    /// What alice is told when the grants become others, as letters.
    fn told(before: Vec<Grant>, after: Vec<Grant>, change: impl FnOnce(&mut GatewayConfig)) -> String {
        let before = policy(|config| config.access = before);
        let after = policy(|config| {
            config.access = after;
            change(config);
        });
        let Lists { tools, prompts, resources } = changed_lists(&before, &after, &caller("alice", &["dba"]));
        let letters = [(tools, 't'), (prompts, 'p'), (resources, 'r')];
        letters.into_iter().filter_map(|(is_told, letter)| is_told.then_some(letter)).collect()
    }

    #[test]
    fn a_caller_is_told_of_the_lists_that_a_change_of_grants_may_make_others_for_him() {
        let bobs = Grant { users: vec!["bob".into()], ..tools(&["*"]) };
        let dbas = Grant { users: vec![], groups: vec!["dba".into()], ..tools(&["drop"]) };
        let when = |text| grant(&["a*"], &[], &[], Some(text));
        for (before, after, expected) in [
            (vec![tools(&["a"])], vec![tools(&["a", "b"])], "t"),
            (vec![tools(&["a", "b"])], vec![tools(&["b"])], "t"),
            (vec![tools(&["a"])], vec![tools(&["a"]), dbas], "t"),
            (vec![tools(&["a"])], vec![grant(&["a"], &["file:///*"], &["greet"], None)], "pr"),
            (vec![tools(&["a*"])], vec![when("tool == 'a1'")], "t"),
            (vec![when("tool == 'a1'")], vec![when("tool == 'a2'")], "t"),
            (vec![tools(&["a"]), bobs.clone()], vec![tools(&["a"])], ""),
            (vec![tools(&["a", "b"])], vec![tools(&["b"]), tools(&["a"])], ""),
            (vec![tools(&["*"])], vec![tools(&["a*", "**", "b"])], ""),
            (vec![tools(&["a*"])], vec![when("args.x == 1")], ""),
            (vec![when("args.x == 1")], vec![when("args.x == 2")], ""),
            (vec![when("tool == 'a1'")], vec![when("tool == 'a1'"), bobs], ""),
        ] {
            let case = format!("{before:?} to {after:?}");
            assert_eq!(told(before, after, |_| {}), expected, "{case}");
        }
    }

    #[test]
    fn what_is_not_about_what_he_may_use_tells_him_nothing_and_a_closed_connection_shows_nothing() {
        let grants = || vec![grant(&["a"], &["r:*"], &["p"], None)];
        let narrowed = || vec![grant(&["a"], &[], &[], Some("connection.labels['env'] == 'dev'"))];
        let chosen = || vec![Grant { credential: Some("default".into()), ..tools(&["a"]) }];
        assert_eq!(told(grants(), grants(), |config| config.sequence = 2), "");
        assert_eq!(told(grants(), grants(), |config| config.limits.message_bytes = 2048), "");
        assert_eq!(told(vec![tools(&["a"])], chosen(), |_| {}), "");
        assert_eq!(told(grants(), grants(), |config| config.closed = Some(Closed::Suspended)), "tpr");
        let label = |config: &mut GatewayConfig| {
            config.connection_labels.insert("env".into(), "dev".into());
        };
        assert_eq!(told(narrowed(), narrowed(), label), "t", "a condition may ask about labels");
        assert_eq!(told(grants(), grants(), label), "", "without a condition labels are nothing to him");
    }

    proptest! {
        #[test]
        fn what_covers_a_pattern_matches_whatever_the_pattern_matches(
            other in "[ab*]{0,5}",
            pattern in "[ab*]{0,5}",
            name in "[ab]{0,6}",
        ) {
            let matches = |pattern: &str| crate::glob::Glob::new(pattern).matches(&name);
            prop_assert_eq!(matches(&plain(&pattern)), matches(&pattern));
            if covers(&other, &pattern) && matches(&pattern) {
                prop_assert!(matches(&other));
            }
            let (one, two) = (plain(&other), plain(&pattern));
            prop_assert!(one == two || !(covers(&one, &two) && covers(&two, &one)), "each would take the other away");
        }
    }
}
