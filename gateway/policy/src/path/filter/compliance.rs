//! The official test suite of JSONPath (RFC 9535), as its package of the registry has it: every selector that the standard
//! knows leads to the same places, every other is refused, but for what is listed here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and the suite is a file"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value as Tree;

use super::tests::places;
use crate::path::Path;

/// Where the suite is once the counterparts of the tests are installed.
const SUITE: &str =
    "target/counterparts/node_modules/jsonpath-rfc9535/src/__tests__/jsonpath-compliance-test-suite/cts.json";
/// The fewest cases that are a suite.
const CASES: usize = 650;

/// What is refused although the standard knows it, by the names of the cases: a slice that takes no item of any array, in
/// which whoever writes a rule has made a mistake (`docs/masking.md`, What is masked).
const REFUSED: [&str; 3] = [
    "slice selector, negative range with default step",
    "slice selector, zero step",
    "slice selector, empty range",
];

fn suite() -> Vec<Tree> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(SUITE);
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|_| panic!("{} is missing; run tests/counterparts/install", file.display()));
    let suite: Tree = serde_json::from_str(&text).unwrap();
    suite.get("tests").and_then(Tree::as_array).unwrap().clone()
}

fn text<'t>(case: &'t Tree, member: &str) -> &'t str {
    case.get(member).and_then(Tree::as_str).unwrap()
}

/// The sets of places that the suite allows for a case: their order means nothing to a mask.
fn allowed(case: &Tree) -> Vec<BTreeSet<String>> {
    let set = |paths: &Tree| -> BTreeSet<String> {
        paths.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_owned()).collect()
    };
    match (case.get("result_paths"), case.get("results_paths")) {
        (Some(paths), _) => vec![set(paths)],
        (None, Some(several)) => several.as_array().unwrap().iter().map(set).collect(),
        (None, None) => panic!("{case} has no result"),
    }
}

#[test]
fn paths_lead_where_the_official_suite_says_and_what_it_calls_none_is_none() {
    let suite = suite();
    assert!(suite.len() >= CASES, "{} cases", suite.len());
    let mut wrong = Vec::new();
    let mut refused = 0;
    for case in &suite {
        let (name, selector) = (text(case, "name"), text(case, "selector"));
        let is_refused = Path::parse(selector).is_err();
        if case.get("invalid_selector") == Some(&Tree::Bool(true)) {
            if !is_refused {
                wrong.push(format!("{name}: {selector} is no path and was taken for one"));
            }
        } else if REFUSED.contains(&name) {
            refused += 1;
            if !is_refused {
                wrong.push(format!("{name}: {selector} is taken; take it off the list"));
            }
        } else if is_refused {
            wrong.push(format!("{name}: {selector} is refused"));
        } else {
            let found = places(selector, case.get("document").unwrap());
            if !allowed(case).contains(&found) {
                wrong.push(format!("{name}: {selector} leads to {found:?}, not to {:?}", allowed(case)));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), suite.len(), wrong.join("\n"));
    assert_eq!(refused, REFUSED.len(), "each row of the list is of a case");
}
