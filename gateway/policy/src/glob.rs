//! Globs over names and URIs: `*` stands for any run of characters, everything else for itself.
//!
//! There is no `?`, no class and no escape: tool names and URIs contain those characters themselves, and a
//! pattern that a reader may take for something else is worth less than one that is plain.

/// A compiled pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    text: String,
}

impl Glob {
    /// Takes any text: there is no wrong pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches the whole of `name`. Linear in `name` for each `*`, without recursion.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.text.split('*');
        let Some(first) = parts.next() else { return name.is_empty() };
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn a_star_stands_for_any_run_and_all_else_for_itself() {
        for (pattern, name, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything/at all", true),
            ("query", "query", true),
            ("query", "Query", false),
            ("query*", "query_rows", true),
            ("query*", "a_query", false),
            ("*_rows", "query_rows", true),
            ("*_rows", "query_rows2", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("file:///srv/*", "file:///srv/a/b", true),
            ("q?ery", "query", false),
        ] {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern:?} on {name:?}");
        }
    }
}
