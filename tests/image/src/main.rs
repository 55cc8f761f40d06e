//! Makes an image of a binary, for CI and for people without a builder, or a bill of materials.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to whoever started it")]

use std::path::Path;
use std::process::ExitCode;

use lychgate_tests_image::{Error, Image, bill};

const USAGE: &str = "usage: lychgate-test-image BINARY DIRECTORY NAME
       lychgate-test-image --bill PACKAGE > PACKAGE.cdx.json
Both look into the workspace that they are started in.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let made = match words.as_slice() {
        ["--bill", package] => bill(Path::new("."), package),
        [binary, directory, name] => make(Path::new(binary), Path::new(directory), name),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match made {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(binary: &Path, directory: &Path, name: &str) -> Result<String, Error> {
    let layout = Image::of(binary)?.with_bill(Path::new("."))?.write(directory, name)?;
    Ok(format!("{} {} {} bytes\n", layout.name, layout.digest, layout.size))
}
