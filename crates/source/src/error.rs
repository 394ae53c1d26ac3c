//! What can keep a whole import from going on, by who must act.
//!
//! One bad row is no error: it is put aside as a [`crate::Quarantined`].

use std::io;

use crate::StopReason;

/// Why an import, or the reading of a mapping, stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The environment: the input could not be read on.
    #[error("cannot read the input after {rows} rows")]
    Read {
        /// Rows read before.
        rows: u64,
        /// What the reader said.
        #[source]
        source: io::Error,
    },
    /// The caller's file: compressed data that stops before its end.
    #[error("the {form} data stops before its end, after {rows} rows; copy or download the file again")]
    Truncated {
        /// The compression.
        form: &'static str,
        /// Rows read before.
        rows: u64,
    },
    /// The caller's file: compressed data that is damaged.
    #[error("the {form} data is damaged after {rows} rows; copy or download the file again")]
    Corrupt {
        /// The compression.
        form: &'static str,
        /// Rows read before.
        rows: u64,
        /// What the decoder said.
        #[source]
        source: io::Error,
    },
    /// The caller's file: not the form the reader is for.
    #[error("cannot read the input as {form}: {reason}")]
    Form {
        /// The form that was tried.
        form: &'static str,
        /// What stands against it.
        reason: String,
    },
    /// The caller's file: Parquet that cannot be decoded.
    #[error("cannot decode the Parquet data of {table}")]
    Parquet {
        /// Which table.
        table: String,
        /// What the decoder said.
        #[source]
        source: parquet::errors::ParquetError,
    },
    /// The caller's file: an archive that cannot be opened.
    #[error("cannot read {member:?} in the archive")]
    Archive {
        /// The file inside.
        member: String,
        /// What the decoder said.
        #[source]
        source: zip::result::ZipError,
    },
    /// The caller's file: a table without a column it must have.
    #[error("the table {table:?} has no column {column:?} of type {expected}")]
    Schema {
        /// Which table.
        table: String,
        /// Which column.
        column: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The caller's mapping: not readable as one.
    #[error("cannot read the mapping: {reason}")]
    Mapping {
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's mapping: it names a column that the table does not have.
    #[error(
        "the mapping names the column {column:?}, which the table does not have{}; its columns are {}",
        suggestion.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default(),
        listed(available)
    )]
    UnknownColumn {
        /// The name that is not there.
        column: String,
        /// The names that are.
        available: Vec<String>,
        /// The one spelled most alike.
        suggestion: Option<String>,
    },
    /// The caller's table: nothing in it can be mapped without help.
    #[error("no mapping can be proposed: {reason}; its columns are {}", listed(columns))]
    Unmappable {
        /// What the table is, or is without.
        reason: String,
        /// The columns that were looked at.
        columns: Vec<String>,
    },
    /// The caller: the sink refused to go on.
    #[error("the import was stopped after {rows} rows")]
    Stopped {
        /// Rows read before.
        rows: u64,
        /// Why the sink refused.
        #[source]
        source: StopReason,
    },
}

impl SourceError {
    /// Returns the error of a reader, told apart by what [`crate::decompress`] marked.
    pub(crate) fn from_read(error: io::Error, rows: u64) -> Self {
        match crate::decompress::damage(&error) {
            Some((form, io::ErrorKind::UnexpectedEof)) => Self::Truncated { form, rows },
            Some((form, _)) => Self::Corrupt { form, rows, source: error },
            None => Self::Read { rows, source: error },
        }
    }

    /// Returns the same error with the number of rows read before.
    #[must_use]
    pub fn after(mut self, n_rows: u64) -> Self {
        if let Self::Read { rows, .. } | Self::Truncated { rows, .. } | Self::Corrupt { rows, .. } = &mut self {
            *rows = n_rows;
        }
        self
    }
}

/// Columns an error lists; a wide table would fill the screen.
const LISTED_MAX: usize = 30;

fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(LISTED_MAX).map(|name| format!("{name:?}")).collect();
    let more = names.len().saturating_sub(LISTED_MAX);
    if names.is_empty() {
        return "none".to_owned();
    }
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}
