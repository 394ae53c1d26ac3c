//! Progress for people who wait, on standard error and only at a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use throng_server::Progress;

use super::Output;
use crate::format::{count, duration};
use crate::world::Stopwatch;

/// How often a spinner turns; slow enough to cost nothing.
const TICK: Duration = Duration::from_millis(120);

/// Announces the steps of something long, and how long each took.
pub(crate) struct Steps<'w> {
    output: Output<'w>,
    bar: ProgressBar,
    current: Option<(String, Stopwatch)>,
}

impl<'w> Steps<'w> {
    /// Starts without a step.
    pub(crate) fn new(output: Output<'w>) -> Self {
        let bar = bar(output, None, "{spinner:.cyan} {msg} {elapsed:.dim}");
        Self { output, bar, current: None }
    }

    /// Ends the step before and begins another.
    pub(crate) fn begin(&mut self, name: &str) {
        self.end();
        self.output.tell(|| Progress::Step(name.to_owned()));
        if self.output.draws_progress() {
            self.bar.enable_steady_tick(TICK);
            self.bar.set_message(name.to_owned());
            self.bar.reset_elapsed();
        }
        self.current = Some((name.to_owned(), Stopwatch::start()));
    }

    /// Ends the last step.
    pub(crate) fn finish(mut self) {
        self.end();
        self.bar.finish_and_clear();
    }

    fn end(&mut self) {
        if let Some((name, stopwatch)) = self.current.take() {
            let line = format!("  {name}, {}", duration(stopwatch.seconds()));
            let output = self.output;
            self.bar.suspend(|| output.note(&line));
        }
    }
}

/// The bar of one import.
pub(crate) struct ImportBar<'w> {
    output: Output<'w>,
    n_bytes: Option<u64>,
    bar: ProgressBar,
    stopwatch: Stopwatch,
}

impl<'w> ImportBar<'w> {
    /// Starts a bar for a file of so many bytes, unknown for what is no file.
    pub(crate) fn new(output: Output<'w>, name: &str, n_bytes: Option<u64>) -> Self {
        let template = match n_bytes {
            Some(_) => "{prefix} {wide_bar:.cyan/dim} {percent:>3} %  {bytes} of {total_bytes}  {msg}",
            None => "{spinner:.cyan} {prefix} {bytes}  {msg}",
        };
        let bar = bar(output, n_bytes, template);
        bar.set_prefix(name.to_owned());
        if output.draws_progress() {
            bar.enable_steady_tick(TICK);
        }
        output.tell(|| Progress::Step(format!("reading {name}")));
        Self { output, n_bytes, bar, stopwatch: Stopwatch::start() }
    }

    /// Shows how far it is.
    pub(crate) fn show(&self, n_bytes: u64, n_rows: u64) {
        self.bar.set_position(n_bytes);
        if let Some(whole) = self.n_bytes.filter(|whole| *whole > 0) {
            #[expect(clippy::cast_precision_loss, reason = "a share for showing")]
            self.output.tell(|| Progress::Share(n_bytes as f64 / whole as f64));
        }
        let seconds = self.stopwatch.seconds();
        if seconds > 0.2 {
            self.bar.set_message(format!("{} rows/s", count(rate(n_rows, seconds))));
        }
    }

    /// Removes the bar and returns how long it stood.
    pub(crate) fn finish(self) -> f64 {
        self.bar.finish_and_clear();
        self.stopwatch.seconds()
    }
}

/// Returns how many a second.
pub(crate) fn rate(n: u64, seconds: f64) -> u64 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate for showing; the cast saturates"
    )]
    let rate = (n as f64 / seconds.max(1e-3)) as u64;
    rate
}

fn bar(output: Output<'_>, n_bytes: Option<u64>, template: &str) -> ProgressBar {
    let target =
        if output.draws_progress() { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(n_bytes, target);
    let style = ProgressStyle::with_template(template);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
