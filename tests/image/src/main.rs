//! Makes an image of a binary, for CI and for people without a builder.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it speaks to whoever started it")]

use std::path::Path;
use std::process::ExitCode;

use lychgate_tests_image::{Error, Image};

const USAGE: &str = "usage: lychgate-test-image BINARY DIRECTORY NAME";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [binary, directory, name] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match make(Path::new(binary), Path::new(directory), name) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn make(binary: &Path, directory: &Path, name: &str) -> Result<String, Error> {
    let layout = Image::of(binary)?.write(directory, name)?;
    Ok(format!("{} {} {} bytes", layout.name, layout.digest, layout.size))
}
