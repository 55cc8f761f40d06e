//! Values of Secrets, as `lychgate dev` and `lychgate validate` hold them when they stand in manifests.
//!
//! In a cluster neither the operator nor this crate sees any. The type has no Debug, no Display and no
//! Serialize, so that no value can get into a log, a problem or a rendered object by accident, and its
//! memory is wiped when it is dropped.

use zeroize::Zeroizing;

/// The bytes under one key of a Secret.
#[derive(Clone)]
pub struct SecretValue(Zeroizing<Vec<u8>>);

impl SecretValue {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Whoever asks is about to use them, not to show them.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}
