//! What can go wrong beside the data.

use std::path::{Path, PathBuf};

/// Why the live server could not do what it was asked to.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LiveError {
    /// The log could not be opened, read or written.
    #[error("could not {attempt} the log {}: {reason}", .path.display())]
    Storage {
        /// What was tried.
        attempt: &'static str,
        /// Where the log is.
        path: PathBuf,
        /// What the disk said.
        reason: String,
    },
    /// A checkpoint could not be read or written; the log says the same, only slower.
    #[error("could not {verb} the checkpoint {}: {reason}", .path.display())]
    Checkpoint {
        /// What was tried.
        verb: &'static str,
        /// Where it is.
        path: PathBuf,
        /// What the disk said.
        reason: String,
    },
    /// An event could not be brought into its stored form.
    #[error("could not encode an event: {0}")]
    Encode(String),
    /// A record of the log cannot be read.
    #[error("the log holds {0}; it was written by another version or damaged")]
    Damaged(String),
    /// A text names no shift.
    #[error("'{0}' is no shift id; they look like 1042-0")]
    ShiftId(String),
    /// More is waiting than may wait.
    #[error("{waiting_bytes} bytes of events are waiting already; send again in {retry_after_s} s")]
    Overloaded {
        /// Bytes of events that wait to be written.
        waiting_bytes: usize,
        /// When to try again.
        retry_after_s: u64,
    },
    /// The server is going down or has given up.
    #[error("events are no longer taken: {0}")]
    Closed(String),
}

impl LiveError {
    /// Returns that something could not be done to the log in a folder.
    pub(crate) fn storage(attempt: &'static str, path: &Path, reason: &dyn std::fmt::Display) -> Self {
        Self::Storage { attempt, path: path.to_owned(), reason: reason.to_string() }
    }
}
