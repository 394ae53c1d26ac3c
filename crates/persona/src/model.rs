//! The fitted model: what is done to a profile's features, and how its shares follow from them.
//!
//! The same last steps serve a whole population ([`Model::memberships`]) and one profile at a time
//! ([`Scorer`]), so both give the same bits.

mod comparison;
mod scorer;
mod shift;
mod state;

use throng_learn::{HybridAnchor, Matrix, MembershipModel, Preparation, Projection};

use crate::columns::raw_matrix;
use crate::discovery::attempted;
use crate::membership::{largest_position, to_grid};
use crate::partial::{Least, Look, ToldScratch};
use crate::{
    Division, Membership, Memberships, ModelColumn, Partial, PersonaError, PersonaId, Population, Separation, Teller,
};

pub use comparison::{ModelComparison, ModelExample, ModelTally};
pub use scorer::{Scored, Scorer, ScorerScratch};
pub use shift::{Cause, Moment, Shift};

/// The fitted model: what is done to a population's features, and the mixture around the centroids.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The features distances are taken over.
    pub columns: Vec<ModelColumn>,
    /// How each is taken apart, scaled and weighed.
    pub scaler: Preparation,
    /// The space in which personas are told apart: the scaled columns as they are, or a mix of them.
    pub projection: Projection,
    /// Centroids and how far their clusters reach.
    pub membership: MembershipModel,
    /// For each persona, the position of its cluster.
    pub clusters: Vec<usize>,
    /// The personas' keys, in the same order.
    pub personas: Vec<PersonaId>,
    /// Whether there are borders between the clusters.
    pub separation: Separation,
    /// Which cluster a profile counts for, beside its shares.
    pub division: Division,
    /// How profiles with a short history are told; `None` where no history is known.
    pub partial: Option<Partial>,
}

/// What is known of one row before its shares are settled.
struct Findings<'a> {
    /// Its shares in all clusters, the unassigned one last.
    of_clusters: &'a [f64],
    /// What the ensemble computed of another that differs from it in a few features.
    beside: Option<&'a HybridAnchor>,
}

/// A lead that no rounding takes away, nor the grid of shares, of which it is thousands of steps.
const LEAD_MIN: f64 = 1e-6;

impl Model {
    /// Returns how much every profile of a population belongs to each persona.
    ///
    /// The population need not be the one the model was fitted to. A feature it lacks is taken as
    /// missing for everybody.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] when a value is infinite.
    pub fn memberships(&self, population: &Population) -> Result<Memberships, PersonaError> {
        population.check()?;
        let raw = attempted("scale the features", raw_matrix(&self.columns, population))?;
        let scaled = attempted("scale the features", self.scaler.transform(&raw))?;
        let placed = attempted("compute memberships", self.projection.transform(&scaled))?;
        let found = attempted("compute memberships", self.membership.predict_proba(&placed))?;
        let one_mixture = self.pooled_mixture();
        let mut scratch = ToldScratch::default();
        let divided = self.divided(&raw, (&scaled, &placed))?;
        let mut rows = Vec::with_capacity(population.profiles.len());
        for (row_idx, (profile, of_clusters)) in population.profiles.iter().zip(found.rows()).enumerate() {
            let mut shares = Vec::with_capacity(self.clusters.len() + 1);
            let look = Look {
                days: population.histories.as_ref().map(|histories| histories.days[row_idx]),
                prepared: scaled.row(row_idx),
                placed: placed.row(row_idx),
                of_mixture: one_mixture.then_some(of_clusters),
            };
            let findings = Findings { of_clusters, beside: None };
            let divide = || Ok(divided.as_ref().map(|clusters| clusters[row_idx]));
            scratch.begin();
            let (assigned, by) = self.settle(&findings, divide, (look, &mut scratch), &mut shares)?;
            let unassigned = shares.pop().unwrap_or(1.0);
            rows.push(Membership { profile: profile.clone(), shares, unassigned, assigned, by });
        }
        Memberships::new(self.personas.clone(), rows)
    }

    /// Whether the mixture of the ensemble is the model's, which then need not be asked twice.
    fn pooled_mixture(&self) -> bool {
        self.partial.as_ref().is_some_and(|partial| partial.pools(&self.membership))
    }

    /// Fills `shares` with the shares of a row, the unassigned one last, and returns the persona it counts
    /// for and what tells so.
    ///
    /// `divide` returns the cluster that the row is given to, or none; `None` where its largest share says
    /// so. It is asked where that matters.
    fn settle(
        &self,
        findings: &Findings<'_>,
        divide: impl FnOnce() -> Result<Option<Option<usize>>, PersonaError>,
        (look, scratch): (Look<'_>, &mut ToldScratch),
        shares: &mut Vec<f64>,
    ) -> Result<(Option<usize>, Teller), PersonaError> {
        let always_open = self.partial.as_ref().is_some_and(Partial::always_open);
        if always_open && let Some(counts_for) = self.by_ensemble(findings, (look, scratch), shares)? {
            return Ok((to_grid(shares, counts_for), Teller::Hybrid));
        }
        let divided = divide()?;
        let counts_for = match divided {
            None => {
                self.by_mixture(findings.of_clusters, shares);
                self.largest(shares)
            }
            Some(cluster) => self.persona_of(cluster),
        };
        let cluster = counts_for.map(|idx| self.clusters[idx]);
        let may_be_told = !always_open && self.partial.as_ref().is_some_and(|partial| partial.open(cluster));
        if may_be_told && let Some(counts_for) = self.by_ensemble(findings, (look, scratch), shares)? {
            return Ok((to_grid(shares, counts_for), Teller::Hybrid));
        }
        match divided {
            None => {}
            Some(Some(_)) => self.by_mixture(findings.of_clusters, shares),
            Some(None) => {
                // The method says that it belongs nowhere.
                shares.clear();
                shares.resize(self.clusters.len(), 0.0);
                shares.push(1.0);
            }
        }
        Ok((to_grid(shares, counts_for), Teller::Mixture))
    }

    /// Fills `shares` with what the ensemble says, and returns the persona that counts by it; `None`, and
    /// `shares` as they are, of a history that is not short.
    fn by_ensemble(
        &self,
        findings: &Findings<'_>,
        (look, scratch): (Look<'_>, &mut ToldScratch),
        shares: &mut Vec<f64>,
    ) -> Result<Option<Option<usize>>, PersonaError> {
        let Some(partial) = &self.partial else { return Ok(None) };
        let Some(told) = partial.told(look, findings.beside, scratch)? else { return Ok(None) };
        self.of_personas(told.memberships(), shares);
        Ok(Some(match self.separation {
            Separation::Distinct => self.persona_of(told.assigned()),
            // On a continuum nobody near a cut is sure, new or not: shares say how little.
            Separation::Gradual => self.largest(shares),
        }))
    }

    /// Returns the persona that a row counts for, where it is sure whatever the mixture says; the ensemble
    /// is to be asked about it anew.
    fn surely(
        &self,
        (days, prepared): (Option<u32>, &[f32]),
        beside: Option<&HybridAnchor>,
        scratch: &mut ToldScratch,
    ) -> Result<Option<Option<usize>>, PersonaError> {
        let Some(partial) = &self.partial else { return Ok(None) };
        let by_shares = self.separation == Separation::Gradual && partial.always_open();
        if !by_shares || prepared.iter().any(|value| !value.is_finite()) {
            return Ok(None);
        }
        let least = partial.ask((days, prepared), beside, scratch)?;
        Ok(least.and_then(|least| leading(&least, &self.clusters)))
    }

    /// Fills `shares` with what the mixture says, as sure as it turned out to be.
    fn by_mixture(&self, of_clusters: &[f64], shares: &mut Vec<f64>) {
        self.of_personas(of_clusters, shares);
        if let Some(partial) = &self.partial {
            partial.flatten(shares);
        }
    }

    /// Returns the persona with the largest share; `None` where that is the unassigned one.
    fn largest(&self, shares: &[f64]) -> Option<usize> {
        Some(largest_position(shares)).filter(|idx| *idx < self.clusters.len())
    }

    /// Fills `shares` with those in the personas, and last what is left of 1: a cluster that became no
    /// persona counts as unassigned.
    fn of_personas(&self, of_clusters: &[f64], shares: &mut Vec<f64>) {
        shares.clear();
        shares.extend(self.clusters.iter().map(|cluster| of_clusters[*cluster]));
        shares.push((1.0 - shares.iter().sum::<f64>()).max(0.0));
    }

    fn persona_of(&self, cluster: Option<usize>) -> Option<usize> {
        cluster.and_then(|cluster| self.clusters.iter().position(|other| *other == cluster))
    }

    /// Returns the cluster that each row is given to; `None` where its largest share says so.
    fn divided(
        &self,
        raw: &Matrix,
        (scaled, placed): (&Matrix, &Matrix),
    ) -> Result<Option<Vec<Option<usize>>>, PersonaError> {
        let clusters = match &self.division {
            // Groups with borders between them have widths of their own, and a profile counts for the
            // one it most likely comes from.
            Division::Largest => return Ok(None),
            // A cut through a continuum is at equal distances.
            Division::Nearest => {
                self.membership.k_means().predict(placed).map(|nearest| nearest.into_iter().map(Some).collect())
            }
            Division::Method(fitted) => fitted.predict((&self.columns, raw), scaled),
        };
        attempted("compute memberships", clusters).map(Some)
    }
}

/// Returns the persona, or none, whose share leads whatever there is more to come; `clusters` are those of
/// the personas.
fn leading(least: &Least<'_>, clusters: &[usize]) -> Option<Option<usize>> {
    let (mut largest, mut next, mut sum) = ((f64::NEG_INFINITY, 0), f64::NEG_INFINITY, 0.0);
    for (persona, cluster) in clusters.iter().enumerate() {
        let share = least.shares[*cluster];
        sum += share;
        if share > largest.0 {
            (next, largest) = (largest.0, (share, persona));
        } else {
            next = next.max(share);
        }
    }
    // All that is to come is counted as unassigned already.
    let unassigned = 1.0 - sum;
    if largest.0 > (next + least.more).max(unassigned) + LEAD_MIN {
        return Some(Some(largest.1));
    }
    (unassigned - least.more > largest.0 + least.more + LEAD_MIN).then_some(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::{leading, to_grid};
    use crate::membership::largest_position;
    use crate::partial::Least;

    fn divided(values: &[f64]) -> Vec<f64> {
        let total: f64 = values.iter().sum();
        values.iter().map(|value| value / total).collect()
    }

    proptest! {
        #[test]
        fn who_leads_whatever_comes_has_the_largest_share(
            said in proptest::collection::vec((0.001_f64..1.0, 0.001_f64..1.0), 3..8),
            more in 0.0_f64..0.5,
            sureness in 1_i32..9,
            n_left_out in 0..2_usize,
        ) {
            let (known, mixture): (Vec<f64>, Vec<f64>) = said.into_iter().unzip();
            // Shares that are sure, and what is to come as sure of something else.
            let sure = |shares: Vec<f64>| divided(&shares.iter().map(|share| share.powi(sureness)).collect::<Vec<_>>());
            let (known, mixture) = (sure(known), sure(mixture));
            let shares: Vec<f64> = known.iter().map(|share| share * (1.0 - more)).collect();
            // The last is the unassigned share; a cluster may be no persona.
            let clusters: Vec<usize> = (n_left_out..shares.len() - 1).rev().collect();
            if let Some(found) = leading(&Least { shares: &shares, more }, &clusters) {
                let pooled = |cluster: &usize| shares[*cluster] + more * mixture[*cluster];
                let mut all: Vec<f64> = clusters.iter().map(pooled).collect();
                all.push((1.0 - all.iter().sum::<f64>()).max(0.0));
                let largest = Some(largest_position(&all)).filter(|idx| *idx < clusters.len());
                prop_assert_eq!(found, to_grid(&mut all, largest));
            }
        }
    }

    #[test]
    fn lead_is_sure_only_beyond_what_may_come() {
        let check = |shares: &[f64], more: f64, expected: Option<Option<usize>>| {
            assert_eq!(leading(&Least { shares, more }, &[0, 1]), expected);
        };
        check(&[0.6, 0.2, 0.1], 0.1, Some(Some(0)));
        check(&[0.45, 0.36, 0.09], 0.1, None);
        check(&[0.05, 0.1, 0.75], 0.1, Some(None));
        check(&[0.4, 0.1, 0.4], 0.1, None);
    }
}
