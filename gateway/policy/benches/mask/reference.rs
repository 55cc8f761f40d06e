//! What masking is measured beside: one pass of `regex-automata` over the text, with a pattern for each of forty
//! kinds of values. It finds candidates and checks nothing, neither checksums nor context, and reads no JSON.

use regex_automata::MatchKind;
use regex_automata::meta::Regex;

const PATTERNS: [&str; 40] = [
    r"\b(?:\d[ -]?){12,18}\d\b",
    r"[A-Za-z0-9._%+'-]{1,64}@[A-Za-z0-9.-]{1,128}\.[A-Za-z]{2,16}",
    r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]{4}){2,7}(?:[ -]?[A-Z0-9]{1,3})?\b",
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\+\d(?:[ ().-]{0,2}\d){7,14}\b",
    r"\(\d{3}\) ?\d{3}-\d{4}\b",
    r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    r"\bgh[opusr]_[A-Za-z0-9]{36,255}",
    r"\bgithub_pat_[A-Za-z0-9_]{22,255}",
    r"\bxox[abeprs]-[A-Za-z0-9-]{10,255}",
    r"\beyJ[A-Za-z0-9_-]{8,1024}\.[A-Za-z0-9_-]{2,4096}\.[A-Za-z0-9_-]{0,1024}",
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----",
    r"\b(?:\d{1,3}\.){3}\d{1,3}\b",
    r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
    r"\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){2,7}\b",
    r"\bAIza[A-Za-z0-9_-]{35}\b",
    r"\bglpat-[A-Za-z0-9_-]{20,64}",
    r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}",
    r"\bsk-ant-[A-Za-z0-9_-]{20,128}",
    r"\bsk-(?:proj-)?[A-Za-z0-9_-]{20,200}",
    r"\bnpm_[A-Za-z0-9]{36}\b",
    r"\bpypi-[A-Za-z0-9_-]{50,255}",
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,128}:[^\s/@]{1,128}@",
    r"\b9\d{2}-\d{2}-\d{4}\b",
    r"\b\d{2}-\d{7}\b",
    r"\b[1-9][AC-HJKMNP-RT-Yac-hjkmnp-rt-y][AC-HJKMNP-RT-Y0-9]\d[A-Z][A-Z0-9]\d[A-Z]{2}\d{2}\b",
    r"\b\d{3} \d{3} \d{4}\b",
    r"\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b",
    r"\b\d{3}[ -]\d{3}[ -]\d{3}\b",
    r"\b\d{4} \d{4} \d{4}\b",
    r"\b[A-Z]{5}\d{4}[A-Z]\b",
    r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b",
    r"\b\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}\b",
    r"\b\d{8}[A-HJ-NP-TV-Z]\b",
    r"\b[XYZ]\d{7}[A-Z]\b",
    r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b",
    r"\b[STFGM]\d{7}[A-Z]\b",
    r"\b[A-HJ-NPR-Z0-9]{17}\b",
    r"\b(?:bc1[a-z0-9]{25,62}|0x[0-9a-fA-F]{40})\b",
    r"(?i)\b(?:password|passwd|secret|api[_-]?key|token)\b\s{0,3}[:=]\s{0,3}\S{6,128}",
];

/// The compiled patterns.
pub struct Reference(Regex);

impl Reference {
    /// Compiles them, with ASCII classes and boundaries, which are the faster ones.
    pub fn new() -> Self {
        let syntax = regex_automata::util::syntax::Config::new().unicode(false).utf8(false);
        let config = Regex::config().match_kind(MatchKind::LeftmostFirst).utf8_empty(false);
        Self(Regex::builder().configure(config).syntax(syntax).build_many(&PATTERNS).unwrap())
    }

    /// How many places match.
    pub fn count(&self, text: &[u8]) -> usize {
        self.0.find_iter(text).count()
    }
}
