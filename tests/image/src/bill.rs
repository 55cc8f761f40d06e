//! A bill of materials of a binary: the crates that are linked into it, as CycloneDX 1.6 has it. The same `Cargo.lock`
//! gives the same bytes: there is no time and no serial number in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::Error;

/// A crate, as `cargo tree` shows it in one line.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    /// An expression of SPDX.
    license: String,
}

impl Crate {
    /// Reads `name vVERSION (where)|LICENSE (*)`.
    fn read(line: &str) -> Option<Self> {
        let (package, license) = line.split_once('|')?;
        let mut words = package.split(' ');
        let name = words.next()?.to_owned();
        let version = words.next()?.strip_prefix('v')?.to_owned();
        // Older crates write a slash, which SPDX does not know.
        let license = license.trim_end_matches(" (*)").replace('/', " OR ");
        Some(Self { name, version, license })
    }

    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    fn component(&self, kind: &str, digest: Option<&String>) -> Value {
        let license = Some(&self.license).filter(|text| !text.is_empty());
        let licenses: Vec<Value> = license.map(|text| json!({"expression": text})).into_iter().collect();
        let hashes: Vec<Value> =
            digest.map(|digest| json!({"alg": "SHA-256", "content": digest})).into_iter().collect();
        json!({
            "type": kind,
            "bom-ref": self.url(),
            "name": self.name,
            "version": self.version,
            "purl": self.url(),
            "licenses": licenses,
            "hashes": hashes,
        })
    }
}

/// Which crate asks for which.
type Edges = BTreeMap<Crate, BTreeSet<Crate>>;

/// The bill of a package of the workspace in this directory, as cargo would build it here, as JSON.
///
/// # Errors
///
/// Where cargo knows no such package, or `Cargo.lock` cannot be read.
pub fn bill(workspace: &Path, package: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::Bill { package: package.to_owned(), reason };
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "depth"])
        .args(["--format", "|{p}|{l}", "--package", package])
        .current_dir(workspace)
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let (root, edges) = edges(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| failed("cargo tree shows its crates in another form".to_owned()))?;
    let lock = workspace.join("Cargo.lock");
    let digests = digests(&fs::read_to_string(&lock).map_err(Error::file(&lock))?);
    let text = serde_json::to_string_pretty(&document(&root, &edges, &digests));
    text.map(|text| text + "\n").map_err(|error| failed(error.to_string()))
}

/// The first crate, and who asks for whom. What was shown before is not shown again below the next.
fn edges(tree: &str) -> Option<(Crate, Edges)> {
    let mut edges = Edges::new();
    let mut above: Vec<Crate> = Vec::new();
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (depth, line) = line.split_once('|')?;
        let found = Crate::read(line)?;
        above.truncate(depth.parse().ok()?);
        edges.entry(found.clone()).or_default();
        if let Some(parent) = above.last() {
            edges.entry(parent.clone()).or_default().insert(found.clone());
        }
        above.push(found);
    }
    above.into_iter().next().map(|root| (root, edges))
}

/// The SHA-256 of each crate's archive, by name and version. What lies in the workspace has none.
fn digests(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        line.strip_suffix('"').map(str::to_owned)
    };
    let read =
        |block: &str| Some(((value(block, "name")?, value(block, "version")?), value(block, "checksum")?));
    lock.split("[[package]]").filter_map(read).collect()
}

fn document(root: &Crate, edges: &Edges, digests: &BTreeMap<(String, String), String>) -> Value {
    let digest = |one: &Crate| digests.get(&(one.name.clone(), one.version.clone()));
    let others = edges.keys().filter(|one| *one != root);
    let components: Vec<Value> = others.map(|one| one.component("library", digest(one))).collect();
    let dependencies: Vec<Value> = edges
        .iter()
        .map(|(one, asked)| json!({"ref": one.url(), "dependsOn": asked.iter().map(Crate::url).collect::<Vec<_>>()}))
        .collect();
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root.component("application", None)},
        "components": components,
        "dependencies": dependencies,
    })
}
