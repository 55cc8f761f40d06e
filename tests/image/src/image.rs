//! What is in an image: its files, and how its container starts.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bill::bill;
use crate::libraries::libraries;
use crate::{Error, USER};

/// What lies at a path of an image.
#[derive(Clone, Debug)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The bytes of this file of the machine.
    File(PathBuf),
    /// A symbolic link to this.
    Link(PathBuf),
}

/// One layer of files, and how a container starts.
#[derive(Clone, Debug)]
pub struct Image {
    /// What lies where, with the mode. Paths have no slash at their beginning, and directories come by themselves.
    pub(crate) files: BTreeMap<PathBuf, (u32, Content)>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) environment: Vec<String>,
}

impl Image {
    /// The binary at the root of the image, what the loader needs to start it, and the user that it runs as.
    ///
    /// # Errors
    ///
    /// Where the binary is missing, or needs a library that is.
    pub fn of(binary: &Path) -> Result<Self, Error> {
        let name = binary.file_name().unwrap_or_default();
        let mut image = Self {
            files: BTreeMap::new(),
            entrypoint: vec![format!("/{}", name.to_string_lossy())],
            environment: vec!["PATH=/".to_owned()],
        };
        image.insert(Path::new(name), 0o755, Content::File(binary.to_owned()));
        for library in libraries(binary)? {
            // The loader asks for the name, which may be a link to the file.
            let file = fs::canonicalize(&library).map_err(Error::file(&library))?;
            image.insert(&library, 0o755, Content::File(file));
        }
        let passwd = format!(
            "root:x:0:0:root:/:/nologin\nnobody:x:65534:65534:nobody:/:/nologin\nnonroot:x:{USER}:{USER}::/:/nologin\n"
        );
        let group = format!("root:x:0:\nnobody:x:65534:\nnonroot:x:{USER}:\n");
        image.insert(Path::new("etc/passwd"), 0o644, Content::Bytes(passwd.into_bytes()));
        image.insert(Path::new("etc/group"), 0o644, Content::Bytes(group.into_bytes()));
        Ok(image)
    }

    /// The same with the binary's symbols left out, in a copy in `folder`.
    ///
    /// # Errors
    ///
    /// As [`Image::of`], and where `strip` fails.
    pub fn stripped(binary: &Path, folder: &Path) -> Result<Self, Error> {
        let copy = folder.join(binary.file_name().unwrap_or_default());
        let failed = |reason: String| Error::Strip { binary: binary.display().to_string(), reason };
        let output = Command::new("strip")
            .arg("--output-file")
            .args([&copy, binary])
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Self::of(&copy)
    }

    /// The same with the bill of materials of the package after which the binary is named, beside it, where
    /// scanners of images look for one.
    ///
    /// # Errors
    ///
    /// As [`crate::bill`].
    pub fn with_bill(mut self, workspace: &Path) -> Result<Self, Error> {
        let package = self.entrypoint.first().map(|path| path.trim_start_matches('/')).unwrap_or_default();
        let text = bill(workspace, package)?;
        let path = format!("{package}.cdx.json");
        self.insert(Path::new(&path), 0o644, Content::Bytes(text.into_bytes()));
        Ok(self)
    }

    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: Content) -> Self {
        self.insert(Path::new(path), mode, content);
        self
    }

    /// Everything in a directory of the machine, below `path`. Only who may run a file is kept of the modes.
    ///
    /// # Errors
    ///
    /// Where something in it cannot be read.
    pub fn tree(mut self, path: &str, directory: &Path) -> Result<Self, Error> {
        let mut waiting = vec![(PathBuf::from(path), directory.to_owned())];
        while let Some((path, directory)) = waiting.pop() {
            for entry in fs::read_dir(&directory).map_err(Error::file(&directory))? {
                let entry = entry.map_err(Error::file(&directory))?;
                let (path, source) = (path.join(entry.file_name()), entry.path());
                let metadata = entry.metadata().map_err(Error::file(&source))?;
                if metadata.is_dir() {
                    waiting.push((path, source));
                } else if metadata.is_symlink() {
                    let target = fs::read_link(&source).map_err(Error::file(&source))?;
                    self.insert(&path, 0o777, Content::Link(target));
                } else {
                    let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
                    self.insert(&path, mode, Content::File(source));
                }
            }
        }
        Ok(self)
    }

    /// Further arguments that the container starts with, before those of its pod.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.entrypoint.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    fn insert(&mut self, path: &Path, mode: u32, content: Content) {
        let path = path.strip_prefix("/").unwrap_or(path);
        self.files.insert(path.to_owned(), (mode, content));
    }
}
