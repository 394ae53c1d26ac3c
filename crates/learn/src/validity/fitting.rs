//! A generalised linear model fitted by penalised, iteratively reweighted least squares (Nelder and
//! Wedderburn 1972), steps being halved until the penalised deviance falls.

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::membership::cholesky::Cholesky;
use crate::number::real;
use crate::validity::family::Response;

/// A fitted model: an intercept, and a coefficient for how far each column lies from its mean.
pub(crate) struct Fitted {
    centres: Vec<f64>,
    /// The intercept last.
    coefficients: Vec<f64>,
}

const N_ITER_MAX: usize = 50;
const N_HALVINGS_MAX: usize = 30;
/// Fall of the penalised deviance, relative to it, below which the fit has come to rest.
const FALL_MIN: f64 = 1e-10;

impl Fitted {
    /// Returns the mean that is expected of a row.
    pub(crate) fn mean(&self, row: &[f32], response: Response) -> f64 {
        response.mean_at(self.linear(row))
    }

    /// Returns the coefficients of the columns.
    pub(crate) fn into_coefficients(mut self) -> Vec<f64> {
        self.coefficients.truncate(self.centres.len());
        self.coefficients
    }

    fn linear(&self, row: &[f32]) -> f64 {
        let columns = row.iter().zip(&self.centres).zip(&self.coefficients);
        let sum: f64 = columns.map(|((value, centre), own)| (f64::from(*value) - centre) * own).sum();
        sum + self.coefficients[self.centres.len()]
    }

    fn penalised(&self, data: &Data<'_>) -> f64 {
        let rows = data
            .rows
            .iter()
            .map(|&row| data.response.deviance(data.outcomes[row], self.mean(data.partition.row(row), data.response)));
        let squares: f64 = self.coefficients[..self.centres.len()].iter().map(|own| own * own).sum();
        rows.sum::<f64>() + data.penalty * squares
    }
}

struct Data<'a> {
    partition: &'a Matrix,
    rows: &'a [usize],
    outcomes: &'a [f64],
    response: Response,
    penalty: f64,
}

/// Fits the model to the given rows.
pub(crate) fn fit(
    partition: &Matrix,
    rows: &[usize],
    outcomes: &[f64],
    response: Response,
    ridge: f64,
) -> Result<Fitted, LearnError> {
    let n_columns = partition.n_columns();
    let mut centres = vec![0.0; n_columns];
    for &row in rows {
        for (sum, value) in centres.iter_mut().zip(partition.row(row)) {
            *sum += f64::from(*value) / real(rows.len());
        }
    }
    let own: Vec<f64> = rows.iter().map(|&row| outcomes[row]).collect();
    let mean = response.mean(&own)?;
    let mut coefficients = vec![0.0; n_columns + 1];
    coefficients[n_columns] = response.link(mean);
    // A row of the ridge weighs as much as a row at the mean, whatever the unit of the outcome.
    let penalty = ridge * response.weight_and_residual(mean, mean).0;
    let data = Data { partition, rows, outcomes, response, penalty };
    let mut fitted = Fitted { centres, coefficients };
    let mut deviance = fitted.penalised(&data);
    for _ in 0..N_ITER_MAX {
        let Some(step) = step(&fitted, &data) else { break };
        let mut length = 1.0;
        let mut next = None;
        for _ in 0..N_HALVINGS_MAX {
            let moved = fitted.coefficients.iter().zip(&step).map(|(at, along)| at + length * along).collect();
            let candidate = Fitted { centres: fitted.centres.clone(), coefficients: moved };
            let penalised = candidate.penalised(&data);
            if penalised < deviance {
                next = Some((candidate, penalised));
                break;
            }
            length /= 2.0;
        }
        let Some((candidate, penalised)) = next else { break };
        let fall = deviance - penalised;
        (fitted, deviance) = (candidate, penalised);
        if fall <= FALL_MIN * deviance.abs() {
            break;
        }
    }
    Ok(fitted)
}

/// Returns the step of Fisher scoring: weighted least squares of the residuals.
fn step(fitted: &Fitted, data: &Data<'_>) -> Option<Vec<f64>> {
    let n_columns = fitted.centres.len();
    let n = n_columns + 1;
    let mut matrix = vec![0.0; n * n];
    let mut side = vec![0.0; n];
    let mut input = vec![1.0; n];
    for &row in data.rows {
        let values = data.partition.row(row);
        for ((input, value), centre) in input.iter_mut().zip(values).zip(&fitted.centres) {
            *input = f64::from(*value) - centre;
        }
        let mean = fitted.mean(values, data.response);
        let (weight, residual) = data.response.weight_and_residual(data.outcomes[row], mean);
        for (column, line) in matrix.chunks_exact_mut(n).enumerate() {
            let scaled = weight * input[column];
            side[column] += scaled * residual;
            for (entry, other) in line[..=column].iter_mut().zip(&input) {
                *entry += scaled * other;
            }
        }
    }
    for column in 0..n_columns {
        matrix[column * n + column] += data.penalty;
        side[column] -= data.penalty * fitted.coefficients[column];
    }
    let cholesky = Cholesky::of_nearly_positive(&matrix, n)?;
    cholesky.solve(&mut side);
    Some(side)
}
