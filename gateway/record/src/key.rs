//! The Ed25519 keys (RFC 8032) that sign and check heads. The caller brings the bytes; where keys
//! are kept and when they are changed is no matter of this crate.

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::hash::Hash;

/// Hexadecimal digits of a key's hash that name it in a head.
const KEY_ID_DIGITS: usize = 16;

/// What makes a key unusable. It never says what the bytes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are no unencrypted PKCS#8 document with an Ed25519 private key.
    #[error("not an unencrypted PKCS#8 document with an Ed25519 private key")]
    SigningKey,
    /// The text is not the standard base64 form of 32 bytes.
    #[error("not an Ed25519 public key: expected 32 bytes in standard base64")]
    VerifyingKey,
}

/// The private key that signs heads. It is a secret: neither `Debug` nor `Serialize`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// Takes an unencrypted PKCS#8 document (DER, version 1 or 2), as `openssl genpkey -algorithm
    /// ed25519 -outform DER` makes it.
    ///
    /// # Errors
    /// [`KeyError::SigningKey`] when the bytes are anything else.
    pub fn from_pkcs8(document: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8(document).map_err(|_| KeyError::SigningKey)?;
        Self::from_pair(pair)
    }

    /// Takes the 32 bytes of the private key of RFC 8032, section 5.1.5.
    ///
    /// # Errors
    /// [`KeyError::SigningKey`] when the library refuses the seed.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::SigningKey)?;
        Self::from_pair(pair)
    }

    /// The public half, which verifiers are given.
    #[must_use]
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    /// Signs bytes and gives the 64 bytes of the signature in standard base64, 88 characters.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        STANDARD.encode(self.pair.sign(bytes).as_ref())
    }

    fn from_pair(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let bytes = <[u8; 32]>::try_from(pair.public_key().as_ref());
        let public = VerifyingKey(bytes.map_err(|_| KeyError::SigningKey)?);
        Ok(Self { pair, public })
    }
}

/// The public key that checks heads; its text form is the 32 bytes in standard base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// Takes the 32 bytes of RFC 8032, section 5.1.5. Whether they are a point of the curve shows
    /// when a signature is checked.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Takes the text form.
    ///
    /// # Errors
    /// [`KeyError::VerifyingKey`] when the text is not the base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::VerifyingKey)?;
        bytes.try_into().map(Self).map_err(|_| KeyError::VerifyingKey)
    }

    /// The short name of the key in a head: the first 16 hexadecimal digits of the SHA-256 of its
    /// 32 bytes. It finds a key, it proves nothing.
    #[must_use]
    pub fn id(&self) -> String {
        Hash::of(&self.0).to_string().chars().take(KEY_ID_DIGITS).collect()
    }

    /// Whether `signature` (standard base64) is this key's signature over `bytes`.
    pub(crate) fn verifies(&self, bytes: &[u8], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&ED25519, self.0).verify(bytes, &signature).is_ok()
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&STANDARD.encode(self.0))
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::from_base64(&text)
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;

    /// RFC 8032, section 7.1, test 2.
    const SEED: &str = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const PUBLIC: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    const SIGNATURE: &str = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";

    fn key() -> SigningKey {
        SigningKey::from_seed(&hex::decode(SEED).unwrap().try_into().unwrap()).ok().unwrap()
    }

    #[test]
    fn the_signature_is_that_of_rfc_8032() {
        let expected = STANDARD.encode(hex::decode(SIGNATURE).unwrap());
        assert_eq!(key().sign(&[0x72]), expected);
        assert!(key().verifying_key().verifies(&[0x72], &expected));
        assert!(!key().verifying_key().verifies(&[0x73], &expected));
        assert_eq!(hex::encode(key().verifying_key().0), PUBLIC);
    }

    #[test]
    fn a_document_as_openssl_writes_it_is_the_same_key_as_its_seed() {
        // RFC 8410, section 7: the version 1 document is a fixed prefix and the seed.
        let document = hex::decode(format!("302e020100300506032b657004220420{SEED}")).unwrap();
        let from_document = SigningKey::from_pkcs8(&document).ok().unwrap();
        assert_eq!(from_document.verifying_key(), key().verifying_key());
        assert_eq!(SigningKey::from_pkcs8(b"junk").err(), Some(KeyError::SigningKey));
    }

    #[test]
    fn a_public_key_is_read_back_from_its_text() {
        let text = key().verifying_key().to_string();
        assert_eq!(&VerifyingKey::from_base64(&text).unwrap(), key().verifying_key());
        for wrong in ["", "AAAA", "not base64!", &format!("{text}\n")] {
            assert_eq!(VerifyingKey::from_base64(wrong), Err(KeyError::VerifyingKey), "{wrong}");
        }
    }
}
