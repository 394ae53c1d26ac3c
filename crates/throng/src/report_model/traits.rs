//! How traits are spread in each persona and among everybody else.

use std::collections::{BTreeMap, BTreeSet};

use throng_engine::Engine;
use throng_persona::{Persona, PersonaId};

use super::part;
use crate::report::{TraitShare, TraitSplit};
use crate::rows::Rows;

/// A trait with more values is a name or an address, and shows nothing when it is drawn.
const VALUES_MAX: usize = 12;

/// Share of the customers of whom a trait must be known.
const KNOWN_MIN: f64 = 0.05;

/// One trait: customers by value and persona; the empty persona is that of nobody.
type Spread = BTreeMap<String, BTreeMap<String, u64>>;

/// Returns the traits of every persona.
pub(super) fn read(engine: &Engine, personas: &[Persona]) -> anyhow::Result<BTreeMap<PersonaId, Vec<TraitSplit>>> {
    let answer = engine.query(
        "SELECT t.name AS name, t.value AS value, m.persona_id AS persona_id, count(*) AS n FROM traits t \
         JOIN memberships m ON t.profile_id = m.profile_id WHERE t.name IN (SELECT name FROM traits GROUP BY name \
         HAVING count(DISTINCT value) BETWEEN 2 AND 12) GROUP BY t.name, t.value, m.persona_id",
    )?;
    let rows = Rows(&answer);
    let (names, values) = (rows.words("name")?, rows.words("value")?);
    let (ids, counts) = (rows.words("persona_id")?, rows.counts("n")?);
    let mut spreads: BTreeMap<String, Spread> = BTreeMap::new();
    for row in 0..answer.num_rows() {
        let spread = spreads.entry(names[row].clone()).or_default();
        *spread.entry(values[row].clone()).or_default().entry(ids[row].clone()).or_default() += counts[row];
    }
    let n_customers: u64 = personas.iter().map(|persona| persona.n_profiles).sum();
    spreads.retain(|_, spread| {
        let n_known: u64 = spread.values().flat_map(BTreeMap::values).sum();
        spread.len() <= VALUES_MAX && part(n_known, n_customers) >= KNOWN_MIN
    });
    let splits = |persona: &Persona| {
        let splits = spreads.iter().map(|(name, spread)| split(name, spread, persona.id.as_str()));
        (persona.id.clone(), splits.filter(|split| split.n_known > 0).collect())
    };
    Ok(personas.iter().map(splits).collect())
}

fn split(name: &str, spread: &Spread, persona: &str) -> TraitSplit {
    let of = |value: &BTreeMap<String, u64>| value.get(persona).copied().unwrap_or(0);
    let n_own: u64 = spread.values().map(of).sum();
    let n_all: u64 = spread.values().flat_map(BTreeMap::values).sum();
    let ordered: BTreeSet<(Rank, &String)> = spread.keys().map(|value| (rank(value), value)).collect();
    let values = ordered.into_iter().map(|(_, value)| {
        let own = of(&spread[value]);
        let all: u64 = spread[value].values().sum();
        TraitShare { label: value.clone(), persona: part(own, n_own), rest: part(all - own, n_all - n_own) }
    });
    TraitSplit { name: words(name), n_known: n_own, values: values.collect() }
}

/// Where a value stands among its like: by the first number in it, "under 15" before
/// "15 to 24", texts without a number last.
type Rank = (bool, u64, bool);

fn rank(value: &str) -> Rank {
    let digits: String = value.chars().skip_while(|c| !c.is_ascii_digit()).take_while(|c| c.is_ascii_digit()).collect();
    let lower = value.to_lowercase();
    let below = ["under", "below", "less", "<", "up to"].iter().any(|word| lower.starts_with(word));
    match digits.parse() {
        Ok(number) => (false, number, !below),
        Err(_) => (true, 0, false),
    }
}

/// Returns a trait's name in words: `household_size` becomes `Household size`.
fn words(name: &str) -> String {
    let text = name.replace(['_', '-'], " ");
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_their_own_order() {
        let mut values = ["65+", "Under 15K", "15-24K", "100K", "unknown", "9"];
        values.sort_by_key(|value| rank(value));
        assert_eq!(values, ["9", "Under 15K", "15-24K", "65+", "100K", "unknown"]);
        assert_eq!(words("household_size"), "Household size");
    }

    #[test]
    fn shares_are_of_those_of_whom_the_trait_is_known() {
        let mut spread = Spread::new();
        spread.insert("yes".to_owned(), BTreeMap::from([("p1".to_owned(), 3), (String::new(), 1)]));
        spread.insert("no".to_owned(), BTreeMap::from([("p1".to_owned(), 1), ("p2".to_owned(), 3)]));
        let split = split("owner", &spread, "p1");
        assert_eq!((split.n_known, split.values[1].label.as_str()), (4, "yes"));
        assert!((split.values[1].persona - 0.75).abs() < 1e-12);
        assert!((split.values[1].rest - 0.25).abs() < 1e-12);
    }
}
