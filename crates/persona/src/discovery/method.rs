//! By which method customers are divided, once it is known into how many.
//!
//! Whether there are borders, and how many personas there are, is judged in the same way for all
//! methods ([`super::choice`]); HDBSCAN* alone finds a number of its own. A method must then hold what
//! the usual division holds: every group comes back when customers are drawn anew and divided by the
//! same method, with a mean Jaccard similarity of 0.75 (Hennig 2007), and none is too small. It works
//! in the space of the prepared features; factorisation, which takes sums apart, in that of the
//! features as shares of a usual greatest value.

use throng_learn::{
    Agglomerative, AgglomerativeParams, Clusters, Covariance, Factorisation, FactorisationParams, GaussianMixture,
    GaussianMixtureParams, Hdbscan, HdbscanParams, KMeans, KMeansParams, LearnError, Matrix, State, StateReader,
    StateWriter, state_of_fields, state_of_variants,
};

use super::mix::Mix;
use super::{N_INIT, N_ITER_MAX, Separation, TOLERANCE};
use crate::number::{floor, real_count};
use crate::{ModelColumn, PersonaError};

/// By which method customers are divided into personas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// By the borders between groups; of a continuum, by the nearest centroid.
    Auto,
    /// By the nearest centroid.
    KMeans,
    /// By the likeliest of several bells, stretched along the features.
    Mixture,
    /// By merging the groups whose union adds the least to the spread.
    Ward,
    /// By dense regions of any shape; who lies in none belongs to no persona.
    Hdbscan,
    /// By the habit a customer has most of, customers being sums of habits.
    Factorisation,
}

impl Method {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Auto, "auto"),
        (Self::KMeans, "k-means"),
        (Self::Mixture, "mixture"),
        (Self::Ward, "ward"),
        (Self::Hdbscan, "hdbscan"),
        (Self::Factorisation, "factorisation"),
    ];

    /// Returns the word the method is stored under, and asked for by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "a method", text)
    }

    /// Returns how it divides, to stand after "divided".
    #[must_use]
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Auto => "at the borders between groups",
            Self::KMeans => "by k-means",
            Self::Mixture => "by a Gaussian mixture",
            Self::Ward => "by Ward's method",
            Self::Hdbscan => "by HDBSCAN",
            Self::Factorisation => "by factorisation",
        }
    }
}

/// Which persona a profile counts for, beside its shares.
#[derive(Debug, Clone, PartialEq)]
pub enum Division {
    /// That of the largest share: there are borders, and groups have widths of their own.
    Largest,
    /// That of the nearest centroid: a continuum is cut at equal distances.
    Nearest,
    /// What a method says.
    Method(Box<FittedDivision>),
}

impl Division {
    /// Returns that of groups which the usual judgement found.
    pub(super) fn usual(separation: Separation) -> Self {
        match separation {
            Separation::Distinct => Self::Largest,
            Separation::Gradual => Self::Nearest,
        }
    }
}

/// A fitted method, and the cluster of the model that each of its groups is.
#[derive(Debug, Clone, PartialEq)]
pub struct FittedDivision {
    fitted: Fitted,
    /// For each group of the method, the position of its centroid.
    clusters: Vec<usize>,
}

/// A fitted method.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fitted {
    KMeans(KMeans),
    Mixture(GaussianMixture),
    Ward(Agglomerative),
    Hdbscan(Hdbscan),
    Factorisation(Mix, Factorisation),
}

/// The least width of a bell in a feature, in mean variances of the features: a flag that is the same
/// for all of a group would be infinitely dense, and all others would not count beside it.
const COVARIANCE_FLOOR_SHARE: f64 = 0.05;
/// Gain in mean log-likelihood below which a mixture has converged, scikit-learn's usual.
const MIXTURE_TOLERANCE: f64 = 1e-3;
/// Rows up to which Ward merges single rows, and the micro-clusters above: a second of work each.
const WARD_N_ROWS_MAX: usize = 5_000;
const WARD_N_MICRO_CLUSTERS: usize = 2_000;
/// Rows of HDBSCAN's tree, whose time grows with the square: a second with 50 features.
const HDBSCAN_N_ROWS_MAX: usize = 10_000;
/// Neighbours within a core distance: scikit-learn takes as many as make a cluster, which in hundreds
/// leaves nothing dense.
const HDBSCAN_MIN_SAMPLES: usize = 10;
/// Steps of a factorisation, and the gain at which it has converged: scikit-learn allows 200 steps.
const FACTORISATION_N_ITER_MAX: usize = 500;
const FACTORISATION_TOLERANCE: f64 = 1e-5;

/// A method and what it needs to know.
#[derive(Clone, Copy)]
pub(super) struct Recipe<'a> {
    pub(super) method: Method,
    /// The number of groups; of no meaning to HDBSCAN.
    pub(super) n_clusters: usize,
    /// The least share of the rows that makes a group, to HDBSCAN.
    pub(super) group_share_min: f64,
    /// How the rows were made that a factorisation is fitted to.
    pub(super) mix: Option<&'a Mix>,
}

impl Recipe<'_> {
    /// Fits the method to rows: prepared features, or those of [`Mix`] for a factorisation.
    pub(super) fn fit(self, matrix: &Matrix, seed: u64) -> Result<Fitted, LearnError> {
        let n_clusters = self.n_clusters;
        match (self.method, self.mix) {
            (Method::Factorisation, Some(mix)) => {
                let (n_iter_max, tolerance) = (FACTORISATION_N_ITER_MAX, FACTORISATION_TOLERANCE);
                let params = FactorisationParams { n_components: n_clusters, n_iter_max, tolerance };
                Ok(Fitted::Factorisation(mix.clone(), params.fit(matrix)?))
            }
            (Method::Mixture, _) => mixture(matrix, n_clusters, seed).fit(matrix).map(Fitted::Mixture),
            (Method::Ward, _) => {
                let (n_rows_max, n_micro_clusters) = (WARD_N_ROWS_MAX, WARD_N_MICRO_CLUSTERS);
                let params = AgglomerativeParams { n_clusters, n_rows_max, n_micro_clusters, seed };
                params.fit(matrix).map(Fitted::Ward)
            }
            (Method::Hdbscan, _) => {
                let share = floor(self.group_share_min * real_count(matrix.n_rows().min(HDBSCAN_N_ROWS_MAX)));
                let params = HdbscanParams {
                    min_cluster_size: usize::try_from(share).unwrap_or(0).max(2),
                    min_samples: HDBSCAN_MIN_SAMPLES,
                    n_rows_max: HDBSCAN_N_ROWS_MAX,
                    seed,
                };
                params.fit(matrix).map(Fitted::Hdbscan)
            }
            (Method::KMeans | Method::Auto | Method::Factorisation, _) => {
                let (n_init, n_iter_max, tolerance) = (N_INIT, N_ITER_MAX, TOLERANCE);
                KMeansParams { n_clusters, n_init, n_iter_max, tolerance, seed }.fit(matrix).map(Fitted::KMeans)
            }
        }
    }
}

fn mixture(matrix: &Matrix, n_components: usize, seed: u64) -> GaussianMixtureParams {
    GaussianMixtureParams {
        n_components,
        // A full covariance has the square of the features to find, for which groups are too few.
        covariance: Covariance::Diagonal,
        covariance_floor: (COVARIANCE_FLOOR_SHARE * mean_variance(matrix)).max(f64::from(f32::EPSILON)),
        n_init: N_INIT,
        n_iter_max: N_ITER_MAX,
        tolerance: MIXTURE_TOLERANCE,
        seed,
    }
}

fn mean_variance(matrix: &Matrix) -> f64 {
    let n_rows = real_count(matrix.n_rows());
    let variances = (0..matrix.n_columns()).map(|column_idx| {
        let column = matrix.column(column_idx);
        let mean = column.iter().map(|value| f64::from(*value)).sum::<f64>() / n_rows;
        column.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / n_rows
    });
    variances.sum::<f64>() / real_count(matrix.n_columns())
}

impl Fitted {
    pub(super) fn n_clusters(&self) -> usize {
        match self {
            Self::KMeans(fitted) => fitted.n_clusters(),
            Self::Mixture(fitted) => fitted.n_components(),
            Self::Ward(fitted) => fitted.n_clusters(),
            Self::Hdbscan(fitted) => fitted.n_clusters(),
            Self::Factorisation(_, fitted) => fitted.n_components(),
        }
    }

    /// Returns the group of each row, which is in the space the method was fitted in.
    pub(super) fn predict(&self, matrix: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        match self {
            Self::KMeans(fitted) => Clusters::predict(fitted, matrix),
            Self::Mixture(fitted) => Clusters::predict(fitted, matrix),
            Self::Ward(fitted) => Clusters::predict(fitted, matrix),
            Self::Hdbscan(fitted) => Clusters::predict(fitted, matrix),
            Self::Factorisation(_, fitted) => Clusters::predict(fitted, matrix),
        }
    }
}

impl FittedDivision {
    pub(super) fn new(fitted: Fitted, clusters: Vec<usize>) -> Self {
        Self { fitted, clusters }
    }

    /// Returns the cluster of each row: `raw` are the values of the columns, `matrix` the same prepared.
    pub(crate) fn predict(
        &self,
        (columns, raw): (&[ModelColumn], &Matrix),
        matrix: &Matrix,
    ) -> Result<Vec<Option<usize>>, LearnError> {
        let groups = match &self.fitted {
            Fitted::Factorisation(mix, fitted) => fitted.predict(&mix.matrix(columns, raw)?)?,
            Fitted::KMeans(_) | Fitted::Mixture(_) | Fitted::Ward(_) | Fitted::Hdbscan(_) => {
                self.fitted.predict(matrix)?
            }
        };
        Ok(groups.into_iter().map(|group| group.map(|group| self.clusters[group])).collect())
    }
}

state_of_variants!(Separation, "whether there are borders", {
    0 => Separation::Distinct,
    1 => Separation::Gradual,
});
state_of_fields!(FittedDivision { fitted, clusters });

impl FittedDivision {
    /// Whether it divides rows of these columns, of which there are `n_parts` when they are prepared, into
    /// clusters of so many.
    pub(crate) fn fits(&self, columns: &[ModelColumn], (n_parts, n_clusters): (usize, usize)) -> bool {
        let n_columns = match &self.fitted {
            Fitted::KMeans(fitted) => Some(fitted.centroids().n_columns()),
            Fitted::Mixture(fitted) => Some(fitted.n_columns()),
            Fitted::Ward(fitted) => Some(fitted.n_columns()),
            Fitted::Hdbscan(fitted) => Some(fitted.n_columns()),
            Fitted::Factorisation(mix, fitted) => {
                mix.n_columns(columns).filter(|found| *found == fitted.components().n_columns()).map(|_| n_parts)
            }
        };
        let within = self.clusters.iter().all(|cluster| *cluster < n_clusters);
        n_columns == Some(n_parts) && within && self.clusters.len() == self.fitted.n_clusters()
    }
}

impl State for Division {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            Self::Largest => writer.byte(0),
            Self::Nearest => writer.byte(1),
            Self::Method(fitted) => {
                writer.byte(2);
                fitted.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(Self::Largest),
            1 => Ok(Self::Nearest),
            2 => Ok(Self::Method(State::read(reader)?)),
            _ => Err(LearnError::InvalidState { what: "how customers are divided" }),
        }
    }
}

impl State for Fitted {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            Self::KMeans(fitted) => {
                writer.byte(0);
                fitted.write(writer);
            }
            Self::Mixture(fitted) => {
                writer.byte(1);
                fitted.write(writer);
            }
            Self::Ward(fitted) => {
                writer.byte(2);
                fitted.write(writer);
            }
            Self::Hdbscan(fitted) => {
                writer.byte(3);
                fitted.write(writer);
            }
            Self::Factorisation(mix, fitted) => {
                writer.byte(4);
                mix.write(writer);
                fitted.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(Self::KMeans(State::read(reader)?)),
            1 => Ok(Self::Mixture(State::read(reader)?)),
            2 => Ok(Self::Ward(State::read(reader)?)),
            3 => Ok(Self::Hdbscan(State::read(reader)?)),
            4 => Ok(Self::Factorisation(State::read(reader)?, State::read(reader)?)),
            _ => Err(LearnError::InvalidState { what: "a method" }),
        }
    }
}
