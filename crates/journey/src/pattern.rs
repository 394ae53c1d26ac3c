//! Patterns of touchpoints: `cart -> [^shipping|support]* -> end`, and who follows them.
//!
//! A pattern is a regular expression over touchpoints in place of letters; it is found
//! by the construction of Thompson (1968) run in step with the journey, all alternatives
//! at once (Pike's machine), so that no pattern takes more than its length times the
//! journey's.
//!
//! | written | is found at |
//! |---|---|
//! | `cart`, `"a -> b"` | the touchpoint of that name; in quotes any name |
//! | `[cart\|basket]` | any of these |
//! | `[^cart\|basket]` | any other |
//! | `.` | any touchpoint |
//! | `start`, `end` | the beginning and the end of the journey |
//! | `a -> b` | the one directly followed by the other |
//! | `(a -> b \| c)` | either |
//! | `a*`, `a+`, `a?`, `a{2}`, `a{2,}`, `a{2,5}` | so many of them |

mod automaton;
mod parse;

use crate::JourneyError;
use crate::histories::Histories;
use crate::numbers::{median_seconds, share};
use crate::profile_set::ProfileSet;
use crate::transition::State;
use crate::view::{Cut, Journey, View};

use automaton::{Automaton, Machine};
use parse::Expression;

/// A pattern that was read, for the touchpoints of some histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    automaton: Automaton,
}

/// How many journeys follow a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternCount {
    /// Journeys that hold it somewhere.
    pub n_sessions: u64,
    /// Profiles with such a journey.
    pub n_profiles: u64,
    /// Journeys that hold at least its first touchpoint.
    pub n_entered: u64,
    /// All journeys.
    pub n_sessions_all: u64,
    /// Share of the journeys that entered it which hold it whole; 0 when none entered.
    pub conversion: f64,
    /// Share of all journeys that hold it.
    pub share: f64,
    /// Median time from its first touchpoint to its last, where it begins first and
    /// then ends first.
    pub median_seconds: Option<f64>,
}

impl Pattern {
    /// Returns the pattern that a text says.
    ///
    /// # Errors
    /// [`JourneyError::Pattern`] with the place where it cannot be read on, and
    /// [`JourneyError::UnknownLabel`] when it names a touchpoint that is not there.
    pub fn parse(text: &str, histories: &Histories) -> Result<Self, JourneyError> {
        Self::parse_with(text, |name| histories.label(name))
    }

    /// Returns the pattern that a text says, `label` giving the touchpoint of a name.
    ///
    /// # Errors
    /// As [`Self::parse`], and whatever `label` gives.
    pub fn parse_with(text: &str, label: impl Fn(&str) -> Result<u32, JourneyError>) -> Result<Self, JourneyError> {
        let expression = parse::parse(text, &label)?;
        let automaton = Automaton::of(&expression).map_err(|what| parse::fault(text, text.chars().count(), &what))?;
        Ok(Self { automaton })
    }

    /// Returns the pattern of states that follow each other directly, whatever they are
    /// called.
    ///
    /// # Errors
    /// [`JourneyError::Pattern`] when there are more than a pattern may have.
    pub fn steps(states: &[State]) -> Result<Self, JourneyError> {
        let step = |state: &State| match state {
            State::Start => Expression::Start,
            State::Label(label) => Expression::One { labels: vec![*label], negated: false },
            State::End => Expression::End,
        };
        let expression = Expression::Sequence(states.iter().map(step).collect());
        let automaton = Automaton::of(&expression).map_err(|what| parse::fault("", 0, &what))?;
        Ok(Self { automaton })
    }
}

/// Returns what says of one journey after the other whether it follows a pattern.
pub(crate) fn follows(pattern: &Pattern) -> impl FnMut(&[u32]) -> bool {
    let mut machine = Machine::new(&pattern.automaton);
    move |labels| machine.run(labels).found.is_some()
}

/// Returns how many journeys follow a pattern.
#[must_use]
pub fn pattern_count(view: &View<'_>, cut: Cut<'_>, pattern: &Pattern) -> PatternCount {
    let start = || (Machine::new(&pattern.automaton), Tally::default());
    let parts = view.fold_journeys(cut, start, |(machine, tally), journey| tally.take(machine, journey));
    let mut tally = Tally::default();
    for (_, part) in parts {
        tally.n_profiles += part.n_profiles;
        tally.n_entered += part.n_entered;
        tally.n_sessions_all += part.n_sessions_all;
        tally.spans_us.extend(part.spans_us);
    }
    let n_sessions = crate::numbers::count(tally.spans_us.len());
    PatternCount {
        n_sessions,
        n_profiles: tally.n_profiles,
        n_entered: tally.n_entered,
        n_sessions_all: tally.n_sessions_all,
        conversion: share(n_sessions, tally.n_entered),
        share: share(n_sessions, tally.n_sessions_all),
        median_seconds: median_seconds(&mut tally.spans_us),
    }
}

/// Returns who has a journey that follows a pattern: an audience.
#[must_use]
pub fn pattern_profiles(view: &View<'_>, cut: Cut<'_>, pattern: &Pattern) -> ProfileSet {
    let start = || (Machine::new(&pattern.automaton), Vec::new());
    let parts = view.fold_journeys(cut, start, |(machine, profiles), journey| {
        if machine.run(journey.labels).found.is_some() {
            profiles.push(journey.profile);
        }
    });
    parts.into_iter().flat_map(|(_, profiles)| profiles).collect()
}

#[derive(Debug, Default)]
struct Tally {
    n_profiles: u64,
    n_entered: u64,
    n_sessions_all: u64,
    spans_us: Vec<i64>,
    profile_last: Option<u32>,
}

impl Tally {
    fn take(&mut self, machine: &mut Machine<'_>, journey: Journey<'_>) {
        let run = machine.run(journey.labels);
        self.n_sessions_all += 1;
        self.n_entered += u64::from(run.entered || run.found.is_some());
        let Some((first, end)) = run.found else { return };
        self.n_profiles += u64::from(self.profile_last != Some(journey.profile));
        self.profile_last = Some(journey.profile);
        let empty = end == first;
        self.spans_us.push(if empty { 0 } else { journey.span_us(first, end - 1) });
    }
}
