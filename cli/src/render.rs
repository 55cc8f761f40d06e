//! `lychgate render`: the objects that the operator would make, as YAML.

use std::process::ExitCode;

use lychgate_crds::yaml;
use lychgate_operator_plan::{RenderOptions, render};

use crate::manifests::{self, Source};
use crate::output::{CommandError, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: Source,
    /// Image of the gateway
    #[arg(long, default_value = concat!("lychgate-gateway:", env!("CARGO_PKG_VERSION")))]
    gateway_image: String,
}

/// Renders the valid connections, as the operator would apply nothing of an invalid one. Exit code 1 if there is
/// any error.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let checked = arguments.source.check()?;
    manifests::report(checked.problems());
    // The operator counts up; here the same manifests shall give the same objects.
    let options = RenderOptions {
        operator_namespace: arguments.source.operator_namespace.clone(),
        ..RenderOptions::new(arguments.gateway_image.clone(), 1)
    };
    for connection in &checked.validated.connections {
        for object in render(connection, &options) {
            print(&format!("---\n{}", yaml::write(&object)));
        }
    }
    Ok(if checked.is_servable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
