//! What is wrong with a set of objects: where, why, and what to write instead.

use std::fmt;

use lychgate_crds::Reason;

/// One thing that is wrong, or that is odd, with an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it stands, if the object came from a file.
    pub source: Option<Source>,
    /// The object, if it could be told.
    pub object: Option<ObjectKey>,
    /// The field, such as `spec.access[0].tools[1]`; empty for the object as a whole.
    pub path: String,
    /// Why.
    pub reason: Reason,
    /// What is wrong and what to write. Values that may be secret are never part of it.
    pub message: String,
    /// Whether it makes the object invalid.
    pub severity: Severity,
}

/// Whether a problem makes an object invalid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, and is hardly meant.
    Warning,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
}

/// The kind and the name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// The kind, such as `McpConnection`.
    pub kind: String,
    /// The namespace; empty for a kind that lies in none.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// The key of an object.
    #[must_use]
    pub fn new(kind: impl Into<String>, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// The key in words, as seen from a namespace: without the namespace, if it is that one.
    #[must_use]
    pub fn seen_from(&self, namespace: &str) -> String {
        let Self { kind, namespace: own, name } = self;
        if own == namespace { format!("{kind} {name}") } else { format!("{kind} {own}/{name}") }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() {
            return write!(formatter, "{kind} {name}");
        }
        write!(formatter, "{kind} {namespace}/{name}")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(source) = &self.source {
            write!(formatter, "{source}: ")?;
        }
        if self.severity == Severity::Warning {
            formatter.write_str("warning: ")?;
        }
        if let Some(object) = &self.object {
            write!(formatter, "{object}: ")?;
        }
        if !self.path.is_empty() {
            write!(formatter, "{}: ", self.path)?;
        }
        write!(formatter, "{} ({})", self.message, self.reason)
    }
}

/// A problem before it is known whose it is: what the checks of fields find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    pub(crate) severity: Severity,
}

impl Finding {
    /// Something wrong.
    pub(crate) fn new(path: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self { path: path.into(), reason, message: message.into(), severity: Severity::Error }
    }

    /// Something that is legal and hardly meant.
    pub(crate) fn warning(path: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::new(path, reason, message) }
    }

    pub(crate) fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectKey, Problem, Reason, Severity, Source};

    #[test]
    fn a_problem_reads_as_one_line_that_editors_can_follow() {
        let problem = Problem {
            source: Some(Source { file: "examples/quickstart/customers.yaml".to_owned(), line: 14 }),
            object: Some(ObjectKey::new("McpConnection", "default", "customers")),
            path: "spec.upstream.url".to_owned(),
            reason: Reason::InvalidValue,
            message: "write https".to_owned(),
            severity: Severity::Error,
        };
        assert_eq!(
            problem.to_string(),
            "examples/quickstart/customers.yaml:14: McpConnection default/customers: spec.upstream.url: \
             write https (InvalidValue)"
        );
        let bare = Problem { source: None, object: None, path: String::new(), ..problem.clone() };
        assert_eq!(bare.to_string(), "write https (InvalidValue)");
        let warning = Problem { source: None, severity: Severity::Warning, ..problem };
        assert!(warning.to_string().starts_with("warning: McpConnection default/customers: "));
    }
}
