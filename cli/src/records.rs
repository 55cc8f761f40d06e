//! `lychgate sessions`, `replay` and `verify`: reading what gateways recorded.
//!
//! A folder of records holds a folder for each replica, with its journal's segments.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use lychgate_gateway_record::{
    Recorded, Replay, Report, Step, Summaries, Trust, Verifier, VerifyingKey, parse_segment_file_name,
    render_session, render_step,
};

use crate::output::{CommandError, note, print, print_line};

/// Where `lychgate dev` writes records if nothing else is said.
pub(crate) const DEFAULT_RECORDS: &str = ".lychgate/records";
/// The file beside a folder of records that `lychgate dev` leaves its public key in.
pub(crate) const PUBLIC_KEY_FILE: &str = "signing.pub";
/// How much of a segment is read at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

#[derive(Subcommand)]
pub(crate) enum Sessions {
    /// List the sessions, the earliest first
    List(RecordsArguments),
}

#[derive(clap::Args)]
pub(crate) struct RecordsArguments {
    /// Folder that the gateways' journals are in
    #[arg(long, value_name = "DIR", default_value = DEFAULT_RECORDS)]
    records: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct ReplayArguments {
    /// Session, as `lychgate sessions list` prints it
    session: String,
    #[command(flatten)]
    records: RecordsArguments,
    /// Columns of a line; 0 leaves lines as long as they are
    #[arg(long, default_value_t = 0)]
    width: usize,
}

#[derive(clap::Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    records: RecordsArguments,
    /// Public key (base64) that must have signed; several may be given
    #[arg(long, value_name = "KEY")]
    public_key: Vec<String>,
}

/// Lists the sessions of all replicas.
pub(crate) fn sessions(sessions: &Sessions) -> Result<ExitCode, CommandError> {
    let Sessions::List(arguments) = sessions;
    let mut summaries = Summaries::default();
    for journal in journals(&arguments.records)? {
        read(&journal, Trust::Declared, |recorded| summaries.add(&recorded))?;
    }
    for summary in summaries.finish() {
        print(&render_session(&summary));
    }
    Ok(ExitCode::SUCCESS)
}

/// Tells a session's steps, joined over all replicas by time.
pub(crate) fn replay(arguments: &ReplayArguments) -> Result<ExitCode, CommandError> {
    let mut steps: Vec<Step> = Vec::new();
    for journal in journals(&arguments.records.records)? {
        let mut replay = Replay::new(&arguments.session);
        read(&journal, Trust::Declared, |recorded| steps.extend(replay.step(recorded)))?;
    }
    if steps.is_empty() {
        return Err(CommandError::new(format!(
            "no session {}; `lychgate sessions list` prints those that there are",
            arguments.session
        )));
    }
    // Stable: the order within a journal stays.
    steps.sort_by_key(|step| step.time.unix_microseconds());
    for step in &steps {
        print(&render_step(step, arguments.width));
    }
    Ok(ExitCode::SUCCESS)
}

/// Verifies every journal. Exit code 1 if one has a problem.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<ExitCode, CommandError> {
    let records = &arguments.records.records;
    let keys = trusted_keys(arguments)?;
    if keys.is_empty() {
        note("no --public-key: the journal's own key is believed, which shows accidents, not attackers");
    }
    let mut proven = true;
    for journal in journals(records)? {
        let trust = if keys.is_empty() { Trust::Declared } else { Trust::In(keys.clone()) };
        let report = read(&journal, trust, |_| {})?;
        print_report(&journal, &report);
        proven &= report.is_intact();
    }
    Ok(if proven { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_report(journal: &Path, report: &Report) {
    let verdict = if report.is_intact() { "intact" } else { "DAMAGED" };
    print_line(&format!(
        "{}: {verdict}; {} entries, {} sessions, {} signed heads, {} entries after the last head",
        journal.display(),
        report.entries,
        report.sessions,
        report.heads,
        report.unsigned_tail,
    ));
    for problem in &report.problems {
        print_line(&format!("  {problem}"));
    }
    let listed = report.problems.len() as u64;
    let unlisted = report.damages.saturating_add(report.notices).saturating_sub(listed);
    if unlisted > 0 {
        print_line(&format!("  and {unlisted} more"));
    }
}

/// The keys on the command line; without any, the one that `lychgate dev` left beside the records.
fn trusted_keys(arguments: &VerifyArguments) -> Result<Vec<VerifyingKey>, CommandError> {
    let mut texts = arguments.public_key.clone();
    let beside = arguments.records.records.with_file_name(PUBLIC_KEY_FILE);
    if let (true, Ok(text)) = (texts.is_empty(), std::fs::read_to_string(&beside)) {
        note(&format!(
            "the key in {} is believed; --public-key names one that came another way",
            beside.display()
        ));
        texts.push(text.trim().to_owned());
    }
    let parse = |text: &String| {
        VerifyingKey::from_base64(text).map_err(|error| {
            CommandError::new(format!("public key {text}: {error}; write 32 bytes in base64"))
        })
    };
    texts.iter().map(parse).collect()
}

/// The folders of journals, in the order of their names.
fn journals(records: &Path) -> Result<Vec<PathBuf>, CommandError> {
    let wrong = |error: std::io::Error| {
        CommandError::new(format!("{}: {error}; name the folder with --records", records.display()))
    };
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(records).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        if path.is_dir() {
            journals.push(path);
        }
    }
    journals.sort();
    if journals.is_empty() {
        return Err(CommandError::new(format!("{}: no journal in it", records.display())));
    }
    Ok(journals)
}

/// Reads a journal from its first segment to its last, and checks it on the way.
fn read(journal: &Path, trust: Trust, mut entry: impl FnMut(Recorded)) -> Result<Report, CommandError> {
    let wrong = |error: std::io::Error| CommandError::new(format!("{}: {error}", journal.display()));
    let mut names: Vec<String> = Vec::new();
    for found in std::fs::read_dir(journal).map_err(wrong)? {
        let name = found.map_err(wrong)?.file_name().to_string_lossy().into_owned();
        if parse_segment_file_name(&name).is_some() {
            names.push(name);
        }
    }
    names.sort();
    let mut verifier = Verifier::new(trust);
    let mut chunk = vec![0; CHUNK_BYTES];
    for name in names {
        verifier.segment(&name);
        let mut file = File::open(journal.join(&name)).map_err(wrong)?;
        loop {
            let length = file.read(&mut chunk).map_err(wrong)?;
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            verifier.feed(bytes).into_iter().for_each(&mut entry);
        }
    }
    Ok(verifier.finish())
}
