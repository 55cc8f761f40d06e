//! The folder that `lychgate dev` keeps: keys and records stay, mounted files go when it ends.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use lychgate_gateway::Running;
use lychgate_gateway::start::{SESSION_KEY_FILE, SIGNING_KEY_FILE};
use lychgate_gateway_record::SigningKey;
use serde_json::json;

use crate::output::CommandError;
use crate::records::PUBLIC_KEY_FILE;

/// The file that says, as JSON, what is served where; it is there as long as something is served.
pub(crate) const SUMMARY_FILE: &str = "dev.json";
/// The folder of the calls that wait for people, or waited.
pub(crate) const APPROVALS_FOLDER: &str = "approvals";
const KEY_BYTES: usize = 32;

pub(super) struct State {
    folder: PathBuf,
}

impl State {
    pub(super) fn open(folder: &Path) -> Result<Self, CommandError> {
        let state = Self { folder: folder.to_owned() };
        remove(&state.volumes())?;
        remove(&state.tokens())?;
        for folder in [
            state.config(),
            state.secrets(),
            state.config_maps(),
            state.keys(),
            state.records(),
            state.approvals(),
            state.tokens(),
        ] {
            make_folder(&folder)?;
        }
        for file in [SESSION_KEY_FILE, SIGNING_KEY_FILE] {
            let path = state.keys().join(file);
            if !path.exists() {
                let mut key = [0; KEY_BYTES];
                aws_lc_rs::rand::fill(&mut key)
                    .map_err(|_| CommandError::new("the system has no randomness"))?;
                write_private(&path, &key)?;
            }
        }
        state.publish_key()?;
        Ok(state)
    }

    fn publish_key(&self) -> Result<(), CommandError> {
        let path = self.keys().join(SIGNING_KEY_FILE);
        let wrong = || CommandError::new(format!("{}: no signing key; remove the file", path.display()));
        let seed = std::fs::read(&path).map_err(|_| wrong())?;
        let seed: [u8; KEY_BYTES] = seed.try_into().map_err(|_| wrong())?;
        let key = SigningKey::from_seed(&seed).map_err(|_| wrong())?;
        let text = key.verifying_key();
        write_private(&self.folder.join(PUBLIC_KEY_FILE), format!("{text}\n").as_bytes())
    }

    pub(super) fn config(&self) -> PathBuf {
        self.volumes().join("config")
    }

    pub(super) fn secrets(&self) -> PathBuf {
        self.volumes().join("secrets")
    }

    pub(super) fn config_maps(&self) -> PathBuf {
        self.volumes().join("config-maps")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.folder.join("keys")
    }

    pub(super) fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    pub(super) fn approvals(&self) -> PathBuf {
        self.folder.join(APPROVALS_FOLDER)
    }

    fn volumes(&self) -> PathBuf {
        self.folder.join("volumes")
    }

    fn tokens(&self) -> PathBuf {
        self.folder.join("tokens")
    }

    pub(super) fn token_path(&self, user: &str) -> PathBuf {
        // A persona's name is free text; what is no file name becomes one.
        let legal = |character: char| character.is_ascii_alphanumeric() || "-_.@".contains(character);
        let name: String =
            user.chars().map(|character| if legal(character) { character } else { '_' }).collect();
        self.tokens().join(format!("{name}.token"))
    }

    pub(super) fn write_token(&self, user: &str, token: &str) -> Result<(), CommandError> {
        write_private(&self.token_path(user), token.as_bytes())
    }

    pub(super) fn write_summary(
        &self,
        gateway: &Running,
        issuer: &str,
        connections: &[(String, String)],
        personas: &[(String, Vec<String>, PathBuf)],
    ) -> Result<(), CommandError> {
        let connections: Vec<_> =
            connections.iter().map(|(name, url)| json!({"name": name, "url": url})).collect();
        let personas: Vec<_> = personas
            .iter()
            .map(|(user, groups, token)| json!({"user": user, "groups": groups, "tokenFile": token}))
            .collect();
        let summary = json!({
            "admin": format!("http://{}", gateway.admin_address),
            "connections": connections,
            "issuer": issuer,
            "personas": personas,
            "records": self.records(),
        });
        write_private(&self.folder.join(SUMMARY_FILE), format!("{summary:#}\n").as_bytes())
    }

    /// Removes what only a running `dev` needs.
    pub(super) fn close(&self) {
        for leftover in [self.volumes(), self.tokens(), self.folder.join(SUMMARY_FILE)] {
            if let Err(error) = remove(&leftover) {
                crate::output::note(&error.to_string());
            }
        }
    }
}

fn remove(path: &Path) -> Result<(), CommandError> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(CommandError::new(format!("{}: {error}", path.display())))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

pub(super) fn make_folder(folder: &Path) -> Result<(), CommandError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| CommandError::new(format!("{}: {error}", folder.display())))
}

/// Writes a file that only this user can read, whole or not at all.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<(), CommandError> {
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        std::fs::rename(&temporary, path)
    };
    write().map_err(|error| CommandError::new(format!("{}: {error}", path.display())))
}
