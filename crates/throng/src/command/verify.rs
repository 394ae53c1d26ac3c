//! `throng verify`: everything computed again and compared.

use serde_json::json;

use crate::arguments::Format;
use crate::failure::Negative;
use crate::format::{clean, count};
use crate::home::Session;
use crate::output::{Align, Grid, Steps};

pub(super) fn run(session: &Session) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let mut steps = Steps::new(session.output);
    let report = engine.verify(&mut |step| steps.begin(step))?;
    steps.finish();
    if session.output.format() == Format::Json {
        let checks: Vec<_> = report
            .checks
            .iter()
            .map(|check| {
                json!({
                    "what": check.what,
                    "n_compared": check.n_compared,
                    "n_different": check.n_different,
                    "differences": check.differences,
                })
            })
            .collect();
        session.output.json(&json!({ "agrees": report.agrees(), "checks": checks }))?;
    } else {
        let mut grid = Grid::new(&[
            ("", Align::Whole),
            ("checked", Align::Left),
            ("compared", Align::Right),
            ("differ", Align::Right),
        ]);
        for check in &report.checks {
            let mark = if check.n_different == 0 { "✓" } else { "✗" };
            grid.row([mark, check.what, &count(check.n_compared), &count(check.n_different)]);
        }
        session.output.grid(&grid)?;
        for check in report.checks.iter().filter(|check| check.n_different > 0) {
            session.output.heading(&format!("\n{}", check.what))?;
            for difference in &check.differences {
                session.output.text(&format!("  {}", clean(difference)))?;
            }
        }
        session.output.text(if report.agrees() { "everything agrees" } else { "not everything agrees" })?;
    }
    if report.agrees() { Ok(()) } else { Err(Negative.into()) }
}
