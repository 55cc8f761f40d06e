//! The Helm chart: what it renders for which values, and what becomes of it on a real API server.

mod install;
mod page;
pub mod release;
mod rendering;
pub mod rights;
mod run;
mod values;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lychgate_tests_cluster::binary;
use serde::Deserialize as _;
use serde_json::Value;

use crate::support::workspace;

/// The namespace that releases are rendered for, and that `helm` would put them into.
pub const HOME: &str = "lychgate-system";

/// The operator's service account, and its Deployment.
pub const OPERATOR: &str = "lychgate-operator";

/// The chart's folder.
pub fn folder() -> PathBuf {
    workspace().join("charts/lychgate")
}

/// The values that must be set, as a file.
pub fn images() -> PathBuf {
    workspace().join("tests/kubernetes/chart/images.yaml")
}

/// Runs a program with this on its standard input; gives whether it succeeded, and everything that it printed.
pub fn run(mut command: Command, input: &str) -> (bool, String) {
    let home = tempfile::tempdir().unwrap();
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", home.path());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeding = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let finished = child.wait_with_output().unwrap();
    // A program that reads no input may end before it was written.
    let _reads_nothing = feeding.join().unwrap();
    let text = String::from_utf8(finished.stdout).unwrap() + &String::from_utf8_lossy(&finished.stderr);
    (finished.status.success(), text)
}

/// Runs `helm template` with these values, as YAML; gives what it printed, good or bad.
pub fn try_render(values: &str) -> Result<String, String> {
    let mut command = Command::new(binary("helm"));
    command.args(["template", "lychgate"]).arg(folder()).args(["--namespace", HOME]);
    command.arg("--values").arg(images()).args(["--values", "-"]);
    match run(command, values) {
        (true, text) => Ok(text),
        (false, text) => Err(text),
    }
}

/// The objects that the chart renders with these values.
pub fn render(values: &str) -> Vec<Value> {
    let text = try_render(values).unwrap_or_else(|error| panic!("{values}: {error}"));
    objects(&text)
}

/// The objects of a text of YAML documents.
pub fn objects(text: &str) -> Vec<Value> {
    let documents = serde_yaml::Deserializer::from_str(text);
    let objects = documents.map(|document| Value::deserialize(document).unwrap());
    objects.filter(|object| !object.is_null()).collect()
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// An object's name.
pub fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}
