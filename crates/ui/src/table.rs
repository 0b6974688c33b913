//! Tables without lines, as wide as the terminal or their content.

use std::fmt;
use std::io::IsTerminal;

use comfy_table::{ContentArrangement, presets};

/// Rows of text under a header.
#[derive(Debug)]
pub struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Starts a table.
    pub fn new(header: &[&'static str]) -> Table {
        Table { header: header.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<String>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Returns whether the table has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(self.header.clone());
        table.add_rows(self.rows.clone());
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // Cells are broken to fit a terminal; in a file every row is a line.
        let width = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
        match width {
            Some((terminal_size::Width(width), _)) => {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(width);
            }
            None => {
                table.set_content_arrangement(ContentArrangement::Disabled);
            }
        }
        f.write_str(&table.trim_fmt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_without_blanks() {
        let mut table = Table::new(&["IMAGE", "PLATFORMS"]);
        table.row(["a", "linux/amd64"]);
        table.row(["a-long-name", ""]);
        assert_eq!(
            table.to_string(),
            "IMAGE        PLATFORMS\na            linux/amd64\na-long-name"
        );
    }
}
