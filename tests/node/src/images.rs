//! Images on the node. None is ever pulled: there is no way to anywhere.

use std::path::Path;

use lychgate_tests_image::Layout;
use tokio::process::Command;

use crate::components::ctr;
use crate::node::StartError;

/// Gives containerd an image, under its own name.
pub(crate) async fn import(image: &Layout, folder: &Path) -> Result<(), StartError> {
    let archive = folder.join("image.tar");
    lychgate_tests_image::archive(&image.directory, &archive)?;
    let output = Command::from(ctr())
        .args(["images", "import", "--no-unpack"])
        .arg(&archive)
        .output()
        .await
        .map_err(|error| StartError::new(format!("ctr: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr);
    Err(StartError::new(format!("{}: ctr images import: {reason}", image.name)))
}
