//! Child processes that end with the test, however it ends.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

/// How much of a log is shown where a component did not start, in lines.
const TAIL_LINES: usize = 25;

/// What the shell of a [`Guardian`] does. `set -m` gives the sleep, which only lends its name to the group, a
/// process group of its own; everything else that has to end joins that. The read ends when the process that
/// holds the other end of the pipe has, be it by SIGKILL.
const SCRIPT: &str = r#"
set -m
trap '' HUP INT TERM
sleep infinity </dev/null >/dev/null &
echo "$!"
exec >/dev/null
read -r _
kill -KILL -- "-$!"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    rm -rf -- "$1" && break
    sleep 0.1
done
"#;

/// A shell that outlives the test by a moment, in which it kills a group of processes and removes a directory.
///
/// [`Guardian::end`] and a drop do the same, since it is the only way things end here. The signal that Linux can send to the
/// children of a thread that died (PR_SET_PDEATHSIG) would not do: tests run in threads that come and go.
pub(crate) struct Guardian {
    shell: Child,
    stdin: Option<ChildStdin>,
    group: i32,
}

impl Guardian {
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let mut shell = Command::new("bash")
            .args(["-c", SCRIPT, "guardian"])
            .arg(directory)
            .current_dir("/")
            // Whoever ends the test by a signal to its process group, such as a terminal, does not end this.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = shell.stdin.take();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?).read_line(&mut line)?;
        let group =
            line.trim().parse().map_err(|_not_a_number| io::Error::other("bash printed no process id"))?;
        Ok(Self { shell, stdin, group })
    }

    /// Kills the group, removes the directory, and waits until that is done.
    pub(crate) fn end(&mut self) {
        drop(self.stdin.take());
        // There is nobody to tell if it fails.
        let _status = self.shell.wait();
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.end();
    }
}

/// A process of the control plane.
pub(crate) struct Component {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Component {
    /// Starts `command` among what the guardian ends, with its output added to `NAME.log` in `logs`.
    pub(crate) fn start(
        name: &'static str,
        mut command: Command,
        guardian: &Guardian,
        logs: &Path,
    ) -> io::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command
            .process_group(guardian.group)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        Ok(Self { name, child, log })
    }

    /// Its status, if it has ended, which none does by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Kills it, as a lost machine would.
    pub(crate) fn kill(&mut self) {
        let _already_ended = self.child.kill();
        self.reap();
    }

    /// Takes the status of a process that was killed.
    pub(crate) fn reap(&mut self) {
        let _status = self.child.wait();
    }

    /// Whether the log has this in it.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.read_log().contains(text)
    }

    /// The end of its log, under a headline.
    pub(crate) fn tail(&self) -> String {
        let log = self.read_log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
        format!("--- {}, the last lines of its log\n{}\n", self.name, tail.join("\n"))
    }

    fn read_log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}
