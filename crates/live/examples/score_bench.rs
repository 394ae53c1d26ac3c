//! Prints what the core does with one thread when it scores: each event is taken in, the features
//! of its person are computed and the shares in the personas of a fitted model, as a server does.
//! To explain a shift is no part of that, as a server does it in another thread: what it costs is
//! told beside it, and what both do in one thread.
//!
//! `cargo run --release -p throng-live --example score_bench -- EVENTS PEOPLE [MODEL]`, a JSON line.
//! A model that is kept in a file need not be fitted again: it is read, or written and nothing
//! measured where there is none. All shifts with their reasons go into a hash.
//!
//! People are of five kinds, planted by what they do, and join one after the other over 150 of 200
//! days. The model is fitted to a tenth of them, or to 2,000 where there are fewer, as a discovery
//! does it, with the ensemble for short histories. Memory is the growth of the resident set: with
//! identities, histories, states and dictionaries, and with what the allocator keeps beside them.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a bench"
)]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant as Clock;

use mimalloc::MiMalloc;
use throng_event::{Attributes, Calendar, Day, Decimal, Event, EventId, EventKind, Instant, Money, Value};
use throng_feature::{
    Catalogue, FeatureDefinition, FeatureKind, FeatureValue, Filter, SESSION_GAP_MINUTES, SignalCategory, ValueSource,
    Window,
};
use throng_live::{Core, CoreSettings, Entry, LiveModel, Offset, Record, Scoring, Shift, ShiftRules};
use throng_persona::{
    Continuum, DiscoveryParams, FeatureColumn, Histories, Model, Outcome, PersonaCount, Population, Scorer,
    ScorerScratch, Values, discover,
};
use throng_profile::{IdentityRules, ProfileId};

/// As the binary has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const NAMES: [&str; 6] =
    ["Page Viewed", "Product Viewed", "Products Searched", "Product Added", "Checkout", "Order Completed"];
const CATEGORIES: [&str; 6] = ["shoes", "coats", "books", "games", "food", "toys"];
const DEVICES: [&str; 3] = ["phone", "desktop", "tablet"];
/// Of each kind of people, how often of a hundred they do each.
const HABITS: [[u64; 6]; 5] = [
    [60, 25, 8, 4, 2, 1],
    [10, 25, 45, 12, 5, 3],
    [12, 18, 5, 35, 20, 10],
    [5, 60, 5, 15, 5, 10],
    [30, 6, 4, 10, 15, 35],
];
const FIRST_DAY: i32 = 20_000;
const N_DAYS: u64 = 200;
const JOINING_DAYS: u64 = 150;

fn definitions() -> Vec<FeatureDefinition> {
    let source = |text: &str| text.parse::<ValueSource>().unwrap();
    let amount = || "amount".parse().unwrap();
    let gap_minutes = SESSION_GAP_MINUTES;
    let mut all: Vec<(String, FeatureKind, Filter, Window)> = Vec::new();
    for name in NAMES {
        for (suffix, window) in [("7d", Window::days(7)), ("30d", Window::days(30)), ("all", Window::All)] {
            all.push((format!("{name}_{suffix}"), FeatureKind::Count, Filter::named(name), window));
        }
        all.push((format!("{name}_recency"), FeatureKind::Recency, Filter::named(name), Window::All));
    }
    for (suffix, window) in [("30d", Window::days(30)), ("all", Window::All)] {
        let orders = || Filter::named("Order Completed");
        let kinds = [
            ("sessions", FeatureKind::Sessions { gap_minutes }, Filter::behaviour()),
            ("categories", FeatureKind::Distinct { of: source("properties.category") }, Filter::behaviour()),
            ("mix", FeatureKind::Entropy { of: source("properties.category") }, Filter::behaviour()),
            ("devices", FeatureKind::Entropy { of: source("properties.device") }, Filter::behaviour()),
            ("revenue", FeatureKind::Sum { of: amount() }, orders()),
            ("basket", FeatureKind::Mean { of: amount() }, orders()),
            ("largest", FeatureKind::Max { of: amount() }, orders()),
            ("days", FeatureKind::ActiveDays, Filter::behaviour()),
        ];
        all.extend(kinds.into_iter().map(|(name, kind, filter)| (format!("{name}_{suffix}"), kind, filter, window)));
    }
    let definition = |(name, kind, filter, window): (String, FeatureKind, Filter, Window)| FeatureDefinition {
        phrase: name.replace('_', " "),
        name: name.replace(' ', "_").to_lowercase(),
        kind,
        filter,
        window,
        half_life_days: None,
        description: String::new(),
        unit: "-".to_owned(),
        category: SignalCategory::Behavioural,
    };
    all.into_iter().map(definition).collect()
}

/// How many events there are, of how many people.
#[derive(Clone, Copy)]
struct Sizes {
    n_events: u64,
    n_people: u64,
}

impl Sizes {
    fn at(self, number: u64) -> Instant {
        let length = N_DAYS * u64::try_from(Instant::DAY).unwrap();
        let into = u128::from(number) * u128::from(length) / u128::from(self.n_events);
        Instant(i64::from(FIRST_DAY) * Instant::DAY + i64::try_from(into).unwrap())
    }

    fn event(self, number: u64) -> Event {
        // SplitMix64 (Steele, Lea and Flood 2014): the same events each time.
        let mut draw = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        draw = (draw ^ draw >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        draw = (draw ^ draw >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        draw ^= draw >> 31;
        let pick = |shift: u32, n: usize| usize::try_from(draw >> shift & 0xff).unwrap() % n;
        let joined = (number * N_DAYS / JOINING_DAYS + 1).min(self.n_events) * self.n_people / self.n_events;
        let person = (draw >> 24) % joined.max(1);
        let mut left = draw % 100;
        let habits = HABITS[usize::try_from(person).unwrap() % HABITS.len()].iter();
        let position = habits.take_while(|share| left.checked_sub(**share).map(|rest| left = rest).is_some()).count();
        let paid = NAMES[position] == "Order Completed";
        let mut properties = Attributes::new();
        properties.insert("category", Value::text(CATEGORIES[pick(7, CATEGORIES.len())]));
        properties.insert("device", Value::text(DEVICES[pick(15, DEVICES.len())]));
        let minor = 500 + i64::try_from(draw >> 40).unwrap() % 9_000;
        Event {
            id: EventId(format!("e{number}")),
            kind: EventKind::Track,
            name: NAMES[position].to_owned(),
            user_id: Some(format!("u{person}")),
            anonymous_id: None,
            external_ids: Vec::new(),
            group_id: None,
            previous_id: None,
            occurred_at: self.at(number),
            sent_at: None,
            received_at: self.at(number),
            source: "web".to_owned(),
            channel: None,
            context: Attributes::new(),
            properties,
            traits: Attributes::new(),
            money: paid.then(|| Money { minor, currency: "EUR".parse().unwrap() }),
            products: Vec::new(),
            text: None,
            rating: paid.then_some(Decimal(5_000_000)),
        }
    }

    fn entries(self, numbers: Range<u64>) -> Vec<Entry> {
        let record = |number| Record::Event(Box::new(self.event(number)));
        numbers.map(|number| Entry::new(Offset(number), record(number))).collect()
    }
}

fn core(model: Option<LiveModel>) -> Core {
    let catalogue = Catalogue::new(definitions(), Some("EUR".parse().unwrap())).unwrap();
    let scoring = Scoring { live: model.as_ref().map(|model| model.version().to_owned()), shadow: None };
    let mut core = Core::new(CoreSettings {
        calendar: Calendar::utc(),
        catalogue,
        touchpoints: Vec::new(),
        shifts: ShiftRules::STANDARD,
        rules: IdentityRules::standard(),
        models: model.into_iter().collect(),
    });
    core.apply(&Entry::new(Offset(0), Record::Scoring(scoring)));
    core
}

/// Those who had joined by a day, as they were known then.
fn population(core: &Core, day: Day, first_days: &BTreeMap<ProfileId, i32>) -> Population {
    let known = core.features_of_all(day).filter(|(profile, _)| first_days[profile] <= day.0);
    let (profiles, rows): (Vec<ProfileId>, Vec<Vec<FeatureValue>>) = known.unzip();
    let number = |value: &FeatureValue| match value {
        FeatureValue::Number(number) => *number,
        FeatureValue::Category(_) | FeatureValue::Missing => f64::NAN,
    };
    let columns = definitions().into_iter().enumerate().map(|(idx, definition)| FeatureColumn {
        definition,
        values: Values::Numbers(rows.iter().map(|row| number(&row[idx])).collect()),
    });
    let days = profiles.iter().map(|profile| u32::try_from(day.0 - first_days[profile]).unwrap()).collect();
    Population {
        as_of: Calendar::utc().as_of(day),
        features: columns.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: Some(Histories { days, earlier: Vec::new() }),
        lookback: None,
        profiles,
    }
}

/// Fits the model and returns its stored form.
fn fitted(sizes: Sizes) -> Vec<u8> {
    let n_people = (sizes.n_people / 10).max(2_000);
    let sizes = Sizes { n_events: n_people * 60, n_people };
    let mut core = core(None);
    let mut first_days = BTreeMap::new();
    for entry in sizes.entries(0..sizes.n_events) {
        let carrier = core.apply(&entry).unwrap();
        let day = Calendar::utc().local(sizes.at(entry.offset.0)).0;
        first_days.entry(core.profile_id(carrier)).or_insert(day.0);
    }
    let today = core.today();
    let mut customers = population(&core, today, &first_days);
    let earlier = [30, 60, 90, 120].map(|days| population(&core, Day(today.0 - days), &first_days));
    customers.histories.as_mut().unwrap().earlier = earlier.into();
    let params = DiscoveryParams { continuum: Continuum::Cut, ..DiscoveryParams::new(PersonaCount::Exactly(5), 1) };
    let Outcome::Found(found) = discover(&customers, &params).unwrap().outcome else {
        unreachable!("five kinds of people were planted")
    };
    found.model.state()
}

/// Returns a figure of this process in bytes, by its name in the system's list.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|text| text.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |idx: usize, default: u64| arguments.get(idx).map_or(default, |text| text.parse().unwrap());
    let sizes = Sizes { n_events: argument(0, 1_000_000), n_people: argument(1, 20_000) };
    match arguments.get(2) {
        Some(path) if std::fs::exists(path).unwrap() => measure(sizes, &std::fs::read(path).unwrap()),
        Some(path) => std::fs::write(path, fitted(sizes)).unwrap(),
        None => {
            // In a process of its own, whose memory nobody has used before.
            let state = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(state.path(), fitted(sizes)).unwrap();
            let mut again = std::process::Command::new(std::env::current_exe().unwrap());
            again.args([sizes.n_events, sizes.n_people].map(|n| n.to_string())).arg(state.path());
            assert!(again.status().unwrap().success());
        }
    }
}

fn measure(sizes: Sizes, state: &[u8]) {
    let scorer = Scorer::new(Arc::new(Model::from_state(state).unwrap()), &definitions()).unwrap();
    let model = LiveModel::new("m1", scorer, Vec::new());
    let n_personas = model.personas().len();
    let before = memory("VmRSS:");
    let mut core = core(Some(model));
    // While histories grow short, and once most are long.
    let mut spent = [0.0, 0.0];
    let half = sizes.n_events / 2;
    let (mut n_shifts, mut n_explained, mut explaining) = (0, 0_usize, 0.0);
    let mut scratch = ScorerScratch::default();
    let mut hasher = blake3::Hasher::new();
    let mut number = 0;
    while number < sizes.n_events {
        let until = (number + 10_000).min(sizes.n_events);
        let entries = sizes.entries(number..until);
        let start = Clock::now();
        for entry in &entries {
            core.apply(entry);
        }
        let shifts = core.take_shifts();
        spent[usize::from(number >= half)] += start.elapsed().as_secs_f64();
        let start = Clock::now();
        let shifts: Vec<Shift> = shifts.into_iter().map(|shift| shift.explained(&mut scratch)).collect();
        explaining += start.elapsed().as_secs_f64();
        n_shifts += shifts.len();
        n_explained += shifts.iter().filter(|shift| shift.from.is_some() || !shift.because.is_empty()).count();
        shifts.iter().for_each(|shift| _ = hasher.update(format!("{shift:?}\n").as_bytes()));
        number = until;
    }
    let profiles = core.n_profiles();
    let grown = memory("VmRSS:").saturating_sub(before);
    let seconds = spent[0] + spent[1];
    println!(
        "{{\"task\": \"D.stream\", \"engine\": \"throng\", \"n\": {}, \"seconds\": {seconds:.3}, \"events_per_s\": {:.0}, \
         \"first_half_per_s\": {:.0}, \"second_half_per_s\": {:.0}, \"features\": {}, \"personas\": {n_personas}, \
\"shifts\": {n_shifts}, \"shifts_hash\": \"{}\", \"explanations_per_s\": {:.0}, \
         \"events_explained_per_s\": {:.0}, \"bytes_per_profile\": {:.0}, \"counted_bytes_per_profile\": {:.0}, \
         \"peak_rss_mb\": {:.1}, \"quality\": {{\"users\": {profiles}}}}}",
        sizes.n_events,
        sizes.n_events as f64 / seconds,
        half as f64 / spent[0],
        (sizes.n_events - half) as f64 / spent[1],
        definitions().len(),
        &hasher.finalize().to_hex()[..16],
        n_explained as f64 / explaining,
        sizes.n_events as f64 / (seconds + explaining),
        grown as f64 / profiles as f64,
        core.memory() as f64 / profiles as f64,
        memory("VmHWM:") as f64 / 1e6,
    );
}
