//! Rows by the names of their columns, for the exports whose columns are known.
//!
//! Such exports differ in the order, the case and the spelling of their headers
//! (`Annual Revenue`, `AnnualRevenue`, `annual_revenue`), so names are compared by
//! their letters and digits alone. The table machinery reads the rows, from text or
//! JSON objects, so a row that was put aside is read again as any other.

#[cfg(test)]
pub(crate) mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Cursor, Read};

use throng_event::Problem;

use crate::import::Intake;
use crate::table::{Columns, Opened, Row, Step, open};
use crate::{Head, SourceError, decompress};

/// The rows of a table of text or JSON, packed or plain.
pub(crate) struct NamedRows<'a> {
    source: Opened<'a>,
    columns: Columns,
    /// Positions by plain name; of columns of one plain name the first.
    places: BTreeMap<String, usize>,
    n_placed: usize,
    row: Row,
}

impl<'a> NamedRows<'a> {
    /// Reads the header, or the first objects.
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read or is no table.
    pub(crate) fn new(input: impl Read + 'a) -> Result<Self, SourceError> {
        let source = open(input)?;
        let columns = source.rows.columns().clone();
        let mut rows = Self { source, columns, places: BTreeMap::new(), n_placed: 0, row: Row::default() };
        rows.place_columns();
        Ok(rows)
    }

    /// Returns the next row, counted in `intake`. Records that are no rows are put aside.
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read on or the sink refuses.
    pub(crate) fn next(&mut self, intake: &mut Intake<'_>) -> Result<Option<NamedRow<'_>>, SourceError> {
        loop {
            let step = self.source.rows.next(&mut self.row, &mut self.columns);
            match step.map_err(|error| error.after(intake.rows()))? {
                Step::End => return Ok(None),
                Step::Row => break,
                Step::Bad(problems, raw) => {
                    let number = intake.next_row();
                    intake.put_aside(number, problems, raw)?;
                }
            }
        }
        self.place_columns();
        let number = intake.next_row();
        Ok(Some(NamedRow { number, columns: &self.columns, places: &self.places, row: &self.row }))
    }

    /// Places the columns that have come since the last call: JSON objects bring new ones.
    fn place_columns(&mut self) {
        for (idx, name) in self.columns.names().iter().enumerate().skip(self.n_placed) {
            self.places.entry(plain_name(name)).or_insert(idx);
        }
        self.n_placed = self.columns.len();
    }
}

/// One row.
pub(crate) struct NamedRow<'r> {
    /// Which record of the input, from 1.
    pub(crate) number: u64,
    columns: &'r Columns,
    places: &'r BTreeMap<String, usize>,
    row: &'r Row,
}

impl<'r> NamedRow<'r> {
    /// Returns the text of a column, `None` where it says nothing or there is no such column.
    pub(crate) fn get(&self, name: &str) -> Option<&'r str> {
        self.row.get(*self.places.get(&plain_name(name))?)
    }

    /// Returns the text of the first of these columns that says something.
    pub(crate) fn first(&self, names: &[&str]) -> Option<&'r str> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Returns (column, text) of the cells that say something, in the order of the columns.
    pub(crate) fn cells(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let row = self.row;
        self.columns.names().iter().enumerate().filter_map(move |(idx, name)| Some((name.as_str(), row.get(idx)?)))
    }

    /// Returns the bytes of its texts.
    pub(crate) fn n_text_bytes(&self) -> usize {
        self.row.n_text_bytes()
    }

    /// Returns what makes this row the row it is: its filled cells by the names of their columns.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.row.canonical(self.columns, &mut bytes);
        bytes
    }

    /// Returns the row as JSON object from column to text.
    pub(crate) fn raw(&self) -> String {
        self.row.to_raw(self.columns)
    }

    /// Returns what was mended while the row was read.
    pub(crate) fn mended(&self) -> Vec<Problem> {
        self.row.mended.clone()
    }
}

/// Returns the letters and digits of a column's name in lower case.
pub(crate) fn plain_name(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns the plain names of the columns a file begins with: of its header or its first object.
pub(crate) fn column_names(head: &Head) -> BTreeSet<String> {
    let members = head.object.iter().flat_map(|object| object.keys());
    members.chain(&head.header).map(|name| plain_name(name)).collect()
}

/// Returns the first bytes of an input, unpacked, and the whole input, unpacked.
///
/// # Errors
/// What the reader says.
pub(crate) fn peek<'a>(input: impl Read + 'a, n_bytes: u64) -> io::Result<(Vec<u8>, Box<dyn BufRead + 'a>)> {
    let mut input = decompress(input)?;
    let mut head = Vec::new();
    input.by_ref().take(n_bytes).read_to_end(&mut head)?;
    let whole = Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Import;
    use throng_event::{Calendar, Instant, Limits, PersonalData};

    /// Reads the column `name` of every row.
    fn check(table: &str, name: &str, expected: &[Option<&str>]) {
        let personal = PersonalData::default();
        let limits = Limits { source: "x".to_owned(), earliest: Instant(0), latest: Instant(1), personal };
        let calendar = Calendar::utc();
        let mut sink = |_| Ok(());
        let mut intake = Intake::new(Import { limits: &limits, calendar: &calendar, currency: None }, &mut sink);
        let mut rows = NamedRows::new(table.as_bytes()).unwrap();
        let mut seen = Vec::new();
        while let Some(row) = rows.next(&mut intake).unwrap() {
            assert_eq!(row.get(name), row.first(&["none", name]));
            seen.push(row.get(name).map(str::to_owned));
        }
        assert_eq!(seen.iter().map(Option::as_deref).collect::<Vec<_>>(), expected, "{table}");
    }

    #[test]
    fn columns_are_found_however_they_are_spelled() {
        check("id;Annual Revenue\n1;7\n2;\n", "AnnualRevenue", &[Some("7"), None]);
        check("{\"annual_revenue\":7}\n{\"ANNUAL-REVENUE\":\"8\"}\n", "Annual Revenue", &[Some("7"), None]);
        check("a,A\n1,2\n", "a", &[Some("1")]);
        check("a\n1\n", "b", &[None]);
    }

    #[test]
    fn records_that_are_no_rows_are_passed() {
        check("a,b\n1,2,3\n4,5\n", "a", &[Some("4")]);
    }
}
