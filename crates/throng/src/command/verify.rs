//! `throng verify`: everything computed again and compared.

use serde_json::json;

use throng_engine::{Follower, Scores};
use throng_event::Day;
use throng_live::Live;

use crate::arguments::{Format, VerifyArguments, VerifyCommand};
use crate::failure::Negative;
use crate::format::{clean, count};
use crate::home::Session;
use crate::output::{Align, Grid, Steps};

pub(super) fn run(session: &Session<'_>, arguments: &VerifyArguments) -> anyhow::Result<()> {
    match arguments.what {
        Some(VerifyCommand::Parity { as_of }) => parity(session, as_of),
        None => tables(session),
    }
}

fn tables(session: &Session<'_>) -> anyhow::Result<()> {
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

/// Compares every live profile with what batch makes of the same events.
fn parity(session: &Session<'_>, as_of: Option<Day>) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let mut steps = Steps::new(session.output);
    steps.begin("reading the log");
    let live = Live::open(engine.live_settings(engine.live_models(Scores::Everybody)?)?)?;
    steps.begin("bringing the lake up to the log");
    let mut follower = Follower::default();
    while engine.follow(&live, &mut follower)?.more {}
    steps.begin("folding the lake");
    let day = as_of.unwrap_or_else(|| live.with_core(throng_live::Core::last_day));
    let report = engine.live_parity(&live, day)?;
    steps.finish();
    if session.output.format() == Format::Json {
        session.output.json(&json!({
            "agrees": report.n_different == 0,
            "as_of": day.to_string(),
            "n_events": report.n_events,
            "n_profiles": report.n_profiles,
            "n_values": report.n_values,
            "n_memberships": report.n_memberships,
            "n_different": report.n_different,
            "differences": report.differences,
        }))?;
    } else {
        let (profiles, events) = (count(report.n_profiles), count(report.n_events));
        session.output.text(&format!("{profiles} live profiles of {events} events, as of the end of {day}"))?;
        let (values, different) = (count(report.n_values), count(report.n_different));
        let memberships = count(report.n_memberships);
        session.output.text(&format!(
            "{values} values and {memberships} memberships compared with batch, bit for bit; {different} differ"
        ))?;
        for difference in &report.differences {
            session.output.text(&format!("  {}", clean(difference)))?;
        }
    }
    if report.n_different == 0 { Ok(()) } else { Err(Negative.into()) }
}
