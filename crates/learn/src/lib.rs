//! Numerics on matrices: scaling, k-means, choosing the number of clusters, soft membership and the
//! statistics of differences. Knows nothing of where its rows come from.
//!
//! Same matrix, parameters and seed: same bytes, whatever the number of threads.

mod alignment;
mod distance;
mod eigen;
mod error;
mod k_means;
mod linear;
mod matrix;
mod membership;
mod number;
mod outlying;
mod parting;
mod random;
mod reference;
mod scale;
mod selection;
mod silhouette;
mod stability;
mod statistics;
mod valley;

pub use alignment::{adjusted_rand_index, align, assign};
pub use error::LearnError;
pub use k_means::{KMeans, KMeansParams};
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

#[doc(hidden)]
pub fn trial_parting(matrix: &Matrix, seed: u64) -> (Vec<Option<usize>>, usize, String) {
    let params = parting::PartingParams { n_groups_max: 10, share_min: 0.01, n_references: 19, n_rows_reference_max: 800, seed };
    let mut columns: Vec<Vec<f32>> = (0..matrix.n_columns()).map(|idx| matrix.column(idx)).collect();
    for column in &mut columns {
        let n = column.len() as f32;
        let mean = column.iter().sum::<f32>() / n;
        let sd = (column.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
        for v in column.iter_mut() { *v = (*v - mean) / sd; }
    }
    let matrix = Matrix::from_columns(&columns).unwrap();
    let kept = outlying::inlying_rows(&matrix, seed);
    let found = params.fit(&matrix.take(&kept)).unwrap();
    let mut labels = vec![None; matrix.n_rows()];
    for (row, label) in kept.iter().zip(found.labels) { labels[*row] = Some(label); }
    (labels, found.n_groups, format!("kept {} {:?} next {:?}", kept.len(), found.borders, found.next))
}
