//! The one place that prints: lines for the reader, faults for the error stream,
//! and the plain tables that both the steps and the benchmark end with.

/// Prints one line.
#[expect(clippy::print_stdout, reason = "these commands talk to the person who runs them")]
pub(crate) fn line(text: &str) {
    println!("{text}");
}

/// Prints the heading of a part of the output.
pub(crate) fn heading(text: &str) {
    line(&format!("\n== {text}"));
}

/// Prints why a command could not do what it was asked.
#[expect(clippy::print_stderr, reason = "these commands talk to the person who runs them")]
pub(crate) fn fault(text: &str) {
    eprintln!("xtask: {text}");
}

/// Lays `rows` out in columns: the first one flush left, the others flush right.
///
/// Rows may differ in length; the first row is as ordinary as the others.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut lines = Vec::with_capacity(rows.len());
    for row in rows {
        let mut text = String::new();
        for (idx, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if idx == 0 {
                text.push_str(&format!("  {cell:<width$}"));
            } else {
                text.push_str(&format!("  {cell:>width$}"));
            }
        }
        lines.push(text.trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn table_aligns_names_left_and_numbers_right() {
        let rows = [["round", "s"], ["first", "12.5"], ["2", "3.5"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows), "  round     s\n  first  12.5\n  2       3.5");
    }

    #[test]
    fn table_of_nothing_is_empty() {
        assert_eq!(table(&[]), "");
    }
}
