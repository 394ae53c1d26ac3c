//! Numerics on matrices: scaling, k-means, choosing the number of clusters, soft membership and the
//! statistics of differences. Knows nothing of where its rows come from.
//!
//! Same matrix, parameters and seed: same bytes, whatever the number of threads.

mod alignment;
mod distance;
mod error;
mod k_means;
mod matrix;
mod membership;
mod number;
mod random;
mod reference;
mod scale;
mod selection;
mod silhouette;
mod stability;
mod statistics;

pub use alignment::{adjusted_rand_index, align, assign};
pub use error::LearnError;
pub use k_means::{KMeans, KMeansParams, KMeansPass, KMeansStep, MiniBatchKMeans, MiniBatchKMeansParams};
pub use matrix::Matrix;
pub use membership::{Component, MembershipModel, MembershipParams, Memberships};
pub use scale::{ColumnScaling, ColumnTransform, RobustScaler, RobustScalerParams, Spread};
pub use selection::{
    ADJUSTED_RAND_MIN, ADJUSTED_RAND_SUFFICIENT, Candidate, Choice, JACCARD_DISSOLVED, JACCARD_MIN, Refusal,
    SIGNIFICANCE, Selection, SelectionParams, Separation, select_k,
};
pub use silhouette::{Silhouette, SilhouetteParams, silhouette, simplified_silhouette};
pub use stability::{Stability, StabilityParams, stability};
pub use statistics::{
    Confidence, Interval, Proportion, benjamini_hochberg, cliffs_delta, mean, mean_difference, mean_ratio,
    mean_ratio_bootstrap, median, proportion_difference, quantile, standardised_mean_difference, weighted_median,
    weighted_quantile,
};
