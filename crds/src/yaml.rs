//! JSON values written as YAML that every reader understands alike.
//!
//! Readers of YAML 1.1 (kubectl, Helm) take a bare `Off`, `yes`, `1_000` or `2026-01-01` for something else
//! than text. So a text is written bare only if it is plainly a word or a path, and in double quotes otherwise.

use serde_json::{Map, Value};

/// Writes a document. It ends with a line break, and begins without `---`.
#[must_use]
pub fn write(value: &Value) -> String {
    let mut output = String::new();
    match value {
        Value::Object(members) if !members.is_empty() => write_members(&mut output, members, 0),
        Value::Array(items) if !items.is_empty() => write_items(&mut output, items, 0),
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            output.push_str(&scalar(value));
            output.push('\n');
        }
    }
    output
}

/// Writes documents into one stream, separated by `---`.
#[must_use]
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let documents: Vec<String> = values.into_iter().map(write).collect();
    documents.join("---\n")
}

/// Writes the members of a mapping, each on a line of its own. The first line is not indented: the caller
/// has done so.
fn write_members(output: &mut String, members: &Map<String, Value>, depth: usize) {
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            indent(output, depth);
        }
        output.push_str(&text(key));
        output.push(':');
        match value {
            Value::Object(nested) if !nested.is_empty() => {
                output.push('\n');
                indent(output, depth + 1);
                write_members(output, nested, depth + 1);
            }
            Value::Array(items) if !items.is_empty() => {
                output.push('\n');
                indent(output, depth);
                write_items(output, items, depth);
            }
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                output.push(' ');
                output.push_str(&scalar(value));
                output.push('\n');
            }
        }
    }
}

/// Writes the items of a list. The first line is not indented.
fn write_items(output: &mut String, items: &[Value], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            indent(output, depth);
        }
        output.push_str("- ");
        match item {
            Value::Object(nested) if !nested.is_empty() => write_members(output, nested, depth + 1),
            Value::Array(nested) if !nested.is_empty() => write_items(output, nested, depth + 1),
            Value::Object(_)
            | Value::Array(_)
            | Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_) => {
                output.push_str(&scalar(item));
                output.push('\n');
            }
        }
    }
}

fn indent(output: &mut String, depth: usize) {
    for _ in 0..depth {
        output.push_str("  ");
    }
}

/// A value that fits on one line. JSON is YAML, so that what is not text stands as JSON has it.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(content) => text(content),
        Value::Object(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {
            value.to_string()
        }
    }
}

/// A text, bare where no reader can take it for something else.
fn text(content: &str) -> String {
    if is_plain(content) { content.to_owned() } else { quoted(content) }
}

/// Words that some reader takes for a boolean, null or a number.
const RESERVED: [&str; 16] = [
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "null",
    "none",
    "nil",
    "inf",
    "nan",
    "infinity",
    "undefined",
    "void",
];

fn is_plain(content: &str) -> bool {
    let mut characters = content.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '/');
    let continues = content
        .chars()
        .all(|next| next.is_ascii_alphanumeric() || matches!(next, '.' | '/' | '_' | '-' | ' '));
    begins
        && continues
        && !content.ends_with(' ')
        && !RESERVED.contains(&content.to_ascii_lowercase().as_str())
}

/// A text in double quotes. All that is not printable ASCII or a letter of some script is escaped.
fn quoted(content: &str) -> String {
    let mut output = String::with_capacity(content.len() + 2);
    output.push('"');
    for character in content.chars() {
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\n' => output.push_str("\\n"),
            '\t' => output.push_str("\\t"),
            ' '..='~' => output.push(character),
            other if other.is_alphanumeric() => output.push(other),
            other => output.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    output.push('"');
    output
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::{Value, json};

    use super::{write, write_all};

    #[test]
    fn what_is_written_reads_back_the_same() {
        let value = json!({
            "empty": {"object": {}, "list": [], "text": "", "nothing": null},
            "list": [{"a": 1, "b": [true, [1, 2], {"c": "d"}]}, "x", [[]]],
            "numbers": [0, -1, 1.5, 9_007_199_254_740_993_i64],
            "texts": [
                "yes", "No", "on", "Off", "y", "null", "~", "1_000", "0x10", "012", "1e3", "1:30", ".5", "-", "- a",
                "a: b", "a #b", "# a", "*", "&a", "!a", "%", "@", "`", "'", "\"", "\\", "a\nb", "a\tb", " a", "a ",
                "{value}", "Bearer {value}", "2026-01-01", "é", "\u{85}\u{2028}\u{feff}\u{1f511}\u{0}", "=", "<<",
            ],
            "yes": {"1": "numeric key"},
        });
        let read: Value = serde_yaml::from_str(&write(&value)).unwrap();
        assert_eq!(read, value);
    }

    #[test]
    fn words_that_yaml_1_1_takes_for_something_else_are_quoted() {
        let written = write(&json!(["Off", "yes", "n", "Operator", "/mcp", "1_000", "a b"]));
        assert_eq!(written, "- \"Off\"\n- \"yes\"\n- \"n\"\n- Operator\n- /mcp\n- \"1_000\"\n- a b\n");
    }

    #[test]
    fn documents_are_separated() {
        assert_eq!(write_all([&json!({"a": 1}), &json!({"b": [2]})]), "a: 1\n---\nb:\n- 2\n");
    }
}
