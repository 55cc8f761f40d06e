//! kubectl and helm, as people use them.

use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::binaries::{binary, directory};
use crate::caller::Caller;
use crate::cluster::Cluster;

/// A command that will be run against a control plane.
#[must_use]
pub struct Run<'cluster> {
    cluster: &'cluster Cluster,
    command: Command,
    described: String,
    input: String,
}

/// What a command that ended left behind.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
}

impl Cluster {
    /// kubectl as the administrator, if no other caller is named.
    pub fn kubectl(&self, arguments: &[&str]) -> Run<'_> {
        self.command("kubectl", arguments)
    }

    /// helm as the administrator, if no other caller is named.
    pub fn helm(&self, arguments: &[&str]) -> Run<'_> {
        self.command("helm", arguments)
    }

    fn command(&self, name: &str, arguments: &[&str]) -> Run<'_> {
        let mut command = Command::new(binary(name));
        let mut path = OsString::from(directory());
        path.push(":/usr/bin:/bin");
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.layout().home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let described = format!("{name} {}", arguments.join(" "));
        Run { cluster: self, command, described, input: String::new() }.caller(&Caller::Admin)
    }
}

impl Run<'_> {
    /// Runs it as somebody else.
    pub fn caller(mut self, caller: &Caller) -> Self {
        self.command.env("KUBECONFIG", self.cluster.kubeconfig(caller));
        self
    }

    /// Gives it this on standard input, for `-f -`.
    pub fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    /// Sets a variable of its environment, which is otherwise empty.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in this directory.
    pub fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it to its end, good or bad.
    ///
    /// # Panics
    ///
    /// Where it cannot be run.
    pub async fn finish(mut self) -> Finished {
        let mut child = self.command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.described));
        let mut stdin = child.stdin.take().expect("a pipe");
        let input = std::mem::take(&mut self.input);
        // It may print more than a pipe holds before it has read everything.
        let feeding = tokio::spawn(async move {
            // A command that reads no input may end before it was written.
            let _reads_nothing = stdin.write_all(input.as_bytes()).await;
        });
        let finished = child.wait_with_output().await.expect("a child to wait for");
        feeding.await.expect("a task that does not panic");
        Finished {
            code: finished.status.code(),
            output: String::from_utf8_lossy(&finished.stdout).into_owned(),
            errors: String::from_utf8_lossy(&finished.stderr).into_owned(),
        }
    }

    /// Runs it and gives what it printed.
    ///
    /// # Panics
    ///
    /// Where it fails.
    pub async fn succeed(self) -> String {
        let described = self.described.clone();
        let finished = self.finish().await;
        assert_eq!(finished.code, Some(0), "{described}: {}{}", finished.output, finished.errors);
        finished.output
    }

    /// Runs it and gives what it complained of.
    ///
    /// # Panics
    ///
    /// Where it succeeds.
    pub async fn fail(self) -> String {
        let described = self.described.clone();
        let finished = self.finish().await;
        assert_ne!(finished.code, Some(0), "{described} should have failed: {}", finished.output);
        finished.errors
    }
}
