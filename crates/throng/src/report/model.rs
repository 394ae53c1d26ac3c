//! What the report page shows, as plain data.
//! Whoever builds it has already put values with a unit into words ("€ 41.20", "2.3 orders a month"),
//! because only the features know their units; counts and shares stay numbers and are worded by the page.
//! Lists are drawn in the order given, the most important first.
//! Texts may be anything a customer's data contains: the page cleans, shortens and escapes them.

pub(super) mod journey;

use serde::Serialize;

use journey::{JourneyOverview, JourneySection};

/// Everything on one report page.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReportModel {
    /// The name of the home, as people know the shop.
    pub(crate) home: String,
    /// The time zone in which hours and days were taken, such as `Europe/Berlin`.
    pub(crate) time_zone: String,
    /// The day the report looks back from, in words.
    pub(crate) as_of: String,
    /// The first and the last day with events, none without events.
    pub(crate) period: Option<Period>,
    /// The code of the currency all money on the page is in.
    pub(crate) currency: Option<String>,
    /// Customers with at least one event.
    pub(crate) n_customers: u64,
    /// Events admitted.
    pub(crate) n_events: u64,
    /// Sources the events came from.
    pub(crate) n_sources: u64,
    /// The version of Throng that computed the numbers.
    pub(crate) version: String,
    /// The personas, the largest first; empty when none were found.
    pub(crate) personas: Vec<PersonaSection>,
    /// Why there are no personas; ignored when there are some.
    pub(crate) refusal: Option<Refusal>,
    /// The customers who belong to no persona.
    pub(crate) unassigned: Option<Unassigned>,
    /// The features in which the personas differ most.
    pub(crate) compared: Vec<ComparedFeature>,
    /// The ways everybody takes; none where nobody did anything.
    pub(crate) journeys: Option<JourneyOverview>,
    /// How the personas were found and how well they hold.
    pub(crate) certainty: CertaintySection,
    /// What was read, left out and missing.
    pub(crate) quality: QualitySection,
}

/// The days covered.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Period {
    /// The first day, in words.
    pub(crate) from: String,
    /// The last day, in words.
    pub(crate) to: String,
}

/// Why no personas are shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Refusal {
    /// One or two sentences.
    pub(crate) reason: String,
    /// What the reader can do about it, one sentence each.
    pub(crate) advice: Vec<String>,
}

/// The customers who belong to no persona.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Unassigned {
    /// How many they are.
    pub(crate) n_customers: u64,
    /// Their share of all customers, 0 to 1.
    pub(crate) share_of_customers: f64,
    /// What they bring, if the home has money.
    pub(crate) revenue: Option<Revenue>,
}

/// One persona.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PersonaSection {
    /// The persona's lasting id.
    pub(crate) id: String,
    /// The descriptive name.
    pub(crate) name: String,
    /// One sentence that says who they are.
    pub(crate) summary: String,
    /// How many customers.
    pub(crate) n_customers: u64,
    /// Their share of all customers, 0 to 1.
    pub(crate) share_of_customers: f64,
    /// What they bring, if the home has money.
    pub(crate) revenue: Option<Revenue>,
    /// How well the persona comes back in resampled data.
    pub(crate) stability: Stability,
    /// What sets it apart, the strongest first.
    pub(crate) claims: Vec<ClaimLine>,
    /// What is known about age, place and the like.
    pub(crate) demographics: Vec<ClaimLine>,
    /// How traits are spread among them and among the rest.
    pub(crate) traits: Vec<TraitSplit>,
    /// The kinds within it, the largest first.
    pub(crate) kinds: Vec<KindLine>,
    /// Profile ids of typical customers.
    pub(crate) exemplars: Vec<String>,
    /// When in the week they are active.
    pub(crate) week: Option<WeekActivity>,
    /// How active they are month by month.
    pub(crate) months: Option<MonthActivity>,
    /// The ways they take.
    pub(crate) journey: Option<JourneySection>,
}

/// A kind within a persona.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct KindLine {
    /// Its id, the persona's with a number.
    pub(crate) id: String,
    /// What tells it from the others of the persona, in a few words.
    pub(crate) name: String,
    /// Its share of the persona's customers, 0 to 1.
    pub(crate) share: f64,
    /// The same in a sentence.
    pub(crate) summary: String,
}

/// Money brought by a group of customers.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Revenue {
    /// All of it, with its currency.
    pub(crate) total: String,
    /// The mean for one customer, with its currency.
    pub(crate) per_customer: String,
    /// Their share of all revenue; can be negative where returns outweigh purchases.
    pub(crate) share: f64,
}

/// How well a persona comes back when customers are drawn again.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stability {
    /// The mean overlap with its nearest neighbour in resampled fits, 0 to 1.
    pub(crate) value: f64,
    /// The same in words.
    pub(crate) word: StabilityWord,
}

/// Stability in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StabilityWord {
    /// Comes back nearly unchanged.
    VeryStable,
    /// Comes back with changes at its edge.
    Stable,
    /// Often dissolves: to be read with care.
    Doubtful,
}

/// One statement with its evidence.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClaimLine {
    /// The claim's id, by which it can be recomputed.
    pub(crate) id: String,
    /// The sentence, such as "orders 2.3× as often as everyone else".
    pub(crate) statement: String,
    /// The persona's value with its unit.
    pub(crate) persona_value: String,
    /// Everyone else's value with its unit.
    pub(crate) rest_value: String,
    /// The two values as numbers, to draw them; none where a bar from zero would mislead.
    pub(crate) comparison: Option<Comparison>,
    /// How large the difference is.
    pub(crate) effect: Effect,
    /// The interval in words, such as "between 2.1× and 2.6× (95 %)".
    pub(crate) interval: String,
    /// Customers of the persona the claim counts.
    pub(crate) n_customers: u64,
    /// The query that recomputes it.
    pub(crate) query: String,
}

/// Two numbers on one scale that starts at zero.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Comparison {
    /// The persona's.
    pub(crate) persona: f64,
    /// Everyone else's.
    pub(crate) rest: f64,
}

/// The size of a difference in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Effect {
    /// Seen without measuring.
    Large,
    /// Seen when looking.
    Medium,
    /// Seen only in numbers.
    Small,
}

/// How one trait is spread.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TraitSplit {
    /// The trait in words, such as "Age".
    pub(crate) name: String,
    /// Customers of the persona of whom it is known.
    pub(crate) n_known: u64,
    /// The trait's values in their own order.
    pub(crate) values: Vec<TraitShare>,
}

/// One value of a trait.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TraitShare {
    /// The value in words.
    pub(crate) label: String,
    /// Its share among the persona's customers of whom the trait is known, 0 to 1.
    pub(crate) persona: f64,
    /// Its share among everyone else of whom the trait is known, 0 to 1.
    pub(crate) rest: f64,
}

/// Activity by weekday and hour.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WeekActivity {
    /// What is counted, such as "orders".
    pub(crate) unit: String,
    /// Monday to Sunday, hours 0 to 23: counts in the home's time zone.
    pub(crate) counts: [[u64; 24]; 7],
}

/// Activity by month.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MonthActivity {
    /// What is counted, such as "orders per customer".
    pub(crate) unit: String,
    /// The months in order, without gaps.
    pub(crate) months: Vec<Month>,
}

/// One month.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Month {
    /// The month in short, such as "Mar 2017".
    pub(crate) label: String,
    /// The mean for a customer of the persona.
    pub(crate) persona: f64,
    /// The mean for everyone else.
    pub(crate) rest: f64,
}

/// One feature across all personas.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ComparedFeature {
    /// The feature in words.
    pub(crate) name: String,
    /// The signal category.
    pub(crate) category: String,
    /// The value of the middle one of all customers, with its unit.
    pub(crate) overall_value: String,
    /// One for each persona, in the personas' order.
    pub(crate) values: Vec<ComparedValue>,
}

/// Where a persona stands in one feature.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ComparedValue {
    /// The place of the persona's middle customer among all customers: 0 lowest, 0.5 the middle, 1 highest.
    pub(crate) percentile: f64,
    /// The value with its unit.
    pub(crate) value: String,
}

/// How the personas were found and how well they hold.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CertaintySection {
    /// One sentence: how the number of personas was chosen, or why none was.
    pub(crate) verdict: String,
    /// One sentence: how far the personas lie apart.
    pub(crate) separation: String,
    /// Whether there are no borders between the personas.
    pub(crate) gradual: bool,
    /// One sentence: the method and its seed.
    pub(crate) method: String,
    /// The numbers of personas that were tried.
    pub(crate) candidates: Vec<Candidate>,
    /// The chosen one of them; none when refused.
    pub(crate) n_personas_chosen: Option<u64>,
    /// The features customers were compared by.
    pub(crate) features: Vec<UsedFeature>,
    /// How far memberships can be relied on.
    pub(crate) reliability: Vec<ReliabilityDiagram>,
}

/// What memberships said of some customers, beside what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReliabilityDiagram {
    /// Of which customers, and when.
    pub(crate) of: String,
    /// How far off it was, in a sentence or two.
    pub(crate) summary: String,
    /// What such customers are told by, and why; empty for the usual.
    pub(crate) verdict: String,
    /// Bins of what was said, the lowest first.
    pub(crate) bins: Vec<ReliabilityBin>,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReliabilityBin {
    /// What was said, on average.
    pub(crate) said: f64,
    /// How often it came so.
    pub(crate) observed: f64,
    /// The least that could be, at 95 %.
    pub(crate) low: f64,
    /// The most that could be.
    pub(crate) high: f64,
    /// How many customers.
    pub(crate) n_customers: u64,
    /// Their share of those judged.
    pub(crate) share_of_customers: f64,
}

/// One number of personas that was tried.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Candidate {
    /// How many personas.
    pub(crate) n_personas: u64,
    /// Mean silhouette, -1 to 1.
    pub(crate) silhouette: f64,
    /// Mean stability over resampled fits, 0 to 1.
    pub(crate) stability: f64,
    /// Why it was taken or left, in a few words.
    pub(crate) note: String,
}

/// One feature the customers were compared by.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UsedFeature {
    /// The feature in words.
    pub(crate) name: String,
    /// The signal category.
    pub(crate) category: String,
    /// How its values were made comparable, in words.
    pub(crate) transform: String,
    /// Its weight in the comparison.
    pub(crate) weight: f64,
}

/// Whether the data can be trusted: what was read, left out, missing and wrong.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QualitySection {
    /// One sentence: can this data be trusted, and is it enough.
    pub(crate) verdict: String,
    /// What is wrong, the most severe first.
    pub(crate) findings: Vec<FindingLine>,
    /// What the data are enough for.
    pub(crate) sufficiency: Vec<SufficiencyLine>,
    /// One for each source.
    pub(crate) sources: Vec<SourceLine>,
    /// One for each signal category, also the missing ones.
    pub(crate) signals: Vec<SignalLine>,
    /// Anything else the reader should know, one sentence each.
    pub(crate) notes: Vec<String>,
}

/// One thing that is wrong with the data.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FindingLine {
    /// `critical`, `warning` or `note`.
    pub(crate) severity: &'static str,
    /// What was found, in words.
    pub(crate) title: String,
    /// How many are affected.
    pub(crate) n_affected: u64,
    /// Their share, 0 to 1.
    pub(crate) share: f64,
    /// Of what.
    pub(crate) of: String,
    /// Why it matters.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) advice: String,
}

/// Whether the data are enough for one thing.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SufficiencyLine {
    /// `enough`, `tight` or `lacking`.
    pub(crate) answer: &'static str,
    /// For what, as in "enough to …".
    pub(crate) question: String,
    /// The answer in words, with its numbers.
    pub(crate) text: String,
}

/// What came from one source.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SourceLine {
    /// The source's name.
    pub(crate) name: String,
    /// Rows read.
    pub(crate) n_read: u64,
    /// Rows that became events.
    pub(crate) n_taken: u64,
    /// Rows already known.
    pub(crate) n_repeated: u64,
    /// Rows set aside.
    pub(crate) n_quarantined: u64,
    /// Why they were set aside.
    pub(crate) reasons: Vec<QuarantineReason>,
}

/// Why rows were set aside.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct QuarantineReason {
    /// The reason in words.
    pub(crate) reason: String,
    /// Rows.
    pub(crate) n_rows: u64,
    /// What to do about it.
    pub(crate) advice: String,
}

/// How much is known in one signal category.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SignalLine {
    /// The category in words.
    pub(crate) category: String,
    /// Features of this category; 0 means the category is missing.
    pub(crate) n_features: u64,
    /// Customers with at least one such signal, as a share, 0 to 1.
    pub(crate) coverage: f64,
    /// What it would add, or what to connect.
    pub(crate) note: String,
}
