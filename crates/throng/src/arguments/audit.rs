//! Arguments of `throng audit`.

use clap::{Args, ValueEnum};
use throng_engine::Severity;

/// Look at everything in the home: whether it can be trusted, and whether it is enough.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  throng audit
  throng audit --format json > audit.json
  throng audit --fail-on critical                exit status 1 when there is a critical finding

Every finding carries the query that shows all of it: `throng sql \"QUERY\"`. Nothing is changed.")]
pub(crate) struct AuditArguments {
    /// Exit with status 1 when there is a finding of this severity or a graver one
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) fail_on: Option<SeverityWord>,
    /// Leave the queries out of the text
    #[arg(long)]
    pub(crate) no_queries: bool,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityWord {
    /// Results are wrong until it is mended
    Critical,
    /// Some results are distorted
    Warning,
    /// Worth knowing when reading results
    Note,
}

impl SeverityWord {
    /// Returns the severity the word says.
    pub(crate) fn severity(self) -> Severity {
        match self {
            Self::Critical => Severity::Critical,
            Self::Warning => Severity::Warning,
            Self::Note => Severity::Note,
        }
    }
}
