//! Tables of texts, drawn for a terminal or as Markdown.

use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use crate::arguments::Format;
use crate::format::clean;

/// How the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Texts that may be wrapped.
    Left,
    /// Ids and names: never wrapped.
    Whole,
    /// Numbers: never wrapped.
    Right,
}

/// A table on its way to the screen; cells are cleaned as they come in.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// Starts a table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self { columns: columns.iter().map(|(name, align)| (clean(name), *align)).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let row: Vec<String> = cells.into_iter().map(|cell| clean(cell.as_ref())).collect();
        assert_eq!(row.len(), self.columns.len(), "a row has a cell for every column");
        self.rows.push(row);
    }

    /// Returns whether there is no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the columns of a terminal the table takes unwrapped.
    pub(crate) fn width(&self) -> usize {
        self.table(Format::Text, None).lines().next().map_or(0, |line| line.chars().count())
    }

    /// Draws the table; a terminal's width keeps it on the screen.
    pub(crate) fn render(&self, format: Format, terminal: Option<usize>) -> String {
        self.table(format, terminal).to_string()
    }

    fn table(&self, format: Format, terminal: Option<usize>) -> Table {
        let mut table = Table::new();
        let markdown = format == Format::Markdown;
        table.load_preset(if markdown { presets::ASCII_MARKDOWN } else { presets::UTF8_FULL_CONDENSED });
        match terminal.filter(|_| !markdown).and_then(|width| u16::try_from(width).ok()) {
            Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
            None => table.set_content_arrangement(ContentArrangement::Disabled),
        };
        // Colours are taken out again where they have no place.
        table.enforce_styling();
        table.set_header(self.columns.iter().map(|(name, align)| {
            let cell = Cell::new(name).set_alignment(alignment(*align));
            if markdown { cell } else { cell.add_attribute(Attribute::Bold) }
        }));
        for row in &self.rows {
            let cell = |text: &String| if markdown { text.replace('|', "\\|") } else { text.clone() };
            table.add_row(row.iter().map(cell));
        }
        for (column, (_, align)) in table.column_iter_mut().zip(&self.columns) {
            column.set_cell_alignment(alignment(*align));
            if *align != Align::Left {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }
        table
    }

    /// Returns every row as a block of lines, one for each column.
    pub(crate) fn records(&self) -> String {
        let name_width = self.columns.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        let mut text = String::new();
        for (row_idx, row) in self.rows.iter().enumerate() {
            text.push_str(&format!("── {} ──\n", row_idx + 1));
            for ((name, _), cell) in self.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
                text.push_str(&format!("{name:name_width$}  {cell}\n"));
            }
        }
        text
    }
}

fn alignment(align: Align) -> CellAlignment {
    match align {
        Align::Left | Align::Whole => CellAlignment::Left,
        Align::Right => CellAlignment::Right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Grid {
        let mut grid = Grid::new(&[("id", Align::Whole), ("text", Align::Left), ("n", Align::Right)]);
        grid.row(["p1", "a | b", "12"]);
        grid.row(["p2", "\u{1b}[2J", "3"]);
        grid
    }

    #[test]
    fn cells_of_markdown_stay_in_their_column() {
        let text = sample().render(Format::Markdown, None);
        assert!(text.contains("a \\| b"), "{text}");
    }

    #[test]
    fn no_control_character_of_a_cell_reaches_the_screen() {
        let text = sample().render(Format::Text, Some(80));
        assert!(text.contains("\\u{1b}[2J"), "{text}");
        assert!(!text.contains("\u{1b}[2J"));
    }

    #[test]
    fn records_leave_out_what_is_empty() {
        let mut grid = Grid::new(&[("a", Align::Left), ("bc", Align::Left)]);
        grid.row(["1", ""]);
        grid.row(["", "2"]);
        assert_eq!(grid.records(), "── 1 ──\na   1\n── 2 ──\nbc  2\n");
    }
}
