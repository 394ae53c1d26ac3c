//! Markets whose kinds of customers are where they are put, and come, go and move as told.

use std::collections::BTreeSet;
use std::ops::Range;

use throng_event::{Calendar, Day, Identity};
use throng_feature::{FeatureDefinition, FeatureKind, Filter, SignalCategory, Window};
use throng_persona::{
    Baseline, Discovery, DiscoveryParams, FeatureColumn, Found, History, Lineage, LineageKind, LineageParams, Occasion,
    PersonaCount, PersonaId, Population, Previous, Values, discover, rediscover,
};
use throng_profile::ProfileId;

use crate::shop::{Chance, found};

/// The customers of some numbers, all around one place.
pub(crate) type Group = (Range<usize>, [f64; 4]);

/// Four kinds far apart, of 200, 150, 100 and 90 customers: `p1` to `p4`.
pub(crate) const A: Group = (0..200, [0.0, 0.0, 0.0, 0.0]);
pub(crate) const B: Group = (200..350, [14.0, 0.0, 14.0, 0.0]);
pub(crate) const C: Group = (350..450, [0.0, 14.0, 14.0, 0.0]);
pub(crate) const D: Group = (450..540, [14.0, 14.0, 0.0, 14.0]);

/// Where nobody is.
pub(crate) const ELSEWHERE: [f64; 4] = [0.0, 0.0, 14.0, 14.0];

/// Returns the market of these groups; the seed moves every customer a little.
pub(crate) fn market(groups: &[Group], seed: u64) -> Population {
    let mut chance = Chance(seed);
    let mut profiles = Vec::new();
    let mut columns: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::new());
    for (numbers, place) in groups {
        for number in numbers.clone() {
            profiles.push(ProfileId::of(&Identity::user(&format!("{number:06}"))));
            for (column, centre) in columns.iter_mut().zip(place) {
                column.push(chance.near(50.0 + centre, 1.0));
            }
        }
    }
    let kinds =
        [FeatureKind::Count, FeatureKind::Recency, FeatureKind::Tenure, FeatureKind::HourShare { from: 22, to: 6 }];
    let features = kinds.into_iter().zip(columns).enumerate().map(|(idx, (kind, numbers))| FeatureColumn {
        definition: FeatureDefinition {
            name: format!("feature_{idx}"),
            kind,
            filter: Filter::behaviour(),
            window: Window::All,
            half_life_days: None,
            description: String::new(),
            phrase: format!("measure {idx}"),
            unit: String::new(),
            category: SignalCategory::Behavioural,
        },
        values: Values::Numbers(numbers),
    });
    Population {
        as_of: Calendar::utc().as_of(Day(19_000)),
        profiles,
        features: features.collect(),
        traits: Vec::new(),
        revenue: None,
        histories: None,
        lookback: None,
    }
}

pub(crate) fn params(seed: u64) -> DiscoveryParams {
    DiscoveryParams::new(PersonaCount::Auto { max: 6 }, seed)
}

/// Returns what a later discovery needs to know of one.
pub(crate) fn previous(population: &Population, discovery: &Discovery) -> Previous {
    let found: &Found = found(discovery);
    let baseline = Baseline::of(population, discovery).unwrap().unwrap();
    let ids_used: BTreeSet<PersonaId> = found.personas.iter().map(|persona| persona.id.clone()).collect();
    Previous { baseline, memberships: found.memberships.clone(), ids_used }
}

/// Discovers in one market, then again in another.
pub(crate) fn twice(before: &[Group], after: &[Group]) -> (Discovery, Lineage) {
    let before = market(before, 1);
    let former = previous(&before, &discover(&before, &params(1)).unwrap());
    let after = market(after, 2);
    rediscover(&after, &params(2), &former, &LineageParams::new()).unwrap()
}

/// Returns the events as `split p1 > p4 p5`, one a line.
pub(crate) fn told(lineage: &Lineage) -> String {
    let mut lines: Vec<String> = lineage
        .events
        .iter()
        .map(|event| {
            let ids = |personas: &[throng_persona::LineagePersona]| {
                personas.iter().map(|persona| persona.id.to_string()).collect::<Vec<String>>().join(" ")
            };
            let kind = event.kind.as_str();
            format!("{kind} {} > {}", ids(&event.former), ids(&event.current)).replace("  ", " ").trim_end().to_owned()
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

/// Takes a discovery into a history.
pub(crate) fn remember(history: &mut History, population: &Population, discovery: &Discovery, lineage: &Lineage) {
    let n_profiles = u64::try_from(population.profiles.len()).unwrap();
    let occasion = Occasion { as_of: population.as_of.day, seed: 1, n_profiles };
    let entry = history.entry(occasion, discovery, lineage, None);
    history.push(entry).unwrap();
}

pub(crate) fn n_changes(lineage: &Lineage) -> usize {
    lineage.events.len() - lineage.n_events(LineageKind::Persisted)
}
