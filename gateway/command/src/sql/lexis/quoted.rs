//! Strings and quoted names.

use super::cursor::Cursor;
use crate::sql::refusal::Unparseable;

/// What a backslash does between two quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Nothing, whatever the server's settings.
    Literal,
    /// It takes the next character along, whatever the server's settings.
    Escape,
    /// A setting decides: before a quote it is refused.
    Unsettled,
    /// It is refused wherever it stands.
    Refused,
}

/// Moves the cursor from an opening quote to behind the closing one. A doubled quote does not close.
pub(super) fn skip(
    cursor: &mut Cursor<'_>,
    quote: char,
    reading: Reading,
    triple_quotes: bool,
) -> Result<(), Unparseable> {
    let start = cursor.place();
    let triple = if quote == '"' { "\"\"\"" } else { "'''" };
    let triple_opens = triple_quotes && quote != '`' && cursor.rest().starts_with(triple);
    cursor.advance(if triple_opens { 3 } else { 1 });
    let mut before = quote;
    while let Some(character) = cursor.peek() {
        if character == '\\' {
            backslashes(cursor, quote, reading, before)?;
            before = '\\';
            continue;
        }
        before = character;
        if character != quote {
            cursor.advance(1);
        } else if triple_opens {
            if cursor.rest().starts_with(triple) {
                cursor.advance(3);
                return Ok(());
            }
            cursor.advance(1);
        } else {
            cursor.advance(1);
            if cursor.peek() != Some(quote) {
                return Ok(());
            }
            cursor.advance(1);
        }
    }
    Err(Unparseable::unsettled(start, "a quote that is not closed"))
}

/// Moves behind a run of backslashes, and behind what the last one takes along.
fn backslashes(
    cursor: &mut Cursor<'_>,
    quote: char,
    reading: Reading,
    before: char,
) -> Result<(), Unparseable> {
    match reading {
        Reading::Literal => cursor.advance(1),
        Reading::Escape => cursor.advance(2),
        Reading::Refused => {
            return Err(Unparseable::unsettled(
                cursor.place(),
                "a backslash between these quotes is read differently by servers; leave it away",
            ));
        }
        Reading::Unsettled => {
            let place = cursor.place();
            let run = cursor.rest().chars().take_while(|character| *character == '\\').count();
            cursor.advance(run);
            // In some character sets of connections a backslash may belong to the character before it.
            if cursor.peek() == Some(quote) && (run % 2 == 1 || !before.is_ascii()) {
                return Err(Unparseable::unsettled(
                    place,
                    "whether a backslash escapes a quote is a setting of the server; double the quote instead",
                ));
            }
        }
    }
    Ok(())
}
