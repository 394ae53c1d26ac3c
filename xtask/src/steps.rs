//! The steps of a command: each announced, timed and remembered, so that the
//! command can end with a table of what took how long.

use std::time::{Duration, Instant};

use crate::say;

/// How a step ended.
#[derive(Debug)]
enum Outcome {
    Done,
    Failed,
    LeftOut(String),
}

#[derive(Debug)]
struct Step {
    name: String,
    duration: Duration,
    outcome: Outcome,
}

/// The steps taken so far.
#[derive(Debug)]
pub(crate) struct Steps {
    started_at: Instant,
    steps: Vec<Step>,
}

impl Steps {
    /// Starts the clock.
    pub(crate) fn new() -> Steps {
        Steps { started_at: now(), steps: Vec::new() }
    }

    /// Takes a step that the rest of the command depends on.
    pub(crate) fn require<T>(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let (result, duration) = self.time(name, work);
        let outcome = if result.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.note(name, duration, outcome);
        result
    }

    /// Takes a step after whose failure the command still goes on, to fail at its end.
    pub(crate) fn attempt(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<()>) {
        if let Err(error) = self.require(name, work) {
            say::fault(&format!("{error:#}"));
        }
    }

    /// Takes a step that the command can do without; on failure it says so.
    pub(crate) fn optional<T>(&mut self, name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> Option<T> {
        let (result, duration) = self.time(name, work);
        match result {
            Ok(value) => {
                self.note(name, duration, Outcome::Done);
                Some(value)
            }
            Err(error) => {
                let why = format!("{error:#}");
                say::line(&format!("left out: {why}"));
                self.note(name, duration, Outcome::LeftOut(why));
                None
            }
        }
    }

    /// Returns the names of the steps that failed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        let failed = self.steps.iter().filter(|step| matches!(step.outcome, Outcome::Failed));
        failed.map(|step| step.name.as_str()).collect()
    }

    /// Returns the table of all steps and, as its last row, their sum.
    pub(crate) fn summary(&self) -> String {
        let total = now().duration_since(self.started_at);
        let mut rows = Vec::with_capacity(self.steps.len() + 1);
        for step in &self.steps {
            let mut row = vec![step.name.clone(), duration_text(step.duration)];
            match &step.outcome {
                Outcome::Done => {}
                Outcome::Failed => row.push("FAILED".to_owned()),
                Outcome::LeftOut(_) => row.push("left out".to_owned()),
            }
            rows.push(row);
        }
        rows.push(vec!["all steps".to_owned(), duration_text(total)]);
        let mut text = say::table(&rows);
        for step in &self.steps {
            if let Outcome::LeftOut(why) = &step.outcome {
                text.push_str(&format!("\n  left out: {}: {why}", step.name));
            }
        }
        text
    }

    fn time<T>(&self, name: &str, work: impl FnOnce() -> anyhow::Result<T>) -> (anyhow::Result<T>, Duration) {
        say::heading(&format!("{}. {name}", self.steps.len() + 1));
        let started_at = now();
        let result = work();
        (result, now().duration_since(started_at))
    }

    fn note(&mut self, name: &str, duration: Duration, outcome: Outcome) {
        let verdict = match &outcome {
            Outcome::Done => "done in",
            Outcome::Failed => "FAILED after",
            Outcome::LeftOut(_) => "left out after",
        };
        say::line(&format!("-- {name}: {verdict} {}", duration_text(duration)));
        self.steps.push(Step { name: name.to_owned(), duration, outcome });
    }
}

#[expect(clippy::disallowed_methods, reason = "steps are timed; no result depends on it")]
fn now() -> Instant {
    Instant::now()
}

/// Returns `duration` to a tenth of a second, from one minute on to a second.
fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 60 {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    format!("{} min {:02} s", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::bail;

    use super::{Steps, duration_text};

    #[test]
    fn durations_are_short_and_readable() {
        assert_eq!(duration_text(Duration::from_millis(40)), "0.0 s");
        assert_eq!(duration_text(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(duration_text(Duration::from_secs(725)), "12 min 05 s");
    }

    #[test]
    fn summary_tells_what_failed_and_what_was_left_out() {
        let mut steps = Steps::new();
        assert_eq!(steps.require("build", || Ok(7)).unwrap(), 7);
        assert_eq!(steps.optional("download", || -> anyhow::Result<u8> { bail!("no network") }), None);
        steps.attempt("tests", || bail!("two tests failed"));
        assert_eq!(steps.failed(), ["tests"]);
        let summary = steps.summary();
        let lines: Vec<&str> = summary.lines().map(str::trim).collect();
        assert!(lines[0].starts_with("build") && lines[0].ends_with(" s"), "{summary}");
        assert!(lines[1].ends_with("left out"), "{summary}");
        assert!(lines[2].ends_with("FAILED"), "{summary}");
        assert!(lines[3].starts_with("all steps"), "{summary}");
        assert_eq!(lines[4], "left out: download: no network");
    }

    #[test]
    fn required_step_hands_its_error_on() {
        let mut steps = Steps::new();
        let error = steps.require("build", || -> anyhow::Result<()> { bail!("no compiler") });
        assert_eq!(error.unwrap_err().to_string(), "no compiler");
        assert_eq!(steps.failed(), ["build"]);
    }
}
