//! `lychgate explain`: what holds for a connection and why, what does not, and what is wrong with it.

use std::process::ExitCode;

use lychgate_operator_plan::{Inventory, Options, Standing, explain};

use crate::manifests::Source;
use crate::output::{CommandError, print};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Connection, as NAME or NAMESPACE/NAME
    connection: String,
    #[command(flatten)]
    source: Source,
    /// Namespace of the connection
    #[arg(short, long)]
    namespace: Option<String>,
}

/// Exit code 1 if the connection is not accepted.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, CommandError> {
    let checked = arguments.source.check()?;
    let (namespace, name) = match (&arguments.namespace, arguments.connection.split_once('/')) {
        (None, Some((namespace, name))) => (Some(namespace), name),
        (Some(_), Some(_)) => {
            return Err(CommandError::new("the namespace stands twice; write --namespace or NAMESPACE/NAME"));
        }
        (namespace, None) => (namespace.as_deref(), arguments.connection.as_str()),
    };
    explain_one(&checked.loaded.inventory, &arguments.source.options(), namespace, name)
}

/// Explains a connection of an inventory, wherever that came from.
fn explain_one(
    inventory: &Inventory,
    options: &Options,
    namespace: Option<&str>,
    name: &str,
) -> Result<ExitCode, CommandError> {
    let namespace =
        namespace.map_or_else(|| only_namespace(inventory, name), |given| Ok(given.to_owned()))?;
    let explanation = explain(inventory, options, &namespace, name).ok_or_else(|| none(inventory, name))?;
    print(&explanation.to_string());
    Ok(match explanation.standing {
        Standing::Served | Standing::Closed(_) => ExitCode::SUCCESS,
        Standing::NotAccepted => ExitCode::FAILURE,
    })
}

/// The one namespace with a connection of that name.
fn only_namespace(inventory: &Inventory, name: &str) -> Result<String, CommandError> {
    let found = inventory.connection_names().filter(|(_, known)| *known == name);
    let mut namespaces: Vec<&str> = found.map(|(namespace, _)| namespace).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    match namespaces.as_slice() {
        [] => Err(none(inventory, name)),
        [only] => Ok((*only).to_owned()),
        several => {
            let several = several.join(", ");
            let message =
                format!("connection {name} is in several namespaces: {several}; choose with --namespace");
            Err(CommandError::new(message))
        }
    }
}

fn none(inventory: &Inventory, name: &str) -> CommandError {
    let names: Vec<String> =
        inventory.connection_names().map(|(namespace, name)| format!("{namespace}/{name}")).collect();
    CommandError::new(format!("no connection {name}; there are: {}", names.join(", ")))
}
