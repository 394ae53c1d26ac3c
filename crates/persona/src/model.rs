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
    /// The cluster it is given to, or none; `None` where its largest share says so.
    divided: Option<Option<usize>>,
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
            let divided = divided.as_ref().map(|clusters| clusters[row_idx]);
            let mut shares = Vec::with_capacity(self.clusters.len() + 1);
            let look = Look {
                days: population.histories.as_ref().map(|histories| histories.days[row_idx]),
                prepared: scaled.row(row_idx),
                placed: placed.row(row_idx),
                of_mixture: one_mixture.then_some(of_clusters),
            };
            let findings = Findings { of_clusters, divided, beside: None };
            scratch.begin();
            let (assigned, by) = self.settle(&findings, (look, &mut scratch), &mut shares)?;
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
    fn settle(
        &self,
        findings: &Findings<'_>,
        (look, scratch): (Look<'_>, &mut ToldScratch),
        shares: &mut Vec<f64>,
    ) -> Result<(Option<usize>, Teller), PersonaError> {
        let n_personas = self.clusters.len();
        let counts_for = match findings.divided {
            None => {
                self.by_mixture(findings.of_clusters, shares);
                self.largest(shares)
            }
            Some(cluster) => self.persona_of(cluster),
        };
        if let Some(partial) = &self.partial
            && partial.open(counts_for.map(|idx| self.clusters[idx]))
            && let Some(told) = partial.told(look, findings.beside, scratch)?
        {
            self.of_personas(told.memberships(), shares);
            let counts_for = match self.separation {
                Separation::Distinct => self.persona_of(told.assigned()),
                // On a continuum nobody near a cut is sure, new or not: shares say how little.
                Separation::Gradual => self.largest(shares),
            };
            return Ok((to_grid(shares, counts_for), Teller::Hybrid));
        }
        match findings.divided {
            None => {}
            Some(Some(_)) => self.by_mixture(findings.of_clusters, shares),
            Some(None) => {
                // The method says that it belongs nowhere.
                shares.clear();
                shares.resize(n_personas, 0.0);
                shares.push(1.0);
            }
        }
        Ok((to_grid(shares, counts_for), Teller::Mixture))
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
        let Some(Least { shares, more }) = partial.ask((days, prepared), beside, scratch)? else { return Ok(None) };
        let (mut largest, mut next, mut sum) = ((f64::NEG_INFINITY, 0), f64::NEG_INFINITY, 0.0);
        for (persona, cluster) in self.clusters.iter().enumerate() {
            let share = shares[*cluster];
            sum += share;
            if share > largest.0 {
                (next, largest) = (largest.0, (share, persona));
            } else {
                next = next.max(share);
            }
        }
        let unassigned = 1.0 - sum;
        // What is left of 1 has no more to come: it was counted as if it all were unassigned.
        if largest.0 > (next + more).max(unassigned) + LEAD_MIN {
            return Ok(Some(Some(largest.1)));
        }
        Ok((unassigned - more > largest.0 + more + LEAD_MIN).then_some(None))
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
