//! Words that MaskingRules look for and that stand in ConfigMaps.
//!
//! Only a ConfigMap with a label is looked into, so that an operator need not keep all of them, and nobody has one looked
//! into that is not meant for it.

use std::collections::{BTreeMap, BTreeSet};

use lychgate_crds::Reason;
use lychgate_crds::masking::{ConfigMapKeyReference, MaskingRuleSpec, TermsFrom};
use lychgate_gateway_policy::mask::{MAXIMUM_TERM, MAXIMUM_TERMS};

use crate::inventory::{Entry, Inventory};
use crate::masking;
use crate::problem::{Finding, ObjectKey, Problem};
use crate::suggest::nearest;

/// The label of ConfigMaps with words.
pub const TERMS_LABEL: &str = "lychgate.dev/terms";

/// The words of a text, one a line.
pub(crate) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut seen = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let word = line.trim();
        if word.is_empty() || word.starts_with('#') || !seen.insert(word) {
            continue;
        }
        if word.len() > MAXIMUM_TERM {
            let number = index + 1;
            return Err(format!("has a word of more than {MAXIMUM_TERM} bytes in line {number}; shorten it"));
        }
        words.push(word.to_owned());
    }
    match words.len() {
        0 => Err("has no words; write one a line, or remove the entry".to_owned()),
        count if count > MAXIMUM_TERMS => Err(format!("has {count} words; write at most {MAXIMUM_TERMS}")),
        _ => Ok(words),
    }
}

/// Writes into each rule the words that it names, and says what is wrong with them. A rule whose words are not there is
/// invalid, so that it never counts without them.
pub(crate) fn resolve(inventory: &mut Inventory) -> Vec<Problem> {
    let Inventory { masking_rules, config_maps, .. } = inventory;
    let mut problems = Vec::new();
    for entry in masking_rules {
        let Some(spec) = entry.spec.as_mut() else { continue };
        let findings = read(&entry.key, spec, config_maps);
        entry.broken |= !findings.is_empty();
        problems.extend(entry.problems(findings));
    }
    problems
}

fn read(
    rule: &ObjectKey,
    spec: &mut MaskingRuleSpec,
    config_maps: &[Entry<BTreeMap<String, String>>],
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named = Vec::new();
    for (index, custom) in spec.custom.iter_mut().enumerate() {
        let Some(TermsFrom { config_map_key_ref }) = &custom.terms_from else { continue };
        let path = format!("spec.custom[{index}].termsFrom.configMapKeyRef");
        match find(rule, config_map_key_ref, &path, config_maps) {
            Ok(words) => {
                named.push((index, config_map_key_ref.clone()));
                custom.terms = words;
            }
            Err(finding) => findings.push(finding),
        }
    }
    // Whether they can be looked for all together.
    for finding in masking::check(&rule.name, spec) {
        for (index, ConfigMapKeyReference { name, key }) in &named {
            if finding.path.starts_with(&format!("spec.custom[{index}].terms")) {
                let path = format!("spec.custom[{index}].termsFrom.configMapKeyRef.key");
                let message = format!("{key} of ConfigMap {name} {}", finding.message);
                findings.push(Finding::new(path, Reason::RefInvalid, message));
            }
        }
    }
    findings
}

fn find(
    rule: &ObjectKey,
    ConfigMapKeyReference { name, key }: &ConfigMapKeyReference,
    path: &str,
    config_maps: &[Entry<BTreeMap<String, String>>],
) -> Result<Vec<String>, Finding> {
    let wanted = ObjectKey::new("ConfigMap", &rule.namespace, name);
    let has_label = |entry: &Entry<_>| entry.labels.get(TERMS_LABEL).is_some_and(|value| value == "true");
    let Some(entry) = config_maps.iter().find(|entry| entry.key == wanted) else {
        let labelled =
            config_maps.iter().filter(|entry| entry.key.namespace == rule.namespace && has_label(entry));
        let known = nearest(name, labelled.map(|entry| entry.key.name.as_str()));
        let next = known.map_or_else(
            || "create it, label it, or name another".to_owned(),
            |known| format!("did you mean {known}?"),
        );
        let message = format!(
            "there is no ConfigMap {name} with the label {TERMS_LABEL}: \"true\" in the namespace {}; {next}",
            rule.namespace
        );
        return Err(Finding::new(format!("{path}.name"), Reason::RefNotFound, message));
    };
    if !has_label(entry) {
        let message = format!(
            "ConfigMap {name} has not the label {TERMS_LABEL}: \"true\", without which it is not looked into; add it"
        );
        return Err(Finding::new(format!("{path}.name"), Reason::RefInvalid, message));
    }
    let data = entry.spec.as_ref().filter(|_| !entry.broken).ok_or_else(|| {
        let message = format!("{wanted} is invalid; mend that first");
        Finding::new(format!("{path}.name"), Reason::RefInvalid, message)
    })?;
    let Some(text) = data.get(key) else {
        let next = nearest(key, data.keys().map(String::as_str))
            .map_or_else(|| "add it, or name another".to_owned(), |known| format!("did you mean {known}?"));
        let message = format!("ConfigMap {name} has no key {key}; {next}");
        return Err(Finding::new(format!("{path}.key"), Reason::RefNotFound, message));
    };
    words(text).map_err(|wrong| {
        Finding::new(format!("{path}.key"), Reason::RefInvalid, format!("{key} of ConfigMap {name} {wrong}"))
    })
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn words_stand_one_a_line_with_blanks_and_comments_between() {
        let text = "# projects\n\nBlue Heron\r\n  Grey Heron  \nBlue Heron\nC#\n";
        assert_eq!(words(text), Ok(vec!["Blue Heron".to_owned(), "Grey Heron".to_owned(), "C#".to_owned()]));
        let long = format!("a\n{}", "x".repeat(129));
        let many: String = (0..1001).map(|number| format!("word {number}\n")).collect();
        for (text, wrong) in [
            ("# nothing\n", "has no words; write one a line, or remove the entry"),
            (long.as_str(), "has a word of more than 128 bytes in line 2; shorten it"),
            (many.as_str(), "has 1001 words; write at most 1000"),
        ] {
            assert_eq!(words(text), Err(wrong.to_owned()));
        }
    }
}
