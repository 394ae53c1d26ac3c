//! What people see when a command fails, and the exit status: one place decides.

use std::io::ErrorKind;
use std::process::ExitCode;

use throng_engine::EngineError;
use throng_persona::PersonaError;
use throng_server::Unanswered;
use throng_source::SourceError;

use crate::format::clean;
use crate::output;
use crate::output::Written;

/// A command was used wrongly, in a way the argument parser cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Usage {
    /// What is wrong.
    pub(crate) what: String,
    /// What to do instead.
    pub(crate) hint: String,
}

/// The command did what it should, and the answer is "no": nothing more is to be said.
#[derive(Debug, thiserror::Error)]
#[error("the check failed")]
pub(crate) struct Negative;

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// Nobody: the reader of our output went away.
    Nobody,
    /// Whoever typed the command: exit status 2.
    Usage,
    /// The data, the machine or us: exit status 1.
    Failure,
}

/// Reports an error and returns the exit status.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    let status = match blame(error) {
        Blame::Nobody => return ExitCode::SUCCESS,
        Blame::Usage => ExitCode::from(2),
        Blame::Failure => ExitCode::from(1),
    };
    if error.is::<Negative>() {
        return status;
    }
    let lines = lines(error);
    let (headline, causes) = lines.split_first().map_or(("unknown", [].as_slice()), |(first, rest)| (first, rest));
    output::error(headline, causes, hint(error).map(|hint| indented(&hint)).as_deref());
    status
}

/// Returns what went wrong and what to do, in one text.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let said = lines(error).join(": ");
    match hint(error) {
        Some(hint) => format!("{said}; {hint}"),
        None => said,
    }
}

fn lines(error: &anyhow::Error) -> Vec<String> {
    let mut lines = Vec::new();
    for cause in error.chain() {
        let line = indented(&cause.to_string());
        // Some errors repeat their source in their own text.
        if lines.last().is_none_or(|last: &String| !last.contains(&line)) {
            lines.push(line);
        }
    }
    lines
}

/// Returns why a question that somebody asked from elsewhere has no answer. That a check failed is one.
///
/// # Errors
/// [`Unanswered`].
pub(crate) fn unanswered(error: &anyhow::Error, written: &Written<'_>) -> Result<Vec<u8>, Unanswered> {
    if error.is::<Negative>() {
        return Ok(written.take());
    }
    let message = || match hint(error) {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    for cause in error.chain() {
        match cause.downcast_ref::<EngineError>() {
            Some(EngineError::Missing { .. } | EngineError::Busy(_)) => return Err(Unanswered::Missing(message())),
            Some(EngineError::Query(reason)) => return Err(Unanswered::Invalid(reason.clone())),
            Some(_) | None => {}
        }
    }
    if blame(error) == Blame::Usage {
        return Err(Unanswered::Invalid(message()));
    }
    // What is wrong here is for whoever runs the server.
    tracing::error!(error = format!("{error:#}"), "a question could not be answered");
    Err(Unanswered::Failed)
}

/// Keeps the lines of a long message together, and its characters harmless.
fn indented(message: &str) -> String {
    let lines: Vec<String> = message.trim_end().lines().map(clean).collect();
    lines.join("\n       ")
}

fn blame(error: &anyhow::Error) -> Blame {
    for cause in error.chain() {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == ErrorKind::BrokenPipe
        {
            return Blame::Nobody;
        }
        if cause.is::<Usage>() {
            return Blame::Usage;
        }
        if let Some(engine) = cause.downcast_ref::<EngineError>()
            && engine_usage(engine)
        {
            return Blame::Usage;
        }
        if let Some(source) = cause.downcast_ref::<SourceError>()
            && source_usage(source)
        {
            return Blame::Usage;
        }
    }
    Blame::Failure
}

fn engine_usage(error: &EngineError) -> bool {
    match error {
        EngineError::NoHome(_) | EngineError::HomeExists(_) | EngineError::TimeZone(_) => true,
        EngineError::Persona(error) => matches!(error, PersonaError::PersonaCount(_) | PersonaError::Method { .. }),
        EngineError::NewerHome { .. }
        | EngineError::Configuration { .. }
        | EngineError::Io { .. }
        | EngineError::Table { .. }
        | EngineError::Query(_)
        | EngineError::Import { .. }
        | EngineError::Missing { .. }
        | EngineError::Busy(_)
        | EngineError::JourneyFeatures(_)
        | EngineError::Live(_)
        | EngineError::Catalogue(_) => false,
    }
}

/// Whether the mapping or the form named on the command line is to be corrected,
/// rather than the file.
fn source_usage(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::Mapping { .. }
            | SourceError::UnknownColumn { .. }
            | SourceError::Unmappable { .. }
            | SourceError::Form { .. }
    )
}

/// Returns what to do, where the error's own text does not say it.
fn hint(error: &anyhow::Error) -> Option<String> {
    for cause in error.chain() {
        if let Some(usage) = cause.downcast_ref::<Usage>() {
            return Some(usage.hint.clone());
        }
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && let Some(hint) = io_hint(io.kind())
        {
            return Some(hint.to_owned());
        }
        if let Some(source) = cause.downcast_ref::<SourceError>()
            && let Some(hint) = source_hint(source)
        {
            return Some(hint.to_owned());
        }
        if let Some(engine) = cause.downcast_ref::<EngineError>()
            && let Some(hint) = engine_hint(engine)
        {
            return Some(hint.to_owned());
        }
    }
    // Object stores wrap the system's errors in texts.
    let text = format!("{error:#}");
    let full = text.contains("No space left on device") || text.contains("StorageFull");
    let denied = text.contains("Permission denied") || text.contains("Read-only file system");
    let kind = if full { ErrorKind::StorageFull } else { ErrorKind::PermissionDenied };
    if full || denied { io_hint(kind).map(str::to_owned) } else { None }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the system knows many errors, few have an advice")]
fn io_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Some("check that you may read and write there; nothing was changed")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("make room on the disk and run the command again; what was there before is intact")
        }
        ErrorKind::NotFound => Some("check the path"),
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most errors of sources say what to do themselves")]
fn source_hint(error: &SourceError) -> Option<&'static str> {
    match error {
        SourceError::UnknownColumn { .. } | SourceError::Mapping { .. } => {
            Some("correct the mapping, or leave --mapping out to have one proposed")
        }
        SourceError::Unmappable { .. } => Some("write a mapping by hand and name it with --mapping FILE"),
        SourceError::Form { .. } => {
            Some("if it is of another form, name that; `throng import --help` lists what can be read")
        }
        SourceError::Read { .. } | SourceError::Parquet { .. } => {
            Some("what was read before is kept; importing the repaired file again takes the rest")
        }
        _ => None,
    }
}

fn engine_hint(error: &EngineError) -> Option<&'static str> {
    match error {
        EngineError::HomeExists(_) => Some("use it as it is, or name another folder"),
        EngineError::Query(_) => {
            Some("`throng sql 'SHOW TABLES'` lists the tables, `DESCRIBE events` the columns of one")
        }
        EngineError::Catalogue(_) => {
            Some("correct the [[feature]] in throng.toml, or run `throng features propose --write`")
        }
        EngineError::Configuration { .. } => {
            Some("correct the line, or compare with the throng.toml of a new `throng init`")
        }
        EngineError::NoHome(_)
        | EngineError::NewerHome { .. }
        | EngineError::TimeZone(_)
        | EngineError::Io { .. }
        | EngineError::Table { .. }
        | EngineError::Import { .. }
        | EngineError::Missing { .. }
        | EngineError::Busy(_)
        | EngineError::JourneyFeatures(_)
        | EngineError::Live(_)
        | EngineError::Persona(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn check(error: impl Into<anyhow::Error>, expected: Blame) {
        let error = error.into();
        assert_eq!(blame(&error), expected, "{error:#}");
    }

    #[test]
    fn the_one_who_must_act_is_told() {
        check(Usage { what: "no".to_owned(), hint: "yes".to_owned() }, Blame::Usage);
        check(EngineError::NoHome("x".into()), Blame::Usage);
        check(EngineError::NewerHome { path: "x".into(), found: 2, supported: 1 }, Blame::Failure);
        check(EngineError::Persona(PersonaError::PersonaCount(40)), Blame::Usage);
        let source = SourceError::UnknownColumn { column: "a".to_owned(), available: vec![], suggestion: None };
        check(EngineError::Import { path: "x".into(), source }, Blame::Usage);
        let source = SourceError::Truncated { form: "zstd", rows: 3 };
        check(EngineError::Import { path: "x".into(), source }, Blame::Failure);
        check(io::Error::from(ErrorKind::BrokenPipe), Blame::Nobody);
    }

    #[test]
    fn a_full_disk_has_a_hint_however_deep_it_lies() {
        let error = anyhow::Error::from(io::Error::from(ErrorKind::StorageFull)).context("cannot write");
        assert!(hint(&error).is_some_and(|hint| hint.contains("room")));
        let wrapped = anyhow::anyhow!("Generic LocalFileSystem error: No space left on device (os error 28)");
        assert!(hint(&wrapped).is_some_and(|hint| hint.contains("room")));
    }

    #[test]
    fn messages_cannot_act_on_the_terminal() {
        assert_eq!(indented("a\u{1b}[31m\nb"), "a\\u{1b}[31m\n       b");
    }
}
