//! An image as the OCI lays it out in a directory: blobs under their digests, and an index that names the image.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::image::Image;
use crate::layer::{self, Digesting};
use crate::{Error, USER};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
/// Uncompressed: compressing takes longer than a test has use of it.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// An image that was written.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The name that it was given, such as `lychgate.test/gateway:dev`.
    pub name: String,
    /// The digest of its manifest, as `sha256:…`.
    pub digest: String,
    /// How large its layer is, in bytes.
    pub size: u64,
    /// Where it lies.
    pub directory: PathBuf,
}

struct Blob {
    kind: &'static str,
    digest: String,
    size: u64,
}

impl Blob {
    fn descriptor(&self) -> Value {
        json!({"mediaType": self.kind, "digest": self.digest, "size": self.size})
    }
}

impl Image {
    /// Writes the image into `directory`, which is made, under this name.
    ///
    /// # Errors
    ///
    /// Where a file of it cannot be read, or one of the directory not written.
    pub fn write(&self, directory: &Path, name: &str) -> Result<Layout, Error> {
        let blobs = directory.join("blobs/sha256");
        fs::create_dir_all(&blobs).map_err(Error::file(&blobs))?;
        let layer = blob(&blobs, LAYER, |output| layer::write(self, output))?;
        let configuration = json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "User": format!("{USER}:{USER}"),
                "Entrypoint": self.entrypoint,
                "Env": self.environment,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
        });
        let configuration = json_blob(&blobs, CONFIGURATION, &configuration)?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": configuration.descriptor(),
            "layers": [layer.descriptor()],
        });
        let manifest = json_blob(&blobs, MANIFEST, &manifest)?;
        // The first is what the OCI defines, which may be a mere tag; containerd goes by the second.
        let names = json!({"org.opencontainers.image.ref.name": name, "io.containerd.image.name": name});
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{
                "mediaType": manifest.kind,
                "digest": manifest.digest,
                "size": manifest.size,
                "annotations": names,
            }],
        });
        put(&directory.join("index.json"), index.to_string().as_bytes())?;
        put(&directory.join("oci-layout"), json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        let directory = directory.to_owned();
        Ok(Layout { name: name.to_owned(), digest: manifest.digest, size: layer.size, directory })
    }
}

/// Writes a layout as one archive, as `ctr images import` and `docker load` read it.
///
/// # Errors
///
/// Where a file of the layout cannot be read, or the archive not written.
pub fn archive(layout: &Path, file: &Path) -> Result<(), Error> {
    let output = File::create(file).map_err(Error::file(file))?;
    let mut builder = tar::Builder::new(BufWriter::new(output));
    builder.mode(tar::HeaderMode::Deterministic);
    builder.append_dir_all("", layout).map_err(Error::file(layout))?;
    builder.into_inner().and_then(|mut output| output.flush()).map_err(Error::file(file))
}

/// The architecture as images name it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn json_blob(blobs: &Path, kind: &'static str, value: &Value) -> Result<Blob, Error> {
    blob(blobs, kind, |mut output| {
        output.write_all(value.to_string().as_bytes()).map_err(Error::file(blobs))?;
        Ok(output)
    })
}

type Output = Digesting<BufWriter<File>>;

/// Writes a blob, and gives it its digest for a name.
fn blob(
    blobs: &Path,
    kind: &'static str,
    write: impl FnOnce(Output) -> Result<Output, Error>,
) -> Result<Blob, Error> {
    let draft = blobs.join(".draft");
    let file = File::create(&draft).map_err(Error::file(&draft))?;
    let output = write(Digesting::new(BufWriter::new(file)))?;
    let (digest, size) = output.finish().map_err(Error::file(&draft))?;
    fs::rename(&draft, blobs.join(&digest)).map_err(Error::file(&draft))?;
    Ok(Blob { kind, digest: format!("sha256:{digest}"), size })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    fs::write(path, bytes).map_err(Error::file(path))
}
