//! Gradient-boosted trees for the probabilities of several classes.
//!
//! Trees are added one per class and round to the scores of a softmax (Friedman 2001), grown on
//! histograms with the second-order gain of XGBoost (Chen and Guestrin 2016). Missing values go to
//! whichever side of a split gains more. A fifth of the rows is kept out of the growing; the number
//! of rounds is the one at which their loss was least. Beyond it trees are surer than they are right.

mod grove;
mod growth;

use rand::Rng;

use crate::error::LearnError;
use crate::logistic::require_targets;
use crate::matrix::Matrix;
use crate::membership::{Memberships, fill_rest, softmax};
use crate::number::real;
use crate::random::generator;
use crate::state::{State, StateReader, StateWriter, require};
use crate::tree::bins::{Bins, require_no_infinity};
use grove::Grove;
use growth::{Growth, Tree};

/// What the caller chooses about boosting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoostingParams {
    /// Most rounds, 1 to 1000 (200, say).
    pub n_rounds_max: usize,
    /// Share of each tree that is added, above 0 and at most 1 (0.1, say).
    pub learning_rate: f64,
    /// Most splits on the way to a leaf, 1 to 8 (3, say).
    pub depth_max: usize,
    /// Least rows in a leaf, at least 1 (20, say).
    pub leaf_rows_min: usize,
    /// Seed of the rows kept out.
    pub seed: u64,
}

/// Fitted boosted trees.
///
/// ```
/// use throng_learn::{BoostingParams, Matrix, Memberships};
///
/// let matrix = Matrix::new(1, (0..200_u8).map(f32::from).collect())?;
/// let labels: Vec<usize> = (0..200).map(|row| usize::from(row >= 100)).collect();
/// let params =
///     BoostingParams { n_rounds_max: 100, learning_rate: 0.2, depth_max: 3, leaf_rows_min: 5, seed: 1 };
/// let model = params.fit(&matrix, &Memberships::of_labels(&labels, 2)?)?;
/// let found = model.predict_proba(&Matrix::new(1, vec![20.0, 180.0])?)?;
/// assert!(found.row(0)[0] > 0.9);
/// assert!(found.row(1)[1] > 0.9);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct BoostingModel {
    n_inputs: usize,
    /// Scores before the first tree.
    start: Vec<f64>,
    /// Round by round, a tree per class.
    rounds: Vec<Vec<Tree>>,
    /// The same trees for prediction.
    grove: Grove,
}

/// What was computed of one row, for others that differ from it in a few columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct BoostingAnchor {
    row: Vec<f32>,
    /// Of each tree.
    values: Vec<f64>,
}

const N_ROUNDS_LIMIT: usize = 1000;
const DEPTH_LIMIT: usize = 8;
/// Rounds without a gain on the rows kept out after which none is expected.
const N_ROUNDS_PATIENCE: usize = 15;
/// Share of the rows kept out.
const KEPT_OUT_SHARE: f64 = 0.2;
/// Rows below which none are kept out, since their loss would be chance; then few rounds are grown.
const KEPT_OUT_ROWS_MIN: usize = 20;
const N_ROUNDS_BLIND_MAX: usize = 20;
/// Share of a class that has none among the fitted rows.
const SHARE_MIN: f64 = 1e-6;

impl BoostingParams {
    /// Fits the probabilities of all columns of `targets`, the unassigned one included.
    pub fn fit(&self, matrix: &Matrix, targets: &Memberships) -> Result<BoostingModel, LearnError> {
        self.check(matrix, targets)?;
        let bins = Bins::of(matrix)?;
        let mut generator = generator(self.seed, 0);
        let (mut kept_out, mut grown): (Vec<usize>, Vec<usize>) =
            (0..matrix.n_rows()).partition(|_| generator.random_bool(KEPT_OUT_SHARE));
        let mut n_rounds = self.n_rounds_max;
        if kept_out.len() < KEPT_OUT_ROWS_MIN {
            grown = (0..matrix.n_rows()).collect();
            kept_out.clear();
            n_rounds = n_rounds.min(N_ROUNDS_BLIND_MAX);
        }
        let n_classes = targets.n_columns();
        let mut start = vec![0.0; n_classes];
        for &row in &grown {
            for (sum, share) in start.iter_mut().zip(targets.row(row)) {
                *sum += share / real(grown.len());
            }
        }
        start.iter_mut().for_each(|share| *share = share.max(SHARE_MIN).ln());
        let mut scores = start.repeat(matrix.n_rows());
        let growth = Growth { bins: &bins, rows: &grown, params: *self };
        let mut rounds = Vec::new();
        let (mut best_loss, mut best_round) = (loss(&scores, targets, &kept_out), 0);
        while rounds.len() < n_rounds {
            let trees = growth.round(&scores, targets);
            for (row_idx, scores) in scores.chunks_exact_mut(n_classes).enumerate() {
                for (score, tree) in scores.iter_mut().zip(&trees) {
                    *score += tree.value_of(|column| bins.columns[column][row_idx]);
                }
            }
            rounds.push(trees);
            let loss = loss(&scores, targets, &kept_out);
            if kept_out.is_empty() || loss < best_loss {
                (best_loss, best_round) = (loss, rounds.len());
            } else if rounds.len() - best_round >= N_ROUNDS_PATIENCE {
                break;
            }
        }
        rounds.truncate(best_round);
        Ok(BoostingModel::of(matrix.n_columns(), start, rounds))
    }

    fn check(&self, matrix: &Matrix, targets: &Memberships) -> Result<(), LearnError> {
        for (parameter, value, limit, allowed) in [
            ("n_rounds_max", self.n_rounds_max, N_ROUNDS_LIMIT, "1 to 1000"),
            ("depth_max", self.depth_max, DEPTH_LIMIT, "1 to 8"),
            ("leaf_rows_min", self.leaf_rows_min, usize::MAX, "at least 1"),
        ] {
            if !(1..=limit).contains(&value) {
                return Err(LearnError::InvalidParameter { parameter, found: real(value), allowed });
            }
        }
        if !(0.0 < self.learning_rate && self.learning_rate <= 1.0) {
            let (found, allowed) = (self.learning_rate, "above 0 and at most 1");
            return Err(LearnError::InvalidParameter { parameter: "learning_rate", found, allowed });
        }
        require_targets(matrix, targets)
    }
}

/// Returns the cross-entropy summed over `rows`.
fn loss(scores: &[f64], targets: &Memberships, rows: &[usize]) -> f64 {
    let n_classes = targets.n_columns();
    let mut sum = 0.0;
    let mut shares = vec![0.0; n_classes];
    for &row in rows {
        shares.copy_from_slice(&scores[row * n_classes..(row + 1) * n_classes]);
        let linear: f64 = shares.iter().zip(targets.row(row)).map(|(score, target)| score * target).sum();
        sum += softmax(&mut shares) - linear;
    }
    sum
}

impl BoostingModel {
    fn of(n_inputs: usize, start: Vec<f64>, rounds: Vec<Vec<Tree>>) -> BoostingModel {
        let depth = rounds.iter().flatten().map(Tree::depth).max().unwrap_or(0);
        let mut grove = Grove::new(depth);
        // Class after class, each round after round: scores grow apart, and each in its order.
        for class in 0..start.len() {
            rounds.iter().for_each(|trees| trees[class].lay_out(depth, &mut grove));
        }
        BoostingModel { n_inputs, start, rounds, grove }
    }

    /// Returns the probabilities of each row, in the columns of the targets; they sum to exactly 1.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Memberships, LearnError> {
        matrix.require_columns(self.n_inputs)?;
        require_no_infinity(matrix)?;
        let mut values = vec![0.0; matrix.n_rows() * self.start.len()];
        for (row, shares) in matrix.rows().zip(values.chunks_exact_mut(self.start.len())) {
            self.tell(row, shares);
        }
        Ok(Memberships::from_values(self.start.len(), values))
    }

    /// Fills in the probabilities of a row of as many values as there are columns, none infinite.
    pub(crate) fn tell(&self, row: &[f32], shares: &mut [f64]) {
        shares.copy_from_slice(&self.start);
        self.grove.add_to(shares, row, self.rounds.len());
        softmax(shares);
        fill_rest(shares);
    }

    /// Computes what others need of a row that they differ from in a few columns.
    pub(crate) fn anchor(&self, row: &[f32], anchor: &mut BoostingAnchor) {
        anchor.row.clear();
        anchor.row.extend_from_slice(row);
        anchor.values.clear();
        self.grove.append_values(row, &mut anchor.values);
    }

    /// As [`BoostingModel::tell`], by the trees that look at a column in which the row is another than
    /// the anchor's; `values` is scratch space of any length.
    pub(crate) fn tell_beside(
        &self,
        anchor: &BoostingAnchor,
        row: &[f32],
        (shares, values): (&mut [f64], &mut Vec<f64>),
    ) {
        values.clear();
        values.extend_from_slice(&anchor.values);
        for (column, (value, known)) in row.iter().zip(&anchor.row).enumerate() {
            if value.to_bits() != known.to_bits() {
                self.grove.renew_values(row, column, values);
            }
        }
        for (class, (share, start)) in shares.iter_mut().zip(&self.start).enumerate() {
            let own = &values[class * self.rounds.len()..(class + 1) * self.rounds.len()];
            *share = own.iter().fold(*start, |score, value| score + value);
        }
        softmax(shares);
        fill_rest(shares);
    }

    /// Returns the number of rounds that were kept.
    #[must_use]
    pub fn n_rounds(&self) -> usize {
        self.rounds.len()
    }
}

impl State for BoostingModel {
    fn write(&self, writer: &mut StateWriter) {
        self.n_inputs.write(writer);
        self.start.write(writer);
        self.rounds.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let (n_inputs, (start, rounds)): (usize, (Vec<f64>, Vec<Vec<Tree>>)) = State::read(reader)?;
        let n_classes = start.len();
        require(n_classes > 0 && rounds.iter().all(|trees| trees.len() == n_classes), "the rounds of boosted trees")?;
        let within = |tree: &Tree| tree.n_inputs() <= n_inputs && tree.depth() <= DEPTH_LIMIT;
        require(rounds.iter().flatten().all(within), "a tree")?;
        Ok(Self::of(n_inputs, start, rounds))
    }
}

impl BoostingModel {
    /// Returns how many columns it reads, and how many classes it tells apart.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.n_inputs, self.start.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{BoostingModel, BoostingParams};
    use crate::matrix::Matrix;
    use crate::membership::Memberships;
    use crate::tree::bins::Bins;

    const PARAMS: BoostingParams =
        BoostingParams { n_rounds_max: 200, learning_rate: 0.2, depth_max: 3, leaf_rows_min: 5, seed: 3 };

    fn fit(matrix: &Matrix, labels: &[usize]) -> BoostingModel {
        PARAMS.fit(matrix, &Memberships::of_labels(labels, 2).unwrap()).unwrap()
    }

    #[test]
    fn classes_no_single_column_tells_apart_are_learnt() {
        let cells: Vec<(u8, u8)> = (0..20).flat_map(|a| (0..20).map(move |b| (a, b))).collect();
        let values = cells.iter().flat_map(|&(a, b)| [f32::from(a), f32::from(b)]).collect();
        let labels: Vec<usize> = cells.iter().map(|&(a, b)| usize::from((a < 7) != (b < 7))).collect();
        let model = fit(&Matrix::new(2, values).unwrap(), &labels);
        let found = model.predict_proba(&Matrix::new(2, vec![3.0, 3.0, 3.0, 15.0]).unwrap()).unwrap();
        assert!(found.row(0)[0] > 0.95, "{:?}", found.row(0));
        assert!(found.row(1)[1] > 0.95, "{:?}", found.row(1));
        assert!(found.rows().all(|row| row.iter().sum::<f64>().to_bits() == 1.0_f64.to_bits()));
    }

    #[test]
    fn missing_value_goes_where_it_was_seen() {
        let values: Vec<f32> = (0..200).map(|row| if row % 2 == 0 { 1.0 } else { f32::NAN }).collect();
        let labels: Vec<usize> = (0..200).map(|row| row % 2).collect();
        let values = values.iter().enumerate().map(|(row, value)| if row % 20 == 0 { 0.0 } else { *value });
        let model = fit(&Matrix::new(1, values.collect()).unwrap(), &labels);
        let found = model.predict_proba(&Matrix::new(1, vec![f32::NAN, 1.0]).unwrap()).unwrap();
        assert!(found.row(0)[1] > 0.9, "{:?}", found.row(0));
        assert!(found.row(1)[0] > 0.9, "{:?}", found.row(1));
    }

    #[test]
    fn column_that_says_nothing_leaves_the_shares_as_they_are() {
        let values: Vec<f32> = (0..400_u16).map(|row| f32::from(row % 7)).collect();
        let labels: Vec<usize> = (0..400).map(|row| usize::from(row % 4 == 0)).collect();
        let model = fit(&Matrix::new(1, values).unwrap(), &labels);
        let found = model.predict_proba(&Matrix::new(1, vec![3.0]).unwrap()).unwrap();
        assert!((found.row(0)[0] - 0.75).abs() < 0.07, "{:?} after {}", found.row(0), model.n_rounds());
    }

    #[test]
    fn trees_laid_out_have_the_values_they_were_grown_with() {
        // Three columns, the last missing in every fifth row, and trees that end at different depths.
        let value = |row: u16, column: u16| f32::from((row * (7 + 4 * column) + column) % 23);
        let lacks = |row: u16, column: u16| column == 2 && row.is_multiple_of(5);
        let cell = |row, column| if lacks(row, column) { f32::NAN } else { value(row, column) };
        let values = (0..300).flat_map(|row| (0..3).map(move |column| cell(row, column))).collect();
        let matrix = Matrix::new(3, values).unwrap();
        let labels: Vec<usize> = matrix.rows().map(|row| usize::from(row[0] > 11.0 || row[2].is_nan())).collect();
        let model = fit(&matrix, &labels);
        let bins = Bins::of(&matrix).unwrap();
        for row in 0..matrix.n_rows() {
            let mut expected = model.start.clone();
            for trees in &model.rounds {
                for (score, tree) in expected.iter_mut().zip(trees) {
                    *score += tree.value_of(|column| bins.columns[column][row]);
                }
            }
            let mut found = model.start.clone();
            model.grove.add_to(&mut found, matrix.row(row), model.n_rounds());
            let bits = |scores: &[f64]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&expected), "row {row}");
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let matrix = Matrix::new(1, vec![1.0, 2.0]).unwrap();
        let targets = Memberships::of_labels(&[0, 1], 2).unwrap();
        assert!(PARAMS.fit(&matrix, &targets).is_ok());
        for params in [
            BoostingParams { n_rounds_max: 0, ..PARAMS },
            BoostingParams { n_rounds_max: 1001, ..PARAMS },
            BoostingParams { learning_rate: 0.0, ..PARAMS },
            BoostingParams { learning_rate: f64::NAN, ..PARAMS },
            BoostingParams { depth_max: 9, ..PARAMS },
            BoostingParams { leaf_rows_min: 0, ..PARAMS },
        ] {
            assert!(params.fit(&matrix, &targets).is_err());
        }
        assert!(PARAMS.fit(&matrix, &Memberships::of_labels(&[0], 2).unwrap()).is_err());
    }
}
