//! Foresight: the directions of the columns along which rows foretell what they do next.
//!
//! A continuum has no borders of its own, so any cut of it is a choice; the useful one parts rows that
//! will do different things. What they will do is learnt from an earlier day, whose sequel is known: a
//! generalised linear model of each outcome on the columns (McCullagh and Nelder 1989), judged by
//! cross-validation. The linear predictors of those that foretell anything become dimensions of their
//! own beside the columns, which keep a share of the distances: a supervised metric, as regression
//! clustering and predictive projections have it (Kaski and Sinkkonen 2001).

use crate::error::LearnError;
use crate::linear::along;
use crate::matrix::Matrix;
use crate::number::real;
use crate::projection::Projection;
use crate::random::sampled_rows;
use crate::statistics::Interval;
use crate::validity::{Response, ValidityParams, fitted_coefficients};

/// Share of the squared distances that goes to what is foretold; the rest stays with the columns, so
/// that rows which come to the same by different ways still differ. With half, forty columns outweigh
/// three directions and cuts of small groups seldom come back; beyond, nothing more is explained.
const SHARE: f64 = 0.9;

/// Rows the models are fitted to at most: coefficients of a hundred columns are sure enough.
const N_ROWS_MAX: usize = 20_000;

/// What rows did after they looked as they do in a matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequel {
    /// One value per row.
    pub values: Vec<f64>,
    /// What kind of values.
    pub response: Response,
}

/// What the columns foretell, and the space that shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Foresight {
    /// The columns and what they foretell, as dimensions.
    pub projection: Projection,
    /// For each sequel, the share of its deviance that the columns explain in rows left out of the
    /// fit; `None` where they do not surely explain any, and it has no dimension.
    pub explained: Vec<Option<Interval>>,
}

impl Foresight {
    /// Learns from `earlier` rows and their sequels how far the rows of `current` will differ; both have
    /// the same columns. `None` where no sequel can be foretold.
    ///
    /// ```
    /// use throng_learn::{Confidence, Foresight, Matrix, Response, Sequel, ValidityParams};
    ///
    /// // The first of two columns says how often; the second says nothing.
    /// let rows = (0..400_u16).flat_map(|row| [f32::from(row % 5), f32::from(row * 7 % 11)]);
    /// let matrix = Matrix::new(2, rows.collect())?;
    /// let values = (0..400_u16).map(|row| f64::from(row % 5 * 3 + row % 2)).collect();
    /// let params = ValidityParams { n_folds: 10, ridge: 1.0, confidence: Confidence::new(0.95)?, seed: 1 };
    /// let sequel = Sequel { values, response: Response::Count };
    /// let foresight = Foresight::learn(&matrix, &[sequel], &matrix, &params)?.expect("a sequel that is foretold");
    /// let foretold = foresight.projection.directions().last().expect("a dimension");
    /// assert!(foretold[0].abs() > 10.0 * foretold[1].abs());
    /// # Ok::<(), throng_learn::LearnError>(())
    /// ```
    pub fn learn(
        earlier: &Matrix,
        sequels: &[Sequel],
        current: &Matrix,
        params: &ValidityParams,
    ) -> Result<Option<Foresight>, LearnError> {
        current.require_columns(earlier.n_columns())?;
        current.require_finite()?;
        let rows = sampled_rows(earlier.n_rows(), N_ROWS_MAX, params.seed);
        let earlier = earlier.take(&rows);
        let (mut explained, mut directions) = (Vec::new(), Vec::new());
        for sequel in sequels {
            let outcomes: Vec<f64> = rows.iter().map(|row| sequel.values[*row]).collect();
            let judged = match params.evaluate(&[&earlier], &outcomes, sequel.response) {
                Ok(validity) => Some(validity.partitions[0].explained).filter(|explained| explained.low > 0.0),
                // Nobody or everybody did it, or there are too few to tell.
                Err(LearnError::InvalidParameter { .. } | LearnError::TooFewRows { .. }) => None,
                Err(error) => return Err(error),
            };
            explained.push(judged);
            if judged.is_some() {
                directions.push(fitted_coefficients(&earlier, &outcomes, sequel.response, params.ridge)?);
            }
        }
        let projection = projection(current, &directions);
        Ok(projection.map(|projection| Foresight { projection, explained }))
    }
}

/// Returns the space of the columns and of the directions, all directions alike and together
/// [`SHARE`] of the variance.
fn projection(current: &Matrix, directions: &[Vec<f64>]) -> Option<Projection> {
    let n_columns = current.n_columns();
    let unit = |column: usize| {
        let mut direction = vec![0.0; n_columns];
        direction[column] = 1.0;
        direction
    };
    let units: Vec<Vec<f64>> = (0..n_columns).map(unit).collect();
    let variance: f64 = units.iter().map(|direction| variance_along(current, direction)).sum();
    let spread: Vec<(&Vec<f64>, f64)> = directions
        .iter()
        .map(|direction| (direction, variance_along(current, direction)))
        .filter(|(_, own)| *own > 0.0)
        .collect();
    if spread.is_empty() {
        return None;
    }
    let scaled = |direction: &[f64], factor: f64| direction.iter().map(|entry| entry * factor).collect();
    let kept = units.iter().map(|direction| scaled(direction, (1.0 - SHARE).sqrt()));
    let each = SHARE * variance / real(spread.len());
    let foretold = spread.iter().map(|(direction, own)| scaled(direction, (each / own).sqrt()));
    Some(Projection::new(vec![0.0; n_columns], kept.chain(foretold).collect()))
}

fn variance_along(matrix: &Matrix, direction: &[f64]) -> f64 {
    let values: Vec<f64> = matrix.rows().map(|row| along(row, direction)).collect();
    let n_rows = real(values.len().max(1));
    let mean = values.iter().sum::<f64>() / n_rows;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n_rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;
    use crate::statistics::Confidence;
    use rand::Rng;

    fn params() -> ValidityParams {
        ValidityParams { n_folds: 10, ridge: 1.0, confidence: Confidence::new(0.95).unwrap(), seed: 3 }
    }

    /// Rows of independent columns between -1 and 1.
    fn rows(n_rows: usize, seed: u64) -> Matrix {
        let mut chance = generator(seed, 0);
        Matrix::new(4, (0..4 * n_rows).map(|_| chance.random_range(-1.0_f32..1.0)).collect()).unwrap()
    }

    #[test]
    fn what_is_foretold_has_its_share_of_the_distances() {
        let (earlier, current) = (rows(600, 1), rows(500, 2));
        let bought = earlier.rows().map(|row| f64::from((row[2] * 5.0).max(0.0).round())).collect();
        let sequel = Sequel { values: bought, response: Response::Count };
        let foresight = Foresight::learn(&earlier, &[sequel], &current, &params()).unwrap().unwrap();
        assert!(foresight.explained[0].unwrap().low > 0.5);
        let placed = foresight.projection.transform(&current).unwrap();
        assert_eq!(placed.n_columns(), 5);
        let unit = |column: usize| (0..5).map(|own| f64::from(u8::from(own == column))).collect::<Vec<f64>>();
        let variances: Vec<f64> = (0..5).map(|column| variance_along(&placed, &unit(column))).collect();
        let all: f64 = variances.iter().sum();
        assert!((variances[4] / all - SHARE).abs() < 1e-6);
    }

    #[test]
    fn chance_foretells_nothing() {
        let earlier = rows(600, 1);
        let mut chance = generator(9, 0);
        let values = (0..600).map(|_| f64::from(chance.random_range(0_u8..5))).collect();
        let sequel = Sequel { values, response: Response::Count };
        assert_eq!(Foresight::learn(&earlier, &[sequel], &earlier, &params()).unwrap(), None);
    }

    #[test]
    fn what_nobody_did_has_no_dimension() {
        let earlier = rows(600, 1);
        let nobody = Sequel { values: vec![0.0; 600], response: Response::Count };
        let bought = earlier.rows().map(|row| f64::from((row[2] * 5.0).max(0.0).round())).collect();
        let bought = Sequel { values: bought, response: Response::Count };
        let foresight = Foresight::learn(&earlier, &[nobody, bought], &earlier, &params()).unwrap().unwrap();
        assert_eq!(foresight.explained[0], None);
        assert_eq!(foresight.projection.directions().len(), 5);
    }
}
