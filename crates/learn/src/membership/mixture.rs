//! The mixture behind memberships: one normal or Student component per cluster, refined by
//! expectation and maximisation from a partition (Dempster, Laird and Rubin 1977; for Student
//! components Peel and McLachlan 2000).
//!
//! Starting from the partition keeps component `j` the one of cluster `j`. The first step already
//! takes the rows in the overlap from clusters whose borders cut off their own tails; stopping
//! there would leave every width too small and every membership too sure.

use std::ops::RangeInclusive;

use rayon::prelude::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator, ParallelSliceMut};
use statrs::distribution::{ChiSquared, ContinuousCDF, FisherSnedecor};
use statrs::function::gamma::ln_gamma;

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::membership::cholesky::Cholesky;
use crate::membership::squared::squared_of_all;
use crate::number::real;
use crate::state::{State, StateReader, StateWriter, invalid, require};

/// Which widths the components of a mixture may have, from the fewest numbers to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One width for all clusters and columns.
    Common,
    /// One width per cluster.
    Round,
    /// One width per cluster and column.
    Diagonal,
    /// One covariance for all clusters.
    Tied,
    /// One covariance per cluster.
    Full,
}

/// The kind of components.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Family {
    pub(crate) shape: Shape,
    /// Degrees of freedom of Student components; `None` for normal ones.
    pub(crate) freedom: Option<f64>,
}

/// One cluster's part in the mixture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Component {
    /// Share of the rows.
    pub(crate) share: f64,
    pub(super) centre: Vec<f64>,
    pub(super) width: Width,
    /// Logarithm of the share and of what normalises the density.
    log_scale: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Width {
    /// The inverse standard deviation of each column.
    Columns(Vec<f64>),
    Full(Cholesky),
}

/// Rows of the pooled estimate that each cluster's widths are shrunk by (Fraley and Raftery 2007):
/// the spread of a few rows says little. A covariance gets as many more as there are columns.
const PRIOR_N_ROWS: f64 = 5.0;
/// Least variance, relative to the mean variance of the columns: clusters of equal rows have none,
/// and would claim nothing but their exact centroid.
const VARIANCE_SHARE_MIN: f64 = 1e-6;
/// Rows to a piece of parallel work.
pub(crate) const CHUNK_N_ROWS: usize = 512;

impl Family {
    /// Returns the logarithm of the unnormalised density at a squared distance from the centre.
    pub(crate) fn log_tail(&self, squared: f64, n_columns: usize) -> f64 {
        match self.freedom {
            None => -0.5 * squared,
            Some(freedom) => -0.5 * (freedom + real(n_columns)) * (squared / freedom).ln_1p(),
        }
    }

    fn log_normaliser(&self, n_columns: usize) -> f64 {
        let n_columns = real(n_columns);
        match self.freedom {
            None => -0.5 * n_columns * std::f64::consts::TAU.ln(),
            Some(freedom) => {
                let gammas = ln_gamma(0.5 * (freedom + n_columns)) - ln_gamma(0.5 * freedom);
                gammas - 0.5 * n_columns * (freedom * std::f64::consts::PI).ln()
            }
        }
    }

    /// Returns the squared distance that `share` of a component's rows stay within.
    pub(crate) fn squared_quantile(&self, share: f64, n_columns: usize) -> f64 {
        let n_columns = real(n_columns);
        let student = self.freedom.and_then(|freedom| FisherSnedecor::new(n_columns, freedom).ok());
        if let Some(fisher) = student {
            return n_columns * fisher.inverse_cdf(share);
        }
        ChiSquared::new(n_columns).map_or(n_columns, |chi_squared| chi_squared.inverse_cdf(share))
    }

    /// Returns how much a row counts for the widths: less the further out it is, if tails are long.
    fn weight(&self, squared: f64, n_columns: usize) -> f64 {
        self.freedom.map_or(1.0, |freedom| (freedom + real(n_columns)) / (freedom + squared))
    }
}

impl Component {
    /// Returns the component as it is in `columns` alone.
    pub(crate) fn marginal(&self, columns: &[usize], family: Family) -> Option<Component> {
        let centre = columns.iter().map(|&column| self.centre[column]).collect();
        let (width, half_log_determinant) = match &self.width {
            Width::Columns(inverses) => {
                let kept: Vec<f64> = columns.iter().map(|&column| inverses[column]).collect();
                let half = -kept.iter().map(|inverse| inverse.ln()).sum::<f64>();
                (Width::Columns(kept), half)
            }
            Width::Full(cholesky) => {
                let kept = cholesky.restricted(columns)?;
                let half = kept.half_log_determinant();
                (Width::Full(kept), half)
            }
        };
        let log_scale = self.share.ln() + family.log_normaliser(columns.len()) - half_log_determinant;
        Some(Component { share: self.share, centre, width, log_scale })
    }

    /// Returns the number of columns of its centre.
    pub(crate) fn n_columns(&self) -> usize {
        self.centre.len()
    }

    /// Returns the logarithm of the share times the density by that of its tail, bounded so that
    /// differences of two stay numbers.
    pub(crate) fn log_density(&self, log_tail: f64) -> f64 {
        (self.log_scale + log_tail).max(-1e300)
    }
}

/// Responsibilities of the components for rows, and what belongs to them.
pub(crate) struct Expectation {
    /// Row by row, a row's summing to 1.
    pub(crate) responsibilities: Vec<f64>,
    /// Squared distances, row by row.
    pub(crate) squared: Vec<f64>,
    /// Logarithm of the density at each row.
    pub(crate) log_densities: Vec<f64>,
}

impl Expectation {
    /// Returns the mean logarithm of the density.
    pub(crate) fn log_likelihood(&self) -> f64 {
        self.log_densities.iter().sum::<f64>() / real(self.log_densities.len().max(1))
    }

    /// Returns the mean without the least likely tenth of the rows.
    pub(crate) fn log_likelihood_trimmed(&self) -> f64 {
        let mut log_densities = self.log_densities.clone();
        log_densities.sort_by(f64::total_cmp);
        let kept = &log_densities[log_densities.len() / 10..];
        kept.iter().sum::<f64>() / real(kept.len().max(1))
    }
}

/// Returns how much each component is responsible for each row.
pub(crate) fn expect(matrix: &Matrix, components: &[Component], family: Family) -> Expectation {
    let n_components = components.len();
    let mut responsibilities = vec![0.0; matrix.n_rows() * n_components];
    let mut squared = vec![0.0; responsibilities.len()];
    let mut log_densities = vec![0.0; matrix.n_rows()];
    responsibilities
        .par_chunks_mut(CHUNK_N_ROWS * n_components)
        .zip(squared.par_chunks_mut(CHUNK_N_ROWS * n_components))
        .zip(log_densities.par_chunks_mut(CHUNK_N_ROWS))
        .enumerate()
        .for_each(|(chunk_idx, ((responsibilities, squared), log_densities))| {
            let mut scratch = Vec::new();
            let rows = responsibilities.chunks_exact_mut(n_components).zip(squared.chunks_exact_mut(n_components));
            for (idx, ((of_row, squared), log_density)) in rows.zip(log_densities).enumerate() {
                let row = matrix.row(chunk_idx * CHUNK_N_ROWS + idx);
                squared_of_all(row, components, &mut scratch, squared);
                for ((value, squared), component) in of_row.iter_mut().zip(squared).zip(components) {
                    *value = component.log_density(family.log_tail(*squared, row.len()));
                }
                *log_density = normalise(of_row);
            }
        });
    Expectation { responsibilities, squared, log_densities }
}

/// Turns logarithms into shares of their sum, and returns the logarithm of the sum.
pub(crate) fn normalise(logarithms: &mut [f64]) -> f64 {
    let greatest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut total = 0.0;
    for value in &mut *logarithms {
        *value = (*value - greatest).exp();
        total += *value;
    }
    for value in logarithms {
        *value /= total;
    }
    greatest + total.ln()
}

/// Returns the components that fit the rows best, given who is responsible for them. `squared` are
/// the distances that Student components weigh rows by, once there are any. `None` if the values
/// are beyond what widths can be computed of.
pub(crate) fn maximise(
    matrix: &Matrix,
    responsibilities: &[f64],
    squared: Option<&[f64]>,
    family: Family,
) -> Option<Vec<Component>> {
    let n_columns = matrix.n_columns();
    let n_components = responsibilities.len() / matrix.n_rows();
    let scatters: Vec<Scatter> = (0..n_components)
        .into_par_iter()
        .map(|component| {
            let mut weights = Vec::with_capacity(matrix.n_rows());
            let mut n_own = 0.0;
            for row_idx in 0..matrix.n_rows() {
                let at = row_idx * n_components + component;
                n_own += responsibilities[at];
                let weight = squared.map_or(1.0, |squared| family.weight(squared[at], n_columns));
                weights.push(responsibilities[at] * weight);
            }
            let full = matches!(family.shape, Shape::Tied | Shape::Full);
            Scatter::of(matrix, &weights, n_own, if full { Extent::Full } else { Extent::Diagonal })
        })
        .collect();
    let n_rows: f64 = scatters.iter().map(|scatter| scatter.n_own).sum();
    let mut pooled = vec![0.0; scatters.first()?.squares.len()];
    for scatter in &scatters {
        for (sum, square) in pooled.iter_mut().zip(&scatter.squares) {
            *sum += square / n_rows;
        }
    }
    let floor = VARIANCE_SHARE_MIN * mean_variance(matrix).max(f64::MIN_POSITIVE.sqrt());
    let components = scatters.into_iter().map(|scatter| scatter.component(&pooled, floor, n_rows, family));
    components.collect()
}

/// Whether products of different columns are summed too.
#[derive(Clone, Copy)]
enum Extent {
    Diagonal,
    Full,
}

impl Extent {
    fn add_products(self, difference: &[f64], weight: f64, squares: &mut [f64]) {
        match self {
            Extent::Diagonal => {
                for (square, difference) in squares.iter_mut().zip(difference) {
                    *square += weight * difference * difference;
                }
            }
            Extent::Full => {
                for (column, squares) in squares.chunks_exact_mut(difference.len()).enumerate() {
                    let scaled = weight * difference[column];
                    for (square, other) in squares[..=column].iter_mut().zip(difference) {
                        *square += scaled * other;
                    }
                }
            }
        }
    }
}

/// Weighted sums of one component's rows.
struct Scatter {
    n_own: f64,
    centre: Vec<f64>,
    /// The variances, or the lower triangle of the covariances, times `n_own`.
    squares: Vec<f64>,
}

impl Scatter {
    fn of(matrix: &Matrix, weights: &[f64], n_own: f64, extent: Extent) -> Scatter {
        let n_columns = matrix.n_columns();
        let total: f64 = weights.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        let mut centre = vec![0.0; n_columns];
        for (row, weight) in matrix.rows().zip(weights) {
            for (sum, value) in centre.iter_mut().zip(row) {
                *sum += weight / total * f64::from(*value);
            }
        }
        let n_squares = match extent {
            Extent::Diagonal => n_columns,
            Extent::Full => n_columns * n_columns,
        };
        let mut squares = vec![0.0; n_squares];
        let mut difference = vec![0.0; n_columns];
        // Less than this cannot be seen in the sums.
        for (row, &weight) in matrix.rows().zip(weights).filter(|(_, weight)| **weight > 1e-12) {
            for ((difference, value), centre) in difference.iter_mut().zip(row).zip(&centre) {
                *difference = f64::from(*value) - centre;
            }
            extent.add_products(&difference, weight, &mut squares);
        }
        Scatter { n_own, centre, squares }
    }

    fn component(self, pooled: &[f64], floor: f64, n_rows: f64, family: Family) -> Option<Component> {
        let n_columns = self.centre.len();
        let shrunk = |prior: f64| -> Vec<f64> {
            let pairs = self.squares.iter().zip(pooled);
            pairs.map(|(own, pooled)| (own + prior * pooled) / (self.n_own + prior)).collect()
        };
        let mean = |values: &[f64]| vec![values.iter().sum::<f64>() / real(n_columns); n_columns];
        let squares = match family.shape {
            Shape::Common => mean(pooled),
            Shape::Round => mean(&shrunk(PRIOR_N_ROWS)),
            Shape::Diagonal => shrunk(PRIOR_N_ROWS),
            Shape::Tied => pooled.to_vec(),
            Shape::Full => shrunk(PRIOR_N_ROWS + real(n_columns)),
        };
        let (width, half_log_determinant) = if squares.len() == n_columns && !is_full(family.shape) {
            let floored: Vec<f64> = squares.iter().map(|square| square.max(floor)).collect();
            let half = floored.iter().map(|square| 0.5 * square.ln()).sum();
            (Width::Columns(floored.iter().map(|square| 1.0 / square.sqrt()).collect()), half)
        } else {
            let mut raised = squares;
            for column in 0..n_columns {
                raised[column * n_columns + column] += floor;
            }
            let cholesky = Cholesky::of_nearly_positive(&raised, n_columns)?;
            let half = cholesky.half_log_determinant();
            (Width::Full(cholesky), half)
        };
        // A component nobody is in keeps a trace, so that its logarithm is finite.
        let share = self.n_own.max(0.5) / n_rows;
        let log_scale = share.ln() + family.log_normaliser(n_columns) - half_log_determinant;
        log_scale.is_finite().then_some(Component { share, centre: self.centre, width, log_scale })
    }
}

fn is_full(shape: Shape) -> bool {
    matches!(shape, Shape::Tied | Shape::Full)
}

fn mean_variance(matrix: &Matrix) -> f64 {
    let n_rows = real(matrix.n_rows());
    let mut variance = 0.0;
    for column_idx in 0..matrix.n_columns() {
        let column = || matrix.rows().map(|row| f64::from(row[column_idx]));
        let mean = column().sum::<f64>() / n_rows;
        variance += column().map(|value| (value - mean).powi(2)).sum::<f64>() / n_rows;
    }
    variance / real(matrix.n_columns())
}

/// When refinement stops.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) n_iter_max: usize,
    /// Gain of the mean log likelihood below which it has converged.
    pub(crate) gain_min: f64,
}

/// Returns the components refined from a partition of the rows.
pub(crate) fn refine(
    matrix: &Matrix,
    (labels, n_clusters): (&[usize], usize),
    family: Family,
    patience: Patience,
) -> Option<Vec<Component>> {
    let mut responsibilities = vec![0.0; labels.len() * n_clusters];
    for (row_idx, label) in labels.iter().enumerate() {
        responsibilities[row_idx * n_clusters + label] = 1.0;
    }
    let mut components = maximise(matrix, &responsibilities, None, family)?;
    let mut last = f64::NEG_INFINITY;
    for _ in 0..patience.n_iter_max {
        let found = expect(matrix, &components, family);
        let log_likelihood = found.log_likelihood();
        if log_likelihood - last < patience.gain_min {
            break;
        }
        last = log_likelihood;
        components = maximise(matrix, &found.responsibilities, Some(&found.squared), family)?;
    }
    Some(components)
}

crate::state_of_variants!(Shape, "a shape", {
    0 => Shape::Common,
    1 => Shape::Round,
    2 => Shape::Diagonal,
    3 => Shape::Tied,
    4 => Shape::Full,
});
crate::state_of_fields!(Family { shape, freedom }, |family| {
    let known = family.freedom.is_none_or(|freedom| FREEDOM_RANGE.contains(&freedom));
    require(known, "the degrees of freedom")
});
crate::state_of_fields!(Component { share, centre, width, log_scale }, |component| {
    let n_columns = match &component.width {
        Width::Columns(inverses) => inverses.len(),
        Width::Full(cholesky) => cholesky.n(),
    };
    require(component.share > 0.0, "the share of a component")?;
    require(n_columns > 0 && n_columns == component.centre.len(), "the width of a component")
});

/// Degrees of freedom that a stored mixture may have: with fewer it has no mean, with more it is normal.
const FREEDOM_RANGE: RangeInclusive<f64> = 1.0..=1e6;

impl State for Width {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            Width::Columns(inverses) => {
                writer.byte(0);
                inverses.write(writer);
            }
            Width::Full(cholesky) => {
                writer.byte(1);
                cholesky.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => {
                let inverses: Vec<f64> = State::read(reader)?;
                require(inverses.iter().all(|inverse| *inverse > 0.0), "the width of a component")?;
                Ok(Width::Columns(inverses))
            }
            1 => Ok(Width::Full(State::read(reader)?)),
            _ => Err(invalid("the width of a component")),
        }
    }
}
