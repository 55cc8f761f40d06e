//! The sandbox of a node leaves the machine as it was, however it ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says where it could not be made"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// What a node does in there to what it is given: mounts, links, groups, settings, and processes that nobody waits for.
const WORK: &str = r#"
set -e
mount -t tmpfs work "$1"
ip link add work0 type bridge
for group in /sys/fs/cgroup/*/; do [ ! -e "$group/cgroup.procs" ] || mkdir "$group/work"; done
echo 1 >/proc/sys/kernel/panic_on_oops
echo 1000001 >/proc/sys/kernel/keys/root_maxkeys
setsid sleep 1000 &
sleep 0
touch "$2/ready"
[ "$3" = ends ] || sleep 1000
"#;
/// Settings that a node wants otherwise.
const SETTINGS: [&str; 6] = [
    "vm/overcommit_memory",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/hostname",
    "net/ipv4/ip_forward",
];

/// A sandbox at work.
struct Sandbox {
    script: Child,
    directory: PathBuf,
}

impl Sandbox {
    fn start(way: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("lychgate-node-").tempdir().unwrap().keep();
        let mounted = directory.join("mounted");
        fs::create_dir(&mounted).unwrap();
        let script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("sandbox"))
            .arg(&directory)
            .args(["bash", "-c", WORK, "work"])
            .args([&mounted, &directory])
            .arg(way)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut sandbox = Self { script, directory };
        let ready = sandbox.directory.join("ready");
        until("the sandbox to work", || {
            let ended = sandbox.script.try_wait().unwrap();
            if way == "ends" && ended.is_some() || ready.exists() {
                Ok(())
            } else {
                Err(format!("{ended:?}"))
            }
        });
        sandbox
    }

    /// Waits for the end of what it does, with the pipe open, which `wait` alone would close.
    fn until_ended(&mut self) {
        let pipe = self.script.stdin.take();
        assert!(self.script.wait().unwrap().success());
        drop(pipe);
    }

    fn groups(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let name = format!("lychgate-node-{}", self.script.id());
        find(Path::new("/sys/fs/cgroup"), &name, &mut found);
        found
    }

    /// No process is in its groups any more; without groups there are none.
    fn until_dead(&self) {
        until("all processes to end", || {
            let groups = self.groups();
            let left = groups.iter().map(|group| members(group)).collect::<String>();
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
    }
}

/// What a node must leave as it is.
#[derive(Debug, PartialEq)]
struct Machine {
    mounts: BTreeSet<String>,
    links: BTreeSet<PathBuf>,
    settings: Vec<String>,
}

impl Machine {
    fn now() -> Self {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let links = fs::read_dir("/sys/class/net").unwrap();
        let settings = SETTINGS.map(|name| fs::read_to_string(Path::new("/proc/sys").join(name)).unwrap());
        Self {
            mounts: mounts.lines().map(str::to_owned).collect(),
            links: links.map(|entry| entry.unwrap().path()).collect(),
            settings: settings.into(),
        }
    }
}

#[test]
fn nothing_is_left_when_it_ends_and_when_it_or_its_caller_is_killed() {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        eprintln!("SKIPPED: a node needs root, and this is not");
        return;
    }
    let before = Machine::now();

    let mut ended = Sandbox::start("ends");
    ended.until_ended();
    assert_eq!(ended.groups(), Vec::<PathBuf>::new());
    assert!(!ended.directory.exists());
    assert_eq!(Machine::now(), before);

    // The end of the caller, of whatever kind, closes the pipe.
    let mut abandoned = Sandbox::start("stays");
    assert!(!abandoned.groups().is_empty());
    drop(abandoned.script.stdin.take());
    assert!(!abandoned.script.wait().unwrap().success());
    assert_eq!(abandoned.groups(), Vec::<PathBuf>::new());
    assert!(!abandoned.directory.exists());
    assert_eq!(Machine::now(), before);

    // Nobody is left to clean up, but for the next one.
    let mut killed = Sandbox::start("stays");
    killed.script.kill().unwrap();
    killed.script.wait().unwrap();
    killed.until_dead();
    assert_eq!(Machine::now(), before);
    let mut next = Sandbox::start("ends");
    next.until_ended();
    assert_eq!(killed.groups(), Vec::<PathBuf>::new());
    fs::remove_dir_all(&killed.directory).unwrap();
}

fn find(folder: &Path, name: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if entry.file_name() == *name {
            found.push(path);
        } else {
            find(&path, name, found);
        }
    }
}

/// The processes of a group and of those below it.
fn members(group: &Path) -> String {
    let mut text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            text += &members(&entry.path());
        }
    }
    text
}

fn until(what: &str, attempt: impl FnMut() -> Result<(), String>) {
    let mut attempt = attempt;
    let end = Instant::now() + PATIENCE;
    while let Err(reason) = attempt() {
        assert!(Instant::now() < end, "{PATIENCE:?} were too short for {what}: {reason}");
        sleep(PAUSE);
    }
}
