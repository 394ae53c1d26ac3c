//! What takes minutes and is asked for from the page: importing a file, looking for personas. Each is the command
//! that people type, with its results and its progress handed on.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Parser;
use throng_server::{Progress, Task};

use crate::arguments::Arguments;
use crate::command;
use crate::failure;
use crate::home::Session;
use crate::output::Written;

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

    fn run(&self, words: &[&str], tell: &(dyn Fn(Progress) + Sync)) -> Result<Vec<u8>, String> {
        let typed = std::iter::once("throng").chain(words.iter().copied());
        let arguments = Arguments::try_parse_from(typed);
        let said = |error: clap::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let command = arguments.map_err(said)?.command;
        let written = Written::telling(tell);
        let session = Session::handing_on(&written, &self.home, self.threads);
        command::answer(&session, command).map_err(|error| failure::told(&error))?;
        Ok(written.take())
    }
}
