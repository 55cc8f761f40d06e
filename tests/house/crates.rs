//! The edges between crates, and what comes with them.

use std::collections::BTreeSet;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use crate::workspace;

/// Every crate with those of ours that it may use. The pure crates know no shell, operator and gateway do not
/// know each other, and only the command line and the tests see both.
const EDGES: &[(&str, &[&str])] = &[
    ("lychgate-crds", &[]),
    ("lychgate-gateway-command", &[]),
    ("lychgate-gateway-lanes", &[]),
    ("lychgate-gateway-mcp", &["lychgate-gateway-lanes"]),
    ("lychgate-gateway-condition", &["lychgate-gateway-mcp"]),
    ("lychgate-gateway-record", &[]),
    ("lychgate-gateway-schema", &[]),
    (
        "lychgate-gateway-policy",
        &[
            "lychgate-gateway-command",
            "lychgate-gateway-condition",
            "lychgate-gateway-lanes",
            "lychgate-gateway-mcp",
            "lychgate-gateway-schema",
        ],
    ),
    ("lychgate-operator-plan", &["lychgate-crds", "lychgate-gateway-condition", "lychgate-gateway-policy"]),
    (
        "lychgate-gateway",
        &["lychgate-crds", "lychgate-gateway-mcp", "lychgate-gateway-policy", "lychgate-gateway-record"],
    ),
    (
        "lychgate",
        &[
            "lychgate-crds",
            "lychgate-gateway",
            "lychgate-gateway-command",
            "lychgate-gateway-mcp",
            "lychgate-gateway-policy",
            "lychgate-gateway-record",
            "lychgate-operator-plan",
        ],
    ),
    ("lychgate-operator", &["lychgate-crds", "lychgate-operator-plan"]),
    ("lychgate-tests", &["lychgate-tests-cluster"]),
    (
        "lychgate-tests-bench",
        &[
            "lychgate-gateway",
            "lychgate-gateway-command",
            "lychgate-gateway-condition",
            "lychgate-gateway-mcp",
            "lychgate-gateway-policy",
            "lychgate-gateway-record",
        ],
    ),
    ("lychgate-tests-cluster", &[]),
    ("lychgate-tests-databases", &[]),
    ("lychgate-tests-fixture", &[]),
    (
        "lychgate-tests-fuzz",
        &[
            "lychgate-gateway-command",
            "lychgate-gateway-condition",
            "lychgate-gateway-lanes",
            "lychgate-gateway-mcp",
            "lychgate-gateway-policy",
            "lychgate-gateway-record",
            "lychgate-gateway-schema",
        ],
    ),
    ("lychgate-tests-image", &[]),
    ("lychgate-tests-node", &["lychgate-tests-cluster", "lychgate-tests-image"]),
];

/// Crates that take values and give values.
const PURE: &[&str] = &[
    "lychgate-crds",
    "lychgate-gateway-command",
    "lychgate-gateway-condition",
    "lychgate-gateway-lanes",
    "lychgate-gateway-mcp",
    "lychgate-gateway-record",
    "lychgate-gateway-schema",
    "lychgate-gateway-policy",
    "lychgate-operator-plan",
];

/// What does input or output, or knows the time or the environment.
const IMPURE: [&str; 12] = [
    "tokio",
    "hyper",
    "hyper-util",
    "reqwest",
    "kube-client",
    "kube-runtime",
    "tracing",
    "log",
    "rustls",
    "clap",
    "rand",
    "getrandom",
];

/// What a pure crate links in spite of [`IMPURE`], with the reason.
const EXCEPTIONS: [(&str, &str, &str); 6] = [
    (
        "lychgate-gateway-command",
        "log",
        "sqlparser has it for messages about its own work, and nothing here or in a shell installs a logger for it",
    ),
    ("lychgate-gateway-policy", "log", "as above, through lychgate-gateway-command"),
    ("lychgate-operator-plan", "log", "as above, through lychgate-gateway-policy"),
    (
        "lychgate-gateway-schema",
        "getrandom",
        "ahash has it for the seeds of hash tables in jsonschema, as those of the standard library have theirs; no answer depends on one",
    ),
    ("lychgate-gateway-policy", "getrandom", "as above, through lychgate-gateway-schema"),
    ("lychgate-operator-plan", "getrandom", "as above, through lychgate-gateway-policy"),
];

/// What is not linked, with the reason.
const BANNED: [(&str, &str); 5] = [
    ("ring", "a second cryptography provider makes rustls panic when it is asked for the default"),
    ("openssl", "one cryptography stack: aws-lc-rs"),
    ("openssl-sys", "one cryptography stack: aws-lc-rs"),
    ("native-tls", "one TLS stack: rustls"),
    ("serde_yml", "unsound"),
];

/// Licences that may be linked, as SPDX identifiers.
const LICENCES: [&str; 13] = [
    "Apache-2.0",
    "MIT",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "0BSD",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "BSL-1.0",
    "Unlicense",
    "MIT-0",
];

fn metadata() -> Metadata {
    MetadataCommand::new().current_dir(workspace()).exec().unwrap()
}

fn our_dependencies(package: &Package) -> BTreeSet<&str> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind == DependencyKind::Normal)
        .map(|dependency| dependency.name.as_str())
        .filter(|name| name.starts_with("lychgate"))
        .collect()
}

#[test]
fn crates_know_only_whom_they_may_know() {
    let metadata = metadata();
    let members: BTreeSet<&str> =
        metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let listed: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    assert_eq!(members, listed, "every crate of the workspace has a row in EDGES");
    for package in metadata.workspace_packages() {
        let (_, allowed) = EDGES.iter().find(|(name, _)| *name == package.name.as_str()).unwrap();
        for dependency in our_dependencies(package) {
            assert!(allowed.contains(&dependency), "{} must not know {dependency}", package.name);
        }
    }
}

/// The crates that `cargo tree` shows for the given arguments: what is really built, on any platform.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace())
        .args(["tree", "--locked", "--target", "all", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn pure_crates_link_nothing_that_does_input_or_output() {
    for &name in PURE {
        let linked = tree(&["--package", name, "--edges", "normal"]);
        assert!(linked.contains(name), "the tree of {name} was read");
        for impure in IMPURE {
            let excepted = EXCEPTIONS.iter().any(|(pure, other, _)| (*pure, *other) == (name, impure));
            assert!(excepted || !linked.contains(impure), "{name} is pure and must not link {impure}");
        }
    }
}

#[test]
fn banned_crates_are_not_linked() {
    let shipped = tree(&["--workspace", "--exclude", "lychgate-tests", "--edges", "normal,build"]);
    let linked = tree(&["--workspace", "--edges", "normal,build,dev"]);
    assert!(!shipped.contains("reqwest"), "outbound requests go through hyper with our own resolver");
    for (banned, reason) in BANNED {
        assert!(
            !linked.contains(banned),
            "{banned} is linked: {reason}; `cargo tree -i {banned}` says by whom"
        );
    }
}

#[test]
fn one_kube_is_linked() {
    let metadata = metadata();
    let versions: BTreeSet<String> = metadata
        .packages
        .iter()
        .filter(|package| package.name.as_str() == "kube-core")
        .map(|package| package.version.to_string())
        .collect();
    assert_eq!(versions.len(), 1, "versions of kube: {versions:?}");
}

#[test]
fn every_licence_is_one_that_may_be_linked() {
    for package in &metadata().packages {
        let licence = package.license.as_deref().unwrap_or("none");
        // In an old spelling a slash means OR.
        let expression = licence.replace('/', " OR ").replace(['(', ')'], " ");
        let acceptable = expression.split(" AND ").all(|alternatives| {
            alternatives.split(" OR ").any(|identifier| {
                let identifier = identifier.split(" WITH ").next().unwrap_or_default().trim();
                LICENCES.contains(&identifier)
            })
        });
        assert!(acceptable, "{} {} has the licence {licence}", package.name, package.version);
    }
}
