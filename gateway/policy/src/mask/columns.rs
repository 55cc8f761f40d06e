//! Masking the cells of tables in texts, by the names of their columns.
//!
//! A cell is masked as a text at a field is. Where the tables are, and how a cell is written, is known to `table`.

use super::marks::without_marks;
use super::program::{Wish, strongest};
use super::table::{Cell, columns};
use super::text::{Masker, Place};
use crate::config::Action;

impl<'a> Masker<'a> {
    /// The cells of a text that are masked because of their column, and what becomes of each. What is empty stays, as `null`
    /// does, and so does what masking has made.
    pub(super) fn cells(&self, text: &str, place: Place<'_>) -> Vec<(Cell, &'a Action)> {
        if !self.active.has_columns() || self.is_word || place.is_name || !may_hold_table(text) {
            return Vec::new();
        }
        let wishes = |name: &str| {
            let name = without_marks(name, self.active.marks()).to_lowercase();
            let wishes = self.active.wishes_for_column(&name);
            wishes.filter(|wish| !place.kept_by.contains(&wish.rule)).collect::<Vec<Wish<'a>>>()
        };
        let mut found = Vec::new();
        for column in columns(text, &|name| !wishes(name).is_empty()) {
            let wishes = wishes(&column.name);
            for cell in column.cells {
                let value = cell.form.read(text.get(cell.range.clone()).unwrap_or_default());
                let granted = wishes.iter().filter(|wish| !self.active.keeps_value(wish.rule, &value));
                if let Some(Wish { action, .. }) = strongest(granted.copied())
                    && !self.is_done(&value, action)
                {
                    found.push((cell, action));
                }
            }
        }
        found
    }
}

/// Whether a text may hold a table: never no where one is.
pub(super) fn may_hold_table(text: &str) -> bool {
    memchr::memchr(b'\n', text.as_bytes()).is_some()
}
