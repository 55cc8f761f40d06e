//! The protocol revisions by name, and the line between the two eras.
//!
//! What differs on the wire between revisions is with the code that reads that part; here are only
//! the names. A revision that is not listed may still be recognised as modern, because names are
//! dates.

use std::fmt;

/// A published revision of the Model Context Protocol; later ones compare greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// 2024-11-05: HTTP with a separate event stream.
    V2024_11_05,
    /// 2025-03-26: streamable HTTP; the only revision with batches.
    V2025_03_26,
    /// 2025-06-18: the `MCP-Protocol-Version` header; no batches.
    V2025_06_18,
    /// 2025-11-25: the last with `initialize` and sessions.
    V2025_11_25,
    /// 2026-07-28: stateless, with metadata on every request.
    V2026_07_28,
}

impl Revision {
    /// All revisions, oldest first.
    pub const ALL: [Self; 5] =
        [Self::V2024_11_05, Self::V2025_03_26, Self::V2025_06_18, Self::V2025_11_25, Self::V2026_07_28];

    /// The revision of that exact name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|revision| revision.as_str() == name)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Whether requests carry their own metadata, rather than belonging to a session that began
    /// with `initialize` (MCP 2026-07-28, Versioning and Compatibility, Terminology).
    #[must_use]
    pub const fn is_modern(self) -> bool {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => false,
            Self::V2026_07_28 => true,
        }
    }

    /// Whether a client may send several messages in one array (MCP 2025-03-26, Transports; removed
    /// by 2025-06-18).
    #[must_use]
    pub const fn allows_batches(self) -> bool {
        match self {
            Self::V2025_03_26 => true,
            Self::V2024_11_05 | Self::V2025_06_18 | Self::V2025_11_25 | Self::V2026_07_28 => false,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The requests that the modern era no longer has (MCP 2026-07-28, Key Changes).
const REMOVED: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// Whether a request for `method` is of the earlier revisions alone. A server of the modern era answers that there is
/// no such method.
#[must_use]
pub fn is_removed_in_modern_era(method: &str) -> bool {
    REMOVED.contains(&method)
}

/// Whether a version is of the modern era, listed here or not: names are dates and compare as text.
#[must_use]
pub fn names_modern_era(version: &str) -> bool {
    version >= Revision::V2026_07_28.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn given_every_revision_when_named_and_parsed_then_it_is_itself_and_the_eras_agree() {
        for revision in Revision::ALL {
            assert_eq!(Revision::parse(revision.as_str()), Some(revision));
            assert_eq!(names_modern_era(revision.as_str()), revision.is_modern());
        }
    }

    #[test]
    fn given_names_that_are_close_when_parsed_then_there_is_no_revision() {
        for name in ["", "2025-06-19", " 2025-06-18", "2026-07-28 ", "latest"] {
            assert_eq!(Revision::parse(name), None);
        }
        assert!(names_modern_era("2027-01-01"));
        assert!(!names_modern_era("2026-07-27"));
    }
}
