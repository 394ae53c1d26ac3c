//! The only place that prints: results to standard output, everything else to
//! standard error.
//!
//! Results are text, one JSON document, or Markdown. Notes and progress are for
//! people who wait; `--quiet` silences them. Texts from data pass through
//! [`clean`](crate::format::clean) before they get here, or in [`Grid`].

mod grid;
mod progress;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};

use owo_colors::OwoColorize;
use serde::Serialize;
use throng_server::Progress;

use crate::arguments::{ColorWhen, Format, GlobalArguments};

pub(crate) use grid::{Align, Grid};
pub(crate) use progress::{ImportBar, Steps, rate};

/// The width of prose: longer lines are hard to read.
const PROSE_WIDTH_MAX: usize = 100;
/// The width where there is no terminal to ask.
const WIDTH_WITHOUT_TERMINAL: usize = 96;

/// How and where to print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output<'w> {
    format: Format,
    quiet: bool,
    /// Columns of the terminal, when there is one.
    terminal: Option<usize>,
    /// Takes results in place of standard output.
    written: Option<&'w Written<'w>>,
}

/// Results that are handed on rather than printed.
#[derive(Default)]
pub(crate) struct Written<'t> {
    results: Mutex<Vec<u8>>,
    /// Who wants to know how it goes.
    told: Option<&'t (dyn Fn(Progress) + Sync)>,
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written(…)")
    }
}

impl<'t> Written<'t> {
    /// Returns nothing written yet, by a command that tells somebody how it goes.
    pub(crate) fn telling(told: &'t (dyn Fn(Progress) + Sync)) -> Self {
        Self { told: Some(told), ..Self::default() }
    }

    /// Returns everything that was written, and is empty then.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.results.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn append(&self, bytes: &[u8]) {
        self.results.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
    }
}

impl<'w> Output<'w> {
    /// Returns an output that hands results on as JSON, and tells how it goes whoever wants to know.
    pub(crate) fn handing_on(written: &'w Written<'w>) -> Self {
        Self { format: Format::Json, quiet: true, terminal: None, written: Some(written) }
    }

    /// Settles how to print, colours included, for the whole process.
    pub(crate) fn new(global: &GlobalArguments) -> Self {
        match global.color {
            ColorWhen::Auto => {}
            ColorWhen::Always => anstream::ColorChoice::Always.write_global(),
            ColorWhen::Never => anstream::ColorChoice::Never.write_global(),
        }
        let terminal = io::stdout()
            .is_terminal()
            .then(|| terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0)));
        Self { format: global.format, quiet: global.quiet, terminal, written: None }
    }

    /// Returns the same output in another format.
    pub(crate) fn with_format(self, format: Format) -> Self {
        Self { format, ..self }
    }

    /// Returns an output that prints in the same way, whoever this one hands results to.
    pub(crate) fn at_terminal(self) -> Output<'static> {
        Output { format: self.format, quiet: self.quiet, terminal: self.terminal, written: None }
    }

    /// Tells how it goes whoever results are handed on to.
    fn tell(self, progress: impl FnOnce() -> Progress) {
        if let Some(told) = self.written.and_then(|written| written.told) {
            told(progress());
        }
    }

    /// Returns how results are to be written.
    pub(crate) fn format(self) -> Format {
        self.format
    }

    /// Returns the width for prose.
    pub(crate) fn prose_width(self) -> usize {
        self.terminal.unwrap_or(WIDTH_WITHOUT_TERMINAL).clamp(40, PROSE_WIDTH_MAX)
    }

    /// Prints a result that is complete as it is.
    pub(crate) fn text(self, text: &str) -> io::Result<()> {
        if self.written.is_some() {
            return self.raw(text.as_bytes());
        }
        let mut output = anstream::stdout().lock();
        output.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            output.write_all(b"\n")?;
        }
        output.flush()
    }

    /// Prints bytes as they are, without looking for colours in them.
    pub(crate) fn raw(self, bytes: &[u8]) -> io::Result<()> {
        if let Some(written) = self.written {
            written.append(bytes);
            return Ok(());
        }
        let mut output = io::stdout().lock();
        output.write_all(bytes)?;
        output.flush()
    }

    /// Prints a result as one JSON document.
    pub(crate) fn json(self, document: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_string_pretty(document)?;
        text.push('\n');
        self.raw(text.as_bytes())
    }

    /// Prints a heading above a part of a result.
    pub(crate) fn heading(self, text: &str) -> io::Result<()> {
        match self.format {
            Format::Markdown => self.text(&format!("## {text}\n")),
            Format::Text | Format::Json => self.text(&text.bold().to_string()),
        }
    }

    /// Prints a table.
    pub(crate) fn grid(self, grid: &Grid) -> io::Result<()> {
        self.text(&grid.render(self.format, self.terminal))
    }

    /// Prints rows as a table, or, where a table is wider than the terminal, one below
    /// the other.
    pub(crate) fn records(self, grid: &Grid) -> io::Result<()> {
        match self.terminal {
            Some(width) if self.format == Format::Text && grid.width() > width => self.text(&grid.records()),
            _ => self.text(&grid.render(self.format, None)),
        }
    }

    /// Says something to the person who waits; not part of the result.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            complain(text);
        }
    }

    /// Whether progress may be drawn.
    fn draws_progress(self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }
}

/// Prints an error, its causes and what to do.
pub(crate) fn error(headline: &str, causes: &[String], hint: Option<&str>) {
    complain(&format!("{} {headline}", "error:".red().bold()));
    for cause in causes {
        complain(&format!("{} {cause}", "cause:".yellow().bold()));
    }
    if let Some(hint) = hint {
        complain(&format!("{}  {hint}", "hint:".cyan().bold()));
    }
}

/// Prints a line to standard error. That nobody can read it is no reason to fail.
fn complain(line: &str) {
    let mut stderr = anstream::stderr().lock();
    let unread = writeln!(stderr, "{line}");
    drop(unread);
}
