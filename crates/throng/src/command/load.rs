//! `throng load`: how much a server bears, and how long it takes over it.

mod connection;
mod drive;
mod histogram;
mod pace;
mod tally;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use hyper::Method;
use hyper::body::Bytes;
use tokio::time::Instant;

use self::connection::{Call, Connection, Endpoint, bearer, reach};
use self::drive::{Plan, Rates, Run};
use self::pace::Until;
use self::tally::per_second;
use self::traffic::{Settings, Traffic};
use crate::arguments::{Format, LoadArguments};
use crate::failure::Usage;
use crate::format::{count, counted, duration};
use crate::home::Session;
use crate::output::Output;
use crate::world;

/// How long is sent where nothing is said.
const SECONDS: u64 = 10;

pub(super) fn run(session: &Session<'_>, arguments: &LoadArguments) -> anyhow::Result<()> {
    let endpoint = Arc::new(Endpoint::parse(&arguments.url)?);
    let plan = plan(arguments, &endpoint)?;
    let (connections, rates) = (plan.connections, plan.rates);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(session.threads().get())
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        reach(&endpoint).await.map_err(|error| Usage {
            what: format!("cannot reach {}: {error:#}", arguments.url),
            hint: "start the server with `throng serve`, or correct the address".to_owned(),
        })?;
        let start = Instant::now();
        let run = Run::new(plan);
        let telling = arguments.every.map(|every| {
            let every = Duration::from_secs(every.get());
            tokio::spawn(tell(session.output.at_terminal(), Arc::clone(&run), (Arc::clone(&endpoint), every)))
        });
        run.drive(connections, rates).await?;
        let seconds = start.elapsed().as_secs_f64();
        if let Some(telling) = telling {
            telling.abort();
        }
        report(session, arguments, &run, seconds)
    })
}

fn plan(arguments: &LoadArguments, endpoint: &Arc<Endpoint>) -> anyhow::Result<Plan> {
    let run = u64::try_from(world::now().0).unwrap_or_default();
    let n_people = arguments.profiles.get();
    let n_known = if arguments.returning { n_people } else { 0 };
    let until = match arguments.events {
        Some(events) => Until::Turns(events.get().div_ceil(u64::from(arguments.batch))),
        None => Until::Time(Duration::from_secs(arguments.seconds.map_or(SECONDS, std::num::NonZeroU64::get))),
    };
    let rate = |rate: Option<std::num::NonZeroU32>| rate.map(|rate| f64::from(rate.get()));
    Ok(Plan {
        endpoint: Arc::clone(endpoint),
        key: bearer(&arguments.key)?,
        read_key: arguments.read_key.as_deref().map(bearer).transpose()?,
        traffic: Traffic::new(Settings { seed: arguments.seed, n_people, n_known, run }),
        seed: arguments.seed,
        run,
        batch: arguments.batch,
        connections: arguments.connections,
        rates: Rates {
            events: rate(arguments.rate),
            reads: rate(arguments.reads),
            followed: rate(arguments.until_readable),
        },
        n_known,
        until,
    })
}

/// Tells from time to time how it goes, until it is ended.
async fn tell(output: Output<'static>, run: Arc<Run>, (endpoint, every): (Arc<Endpoint>, Duration)) {
    let start = Instant::now();
    let mut connection = Connection::new(&endpoint);
    let mut interval = tokio::time::interval_at(start + every, every);
    let mut before = start;
    loop {
        let now = interval.tick().await;
        let server = server_figures(&mut connection).await;
        let (at_s, length_s) = ((now - start).as_secs_f64(), (now - before).as_secs_f64());
        before = now;
        let line = run.tally().lately(at_s, length_s, &server);
        let told = match output.format() {
            Format::Json => Ok(()),
            Format::Text | Format::Markdown => output.text(&line),
        };
        if told.is_err() {
            return;
        }
    }
}

/// What is shown of a server's own figures, by what they are called there.
const SERVER_FIGURES: [(&str, &str); 4] = [
    ("throng_profiles", "profiles"),
    ("throng_profiles_memory_bytes", "bytes"),
    ("throng_records_lag", "lag"),
    ("throng_lake_lag", "lake-lag"),
];

/// Returns what the server says of itself, as far as it does.
async fn server_figures(connection: &mut Connection) -> Vec<(&'static str, u64)> {
    let call = Call { method: Method::GET, path: "/metrics".to_owned(), key: None, body: Bytes::new() };
    let Ok(answer) = connection.ask(&call).await else { return Vec::new() };
    let text = String::from_utf8_lossy(&answer.body);
    let value_of = |wanted: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.find(|(name, _)| *name == wanted).and_then(|(_, value)| value.parse().ok())
    };
    SERVER_FIGURES.iter().filter_map(|(wanted, name)| Some((*name, value_of(wanted)?))).collect()
}

fn report(session: &Session<'_>, arguments: &LoadArguments, run: &Run, seconds: f64) -> anyhow::Result<()> {
    let tally = run.tally();
    if tally.n_events() == 0 {
        let why = tally.refusal().map_or_else(|| tally.answers().join("; "), str::to_owned);
        bail!(Usage {
            what: format!("{} took no event; {why}", arguments.url),
            hint: "`throng keys add NAME --role ingest` makes a key; the server learns of it when it is started"
                .to_owned(),
        });
    }
    if session.output.format() == Format::Json {
        let mut document = tally.document(seconds);
        document["batch"] = arguments.batch.into();
        document["connections"] = arguments.connections.into();
        document["missed"] = run.n_missed().into();
        return Ok(session.output.json(&document)?);
    }
    let n_events = tally.n_events();
    session.output.text(&format!(
        "{} in {}, {} a second; {} in a request, {}",
        counted(n_events, "event"),
        duration(seconds),
        count(per_second(n_events, seconds)),
        arguments.batch,
        counted(u64::from(arguments.connections), "connection"),
    ))?;
    session.output.grid(&tally.grid(arguments.batch))?;
    for line in tally.answers() {
        session.output.text(&line)?;
    }
    if run.n_missed() > 0 {
        session.output.text(&format!(
            "{} requests were due and could not be sent in time: the rate is more than the server bears with so many connections",
            count(run.n_missed())
        ))?;
    }
    Ok(())
}
