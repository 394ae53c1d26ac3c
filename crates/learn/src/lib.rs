//! Numerics on matrices: scaling, k-means, choosing the number of clusters, soft membership and the
//! statistics of differences. Knows nothing of where its rows come from.
//!
//! Same matrix, parameters and seed: same bytes, whatever the number of threads.

mod alignment;
mod dimensions;
mod discriminant;
mod distance;
mod eigen;
mod error;
mod indices;
mod k_means;
mod linear;
mod matrix;
mod membership;
mod number;
mod outlying;
mod parting;
mod projection;
mod random;
mod reference;
mod scale;
mod selection;
mod silhouette;
mod stability;
mod statistics;
mod valley;

pub use alignment::{adjusted_rand_index, align, assign};
pub use dimensions::{Dimension, dimensions};
pub use error::LearnError;
pub use indices::{calinski_harabasz, davies_bouldin, partition_bic, prediction_strength};
pub use k_means::{KMeans, KMeansParams};
pub use matrix::Matrix;
pub use membership::{Component, MembershipModel, MembershipParams, Memberships};
pub use parting::BorderTest;
pub use projection::Projection;
pub use scale::{ColumnScaling, ColumnTransform, RobustScaler, RobustScalerParams, Spread};
pub use selection::{
    ADJUSTED_RAND_MIN, Candidate, Choice, Comparison, Continuum, JACCARD_MIN, JACCARD_STABLE, Refusal, SIGNIFICANCE,
    Selection, SelectionParams, Separation, select_k,
};
pub use silhouette::{Silhouette, SilhouetteParams, silhouette, simplified_silhouette};
pub use stability::{Stability, StabilityParams, stability};
pub use statistics::{
    Confidence, Interval, Proportion, benjamini_hochberg, cliffs_delta, mean, mean_difference, mean_ratio,
    mean_ratio_bootstrap, median, proportion_difference, quantile, standardised_mean_difference, weighted_median,
    weighted_quantile,
};
