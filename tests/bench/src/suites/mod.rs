//! What is measured: one module for each part of the report.

pub(crate) mod call;
pub(crate) mod command;
pub(crate) mod configuration;
pub(crate) mod identity;
pub(crate) mod mask;
pub(crate) mod memory;
pub(crate) mod pieces;
pub(crate) mod record;
pub(crate) mod start;
pub(crate) mod timing;

use crate::outcome::Outcome;
use crate::report::Figures;
use crate::stage::Stage;

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Suite {
    /// `call.*`, `stream.*` and `record.*`: what a call costs, beside all other arms
    Call,
    /// `memory.*`
    Memory,
    /// `start.*`
    Start,
    /// `config.*`
    Config,
    /// `identity.*`
    Identity,
    /// `mask.*`
    Mask,
    /// `command.*`
    Command,
}

impl Suite {
    pub(crate) const ALL: [Self; 7] =
        [Self::Call, Self::Memory, Self::Start, Self::Config, Self::Identity, Self::Mask, Self::Command];

    pub(crate) async fn run(self, stage: &Stage) -> Outcome<Figures> {
        match self {
            Self::Call => call::run(stage).await,
            Self::Memory => memory::run(stage).await,
            Self::Start => start::run(stage).await,
            Self::Config => configuration::run(stage).await,
            Self::Identity => identity::run(stage).await,
            Self::Mask => mask::run(stage),
            Self::Command => command::run(stage),
        }
    }
}
