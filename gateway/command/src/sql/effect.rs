//! What is found: statements, their effects, and where.

use std::borrow::Cow;
use std::fmt;

/// What a statement does. The order is that of this list; it is not one of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Reads, or changes nothing but harmless settings of its own session or transaction.
    Read,
    /// Changes rows, draws from a sequence, or holds locks.
    Write,
    /// Changes or removes the rows of a table without a condition that restricts them.
    WriteAll,
    /// Creates, changes or drops objects.
    Schema,
    /// Roles, grants, extensions, settings of the server or of the session's rights, maintenance.
    Admin,
    /// Runs code that cannot be seen from here.
    Exec,
    /// Reads or writes files, or reaches another server.
    Exfiltrate,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Write, Self::WriteAll, Self::Schema, Self::Admin, Self::Exec, Self::Exfiltrate];

    /// The name in manifests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "Read",
            Self::Write => "Write",
            Self::WriteAll => "WriteAll",
            Self::Schema => "Schema",
            Self::Admin => "Admin",
            Self::Exec => "Exec",
            Self::Exfiltrate => "Exfiltrate",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A place in the text: line and column, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}, column {}", self.line, self.column)
    }
}

/// One thing that a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// What it is.
    pub kind: Kind,
    /// What in the text does it.
    pub place: Place,
    /// Why it is of that kind: a short sentence without a value of the text in it, but with names.
    pub why: Cow<'static, str>,
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The statement as it is in the text, on one line and without comments. Characters that are not seen, or that
    /// change how others are seen, are escaped. This is what a person is shown.
    pub canonical: String,
    /// At least one. [`Kind::Read`] stands alone: a statement that does anything else does not list that it reads.
    pub effects: Vec<Effect>,
}

impl Statement {
    /// The kinds of its effects, each once, in their order.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.effects.iter().map(|effect| effect.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}

/// What a text does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Its statements, in their order; at least one.
    pub statements: Vec<Statement>,
}

impl Analysis {
    /// The kinds of the effects of all statements, each once, in their order.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = self.statements.iter().flat_map(Statement::kinds).collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }
}
