//! Tables with a line of dashes under the names and bars between the cells: those of Markdown, of psql and of MySQL.
//!
//! They end with the first line that has no bar. Where there is one column and no bar at all, as psql prints it, rows begin
//! with a blank: else it may be a heading of Markdown.

use std::ops::Range;

use super::{Cell, Form, Line, Reader, Table, trimmed};

/// The row of names of a table.
pub(super) struct Names {
    cells: Vec<Cell>,
    edges: Edges,
    /// Where the rows begin.
    rows: usize,
}

/// Whether rows begin and end with a bar.
#[derive(Clone, Copy)]
struct Edges {
    leads: bool,
    trails: bool,
}

impl Reader<'_> {
    /// The table that begins with this line.
    pub(super) fn ruled(&mut self, line: &Line) -> Option<Table> {
        let Names { cells, edges, rows } = self.names_over_rule(line)?;
        let mut columns = self.named(&cells);
        let has_bars = columns.width > 1 || edges.leads || edges.trails;
        let mut next = rows;
        while let Some(line) = self.line(next) {
            let content = self.text(&line.range);
            let is_row = if has_bars { content.contains('|') } else { content.starts_with(' ') };
            if is_row {
                columns.take(&self.cells(&line.range, edges, columns.width));
            } else if dashes(content).is_none() {
                break;
            }
            next = line.next;
        }
        Some(columns.table(next))
    }

    /// The names in this line, if the next one is dashes under each of them.
    pub(super) fn names_over_rule(&self, line: &Line) -> Option<Names> {
        let rule = self.line(line.next)?;
        let width = dashes(self.text(&rule.range))?;
        let content = self.text(&line.range);
        let edges =
            Edges { leads: content.trim_start().starts_with('|'), trails: content.trim_end().ends_with('|') };
        let cells = self.cells(&line.range, edges, width);
        let is_set_apart = || {
            let row = self.line(rule.next);
            content.starts_with(' ') || row.is_some_and(|row| self.text(&row.range).starts_with(' '))
        };
        let is_table = width > 1 || edges.leads || edges.trails || is_set_apart();
        (cells.len() == width && is_table && dashes(content).is_none()).then_some(Names {
            cells,
            edges,
            rows: rule.next,
        })
    }

    /// The cells of a row of a table that is so wide.
    fn cells(&self, row: &Range<usize>, edges: Edges, width: usize) -> Vec<Cell> {
        let mut range = trimmed(self.text, row.clone());
        if edges.leads && self.text(&range).starts_with('|') {
            range.start += 1;
        }
        let mut cells = Vec::new();
        let mut start = range.start;
        let mut is_escaped = false;
        let mut add = |range| cells.push(Cell { range: trimmed(self.text, range), form: Form::Ruled });
        for (place, character) in self.text(&range).char_indices() {
            if character == '|' && !is_escaped {
                add(start..range.start + place);
                start = range.start + place + 1;
            }
            is_escaped = character == '\\';
        }
        add(start..range.end);
        // Behind the bar at the end is no cell.
        if start == range.end && cells.len() > 1 && (edges.trails || cells.len() > width) {
            cells.pop();
        }
        cells
    }
}

/// Over how many columns a line of dashes goes; none if it is none.
fn dashes(line: &str) -> Option<usize> {
    let line = line.trim();
    if !line.starts_with(['-', ':', '|', '+']) {
        return None;
    }
    let inside = line.strip_prefix(['|', '+']).unwrap_or(line);
    let inside = inside.strip_suffix(['|', '+']).unwrap_or(inside);
    let is_dashes = |cell: &str| {
        let cell = cell.trim();
        let cell = cell.strip_prefix(':').unwrap_or(cell);
        let cell = cell.strip_suffix(':').unwrap_or(cell);
        !cell.is_empty() && cell.bytes().all(|byte| byte == b'-')
    };
    let cells = inside.split(['|', '+']);
    let count = cells.clone().count();
    cells.into_iter().all(is_dashes).then_some(count)
}
