//! Measures the kernel on generated columns: 10 M events of 200 k profiles, 28 features.
//!
//! The features are those of the peer kit's `b_features.py`. Run it with
//! `cargo run --release -p throng-feature --example kernel_bench [EVENTS] [PROFILES]`.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails where it stands")]

use std::time::Instant;

use throng_event::{Calendar, Day, Field};
use throng_feature::{
    Catalogue, Columns, Compiled, EventSet, FeatureColumn, FeatureDefinition, FeatureKind, FeatureMatrix, FieldColumn,
    Filter, Quantity, SESSION_GAP_MINUTES, Scratch, SignalCategory, Term, ValueForm, ValueSource, Weekdays, WhenEmpty,
    Window,
};

const EVENTS: [&str; 8] =
    ["page_view", "search", "product_view", "add_to_cart", "checkout", "purchase", "wishlist", "support"];
const CATEGORIES: [&str; 6] = ["electronics", "fashion", "home", "grocery", "beauty", "sports"];
const DEVICES: [&str; 3] = ["mobile", "desktop", "tablet"];
const FIRST_DAY: i32 = 19_875;

/// A small generator of repeatable noise (SplitMix64, Steele et al. 2014).
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(mixed ^ (mixed >> 31)) * u128::from(n)) >> 64).try_into().unwrap()
    }
}

#[derive(Default)]
struct Generated {
    runs: Vec<usize>,
    occurred_at: Vec<i64>,
    day: Vec<i32>,
    hour: Vec<u8>,
    event: Vec<u32>,
    page: Vec<u32>,
    category: Vec<u32>,
    device: Vec<u32>,
    amount: Vec<i64>,
}

fn generate(n_events: usize, n_profiles: usize) -> Generated {
    let mut noise = Noise(11);
    let mut out = Generated { runs: vec![0], ..Generated::default() };
    for _ in 0..n_profiles {
        let mean = u64::try_from(n_events / n_profiles).unwrap();
        let n = 1 + noise.below(mean * 2 - 1);
        let mut starts: Vec<i64> =
            (0..n.div_ceil(6)).map(|_| i64::try_from(noise.below(180 * 86_400)).unwrap() * 1_000_000).collect();
        starts.sort_unstable();
        let mut at = 0;
        let (mut device, favourite) = (0, noise.below(6));
        for idx in 0..usize::try_from(n).unwrap() {
            let gap = i64::try_from(noise.below(140_000_000)).unwrap();
            at = if idx % 6 == 0 { starts[idx / 6].max(at + gap) } else { at + gap };
            if idx % 6 == 0 {
                device = noise.below(3);
            }
            let event = noise.below(8);
            let category = if noise.below(2) == 0 { favourite } else { noise.below(6) };
            let instant = i64::from(FIRST_DAY) * 86_400_000_000 + at;
            out.occurred_at.push(instant);
            out.day.push(i32::try_from(instant.div_euclid(86_400_000_000)).unwrap());
            out.hour.push(u8::try_from(instant.rem_euclid(86_400_000_000) / 3_600_000_000).unwrap());
            out.event.push(u32::try_from(event).unwrap());
            out.category.push(u32::try_from(category).unwrap());
            out.page.push(u32::try_from(category * 40 + noise.below(40)).unwrap());
            out.device.push(u32::try_from(device).unwrap());
            out.amount.push(if event == 5 { i64::try_from(noise.below(20_000)).unwrap() } else { 0 });
        }
        out.runs.push(out.occurred_at.len());
    }
    out
}

fn definitions() -> Vec<FeatureDefinition> {
    let gap_minutes = SESSION_GAP_MINUTES;
    let property = |name: &str| Field::Property(name.to_owned());
    let term = |quantity, filter| Term { quantity, filter };
    let count = |name: &str| term(Quantity::Count, Filter::named(name));
    let ratio = |numerator, denominator, empty| FeatureKind::Ratio {
        numerator: vec![numerator],
        denominator: vec![denominator],
        empty,
    };
    let all = Filter { events: EventSet::Every, equals: vec![] };
    let of = |name: &str| ValueSource::Field(property(name));
    let mut kinds = vec![
        ("n_events", FeatureKind::Count, None),
        ("n_sessions", FeatureKind::Sessions { gap_minutes }, None),
        ("in_session_s", FeatureKind::SessionTime { gap_minutes }, None),
        ("active_days", FeatureKind::ActiveDays, None),
        ("recency_days", FeatureKind::Recency, None),
        ("tenure_days", FeatureKind::Span, None),
        ("n_purchases", FeatureKind::Count, Some("purchase")),
        ("revenue", FeatureKind::Sum { of: Field::Amount }, None),
        ("max_basket", FeatureKind::Max { of: Field::Amount }, None),
        ("device_switches", FeatureKind::Switches { of: of("device") }, None),
        ("n_devices", FeatureKind::Distinct { of: of("device") }, None),
        ("carts", FeatureKind::Count, Some("add_to_cart")),
        ("views", FeatureKind::Count, Some("product_view")),
        ("night_share", FeatureKind::HourShare { from: 22, to: 6 }, None),
        ("weekend_share", FeatureKind::DayOfWeekShare { days: Weekdays::WEEKEND }, None),
        ("n_pages", FeatureKind::Distinct { of: of("page") }, None),
        ("hour_entropy", FeatureKind::Entropy { of: ValueSource::HourOfDay }, None),
    ];
    let everything = |quantity| term(quantity, all.clone());
    let sessions = || everything(Quantity::Sessions { gap_minutes });
    let time = everything(Quantity::SessionTime { gap_minutes });
    let money = everything(Quantity::Sum { of: Field::Amount });
    kinds.push(("avg_session_s", ratio(time, sessions(), WhenEmpty::Missing), None));
    kinds.push(("events_per_session", ratio(everything(Quantity::Count), sessions(), WhenEmpty::Missing), None));
    kinds.push(("avg_basket", ratio(money, count("purchase"), WhenEmpty::Zero), None));
    kinds.push(("cart_rate", ratio(count("add_to_cart"), count("product_view"), WhenEmpty::AtLeastOne), None));
    for name in CATEGORIES {
        let share = FeatureKind::Share { of: property("category"), value: name.to_owned(), weight: None };
        kinds.push((name, share, None));
    }
    let definition = |(name, kind, event): (&str, FeatureKind, Option<&str>)| FeatureDefinition {
        name: name.to_owned(),
        kind,
        filter: event.map_or(all.clone(), Filter::named),
        window: Window::All,
        half_life_days: None,
        description: String::new(),
        phrase: String::new(),
        unit: String::new(),
        category: SignalCategory::Behavioural,
    };
    kinds.into_iter().map(definition).collect()
}

fn column<'a>(generated: &'a Generated, field: &Field, form: ValueForm) -> FieldColumn<'a> {
    let codes = |codes: &'a [u32], texts: &[&str]| FieldColumn::Codes { codes, dictionary: dictionary(texts) };
    let name = field.to_string();
    match (name.as_str(), form) {
        ("event", ValueForm::Text) => codes(&generated.event, &EVENTS),
        ("properties.category", ValueForm::Text) => codes(&generated.category, &CATEGORIES),
        ("properties.device", ValueForm::Text) => codes(&generated.device, &DEVICES),
        ("properties.page", ValueForm::Text) => {
            // The texts of pages are never looked at: their number is all that counts.
            FieldColumn::Codes { codes: &generated.page, dictionary: dictionary(&["page"; 240]) }
        }
        (_, _) => FieldColumn::Numbers { values: &generated.amount },
    }
}

/// Returns texts that live as long as the program.
fn dictionary(texts: &[&str]) -> &'static [String] {
    texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>().leak()
}

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).map(|text| text.parse().unwrap()).collect();
    let n_events = arguments.first().copied().unwrap_or(10_000_000);
    let generated = generate(n_events, arguments.get(1).copied().unwrap_or(n_events / 50));
    let compiled = Compiled::new(&Catalogue::new(definitions(), None).unwrap());
    let as_of = Calendar::utc().as_of(Day(FIRST_DAY + 400));
    for _ in 0..3 {
        let columns = Columns {
            occurred_at: &generated.occurred_at,
            day: &generated.day,
            hour: &generated.hour,
            line_offsets: &[],
            fields: compiled.fields().iter().map(|field| column(&generated, &field.field, field.form)).collect(),
        };
        let start = Instant::now();
        let bound = compiled.bind(columns);
        let bind_s = start.elapsed().as_secs_f64();
        let (mut scratch, mut matrix) = (Scratch::new(), FeatureMatrix::new(&compiled));
        for run in generated.runs.windows(2) {
            bound.fold(run[0]..run[1], as_of, &mut scratch, &mut matrix);
        }
        let all_s = start.elapsed().as_secs_f64();
        let n_rows = generated.occurred_at.len();
        let millions = f64::from(u32::try_from(n_rows).unwrap()) / 1e6;
        let (fold_s, rate) = (all_s - bind_s, millions / all_s);
        println!(
            "{n_rows} events, {} profiles, {} features: bind {bind_s:.3} s, fold {fold_s:.3} s, {rate:.1} M events/s",
            matrix.n_rows(),
            compiled.n_features(),
        );
        let sums: Vec<String> = compiled
            .names()
            .zip(matrix.columns())
            .map(|(name, column)| match column {
                FeatureColumn::Numbers(numbers) => format!("{name} {:.3}", numbers.iter().sum::<f64>()),
                FeatureColumn::Categories(categories) => format!("{name} {} texts", categories.texts().len()),
            })
            .collect();
        println!("{}", sums.join(", "));
    }
}
