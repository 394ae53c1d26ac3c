//! `throng serve`: events in, personas out, as they happen.

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use throng_engine::{Engine, EngineError, Follower, Home, Scores, ServerRole};
use throng_feature::FeatureDefinition;
use throng_live::{Live, Offset};
use throng_server::{
    ApiKey, Ask, Bound, FirstUser, Key, KeyHash, Password, Progress, Role, Settings, Source, Task, TlsFiles, User,
    Workshop, bind, log_as_json,
};
use throng_source::Mapping;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

use super::users::keep;
use crate::arguments::ServeArguments;
use crate::ask::Answerer;
use crate::format::count;
use crate::home::Session;
use crate::output::{Steps, Written};
use crate::work::Worker;

/// The folder of a home for files that are sent to be imported, until they are.
const SENT_FOLDER: &str = "sent";
/// How often the lake is brought up to the log.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How many times that is left out when the log has nothing new: what other commands wrote or
/// decided is looked for less often.
const IDLE_STEPS: u32 = 10;

pub(super) fn run(session: &Session<'_>, arguments: &ServeArguments) -> anyhow::Result<()> {
    let home = session.engine()?.home().root().to_owned();
    let first = Key::random()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let work = Work::new(home, session.threads());
    let mut place = Place { listen: arguments.listen, told: false };
    // From here on an end is asked for and not just made; until the server listens one is made by it.
    let mut stop = None;
    loop {
        let engine = session.engine()?;
        let features = engine.home().config().features.clone();
        let scores = if arguments.no_model { Scores::Nobody } else { Scores::Everybody };
        let mut settings = settings(&engine, place.listen)?;
        let answerer = Answerer { home: engine.home().root().to_owned(), threads: session.threads() };
        settings.ask = Some(Ask::new(move |question| answerer.answer(question)));
        settings.work = Some(work.workshop.clone());
        let nobody = settings.sign_in.users.is_empty();
        if nobody {
            settings.sign_in.first = Some(first_user(session, &first, engine.home()));
        }
        let (live, follower, n_adopted) = open(session, &engine, (scores, place.told))?;
        let stop = match &mut stop {
            Some(stop) => stop,
            None => {
                log_as_json()?;
                stop.insert(Box::pin(runtime.block_on(async { self::stop() }).context("cannot wait for signals")?))
            }
        };
        let serving = Serving { session, settings, first: nobody.then_some(&first) };
        let bound = serving.bind(&runtime, &live, (&mut place, n_adopted))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let following = follow(engine, live.clone(), (follower, scores), Arc::clone(&stopping));
        let mut ended = false;
        runtime.block_on(bound.run(async {
            tokio::select! {
                () = stop.as_mut() => ended = true,
                () = work.changes(&features) => {}
            }
        }));
        if ended {
            session.output.note("stopping: events that were taken are written to the lake");
        }
        live.close();
        stopping.store(true, Ordering::Relaxed);
        match following.join() {
            Ok(Offset(0)) => {}
            Ok(_) | Err(_) => {
                session.output.note("the lake is behind the log; it catches up when the server is started again");
            }
        }
        if ended {
            return Ok(());
        }
        session.output.note("the features are others now: starting again with them");
    }
}

/// Where a server listens, from its first start to its last.
struct Place {
    listen: Option<SocketAddr>,
    /// Whether it was said.
    told: bool,
}

/// What is done from the page, and whether a server has to start again after it.
struct Work {
    workshop: Workshop,
    home: PathBuf,
    done: Arc<Notify>,
}

impl Work {
    fn new(home: PathBuf, threads: NonZeroUsize) -> Self {
        let (worker, done) = (Worker { home: home.clone(), threads }, Arc::new(Notify::new()));
        let tell = Arc::clone(&done);
        let work = move |task: &Task, progress: &(dyn Fn(Progress) + Sync)| {
            let done = worker.work(task, progress);
            tell.notify_one();
            done
        };
        Self { workshop: Workshop::new(home.join(SENT_FOLDER), work), home, done }
    }

    /// Is ready when the home has other features than these after something was done.
    async fn changes(&self, features: &[FeatureDefinition]) {
        loop {
            self.done.notified().await;
            // A configuration that cannot be read stops no server.
            if Home::open(&self.home).is_ok_and(|home| home.config().features != features) {
                return;
            }
        }
    }
}

/// A server that is about to listen.
struct Serving<'a> {
    session: &'a Session<'a>,
    settings: Settings,
    /// What makes the first user, where there is none.
    first: Option<&'a Key>,
}

impl Serving<'_> {
    /// Begins to listen and says so, and the first time also what there is.
    fn bind(self, runtime: &Runtime, live: &Live, (place, n_adopted): (&mut Place, usize)) -> anyhow::Result<Bound> {
        let (output, first) = (self.session.output, self.first);
        let n_keys =
            self.settings.keys.len() + self.settings.sources.iter().map(|source| source.keys.len()).sum::<usize>();
        let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
        let bound = runtime.block_on(bind(self.settings, live.clone()))?;
        let address = bound.address().context("cannot tell where it listens")?;
        place.listen = Some(address);
        if std::mem::replace(&mut place.told, true) {
            return Ok(bound);
        }
        let status = live.status();
        output.text(&format!("listening on {scheme}://{address}"))?;
        output.note(&format!("{} profiles, {} records in the log", count(status.n_profiles), count(status.end.0)));
        if n_adopted > 0 {
            let n_adopted = u64::try_from(n_adopted).unwrap_or(u64::MAX);
            output.note(&format!("{} of them are events of the lake, taken over just now", count(n_adopted)));
        }
        let opening = live.opening();
        if opening.checkpoint > Offset(0) {
            let (checkpoint, replayed) = (count(opening.checkpoint.0), count(opening.n_replayed));
            output.note(&format!("started from the checkpoint at record {checkpoint} and {replayed} records since"));
        }
        if let Some(unused) = &opening.unused {
            output.note(&format!("{unused}; the whole log was read instead"));
        }
        match &status.model {
            Some(version) => output.note(&format!("model {version}, {} personas", live.personas().len())),
            None => output.note("no model: nobody is scored; `throng discover` makes one, and so does the page"),
        }
        if let Some(token) = first {
            let token = token.as_str();
            output.note(&format!("nobody can sign in yet; the first one does at {scheme}://{address}/?first={token}"));
        }
        if n_keys == 0 {
            output.note("nobody has a key yet: `throng keys add NAME --role ingest` makes one");
        }
        Ok(bound)
    }
}

/// Opens the log and brings it and the lake together; returns how many events it took over. A server that starts
/// `again` listens first, and takes over what there is while it does.
fn open(
    session: &Session<'_>,
    engine: &Engine,
    (scores, again): (Scores, bool),
) -> anyhow::Result<(Live, Follower, usize)> {
    let mut steps = Steps::new(session.output);
    steps.begin("reading the log");
    let live = Live::open(engine.live_settings(engine.live_models(scores)?)?)?;
    let (mut follower, mut n_adopted) = (Follower::default(), 0);
    if again {
        steps.finish();
        return Ok((live, follower, n_adopted));
    }
    steps.begin("taking over what the lake has");
    loop {
        let followed = engine.follow(&live, &mut follower)?;
        n_adopted += followed.n_adopted;
        if !followed.more {
            break;
        }
    }
    steps.finish();
    Ok((live, follower, n_adopted))
}

/// Returns the settings of the server from the configuration and what was typed.
fn settings(engine: &Engine, listen: Option<SocketAddr>) -> anyhow::Result<Settings> {
    let home = engine.home();
    let config = home.config();
    let mut settings = Settings::new(listen.unwrap_or(config.server.listen));
    settings.calendar = config.calendar.clone();
    settings.currency = config.currency;
    settings.personal = home.personal_data()?;
    settings.tls = config.server.tls.as_ref().map(|(certificates, key)| TlsFiles {
        certificates: home.root().join(certificates),
        key: home.root().join(key),
    });
    if let Some(requests) = config.server.requests_per_second {
        settings.requests_per_second = requests;
    }
    for key in &config.server.keys {
        let hash = key.hash.parse()?;
        let role = match role_of(key.role) {
            Role::Ingest => {
                let mapping = home.mapping_path(&key.name);
                if let Ok(text) = std::fs::read_to_string(&mapping) {
                    let read = Mapping::parse(&text).with_context(|| format!("cannot use {mapping:?} for webhooks"))?;
                    settings.mappings.insert(key.name.clone(), read);
                }
                match settings.sources.iter_mut().find(|source| source.name == key.name) {
                    Some(source) => source.keys.push(hash),
                    None => settings.sources.push(Source { name: key.name.clone(), keys: vec![hash] }),
                }
                continue;
            }
            role @ (Role::Read | Role::Analyst | Role::Admin) => role,
        };
        settings.keys.push(ApiKey { name: key.name.clone(), role, hash });
    }
    settings.sign_in.key = home.session_key()?;
    for user in &config.server.users {
        let password = user.password.parse()?;
        settings.sign_in.users.push(User { name: user.name.clone(), role: role_of(user.role), password });
    }
    Ok(settings)
}

fn role_of(role: ServerRole) -> Role {
    match role {
        ServerRole::Ingest => Role::Ingest,
        ServerRole::Read => Role::Read,
        ServerRole::Analyst => Role::Analyst,
        ServerRole::Admin => Role::Admin,
    }
}

/// Lets whoever holds a token make the first user.
fn first_user(session: &Session<'_>, token: &Key, home: &Home) -> FirstUser {
    let (root, threads) = (home.root().to_owned(), session.threads());
    let keep = move |name: &str, password: &Password| {
        let written = Written::default();
        let session = Session::handing_on(&written, &root, threads);
        // What is wrong is said to whoever asks, with what to do.
        keep(&session, name, (ServerRole::Admin, password)).map_err(|error| format!("{error:#}"))
    };
    FirstUser { token: KeyHash::of(token.as_str()), keep: Arc::new(keep) }
}

/// Brings the lake up to the log until the server stops, and then once more; returns how many
/// records it is behind at the end.
fn follow(
    engine: Engine,
    live: Live,
    (mut follower, scores): (Follower, Scores),
    stopping: Arc<AtomicBool>,
) -> std::thread::JoinHandle<Offset> {
    std::thread::spawn(move || {
        let mut decided = Trouble::new("decisions of the home are not taken in just now");
        let mut followed = Trouble::new("the lake is not followed just now");
        let mut compacted = Trouble::new("small files of the lake are not put together just now");
        let mut n_idle = 0;
        loop {
            let last = stopping.load(Ordering::Relaxed);
            let status = live.status();
            n_idle = if status.end > status.stored || n_idle >= IDLE_STEPS { 0 } else { n_idle + 1 };
            if n_idle > 0 && !last {
                std::thread::park_timeout(FOLLOW_EVERY);
                continue;
            }
            if !last {
                decided.note(engine.reconcile(&live, &mut follower, scores));
                compacted.note(engine.compact(&live, &mut follower));
            }
            let step = engine.follow(&live, &mut follower);
            if followed.note(step).is_some_and(|followed| followed.more) {
                continue;
            }
            if last {
                let status = live.status();
                return Offset(status.end.0.saturating_sub(status.stored.0));
            }
            std::thread::park_timeout(FOLLOW_EVERY);
        }
    })
}

/// What goes wrong again and again and is logged once.
struct Trouble {
    what: &'static str,
    told: bool,
}

impl Trouble {
    fn new(what: &'static str) -> Self {
        Self { what, told: false }
    }

    fn note<T>(&mut self, result: Result<T, EngineError>) -> Option<T> {
        match result {
            Ok(value) => {
                self.told = false;
                Some(value)
            }
            Err(error) => {
                match std::mem::replace(&mut self.told, true) {
                    true => {}
                    // Another command writes, or what somebody began from the page; the log keeps what waits.
                    false if matches!(error, EngineError::Busy(_)) => tracing::info!(%error, "{}", self.what),
                    false => tracing::warn!(%error, "{}", self.what),
                }
                None
            }
        }
    }
}

/// Returns what is ready when somebody wants the server to end; signals are waited for from now on, which
/// a runtime has to do.
#[cfg(unix)]
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupted, mut terminated) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
