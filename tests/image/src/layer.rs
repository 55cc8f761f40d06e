//! Files as a layer: an archive that is the same whenever and by whomever it is made.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use tar::{Builder, EntryType, Header};

use crate::Error;
use crate::image::{Content, Image};

/// Counts and digests what is written.
pub(crate) struct Digesting<W> {
    inner: W,
    context: Context,
    pub(crate) size: u64,
}

impl<W: Write> Digesting<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, context: Context::new(&SHA256), size: 0 }
    }

    /// The digest in hexadecimal, and the size in bytes.
    pub(crate) fn finish(mut self) -> io::Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hex::encode(self.context.finish()), self.size))
    }
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.context.update(bytes.get(..count).unwrap_or(bytes));
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes the files of an image in the order of their paths, all of them root's and of the beginning of time.
pub(crate) fn write<W: Write>(image: &Image, output: W) -> Result<W, Error> {
    let mut builder = Builder::new(output);
    let mut directories = BTreeSet::new();
    for (path, (mode, content)) in &image.files {
        let parents: Vec<&Path> = path.ancestors().skip(1).filter(|path| *path != Path::new("")).collect();
        for directory in parents.into_iter().rev() {
            if directories.insert(directory.to_owned()) {
                let name = PathBuf::from(format!("{}/", directory.display()));
                append(&mut builder, &name, header(EntryType::Directory, 0o755, 0), io::empty())?;
            }
        }
        match content {
            Content::Bytes(bytes) => {
                append(&mut builder, path, header(EntryType::Regular, *mode, bytes.len() as u64), &**bytes)?;
            }
            Content::File(source) => {
                let file = File::open(source).map_err(Error::file(source))?;
                let size = file.metadata().map_err(Error::file(source))?.len();
                append(&mut builder, path, header(EntryType::Regular, *mode, size), file.take(size))?;
            }
            Content::Link(target) => builder
                .append_link(&mut header(EntryType::Symlink, *mode, 0), path, target)
                .map_err(Error::file(path))?,
        }
    }
    builder.into_inner().map_err(Error::file(Path::new("the layer")))
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append<W: Write>(
    builder: &mut Builder<W>,
    path: &Path,
    mut header: Header,
    content: impl Read,
) -> Result<(), Error> {
    builder.append_data(&mut header, path, content).map_err(Error::file(path))
}
