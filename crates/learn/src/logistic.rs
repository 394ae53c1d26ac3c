//! Multinomial logistic regression with a squared penalty, for targets that may be shares.
//!
//! Minimises the cross-entropy by L-BFGS (Liu and Nocedal 1989) from zero; the objective is strictly
//! convex, so the answer does not depend on the way there. Columns are standardised first. A missing
//! value counts as the column's mean, and where the fit saw missing values, a further column says
//! that it is missing.

mod descent;

use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::membership::{Memberships, fill_rest, softmax};
use crate::number::{real, single};
use crate::state::require;
use crate::tree::bins::require_no_infinity;
use descent::minimise;

/// What the caller chooses about a logistic regression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogisticParams {
    /// Half the weight of the squared coefficients against the summed loss of the rows (1, say; the
    /// inverse of scikit-learn's `C`); above 0, since classes that can be told apart without error
    /// would else have infinite coefficients.
    pub penalty: f64,
    /// Most iterations (100, say).
    pub n_iter_max: usize,
}

/// A fitted logistic regression.
///
/// ```
/// use throng_learn::{LogisticParams, Matrix, Memberships};
///
/// let matrix = Matrix::new(1, vec![0.0, 1.0, 4.0, 5.0])?;
/// let targets = Memberships::of_labels(&[0, 0, 1, 1], 2)?;
/// let model = LogisticParams { penalty: 1.0, n_iter_max: 100 }.fit(&matrix, &targets)?;
/// let found = model.predict_proba(&Matrix::new(1, vec![0.5, f32::NAN])?)?;
/// assert!(found.row(0)[0] > 0.8);
/// assert!((found.row(1)[0] - 0.5).abs() < 0.01);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticModel {
    columns: Vec<Column>,
    n_inputs: usize,
    n_classes: usize,
    /// For each class its coefficients, the intercept last.
    coefficients: Vec<f64>,
    converged: Converged,
}

/// Whether a fit came to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converged {
    /// The gradient vanished.
    Yes,
    /// The iterations ran out first.
    No,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Column {
    mean: f64,
    deviation: f64,
    /// Position of the column that says whether the value is missing.
    indicator: Option<usize>,
}

/// Rows to a piece of parallel work; pieces are added in order.
const CHUNK_N_ROWS: usize = 1024;

impl LogisticParams {
    /// Fits the probabilities of all columns of `targets`, the unassigned one included.
    pub fn fit(&self, matrix: &Matrix, targets: &Memberships) -> Result<LogisticModel, LearnError> {
        self.check(matrix, targets)?;
        let columns = columns(matrix);
        let n_indicators = columns.iter().filter(|column| column.indicator.is_some()).count();
        let model = LogisticModel {
            n_inputs: columns.len() + n_indicators + 1,
            n_classes: targets.n_columns(),
            columns,
            coefficients: Vec::new(),
            converged: Converged::No,
        };
        let mut inputs = Vec::with_capacity(matrix.n_rows() * model.n_inputs);
        for row in matrix.rows() {
            model.append_inputs(row, &mut inputs);
        }
        let start = vec![0.0; model.n_classes * model.n_inputs];
        let problem = Problem { inputs: &inputs, targets, n_inputs: model.n_inputs, penalty: self.penalty };
        let (coefficients, converged) = minimise(|at| problem.value_and_gradient(at), start, self.n_iter_max);
        Ok(LogisticModel { coefficients, converged, ..model })
    }

    fn check(&self, matrix: &Matrix, targets: &Memberships) -> Result<(), LearnError> {
        if !(self.penalty > 0.0 && self.penalty.is_finite()) {
            let found = self.penalty;
            return Err(LearnError::InvalidParameter { parameter: "penalty", found, allowed: "finite and above 0" });
        }
        if self.n_iter_max == 0 {
            return Err(LearnError::InvalidParameter { parameter: "n_iter_max", found: 0.0, allowed: "at least 1" });
        }
        require_targets(matrix, targets)
    }
}

/// Returns an error unless there is a target for each of at least one row of finite or missing values.
pub(crate) fn require_targets(matrix: &Matrix, targets: &Memberships) -> Result<(), LearnError> {
    if matrix.n_rows() != targets.n_rows() {
        let (expected, found) = (matrix.n_rows(), targets.n_rows());
        return Err(LearnError::ShapeMismatch { what: "the list of targets", expected, found });
    }
    if matrix.n_rows() == 0 {
        return Err(LearnError::TooFewRows { attempt: "fit a classifier", n_rows: 0, n_rows_needed: 1 });
    }
    require_no_infinity(matrix)
}

fn columns(matrix: &Matrix) -> Vec<Column> {
    let mut n_indicators = 0;
    let mut columns = Vec::with_capacity(matrix.n_columns());
    for column_idx in 0..matrix.n_columns() {
        let known: Vec<f64> =
            matrix.rows().map(|row| f64::from(row[column_idx])).filter(|value| !value.is_nan()).collect();
        let n_known = real(known.len().max(1));
        let mean = known.iter().sum::<f64>() / n_known;
        let variance = known.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n_known;
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        let indicator = (known.len() < matrix.n_rows()).then(|| matrix.n_columns() + n_indicators);
        n_indicators += usize::from(indicator.is_some());
        columns.push(Column { mean, deviation, indicator });
    }
    columns
}

struct Problem<'a> {
    inputs: &'a [f32],
    targets: &'a Memberships,
    n_inputs: usize,
    penalty: f64,
}

impl Problem<'_> {
    /// Returns the mean loss with its penalty, and the gradient.
    fn value_and_gradient(&self, coefficients: &[f64]) -> (f64, Vec<f64>) {
        let n_rows = self.targets.n_rows();
        let parts: Vec<(f64, Vec<f64>)> = (0..n_rows.div_ceil(CHUNK_N_ROWS))
            .into_par_iter()
            .map(|chunk| self.part(chunk * CHUNK_N_ROWS..((chunk + 1) * CHUNK_N_ROWS).min(n_rows), coefficients))
            .collect();
        let mut value = 0.0;
        let mut gradient = vec![0.0; coefficients.len()];
        for (part, of_part) in &parts {
            value += part;
            for (sum, part) in gradient.iter_mut().zip(of_part) {
                *sum += part;
            }
        }
        // The intercepts are not penalised but for a trace that makes the answer one: the same
        // constant could be added to those of all classes.
        for (at, coefficient) in coefficients.iter().enumerate() {
            let intercept = (at + 1) % self.n_inputs == 0;
            let penalty = self.penalty * if intercept { INTERCEPT_PENALTY } else { 1.0 };
            value += 0.5 * penalty * coefficient * coefficient;
            gradient[at] += penalty * coefficient;
        }
        let scale = 1.0 / real(n_rows);
        (value * scale, gradient.into_iter().map(|part| part * scale).collect())
    }

    fn part(&self, rows: std::ops::Range<usize>, coefficients: &[f64]) -> (f64, Vec<f64>) {
        let n_classes = self.targets.n_columns();
        let mut value = 0.0;
        let mut gradient = vec![0.0; coefficients.len()];
        let mut shares = vec![0.0; n_classes];
        for row_idx in rows {
            let inputs = &self.inputs[row_idx * self.n_inputs..(row_idx + 1) * self.n_inputs];
            let target = self.targets.row(row_idx);
            scores(inputs, coefficients, &mut shares);
            let linear: f64 = shares.iter().zip(target).map(|(score, target)| score * target).sum();
            value += softmax(&mut shares) - linear;
            for ((share, target), gradient) in shares.iter().zip(target).zip(gradient.chunks_exact_mut(self.n_inputs)) {
                let residual = share - target;
                for (sum, input) in gradient.iter_mut().zip(inputs) {
                    *sum += residual * f64::from(*input);
                }
            }
        }
        (value, gradient)
    }
}

/// What was computed of one row, for others that differ from it in a few columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogisticAnchor {
    row: Vec<f32>,
    inputs: Vec<f32>,
    /// For each class the sums before each input.
    sums: Vec<f64>,
}

/// What a sum of floats begins with: anything added to it is that, a negative zero too.
const NOTHING: f64 = -0.0;

/// Weight of the penalty on intercepts against that on other coefficients.
const INTERCEPT_PENALTY: f64 = 1e-4;

fn scores(inputs: &[f32], coefficients: &[f64], scores: &mut [f64]) {
    for (score, coefficients) in scores.iter_mut().zip(coefficients.chunks_exact(inputs.len())) {
        let products = inputs.iter().zip(coefficients).map(|(input, coefficient)| f64::from(*input) * coefficient);
        *score = products.fold(NOTHING, |sum, product| sum + product);
    }
}

impl Column {
    /// Returns a value in standard deviations from the mean; a missing one is the mean.
    fn standardised(&self, value: f32) -> f32 {
        if value.is_nan() { 0.0 } else { single((f64::from(value) - self.mean) / self.deviation) }
    }
}

impl LogisticModel {
    /// Returns the probabilities of each row, in the columns of the targets; they sum to exactly 1.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        matrix.require_columns(self.columns.len())?;
        require_no_infinity(matrix)?;
        let mut values = vec![0.0; matrix.n_rows() * self.n_classes];
        let mut inputs = Vec::with_capacity(self.n_inputs);
        for (row, shares) in matrix.rows().zip(values.chunks_exact_mut(self.n_classes)) {
            self.tell(row, shares, &mut inputs);
        }
        Ok(Memberships::from_values(self.n_classes, values))
    }

    /// Fills in the probabilities of a row of as many values as there are columns, none infinite;
    /// `inputs` is scratch space of any length.
    pub(crate) fn tell(&self, row: &[f32], shares: &mut [f64], inputs: &mut Vec<f32>) {
        inputs.clear();
        self.append_inputs(row, inputs);
        scores(inputs, &self.coefficients, shares);
        softmax(shares);
        fill_rest(shares);
    }

    /// Computes what others need of a row that they differ from in a few columns.
    pub(crate) fn anchor(&self, row: &[f32], anchor: &mut LogisticAnchor) {
        let LogisticAnchor { row: own, inputs, sums } = anchor;
        own.clear();
        own.extend_from_slice(row);
        inputs.clear();
        self.append_inputs(row, inputs);
        sums.clear();
        sums.reserve(self.coefficients.len());
        for coefficients in self.coefficients.chunks_exact(self.n_inputs) {
            let mut sum = NOTHING;
            for (input, coefficient) in inputs.iter().zip(coefficients) {
                sums.push(sum);
                sum += f64::from(*input) * coefficient;
            }
        }
    }

    /// As [`LogisticModel::tell`], from the first input on that is another than the anchor's.
    pub(crate) fn tell_beside(
        &self,
        anchor: &LogisticAnchor,
        row: &[f32],
        (shares, inputs): (&mut [f64], &mut Vec<f32>),
    ) {
        inputs.clear();
        let differs = |(value, known): (&f32, &f32)| value.to_bits() != known.to_bits();
        // Where none differs, the sum of the last, the intercept, is taken again.
        let mut first = self.n_inputs - 1;
        if self.n_inputs == self.columns.len() + 1 {
            inputs.extend_from_slice(&anchor.inputs);
            let changed = row.iter().zip(&anchor.row).enumerate().filter(|(_, pair)| differs(*pair));
            for (column, (value, _)) in changed {
                inputs[column] = self.columns[column].standardised(*value);
                first = first.min(column);
            }
        } else {
            // What is missing is told by further columns.
            self.append_inputs(row, inputs);
            first = inputs.iter().zip(&anchor.inputs).position(differs).unwrap_or(first);
        }
        let each = self.coefficients.chunks_exact(self.n_inputs).zip(anchor.sums.chunks_exact(self.n_inputs));
        for (score, (coefficients, sums)) in shares.iter_mut().zip(each) {
            let rest = inputs[first..].iter().zip(&coefficients[first..]);
            *score = rest.fold(sums[first], |sum, (input, coefficient)| sum + f64::from(*input) * coefficient);
        }
        softmax(shares);
        fill_rest(shares);
    }

    /// Returns whether the fit came to rest.
    #[must_use]
    pub fn converged(&self) -> Converged {
        self.converged
    }

    fn append_inputs(&self, row: &[f32], inputs: &mut Vec<f32>) {
        inputs.extend(row.iter().zip(&self.columns).map(|(value, column)| column.standardised(*value)));
        let indicated = row.iter().zip(&self.columns).filter(|(_, column)| column.indicator.is_some());
        inputs.extend(indicated.map(|(value, _)| if value.is_nan() { 1.0 } else { 0.0 }));
        inputs.push(1.0);
    }
}

crate::state_of_variants!(Converged, "whether a fit came to rest", {
    0 => Converged::No,
    1 => Converged::Yes,
});
crate::state_of_fields!(Column { mean, deviation, indicator }, |column| {
    require(column.deviation > 0.0, "the deviation of a column")
});
crate::state_of_fields!(LogisticModel { columns, n_inputs, n_classes, coefficients, converged }, |read| {
    let n_indicators = read.columns.iter().filter(|column| column.indicator.is_some()).count();
    require(read.n_classes > 0 && read.n_inputs == read.columns.len() + n_indicators + 1, "a logistic regression")?;
    let n_coefficients = read.n_classes.checked_mul(read.n_inputs);
    require(n_coefficients == Some(read.coefficients.len()), "the coefficients of a logistic regression")
});

impl LogisticModel {
    /// Returns how many columns it reads, and how many classes it tells apart.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.columns.len(), self.n_classes)
    }
}

#[cfg(test)]
mod tests {
    use super::{Converged, LogisticModel, LogisticParams};
    use crate::matrix::Matrix;
    use crate::membership::Memberships;

    const PARAMS: LogisticParams = LogisticParams { penalty: 1.0, n_iter_max: 200 };

    fn fit(matrix: &Matrix, labels: &[usize]) -> LogisticModel {
        PARAMS.fit(matrix, &Memberships::of_labels(labels, 2).unwrap()).unwrap()
    }

    #[test]
    fn coefficients_equal_those_of_scikit_learn() {
        // LogisticRegression(C=1.0, tol=1e-12) on the standardised column, three classes of which
        // the last is rare: predict_proba at 0, 2.5 and 6.
        let matrix = Matrix::new(1, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]).unwrap();
        let targets = [0, 0, 1, 0, 1, 1, 1, 2];
        let values = targets.iter().flat_map(|&label| (0..3).map(move |class| f64::from(u8::from(class == label))));
        let model = PARAMS.fit(&matrix, &Memberships::from_values(3, values.collect())).unwrap();
        assert_eq!(model.converged(), Converged::Yes);
        let found = model.predict_proba(&Matrix::new(1, vec![0.0, 2.5, 6.0]).unwrap()).unwrap();
        for (row, expected) in found.rows().zip(SCIKIT_LEARN) {
            for (share, expected) in row.iter().zip(expected) {
                assert!((share - expected).abs() < 1e-3, "{row:?}");
            }
        }
    }

    const SCIKIT_LEARN: [[f64; 3]; 3] =
        [[0.757_621, 0.226_660, 0.015_719], [0.465_329, 0.470_208, 0.064_462], [0.117_228, 0.651_045, 0.231_727]];

    #[test]
    fn shares_are_learnt_as_shares() {
        let matrix = Matrix::new(1, vec![0.0; 50]).unwrap();
        let model = PARAMS.fit(&matrix, &Memberships::from_values(2, [0.65, 0.35].repeat(50))).unwrap();
        let found = model.predict_proba(&Matrix::new(1, vec![0.0]).unwrap()).unwrap();
        assert!((found.row(0)[0] - 0.65).abs() < 1e-3, "{:?}", found.row(0));
    }

    #[test]
    fn missing_value_says_what_missing_rows_were() {
        let nan = f32::NAN;
        let matrix = Matrix::new(1, vec![1.0, 2.0, 1.5, 1.2, nan, nan, nan, nan]).unwrap();
        let model = fit(&matrix, &[0, 0, 0, 0, 1, 1, 1, 1]);
        let found = model.predict_proba(&Matrix::new(1, vec![nan, 1.4]).unwrap()).unwrap();
        assert!(found.row(0)[1] > 0.7, "{:?}", found.row(0));
        assert!(found.row(1)[0] > 0.7, "{:?}", found.row(1));
    }

    #[test]
    fn bad_input_is_refused() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let targets = Memberships::of_labels(&[0, 1], 2).unwrap();
        assert!(LogisticParams { penalty: 0.0, ..PARAMS }.fit(&matrix, &targets).is_err());
        assert!(LogisticParams { n_iter_max: 0, ..PARAMS }.fit(&matrix, &targets).is_err());
        assert!(PARAMS.fit(&matrix, &Memberships::of_labels(&[0], 2).unwrap()).is_err());
        assert!(PARAMS.fit(&Matrix::new(1, vec![1.0, f32::INFINITY]).unwrap(), &targets).is_err());
        let nothing = Matrix::new(1, Vec::new()).unwrap();
        assert!(PARAMS.fit(&nothing, &Memberships::of_labels(&[], 2).unwrap()).is_err());
        let model = PARAMS.fit(&matrix, &targets).unwrap();
        assert!(model.predict_proba(&Matrix::new(2, vec![1.0, 2.0]).unwrap()).is_err());
        assert!(Memberships::of_labels(&[2], 2).is_err());
    }
}
