//! What of a survey somebody should look at.

use super::{Definition, Flagged, Pinning, Standing, Survey};
use crate::pinning::survey::shown;

/// The name of the reason for characters that people do not see.
pub const HIDDEN_CHARACTERS: &str = "HiddenCharacters";

/// Something that a server says and that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about, such as `tool query`; safe to show.
    pub subject: String,
    /// `ToolChanged`, `ToolNotPinned`, `ToolNotListed` or [`HIDDEN_CHARACTERS`].
    pub reason: &'static str,
    /// Whether it is refused, and not shown, for it.
    pub enforced: bool,
    /// The hash of the tool's definition.
    pub definition: Option<String>,
    /// The hash that it was pinned with.
    pub pinned: Option<String>,
    /// Where hidden characters stand, in words.
    pub hidden: Vec<String>,
}

impl Pinning {
    /// What of a survey somebody should look at. A pin is consent: of a tool that is as it was pinned nothing is told.
    #[must_use]
    pub fn findings(&self, survey: &Survey) -> Vec<Finding> {
        let tools = survey.tools.iter().filter_map(|tool| self.finding(&tool.name, Some(tool)));
        let others = survey.others.iter().map(|Flagged { subject, hidden }| Finding {
            subject: subject.clone(),
            reason: HIDDEN_CHARACTERS,
            enforced: false,
            definition: None,
            pinned: None,
            hidden: hidden.iter().map(ToString::to_string).collect(),
        });
        tools.chain(others).collect()
    }

    /// What of a tool somebody should look at, if anything. `definition` is none if the server does not list it.
    #[must_use]
    pub fn finding(&self, tool: &str, definition: Option<&Definition>) -> Option<Finding> {
        let hidden = definition.map(|definition| definition.hidden.as_slice()).unwrap_or_default();
        let standing = self.judge(tool, definition.map(|definition| definition.hash.as_str()));
        let drifted = standing.denial().filter(|_| self.watches());
        let reason = match (drifted, hidden) {
            (Some(reason), _) => reason.as_str(),
            (None, []) => return None,
            (None, _) if standing == Standing::AsPinned => return None,
            (None, _) => HIDDEN_CHARACTERS,
        };
        Some(Finding {
            subject: format!("tool {}", shown(tool)),
            reason,
            enforced: self.enforces(),
            definition: definition.map(|definition| definition.hash.clone()),
            pinned: self.pin(tool).map(str::to_owned),
            hidden: hidden.iter().map(ToString::to_string).collect(),
        })
    }
}
