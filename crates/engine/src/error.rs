//! What can go wrong while running, by who must act.

use std::path::PathBuf;

use throng_event::UnknownTimeZone;

/// An error of the engine. The text says what was attempted and on what; the cause
/// is the source, printed on its own line.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The caller names a folder that holds no home.
    #[error("no Throng home at {0:?}; create one with `throng init`")]
    NoHome(PathBuf),
    /// The caller wants to create a home where there is one.
    #[error("there is already a Throng home at {0:?}")]
    HomeExists(PathBuf),
    /// The home was written by a later version.
    #[error(
        "the home at {path:?} has format {found}, this version of throng reads up to {supported}; install a newer throng"
    )]
    NewerHome {
        /// The home.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format this binary reads.
        supported: u32,
    },
    /// The configuration is wrong.
    #[error("cannot read {path:?}: {reason}")]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, with the line where known.
        reason: String,
    },
    /// What is kept of features about journeys is damaged, or of another catalogue.
    #[error("cannot read what is kept of features about journeys: {0}; `throng discover` makes it anew")]
    JourneyFeatures(String),
    /// The configuration names a time zone that does not exist.
    #[error(transparent)]
    TimeZone(#[from] UnknownTimeZone),
    /// A file or folder could not be read or written.
    #[error("cannot {verb} {path:?}")]
    Io {
        /// What was attempted: read, write, create.
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A table could not be read or written.
    #[error("cannot {verb} the table {table:?}")]
    Table {
        /// What was attempted.
        verb: &'static str,
        /// The table's name.
        table: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A query could not be run.
    #[error("cannot run the query: {0}")]
    Query(String),
    /// An input file could not be imported.
    #[error("cannot import {path:?}")]
    Import {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: throng_source::SourceError,
    },
    /// Something the command needs is not there yet.
    #[error("{what}; {todo}")]
    Missing {
        /// What is missing.
        what: String,
        /// What to do about it.
        todo: String,
    },
    /// Somebody else writes to the home just now.
    #[error("another throng process is writing to {0:?}; wait for it to finish, then try again")]
    Busy(PathBuf),
    /// A feature definition is wrong.
    #[error("cannot use the feature catalogue: {0}")]
    Catalogue(String),
    /// The live driver could not do something.
    #[error(transparent)]
    Live(#[from] throng_live::LiveError),
    /// Personas could not be computed.
    #[error("cannot discover personas")]
    Persona(#[from] throng_persona::PersonaError),
}

impl EngineError {
    pub(crate) fn io(verb: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { verb, path: path.into(), source }
    }

    pub(crate) fn table(
        verb: &'static str,
        table: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Table { verb, table: table.to_owned(), source: source.into() }
    }
}
