//! Approvals in a folder, for `lychgate dev`: files that the gateway makes and the command line votes in.
//!
//! What operator, API server and admission policies do in a cluster is played here in small: versions, votes under
//! one's own name, phases. Whoever may write the files may do anything, so it is for one person on one machine.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use lychgate_crds::approval::{Approval, Event, Phase, SeenVote, Step, Vote, tally};
use serde_json::Value;

use super::seen::{name, phase};
use super::store::StoreError;
use super::time::{now_milliseconds, parse_milliseconds, text_of};

/// The file that whoever writes holds locked.
const LOCK_FILE: &str = ".lock";

/// A folder of Approvals, each in a file.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// Why a vote does not count.
#[derive(Debug, thiserror::Error)]
pub enum VoteError {
    /// There is no such Approval.
    #[error("there is no Approval {0}; `lychgate approvals list --dev` names them")]
    Missing(String),
    /// Nothing moves any more.
    #[error("{0} is {1} for good; let the caller repeat the call, which makes a new one")]
    Final(String, Phase),
    /// The voter is the caller.
    #[error("{0} made this call, and nobody decides on a call of his own")]
    Requester(String),
    /// The voter is in none of the groups.
    #[error("{voter} is in none of the groups that decide: {groups}")]
    Group {
        /// Who votes.
        voter: String,
        /// The groups.
        groups: String,
    },
    /// A reason is missing.
    #[error("a reason is required; give one with --reason")]
    Reason,
    /// A vote stays.
    #[error("{0} has denied, and a Deny cannot be taken back")]
    Denied(String),
    /// The files cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Folder {
    /// Takes a folder that exists.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// All Approvals, sorted by their names.
    ///
    /// # Errors
    /// The folder or one of its files cannot be read.
    pub fn all(&self) -> Result<Vec<Approval>, StoreError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.0).map_err(|error| self.wrong(&self.0, &error))? {
            let entry = entry.map_err(|error| self.wrong(&self.0, &error))?.file_name();
            names.extend(entry.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        names.sort_unstable();
        names.iter().filter_map(|name| self.get(name).transpose()).collect()
    }

    /// The Approval of that name, if there is one.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn get(&self, name: &str) -> Result<Option<Approval>, StoreError> {
        let path = self.path(name)?;
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| self.wrong(&path, &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.wrong(&path, &error)),
        }
    }

    pub(super) fn create(&self, approval: &Approval) -> Result<Approval, StoreError> {
        let _lock = self.lock()?;
        if self.get(name(approval))?.is_some() {
            return Err(StoreError::Exists);
        }
        let mut uid = [0; 16];
        aws_lc_rs::rand::fill(&mut uid)
            .map_err(|_| StoreError::Other("the system has no randomness".to_owned()))?;
        let mut created = approval.clone();
        created.metadata.uid = Some(hex::encode(uid));
        created.status.get_or_insert_default();
        self.put(created)
    }

    /// Changes an Approval, unless something has changed since `read` was.
    pub(super) fn write(
        &self,
        read: &Approval,
        change: impl FnOnce(&mut Approval),
    ) -> Result<Approval, StoreError> {
        let _lock = self.lock()?;
        let mut current = self.get(name(read))?.ok_or(StoreError::Conflict)?;
        let same = |of: fn(&Approval) -> &Option<String>| of(&current) == of(read);
        if !same(|it| &it.metadata.resource_version) || !same(|it| &it.metadata.uid) {
            return Err(StoreError::Conflict);
        }
        change(&mut current);
        self.put(current)
    }

    /// Casts a vote as the API server would admit it. A gateway that writes at the same time is no reason to refuse it:
    /// the vote is looked at again, beside what has been written.
    ///
    /// # Errors
    /// See [`VoteError`].
    pub fn vote(
        &self,
        name: &str,
        voter: &str,
        groups: &[String],
        vote: &Vote,
    ) -> Result<Approval, VoteError> {
        loop {
            match self.vote_once(name, voter, groups, vote) {
                Err(VoteError::Store(StoreError::Conflict)) => {}
                end => return end,
            }
        }
    }

    fn vote_once(
        &self,
        name: &str,
        voter: &str,
        groups: &[String],
        vote: &Vote,
    ) -> Result<Approval, VoteError> {
        let approval = self.get(name)?.ok_or_else(|| VoteError::Missing(name.to_owned()))?;
        if phase(&approval).is_final() {
            return Err(VoteError::Final(name.to_owned(), phase(&approval)));
        }
        let (request, required) = (&approval.spec.request, &approval.spec.required);
        if request.caller.kubernetes_usernames.iter().any(|own| own == voter) {
            return Err(VoteError::Requester(voter.to_owned()));
        }
        let in_emergency = vote.break_glass == Some(true);
        let deciding = if in_emergency { &required.break_glass_groups } else { &required.groups };
        if !groups.iter().any(|group| deciding.contains(group)) {
            let groups = deciding.join(", ");
            return Err(VoteError::Group { voter: voter.to_owned(), groups });
        }
        if (required.require_reason || in_emergency)
            && vote.reason.as_ref().is_none_or(|reason| reason.trim().is_empty())
        {
            return Err(VoteError::Reason);
        }
        let denied = |it: &Vote| it.decision == lychgate_crds::approval::Decision::Deny;
        if approval.spec.votes.get(voter).is_some_and(denied) {
            return Err(VoteError::Denied(voter.to_owned()));
        }
        let voted = self.write(&approval, |it| {
            it.spec.votes.insert(voter.to_owned(), vote.clone());
        })?;
        Ok(voted)
    }

    /// What the operator does in a cluster: votes and time become phases. Gives all Approvals as they are then.
    ///
    /// # Errors
    /// The files cannot be read or written.
    pub(super) fn operate(&self) -> Result<Vec<Approval>, StoreError> {
        let mut all = self.all()?;
        for approval in &mut all {
            let mut next = approval.clone();
            operate(&mut next, now_milliseconds());
            if next != *approval {
                match self.write(approval, |it| *it = next) {
                    Ok(written) => *approval = written,
                    // The next look sees what came between.
                    Err(StoreError::Conflict) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(all)
    }

    fn put(&self, mut approval: Approval) -> Result<Approval, StoreError> {
        let version = approval.metadata.resource_version.as_ref().and_then(|text| text.parse::<u64>().ok());
        approval.metadata.resource_version = Some(version.unwrap_or(0).saturating_add(1).to_string());
        let path = self.path(name(&approval))?;
        let temporary = path.with_extension("new");
        let value: Value = serde_json::to_value(&approval).map_err(|error| self.wrong(&path, &error))?;
        let write = || -> std::io::Result<()> {
            let mut options = std::fs::OpenOptions::new();
            let mut file = options.create(true).truncate(true).write(true).mode(0o600).open(&temporary)?;
            file.write_all(format!("{value:#}\n").as_bytes())?;
            std::fs::rename(&temporary, &path)
        };
        write().map_err(|error| self.wrong(&path, &error))?;
        Ok(approval)
    }

    /// Held while something is written, by this process or another. It is given back when it is dropped.
    fn lock(&self) -> Result<File, StoreError> {
        let path = self.0.join(LOCK_FILE);
        let lock = || -> std::io::Result<File> {
            let mut options = std::fs::OpenOptions::new();
            let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        lock().map_err(|error| self.wrong(&path, &error))
    }

    /// Names come from a command line, too: nothing in them may leave the folder.
    fn path(&self, name: &str) -> Result<PathBuf, StoreError> {
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(legal) {
            return Err(StoreError::Other(format!("{name:?} is no name of an Approval")));
        }
        Ok(self.0.join(format!("{name}.json")))
    }

    fn wrong(&self, path: &Path, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Other(format!("{}: {error}", path.display()))
    }
}

/// One step of an Approval's life, as the operator would take it.
fn operate(approval: &mut Approval, now: u64) {
    let counted = tally(&approval.spec);
    let mut status = approval.status.clone().unwrap_or_default();
    let end = match status.phase {
        Phase::Pending => parse_milliseconds(&approval.spec.required.deadline),
        Phase::Approved => {
            let decided = status.decided_at.as_deref().and_then(parse_milliseconds);
            decided.zip(milliseconds(&approval.spec.required.grant.valid_for)).map(|(from, time)| from + time)
        }
        Phase::Denied | Phase::Expired | Phase::Cancelled | Phase::Consumed | Phase::Revoked => return,
    };
    let event = if end.is_none_or(|end| now > end) { Event::Overdue } else { counted.event() };
    if let Step::To(next) = status.phase.next(event) {
        status.phase = next;
        // The time of a grant counts from the approval.
        if next != Phase::Revoked {
            status.decided_at = Some(text_of(now));
        }
    }
    status.tally = Some(counted.short());
    for (voter, vote) in &approval.spec.votes {
        if !status.votes.iter().any(|seen| seen.approver == *voter && seen.decision == vote.decision) {
            status.votes.retain(|seen| seen.approver != *voter);
            let observed_at = text_of(now);
            status.votes.push(SeenVote { approver: voter.clone(), decision: vote.decision, observed_at });
        }
    }
    approval.status = Some(status);
}

/// A duration such as `300s`, in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match text.strip_prefix(digits)? {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::thread;

    use lychgate_crds::approval::{Decision, Vote};

    use super::Folder;
    use crate::approval::testing::{approval, wanted};

    #[test]
    fn a_vote_counts_also_while_a_gateway_writes_and_others_vote() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::new(place.path().to_path_buf());
        let name =
            folder.create(&approval(&wanted(super::now_milliseconds()))).unwrap().metadata.name.unwrap();
        let reason = Some("INC-42".into());
        let vote = Vote { decision: Decision::Deny, reason, digest: None, break_glass: None };
        thread::scope(|scope| {
            for voter in 0..8 {
                let (folder, name, vote) = (&folder, &name, &vote);
                scope.spawn(move || {
                    folder.vote(name, &format!("dba-{voter}"), &["dba".to_owned()], vote).unwrap();
                });
            }
            for _ in 0..100 {
                let read = folder.get(&name).unwrap().unwrap();
                drop(folder.write(&read, |it| it.status.get_or_insert_default().tally = Some("0/1".into())));
            }
        });
        assert_eq!(folder.get(&name).unwrap().unwrap().spec.votes.len(), 8);
    }
}
