//! The process itself, taken into namespaces of its own.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::reach;

/// Set in there: where everything of this node lies.
const DIRECTORY: &str = "LYCHGATE_NODE_DIRECTORY";

/// Runs `main` where [`crate::Node::start`] can make a node: in another process of this program with the same
/// arguments, in namespaces of its own, as the script `sandbox` makes them. Everything in there ends with that process
/// and with this one, however they end.
///
/// Where this is not root there is no node: that is said, and the exit code is that of a success, since there is
/// nothing that was found wrong.
pub fn inside(main: impl FnOnce() -> ExitCode) -> ExitCode {
    run(None, main)
}

/// The same, with a port of this machine from which [`crate::Node::reach`] leads to the API server.
pub fn inside_and_reached(main: impl FnOnce() -> ExitCode) -> ExitCode {
    if std::env::var_os(DIRECTORY).is_some() {
        return main();
    }
    match TcpListener::bind(("127.0.0.1", 0)) {
        Ok(listener) => run(Some(listener), main),
        Err(error) => {
            say(&format!("node: no port is free: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(listener: Option<TcpListener>, main: impl FnOnce() -> ExitCode) -> ExitCode {
    if std::env::var_os(DIRECTORY).is_some() {
        return main();
    }
    if !is_root() {
        say("SKIPPED: a node needs root, and this is not; nothing of what runs on a node was tested");
        return ExitCode::SUCCESS;
    }
    match enter(listener) {
        Ok(code) => code,
        Err(error) => {
            say(&format!("node: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "it is said to whoever started the tests")]
fn say(text: &str) {
    eprintln!("{text}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

fn enter(listener: Option<TcpListener>) -> io::Result<ExitCode> {
    // The script removes it, since it outlives this process.
    let directory = tempfile::Builder::new().prefix("lychgate-node-").tempdir()?.keep();
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut command = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("sandbox"));
    if let Some(listener) = listener {
        command.env(reach::PORT, listener.local_addr()?.port().to_string());
        reach::outside(listener, &directory);
    }
    let mut child = command
        .arg(&directory)
        .arg(std::env::current_exe()?)
        .args(arguments)
        .env(DIRECTORY, &directory)
        // Whatever is put aside in there goes with it.
        .env("TMPDIR", &directory)
        // Whoever ends this by a signal to its process group, such as a terminal, does not end the script.
        .process_group(0)
        .stdin(Stdio::piped())
        .spawn()?;
    // `wait` would close the pipe, which ends everything.
    let pipe = child.stdin.take();
    let status = child.wait()?;
    drop(pipe);
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// Where everything of this node lies, as long as it runs.
///
/// # Panics
///
/// Outside of [`inside`].
pub(crate) fn directory() -> PathBuf {
    std::env::var_os(DIRECTORY).map(PathBuf::from).expect("a node is started within `inside`")
}
