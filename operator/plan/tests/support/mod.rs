//! What the tests of the plan share: reading objects, changing one field, and looking at what is said of it.
#![allow(dead_code, reason = "each test file uses a part of this")]

use lychgate_operator_plan::{
    ClusterIssuer, Loaded, Options, Problem, SecretWatch, SourceFile, Validated, load, validate,
};
use serde_json::{Map, Value};

/// Objects with every field.
pub(crate) const FULL: &str = include_str!("../testdata/full.input.yaml");
/// Objects with no more than what must be written.
pub(crate) const MINIMAL: &str = include_str!("../testdata/minimal.input.yaml");

/// Options with which every reference must be found.
pub(crate) fn complete() -> Options {
    Options { complete: true, ..Options::default() }
}

/// Options as in a cluster of which the operator lies in the namespace `agents`.
pub(crate) fn in_cluster() -> Options {
    Options {
        operator_namespace: Some("agents".to_owned()),
        secret_watch: SecretWatch::Namespaces(["agents".to_owned()].into()),
        cluster: Some(ClusterIssuer {
            issuer: "https://cluster.example.com".to_owned(),
            keys: vec![serde_json::json!({"kty": "EC", "kid": "1"})],
            api_audiences: vec!["https://cluster.example.com".to_owned(), "k3s".to_owned()],
        }),
        ..complete()
    }
}

/// An ApprovalPolicy for the minimal connection, to be put behind other objects.
pub(crate) fn approval_policy(name: &str, spec: &str) -> String {
    format!(
        "\n---\napiVersion: lychgate.dev/v1alpha1\nkind: ApprovalPolicy\nmetadata: {{name: {name}, uid: u-{name}, \
         generation: 4}}\nspec: {{targetRefs: [{{kind: McpConnection, name: docs}}], {spec}}}\n"
    )
}

/// A CommandRule for the connection `docs` with these rules.
pub(crate) fn command_rule(name: &str, rules: &str) -> String {
    format!(
        "\n---\napiVersion: lychgate.dev/v1alpha1\nkind: CommandRule\nmetadata: {{name: {name}, uid: u-{name}, \
         generation: 4}}\nspec: {{targetRefs: [{{kind: McpConnection, name: docs}}], extract: [{{tools: [query], \
         argument: $.sql, language: SQL, dialect: postgresql}}], rules: [{rules}]}}\n"
    )
}

pub(crate) fn load_text(text: &str) -> Loaded {
    load(&[SourceFile { name: "test.yaml".to_owned(), text: text.to_owned() }])
}

/// What is wrong with a text, and what is valid in it.
pub(crate) fn check(text: &str, options: &Options) -> (Vec<Problem>, Validated) {
    let loaded = load_text(text);
    let validated = validate(&loaded.inventory, options);
    let mut problems = loaded.problems;
    problems.extend(validated.problems.clone());
    (problems, validated)
}

/// The documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// Writes objects as one text.
pub(crate) fn write(objects: &[Value]) -> String {
    lychgate_crds::yaml::write_all(objects)
}

/// The first object of a kind.
pub(crate) fn of_kind<'a>(objects: &'a mut [Value], kind: &str) -> &'a mut Value {
    objects.iter_mut().find(|object| object["kind"] == kind).unwrap()
}

/// The fields of a path such as `spec.access[0].tools[1]`.
fn steps(path: &str) -> Vec<String> {
    path.replace(']', "").split(['.', '[']).map(str::to_owned).collect()
}

/// Sets, or with `None` removes, the value at a path, making the mappings and lists on the way.
pub(crate) fn set(object: &mut Value, path: &str, value: Option<Value>) {
    let steps = steps(path);
    let (last, way) = steps.split_last().unwrap();
    let mut target = object;
    for step in way {
        target = enter(target, step);
    }
    match (target, value) {
        (Value::Array(items), value) => {
            let index: usize = last.parse().unwrap();
            match value {
                Some(value) if index < items.len() => items[index] = value,
                Some(value) => items.push(value),
                None => drop(items.remove(index)),
            }
        }
        (target, Some(value)) => {
            target.as_object_mut().unwrap().insert(last.clone(), value);
        }
        (target, None) => {
            target.as_object_mut().unwrap().remove(last);
        }
    }
}

fn enter<'a>(value: &'a mut Value, step: &str) -> &'a mut Value {
    if value.is_array() {
        return &mut value.as_array_mut().unwrap()[step.parse::<usize>().unwrap()];
    }
    value.as_object_mut().unwrap().entry(step).or_insert_with(|| Value::Object(Map::new()))
}

/// A path with empty brackets.
pub(crate) fn place(path: &str) -> String {
    let mut place = String::new();
    let mut within = false;
    for character in path.chars() {
        within = within && character != ']';
        if !within {
            place.push(character);
        }
        within = within || character == '[';
    }
    place
}
