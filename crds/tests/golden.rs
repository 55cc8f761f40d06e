//! Holds what is made from the types: the manifests in `crds/yaml`, their copies in the Helm chart, which can take in
//! nothing from outside of its folder, and the reference in `docs/reference.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "the test, not the crate, reads and writes golden files")]

use std::path::{Path, PathBuf};

mod reference;

/// Where the manifests are.
const FOLDERS: [&str; 2] = ["crds/yaml", "charts/lychgate/crd-files"];

#[test]
fn the_manifests_are_what_the_types_say() {
    for definition in lychgate_crds::definitions().unwrap() {
        let name = definition.manifest.pointer("/metadata/name").unwrap().as_str().unwrap();
        let plural = name.split_once('.').unwrap().0;
        let text = lychgate_crds::yaml::write(&definition.manifest);
        for folder in FOLDERS {
            hold(&root().join(folder).join(format!("{plural}.yaml")), &text);
        }
    }
}

#[test]
fn no_manifest_is_left_of_a_kind_that_is_gone() {
    for folder in FOLDERS {
        let files = std::fs::read_dir(root().join(folder)).unwrap().count();
        assert_eq!(files, lychgate_crds::definitions().unwrap().len(), "{folder}");
    }
}

#[test]
fn the_reference_is_what_the_types_say() {
    hold(&root().join("docs/reference.md"), &reference::write());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a file with what it should hold, or rewrites it where `UPDATE_GOLDEN` is set.
fn hold(path: &Path, expected: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    let line = differs.unwrap_or_else(|| found.lines().count().min(expected.lines().count())) + 1;
    assert!(
        found == expected,
        "{} differs from what the types say, first in line {line}. \
         Run `UPDATE_GOLDEN=1 cargo test -p lychgate-crds` and look at the difference.",
        path.display()
    );
}
