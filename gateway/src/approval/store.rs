//! Where Approvals are kept: at the API server, or, for `lychgate dev`, in a folder.

use lychgate_crds::approval::{Approval, ApprovalStatus};

use super::folder::Folder;
use super::server;
use crate::api_server::ApiServer;

/// What a gateway needs of whoever keeps Approvals.
pub(super) enum Store {
    /// The API server.
    ApiServer(ApiServer),
    /// A folder.
    Folder(Folder),
}

/// Why an Approval was not made, read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// There is one of that name.
    #[error("an Approval of that name exists")]
    Exists,
    /// It has changed since it was read.
    #[error("the Approval has changed since it was read")]
    Conflict,
    /// Anything else: a sentence for the log.
    #[error("{0}")]
    Other(String),
}

/// Why it is not proved that votes are honest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unproved {
    /// The Approval has changed since it was read.
    Changed,
    /// Votes are not guarded, or nobody can tell: a sentence for the log.
    Unguarded(String),
}

impl Store {
    /// Makes an Approval.
    pub(super) async fn create(&self, approval: &Approval) -> Result<Approval, StoreError> {
        match self {
            Self::ApiServer(api) => server::create(api, approval).await,
            Self::Folder(folder) => folder.create(approval),
        }
    }

    /// The Approval of that name, if there is one.
    pub(super) async fn get(&self, name: &str) -> Result<Option<Approval>, StoreError> {
        match self {
            Self::ApiServer(api) => server::get(api, name).await,
            Self::Folder(folder) => folder.get(name),
        }
    }

    /// Writes phase, use and conditions of `status`, unless something has changed since `read` was.
    pub(super) async fn write(
        &self,
        read: &Approval,
        status: &ApprovalStatus,
    ) -> Result<Approval, StoreError> {
        match self {
            Self::ApiServer(api) => server::write(api, read, status).await,
            Self::Folder(folder) => folder.write(read, |approval| approval.status = Some(status.clone())),
        }
    }

    /// How many milliseconds this machine's clock is ahead of the keeper's; behind, if it is negative.
    pub(super) fn ahead_milliseconds(&self) -> i64 {
        match self {
            Self::ApiServer(api) => api.clocks().ahead_milliseconds(),
            Self::Folder(_) => 0,
        }
    }

    /// Proves that nobody could have voted in a foreign name. In a folder, whoever may write files may do anything.
    pub(super) async fn prove_guard(&self, approval: &Approval) -> Result<(), Unproved> {
        match self {
            Self::ApiServer(api) => server::prove_guard(api, approval).await,
            Self::Folder(_) => Ok(()),
        }
    }
}
