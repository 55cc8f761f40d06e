//! Images for tests, made without a daemon and without a builder: a binary of this machine with the libraries that it
//! needs and nothing else, as an OCI image layout. The same files give the same digest.
//!
//! Images for people are made by the `Containerfile`; what containers find in them is the same.

mod bill;
mod image;
mod layer;
mod layout;
mod libraries;

pub use bill::bill;
pub use image::{Content, Image};
pub use layout::{Layout, archive};

/// Whom containers run as, where a pod says nothing else: nobody who exists elsewhere.
pub const USER: u32 = 65532;

/// Why an image could not be made, with the file that it is about.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: String,
        /// Why not.
        error: std::io::Error,
    },
    /// The loader does not say which libraries a binary needs.
    #[error("{binary}: its libraries are not known: {reason}; is it a binary of this machine?")]
    Libraries {
        /// Which binary.
        binary: String,
        /// What `ldd` said.
        reason: String,
    },
    /// Nobody can say which crates are linked into a package's binary.
    #[error(
        "{package}: its crates are not known: {reason}; is it a package of this workspace, and cargo there?"
    )]
    Bill {
        /// Which package.
        package: String,
        /// What cargo said.
        reason: String,
    },
    /// A tool of binutils failed.
    #[error("strip {binary}: {reason}; install binutils, or take a binary without symbols")]
    Strip {
        /// Which binary.
        binary: String,
        /// What it said.
        reason: String,
    },
}

impl Error {
    pub(crate) fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::File { path: path.clone(), error }
    }
}
