//! Writes `docs/reference.md` from the schemas and the reasons, so that it cannot say anything else.

use std::fmt::Write as _;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray,
};
use lychgate_crds::{API_VERSION, ConditionType, Definition, Progress, Reason, definitions};

const INTRODUCTION: &str = "\
<!-- Made from the types by `UPDATE_GOLDEN=1 cargo test -p lychgate-crds`. Do not edit. -->
# API reference

Every kind is namespaced and belongs to the category `lychgate`: `kubectl get lychgate` shows them all. \
References never cross a namespace. Unknown fields are refused by `lychgate validate` and pruned by the API \
server (`kubectl apply --validate=strict` refuses them, too).

Lengths of time are a whole number and `ms`, `s`, `m`, `h` or `d` (`90s`, `8h`). Sizes are a number of bytes, or \
a number with `k`, `M`, `Ki` or `Mi` (`4Mi`). In patterns, `*` stands for any run of characters, and everything \
else for itself.
";

/// The whole page.
pub(crate) fn write() -> String {
    let mut page = INTRODUCTION.to_owned();
    for definition in definitions().unwrap() {
        write_kind(&mut page, &definition);
    }
    page.push_str("\n## Conditions\n\n| type | is True when |\n| --- | --- |\n");
    for condition in ConditionType::ALL {
        writeln!(page, "| `{condition}` | {} |", meaning(condition)).unwrap();
    }
    page.push_str(
        "\n## Reasons\n\nIn a condition, and in brackets at the end of each line of `lychgate validate`.\n\n\
         | reason | means | condition |\n| --- | --- | --- |\n",
    );
    for reason in Reason::ALL {
        writeln!(page, "| `{reason}` | {} | `{}` |", reason.explanation(), reason.condition()).unwrap();
    }
    page.push_str(
        "\n## Reasons about running gateways\n\nOnly in conditions. A condition that is True has its own type as its \
         reason.\n\n| reason | means |\n| --- | --- |\n",
    );
    for progress in Progress::ALL {
        writeln!(page, "| `{progress}` | {} |", progress.explanation()).unwrap();
    }
    page
}

fn meaning(condition: ConditionType) -> &'static str {
    match condition {
        ConditionType::Accepted => "the object and everything that it names is valid",
        ConditionType::ResolvedRefs => "the Secrets, ConfigMaps and gateways that the object names exist",
        ConditionType::Programmed => "every replica of the gateway has acknowledged this configuration",
        ConditionType::Ready => "calls can be made",
        ConditionType::Conflicted => {
            "another policy that can hold for the same calls contradicts this one; False is as it should be"
        }
        ConditionType::AdmissionGuarded => {
            "the operator has proved that the API server refuses votes and Approvals that nobody may write"
        }
        ConditionType::ToolsPinned => {
            "what the server says of its tools, as gateways saw it last, is what was pinned; absent where tools are not pinned"
        }
    }
}

fn write_kind(page: &mut String, definition: &Definition) {
    let names = definition.manifest.pointer("/spec/names").unwrap();
    let short = names.pointer("/shortNames/0").unwrap().as_str().unwrap();
    let schema = &definition.schema;
    writeln!(page, "\n## {}\n\n{}\n", definition.kind, schema.description.as_deref().unwrap()).unwrap();
    writeln!(page, "`apiVersion: {API_VERSION}`, `kind: {}`, short name `{short}`.\n", definition.kind)
        .unwrap();
    page.push_str("| field | type | what it says |\n| --- | --- | --- |\n");
    for part in ["spec", "status"] {
        write_fields(page, part, schema.properties.as_ref().unwrap().get(part).unwrap());
    }
}

fn write_fields(page: &mut String, path: &str, schema: &JSONSchemaProps) {
    let required = schema.required.clone().unwrap_or_default();
    for (name, property) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        // The members of a condition are those of every Kubernetes kind.
        let is_conditions = path == "status.conditions";
        let item = property.items.as_ref().map(|items| match items {
            JSONSchemaPropsOrArray::Schema(item) => item.as_ref(),
            JSONSchemaPropsOrArray::Schemas(_) => panic!("{path}: a list of schemas is not structural"),
        });
        let says = says(property, item, required.contains(name));
        writeln!(page, "| `{path}` | {} | {says} |", type_of(property, item)).unwrap();
        match item {
            Some(_) if is_conditions => {}
            Some(item) => write_fields(page, &format!("{path}[]"), item),
            None => write_fields(page, &path, property),
        }
    }
}

fn type_of(schema: &JSONSchemaProps, item: Option<&JSONSchemaProps>) -> String {
    let name = schema.type_.as_deref().unwrap_or("integer or string");
    match item {
        Some(item) => format!("list of {}s", type_of(item, None)),
        None => name.to_owned(),
    }
}

/// The description, then what else there is to know, each as one sentence.
fn says(schema: &JSONSchemaProps, item: Option<&JSONSchemaProps>, required: bool) -> String {
    let mut sentences = vec![schema.description.clone().unwrap_or_default()];
    if required {
        sentences.push("Required.".to_owned());
    }
    let choices = schema.enum_.as_ref().or_else(|| item.and_then(|item| item.enum_.as_ref()));
    if let Some(choices) = choices {
        let choices: Vec<String> =
            choices.iter().map(|choice| format!("`{}`", choice.0.as_str().unwrap())).collect();
        sentences.push(format!("One of {}.", choices.join(", ")));
    }
    if let Some(default) = schema.default.as_ref().filter(|default| !default.0.is_object()) {
        sentences.push(format!("Default: `{}`.", default.0.to_string().trim_matches('"')));
    }
    if let (Some(minimum), Some(maximum)) = (schema.minimum, schema.maximum) {
        sentences.push(format!("Between {minimum} and {maximum}."));
    }
    if let Some(maximum) = schema.max_items {
        sentences.push(match schema.min_items {
            Some(minimum) => format!("Between {minimum} and {maximum} items."),
            None if maximum == 1 => "At most one item.".to_owned(),
            None => format!("At most {maximum} items."),
        });
    }
    sentences.join(" ").replace('|', "\\|")
}
