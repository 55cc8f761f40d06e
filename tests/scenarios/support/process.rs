//! Child processes that end with the test, also with a failed one.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use super::{eventually, workspace};

/// A process of which everything printed is kept. It is killed when this is dropped.
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    output: Arc<Mutex<String>>,
}

/// What a process that ended left behind.
pub struct Finished {
    pub code: i32,
    pub output: String,
    pub errors: String,
}

impl Process {
    pub fn start(name: &str, mut command: Command) -> Self {
        let mut child = spawn(&mut command);
        let output = Arc::new(Mutex::new(String::new()));
        keep(child.stdout.take().unwrap(), Arc::clone(&output));
        keep(child.stderr.take().unwrap(), Arc::clone(&output));
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, output }
    }

    /// Everything printed until now.
    pub fn output(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// The JSON line with which a counterpart says that it is ready.
    pub async fn ready(&mut self) -> serde_json::Value {
        let name = self.name.clone();
        eventually(&format!("{name} to be ready"), async || {
            self.assert_alive();
            let output = self.output();
            let line = output.lines().find(|line| line.starts_with(r#"{"ready":true"#))?;
            Some(serde_json::from_str(line).unwrap())
        })
        .await
    }

    pub fn assert_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended with {status}: {}", self.name, self.output());
        }
    }

    /// Writes a line to its standard input.
    pub async fn tell(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        stdin.flush().await.unwrap();
    }

    /// Ends its standard input.
    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Sends SIGTERM and waits for the end; gives the exit code.
    pub async fn terminate(mut self) -> (Option<i32>, String) {
        let id = self.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(killed.success());
        let status = self.child.wait().await.unwrap();
        (status.code(), self.output())
    }

    /// Kills it at once, as a lost node would.
    pub async fn kill(mut self) -> String {
        self.child.kill().await.unwrap();
        self.output()
    }
}

fn spawn(command: &mut Command) -> Child {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn keep(stream: impl AsyncRead + Unpin + Send + 'static, output: Arc<Mutex<String>>) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut output = output.lock().unwrap();
            output.push_str(&line);
            output.push('\n');
        }
    });
}

/// Runs a command to its end.
pub async fn finish(mut command: Command, input: &str) -> Finished {
    let mut child = spawn(&mut command);
    let mut stdin = child.stdin.take().unwrap();
    // A command that reads no input may end before it was written.
    let _reads_nothing = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let finished = child.wait_with_output().await.unwrap();
    Finished {
        code: finished.status.code().unwrap(),
        output: String::from_utf8(finished.stdout).unwrap(),
        errors: String::from_utf8(finished.stderr).unwrap(),
    }
}

/// A binary of this workspace, which `make test` builds before the tests run.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join(name);
    assert!(
        binary.exists(),
        "{} is not built; run `make test`, or `cargo build --workspace --bins`",
        binary.display(),
    );
    binary
}

/// The `lychgate` command line.
pub async fn lychgate(arguments: &[&str], input: &str) -> Finished {
    let mut command = Command::new(binary("lychgate"));
    command.args(arguments).current_dir(workspace());
    finish(command, input).await
}
