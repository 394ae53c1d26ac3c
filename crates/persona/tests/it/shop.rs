//! Shops with planted customers, made from a seed without any library of chance.

use throng_event::Identity;
use throng_event::{Calendar, Day, Field};
use throng_feature::{FeatureDefinition, FeatureKind, Filter, SignalCategory, ValueSource, Window};
use throng_persona::{
    Discovery, DiscoveryParams, FeatureColumn, Found, Outcome, PersonaCount, Population, Revenue, TraitColumn, Values,
    discover,
};
use throng_profile::ProfileId;

/// A stream of numbers that looks random (SplitMix64; Steele et al. 2014).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Returns a number from 0 up to 1.
    pub(crate) fn share(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from(u32::try_from((mixed ^ (mixed >> 31)) >> 32).unwrap()) / 4_294_967_296.0
    }

    /// Returns a number around `mean`, bell-shaped.
    pub(crate) fn near(&mut self, mean: f64, deviation: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| self.share()).sum();
        mean + deviation * (sum - 6.0)
    }
}

/// What a kind of customer does, on average.
struct Kind {
    orders: f64,
    basket: f64,
    recency: f64,
    grocery: f64,
    wine: f64,
    night: f64,
    device: &'static str,
    age: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        orders: 40.0,
        basket: 80.0,
        recency: 5.0,
        grocery: 0.6,
        wine: 0.05,
        night: 0.1,
        device: "desktop",
        age: "45-54",
    },
    Kind {
        orders: 1.2,
        basket: 30.0,
        recency: 220.0,
        grocery: 0.3,
        wine: 0.1,
        night: 0.15,
        device: "desktop",
        age: "25-34",
    },
    Kind {
        orders: 7.0,
        basket: 55.0,
        recency: 30.0,
        grocery: 0.15,
        wine: 0.6,
        night: 0.7,
        device: "mobile",
        age: "25-34",
    },
];

/// Returns a shop of `n_profiles`, half of the first kind, and which kind each is.
pub(crate) fn planted(n_profiles: usize, seed: u64) -> (Population, Vec<usize>) {
    let mut chance = Chance(seed);
    let mut kinds = Vec::new();
    let mut columns: [Vec<f64>; 8] = std::array::from_fn(|_| Vec::new());
    let (mut devices, mut ages, mut minor) = (Vec::new(), Vec::new(), Vec::new());
    for profile_idx in 0..n_profiles {
        let kind_idx = [0, 1, 0, 2, 0, 1][profile_idx % 6];
        let kind = &KINDS[kind_idx];
        let orders = (kind.orders * chance.near(1.0, 0.25)).max(1.0).round();
        let basket = (kind.basket * chance.near(1.0, 0.2)).max(1.0);
        let row = [
            orders,
            basket,
            (kind.recency * chance.near(1.0, 0.3)).max(0.0),
            chance.near(kind.grocery, 0.08).clamp(0.0, 1.0),
            chance.near(kind.wine, 0.08).clamp(0.0, 1.0),
            chance.near(kind.night, 0.08).clamp(0.0, 1.0),
            if chance.share() < 0.2 { chance.near(4.0, 0.5) } else { f64::NAN },
            7.0,
        ];
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
        let usual = chance.share() < 0.9;
        devices.push(Some(if usual { kind.device } else { "tablet" }.to_owned()));
        ages.push((chance.share() < 0.7).then(|| if chance.share() < 0.7 { kind.age } else { "65+" }.to_owned()));
        minor.push(whole(orders * basket * 100.0));
        kinds.push(kind_idx);
    }
    let mut features: Vec<FeatureColumn> = columns
        .into_iter()
        .zip(definitions())
        .map(|(numbers, definition)| FeatureColumn { definition, values: Values::Numbers(numbers) })
        .collect();
    let device = FeatureKind::MostFrequent { of: ValueSource::Field(Field::Context("device.type".to_owned())) };
    let device = definition("device", device, "main device", "", SignalCategory::Contextual);
    features.push(FeatureColumn { definition: device, values: Values::Categories(devices) });
    let population = Population {
        as_of: Calendar::utc().as_of(Day(19_000)),
        profiles: profiles(n_profiles),
        features,
        traits: vec![TraitColumn { name: "age".to_owned(), values: ages }],
        revenue: Some(Revenue { minor, currency: "EUR".parse().unwrap() }),
        histories: None,
        lookback: None,
    };
    (population, kinds)
}

/// Returns a shop whose customers differ, but in no way that hangs together.
pub(crate) fn structureless(n_profiles: usize, seed: u64) -> Population {
    let mut chance = Chance(seed);
    let mut features = Vec::new();
    for (feature_idx, kind) in [FeatureKind::Count, FeatureKind::ActiveDays, FeatureKind::Recency, FeatureKind::Tenure]
        .into_iter()
        .chain((0..4).map(|idx| product_share(&format!("group {idx}"))))
        .enumerate()
    {
        let name = format!("feature_{feature_idx}");
        let numbers = (0..n_profiles).map(|_| chance.near(50.0, 8.0)).collect();
        let definition = definition(&name, kind, &name, "", SignalCategory::Behavioural);
        features.push(FeatureColumn { definition, values: Values::Numbers(numbers) });
    }
    Population {
        as_of: Calendar::utc().as_of(Day(19_000)),
        profiles: profiles(n_profiles),
        features,
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    }
}

pub(crate) fn find(population: &Population, seed: u64) -> Discovery {
    discover(population, &DiscoveryParams::new(PersonaCount::Auto { max: 6 }, seed)).unwrap()
}

pub(crate) fn found(discovery: &Discovery) -> &Found {
    match &discovery.outcome {
        Outcome::Found(found) => found,
        Outcome::Refused(refusal) => panic!("refused: {}", refusal.text),
    }
}

fn definitions() -> Vec<FeatureDefinition> {
    let transactional = SignalCategory::Transactional;
    let night = FeatureKind::HourShare { from: 22, to: 6 };
    vec![
        definition("orders_all", FeatureKind::Count, "orders", "orders", transactional),
        definition("basket_mean", FeatureKind::Mean { of: Field::Amount }, "order value", "EUR", transactional),
        definition("recency", FeatureKind::Recency, "days since the last order", "days", SignalCategory::Behavioural),
        definition("grocery_share", product_share("Grocery"), "share of spend on Grocery", "share", transactional),
        definition("wine_share", product_share("Wine"), "share of spend on Wine", "share", transactional),
        definition("night_share", night, "share of visits at night", "share", SignalCategory::Contextual),
        definition(
            "rating_mean",
            FeatureKind::Mean { of: Field::Rating },
            "rating",
            "stars",
            SignalCategory::Sentiment,
        ),
        definition("constant", FeatureKind::ActiveDays, "days", "days", SignalCategory::Behavioural),
    ]
}

pub(crate) fn product_share(value: &str) -> FeatureKind {
    let weight = Some(Field::ProductAmount);
    FeatureKind::Share { of: Field::ProductCategory, value: value.to_owned(), weight }
}

pub(crate) fn definition(
    name: &str,
    kind: FeatureKind,
    phrase: &str,
    unit: &str,
    category: SignalCategory,
) -> FeatureDefinition {
    FeatureDefinition {
        name: name.to_owned(),
        kind,
        filter: Filter::behaviour(),
        window: Window::All,
        half_life_days: None,
        description: phrase.to_owned(),
        phrase: phrase.to_owned(),
        unit: unit.to_owned(),
        category,
    }
}

pub(crate) fn profiles(n_profiles: usize) -> Vec<ProfileId> {
    (0..n_profiles).map(|idx| ProfileId::of(&Identity::user(&format!("{idx:05}")))).collect()
}

/// The nearest whole number.
pub(crate) fn whole(value: f64) -> i64 {
    format!("{value:.0}").parse().unwrap()
}
