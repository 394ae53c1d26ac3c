//! Numerics on matrices: preparation, clustering by several methods, whether there are clusters and how
//! many, calibrated memberships, trees and classifiers, validity, drift, and the statistics of
//! differences. Knows nothing of where its rows come from.
//!
//! Same matrix, parameters and seed: same bytes, whatever the number of threads.

mod agglomerative;
mod alignment;
mod boosting;
mod calibration;
mod clustering;
mod dimensions;
mod discriminant;
mod distance;
mod drift;
mod eigen;
mod error;
mod factorisation;
mod foresight;
mod hdbscan;
mod indices;
mod k_means;
mod k_prototypes;
mod linear;
mod logistic;
mod matrix;
mod membership;
mod mixture;
mod number;
mod outlying;
mod parting;
mod preparation;
mod projection;
mod random;
mod reference;
mod scale;
mod selection;
mod silhouette;
mod stability;
mod state;
mod statistics;
mod tree;
mod validity;
mod valley;

pub use agglomerative::{Agglomerative, AgglomerativeParams, Merge};
pub use alignment::{adjusted_rand_index, align, assign};
pub use boosting::{BoostingModel, BoostingParams};
pub use calibration::{Calibration, CalibrationBin, CalibrationParams};
pub use clustering::{Clustering, Clusters};
pub use dimensions::{Dimension, dimensions};
pub use drift::{QuantileBins, population_stability_index, stability_index_by_chance};
pub use error::LearnError;
pub use factorisation::{Factorisation, FactorisationParams};
pub use foresight::{Foresight, Sequel};
pub use hdbscan::{Hdbscan, HdbscanParams, Prediction};
pub use indices::{calinski_harabasz, davies_bouldin, partition_bic, prediction_strength};
pub use k_means::{KMeans, KMeansParams, KMeansPass, KMeansStep, MiniBatchKMeans, MiniBatchKMeansParams};
pub use k_prototypes::{CategoryWeight, KPrototypes, KPrototypesParams, MixedMatrix};
pub use logistic::{Converged, LogisticModel, LogisticParams};
pub use matrix::Matrix;
pub use membership::{
    HybridAnchor, HybridModel, HybridParams, HybridPrediction, HybridRows, HybridScratch, MembershipAnchor,
    MembershipModel, MembershipParams, MembershipScratch, Memberships, RowPrediction, Shape,
};
pub use mixture::{Convergence, Covariance, GaussianMixture, GaussianMixtureParams};
pub use parting::BorderTest;
pub use preparation::{ColumnKind, DropReason, DroppedColumn, Missing, Part, PartKind, Preparation, PreparationParams};
pub use projection::Projection;
pub use scale::{ColumnScaling, ColumnTransform, RobustScaler, RobustScalerParams, Spread, yeo_johnson_lambda};
pub use selection::{
    ADJUSTED_RAND_MIN, Candidate, Choice, Comparison, Continuum, JACCARD_MIN, JACCARD_STABLE, Refusal, SIGNIFICANCE,
    Selection, SelectionParams, Separation, select_cut, select_k, select_kinds,
};
pub use silhouette::{Silhouette, SilhouetteParams, silhouette, simplified_silhouette};
pub use stability::{Stability, StabilityParams, stability};
pub use state::{State, StateReader, StateWriter};
pub use statistics::{
    Confidence, Interval, Proportion, benjamini_hochberg, cliffs_delta, mean, mean_difference, mean_ratio,
    mean_ratio_bootstrap, median, proportion_difference, quantile, standardised_mean_difference, weighted_median,
    weighted_quantile,
};
pub use tree::{Condition, DecisionTree, DecisionTreeParams, Rule, RuleScore, Side};
pub use validity::{PartitionValidity, Response, Validity, ValidityParams};
