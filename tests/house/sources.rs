//! The shape of the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use syn::spanned::Spanned as _;
use syn::visit::Visit;

use crate::workspace;

/// The longest file, in lines.
const FILE_LINES: usize = 500;
/// The longest function, in lines.
const FUNCTION_LINES: usize = 70;
/// The longest function of a test, in lines: tables are long.
const TEST_FUNCTION_LINES: usize = 160;
/// The longest line, in characters; rustfmt breaks code, but not texts and comments.
const LINE_CHARACTERS: usize = 140;

/// The files that git knows or would take, below the workspace.
fn files(ending: &str) -> Vec<PathBuf> {
    let output = Command::new("git")
        .current_dir(workspace())
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    names
        .lines()
        .filter(|name| name.ends_with(ending))
        .map(|name| workspace().join(name))
        .filter(|path| path.exists())
        .collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn files_and_lines_are_short_and_open_with_what_they_hold() {
    let sources = files(".rs");
    assert!(sources.len() > 50, "the sources were found");
    let mut wrong = Vec::new();
    for path in sources {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > FILE_LINES {
            wrong.push(format!("{}: {lines} lines; split it along its meaning", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: begin with `//!` and what lives here", path.display()));
        }
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > LINE_CHARACTERS && !line.contains("r#\"") && !line.contains("http") {
                wrong.push(format!(
                    "{}:{}: more than {LINE_CHARACTERS} characters",
                    path.display(),
                    number + 1
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The one file with `unsafe` in it.
const UNSAFE: &str = "gateway/lanes/src/wide.rs";

#[test]
fn what_is_unsafe_stands_in_one_file_each_time_with_why_it_is_sound() {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let mut found = 0;
    for path in files(".rs") {
        let text = read(&path);
        let is_unsafe = |line: &&str| {
            let mut words = line.split(|character: char| !(character.is_alphanumeric() || character == '_'));
            words.any(|word| word == "unsafe" || word == "unsafe_code")
        };
        let lines = text.lines().filter(is_code).filter(is_unsafe).filter(|line| !line.contains('"'));
        if path.ends_with(UNSAFE) {
            found += lines.count();
        } else {
            assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new(), "{}", path.display());
        }
    }
    assert!(found > 0, "{UNSAFE} has some");
    for path in files("Cargo.toml") {
        let text = read(&path);
        let is_strict = !text.contains("[package]") || text.contains("[lints]\nworkspace = true");
        assert!(
            is_strict || path.ends_with("gateway/lanes/Cargo.toml"),
            "{}: the lints of the workspace",
            path.display()
        );
    }
}

/// Collects functions that are too long.
struct Functions {
    path: PathBuf,
    long: Vec<String>,
    in_tests: bool,
}

impl Functions {
    fn check(&mut self, name: &syn::Ident, whole: proc_macro2::Span) {
        let lines = whole.end().line - whole.start().line + 1;
        let most = if self.in_tests { TEST_FUNCTION_LINES } else { FUNCTION_LINES };
        if lines > most {
            let place = format!("{}:{}", self.path.display(), whole.start().line);
            self.long.push(format!("{place}: fn {name} has {lines} lines"));
        }
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let outside = self.in_tests;
        self.in_tests |= module.ident == "tests";
        syn::visit::visit_item_mod(self, module);
        self.in_tests = outside;
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.check(&function.sig.ident, function.sig.span().join(function.block.span()).unwrap());
        syn::visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.check(&function.sig.ident, function.sig.span().join(function.block.span()).unwrap());
        syn::visit::visit_impl_item_fn(self, function);
    }
}

#[test]
fn functions_fit_on_a_screen() {
    let mut long = Vec::new();
    for path in files(".rs") {
        let file = syn::parse_file(&read(&path)).unwrap();
        let in_tests = path.components().any(|part| part.as_os_str() == "tests");
        let mut functions = Functions { path, long: Vec::new(), in_tests };
        functions.visit_file(&file);
        long.append(&mut functions.long);
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// Follows `mod` declarations from the root file of a crate, a binary or a test.
fn reach(file: &Path, folder: &Path, reached: &mut BTreeSet<PathBuf>) {
    reached.insert(file.to_owned());
    let parsed = syn::parse_file(&read(file)).unwrap();
    reach_items(&parsed.items, folder, reached);
}

fn reach_items(items: &[syn::Item], folder: &Path, reached: &mut BTreeSet<PathBuf>) {
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        // A module at a path of its choice is another crate's, where it is reached, too.
        if module.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            continue;
        }
        let name = module.ident.to_string();
        let below = folder.join(&name);
        match &module.content {
            Some((_, items)) => reach_items(items, &below, reached),
            None => {
                let flat = folder.join(format!("{name}.rs"));
                let file = if flat.exists() { flat } else { below.join("mod.rs") };
                reach(&file, &below, reached);
            }
        }
    }
}

#[test]
fn every_source_is_compiled_into_something() {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(workspace()).exec().unwrap();
    let mut reached = BTreeSet::new();
    for package in metadata.workspace_packages() {
        for target in &package.targets {
            let root = target.src_path.as_std_path();
            reach(root, root.parent().unwrap(), &mut reached);
        }
    }
    let dead: Vec<_> = files(".rs").into_iter().filter(|path| !reached.contains(path)).collect();
    assert!(dead.is_empty(), "in no crate: {dead:?}");
}

#[test]
fn the_tests_that_pages_name_exist() {
    let sources: String = files(".rs").iter().map(|path| read(path)).collect();
    // Those on a node are listed, since they have no harness.
    let listed = read(&workspace().join("tests/pods/main.rs"));
    for page in ["ARCHITECTURE.md", "docs/protocol.md"] {
        let text = read(&workspace().join(page));
        // A test's name is a sentence; nothing else between backquotes has as many words.
        let names: Vec<&str> =
            text.split('`').filter(|word| word.matches('_').count() >= 4 && !word.contains(' ')).collect();
        assert!(names.len() > 20, "the names in {page} were found");
        for name in names.into_iter().filter(|name| name.is_ascii()) {
            let exists = sources.contains(&format!("fn {name}(")) || listed.contains(&format!("\"{name}\","));
            assert!(exists, "{page} names {name}, which is no test");
        }
    }
}
