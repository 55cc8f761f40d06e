//! Processes that are measured: started on a core of their own, with their processor time and memory as the
//! operating system accounts for them, and ended with what holds them.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;

use crate::outcome::{Outcome, Told};

/// Which core does what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The measured process.
    pub(crate) measured: usize,
    /// Whatever else there is: the generator and the upstream server.
    pub(crate) rest: usize,
}

impl Cores {
    /// The last two cores that this process may use, or the only one twice.
    pub(crate) fn choose() -> Outcome<Self> {
        let set = sched_getaffinity(Pid::from_raw(0)).told("the cores of this process")?;
        let mut cores = (0..CpuSet::count()).rev().filter(|core| set.is_set(*core).unwrap_or(false));
        let measured = cores.next().told("no core at all")?;
        Ok(Self { measured, rest: cores.next().unwrap_or(measured) })
    }

    pub(crate) fn are_two(self) -> bool {
        self.measured != self.rest
    }
}

/// Keeps this thread, and those that it begins, on one core.
pub(crate) fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core).told("the core")?;
    sched_setaffinity(Pid::from_raw(0), &set).told("staying on one core")
}

/// Lets this process, and those that it starts, open as many files as it may: a stream takes two sockets.
pub(crate) fn raise_file_limit() -> Outcome<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).told("the limit of open files")?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most).told("the limit of open files")
}

/// A process that is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    clock: ClockId,
}

impl Process {
    /// Starts a process on a core. What it prints is not kept: a peer's log costs what it costs, into nothing.
    pub(crate) fn start(mut command: Command, core: usize) -> Outcome<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        // A process begins on the core of the thread that starts it, with all of its threads.
        let started = std::thread::spawn(move || {
            pin(core)?;
            command.spawn().told(&name)
        });
        let child = started.join().map_err(|_| "a panic").told("starting a process")??;
        let clock = clock_getcpuclockid(pid(&child)).told("the processor clock of a process")?;
        Ok(Self { child, clock })
    }

    /// The processor time of all of its threads until now, in user and in kernel mode (POSIX, CPU-time clocks).
    pub(crate) fn processor_time(&self) -> Outcome<Duration> {
        self.clock.now().map(Duration::from).told("the processor time of a process")
    }

    /// How much of its memory is in RAM (VmRSS), in bytes.
    pub(crate) fn resident_bytes(&self) -> Outcome<f64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(&path).told(&path)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).told("VmRSS")?;
        let kibibytes = line.trim().trim_end_matches("kB").trim().parse::<f64>().told("VmRSS")?;
        Ok(kibibytes * 1024.0)
    }

    /// Whether it still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as well.
        let _ended_already = self.child.kill();
        let _waited = self.child.wait();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX))
}

/// The processor time of this process until now.
pub(crate) fn own_processor_time() -> Outcome<Duration> {
    ClockId::CLOCK_PROCESS_CPUTIME_ID.now().map(Duration::from).told("the processor time of the bench")
}
