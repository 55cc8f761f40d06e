//! Reading manifests: what counts as an object, what is ignored, and what never gets out.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use lychgate_operator_plan::{
    ConfigMapFile, Options, Persona, RenderOptions, SourceFile, load, load_objects, render, validate,
};
use proptest::prelude::*;
use serde_json::json;

use support::{FULL, MINIMAL, check, complete, documents, load_text};

/// Stands in every Secret of the full objects, in plain or in base64.
const CANARY: &str = "canary-4c1f";

#[test]
fn objects_of_other_kinds_are_noted_and_left_alone() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {anything: [goes]}\n---\n---\n# nothing\n";
    let loaded = load_text(text);
    assert_eq!(loaded.problems, []);
    let (source, object) = &loaded.ignored[0];
    assert_eq!((source.as_ref().unwrap().line, object.to_string().as_str()), (2, "Deployment default/web"));
    assert_eq!(loaded.ignored.len(), 1);
}

#[test]
fn lists_and_json_are_read_as_kubectl_reads_them() {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": documents(MINIMAL)});
    let (problems, validated) = check(&list.to_string(), &complete());
    assert_eq!(problems, []);
    assert_eq!(validated.connections.len(), 1);
}

#[test]
fn objects_from_the_api_server_are_judged_alike() {
    let mut objects = documents(MINIMAL);
    objects[1]["metadata"]["uid"] = json!("5a1c0f6e-2f2b-4a70-9a4c-2f7a0f3b9d10");
    objects[1]["status"] = json!({"conditions": []});
    let loaded = load_objects(&objects);
    assert_eq!(loaded.problems, []);
    let validated = validate(&loaded.inventory, &Options::default());
    let rendered = render(&validated.connections[0], &RenderOptions::new("image", 1));
    assert_eq!(rendered[0]["metadata"]["ownerReferences"][0]["uid"], objects[1]["metadata"]["uid"]);
    objects[1]["spec"]["upstream"]["url"] = json!("nowhere");
    let problem = load_objects(&objects).problems.remove(0);
    assert!(problem.to_string().starts_with("McpConnection default/docs: spec.upstream.url: "), "{problem}");
}

#[test]
fn problems_name_the_file_and_the_line() {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    let wrong = MINIMAL.replace("https://docs.example.com/mcp", "ftp://docs.example.com/mcp");
    let loaded = load(&[file("empty.yaml", ""), file("examples/docs.yaml", &wrong)]);
    assert_eq!(
        loaded.problems[0].to_string(),
        "examples/docs.yaml:19: McpConnection default/docs: spec.upstream.url: the scheme is ftp; write https, or \
         http inside a trusted network (InvalidValue)"
    );
}

#[test]
fn secrets_and_config_maps_become_the_files_that_a_gateway_mounts() {
    let loaded = load_text(FULL);
    let mut secrets: Vec<(&str, &str, &str, &[u8])> = loaded
        .inventory
        .secret_files()
        .filter(|file| !["notifications", "billing-db-reader", "mask-key"].contains(&file.name))
        .map(|file| (file.namespace, file.name, file.key, file.value.expose()))
        .collect();
    secrets.sort_unstable();
    let hosts: &[u8] = b"dbhub.data.svc:8443\n";
    let canary = CANARY.as_bytes();
    assert_eq!(
        secrets,
        [
            ("agents", "billing-db", "lychgate-allowed-hosts", hosts),
            ("agents", "billing-db", "token", canary),
            ("agents", "mcp-tls", "tls.crt", canary),
            ("agents", "mcp-tls", "tls.key", canary),
        ]
    );
    let files: Vec<ConfigMapFile<'_>> = loaded.inventory.config_map_files().collect();
    let files: Vec<(&str, &str)> = files.iter().map(|file| (file.name, file.key)).collect();
    assert_eq!(files, [("words", "units"), ("internal-ca", "ca.crt")]);
}

#[test]
fn text_data_goes_over_data_in_base64() {
    let text = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {one: b25l, two: b25l}\nstringData: {two: two}\n";
    let loaded = load_text(text);
    let values: Vec<_> = loaded.inventory.secret_files().map(|file| file.value.expose().to_vec()).collect();
    assert_eq!(values, [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn personas_are_those_of_the_labelled_config_maps() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {lychgate.dev/personas: \"true\"}}\n\
                data: {ana@example.com: \"analysts, dba\", bo: \"\"}\n---\n\
                apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {cy: dba}\n";
    let persona = |user: &str, groups: &[&str]| Persona {
        user: user.to_owned(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let expected = [persona("ana@example.com", &["analysts", "dba"]), persona("bo", &[])];
    assert_eq!(load_text(text).inventory.personas(), expected);
}

#[test]
fn no_value_of_a_secret_gets_into_a_problem_or_an_object() {
    let broken = FULL
        .replacen(
            "stringData:\n  token: canary-4c1f",
            "stringData:\n  canary-key: [canary-4c1f]\n  token: 1234567890",
            1,
        )
        .replace("tls.crt: Y2FuYXJ5LTRjMWY=", "tls.crt: \"canary-4c1f!\"");
    for text in [FULL, &broken] {
        let (problems, validated) = check(text, &complete());
        let said: Vec<String> = problems.iter().map(|problem| format!("{problem} {problem:?}")).collect();
        let objects: Vec<_> = validated
            .connections
            .iter()
            .flat_map(|connection| render(connection, &RenderOptions::new("image", 1)))
            .collect();
        let out = format!("{said:?} {objects:?} {:?}", validated.connections);
        for leaked in [CANARY, "Y2FuYXJ5LTRjMWY", "1234567890"] {
            assert!(!out.contains(leaked), "{leaked} is in {out}");
        }
    }
    assert_eq!(check(&broken, &complete()).0.len(), 6, "{:#?}", check(&broken, &complete()).0);
}

proptest! {
    #[test]
    fn a_damaged_text_is_read_without_panic_and_nothing_broken_is_accepted(
        start in 0..FULL.chars().count(),
        length in 0_usize..40,
        inserted in prop_oneof!["[ -~\n]{0,12}", "(---|: |- |\\[|\\{|\"|'|\\||>|&a |\\*a|<<: ){0,4}", "\\PC{0,6}"],
    ) {
        let characters: Vec<char> = FULL.chars().collect();
        let end = (start + length).min(characters.len());
        let damaged: String =
            characters[..start].iter().copied().chain(inserted.chars()).chain(characters[end..].iter().copied()).collect();
        let (_, validated) = check(&damaged, &complete());
        for connection in &validated.connections {
            let compiled = lychgate_gateway_policy::compile(connection.config(1));
            prop_assert!(compiled.is_ok(), "{:?}", compiled.err());
        }
    }
}

#[test]
fn words_of_a_config_map_reach_the_gateway_and_without_them_the_rule_keeps_its_connections_out() {
    let (problems, validated) = check(FULL, &complete());
    assert_eq!(problems, []);
    let custom = &validated.connections[0].config(1).masking[0].custom;
    assert_eq!(custom[2].terms, ["Northern Relay", "Southern Relay"]);
    assert_eq!(custom[0].entropy_tenths, Some(15));
    let path = "spec.custom[2].termsFrom.configMapKeyRef";
    let many: String = (0..1001).map(|number| format!("    unit {number}\n")).collect();
    for (from, to, member, message) in [
        ("lychgate.dev/terms", "example.com/terms", "name", "ConfigMap words has not the label"),
        ("  name: words\n", "  name: wordz\n", "name", "there is no ConfigMap words with the label"),
        ("  units: |", "  others: |", "key", "ConfigMap words has no key units"),
        ("    Northern Relay\n\n    Southern Relay\n", "\n", "key", "units of ConfigMap words has no words"),
        ("    Northern Relay\n", &many, "key", "units of ConfigMap words has 1002 words; write at most 1000"),
    ] {
        let text = FULL.replace(from, to);
        assert_ne!(text, FULL, "{from}");
        let (problems, validated) = check(&text, &complete());
        let found: Vec<&str> = problems
            .iter()
            .filter(|problem| problem.path == format!("{path}.{member}"))
            .map(|problem| problem.message.as_str())
            .collect();
        assert!(found.len() == 1 && found[0].starts_with(message), "{from}: {problems:?}");
        assert!(validated.connections.is_empty(), "{from}: what cannot be masked is not served");
    }
}
