//! `throng journeys`: what customers do one after the other, of everybody, one persona,
//! two side by side, an audience or a period; and who is behind every number.

mod answer;
mod asked;
mod attribution;
mod compared;
mod correlation;
mod customers;
mod flow;
mod friction;
mod funnel;
mod loops;
mod next;
mod paths;
mod pattern;
mod retention;
mod survival;
mod touchpoints;
mod transitions;

use throng_engine::{JourneyBook, JourneyRequest};
use throng_journey::State;

use crate::arguments::{CutArguments, JourneysCommand, ScopeWanted, Within};
use crate::home::Session;
use asked::Asked;

pub(super) fn run(session: &Session<'_>, command: JourneysCommand) -> anyhow::Result<()> {
    let engine = session.engine()?;
    let at = (session, &engine);
    let plain = JourneyRequest::default;
    match command {
        JourneysCommand::Touchpoints(arguments) if arguments.propose => touchpoints::propose(session, &engine),
        JourneysCommand::Touchpoints(arguments) => {
            touchpoints::list(&Asked::read(at, &arguments.whose, plain())?, &arguments)
        }
        JourneysCommand::Paths(arguments) => {
            paths::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Flow(arguments) => {
            flow::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Loops(arguments) => {
            loops::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Typical(arguments) => {
            loops::typical(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Pattern(arguments) => {
            pattern::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Funnel(arguments) => {
            let source_sessions = arguments.within == Some(Within::Scope(ScopeWanted::Source));
            let request = JourneyRequest { source_sessions, ..plain() };
            funnel::run(&Asked::read(at, &arguments.whose, request)?, &arguments)
        }
        JourneysCommand::Transitions(arguments) => {
            transitions::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Attribution(arguments) => attribution::run(at, &arguments),
        JourneysCommand::Retention(arguments) => {
            retention::run(&Asked::read(at, &arguments.whose, plain())?, &arguments)
        }
        JourneysCommand::Lifecycle(arguments) => {
            retention::lifecycle_of(&Asked::read(at, &arguments.whose, plain())?, &arguments)
        }
        JourneysCommand::Survival(arguments) => survival::run(&Asked::read(at, &arguments.whose, plain())?, &arguments),
        JourneysCommand::Friction(arguments) => {
            friction::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
        JourneysCommand::Next(arguments) => {
            next::run(&Asked::read(at, &arguments.whose, request(&arguments.cut))?, &arguments)
        }
    }
}

/// Returns what must be read for a way of cutting.
fn request(cut: &CutArguments) -> JourneyRequest {
    JourneyRequest { source_sessions: cut.within == Some(ScopeWanted::Source), ..JourneyRequest::default() }
}

/// Returns what a state is called.
fn state_name(book: &JourneyBook, state: State) -> &str {
    match state {
        State::Start => "(start)",
        State::Label(label) => book.name(label),
        State::End => "(end)",
    }
}

/// Returns steps as a key: `A → B`.
fn arrows<T: AsRef<str>>(steps: &[T]) -> String {
    let steps: Vec<&str> = steps.iter().map(AsRef::as_ref).collect();
    steps.join(" → ")
}

/// Returns an object of JSON.
fn totals<const N: usize>(entries: [(&str, serde_json::Value); N]) -> serde_json::Map<String, serde_json::Value> {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
