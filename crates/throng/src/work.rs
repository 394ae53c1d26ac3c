//! What takes minutes and is asked for from the page: importing a file, looking for personas. Each is the command
//! that people type, with its results and its progress handed on.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use throng_engine::EngineError;
use throng_server::{Progress, Task};

use crate::arguments::Arguments;
use crate::command;
use crate::failure;
use crate::home::Session;
use crate::output::Written;

/// How often a home is asked for that is written to; each time waits for two seconds by itself.
const BUSY_TRIES: usize = 300;
/// Options of `throng discover` that a page may choose.
const DISCOVER_OPTIONS: [&str; 4] = ["personas", "continuum", "method", "seed"];

/// Does tasks for one home.
#[derive(Debug, Clone)]
pub(crate) struct Worker {
    /// Its folder.
    pub(crate) home: PathBuf,
    /// How many threads a task may take.
    pub(crate) threads: NonZeroUsize,
}

impl Worker {
    /// Does a task and returns the document that its command prints.
    ///
    /// # Errors
    /// What went wrong, and what to do.
    pub(crate) fn work(&self, task: &Task, tell: &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, String> {
        match task {
            Task::Import(path) => {
                let path = path.to_str().ok_or("the name of the file cannot be read")?;
                self.run(&["import", "auto", "--", path], tell)
            }
            Task::Discover(options) => {
                let mut words = vec!["discover".to_owned()];
                for (name, value) in options {
                    if !DISCOVER_OPTIONS.contains(&name.as_str()) {
                        return Err(format!("{name:?} cannot be asked for here"));
                    }
                    words.push(format!("--{name}={value}"));
                }
                // What somebody wrote into the catalogue stays.
                self.run(&["features", "propose"], tell)?;
                self.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), tell)
            }
        }
    }

    /// Runs a command; where a server takes over much just now, once it has.
    fn run(&self, words: &[&str], tell: &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, String> {
        let mut told = false;
        for _ in 0..BUSY_TRIES {
            match self.try_run(words, tell)? {
                Some(document) => return Ok(document),
                None if told => {}
                None => tell(Progress::Step("waiting until events are taken over".to_owned())),
            }
            told = true;
        }
        Err("something else is written to the home for too long; try again later".to_owned())
    }

    /// Returns nothing where somebody else writes to the home.
    fn try_run(&self, words: &[&str], tell: &(dyn Fn(Progress) + Sync)) -> Result<Option<Vec<u8>>, String> {
        let typed = std::iter::once("throng").chain(words.iter().copied());
        let arguments = Arguments::try_parse_from(typed);
        let said = |error: clap::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let command = arguments.map_err(said)?.command;
        let written = Written::telling(tell);
        let session = Session::handing_on(&written, &self.home, self.threads);
        match command::answer(&session, command) {
            Ok(()) => Ok(Some(written.take())),
            Err(error) if matches!(error.downcast_ref(), Some(EngineError::Busy(_))) => Ok(None),
            Err(error) => Err(failure::told(&error)),
        }
    }
}
