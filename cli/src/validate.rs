//! `lychgate validate`: every problem of a folder's manifests.

use std::process::ExitCode;

use crate::manifests::{self, Source};
use crate::output::{CommandError, print_line};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
}

/// Exit code 1 if there is an error; warnings alone are none.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let checked = arguments.source.check()?;
    for problem in checked.problems() {
        print_line(&problem.to_string());
    }
    let errors = checked.problems().filter(|problem| manifests::is_error(problem)).count();
    let warnings = checked.problems().count() - errors;
    let connections = checked.validated.connections.len();
    print_line(&format!("{connections} valid connections, {errors} errors, {warnings} warnings"));
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
