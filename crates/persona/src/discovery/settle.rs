//! A discovery made among some of the customers, settled among all of them.
//!
//! Where there are more customers than fit in memory, clusters are found among some, and their
//! centroids refined among everybody in passes over the rows (`throng_learn::KMeansPass`). The space
//! in which that happens stays the one found; the centroids that came of it are brought back here.

use throng_learn::{KMeans, Matrix, align};

use super::choice::Choice;
use super::{Fit, Outcome, attempted, found};
use crate::columns::scaled_matrix;
use crate::{Discovery, Model, PersonaError, Population, Separation};

impl Model {
    /// Returns where the profiles of a population lie in the space in which personas are told apart.
    ///
    /// # Errors
    /// [`PersonaError::Learn`] when a value is infinite.
    pub fn points(&self, population: &Population) -> Result<Matrix, PersonaError> {
        let matrix = attempted("scale the features", scaled_matrix(&self.columns, &self.scaler, population))?;
        attempted("compute memberships", self.projection.transform(&matrix))
    }

    /// Returns those of the points that centroids settle among: all of a continuum that was cut, and
    /// of separate kinds those within reach of one, as where the kinds were found.
    ///
    /// # Errors
    /// As [`Model::points`].
    pub fn settling_points(&self, population: &Population) -> Result<Matrix, PersonaError> {
        let points = self.points(population)?;
        let inside = self.inside(&points)?;
        let rows: Vec<usize> = (0..points.n_rows()).filter(|row| inside[*row]).collect();
        Ok(points.take(&rows))
    }

    /// Returns whether each point is one that centroids settle among.
    fn inside(&self, points: &Matrix) -> Result<Vec<bool>, PersonaError> {
        if self.separation == Separation::Gradual {
            return Ok(vec![true; points.n_rows()]);
        }
        let shares = attempted("compute memberships", self.membership.predict_proba(points))?;
        // The last share is the unassigned one.
        let within_reach = |row: &[f64]| row.iter().rev().skip(1).any(|share| *share >= row[row.len() - 1]);
        Ok(shares.rows().map(within_reach).collect())
    }
}

/// Returns a discovery with the clusters of `k_means`, which the centroids of its model have become
/// among more customers than `population`, those it was made among. A cluster keeps the stability of
/// the one most of its rows were in.
///
/// # Errors
/// [`PersonaError`] when the discovery is not of this population.
pub fn settled(discovery: Discovery, population: &Population, k_means: KMeans) -> Result<Discovery, PersonaError> {
    let Outcome::Found(former) = discovery.outcome else { return Ok(discovery) };
    let attempt = "settle the clusters";
    let model = former.model;
    let matrix = attempted(attempt, scaled_matrix(&model.columns, &model.scaler, population))?;
    let points = attempted(attempt, model.projection.transform(&matrix))?;
    let inside = model.inside(&points)?;
    let labels_before = attempted(attempt, model.membership.k_means().predict(&points))?;
    let labels = attempted(attempt, k_means.predict(&points))?;
    let matching = attempted(attempt, align(&labels_before, &labels))?;
    let mut jaccard = vec![0.0; k_means.n_clusters()];
    for (persona, cluster) in former.personas.iter().zip(&model.clusters) {
        if let Some(cluster) = matching.get(*cluster).copied().flatten() {
            jaccard[cluster] = persona.stability;
        }
    }
    let labels = labels.into_iter().zip(inside).map(|(label, inside)| inside.then_some(label)).collect();
    let choice = Choice {
        projection: model.projection,
        model: k_means,
        labels,
        jaccard,
        separation: model.separation,
        division: model.division,
    };
    let found = found(population, Fit { columns: model.columns, scaler: model.scaler, matrix, choice })?;
    Ok(Discovery { outcome: Outcome::Found(Box::new(found)), ..discovery })
}
