//! The one interface of all clustering methods: parameters are fitted to rows and give clusters,
//! which know the label of every fitted row and find that of any other.
//!
//! Every method keeps the same laws, tested as one suite: the same rows, parameters and seed give
//! the same bytes on any number of threads; equal rows get equal labels; the order of the rows
//! only names the clusters; predicting the fitted rows gives their labels; what cannot be done is
//! an error that says why.

pub(crate) mod check;
pub(crate) mod chunks;
pub(crate) mod columns;

use crate::agglomerative::{Agglomerative, AgglomerativeParams};
use crate::error::LearnError;
use crate::factorisation::{Factorisation, FactorisationParams};
use crate::hdbscan::{Hdbscan, HdbscanParams};
use crate::k_means::{KMeans, KMeansParams};
use crate::k_prototypes::{KPrototypes, KPrototypesParams, MixedMatrix};
use crate::matrix::Matrix;
use crate::mixture::{GaussianMixture, GaussianMixtureParams};

/// The parameters of a clustering method.
///
/// ```
/// use throng_learn::{Clustering, Clusters, KMeansParams, LearnError, Matrix};
///
/// fn n_found<Method: Clustering<Rows = Matrix>>(method: &Method, rows: &Matrix) -> Result<usize, LearnError> {
///     Ok(method.fit(rows)?.n_clusters())
/// }
///
/// let rows = Matrix::new(1, vec![0.0, 0.1, 9.0, 9.1])?;
/// let k_means = KMeansParams { n_clusters: 2, n_init: 1, n_iter_max: 9, tolerance: 0.0, seed: 1 };
/// assert_eq!(n_found(&k_means, &rows)?, 2);
/// # Ok::<(), LearnError>(())
/// ```
pub trait Clustering {
    /// What the method reads: a matrix, or one with categories beside it.
    type Rows;
    /// What it gives.
    type Fitted: Clusters<Rows = Self::Rows>;

    /// Fits the method to the rows.
    fn fit(&self, rows: &Self::Rows) -> Result<Self::Fitted, LearnError>;
}

/// A fitted clustering.
pub trait Clusters {
    /// What the method reads.
    type Rows;

    /// Returns the number of clusters; a method that may find nothing returns 0 then.
    fn n_clusters(&self) -> usize;

    /// Returns the cluster of each fitted row; `None` where no cluster accounts for it.
    fn labels(&self) -> Vec<Option<usize>>;

    /// Returns the cluster of each of these rows; for the fitted rows, their labels.
    fn predict(&self, rows: &Self::Rows) -> Result<Vec<Option<usize>>, LearnError>;
}

fn assigned(labels: &[usize]) -> Vec<Option<usize>> {
    labels.iter().copied().map(Some).collect()
}

impl Clustering for KMeansParams {
    type Rows = Matrix;
    type Fitted = KMeans;

    fn fit(&self, rows: &Matrix) -> Result<KMeans, LearnError> {
        KMeansParams::fit(self, rows)
    }
}

impl Clusters for KMeans {
    type Rows = Matrix;

    fn n_clusters(&self) -> usize {
        KMeans::n_clusters(self)
    }

    fn labels(&self) -> Vec<Option<usize>> {
        assigned(KMeans::labels(self))
    }

    fn predict(&self, rows: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        Ok(assigned(&KMeans::predict(self, rows)?))
    }
}

impl Clustering for GaussianMixtureParams {
    type Rows = Matrix;
    type Fitted = GaussianMixture;

    fn fit(&self, rows: &Matrix) -> Result<GaussianMixture, LearnError> {
        GaussianMixtureParams::fit(self, rows)
    }
}

impl Clusters for GaussianMixture {
    type Rows = Matrix;

    fn n_clusters(&self) -> usize {
        self.n_components()
    }

    fn labels(&self) -> Vec<Option<usize>> {
        assigned(GaussianMixture::labels(self))
    }

    fn predict(&self, rows: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        Ok(assigned(&GaussianMixture::predict(self, rows)?))
    }
}

impl Clustering for FactorisationParams {
    type Rows = Matrix;
    type Fitted = Factorisation;

    fn fit(&self, rows: &Matrix) -> Result<Factorisation, LearnError> {
        FactorisationParams::fit(self, rows)
    }
}

impl Clusters for Factorisation {
    type Rows = Matrix;

    fn n_clusters(&self) -> usize {
        self.n_components()
    }

    fn labels(&self) -> Vec<Option<usize>> {
        Factorisation::labels(self).to_vec()
    }

    fn predict(&self, rows: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        Factorisation::predict(self, rows)
    }
}

impl Clustering for AgglomerativeParams {
    type Rows = Matrix;
    type Fitted = Agglomerative;

    fn fit(&self, rows: &Matrix) -> Result<Agglomerative, LearnError> {
        AgglomerativeParams::fit(self, rows)
    }
}

impl Clusters for Agglomerative {
    type Rows = Matrix;

    fn n_clusters(&self) -> usize {
        Agglomerative::n_clusters(self)
    }

    fn labels(&self) -> Vec<Option<usize>> {
        assigned(Agglomerative::labels(self))
    }

    fn predict(&self, rows: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        Ok(assigned(&Agglomerative::predict(self, rows)?))
    }
}

impl Clustering for HdbscanParams {
    type Rows = Matrix;
    type Fitted = Hdbscan;

    fn fit(&self, rows: &Matrix) -> Result<Hdbscan, LearnError> {
        HdbscanParams::fit(self, rows)
    }
}

impl Clusters for Hdbscan {
    type Rows = Matrix;

    fn n_clusters(&self) -> usize {
        Hdbscan::n_clusters(self)
    }

    fn labels(&self) -> Vec<Option<usize>> {
        Hdbscan::labels(self).to_vec()
    }

    fn predict(&self, rows: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        let predictions = self.approximate_predict(rows)?;
        Ok(predictions.into_iter().map(|prediction| prediction.label).collect())
    }
}

impl Clustering for KPrototypesParams {
    type Rows = MixedMatrix;
    type Fitted = KPrototypes;

    fn fit(&self, rows: &MixedMatrix) -> Result<KPrototypes, LearnError> {
        KPrototypesParams::fit(self, rows)
    }
}

impl Clusters for KPrototypes {
    type Rows = MixedMatrix;

    fn n_clusters(&self) -> usize {
        KPrototypes::n_clusters(self)
    }

    fn labels(&self) -> Vec<Option<usize>> {
        assigned(KPrototypes::labels(self))
    }

    fn predict(&self, rows: &MixedMatrix) -> Result<Vec<Option<usize>>, LearnError> {
        Ok(assigned(&KPrototypes::predict(self, rows)?))
    }
}
