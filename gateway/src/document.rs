//! Policy documents as texts: how they are found, named, numbered and put in order. What is in them is
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

/// The documents by their names, each as it was found here and there: what the API server has said first.
///
/// A newer one stands before an older one. One without a readable sequence stands first: it is tried, and refused
/// with what is wrong with it, before an older one is looked at.
#[must_use]
pub fn gather(
    live: BTreeMap<String, Document>,
    mounted: BTreeMap<String, Document>,
) -> BTreeMap<String, Vec<Document>> {
    let mut gathered: BTreeMap<String, Vec<Document>> = BTreeMap::new();
    for (name, document) in live.into_iter().chain(mounted) {
        let found = gathered.entry(name).or_default();
        if !found.contains(&document) {
            found.push(document);
        }
    }
    for found in gathered.values_mut().filter(|found| found.len() > 1) {
        // The sort is stable: of two with the same sequence, what the API server has said stays first.
        found.sort_by_cached_key(|document| std::cmp::Reverse(document.sequence().unwrap_or(u64::MAX)));
    }
    gathered
}

/// The documents of a ConfigMap's data, by their names.
#[must_use]
pub fn of_data(data: BTreeMap<String, String>) -> BTreeMap<String, Document> {
    let named = |(key, text): (String, String)| {
        let text =
            if text.len() as u64 > MAXIMUM_DOCUMENT_BYTES { Err(too_large()) } else { Ok(Arc::from(text)) };
        Some((name_of(&key)?.to_owned(), Document { text }))
    };
    data.into_iter().filter_map(named).collect()
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
        return Err(too_large());
    }
    std::fs::read_to_string(path).map(Arc::from).map_err(|error| error.to_string())
}

fn too_large() -> String {
    format!("larger than {MAXIMUM_DOCUMENT_BYTES} bytes")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::{Document, gather, of_data, read_folder};

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

    fn texts(found: &[(&str, &str)]) -> std::collections::BTreeMap<String, Document> {
        of_data(found.iter().map(|(name, text)| (format!("{name}.json"), (*text).to_owned())).collect())
    }

    #[test]
    fn of_what_is_found_twice_the_newer_comes_first_and_of_equals_what_the_api_server_said() {
        let numbered = |sequence: u64, from: &str| format!(r#"{{"sequence":{sequence},"from":"{from}"}}"#);
        for (live, mounted, expected) in [
            (numbered(9, "live"), numbered(8, "folder"), vec![numbered(9, "live"), numbered(8, "folder")]),
            (numbered(8, "live"), numbered(9, "folder"), vec![numbered(9, "folder"), numbered(8, "live")]),
            (numbered(8, "live"), numbered(8, "folder"), vec![numbered(8, "live"), numbered(8, "folder")]),
            (numbered(8, "same"), numbered(8, "same"), vec![numbered(8, "same")]),
            ("{".into(), numbered(8, "folder"), vec!["{".into(), numbered(8, "folder")]),
            (numbered(8, "live"), "{".into(), vec!["{".into(), numbered(8, "live")]),
        ] {
            let gathered = gather(texts(&[("a", &live)]), texts(&[("a", &mounted)]));
            let found: Vec<String> =
                gathered.into_values().flatten().map(|document| document.text.unwrap().to_string()).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_document_is_there_as_long_as_it_is_in_one_of_the_two_places() {
        let gathered =
            gather(texts(&[("live", "1"), ("both", "2")]), texts(&[("both", "2"), ("folder", "3")]));
        let names: Vec<&str> = gathered.keys().map(String::as_str).collect();
        assert_eq!(names, ["both", "folder", "live"]);
        let large = "x".repeat(1024 * 1024 + 1);
        assert!(texts(&[("large", &large)]).values().all(|document| document.text.is_err()));
    }

    #[test]
    fn the_hash_is_the_sha_256_of_the_text() {
        let hash = Document { text: Ok("abc".into()) }.hash();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.as_deref(), Some(expected));
        assert_eq!(Document { text: Err("gone".into()) }.hash(), None);
    }
}
