//! What the quotes of a record say about where it ends (RFC 4180).

use std::iter::Peekable;

/// How the quoted cells of a record end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Where a cell ends.
    Well,
    /// Inside of a cell, the rest of which is read without quotes.
    Stray,
    /// Not in this record.
    Open,
}

impl Quotes {
    pub(super) fn of(record: &[u8], delimiter: u8) -> Self {
        let mut bytes = record.iter().copied().peekable();
        let mut quotes = Self::Well;
        loop {
            // At the start of a cell.
            if bytes.next_if_eq(&b'"').is_some() {
                match Self::of_cell(&mut bytes, delimiter) {
                    Self::Open => return Self::Open,
                    Self::Stray => quotes = Self::Stray,
                    Self::Well => {}
                }
            }
            if !bytes.any(|byte| byte == delimiter) {
                return quotes;
            }
        }
    }

    /// Passes over a cell behind its first quote, up to the one that closes it.
    fn of_cell(bytes: &mut Peekable<impl Iterator<Item = u8>>, delimiter: u8) -> Self {
        loop {
            match (bytes.next(), bytes.peek()) {
                (None, _) => return Self::Open,
                (Some(b'"'), Some(b'"')) => drop(bytes.next()),
                (Some(b'"'), None) => return Self::Well,
                (Some(b'"'), Some(next)) if *next == delimiter || matches!(next, b'\r' | b'\n') => return Self::Well,
                (Some(b'"'), Some(_)) => return Self::Stray,
                (Some(_), _) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quotes;

    #[test]
    fn quoted_cells_end_well_inside_of_a_cell_or_not_at_all() {
        for (record, expected) in [
            ("", Quotes::Well),
            ("a\"b,\"c,\"\"\",\"\"", Quotes::Well),
            ("\"a\"b,c", Quotes::Stray),
            ("\"a\"b\",\"c", Quotes::Open),
            ("a,\"b\"\"", Quotes::Open),
        ] {
            assert_eq!(Quotes::of(record.as_bytes(), b','), expected, "{record}");
        }
    }
}
