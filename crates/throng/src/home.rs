//! What every command starts from: how to print, and which home to open.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use throng_engine::{Engine, Home};

use crate::arguments::{Format, GlobalArguments};
use crate::output::{Output, Written};
use crate::world;

/// The surroundings of one command.
#[derive(Debug, Clone)]
pub(crate) struct Session<'w> {
    /// How to print.
    pub(crate) output: Output<'w>,
    home: Option<PathBuf>,
    threads: NonZeroUsize,
}

impl<'w> Session<'w> {
    /// Settles the surroundings from what was typed.
    pub(crate) fn new(global: GlobalArguments) -> Self {
        let output = Output::new(&global);
        Self { output, threads: world::threads(global.threads), home: global.home }
    }

    /// Returns the surroundings of a command that is asked for by somebody else about one home, and whose
    /// results are handed on.
    pub(crate) fn handing_on(written: &'w Written<'w>, home: &Path, threads: NonZeroUsize) -> Self {
        Self { output: Output::handing_on(written), home: Some(home.to_owned()), threads }
    }

    /// Returns the home that was named, if one was.
    pub(crate) fn named_home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Returns how many threads to use.
    pub(crate) fn threads(&self) -> NonZeroUsize {
        self.threads
    }

    /// Returns the session with another home.
    pub(crate) fn at(&self, home: &Path) -> Self {
        Self { home: Some(home.to_owned()), ..self.clone() }
    }

    /// Returns the session with another format of results.
    pub(crate) fn with_format(&self, format: Format) -> Self {
        Self { output: self.output.with_format(format), ..self.clone() }
    }

    /// Opens the home.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) fn engine(&self) -> anyhow::Result<Engine> {
        let root = world::find_home(self.named_home())?;
        Ok(Engine::new(Home::open(&root)?, self.threads)?)
    }
}
