//! `throng serve`: events in, personas out, as they happen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use throng_engine::{Engine, EngineError, Follower, Home, Scores, ServerRole};
use throng_live::{Live, Offset};
use throng_server::{
    ApiKey, Ask, FirstUser, Key, KeyHash, Password, Role, Settings, Source, TlsFiles, User, bind, log_as_json,
};
use throng_source::Mapping;

use super::users::keep;
use crate::arguments::ServeArguments;
use crate::ask::Answerer;
use crate::format::count;
use crate::home::Session;
use crate::output::{Steps, Written};

/// How often the lake is brought up to the log.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How many times that is left out when the log has nothing new: what other commands wrote or
/// decided is looked for less often.
const IDLE_STEPS: u32 = 10;

pub(super) fn run(session: &Session<'_>, arguments: &ServeArguments) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let mut settings = settings(&engine, arguments)?;
    let answerer = Answerer { home: engine.home().root().to_owned(), threads: session.threads() };
    settings.ask = Some(Ask::new(move |question| answerer.answer(question)));
    let first = first_user(session, &mut settings, engine.home())?;
    let scores = if arguments.no_model { Scores::Nobody } else { Scores::Everybody };
    let (live, follower, n_adopted) = open(session, &engine, scores)?;
    log_as_json()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let n_keys = settings.keys.len() + settings.sources.iter().map(|source| source.keys.len()).sum::<usize>();
    let secure = settings.tls.is_some();
    // From here on an end is asked for and not just made.
    let stop = runtime.block_on(async { stop() }).context("cannot wait for signals")?;
    let bound = runtime.block_on(bind(settings, live.clone()))?;
    let address = bound.address().context("cannot tell where it listens")?;
    let status = live.status();
    let scheme = if secure { "https" } else { "http" };
    session.output.text(&format!("listening on {scheme}://{address}"))?;
    session.output.note(&format!("{} profiles, {} records in the log", count(status.n_profiles), count(status.end.0)));
    if n_adopted > 0 {
        let n_adopted = u64::try_from(n_adopted).unwrap_or(u64::MAX);
        session.output.note(&format!("{} of them are events of the lake, taken over just now", count(n_adopted)));
    }
    let opening = live.opening();
    if opening.checkpoint > Offset(0) {
        let (checkpoint, replayed) = (count(opening.checkpoint.0), count(opening.n_replayed));
        session
            .output
            .note(&format!("started from the checkpoint at record {checkpoint} and {replayed} records since"));
    }
    if let Some(unused) = &opening.unused {
        session.output.note(&format!("{unused}; the whole log was read instead"));
    }
    match &status.model {
        Some(version) => {
            session.output.note(&format!("model {version}, {} personas", live.personas().len()));
        }
        None => session.output.note("no model: features only; `throng discover` makes one"),
    }
    if let Some(token) = first {
        session
            .output
            .note(&format!("nobody can sign in yet; the first one does at {scheme}://{address}/?first={token}"));
    }
    if n_keys == 0 {
        session.output.note("nobody has a key yet: `throng keys add NAME --role ingest` makes one");
    }
    let stopping = Arc::new(AtomicBool::new(false));
    let following = follow(engine, live.clone(), (follower, scores), Arc::clone(&stopping));
    runtime.block_on(bound.run(stop));
    session.output.note("stopping: events that were taken are written to the lake");
    live.close();
    stopping.store(true, Ordering::Relaxed);
    match following.join() {
        Ok(Offset(0)) => {}
        Ok(_) | Err(_) => {
            session.output.note("the lake is behind the log; it catches up when the server is started again");
        }
    }
    Ok(())
}

/// Opens the log and brings it and the lake together; returns how many events it took over.
fn open(session: &Session<'_>, engine: &Engine, scores: Scores) -> anyhow::Result<(Live, Follower, usize)> {
    let mut steps = Steps::new(session.output);
    steps.begin("reading the log");
    let live = Live::open(engine.live_settings(engine.live_models(scores)?)?)?;
    steps.begin("taking over what the lake has");
    let mut follower = Follower::default();
    let mut n_adopted = 0;
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
fn settings(engine: &Engine, arguments: &ServeArguments) -> anyhow::Result<Settings> {
    let home = engine.home();
    let config = home.config();
    let mut settings = Settings::new(arguments.listen.unwrap_or(config.server.listen));
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

/// Where nobody can sign in, lets whoever holds a new token make the first user; returns the token.
fn first_user(session: &Session<'_>, settings: &mut Settings, home: &Home) -> anyhow::Result<Option<String>> {
    if !settings.sign_in.users.is_empty() {
        return Ok(None);
    }
    let token = Key::random()?;
    let (root, threads) = (home.root().to_owned(), session.threads());
    let keep = move |name: &str, password: &Password| {
        let written = Written::default();
        let session = Session::handing_on(&written, &root, threads);
        // What is wrong is said to whoever asks, with what to do.
        keep(&session, name, (ServerRole::Admin, password)).map_err(|error| format!("{error:#}"))
    };
    settings.sign_in.first = Some(FirstUser { token: KeyHash::of(token.as_str()), keep: Arc::new(keep) });
    Ok(Some(token.as_str().to_owned()))
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
        let (mut decided, mut followed) = (
            Trouble::new("decisions of the home are not taken in just now"),
            Trouble::new("the lake is not followed just now"),
        );
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
            }
            // Another command may be writing; the log keeps what waits.
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
                if !std::mem::replace(&mut self.told, true) {
                    tracing::warn!(%error, "{}", self.what);
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
