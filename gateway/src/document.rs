//! Policy documents as texts: how they are found in the folder, named and numbered. What is in them is
//! [`crate::configuration`]'s business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lychgate_gateway_policy::config::GatewayConfig;
use serde::Deserialize;

/// The largest document, in bytes (the limit of a ConfigMap).
const MAXIMUM_DOCUMENT_BYTES: u64 = 1024 * 1024;
/// How the name of a document's file ends.
const ENDING: &str = ".json";

/// A document that was found, or why it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The text as it was found.
    pub text: Result<Arc<str>, String>,
}

impl Document {
    /// What the document says, as far as its shape goes.
    ///
    /// # Errors
    /// A sentence for the log.
    pub fn parse(&self) -> Result<GatewayConfig, String> {
        let text = self.text.clone()?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// The document's number, if that much of it can be read.
    #[must_use]
    pub fn sequence(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Numbered {
            sequence: u64,
        }
        let text = self.text.as_ref().ok()?;
        serde_json::from_str::<Numbered>(text).ok().map(|numbered| numbered.sequence)
    }

    /// A name for this very text: its SHA-256, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> Option<String> {
        let text = self.text.as_ref().ok()?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        Some(hex::encode(digest))
    }
}

/// The documents of a folder, by the name of their file without its ending.
///
/// # Errors
/// The folder cannot be read.
pub fn read_folder(folder: &Path) -> std::io::Result<BTreeMap<String, Document>> {
    let mut documents = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).and_then(name_of) {
            documents.insert(name.to_owned(), Document { text: read(&path) });
        }
    }
    Ok(documents)
}

/// The name of a document by that of its file, if it is one. Whatever begins with a dot is of the kubelet's own
/// making.
fn name_of(file: &str) -> Option<&str> {
    file.strip_suffix(ENDING).filter(|name| !name.is_empty() && !name.starts_with('.'))
}

fn read(path: &Path) -> Result<Arc<str>, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > MAXIMUM_DOCUMENT_BYTES {
        return Err(format!("larger than {MAXIMUM_DOCUMENT_BYTES} bytes"));
    }
    std::fs::read_to_string(path).map(Arc::from).map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Document, read_folder};

    #[test]
    fn documents_are_files_that_end_in_json_and_no_larger_than_a_config_map() {
        let folder = tempfile::tempdir().unwrap();
        for (file, bytes) in
            [("b.json", 1), ("a.json", 1024 * 1024 + 1), ("c.yaml", 1), (".json", 1), ("..d.json", 1)]
        {
            std::fs::write(folder.path().join(file), "x".repeat(bytes)).unwrap();
        }
        let found = read_folder(folder.path()).unwrap();
        let names: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(names, ["a", "b"]);
        let texts: Vec<_> = found.values().map(|document| document.text.as_deref()).collect();
        assert_eq!(texts, [Err(&"larger than 1048576 bytes".to_owned()), Ok("x")]);
    }

    #[test]
    fn the_number_of_a_document_is_known_also_where_the_rest_is_wrong() {
        for (text, expected) in [
            (r#"{"sequence":8,"unknown":true}"#, Some(8)),
            (r#"{"sequence":"8"}"#, None),
            (r#"{"sequence":8"#, None),
            ("", None),
        ] {
            assert_eq!(Document { text: Ok(text.into()) }.sequence(), expected, "{text}");
        }
    }

    #[test]
    fn the_hash_is_the_sha_256_of_the_text() {
        let hash = Document { text: Ok("abc".into()) }.hash();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.as_deref(), Some(expected));
        assert_eq!(Document { text: Err("gone".into()) }.hash(), None);
    }
}
