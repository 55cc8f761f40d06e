//! Manifests from a folder or a file, loaded and validated as the operator would.

use std::path::{Path, PathBuf};

use lychgate_gateway_policy::{Policy, compile};
use lychgate_operator_plan::{
    Loaded, Options, Problem, Severity, SourceFile, ValidConnection, Validated, load, validate,
};

use crate::output::{CommandError, note};

/// The largest manifest file that is read, in bytes.
const MAXIMUM_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Where manifests are.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// Folder (read with its subfolders) or file with manifests
    #[arg(short, long = "filename", value_name = "DIR")]
    pub(crate) filename: PathBuf,
    /// Namespace of the operator, where policies may select namespaces; without it, they may anywhere
    #[arg(long, value_name = "NAME")]
    pub(crate) operator_namespace: Option<String>,
}

impl Source {
    /// How the manifests are looked at.
    pub(crate) fn options(&self) -> Options {
        Options { operator_namespace: self.operator_namespace.clone(), ..Options::default() }
    }

    /// Reads and checks the manifests.
    pub(crate) fn check(&self) -> Result<Checked, CommandError> {
        check(&self.filename, &self.options())
    }
}

/// Manifests with everything that was found in them.
pub(crate) struct Checked {
    pub(crate) loaded: Loaded,
    pub(crate) validated: Validated,
}

impl Checked {
    /// All problems, of reading and of meaning.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.loaded.problems.iter().chain(&self.validated.problems)
    }

    /// Whether nothing stands in the way of serving these manifests.
    pub(crate) fn is_servable(&self) -> bool {
        !self.problems().any(is_error)
    }
}

/// Whether a problem stands in the way; warnings do not.
pub(crate) fn is_error(problem: &Problem) -> bool {
    problem.severity == Severity::Error
}

/// Reads and checks the manifests at `path`.
pub(crate) fn check(path: &Path, options: &Options) -> Result<Checked, CommandError> {
    let files = read(path)?;
    let loaded = load(&files);
    let validated = validate(&loaded.inventory, options);
    Ok(Checked { loaded, validated })
}

/// The YAML files at `path`, in the order of their names.
pub(crate) fn read(path: &Path) -> Result<Vec<SourceFile>, CommandError> {
    let mut paths = Vec::new();
    if path.is_dir() {
        collect(path, &mut paths)?;
        if paths.is_empty() {
            return Err(CommandError::new(format!("{}: no .yaml, .yml or .json file in it", path.display())));
        }
    } else {
        paths.push(path.to_owned());
    }
    paths.sort();
    paths.iter().map(|path| read_file(path)).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), CommandError> {
    let wrong = |error: std::io::Error| CommandError::new(format!("{}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if hidden {
            continue;
        } else if path.is_dir() {
            collect(&path, paths)?;
        } else if matches!(extension, "yaml" | "yml" | "json") {
            paths.push(path);
        }
    }
    Ok(())
}

fn read_file(path: &Path) -> Result<SourceFile, CommandError> {
    let wrong = |error: &dyn std::fmt::Display| CommandError::new(format!("{}: {error}", path.display()));
    let length = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if length > MAXIMUM_FILE_BYTES {
        return Err(wrong(&"larger than 16 MiB; name the folder or file with the manifests"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    Ok(SourceFile { name: path.display().to_string(), text })
}

/// Says every problem on standard error.
pub(crate) fn report<'a>(problems: impl Iterator<Item = &'a Problem>) {
    for problem in problems {
        note(&problem.to_string());
    }
}

/// The compiled policy of one connection, by `name` or `namespace/name`.
pub(crate) fn policy(source: &Source, name: &str) -> Result<Policy, CommandError> {
    let checked = source.check()?;
    report(checked.problems());
    let connection = find(&checked.validated.connections, name)?;
    compile(connection.config(1)).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        CommandError::new(format!("connection {name}: {}", problems.join("; ")))
    })
}

fn find<'a>(connections: &'a [ValidConnection], name: &str) -> Result<&'a ValidConnection, CommandError> {
    let mut found = connections
        .iter()
        .filter(|connection| connection.name().name == name || connection.name().to_string() == name);
    match (found.next(), found.next()) {
        (Some(connection), None) => Ok(connection),
        (Some(_), Some(_)) => Err(CommandError::new(format!(
            "connection {name} is in several namespaces; write NAMESPACE/{name}"
        ))),
        (None, _) => {
            let names: Vec<_> = connections.iter().map(|connection| connection.name().to_string()).collect();
            Err(CommandError::new(format!("no valid connection {name}; there are: {}", names.join(", "))))
        }
    }
}
