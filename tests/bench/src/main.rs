//! `make bench`: what the gateway costs, beside no gateway, a bare proxy, and whatever a file names.
//!
//! `stage` sets up what all suites need, `suites` measure, and `report` keeps what they found. `histogram`, `order`,
//! `report`, `goals`, `traffic` and `texts` compute and do nothing else.

mod arms;
mod client;
mod foldered;
mod generator;
mod goals;
mod governed;
mod histogram;
mod issuer;
mod order;
mod outcome;
mod passthrough;
mod process;
mod report;
mod server;
mod soak;
mod stage;
mod suites;
mod texts;
mod traffic;
mod upstream;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;

use self::arms::Peers;
use self::outcome::{Outcome, Told};
use self::process::{Cores, pin, raise_file_limit};
use self::report::{Figures, merge, table};
use self::stage::Stage;
use self::suites::Suite;

/// Measures the gateway beside others.
#[derive(Parser)]
#[command(name = "lychgate-bench")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure, print a table, and write the report
    Run(Run),
    /// Run a gateway at half of what it can do while everything changes; no call may fail, and it must not grow
    Soak(Soak),
    /// Be the bare proxy
    #[command(hide = true)]
    Passthrough {
        #[arg(long)]
        listen: String,
        #[arg(long)]
        upstream: String,
    },
    /// Mask a long answer in pieces, and print what memory that takes
    #[command(hide = true)]
    Pieces {
        #[arg(long)]
        config: PathBuf,
    },
    /// Be a gateway with Approvals in a folder
    #[command(hide = true)]
    Gateway(foldered::Flags),
}

#[derive(clap::Args)]
struct Run {
    /// What to measure; everything without
    #[arg(long = "suite", value_enum)]
    suites: Vec<Suite>,
    /// The gateway's binary [default: lychgate-gateway beside this program]
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// A file with further arms
    #[arg(long)]
    arms: Option<PathBuf>,
    /// The report, into which the figures are merged
    #[arg(long, default_value = "target/bench/report.json")]
    report: PathBuf,
    /// Measure shortly, only to see that everything works; nothing is written
    #[arg(long)]
    quick: bool,
}

#[derive(clap::Args)]
struct Soak {
    /// How long, in seconds
    #[arg(long, default_value_t = 3600)]
    seconds: u64,
    /// The gateway's binary [default: lychgate-gateway beside this program]
    #[arg(long)]
    gateway: Option<PathBuf>,
}

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Run(run) => measure(&run),
        Command::Soak(soak) => endure(&soak),
        Command::Passthrough { listen, upstream } => {
            everywhere().and_then(|runtime| runtime.block_on(passthrough::run(&listen, &upstream)))
        }
        Command::Pieces { config } => suites::pieces::run(&config, tell),
        Command::Gateway(flags) => everywhere().and_then(|runtime| runtime.block_on(foldered::run(flags))),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tell_fault(&fault.to_string());
            ExitCode::FAILURE
        }
    }
}

/// A runtime as `#[tokio::main]` makes it: a worker for each core that the process may use.
fn everywhere() -> Outcome<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().told("a runtime")
}

fn measure(run: &Run) -> Outcome<()> {
    let cores = Cores::choose()?;
    if !cores.are_two() {
        tell("There is one core only: what is measured and what measures it are in each other's way.");
    }
    raise_file_limit()?;
    pin(cores.rest)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().told("a runtime")?;
    let load_before = load_average();
    let figures = runtime.block_on(suites(run, cores))?;
    tell(&table(&figures));
    if run.quick {
        return Ok(());
    }
    let machine = json!({
        "processor": processor(), "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "load_average_before": load_before, "load_average_after": load_average(),
    });
    write(&run.report, &figures, machine)
}

fn endure(soak: &Soak) -> Outcome<()> {
    let cores = Cores::choose()?;
    raise_file_limit()?;
    pin(cores.rest)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().told("a runtime")?;
    let soaked = runtime.block_on(async {
        let stage = Stage::set(gateway(soak.gateway.as_ref())?, Peers::read(None)?, cores, false).await?;
        soak::run(&stage, std::time::Duration::from_secs(soak.seconds), tell).await
    })?;
    let mebibytes = |bytes: f64| bytes / 1024.0 / 1024.0;
    tell(&format!(
        "{} calls, none failed; {} changes; {:.1} MiB once it was warm, {:.1} MiB at the end",
        soaked.calls,
        soaked.changes,
        mebibytes(soaked.warm),
        mebibytes(soaked.end),
    ));
    Ok(())
}

/// The gateway's binary: the one that is named, or the one beside this program.
fn gateway(named: Option<&PathBuf>) -> Outcome<PathBuf> {
    let beside = || -> Outcome<PathBuf> {
        Ok(std::env::current_exe().told("this program")?.with_file_name("lychgate-gateway"))
    };
    named.cloned().map_or_else(beside, Ok)
}

async fn suites(run: &Run, cores: Cores) -> Outcome<Figures> {
    let gateway = gateway(run.gateway.as_ref())?;
    let stage = Stage::set(gateway, Peers::read(run.arms.as_deref())?, cores, run.quick).await?;
    let mut figures = Figures::default();
    let chosen = if run.suites.is_empty() { &Suite::ALL[..] } else { &run.suites };
    for suite in chosen {
        tell(&format!("measuring {suite:?}"));
        figures.add(suite.run(&stage).await?);
    }
    Ok(figures)
}

fn write(path: &Path, figures: &Figures, machine: Value) -> Outcome<()> {
    let name = path.display().to_string();
    let earlier = match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).told(&name)?,
        Err(_) => Value::Null,
    };
    let now = OffsetDateTime::now_utc();
    let (year, month, day) = (now.year(), u8::from(now.month()), now.day());
    let date = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}Z", now.hour(), now.minute());
    let report = merge(&earlier, figures, &date, machine);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).told(&name)?;
    }
    std::fs::write(path, format!("{report:#}\n")).told(&name)
}

fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name"));
    line.and_then(|line| line.split_once(':')).map_or_else(String::new, |(_, name)| name.trim().to_owned())
}

/// How busy the machine is besides: processes that would run, over the last minute.
fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

#[allow(clippy::print_stdout, reason = "the one place that prints what was measured")]
fn tell(text: &str) {
    println!("{text}");
}

#[allow(clippy::print_stderr, reason = "the one place that prints what went wrong")]
fn tell_fault(text: &str) {
    eprintln!("lychgate-bench: {text}");
}
