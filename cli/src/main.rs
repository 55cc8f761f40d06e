//! The command line `lychgate`: a face for people over the same crates that operator and gateway are made of.
//!
//! Here live arguments, files and printing; what a manifest means, what a call may do and what a record
//! says is computed elsewhere. Results go to standard output, everything said beside them to standard error;
//! the exit code is 0 for yes, 1 for a no that was asked for, 2 for a command that could not be carried out.

mod approvals;
mod cluster;
mod decide;
mod dev;
mod doctor;
mod explain;
mod inspect;
mod manifests;
mod mask;
mod output;
mod pin;
mod records;
mod render;
mod status;
mod validate;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Govern how AI agents reach MCP servers
#[derive(Parser)]
#[command(name = "lychgate", version)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run the manifests of a folder on this machine, without a cluster
    Dev(dev::Arguments),
    /// Check manifests: every problem, with file, line, field and what to write
    Validate(validate::Arguments),
    /// Print the objects that the operator would make
    Render(render::Arguments),
    /// Say what holds for a connection and why, what does not, and what is wrong with it
    Explain(explain::Arguments),
    /// Say how the objects of a cluster do, what is wrong, and what to do
    Status(status::Arguments),
    /// Look for what keeps Lychgate from working in a cluster, or lets somebody go round it
    Doctor(doctor::Arguments),
    /// Say whether a caller may make a call, and by which rules
    Decide(decide::Called),
    /// Print a message as a caller would see it
    Mask(mask::Arguments),
    /// Say what a command of an agent would do
    Inspect(inspect::Arguments),
    /// Print the hashes of a server's tools as they are now, for spec.toolPinning
    Pin(pin::Arguments),
    /// Look at calls that wait for people, and decide on them
    #[command(subcommand)]
    Approvals(approvals::Approvals),
    /// Look at recorded sessions
    #[command(subcommand)]
    Sessions(records::Sessions),
    /// Tell what happened in a recorded session, step by step
    Replay(records::ReplayArguments),
    /// Check that no entry of the record was changed or taken out, and that its heads are signed
    Verify(records::VerifyArguments),
}

fn main() -> ExitCode {
    let command = Command::parse();
    let outcome = match command.verb {
        Verb::Dev(arguments) => dev::run(&arguments),
        Verb::Validate(arguments) => validate::run(&arguments),
        Verb::Render(arguments) => render::run(&arguments),
        Verb::Explain(arguments) => explain::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Decide(arguments) => decide::run(&arguments),
        Verb::Mask(arguments) => mask::run(&arguments),
        Verb::Inspect(arguments) => inspect::run(&arguments),
        Verb::Pin(arguments) => pin::run(&arguments),
        Verb::Approvals(verb) => approvals::run(&verb),
        Verb::Sessions(sessions) => records::sessions(&sessions),
        Verb::Replay(arguments) => records::replay(&arguments),
        Verb::Verify(arguments) => records::verify(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            output::note(&format!("lychgate: {error}"));
            ExitCode::from(2)
        }
    }
}
