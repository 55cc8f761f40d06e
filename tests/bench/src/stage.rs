//! What every suite needs: the server behind all arms, the issuer, a folder, and which core does what.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::arms::Peers;
use crate::governed::{Folders, Gateway};
use crate::issuer::Issuer;
use crate::outcome::{Outcome, Told};
use crate::process::Cores;
use crate::upstream;

pub(crate) struct Stage {
    pub(crate) upstream: String,
    pub(crate) issuer: Issuer,
    /// A caller's token.
    pub(crate) token: String,
    pub(crate) cores: Cores,
    pub(crate) peers: Peers,
    /// The gateway's binary.
    pub(crate) binary: PathBuf,
    /// This program.
    pub(crate) myself: PathBuf,
    pub(crate) folder: PathBuf,
    /// Whether every measurement is short, to see that all of them work.
    pub(crate) is_quick: bool,
    _folder: TempDir,
}

impl Stage {
    pub(crate) async fn set(binary: PathBuf, peers: Peers, cores: Cores, is_quick: bool) -> Outcome<Self> {
        let myself = std::env::current_exe().told("this program")?;
        let parent = myself.parent().told("this program's folder")?.to_owned();
        let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent).told("a folder")?;
        let issuer = Issuer::start().await?;
        Ok(Self {
            upstream: upstream::start().await?,
            token: issuer.token("alice", 0)?,
            issuer,
            cores,
            peers,
            binary,
            myself,
            folder: folder.path().to_owned(),
            is_quick,
            _folder: folder,
        })
    }

    /// A gateway of its own for a suite, with everything on.
    pub(crate) async fn gateway(&self) -> Outcome<Gateway> {
        let folders = self.folders()?;
        Gateway::start(Command::new(&self.binary), folders, self.cores.measured).await
    }

    pub(crate) fn folders(&self) -> Outcome<Folders> {
        Folders::new(&self.folder, &self.issuer.url, &self.upstream)
    }

    /// How often something is measured.
    pub(crate) fn rounds(&self, rounds: usize) -> usize {
        if self.is_quick { 1 } else { rounds }
    }

    /// How long something is measured.
    pub(crate) fn seconds(&self, seconds: f64) -> std::time::Duration {
        std::time::Duration::from_secs_f64(if self.is_quick { seconds.min(0.3) } else { seconds })
    }
}
