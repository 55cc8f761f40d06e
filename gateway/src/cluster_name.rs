//! The caller's user names at the API server: what keeps somebody who calls through one door from approving his own
//! call through the other.

use serde_json::{Map, Value};

use crate::caller::claim;

/// The names that `templates` make of a token's claims, each once. A template whose claim the token lacks makes none,
/// as the API server would make none of it.
pub(crate) fn names(templates: &[String], claims: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    for name in templates.iter().filter_map(|template| fill(template, claims)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A template such as `oidc:{email}`, filled; none if a claim is missing or no text.
fn fill(template: &str, claims: &Map<String, Value>) -> Option<String> {
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, after) = after.split_once('}')?;
        let value = claim(claims, path)?.as_str().filter(|value| !value.is_empty())?;
        name.push_str(before);
        name.push_str(value);
        rest = after;
    }
    name.push_str(rest);
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::names;
    use serde_json::json;

    #[test]
    fn each_template_makes_a_name_of_the_claims_that_it_names_or_none() {
        let claims =
            json!({"sub": "a1", "email": "alice@corp", "realm": {"name": "corp"}, "age": 7, "empty": ""});
        for (templates, expected) in [
            (vec!["oidc:{email}"], vec!["oidc:alice@corp"]),
            (vec!["{sub}", "{realm.name}/{sub}", "{sub}"], vec!["a1", "corp/a1"]),
            (vec!["oidc:{missing}", "{sub}"], vec!["a1"]),
            (vec!["{age}", "{empty}", "{realm}", "{unclosed"], vec![]),
            (vec![], vec![]),
        ] {
            let templates: Vec<String> = templates.into_iter().map(str::to_owned).collect();
            assert_eq!(names(&templates, claims.as_object().unwrap()), expected, "{templates:?}");
        }
    }
}
