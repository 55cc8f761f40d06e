//! Lychgate on a node: the images of its binaries, and the chart.

use std::path::{Path, PathBuf};

use lychgate_tests_image::Image;

use crate::node::{Node, StartError, built};

/// The namespace of the operator.
pub const HOME: &str = "lychgate-system";
const REPOSITORY: &str = "lychgate.test";
const BINARIES: [&str; 2] = ["lychgate-operator", "lychgate-gateway"];

impl Node {
    /// Gives the node the images of operator and gateway, of the binaries that cargo has built beside this program.
    ///
    /// # Errors
    ///
    /// Where a binary is missing, or its image cannot be made or imported.
    pub async fn import_lychgate(&self) -> Result<(), StartError> {
        for name in BINARIES {
            let folder = tempfile::tempdir_in(self.directory())?;
            let image = Image::stripped(&built(name)?, folder.path())?.with_bill(&workspace())?;
            self.import(&image, &format!("{REPOSITORY}/{name}:dev")).await?;
        }
        Ok(())
    }

    /// Installs the chart with these values, and waits until everything of it runs and its check has passed. Gives
    /// what helm says.
    ///
    /// # Errors
    ///
    /// What helm says where it fails.
    pub async fn install_lychgate(&self, values: &[&str]) -> Result<String, StartError> {
        let images = ["operator", "gateway"]
            .map(|name| format!("{name}.image.repository={REPOSITORY}/lychgate-{name}"));
        let tags = ["operator.image.tag=dev", "gateway.image.tag=dev"];
        let all: Vec<&str> =
            images.iter().map(String::as_str).chain(tags).chain(values.iter().copied()).collect();
        self.helm(&["install", "--create-namespace"], &all).await
    }

    /// Changes these values of the release, and waits as for an installation.
    ///
    /// # Errors
    ///
    /// What helm says where it fails.
    pub async fn upgrade_lychgate(&self, values: &[&str]) -> Result<String, StartError> {
        self.helm(&["upgrade", "--reuse-values"], values).await
    }

    async fn helm(&self, verb: &[&str], values: &[&str]) -> Result<String, StartError> {
        let chart = workspace().join("charts/lychgate").display().to_string();
        let mut arguments = verb.to_vec();
        arguments.extend(["lychgate", &chart, "--namespace", HOME, "--wait", "--timeout", "3m"]);
        for value in values {
            arguments.extend(["--set", value]);
        }
        let finished = self.cluster().helm(&arguments).finish().await;
        if finished.code == Some(0) {
            return Ok(finished.output);
        }
        Err(StartError::new(format!("helm {}: {}{}", verb.concat(), finished.output, finished.errors)))
    }
}

pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("this crate lies in tests/node").to_owned()
}
