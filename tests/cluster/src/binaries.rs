//! Where `tests/cluster/install` puts what it installs.

use std::path::{Path, PathBuf};

/// A binary of `target/cluster/bin`, such as `kubectl`, `helm` or `kubernetes-validate`.
///
/// # Panics
///
/// Where it is missing: a test that lacks its counterpart fails.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let path = directory().join(name);
    assert!(path.exists(), "{} is missing; run tests/cluster/install", path.display());
    path
}

/// The directory to put on a `PATH`.
pub(crate) fn directory() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.ancestors().nth(2).expect("this crate lies in tests/cluster");
    workspace.join("target/cluster/bin")
}
