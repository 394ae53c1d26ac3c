//! What a history talks about: the events and fields a catalogue can be proposed from.

use throng_event::{Currency, Field};

use crate::ValueForm;

/// The events and fields of a history, counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// Every event name.
    pub events: Vec<EventStatistics>,
    /// Every field that has values.
    pub fields: Vec<FieldStatistics>,
    /// The currency money is in, when there is money.
    pub currency: Option<Currency>,
    /// Local days from the first event to the last, both included.
    pub span_days: u32,
    /// How many profiles there are.
    pub n_profiles: u64,
    /// In how many different local hours of the day events happen; 1 when a history
    /// knows days only.
    pub n_hours: u32,
    /// What is done one thing after the other.
    pub journeys: JourneyStatistics,
}

/// The touchpoints of a history, counted by session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JourneyStatistics {
    /// What touchpoints are called.
    pub names: Vec<String>,
    /// How many sessions there are.
    pub n_sessions: u64,
    /// How many steps they have: touchpoints, consecutive repeats being one.
    pub n_steps: u64,
}

/// How often events of one name happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventStatistics {
    /// The name of the event.
    pub name: String,
    /// Of which kind of message.
    pub kind: throng_event::EventKind,
    /// How many events.
    pub n_events: u64,
    /// How many profiles have one.
    pub n_profiles: u64,
}

/// How a field is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldStatistics {
    /// The field.
    pub field: Field,
    /// Whether its values are numbers or texts (true and false are texts).
    pub form: ValueForm,
    /// How many events have a value.
    pub n_events: u64,
    /// How many profiles have a value.
    pub n_profiles: u64,
    /// How many different values.
    pub n_distinct: u64,
    /// The most frequent values with the number of events or lines that have them,
    /// most frequent first; at least a dozen where there are as many.
    pub top: Vec<(String, u64)>,
}
