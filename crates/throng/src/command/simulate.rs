//! `throng simulate`: customers whose personas are known, as a shop would have sent them.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::json;
use throng_event::Day;
use throng_testkit::{MessageOrder, Simulation, SimulationParams, Tally, simulate};

use crate::arguments::{Format, MessageOrderWord, SimulateArguments};
use crate::format::{count, counted};
use crate::home::Session;
use crate::output::Steps;

pub(super) fn run(session: &Session<'_>, arguments: &SimulateArguments) -> anyhow::Result<()> {
    let simulation = simulate(SimulationParams {
        n_customers: arguments.customers,
        n_personas: arguments.personas,
        seed: arguments.seed,
        start: arguments.start,
        n_days: arguments.days,
    });
    let order = match arguments.order {
        MessageOrderWord::Received => MessageOrder::Received,
        MessageOrderWord::Customer => MessageOrder::Customer,
    };
    let mut steps = Steps::new(session.output);
    steps.begin("letting customers shop");
    let (events, tally) = write(&simulation, order, &arguments.output)?;
    steps.finish();
    let last = Day(arguments.start.0 + i32::from(arguments.days) - 1);
    if session.output.format() == Format::Json {
        let document = json!({
            "events": events,
            "truth": arguments.output.join(TRUTH),
            "personas": simulation.persona_names(),
            "n_lines": tally.n_lines,
            "n_repeated": tally.n_repeated,
            "n_late": tally.n_late,
            "n_malformed": tally.n_malformed,
            "first_day": arguments.start.to_string(),
            "last_day": last.to_string(),
        });
        session.output.json(&document)?;
        return Ok(());
    }
    session.output.text(&format!(
        "{} of {} personas ({}) from {} to {last} are in {}",
        counted(u64::from(arguments.customers), "customer"),
        arguments.personas,
        simulation.persona_names().join(", "),
        arguments.start,
        arguments.output.display(),
    ))?;
    session.output.text(&format!(
        "{} messages; of these {} are sent twice, {} come late, {} are broken",
        count(tally.n_lines),
        count(tally.n_repeated),
        count(tally.n_late),
        count(tally.n_malformed)
    ))?;
    session.output.note(&format!("Next: throng import segment {}", events.display()));
    Ok(())
}

const EVENTS: &str = "events.ndjson";
const TRUTH: &str = "truth.csv";

/// Writes the messages and the truth and returns the path of the messages.
pub(super) fn write(simulation: &Simulation, order: MessageOrder, folder: &Path) -> anyhow::Result<(PathBuf, Tally)> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {folder:?}"))?;
    let events = folder.join(EVENTS);
    let tally = write_beside(&events, |output| simulation.write_messages(output, order))?;
    write_beside(&folder.join(TRUTH), |output| simulation.write_truth(output))?;
    Ok((events, tally))
}

/// Writes a large file beside its place and renames it when it is whole.
fn write_beside<T>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<fs::File>) -> std::io::Result<T>,
) -> anyhow::Result<T> {
    let beside = path.with_extension("new");
    let attempt = || format!("cannot write {path:?}");
    let mut output = BufWriter::new(fs::File::create(&beside).with_context(attempt)?);
    let written = write(&mut output).and_then(|result| output.flush().map(|()| result));
    if written.is_err() {
        // A part of a file is of no use, and there is nothing to say if it stays.
        let removed = fs::remove_file(&beside);
        drop(removed);
    }
    let result = written.with_context(attempt)?;
    fs::rename(&beside, path).with_context(attempt)?;
    Ok(result)
}
