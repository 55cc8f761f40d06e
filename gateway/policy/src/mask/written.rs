//! Masks that a gateway has written, found again: an agent that read one must not write it back as if it were data.
//!
//! Marks and replacements are known word by word. A partly shown value is taken for one by its asterisks; a masked
//! number (0), an emptied list or a coarser value cannot be told from a real one.

use super::keyed;
use super::program::Program;
use crate::config::Action;

/// How every mark begins.
const MARK: &str = "[REDACTED:";
/// The fewest asterisks in a row that are taken for hidden characters.
const FEWEST_HIDDEN: usize = 4;

impl Program {
    /// Whether `text` holds a mask of this gateway's: a mark, a value that is partly shown, or a replacement that is
    /// the whole text or stands in single quotes, as a value does in SQL.
    #[must_use]
    pub fn has_written(&self, text: &str) -> bool {
        text.contains(MARK)
            || has_hash(text)
            || has_partial(text)
            || self.replacements().any(|own| is_value(text, own))
    }

    fn replacements(&self) -> impl Iterator<Item = &str> {
        let replacements = self.actions().filter_map(Action::replacement);
        replacements.filter_map(|own| own.string.as_deref()).filter(|text| !text.is_empty())
    }
}

fn has_hash(text: &str) -> bool {
    let mut marks = text.match_indices(keyed::MARK);
    marks.any(|(start, mark)| text.get(start + mark.len()..).and_then(keyed::rest_of_mark).is_some())
}

fn is_value(text: &str, own: &str) -> bool {
    text == own || text.contains(&format!("'{own}'"))
}

/// Whether asterisks hide the beginning of a value whose end is shown, as in `****-1234`. Comments begin and end with
/// asterisks and a slash, and hide nothing.
fn has_partial(text: &str) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find('*') {
        let (before, run) = (rest.get(..start).unwrap_or_default(), rest.get(start..).unwrap_or_default());
        let is_hidden = |character: char| character == '*' || "-. @/()+_:,".contains(character);
        let end = run.find(|character| !is_hidden(character)).unwrap_or(run.len());
        let (hidden, after) = (run.get(..end).unwrap_or_default(), run.get(end..).unwrap_or_default());
        let is_comment = before.ends_with('/') || hidden.contains("*/");
        let shows = after.starts_with(|character: char| character.is_alphanumeric());
        if shows && !is_comment && hidden.matches('*').count() >= FEWEST_HIDDEN {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use crate::config::MaskingRule;
    use crate::mask::compile;

    #[test]
    fn a_mask_is_found_again_and_what_looks_like_one_is_not() {
        let rule: MaskingRule = serde_json::from_str(
            r#"{"name":"r","directions":["Response"],
                "fields":[{"keys":["x"],"action":{"replace":{"string":"withheld"}}}]}"#,
        )
        .unwrap();
        let program = compile(&[rule]).unwrap();
        for (text, expected) in [
            ("UPDATE t SET email = '[REDACTED:Email]'", true),
            ("UPDATE t SET card = '************1111'", true),
            ("UPDATE t SET card = '****-****-****-1111'", true),
            ("UPDATE t SET ssn = '***-**-6789'", true),
            ("UPDATE t SET email = '[HASH:0123456789ab]'", true),
            ("the column [HASH:of] is a name", false),
            ("withheld", true),
            ("UPDATE t SET x = 'withheld'", true),
            ("SELECT withheld FROM t", false),
            ("SELECT * FROM t", false),
            ("SELECT count(*) / 4 FROM t", false),
            ("SELECT 2 ** 3", false),
            ("/**** all rows ****/ SELECT 1", false),
            ("SELECT 1 /*****\n* note\n*****/", false),
            ("REDACTED", false),
        ] {
            assert_eq!(program.has_written(text), expected, "{text}");
        }
    }
}
