//! One row of a table, whatever form it came in, and the columns it belongs to.

use std::collections::BTreeMap;
use std::ops::Range;

use throng_event::Problem;

use crate::import::{RAW_BYTES_MAX, raw_text};

/// Columns of one table; the widest real exports have about a thousand.
pub(crate) const COLUMNS_MAX: usize = 4_096;

/// Of so many columns one is filled where it is quicker to put the filled ones in order than
/// to go through all of them in order.
const SPARSE_FACTOR: usize = 16;

/// The columns of a table by position and by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    names: Vec<String>,
    by_name: BTreeMap<String, usize>,
}

impl Columns {
    /// Returns the columns of a header; unnamed and repeated ones get a name of their own.
    pub(crate) fn from_header<'a>(header: impl Iterator<Item = &'a str>) -> Self {
        let mut columns = Self::default();
        // How many columns of a name there are; counting on from there keeps a header of
        // nothing but one name from being gone through again for each of them.
        let mut n_same_by_name = BTreeMap::new();
        for (idx, name) in header.enumerate() {
            let name = name.trim().trim_matches('\0').trim();
            let mut unique = if name.is_empty() { format!("column {}", idx + 1) } else { name.to_owned() };
            let n_same = n_same_by_name.entry(name).or_insert(1);
            while columns.by_name.contains_key(&unique) {
                *n_same += 1;
                unique = format!("{name} ({n_same})");
            }
            columns.position(&unique);
        }
        columns
    }

    /// Returns the position of a column, a new one at the end where there is none of the name.
    pub(crate) fn position(&mut self, name: &str) -> usize {
        if let Some(idx) = self.by_name.get(name) {
            return *idx;
        }
        let idx = self.names.len();
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), idx);
        idx
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// Returns (name, position), ordered by name.
    pub(crate) fn by_name(&self) -> impl Iterator<Item = (&str, usize)> {
        self.by_name.iter().map(|(name, idx)| (name.as_str(), *idx))
    }
}

/// What kind of value a cell held in the table; its text says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellKind {
    Absent,
    Text,
    Number,
    Bool,
    Time,
    Json,
}

/// The cells of one row, in one buffer that is used again for the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    text: String,
    cells: Vec<(usize, usize, CellKind)>,
    /// What was mended while the row was read.
    pub(crate) mended: Vec<Problem>,
}

impl Row {
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.cells.clear();
        self.mended.clear();
    }

    /// Adds the next cell.
    pub(crate) fn push(&mut self, kind: CellKind, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.cells.push((start, self.text.len(), kind));
    }

    /// Sets all cells to the texts that stand at these places in a text.
    pub(crate) fn fill(&mut self, text: &str, cells: impl Iterator<Item = Range<usize>>) {
        self.clear();
        self.text.push_str(text);
        self.cells.extend(cells.map(|Range { start, end }| (start, end, CellKind::Text)));
    }

    /// Sets the cell of a column, those between are absent.
    pub(crate) fn set(&mut self, idx: usize, kind: CellKind, text: &str) {
        while self.cells.len() <= idx {
            self.cells.push((0, 0, CellKind::Absent));
        }
        let start = self.text.len();
        self.text.push_str(text);
        self.cells[idx] = (start, self.text.len(), kind);
    }

    /// Returns about how many bytes the row takes.
    pub(super) fn n_bytes(&self) -> usize {
        self.n_text_bytes() + self.cells.len() * size_of::<(usize, usize, CellKind)>()
    }

    /// Returns the bytes of its texts.
    pub(crate) fn n_text_bytes(&self) -> usize {
        self.text.len()
    }

    pub(crate) fn kind(&self, idx: usize) -> CellKind {
        self.cells.get(idx).map_or(CellKind::Absent, |(_, _, kind)| *kind)
    }

    /// Returns the text of a cell without surrounding space, `None` for what means "absent".
    pub(crate) fn get(&self, idx: usize) -> Option<&str> {
        let (start, end, kind) = *self.cells.get(idx)?;
        if kind == CellKind::Absent {
            return None;
        }
        let text = &self.text[start..end];
        // Almost no cell begins or ends with space, and to look for it takes longer than all else.
        let edges = [text.as_bytes().first()?, text.as_bytes().last()?];
        let text = if edges.iter().all(|byte| byte.is_ascii_graphic()) { text } else { text.trim() };
        (!is_absent(text)).then_some(text)
    }

    /// Returns the row as JSON object from column to text, without the columns it does not
    /// have, or as JSON text of its beginning where that is longer than what is kept.
    pub(crate) fn to_raw(&self, columns: &Columns) -> String {
        let mut raw = String::from("{");
        for (idx, (start, end, kind)) in self.cells.iter().enumerate() {
            let Some(name) = columns.names().get(idx) else { break };
            // An object of one member may be the first to name its four thousandth column.
            if *kind == CellKind::Absent {
                continue;
            }
            if raw.len() > 1 {
                raw.push(',');
            }
            raw.push_str(&json_text(name));
            raw.push(':');
            if start == end {
                raw.push_str("null");
            } else {
                raw.push_str(&json_text(&self.text[*start..*end]));
            }
        }
        raw.push('}');
        if raw.len() > RAW_BYTES_MAX { raw_string(raw.as_bytes()) } else { raw }
    }

    /// Writes what makes this row the row it is: its filled cells by the name of
    /// their column, whatever the order of the columns.
    pub(crate) fn canonical(&self, columns: &Columns, bytes: &mut Vec<u8>) {
        bytes.clear();
        let mut add = |name: &str, text: &str| {
            for part in [name, text] {
                bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
                bytes.extend_from_slice(part.as_bytes());
            }
        };
        let n_there = self.cells.iter().filter(|(_, _, kind)| *kind != CellKind::Absent).count();
        if n_there * SPARSE_FACTOR > columns.len() {
            columns
                .by_name()
                .filter_map(|(name, idx)| Some((name, self.get(idx)?)))
                .for_each(|(name, text)| add(name, text));
            return;
        }
        let names = columns.names().iter().enumerate();
        let mut filled: Vec<_> = names.filter_map(|(idx, name)| Some((name, self.get(idx)?))).collect();
        filled.sort_unstable();
        filled.into_iter().for_each(|(name, text)| add(name, text));
    }
}

/// Returns a list of cells as JSON, for a row that cannot be told apart into columns.
pub(crate) fn raw_list<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.map(json_text).collect();
    let raw = format!("[{}]", cells.join(","));
    if raw.len() > RAW_BYTES_MAX { raw_string(raw.as_bytes()) } else { raw }
}

/// Returns the beginning of a record as JSON text.
pub(crate) fn raw_string(bytes: &[u8]) -> String {
    // A character takes six bytes at the most when it is escaped.
    json_text(&raw_text(&bytes[..bytes.len().min(RAW_BYTES_MAX / 8)]))
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a text is one of the ways to say that there is nothing.
pub(crate) fn is_absent(text: &str) -> bool {
    // What says so begins with few letters, and almost no text does.
    let maybe = text.bytes().next().is_none_or(|first| matches!(first, b'n' | b'N' | b'u' | b'U' | b'(' | b'#'));
    if !maybe || text.len() > 9 {
        return false;
    }
    // Nan and Nat are names; what programs write for "not a number" has one spelling each.
    let spelled = ["", "NaN", "nan", "NaT"].contains(&text);
    spelled || ["null", "(not set)", "undefined", "n/a", "#n/a"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_is_absent_and_names_are_not() {
        for text in ["", "NULL", "NaN", "(not set)", "N/A", "undefined"] {
            assert!(is_absent(text), "{text}");
        }
        for text in ["Nan", "Nat", "NA", "None", "0", "-", "nullable"] {
            assert!(!is_absent(text), "{text}");
        }
    }

    #[test]
    fn headers_are_made_unique() {
        let columns = Columns::from_header(["", "a", "a", "a", " b "].into_iter());
        assert_eq!(columns.names(), ["column 1", "a", "a (2)", "a (3)", "b"]);
        let columns = Columns::from_header(["a", "a (2)", "a", "a", "a (2)"].into_iter());
        assert_eq!(columns.names(), ["a", "a (2)", "a (3)", "a (4)", "a (2) (2)"]);
    }

    #[test]
    fn a_row_of_few_of_many_columns_is_the_same_as_one_of_few_columns() {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let names: Vec<String> = (0..COLUMNS_MAX).map(|number| format!("{number}")).collect();
        let wide = Columns::from_header(names.iter().map(String::as_str));
        let mut row = Row::default();
        row.set(4_000, CellKind::Text, "x");
        row.set(31, CellKind::Text, "y");
        row.canonical(&wide, &mut left);
        assert_eq!(row.to_raw(&wide), r#"{"31":"y","4000":"x"}"#);
        let mut row = Row::default();
        row.push(CellKind::Text, "x");
        row.push(CellKind::Text, "y");
        row.canonical(&Columns::from_header(["4000", "31"].into_iter()), &mut right);
        assert_eq!(left, right);
    }

    #[test]
    fn a_row_is_the_same_whatever_the_order_of_its_columns() {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        let mut row = Row::default();
        row.push(CellKind::Text, " 1 ");
        row.push(CellKind::Text, "x");
        row.push(CellKind::Text, "");
        row.canonical(&Columns::from_header(["a", "b", "c"].into_iter()), &mut left);
        row.clear();
        row.set(1, CellKind::Number, "1");
        row.set(0, CellKind::Text, "x");
        row.canonical(&Columns::from_header(["b", "a"].into_iter()), &mut right);
        assert_eq!(left, right);
    }

    #[test]
    fn raw_rows_are_json_and_bounded() {
        let columns = Columns::from_header(["a", "b"].into_iter());
        let mut row = Row::default();
        row.push(CellKind::Text, "x\"y");
        row.push(CellKind::Text, "");
        assert_eq!(row.to_raw(&columns), r#"{"a":"x\"y","b":null}"#);
        row.clear();
        row.push(CellKind::Text, &"\u{1}".repeat(1 << 20));
        let raw = row.to_raw(&columns);
        assert!(raw.len() <= RAW_BYTES_MAX, "{}", raw.len());
        assert!(serde_json::from_str::<String>(&raw).is_ok());
    }
}
