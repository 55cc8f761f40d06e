//! Tables in texts: where they stand, and which of their cells are in a column of a name.
//!
//! A text is a table where it has a row of names and what is below it has the same form: records that are separated by
//! commas, tabs, semicolons or bars (`delimited`), or a line of dashes under the names (`ruled`). What becomes of a cell is
//! not decided here; [`Form`] says how a cell is written, so that a table stays one.

mod delimited;
mod ruled;

use std::borrow::Cow;
use std::ops::Range;

/// A column that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name in the row of names.
    pub(super) name: String,
    /// What stands in it, row by row.
    pub(super) cells: Vec<Cell>,
}

/// A cell, or as much of one as a row of another form than the names has where its column should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Its content, without blanks and quotes around it.
    pub(super) range: Range<usize>,
    /// How its content is written.
    pub(super) form: Form,
}

/// How the content of a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Between quotation marks, which are doubled inside (RFC 4180, section 2).
    Quoted,
    /// As it is, up to this separator or the end of the line.
    Plain(char),
    /// Between bars; a bar inside has a backslash before it.
    Ruled,
}

impl Form {
    /// What the content of a cell says.
    pub(super) fn read(self, content: &str) -> Cow<'_, str> {
        match self {
            Self::Quoted if content.contains("\"\"") => Cow::Owned(content.replace("\"\"", "\"")),
            Self::Ruled if content.contains("\\|") => Cow::Owned(content.replace("\\|", "|")),
            Self::Quoted | Self::Plain(_) | Self::Ruled => Cow::Borrowed(content),
        }
    }

    /// `text` as the content of a cell, in quotes where it needs them.
    pub(super) fn written(self, text: &str) -> String {
        match self {
            Self::Quoted => text.replace('"', "\"\""),
            Self::Plain(separator) => {
                let needs_quotes = text.contains([separator, '"', '\n', '\r']);
                if needs_quotes {
                    format!("\"{}\"", text.replace('"', "\"\""))
                } else {
                    text.trim().to_owned()
                }
            }
            Self::Ruled => {
                let mut text = text.trim().replace('|', "\\|").replace(['\n', '\r'], " ");
                // The bar behind it must not be taken for one of its own.
                if text.ends_with('\\') {
                    text.push(' ');
                }
                text
            }
        }
    }
}

/// The columns of all tables in `text` whose names somebody asks for. Linear in the text.
pub(super) fn columns(text: &str, is_wanted: &dyn Fn(&str) -> bool) -> Vec<Column> {
    let mut reader = Reader { text, is_wanted, left: text.len().saturating_mul(REREADS) };
    let mut found = Vec::new();
    let mut next = reader.line(0);
    while let Some(line) = next {
        let table = reader.ruled(&line).or_else(|| reader.delimited(&line));
        next = reader.line(table.as_ref().map_or(line.next, |table| table.end.max(line.next)));
        found.extend(table.into_iter().flat_map(|table| table.columns));
    }
    found
}

/// How often a text may be read in search of where a table begins. Then a record ends with its line, so that no quotation
/// mark leads on.
const REREADS: usize = 32;

/// A table, as far as it is of interest.
#[derive(Debug)]
struct Table {
    columns: Vec<Column>,
    /// Where the text goes on behind it.
    end: usize,
}

/// The places of the columns that somebody asks for, with what is found in them.
struct Columns {
    /// How many columns the table has.
    width: usize,
    wanted: Vec<(usize, Column)>,
}

impl Columns {
    /// Takes the cells of a row. Where a row has more cells than there are names, one of them holds a separator, and nobody
    /// can say which: whatever may be in the column counts.
    fn take(&mut self, row: &[Cell]) {
        let surplus = row.len().saturating_sub(self.width);
        for (index, column) in &mut self.wanted {
            let cells = row.iter().skip(*index).take(surplus + 1);
            column.cells.extend(cells.filter(|cell| !cell.range.is_empty()).cloned());
        }
    }

    fn table(self, end: usize) -> Table {
        Table { columns: self.wanted.into_iter().map(|(_, column)| column).collect(), end }
    }
}

/// A line of a text.
#[derive(Clone, Debug)]
struct Line {
    /// What stands in it, without its end.
    range: Range<usize>,
    /// Where the next one begins.
    next: usize,
}

/// Reads a text line by line.
struct Reader<'t> {
    text: &'t str,
    is_wanted: &'t dyn Fn(&str) -> bool,
    /// How many bytes may still be read in vain.
    left: usize,
}

impl<'t> Reader<'t> {
    /// The line that begins at `start`; none at the end of the text.
    fn line(&self, start: usize) -> Option<Line> {
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let content = rest.get(..length)?;
        let content = content.strip_suffix('\r').unwrap_or(content);
        Some(Line { range: start..start + content.len(), next: self.text.len().min(start + length + 1) })
    }

    fn text(&self, range: &Range<usize>) -> &'t str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    /// The columns of a row of names.
    fn named(&self, names: &[Cell]) -> Columns {
        let name = |cell: &Cell| {
            let name = cell.form.read(self.text(&cell.range)).into_owned();
            name.trim_matches(['\u{feff}', '*', '`', '"', ' ']).to_owned()
        };
        let wanted = names.iter().map(name).enumerate().filter(|(_, name)| (self.is_wanted)(name));
        Columns {
            width: names.len(),
            wanted: wanted.map(|(index, name)| (index, Column { name, cells: Vec::new() })).collect(),
        }
    }

    /// Whether a table begins with this line.
    fn is_beginning(&mut self, line: &Line) -> bool {
        self.names_over_rule(line).is_some() || self.is_head(line)
    }
}

/// `range` of `text` without blanks at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let content = text.get(range.clone()).unwrap_or_default();
    let kept = content.trim();
    let start = range.start + (content.len() - content.trim_start().len());
    start..start + kept.len()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;

    use super::{Form, columns};

    /// What stands in the columns called `ssn` or `mail`.
    fn found(text: &str) -> Vec<String> {
        let columns = columns(text, &|name| ["ssn", "mail"].contains(&name));
        let cells = columns.iter().flat_map(|column| &column.cells);
        let read = |cell: &super::Cell| cell.form.read(text.get(cell.range.clone()).unwrap()).into_owned();
        cells.map(read).collect()
    }

    #[test]
    fn cells_are_found_by_the_name_of_their_column() {
        for (text, expected) in [
            // RFC 4180: quotes, separators and line ends inside them, doubled quotes, either line end.
            ("id,ssn\n1,123\n2,456\n", vec!["123", "456"]),
            ("id,ssn\r\n1,123\r\n2,456", vec!["123", "456"]),
            ("\"ssn\",\"id\"\n\"1,2\n3\",4\n\"say \"\"x\"\"\",5", vec!["1,2\n3", "say \"x\""]),
            ("\u{feff}ssn,id\n1,2", vec!["1"]),
            (",ssn\n0,1", vec!["1"]),
            ("id, ssn\n1, \"2\"", vec!["2"]),
            ("id,ssn\n1,\n2,\"\"\n3,x", vec!["x"]),
            ("mail,ssn\na,1\nb,2", vec!["a", "b", "1", "2"]),
            // Other separators.
            ("id\tssn\n1\ta b\n", vec!["a b"]),
            ("id;ssn\n1;2,5\n", vec!["2,5"]),
            ("id|ssn\n1|2\n(1 row)\n", vec!["2"]),
            // Text around.
            ("Here you are:\n\nid,ssn\n1,2\n\nBye, all\n", vec!["2"]),
            ("```csv\nid,ssn\n1,2\n```\nWell, then", vec!["2"]),
            ("Results, as asked\nssn,id\n1,2", vec!["1"]),
            // What is not as the names say.
            ("id,ssn\n1,2\n\"x\",3,4\n5\n6,7", vec!["2", "3", "4", "7"]),
            ("id,ssn\n1,2\nssn,id,x\n3,4,5", vec!["2", "3"]),
            ("id,ssn\n1,2\n| ssn |\n|-----|\n| 3   |", vec!["2", "3"]),
            ("id,ssn\n\"1,2\n3,4", vec!["2", "4"]),
            // Markdown.
            ("| id | ssn |\n|----|-----|\n| 1 | 2 |\n| 3 | a\\|b |\n\n| x | y |", vec!["2", "a|b"]),
            ("id | **ssn**\n:-: | ---:\n1 | 2\n3 | 4", vec!["2", "4"]),
            ("|`ssn`|\n|-|\n|1|\n", vec!["1"]),
            ("| id | ssn |\n|----|-----|\n| 1 | 2 | 3 |", vec!["2", "3"]),
            // psql and MySQL.
            (" id | ssn \n----+-----\n  1 | 123\n  2 | \n    | 456\n(3 rows)\n", vec!["123", "456"]),
            (" ssn \n-----\n 123\n \n 456\n(3 rows)\n", vec!["123", "456"]),
            ("ssn\n-----\n 123\n(1 row)", vec!["123"]),
            ("+----+-----+\n| id | ssn |\n+----+-----+\n|  1 | 2   |\n+----+-----+\n1 row, done", vec!["2"]),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_table_with_such_a_column_has_none() {
        for text in [
            "",
            "ssn",
            "ssn\n123",
            "ssn,id",
            "ssn,id\n",
            "ssn,id\n1",
            "ssn,id\n1,2,3",
            "Dear ssn, all\n\nHow, now",
            "id,name\n1,2",
            // Names and types: a table, and `ssn` is a value in it.
            "name,type\nssn,text\nage,int",
            "name | type\n---|---\nssn | text\nage | int",
            "ssn\n---\nA heading of Markdown, and text below it.",
            "| id | ssn |\n|----|\n| 1 | 2 |",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_text_is_read_in_time_in_proportion_to_it() {
        // Each of these would be read to its end from every line, if nothing bounded it.
        for piece in
            ["ssn,x\n\"", "ssn,x\n\"\n", "ssn,x\n\"\nssn,x\n\",", "\",\n\"ssn,x\n", "ssn|\n-|\n", "ssn,"]
        {
            let text = piece.repeat(200_000);
            let asked = std::cell::Cell::new(0_usize);
            columns(&text, &|name| {
                asked.set(asked.get() + 1);
                name == "ssn"
            });
            assert!(asked.get() <= 40 * text.len(), "{piece:?}: {}", asked.get());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(text in any::<String>(), form in 0..3_usize) {
            let form = [Form::Quoted, Form::Plain(','), Form::Ruled][form];
            let written = form.written(&text);
            let table = match form {
                Form::Quoted => format!("id,ssn,x\n1,\"{written}\",2\n"),
                Form::Plain(_) => format!("id,ssn,x\n1,{written},2\n"),
                Form::Ruled => format!("| id | ssn | x |\n|-|-|-|\n| 1 | {written} | 2 |\n"),
            };
            let expected = match form {
                Form::Quoted => text,
                Form::Plain(_) if text.contains([',', '"', '\n', '\r']) => text,
                Form::Plain(_) => text.trim().to_owned(),
                Form::Ruled => text.trim().replace(['\n', '\r'], " "),
            };
            let expected = Vec::from_iter((!expected.is_empty()).then_some(expected));
            prop_assert_eq!(found(&table), expected);
        }

        #[test]
        fn every_cell_is_in_the_text(text in "[ssn,mail\t;|\"\\\\ \r\n+:-]{0,80}") {
            for column in columns(&text, &|name| name.contains('s')) {
                for cell in column.cells {
                    prop_assert!(text.get(cell.range).is_some());
                }
            }
        }
    }
}
