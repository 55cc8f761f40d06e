//! Records with separators between their fields: CSV (RFC 4180), and the same with tabs, semicolons or bars.
//!
//! A row of names counts if the record below it has as many fields. From there on rows of another length are rows too, for
//! whoever writes such a file by hand forgets to quote; a blank line ends it.

use super::{Cell, Columns, Form, Line, Reader, Table, trimmed};

/// What may stand between fields.
const SEPARATORS: [char; 4] = ['\t', ',', ';', '|'];
/// A longer name is a sentence, in bytes.
const LONGEST_NAME: usize = 128;

/// A row of names that the next record agrees with.
struct Head {
    separator: char,
    columns: Columns,
    /// Whether each name is one word, so that it is no sentence.
    is_of_words: bool,
}

impl Reader<'_> {
    /// The table that begins with this line. One without a column that somebody asks for is passed over, so that no value in
    /// it is taken for a name, if it is sure that it is one.
    pub(super) fn delimited(&mut self, line: &Line) -> Option<Table> {
        let mut heads: Vec<Head> = SEPARATORS.into_iter().filter_map(|it| self.head(line, it)).collect();
        let asked = heads.iter().position(|head| !head.columns.wanted.is_empty());
        let index = asked.or_else(|| heads.iter().position(|head| head.is_of_words))?;
        Some(self.rows(line.next, heads.swap_remove(index)))
    }

    /// Whether a table with a column that somebody asks for begins with this line.
    pub(super) fn is_head(&mut self, line: &Line) -> bool {
        SEPARATORS
            .into_iter()
            .any(|separator| self.head(line, separator).is_some_and(|head| !head.columns.wanted.is_empty()))
    }

    fn head(&mut self, line: &Line, separator: char) -> Option<Head> {
        if !self.text(&line.range).contains(separator) {
            return None;
        }
        let (names, _) = self.record(line.range.start, line.range.end, separator);
        let is_name = |cell: &Cell| cell.range.len() <= LONGEST_NAME;
        if names.len() < 2 || !names.iter().all(is_name) || line.next >= self.text.len() {
            return None;
        }
        let end = if self.left == 0 { self.line(line.next)?.range.end } else { self.text.len() };
        let (first, next) = self.record(line.next, end, separator);
        self.left = self.left.saturating_sub(next - line.range.start);
        if first.len() != names.len() {
            return None;
        }
        let is_word = |cell: &Cell| !self.text(&cell.range).contains(char::is_whitespace);
        let is_of_words = names.iter().all(is_word);
        Some(Head { separator, columns: self.named(&names), is_of_words })
    }

    fn rows(&mut self, start: usize, head: Head) -> Table {
        let Head { separator, mut columns, is_of_words: _ } = head;
        let mut next = start;
        while let Some(line) = self.line(next) {
            let content = self.text(&line.range);
            if content.trim().is_empty() || content.starts_with("```") {
                break;
            }
            let (row, end) = self.record(next, self.text.len(), separator);
            if row.len() != columns.width && (columns.wanted.is_empty() || self.is_beginning(&line)) {
                break;
            }
            // A line without separators is a remark.
            if row.len() > 1 {
                columns.take(&row);
            }
            next = end;
        }
        columns.table(next)
    }

    /// The fields of the record that begins at `start`, of what is before `end`; and where the next one begins.
    fn record(&self, start: usize, end: usize, separator: char) -> (Vec<Cell>, usize) {
        let mut cells = Vec::new();
        let mut next = start;
        loop {
            let (cell, stop) = self.field(next, end, separator);
            cells.push(cell);
            let rest = self.text(&(stop..end));
            if let Some(rest) = rest.strip_prefix(separator) {
                next = end - rest.len();
            } else {
                return (cells, end.min(stop + usize::from(rest.starts_with('\n'))));
            }
        }
    }

    /// The field that begins at `start`; and where it stops, at a separator, a line end, or `end`.
    fn field(&self, start: usize, end: usize, separator: char) -> (Cell, usize) {
        let rest = self.text(&(start..end));
        let quoted = rest.trim_start_matches(' ').strip_prefix('"');
        if let Some((cell, stop)) = quoted.and_then(|inside| self.quoted(end - inside.len(), end, separator))
        {
            return (cell, stop);
        }
        let stop = start + rest.find([separator, '\n']).unwrap_or(rest.len());
        (Cell { range: trimmed(self.text, start..stop), form: Form::Plain(separator) }, stop)
    }

    /// The field whose content begins at `start`, behind a quotation mark; none if it does not end as one.
    fn quoted(&self, start: usize, end: usize, separator: char) -> Option<(Cell, usize)> {
        let mut from = start;
        let close = loop {
            let mark = from + memchr::memchr(b'"', self.text(&(from..end)).as_bytes())?;
            if !self.text(&(mark + 1..end)).starts_with('"') {
                break mark;
            }
            from = mark + 2;
        };
        let rest = self.text(&(close + 1..end)).trim_start_matches([' ', '\r']);
        let is_whole = rest.is_empty() || rest.starts_with([separator, '\n']);
        is_whole.then(|| (Cell { range: start..close, form: Form::Quoted }, end - rest.len()))
    }
}
