//! What an audit says is wrong.

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Results are wrong until it is mended.
    Critical,
    /// Some results are distorted.
    Warning,
    /// Worth knowing when reading results.
    Note,
}

impl Severity {
    /// Returns the word on the command line and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }

    /// Returns the severity of so many of a whole, from shares at which it is critical
    /// and at which it is a warning.
    pub(super) fn of_share(count: u64, whole: u64, critical: f64, warning: f64) -> Self {
        let share = super::words::share(count, whole);
        if share >= critical {
            Self::Critical
        } else if share >= warning {
            Self::Warning
        } else {
            Self::Note
        }
    }
}

/// One thing that is wrong, with what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A stable name, such as `events-repeated`.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What was found, in plain words.
    pub title: String,
    /// How many are affected.
    pub count: u64,
    /// Of how many.
    pub whole: u64,
    /// What is counted: `events`, `customers`, `rows`.
    pub of: &'static str,
    /// Up to three affected rows, as their columns and values.
    pub examples: Vec<String>,
    /// Why it matters, in a sentence.
    pub why: &'static str,
    /// What to do, in a sentence.
    pub todo: String,
    /// The query that shows all of it; it runs in `throng sql`.
    pub query: String,
}

impl Finding {
    /// Returns the affected share, 0 of nothing.
    #[must_use]
    pub fn share(&self) -> f64 {
        super::words::share(self.count, self.whole)
    }
}
