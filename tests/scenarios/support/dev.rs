//! `lychgate dev` on a folder of manifests.

use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use super::eventually;
use super::process::{Finished, Process, binary, lychgate};

/// A running `lychgate dev`.
pub struct Dev {
    pub folder: TempDir,
    pub process: Process,
    /// URL of the connection `server`.
    pub url: String,
    /// URL of health and metrics.
    pub admin: String,
    summary: Value,
}

impl Dev {
    /// Serves the manifests in a folder of its own.
    pub async fn start(manifests: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), manifests).await
    }

    /// Serves the manifests in `folder`, which may hold the state of an earlier run.
    pub async fn start_in(folder: TempDir, manifests: &str) -> Self {
        let mut command = Command::new(binary("lychgate"));
        let directory = folder.path().join("manifests");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("all.yaml"), manifests).unwrap();
        let state = folder.path().join("state");
        command.env("LYCHGATE_LOG", "debug").arg("dev").arg(&directory).arg("--state").arg(&state).args([
            "--listen",
            "127.0.0.1:0",
            "--issuer-listen",
            "127.0.0.1:0",
        ]);
        // What a run that was killed left there says nothing about this one.
        let _none_left = std::fs::remove_file(state.join("dev.json"));
        let mut process = Process::start("lychgate dev", command);
        let summary: Value = eventually("lychgate dev to serve", async || {
            process.assert_alive();
            let text = std::fs::read_to_string(state.join("dev.json")).ok()?;
            Some(serde_json::from_str(&text).unwrap())
        })
        .await;
        let url = summary["connections"][0]["url"].as_str().unwrap().to_owned();
        let admin = summary["admin"].as_str().unwrap().to_owned();
        Self { folder, process, url, admin, summary }
    }

    /// The token that `dev` made for a persona.
    pub fn token(&self, user: &str) -> String {
        let personas = self.summary["personas"].as_array().unwrap();
        let persona = personas.iter().find(|persona| persona["user"] == user).unwrap();
        std::fs::read_to_string(persona["tokenFile"].as_str().unwrap()).unwrap()
    }

    /// Replaces the manifests.
    pub fn write(&self, manifests: &str) {
        let target = self.folder.path().join("manifests/all.yaml");
        let next = self.folder.path().join("next.yaml");
        std::fs::write(&next, manifests).unwrap();
        std::fs::rename(next, target).unwrap();
    }

    pub fn records(&self) -> PathBuf {
        self.folder.path().join("state/records")
    }

    /// The text of the whole journal.
    pub fn journal(&self) -> String {
        journal(&self.records().join("dev"))
    }

    /// The entries of the journal.
    pub fn entries(&self) -> Vec<Value> {
        entries(&self.journal())
    }

    /// `lychgate verify` over the records.
    pub async fn verify(&self) -> Finished {
        lychgate(&["verify", "--records", self.records().to_str().unwrap()], "").await
    }
}

/// The text of all segments in a folder.
pub fn journal(folder: &std::path::Path) -> String {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    names.sort();
    names.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// The entries of a journal: each line's body, with the line's kind beside its members.
pub fn entries(journal: &str) -> Vec<Value> {
    // What was written last may not be whole yet.
    let whole = journal.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let mut body = line["body"].take();
            if body.is_null() {
                return line;
            }
            body["kind"] = line["kind"].take();
            body
        })
        .collect()
}
