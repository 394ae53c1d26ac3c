//! A shop with five kinds of customers that overlap, two of whom cost more than they bring.

use throng_event::{Calendar, Day, Field};
use throng_feature::{FeatureKind, Filter, Quantity, SignalCategory, Term, ValueSource, WhenEmpty};
use throng_persona::{FeatureColumn, Population, Revenue, Values};

use crate::shop::{Chance, definition, product_share, profiles, whole};

/// What a kind of customer does, on average.
struct Kind {
    orders: f64,
    recency: f64,
    basket: f64,
    grocery: f64,
    wine: f64,
    evening: f64,
    discount: f64,
    refunds: f64,
    tickets: f64,
    channel: &'static str,
}

const KINDS: [Kind; 5] = [
    Kind {
        orders: 30.0,
        recency: 7.0,
        basket: 60.0,
        grocery: 0.5,
        wine: 0.1,
        evening: 0.2,
        discount: 0.05,
        refunds: 0.03,
        tickets: 0.4,
        channel: "web",
    },
    Kind {
        orders: 12.0,
        recency: 25.0,
        basket: 35.0,
        grocery: 0.35,
        wine: 0.1,
        evening: 0.3,
        discount: 0.35,
        refunds: 0.05,
        tickets: 0.4,
        channel: "app",
    },
    Kind {
        orders: 10.0,
        recency: 30.0,
        basket: 70.0,
        grocery: 0.1,
        wine: 0.1,
        evening: 0.3,
        discount: 0.08,
        refunds: 0.55,
        tickets: 3.0,
        channel: "web",
    },
    Kind {
        orders: 1.2,
        recency: 250.0,
        basket: 40.0,
        grocery: 0.25,
        wine: 0.1,
        evening: 0.3,
        discount: 0.08,
        refunds: 0.04,
        tickets: 0.2,
        channel: "web",
    },
    Kind {
        orders: 6.0,
        recency: 35.0,
        basket: 55.0,
        grocery: 0.1,
        wine: 0.6,
        evening: 0.7,
        discount: 0.06,
        refunds: 0.03,
        tickets: 0.3,
        channel: "app",
    },
];

/// Kinds by frequency: sizes far enough apart to be ordered alike in every sample.
const MIX: [usize; 15] = [0, 3, 0, 1, 3, 0, 4, 2, 0, 3, 1, 0, 4, 3, 1];

/// Features that say what customers cost.
pub(crate) const COSTS: [&str; 3] = ["discount_share", "refund_rate", "tickets"];

/// Returns a shop of `n_profiles`, and which kind each is.
pub(crate) fn market(n_profiles: usize, seed: u64) -> (Population, Vec<usize>) {
    let mut chance = Chance(seed);
    let mut columns: [Vec<f64>; 9] = std::array::from_fn(|_| Vec::new());
    let (mut channels, mut minor, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for profile_idx in 0..n_profiles {
        let kind_idx = MIX[profile_idx % MIX.len()];
        let kind = &KINDS[kind_idx];
        let orders = (kind.orders * chance.near(1.0, 0.3)).max(1.0).round();
        let basket = (kind.basket * chance.near(1.0, 0.25)).max(1.0);
        let refunds = (kind.refunds * chance.near(1.0, 0.4)).clamp(0.0, 1.0);
        let row = [
            orders,
            (kind.recency * chance.near(1.0, 0.35)).max(0.0).round(),
            basket,
            chance.near(kind.grocery, 0.1).clamp(0.0, 1.0),
            chance.near(kind.wine, 0.1).clamp(0.0, 1.0),
            chance.near(kind.evening, 0.1).clamp(0.0, 1.0),
            chance.near(kind.discount, 0.05).clamp(0.0, 1.0),
            refunds,
            (kind.tickets * chance.near(1.0, 0.5)).max(0.0).round(),
        ];
        for (column, value) in columns.iter_mut().zip(row) {
            column.push(value);
        }
        let usual = chance.share() < 0.8;
        channels.push(Some(if usual { kind.channel } else { "store" }.to_owned()));
        minor.push(whole(orders * basket * (1.0 - refunds) * 100.0));
        kinds.push(kind_idx);
    }
    let mut features: Vec<FeatureColumn> = columns
        .into_iter()
        .zip(definitions())
        .map(|(numbers, definition)| FeatureColumn { definition, values: Values::Numbers(numbers) })
        .collect();
    let channel = FeatureKind::MostFrequent { of: ValueSource::Field(Field::Channel) };
    let channel = definition("channel", channel, "main channel", "", SignalCategory::Contextual);
    features.push(FeatureColumn { definition: channel, values: Values::Categories(channels) });
    let population = Population {
        as_of: Calendar::utc().as_of(Day(19_000)),
        profiles: profiles(n_profiles),
        features,
        traits: Vec::new(),
        revenue: "EUR".parse().ok().map(|currency| Revenue { minor, currency }),
        histories: None,
        lookback: None,
    };
    (population, kinds)
}

/// Returns the population of the profiles in `rows`, under new ids where a row comes more than once.
pub(crate) fn taken(population: &Population, rows: &[usize]) -> Population {
    let mut taken = population.clone();
    taken.profiles = profiles(rows.len());
    for feature in &mut taken.features {
        feature.values = match &feature.values {
            Values::Numbers(numbers) => Values::Numbers(rows.iter().map(|row| numbers[*row]).collect()),
            Values::Categories(known) => Values::Categories(rows.iter().map(|row| known[*row].clone()).collect()),
        };
    }
    for column in &mut taken.traits {
        column.values = rows.iter().map(|row| column.values[*row].clone()).collect();
    }
    if let Some(revenue) = &mut taken.revenue {
        revenue.minor = rows.iter().map(|row| revenue.minor[*row]).collect();
    }
    taken
}

fn definitions() -> Vec<throng_feature::FeatureDefinition> {
    use SignalCategory::{Behavioural, Contextual, Transactional};
    let term = |quantity| vec![Term { quantity, filter: Filter::behaviour() }];
    let ratio = |numerator| FeatureKind::Ratio {
        numerator: term(numerator),
        denominator: term(Quantity::Count),
        empty: WhenEmpty::Missing,
    };
    let discount = ratio(Quantity::Sum { of: Field::ProductDiscount });
    vec![
        definition("orders", FeatureKind::Count, "orders", "orders", Transactional),
        definition("recency", FeatureKind::Recency, "days since the last order", "days", Behavioural),
        definition("basket", FeatureKind::Mean { of: Field::Amount }, "average order value", "EUR", Transactional),
        definition("grocery", product_share("Grocery"), "share of spend on Grocery", "share", Transactional),
        definition("wine", product_share("Wine"), "share of spend on Wine", "share", Transactional),
        definition(
            "evening",
            FeatureKind::HourShare { from: 18, to: 22 },
            "share of visits in the evening",
            "share",
            Contextual,
        ),
        definition("discount_share", discount, "share of the full price taken off", "share", Transactional),
        definition("refund_rate", ratio(Quantity::Count), "refunds per order", "ratio", Transactional),
        definition("tickets", FeatureKind::Count, "support tickets", "tickets", Behavioural),
    ]
}
