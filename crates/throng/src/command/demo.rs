//! `throng demo`: from data to a report in one command, with what each part took.

use std::path::{Path, PathBuf};

use anyhow::bail;
use throng_engine::{BookOutcome, CONFIG_FILE, DiscoverRequest, ImportForm};
use throng_event::Day;
use throng_persona::Continuum;
use throng_source::Form;
use throng_testkit::{MessageOrder, SimulationParams, simulate};

use super::features::{Replace, write_proposal};
use super::{discover, import, init, personas, report, simulate as simulator};
use crate::arguments::{DemoArguments, DemoData, Format};
use crate::failure::Negative;
use crate::format::duration;
use crate::home::Session;
use crate::output::{Align, Grid, Steps};
use crate::wording::Wording;
use crate::world::{self, Stopwatch};

/// The home of a demo when none is named.
const HOME: &str = "throng-demo";

/// The simulated shop: large enough for personas, small enough to wait for.
const SIMULATED: SimulationParams =
    SimulationParams { n_customers: 2_000, n_personas: 5, seed: 7, start: Day(19_723), n_days: 365 };

/// Parts of the demo and the seconds each took.
struct Parts(Vec<(&'static str, f64)>);

impl Parts {
    fn time<T>(&mut self, name: &'static str, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let stopwatch = Stopwatch::start();
        let result = work()?;
        self.0.push((name, stopwatch.seconds()));
        Ok(result)
    }
}

pub(super) fn run(session: &Session<'_>, arguments: &DemoArguments) -> anyhow::Result<()> {
    let home = session.named_home().unwrap_or(Path::new(HOME)).to_owned();
    // A demo is for reading; the documents of the single commands are for programs.
    let session = session.at(&home).with_format(Format::Text);
    let output = session.output;
    let mut parts = Parts(Vec::new());
    if !home.join(CONFIG_FILE).exists() {
        init::create(&home, "UTC")?;
    }
    let (path, form) = parts.time("data", || data(&session, arguments, &home))?;
    let mut engine = session.engine()?;
    parts.time("import", || import::import_known(&session, &mut engine, &path, form))?;
    parts.time("features", || {
        let proposal = engine.propose_catalogue()?;
        write_proposal(&mut engine, &proposal, Replace::Never)
    })?;
    parts.time("personas", || {
        let mut steps = Steps::new(output);
        engine.discover(
            &DiscoverRequest { continuum: Some(Continuum::Cut), now: Some(world::now()), ..DiscoverRequest::default() },
            &mut |step| steps.begin(step),
        )?;
        steps.finish();
        Ok(())
    })?;
    let book = engine.persona_book()?;
    output.text("")?;
    discover::print(output, &book)?;
    if let BookOutcome::Found(found) = &book.outcome {
        for persona in found {
            output.text("")?;
            let wording = Wording::new(&engine.home().config().features);
            output.text(&personas::page(&book, persona, wording, output.prose_width()))?;
        }
    }
    let verified = parts.time("verify", || {
        let mut steps = Steps::new(output);
        let verified = engine.verify(&mut |step| steps.begin(step))?;
        steps.finish();
        Ok(verified)
    })?;
    let page = arguments.output.clone().unwrap_or_else(|| home.join("report.html"));
    parts.time("report", || report::write(&session, &engine, &page))?;
    summary(&session, &parts)?;
    output.text(&format!("the report: {}", page.display()))?;
    output.text(&format!("go on with: throng --home {} personas show", home.display()))?;
    if !verified.agrees() {
        output.note("not everything agrees with what was computed again; see `throng verify`");
        bail!(Negative);
    }
    Ok(())
}

fn data(session: &Session<'_>, arguments: &DemoArguments, home: &Path) -> anyhow::Result<(PathBuf, ImportForm)> {
    match (arguments.data, &arguments.path) {
        (DemoData::CompleteJourney, Some(path)) => Ok((path.clone(), ImportForm::Known(Form::CompleteJourney))),
        (DemoData::CompleteJourney | DemoData::Simulated, _) => {
            let mut steps = Steps::new(session.output);
            steps.begin("letting customers shop");
            let folder = home.join("simulated");
            let (events, _) = simulator::write(&simulate(SIMULATED), MessageOrder::Received, &folder)?;
            steps.finish();
            Ok((events, ImportForm::Known(Form::Segment)))
        }
    }
}

fn summary(session: &Session<'_>, parts: &Parts) -> anyhow::Result<()> {
    let mut grid = Grid::new(&[("part", Align::Whole), ("took", Align::Right)]);
    for (name, seconds) in &parts.0 {
        grid.row([*name, &duration(*seconds)]);
    }
    let all: f64 = parts.0.iter().map(|(_, seconds)| seconds).sum();
    grid.row(["all", &duration(all)]);
    session.output.text("")?;
    session.output.grid(&grid)?;
    Ok(())
}
