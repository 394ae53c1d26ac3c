//! The compiled catalogue: what to read, what to keep, what to ask of it.
//!
//! A definition becomes a formula over *readings*; a reading asks one question of one
//! *signal* in one window; a signal is a measure of the events or lines one *selection*
//! passes; a selection is a set of predicates over *fields* and the clock. Every layer
//! holds each distinct thing once, so features share all they have in common.

use std::num::NonZeroU32;
use std::sync::Arc;

use throng_event::{Currency, Field};

use crate::planner::plan;
use crate::{Catalogue, ValueForm, Window};

/// A catalogue made ready to be computed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Compiled {
    pub(crate) plan: Arc<Plan>,
    of_journeys: bool,
}

impl Compiled {
    /// Compiles a catalogue.
    #[must_use]
    pub fn new(catalogue: &Catalogue) -> Self {
        let plan = plan(catalogue);
        Self { of_journeys: plan.of_journeys(), plan: Arc::new(plan) }
    }

    /// Returns the fields a batch must bring, in the order of
    /// [`Columns::fields`](crate::Columns::fields). A field that is read as a text and
    /// as a number stands twice.
    #[must_use]
    pub fn fields(&self) -> &[FieldForm] {
        &self.plan.fields
    }

    /// Returns whether any feature is about journeys.
    #[must_use]
    pub fn of_journeys(&self) -> bool {
        self.of_journeys
    }

    /// Returns the number of features.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.plan.features.len()
    }

    /// Returns the names of the features, in the order of the catalogue.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plan.features.iter().map(|feature| feature.name.as_str())
    }
}

/// A field and the type it is read as.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldForm {
    /// Which field.
    pub field: Field,
    /// As what.
    pub form: ValueForm,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) currency: Option<Currency>,
    pub(crate) fields: Vec<FieldForm>,
    pub(crate) predicates: Vec<Predicate>,
    pub(crate) selections: Vec<Selection>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) features: Vec<Feature>,
    /// Differs for plans whose signals differ; states are bound to it.
    pub(crate) fingerprint: [u8; 8],
}

impl Plan {
    /// Returns whether any feature is about journeys, which the fold does not look at.
    pub(crate) fn of_journeys(&self) -> bool {
        self.features.iter().any(|feature| matches!(feature.formula, Formula::Elsewhere))
    }

    /// Returns whether a predicate is decided for each line rather than for the event.
    pub(crate) fn per_line(&self, predicate: &Predicate) -> bool {
        match predicate {
            Predicate::OneOf { field, .. } | Predicate::Present { field } => self.fields[*field].field.per_product(),
            Predicate::Hours { .. } | Predicate::Weekdays { .. } => false,
        }
    }
}

/// A condition on one event or one line. Fields are positions in [`Plan::fields`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Predicate {
    /// The field has one of these texts, sorted.
    OneOf { field: usize, texts: Vec<String> },
    /// The field has a value.
    Present { field: usize },
    /// The local hour is one of the set bits.
    Hours { bits: u32 },
    /// The local weekday is one of the set.
    Weekdays { days: crate::Weekdays },
}

/// Of what a selection is a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Events; with predicates on lines, those that have a line passing all of them.
    Events,
    /// Product lines of events.
    Lines,
}

/// A set of events or lines: those for which all predicates hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) level: Level,
    /// Positions in [`Plan::predicates`], ascending.
    pub(crate) predicates: Vec<usize>,
}

/// What is kept of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signal {
    pub(crate) selection: usize,
    pub(crate) measure: Measure,
}

/// What is kept of each day, enough to fold any window of days in any order of arrival.
///
/// Fields are positions in [`Plan::fields`]. The last three kinds depend on the order
/// within a day. `Instants` and `Sequence` therefore keep every point, so that an event
/// can be inserted anywhere; sealing old days into first, last and totals, which is what
/// concatenates, is left to a later format of the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// How many.
    Count,
    /// How many, and the total of a number.
    Sum { field: usize },
    /// The smallest and the largest number.
    Extremes { field: usize },
    /// The first and the last instant.
    Times,
    /// How many of each code.
    Tally { of: CodeSource },
    /// The first and the last number.
    NumberEnds { field: usize },
    /// The first and the last text.
    TextEnds { field: usize },
    /// Every instant.
    Instants,
    /// Every code with its instant.
    Sequence { of: CodeSource },
}

/// Where codes come from. The clock's codes are hours (0 to 23), weekdays (0 to 6) and
/// days (their number, as 32 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum CodeSource {
    /// A text field, by position in [`Plan::fields`].
    Field(usize),
    /// The local hour.
    Hour,
    /// The local weekday.
    Weekday,
    /// The local day.
    Day,
}

/// One question, asked of one signal in one window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) signal: usize,
    pub(crate) window: Window,
    pub(crate) question: Question,
}

/// What can be asked. Each suits the measures named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// How many, how much (count, sum).
    Total,
    /// The same with every day weighed by its age (count, sum).
    Decayed { half_life_days: NonZeroU32 },
    /// How many days, the first of them, their intervals (count).
    Days,
    /// Smallest and largest (extremes).
    Extremes,
    /// First and last instant (times).
    Times,
    /// Distribution of codes (tally).
    Tally { wanted: Wanted },
    /// First and last value (ends).
    Ends,
    /// Sessions (instants).
    Sessions { gap_us: i64 },
    /// Intervals between events (instants).
    Intervals,
    /// Changes from one code to the next (sequence).
    Changes,
}

/// What is wanted of a tally beside the number of codes, for both cost time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wanted {
    pub(crate) entropy: bool,
    pub(crate) most_frequent: bool,
}

/// A feature as a formula over readings.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) formula: Formula,
    pub(crate) categorical: bool,
}

/// How a value comes from summaries; numbers are positions in [`Plan::readings`].
#[derive(Debug, Clone)]
pub(crate) enum Formula {
    /// How many.
    Count { total: usize },
    /// How much, in units.
    Sum { total: usize, unit: f64 },
    /// How much for each, in units.
    Mean { total: usize, unit: f64 },
    /// The smallest, in units.
    Min { extremes: usize, unit: f64 },
    /// The largest, in units.
    Max { extremes: usize, unit: f64 },
    /// How many codes.
    Distinct { tally: usize },
    /// The entropy of the codes.
    Entropy { tally: usize },
    /// The code seen most often.
    MostFrequent { tally: usize, of: CodeSource },
    /// The first number, in units.
    FirstNumber { ends: usize, unit: f64 },
    /// The last number, in units.
    LastNumber { ends: usize, unit: f64 },
    /// The first text.
    FirstText { ends: usize, of: CodeSource },
    /// The last text.
    LastText { ends: usize, of: CodeSource },
    /// Days since the last.
    Recency { times: usize },
    /// Days since the first.
    Tenure { times: usize },
    /// Days from first to last.
    Span { times: usize },
    /// One count over another.
    CountShare { part: usize, whole: usize },
    /// One sum over another.
    SumShare { part: usize, whole: usize },
    /// How many changes.
    Switches { changes: usize },
    /// Changes for each pair.
    SwitchRate { changes: usize },
    /// How many sessions.
    Sessions { sessions: usize },
    /// Seconds in sessions.
    SessionTime { sessions: usize },
    /// Seconds in each session.
    SessionLengthMean { sessions: usize },
    /// Days between sessions.
    SessionGapMean { sessions: usize },
    /// Variation of the intervals between days.
    DayRegularity { days: usize },
    /// Variation of the intervals between events.
    EventRegularity { intervals: usize },
    /// Recent against usual.
    Trend { recent: usize, usual: usize, usual_days: usize, n_days: u32, n_days_usual: Option<u32> },
    /// Sums of amounts, divided.
    Ratio { numerator: Vec<Amount>, denominator: Vec<Amount>, empty: crate::WhenEmpty },
    /// How many days.
    ActiveDays { days: usize },
    /// Missing: another puts the value into its place.
    Elsewhere,
}

/// One term of a ratio.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    /// A count.
    Count { total: usize },
    /// A sum, in units.
    Sum { total: usize, unit: f64 },
    /// Sessions.
    Sessions { sessions: usize },
    /// Seconds in sessions.
    SessionTime { sessions: usize },
    /// Days.
    ActiveDays { days: usize },
}
