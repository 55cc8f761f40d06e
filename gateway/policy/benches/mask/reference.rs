//! What masking is measured beside: one pass of `regex-automata` over the text, with a pattern for each of forty
//! kinds of values. It finds candidates and checks nothing, neither checksums nor context, and reads no JSON.

use regex_automata::MatchKind;
use regex_automata::meta::Regex;

/// A pattern for each of forty kinds, as their documentation describes them, a line each.
const PATTERNS: &str = include_str!("patterns.txt");

/// The compiled patterns.
pub struct Reference(Regex);

impl Reference {
    /// Compiles them, with ASCII classes and boundaries, which are the faster ones.
    pub fn new() -> Self {
        let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
        let config = Regex::config().match_kind(MatchKind::LeftmostFirst).utf8_empty(false);
        Self(
            Regex::builder()
                .configure(config)
                .syntax(syntax)
                .build_many(&PATTERNS.lines().collect::<Vec<_>>())
                .unwrap(),
        )
    }

    /// How many places match.
    pub fn count(&self, text: &[u8]) -> usize {
        self.0.find_iter(text).count()
    }
}
