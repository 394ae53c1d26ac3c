//! A first catalogue for a history, proposed from its vocabulary.
//!
//! The proposal is what a marketing analyst would write first: how recently, how often
//! and for how much people buy, what they buy, when, where and with what, and how they
//! react. Every rule looks for what it needs (an event of some role, a field with enough
//! values) and stays silent otherwise. It is meant to be read and edited.

mod context;
mod money;
mod roles;
pub(crate) mod words;

use std::num::NonZeroU32;

use throng_event::{EventKind, Field};

use crate::vocabulary::{EventStatistics, FieldStatistics};
use crate::{
    EventSet, FeatureDefinition, FeatureKind, Filter, JourneyScope, Pace, PatternMeasure, SESSION_GAP_MINUTES,
    SignalCategory, ValueSource, Vocabulary, Window,
};
use roles::{Role, role_of};
use words::{events_phrase, slug, window_phrase, window_suffix};

/// Features beside traits; more of them say the same again and slow down the reading.
const FEATURES_MAX: usize = 44;
/// Traits; a profile page shows about as many.
const TRAITS_MAX: usize = 12;
/// Traits that sum up what somebody did: a table of customers has little else.
const DEEDS_MAX: usize = 24;
/// Counts of single events that have no role of their own.
const OTHER_EVENTS_MAX: usize = 8;
/// Events on fewer than one profile in so many say nothing about most of them.
const PROFILES_PER_EVENT_MAX: u64 = 50;
/// Events per profile from which sessions are worth looking at, when nobody sends pages.
const EVENTS_PER_PROFILE_FOR_SESSIONS: u64 = 60;
/// Steps of a session, on average, from which journeys are worth looking at: a shorter one is over
/// before anything could be foreseen, and counts say what it was.
const STEPS_PER_SESSION_MIN: u64 = 3;
/// Hours of the day below which a history has no time of day worth the name.
const HOURS_MIN: u32 = 6;

/// Returns a catalogue for a history: 20 to 45 features where it has orders or visits,
/// fewer where it says less.
#[must_use]
pub fn propose(vocabulary: &Vocabulary) -> Vec<FeatureDefinition> {
    let mut proposal = Proposal::new(vocabulary);
    money::propose(&mut proposal);
    activity(&mut proposal);
    journeys(&mut proposal);
    money::propose_products(&mut proposal);
    campaigns(&mut proposal);
    other_events(&mut proposal);
    sessions(&mut proposal);
    context::propose(&mut proposal);
    proposal.definitions.truncate(FEATURES_MAX);
    let mut traits = Proposal { definitions: Vec::new(), ..proposal };
    context::propose_traits(&mut traits);
    let (done, said): (Vec<_>, Vec<_>) =
        traits.definitions.into_iter().partition(|definition| context::is_of_deeds(definition.category));
    let mut definitions = proposal.definitions;
    for mut definition in done.into_iter().take(DEEDS_MAX).chain(said.into_iter().take(TRAITS_MAX)) {
        definition.name = free_name(&definitions, &definition.name);
        definitions.push(definition);
    }
    definitions
}

/// What has been proposed so far, and what every rule needs to know.
struct Proposal<'v> {
    vocabulary: &'v Vocabulary,
    /// The window that says what someone is like: a year, or all there is.
    long: Window,
    /// The window that says what someone does lately, when the history is long enough.
    recent: Option<Window>,
    definitions: Vec<FeatureDefinition>,
}

/// A feature to be: the parts that differ between proposals.
struct Draft<'d> {
    name: &'d str,
    kind: FeatureKind,
    filter: Filter,
    window: Window,
    /// What is measured, before the words of the window: "orders".
    words: &'d str,
    unit: &'d str,
    category: SignalCategory,
}

impl<'v> Proposal<'v> {
    fn new(vocabulary: &'v Vocabulary) -> Self {
        // A recent window is one of at least three, so that there is something to compare with.
        let recent = match vocabulary.span_days {
            270.. => Some(Window::days(90)),
            90..270 => Some(Window::days(30)),
            ..90 => None,
        };
        // A history of little more than a year is not cut: nobody misses its first weeks.
        let long = if vocabulary.span_days > 400 { Window::days(365) } else { Window::All };
        Self { vocabulary, long, recent, definitions: Vec::new() }
    }

    /// Adds a feature. Its name and words get those of a window that is not the long one.
    fn add(&mut self, draft: Draft<'_>) {
        let suffix = if draft.window == self.long { String::new() } else { window_suffix(draft.window) };
        let phrase = format!("{}{}", draft.words, window_phrase(draft.window));
        let mut description = phrase.clone();
        if let Some(first) = description.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        description.push('.');
        self.definitions.push(FeatureDefinition {
            name: free_name(&self.definitions, &format!("{}{suffix}", slug(draft.name))),
            kind: draft.kind,
            filter: draft.filter,
            window: draft.window,
            half_life_days: None,
            description,
            phrase,
            unit: draft.unit.to_owned(),
            category: draft.category,
        });
    }

    /// Returns the events of a role, the most frequent first.
    fn events(&self, role: Role) -> Vec<&'v EventStatistics> {
        let mut events: Vec<&EventStatistics> =
            self.vocabulary.events.iter().filter(|event| role_of(&event.name) == Some(role)).collect();
        events.sort_by(|left, right| right.n_events.cmp(&left.n_events).then_with(|| left.name.cmp(&right.name)));
        events
    }

    /// Returns the filter that passes the events of a role, `None` when there are none.
    fn filter(&self, role: Role) -> Option<Filter> {
        let names: Vec<String> = self.events(role).into_iter().map(|event| event.name.clone()).collect();
        (!names.is_empty()).then_some(Filter { events: EventSet::Named(names), equals: Vec::new() })
    }

    fn field(&self, field: &Field) -> Option<&'v FieldStatistics> {
        self.vocabulary.fields.iter().find(|statistics| statistics.field == *field && statistics.n_events > 0)
    }

    /// Returns the statistics of a field with more than one value.
    fn varied(&self, field: &Field) -> Option<&'v FieldStatistics> {
        self.field(field).filter(|statistics| statistics.n_distinct > 1)
    }

    fn n_events(&self) -> u64 {
        self.vocabulary.events.iter().map(|event| event.n_events).sum()
    }
}

/// Returns a name that is not taken, numbered when it has to be.
fn free_name(definitions: &[FeatureDefinition], name: &str) -> String {
    let taken = |name: &str| definitions.iter().any(|definition| definition.name == name);
    if !taken(name) {
        return name.to_owned();
    }
    let numbered = (2_usize..).map(|number| format!("{name}_{number}")).find(|name| !taken(name));
    numbered.unwrap_or_else(|| name.to_owned())
}

/// When someone came, last came and how steadily.
fn activity(proposal: &mut Proposal<'_>) {
    let category = SignalCategory::Behavioural;
    let base = Filter::behaviour;
    let long = proposal.long;
    let mut add = |name, kind, window, words, unit| {
        proposal.add(Draft { name, kind, filter: base(), window, words, unit, category });
    };
    add("tenure_days", FeatureKind::Tenure, Window::All, "days since the first activity", "days");
    add("recency_days", FeatureKind::Recency, Window::All, "days since the last activity", "days");
    add("active_days", FeatureKind::ActiveDays, long, "days with any activity", "days");
    let regularity = FeatureKind::Regularity { of: Pace::ActiveDays };
    add("irregularity", regularity, long, "how irregular the days between visits are (0 is clockwork)", "ratio");
    if let Some(recent) = proposal.recent {
        let longer = if proposal.long == Window::All { Window::All } else { Window::days(365) };
        proposal.add(Draft {
            name: "activity_trend",
            kind: FeatureKind::Trend { longer },
            filter: base(),
            window: recent,
            words: "activity compared with what is usual (1 is steady)",
            unit: "ratio",
            category,
        });
    }
    if proposal.vocabulary.n_hours >= HOURS_MIN {
        let shares = [
            ("morning_share", 6, 12, "share of activity in the morning (6 to 12)"),
            ("evening_share", 18, 22, "share of activity in the evening (18 to 22)"),
            ("night_share", 22, 6, "share of activity at night (22 to 6)"),
        ];
        for (name, from, to, words) in shares {
            hour_share(proposal, name, (from, to), words);
        }
    }
    proposal.add(Draft {
        name: "weekend_share",
        kind: FeatureKind::DayOfWeekShare { days: crate::Weekdays::WEEKEND },
        filter: base(),
        window: proposal.long,
        words: "share of activity on Saturdays and Sundays",
        unit: "share",
        category: SignalCategory::Contextual,
    });
}

fn hour_share(proposal: &mut Proposal<'_>, name: &str, (from, to): (u8, u8), words: &str) {
    proposal.add(Draft {
        name,
        kind: FeatureKind::HourShare { from, to },
        filter: Filter::behaviour(),
        window: proposal.long,
        words,
        unit: "share",
        category: SignalCategory::Contextual,
    });
}

/// Where visits lead, and where they end before: where they have steps and any leads to an order.
fn journeys(proposal: &mut Proposal<'_>) {
    let Vocabulary { journeys, n_profiles, .. } = proposal.vocabulary;
    if proposal.vocabulary.n_hours < HOURS_MIN
        || journeys.n_sessions == 0
        || journeys.n_steps < journeys.n_sessions.saturating_mul(STEPS_PER_SESSION_MIN)
    {
        return;
    }
    // What rules call otherwise is not proposed: a catalogue that names it would be refused.
    let named = |role| -> Vec<String> {
        let common = proposal.events(role).into_iter().filter(|event| {
            event.n_profiles.saturating_mul(PROFILES_PER_EVENT_MAX) >= *n_profiles
                && journeys.names.contains(&event.name)
        });
        common.map(|event| event.name.clone()).filter(|name| !name.contains('"')).collect()
    };
    let (orders, carts) = (named(Role::Order), named(Role::CartAdd));
    let Some(order) = orders.first().cloned() else { return };
    let within = JourneyScope::Session { gap_minutes: SESSION_GAP_MINUTES };
    let (filter, category) = (Filter::behaviour(), SignalCategory::Behavioural);
    proposal.add(Draft {
        name: "order_next_probability",
        kind: FeatureKind::NextStep { touchpoint: order, within },
        filter: filter.clone(),
        window: Window::All,
        words: "probability that an order comes next",
        unit: "share",
        category,
    });
    if !carts.is_empty() {
        let any = |names: &[String]| names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join("|");
        let pattern = format!("[{}] -> [^{}]* -> end", any(&carts), any(&orders));
        proposal.add(Draft {
            name: "cart_left_share",
            kind: FeatureKind::Pattern { pattern, measure: PatternMeasure::Share, within },
            filter,
            window: proposal.long,
            words: "share of visits that left something in the cart",
            unit: "share",
            category,
        });
    }
}

/// How someone reacts to what we send.
fn campaigns(proposal: &mut Proposal<'_>) {
    let category = SignalCategory::Behavioural;
    let received = proposal.filter(Role::CampaignReceived);
    let used = proposal.filter(Role::Coupon);
    if let Some(filter) = received.clone() {
        let (kind, window) = (FeatureKind::Count, proposal.long);
        proposal.add(Draft {
            name: "campaigns",
            kind,
            filter,
            window,
            words: "campaigns received",
            unit: "campaigns",
            category,
        });
    }
    if let Some(filter) = used.clone() {
        let (kind, window) = (FeatureKind::Count, proposal.long);
        proposal.add(Draft { name: "coupons", kind, filter, window, words: "coupons used", unit: "coupons", category });
    }
    let reactions = [
        ("coupon_rate", used, received.clone(), "coupons used per campaign received"),
        (
            "response_rate",
            proposal.filter(Role::CampaignResponse),
            received,
            "campaigns opened or clicked per campaign received",
        ),
    ];
    for (name, part, whole, words) in reactions {
        if let (Some(part), Some(whole)) = (part, whole) {
            let kind = money::count_ratio(part, whole);
            let (filter, window) = (Filter::behaviour(), proposal.long);
            proposal.add(Draft { name, kind, filter, window, words, unit: "ratio", category });
        }
    }
}

/// What someone does, for the events that have no role of their own.
fn other_events(proposal: &mut Proposal<'_>) {
    let mut events: Vec<&EventStatistics> = proposal
        .vocabulary
        .events
        .iter()
        .filter(|event| {
            let behaviour = matches!(event.kind, EventKind::Track | EventKind::Page | EventKind::Screen);
            let counted = role_of(&event.name).is_some_and(Role::has_a_feature);
            let common = event.n_profiles.saturating_mul(PROFILES_PER_EVENT_MAX) >= proposal.vocabulary.n_profiles;
            behaviour && !counted && common
        })
        .collect();
    events.sort_by(|left, right| right.n_profiles.cmp(&left.n_profiles).then_with(|| left.name.cmp(&right.name)));
    let n_names = proposal.vocabulary.events.len();
    for event in events.into_iter().take(OTHER_EVENTS_MAX) {
        proposal.add(Draft {
            name: &format!("n_{}", slug(&event.name)),
            kind: FeatureKind::Count,
            filter: Filter::named(&event.name),
            window: proposal.long,
            words: &events_phrase(&event.name),
            unit: "events",
            category: SignalCategory::Behavioural,
        });
    }
    if n_names >= 4 {
        proposal.add(Draft {
            name: "event_variety",
            kind: FeatureKind::Entropy { of: ValueSource::Field(Field::Name) },
            filter: Filter::behaviour(),
            window: proposal.long,
            words: "how mixed the kinds of activity are",
            unit: "bits",
            category: SignalCategory::Behavioural,
        });
    }
}

/// Visits, where events come densely enough to form them.
fn sessions(proposal: &mut Proposal<'_>) {
    let pages =
        proposal.vocabulary.events.iter().any(|event| matches!(event.kind, EventKind::Page | EventKind::Screen));
    let dense = proposal.n_events() >= proposal.vocabulary.n_profiles.saturating_mul(EVENTS_PER_PROFILE_FOR_SESSIONS);
    if proposal.vocabulary.n_hours < HOURS_MIN || !(pages || dense) {
        return;
    }
    let gap_minutes: NonZeroU32 = SESSION_GAP_MINUTES;
    let kinds = [
        ("sessions", FeatureKind::Sessions { gap_minutes }, "visits", "visits"),
        ("session_seconds", FeatureKind::SessionLengthMean { gap_minutes }, "average length of a visit", "seconds"),
        ("session_gap_days", FeatureKind::SessionGapMean { gap_minutes }, "average days between visits", "days"),
        ("events_per_session", money::per_session(gap_minutes), "actions per visit", "events"),
    ];
    for (name, kind, words, unit) in kinds {
        let (filter, window) = (Filter::behaviour(), proposal.long);
        proposal.add(Draft { name, kind, filter, window, words, unit, category: SignalCategory::Behavioural });
    }
}

#[cfg(test)]
mod tests;
