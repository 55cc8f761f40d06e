//! What the loader needs to start a binary.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The loader and the libraries of a binary, under the paths at which it looks for them. None for a static one.
pub(crate) fn libraries(binary: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |reason: String| Error::Libraries { binary: binary.display().to_string(), reason };
    if machine(binary)? != machine(Path::new("/proc/self/exe"))? {
        return Err(failed("it is for no machine of this kind".to_owned()));
    }
    let output = Command::new("ldd")
        .arg(binary)
        .env("LC_ALL", "C")
        .output()
        .map_err(|error| failed(error.to_string()))?;
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if errors.contains("not a dynamic executable") || text.contains("statically linked") {
        return Ok(Vec::new());
    }
    if !output.status.success() || text.contains("not found") {
        return Err(failed(format!("{text}{errors}")));
    }
    Ok(text.lines().filter_map(path).collect())
}

/// What tells binaries for one kind of machine from others: the class and the order of bytes, and the number of the
/// kind (System V ABI, ELF header). A script has none.
fn machine(binary: &Path) -> Result<Option<[u8; 4]>, Error> {
    let mut header = Vec::new();
    let file = File::open(binary).map_err(Error::file(binary))?;
    file.take(20).read_to_end(&mut header).map_err(Error::file(binary))?;
    Ok(match header.as_slice() {
        [0x7f, b'E', b'L', b'F', class, order, .., low, high] => Some([*class, *order, *low, *high]),
        _ => None,
    })
}

/// The path in a line such as `libc.so.6 => /lib/libc.so.6 (0x…)` or `/lib64/ld-linux.so.2 (0x…)`. The library that
/// the kernel brings has none.
fn path(line: &str) -> Option<PathBuf> {
    line.split_whitespace().find(|word| word.starts_with('/')).map(PathBuf::from)
}
