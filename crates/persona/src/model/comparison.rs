//! Two models held against each other on the same customers: who goes from which persona to which.

use std::collections::BTreeMap;

use throng_learn::{LearnError, adjusted_rand_index};
use throng_profile::ProfileId;

use crate::discovery::attempted;
use crate::number::real_count;
use crate::{Membership, Memberships, PersonaError, PersonaId};

/// Customers kept as examples of those who go one way: enough to look at one, and at another.
const EXAMPLES_MAX: usize = 3;

/// What two models say of the same customers, who may come in pieces.
#[derive(Debug, Clone)]
pub struct ModelTally {
    first: Vec<PersonaId>,
    second: Vec<PersonaId>,
    first_labels: Vec<usize>,
    second_labels: Vec<usize>,
    /// For each persona that both models have, the sum of the differences of its shares.
    differences: BTreeMap<PersonaId, f64>,
    examples: BTreeMap<(usize, usize), Vec<ModelExample>>,
}

/// Two models compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelComparison {
    /// The personas of the first model, in its order.
    pub first: Vec<PersonaId>,
    /// Those of the second.
    pub second: Vec<PersonaId>,
    /// For each persona of the first, how many count for each of the second; in both the last is none.
    pub n_profiles: Vec<Vec<u64>>,
    /// The share that counts for the persona of the same id by both, or for none by both.
    pub agreement: f64,
    /// Adjusted Rand index of the two divisions, none being a group.
    pub adjusted_rand: f64,
    /// For each persona that both have, by how much its share in a customer differs on average.
    pub share_differences: Vec<(PersonaId, f64)>,
    /// Customers who count for another persona by the second model, those of the largest flow first.
    pub examples: Vec<ModelExample>,
}

/// A customer whom two models take for different personas.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelExample {
    /// Who.
    pub profile: ProfileId,
    /// Whom the first model counts it for, and with what share.
    pub first: (Option<PersonaId>, f64),
    /// Whom the second model counts it for.
    pub second: (Option<PersonaId>, f64),
}

impl ModelTally {
    /// Returns a tally of nobody, by two models with these personas.
    #[must_use]
    pub fn new(first: Vec<PersonaId>, second: Vec<PersonaId>) -> Self {
        let both = first.iter().filter(|id| second.contains(id));
        let differences = both.map(|id| (id.clone(), 0.0)).collect();
        let (first_labels, second_labels, examples) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { first, second, first_labels, second_labels, differences, examples }
    }

    /// Takes in what the two models say of some customers, whom each is given once.
    ///
    /// # Errors
    /// [`PersonaError::OtherPopulation`] unless both are of these models and of the same profiles in the
    /// same order.
    pub fn take(&mut self, first: &Memberships, second: &Memberships) -> Result<(), PersonaError> {
        let profiles = |memberships: &Memberships| memberships.rows().len();
        let pairs = || first.rows().iter().zip(second.rows());
        let of_these = first.personas() == self.first && second.personas() == self.second;
        let same = profiles(first) == profiles(second) && pairs().all(|(a, b)| a.profile == b.profile);
        if !of_these || !same {
            let (n_memberships, n_profiles) = (profiles(first), profiles(second));
            return Err(PersonaError::OtherPopulation { n_memberships, n_profiles });
        }
        for (a, b) in pairs() {
            let label = |row: &Membership, personas: &[PersonaId]| row.assigned.unwrap_or(personas.len());
            let way = (label(a, &self.first), label(b, &self.second));
            self.first_labels.push(way.0);
            self.second_labels.push(way.1);
            for (id, sum) in &mut self.differences {
                let share = |row: &Membership, personas: &[PersonaId]| {
                    personas.iter().position(|other| other == id).map_or(0.0, |idx| row.shares[idx])
                };
                *sum += (share(a, &self.first) - share(b, &self.second)).abs();
            }
            let counts_for = |row: &Membership, personas: &[PersonaId]| match row.assigned {
                Some(idx) => (Some(personas[idx].clone()), row.shares[idx]),
                None => (None, row.unassigned),
            };
            let examples = self.examples.entry(way).or_default();
            if self.first.get(way.0) != self.second.get(way.1) && examples.len() < EXAMPLES_MAX {
                let (first, second) = (counts_for(a, &self.first), counts_for(b, &self.second));
                examples.push(ModelExample { profile: a.profile.clone(), first, second });
            }
        }
        Ok(())
    }

    /// Returns the comparison on all customers that were taken in.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] when there were none.
    pub fn comparison(self) -> Result<ModelComparison, PersonaError> {
        if self.first_labels.is_empty() {
            let source = LearnError::TooFewRows { attempt: "compare models", n_rows: 0, n_rows_needed: 1 };
            return Err(PersonaError::Learn { attempt: "compare two models", source });
        }
        let mut n_profiles = vec![vec![0_u64; self.second.len() + 1]; self.first.len() + 1];
        let mut n_agreeing = 0_usize;
        for (a, b) in self.first_labels.iter().zip(&self.second_labels) {
            n_profiles[*a][*b] += 1;
            n_agreeing += usize::from(self.first.get(*a) == self.second.get(*b));
        }
        let index = adjusted_rand_index(&self.first_labels, &self.second_labels);
        let adjusted_rand = attempted("compare two models", index)?;
        let n = real_count(self.first_labels.len());
        let mut flows: Vec<((usize, usize), Vec<ModelExample>)> = self.examples.into_iter().collect();
        flows.sort_by_key(|((a, b), _)| (std::cmp::Reverse(n_profiles[*a][*b]), *a, *b));
        Ok(ModelComparison {
            first: self.first,
            second: self.second,
            agreement: real_count(n_agreeing) / n,
            adjusted_rand,
            share_differences: self.differences.into_iter().map(|(id, sum)| (id, sum / n)).collect(),
            examples: flows.into_iter().flat_map(|(_, examples)| examples).collect(),
            n_profiles,
        })
    }
}

impl ModelComparison {
    /// Returns how many customers were scored.
    #[must_use]
    pub fn n_scored(&self) -> u64 {
        self.n_profiles.iter().flatten().sum()
    }

    /// Returns how many count for another persona by the second model, or for none any more, or for one
    /// where it was none.
    #[must_use]
    pub fn n_moved(&self) -> u64 {
        let rows = self.n_profiles.iter().enumerate();
        let cells = rows.flat_map(|(a, row)| row.iter().enumerate().map(move |(b, n)| (a, b, *n)));
        cells.filter(|(a, b, _)| self.first.get(*a) != self.second.get(*b)).map(|(_, _, n)| n).sum()
    }
}

#[cfg(test)]
mod tests {
    use throng_event::Identity;

    use super::*;
    use crate::Teller;

    fn id(text: &str) -> PersonaId {
        text.parse().unwrap()
    }

    /// Returns memberships in which a profile counts for one persona with a share of 0.75, or for none.
    fn memberships(personas: &[&str], assigned: &[Option<usize>]) -> Memberships {
        let row = |(at, assigned): (usize, &Option<usize>)| Membership {
            profile: ProfileId::of(&Identity::user(&format!("{at:02}"))),
            shares: (0..personas.len()).map(|idx| if *assigned == Some(idx) { 0.75 } else { 0.0 }).collect(),
            unassigned: if assigned.is_some() { 0.25 } else { 1.0 },
            assigned: *assigned,
            by: Teller::Mixture,
        };
        let personas = personas.iter().map(|text| id(text)).collect();
        Memberships::new(personas, assigned.iter().enumerate().map(row).collect()).unwrap()
    }

    fn compared(first: &Memberships, second: &Memberships) -> ModelComparison {
        let mut tally = ModelTally::new(first.personas().to_vec(), second.personas().to_vec());
        tally.take(first, second).unwrap();
        tally.comparison().unwrap()
    }

    #[test]
    fn model_agrees_with_itself() {
        let own = memberships(&["p1", "p2"], &[Some(0), Some(1), None, Some(0)]);
        let comparison = compared(&own, &own);
        assert_eq!((comparison.agreement, comparison.adjusted_rand), (1.0, 1.0));
        assert_eq!((comparison.n_scored(), comparison.n_moved()), (4, 0));
        assert_eq!(comparison.n_profiles, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]);
        assert_eq!(comparison.share_differences, [(id("p1"), 0.0), (id("p2"), 0.0)]);
        assert!(comparison.examples.is_empty());
    }

    #[test]
    fn ids_and_not_positions_say_who_moved() {
        // The second model has p2 first, and p3 in the place of p1.
        let first = memberships(&["p1", "p2"], &[Some(0), Some(1), Some(1), None]);
        let second = memberships(&["p2", "p3"], &[Some(1), Some(0), Some(0), Some(0)]);
        let comparison = compared(&first, &second);
        assert_eq!(comparison.n_profiles, [[0, 1, 0], [2, 0, 0], [1, 0, 0]]);
        assert_eq!((comparison.agreement, comparison.n_moved()), (0.5, 2));
        assert_eq!(comparison.share_differences, [(id("p2"), 0.75 / 4.0)]);
        let moved: Vec<_> = comparison.examples.iter().map(|example| (&example.first, &example.second)).collect();
        assert_eq!(
            moved,
            [(&(Some(id("p1")), 0.75), &(Some(id("p3")), 0.75)), (&(None, 1.0), &(Some(id("p2")), 0.75))]
        );
    }

    #[test]
    fn pieces_are_the_whole() {
        let labels: Vec<Option<usize>> = (0..40_usize).map(|at| (at % 3 < 2).then_some(at * 7 % 3 % 2)).collect();
        let others: Vec<Option<usize>> = (0..40_usize).map(|at| (at % 5 < 4).then_some(at % 2)).collect();
        let (first, second) = (memberships(&["p1", "p2"], &labels), memberships(&["p1", "p2"], &others));
        let part = |whole: &Memberships, rows: std::ops::Range<usize>| {
            Memberships::new(whole.personas().to_vec(), whole.rows()[rows].to_vec()).unwrap()
        };
        let mut tally = ModelTally::new(first.personas().to_vec(), second.personas().to_vec());
        for rows in [0..11, 11..12, 12..40] {
            tally.take(&part(&first, rows.clone()), &part(&second, rows)).unwrap();
        }
        assert_eq!(tally.comparison().unwrap(), compared(&first, &second));
    }

    #[test]
    fn other_profiles_or_personas_are_refused() {
        let own = memberships(&["p1", "p2"], &[Some(0), Some(1)]);
        let mut tally = ModelTally::new(own.personas().to_vec(), own.personas().to_vec());
        assert!(tally.take(&own, &memberships(&["p1", "p2"], &[Some(0)])).is_err());
        assert!(tally.take(&own, &memberships(&["p1", "p3"], &[Some(0), Some(1)])).is_err());
        assert!(tally.comparison().is_err());
    }
}
