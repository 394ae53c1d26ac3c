//! Memberships of rows of which little is known yet, by several models that check each other.
//!
//! Three members give their memberships: the mixture with the missing columns summed out, a
//! logistic regression and boosted trees. The latter two learn the memberships that complete rows
//! have from copies of them with values taken away, so what they answer for a partial row is the
//! mean membership of the complete rows it could become. The answer is the mean of the members
//! (a linear pool; Stone 1961), the confidence how little they diverge.
//!
//! Where it is known how rows looked early and what became of them, the two learn that instead, and
//! the pool is weighed by what each member says of rows it was not fitted to (Smyth and Wolpert 1999):
//! rows that are not missing values but look small mislead the mixture, which then counts little.

use rand::Rng;

use crate::boosting::{BoostingAnchor, BoostingModel, BoostingParams};
use crate::error::LearnError;
use crate::logistic::{LogisticAnchor, LogisticModel, LogisticParams};
use crate::matrix::Matrix;
use crate::membership::{MembershipModel, Memberships, fill_rest, greatest};
use crate::number::real;
use crate::random::{generator, sampled_rows};
use crate::state::require;

/// What the caller chooses about the ensemble.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HybridParams {
    /// How the logistic regression is fitted.
    pub logistic: LogisticParams,
    /// How the trees are fitted.
    pub boosting: BoostingParams,
    /// Rows that the two are fitted to at most, at least 1; each is used complete and once in part.
    pub n_rows_max: usize,
    /// Least product of membership and confidence to be assigned, 0 to 1 (0.5, say).
    pub sureness_min: f64,
    /// Seed of the rows drawn and the values taken away.
    pub seed: u64,
}

/// A fitted ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct HybridModel {
    mixture: MembershipModel,
    logistic: LogisticModel,
    boosting: BoostingModel,
    weights: [f64; N_MEMBERS],
    sureness_min: f64,
}

/// Rows as the members of an ensemble see them.
#[derive(Debug, Clone, Copy)]
pub struct HybridRows<'a> {
    /// As the mixture was fitted to.
    pub placed: &'a Matrix,
    /// As the logistic regression and the trees see them: the same columns, or others.
    pub inputs: &'a Matrix,
}

/// What the ensemble says of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct HybridPrediction {
    /// The mean of the members' memberships; the last column is *unassigned*.
    pub memberships: Memberships,
    /// For each row 1 where the members agree, 0 where each is sure of something else.
    pub confidence: Vec<f64>,
    /// For each row its cluster; `None` for rows that belong nowhere or that nobody can be sure of.
    pub assigned: Vec<Option<usize>>,
}

/// Space that single rows are told in, made once for many.
#[derive(Debug, Clone, Default)]
pub struct HybridScratch {
    logistic: Vec<f64>,
    trees: Vec<f64>,
    pooled: Vec<f64>,
    standardised: Vec<f32>,
    of_trees: Vec<f64>,
}

/// What was computed of one row, for what is said of others that differ from it in a few columns.
#[derive(Debug, Clone, Default)]
pub struct HybridAnchor {
    logistic: LogisticAnchor,
    boosting: BoostingAnchor,
}

/// What the ensemble says of one row.
#[derive(Debug, Clone, Copy)]
pub struct RowPrediction<'s> {
    model: &'s HybridModel,
    members: [&'s [f64]; N_MEMBERS],
    memberships: &'s [f64],
}

const N_MEMBERS: usize = 3;
/// All members alike.
const EQUAL: [f64; N_MEMBERS] = [1.0 / 3.0; N_MEMBERS];
/// Share of the rows that the members are weighed on, and the least number of them: on fewer, weights
/// would be chance.
const WEIGHED_SHARE: f64 = 0.2;
const WEIGHED_N_ROWS_MIN: usize = 50;
/// Rounds of the weighing: the likelihood is concave in the weights, and the rounds are cheap.
const WEIGHED_N_ITER: usize = 200;
/// The least probability of what happened: a member that is sure and wrong once may still count.
const PROBABILITY_MIN: f64 = 1e-3;

impl HybridParams {
    /// Fits the ensemble to complete rows, such as `model` was fitted to.
    pub fn fit(&self, model: &MembershipModel, matrix: &Matrix) -> Result<HybridModel, LearnError> {
        self.check()?;
        let complete = matrix.take(&sampled_rows(matrix.n_rows(), self.n_rows_max, self.seed));
        let memberships = model.predict_proba(&complete)?;
        let mut values = complete.values().to_vec();
        let mut generator = generator(self.seed, 1);
        for row in complete.rows() {
            // Any part of the columns may be missing, a few or nearly all.
            let share: f64 = generator.random();
            values.extend(row.iter().map(|value| if generator.random_bool(share) { f32::NAN } else { *value }));
        }
        let inputs = Matrix::new(matrix.n_columns(), values)?;
        let targets: Vec<f64> = memberships.rows().chain(memberships.rows()).flatten().copied().collect();
        let targets = Memberships::from_values(memberships.n_columns(), targets);
        Ok(HybridModel {
            mixture: model.clone(),
            logistic: self.logistic.fit(&inputs, &targets)?,
            boosting: self.boosting.fit(&inputs, &targets)?,
            weights: EQUAL,
            sureness_min: self.sureness_min,
        })
    }

    /// Fits the ensemble to rows as they looked early and the cluster that each turned out to be of,
    /// `None` for one that belongs to none.
    pub fn fit_early(
        &self,
        model: &MembershipModel,
        rows: HybridRows<'_>,
        labels: &[Option<usize>],
    ) -> Result<HybridModel, LearnError> {
        self.check()?;
        if labels.len() != rows.inputs.n_rows() {
            let (expected, found) = (rows.inputs.n_rows(), labels.len());
            return Err(LearnError::ShapeMismatch { what: "the list of labels", expected, found });
        }
        let taken = sampled_rows(labels.len(), self.n_rows_max, self.seed);
        let mut generator = generator(self.seed, 2);
        let (weighed, fitted): (Vec<usize>, Vec<usize>) =
            taken.iter().partition(|_| generator.random_bool(WEIGHED_SHARE));
        let mut weights = EQUAL;
        if weighed.len() >= WEIGHED_N_ROWS_MIN {
            let tried = self.fit_members(model, (rows.inputs, labels), (&fitted, EQUAL))?;
            let (placed, inputs) = (rows.placed.take(&weighed), rows.inputs.take(&weighed));
            let members = tried.members(HybridRows { placed: &placed, inputs: &inputs })?;
            let said = weighed.iter().enumerate().map(|(row_idx, &row)| {
                members.each_ref().map(|member| {
                    let shares = member.row(row_idx);
                    shares[labels[row].unwrap_or(shares.len() - 1)].max(PROBABILITY_MIN)
                })
            });
            weights = pool_weights(&said.collect::<Vec<_>>());
        }
        self.fit_members(model, (rows.inputs, labels), (&taken, weights))
    }

    fn fit_members(
        &self,
        model: &MembershipModel,
        (inputs, labels): (&Matrix, &[Option<usize>]),
        (taken, weights): (&[usize], [f64; N_MEMBERS]),
    ) -> Result<HybridModel, LearnError> {
        let n_columns = model.k_means().n_clusters() + 1;
        let mut targets = vec![0.0; taken.len() * n_columns];
        for (target, &row) in targets.chunks_exact_mut(n_columns).zip(taken) {
            if let Some(label) = labels[row].filter(|label| label + 1 >= n_columns) {
                let found = real(label);
                return Err(LearnError::InvalidParameter { parameter: "label", found, allowed: "below n_clusters" });
            }
            target[labels[row].unwrap_or(n_columns - 1)] = 1.0;
        }
        let inputs = inputs.take(taken);
        let targets = Memberships::from_values(n_columns, targets);
        Ok(HybridModel {
            mixture: model.clone(),
            logistic: self.logistic.fit(&inputs, &targets)?,
            boosting: self.boosting.fit(&inputs, &targets)?,
            weights,
            sureness_min: self.sureness_min,
        })
    }

    fn check(&self) -> Result<(), LearnError> {
        if self.n_rows_max == 0 {
            return Err(LearnError::InvalidParameter { parameter: "n_rows_max", found: 0.0, allowed: "at least 1" });
        }
        if !(0.0..=1.0).contains(&self.sureness_min) {
            let found = self.sureness_min;
            return Err(LearnError::InvalidParameter { parameter: "sureness_min", found, allowed: "0 to 1" });
        }
        Ok(())
    }
}

/// Returns the weights under which the pool gives what happened the greatest likelihood, by
/// expectation and maximisation from equal ones; `said` is what each member gave what happened.
fn pool_weights(said: &[[f64; N_MEMBERS]]) -> [f64; N_MEMBERS] {
    let mut weights = EQUAL;
    for _ in 0..WEIGHED_N_ITER {
        let mut sums = [0.0; N_MEMBERS];
        for row in said {
            let pooled: f64 = row.iter().zip(weights).map(|(said, weight)| said * weight).sum();
            for ((sum, said), weight) in sums.iter_mut().zip(row).zip(weights) {
                *sum += said * weight / pooled;
            }
        }
        let total: f64 = sums.iter().sum();
        weights = sums.map(|sum| sum / total);
    }
    weights
}

impl HybridModel {
    /// Returns what the members together say of each row; missing values are welcome.
    pub fn predict(&self, matrix: &Matrix) -> Result<HybridPrediction, LearnError> {
        self.predict_early(HybridRows { placed: matrix, inputs: matrix })
    }

    /// Returns what the members together say of each row as they see it.
    pub fn predict_early(&self, rows: HybridRows<'_>) -> Result<HybridPrediction, LearnError> {
        let members = self.members(rows)?;
        let (n_rows, n_columns) = (members[0].n_rows(), members[0].n_columns());
        let mut values = Vec::with_capacity(n_rows * n_columns);
        let mut confidence = Vec::with_capacity(n_rows);
        let mut assigned = Vec::with_capacity(n_rows);
        let mut pooled = Vec::with_capacity(n_columns);
        for row_idx in 0..n_rows {
            let rows = members.each_ref().map(|member| member.row(row_idx));
            self.pool(rows, &mut pooled);
            let agreement = self.agreement(rows, &pooled);
            assigned.push(self.assigned(&pooled, agreement));
            confidence.push(agreement);
            values.append(&mut pooled);
        }
        Ok(HybridPrediction { memberships: Memberships::from_values(n_columns, values), confidence, assigned })
    }

    /// Asks the logistic regression and the trees about one row, and returns the least that each column's
    /// share is, whatever the mixture says, but for rounding. The most is that and the mixture's weight.
    ///
    /// What they said stays in `scratch`.
    pub fn ask_row<'s>(&self, inputs: &[f32], scratch: &'s mut HybridScratch) -> Result<&'s [f64], LearnError> {
        self.check_row(inputs)?;
        let n_columns = self.boosting.shape().1;
        let HybridScratch { logistic, trees, standardised, .. } = scratch;
        logistic.resize(n_columns, 0.0);
        trees.resize(n_columns, 0.0);
        self.logistic.tell(inputs, logistic, standardised);
        self.boosting.tell(inputs, trees);
        Ok(self.least(scratch))
    }

    /// As [`HybridModel::ask_row`], the sooner the fewer columns are others than those of an anchor that
    /// this model made.
    pub fn ask_beside<'s>(
        &self,
        anchor: &HybridAnchor,
        inputs: &[f32],
        scratch: &'s mut HybridScratch,
    ) -> Result<&'s [f64], LearnError> {
        self.check_row(inputs)?;
        let n_columns = self.boosting.shape().1;
        let HybridScratch { logistic, trees, standardised, of_trees, .. } = scratch;
        logistic.resize(n_columns, 0.0);
        trees.resize(n_columns, 0.0);
        self.logistic.tell_beside(&anchor.logistic, inputs, (logistic, standardised));
        self.boosting.tell_beside(&anchor.boosting, inputs, (trees, of_trees));
        Ok(self.least(scratch))
    }

    /// Computes what others need of a row that they differ from in a few columns.
    pub fn anchor(&self, inputs: &[f32], anchor: &mut HybridAnchor) -> Result<(), LearnError> {
        self.check_row(inputs)?;
        self.logistic.anchor(inputs, &mut anchor.logistic);
        self.boosting.anchor(inputs, &mut anchor.boosting);
        Ok(())
    }

    fn check_row(&self, inputs: &[f32]) -> Result<(), LearnError> {
        let (expected, found) = (self.boosting.shape().0, inputs.len());
        if expected != found {
            return Err(LearnError::ShapeMismatch { what: "the row", expected, found });
        }
        match inputs.iter().position(|value| value.is_infinite()) {
            None => Ok(()),
            Some(column) => Err(LearnError::NotFinite { row: 0, column }),
        }
    }

    fn least<'s>(&self, scratch: &'s mut HybridScratch) -> &'s [f64] {
        let HybridScratch { logistic, trees, pooled, .. } = scratch;
        pooled.clear();
        let both = logistic.iter().zip(trees);
        pooled.extend(both.map(|(logistic, trees)| self.weights[1] * *logistic + self.weights[2] * *trees));
        pooled
    }

    /// Returns what the members together say of the row that was asked about last, the same as in a
    /// matrix; `of_mixture` is what [`HybridModel::mixture`] says of it.
    pub fn tell_row<'s>(
        &'s self,
        of_mixture: &'s [f64],
        scratch: &'s mut HybridScratch,
    ) -> Result<RowPrediction<'s>, LearnError> {
        let HybridScratch { logistic, trees, pooled, .. } = scratch;
        let (expected, found) = (self.boosting.shape().1, of_mixture.len());
        if expected != found || logistic.len() != found {
            return Err(LearnError::ShapeMismatch { what: "the list of shares", expected, found });
        }
        let rows = [of_mixture, logistic, trees];
        self.pool(rows, pooled);
        Ok(RowPrediction { model: self, members: rows, memberships: pooled })
    }

    /// Fills in the mean of what the members say of a row.
    fn pool(&self, rows: [&[f64]; N_MEMBERS], pooled: &mut Vec<f64>) {
        pooled.clear();
        pooled.extend((0..rows[0].len()).map(|column| self.weighed(rows.map(|row| row[column]))));
        fill_rest(pooled);
    }

    fn weighed(&self, of: [f64; N_MEMBERS]) -> f64 {
        of.iter().zip(self.weights).map(|(value, weight)| value * weight).sum()
    }

    /// Returns 1 where the members agree, by the Jensen–Shannon divergence, of which log n is the most.
    fn agreement(&self, rows: [&[f64]; N_MEMBERS], pooled: &[f64]) -> f64 {
        let within: f64 = self.weighed(rows.map(entropy));
        (1.0 - (entropy(pooled) - within) / real(N_MEMBERS).ln()).clamp(0.0, 1.0)
    }

    fn assigned(&self, pooled: &[f64], agreement: f64) -> Option<usize> {
        let largest = greatest(pooled);
        let sure = largest + 1 < pooled.len() && pooled[largest] * agreement >= self.sureness_min;
        sure.then_some(largest)
    }

    /// Returns how much the mixture, the logistic regression and the trees count.
    #[must_use]
    pub fn weights(&self) -> [f64; N_MEMBERS] {
        self.weights
    }

    fn members(&self, rows: HybridRows<'_>) -> Result<[Memberships; N_MEMBERS], LearnError> {
        Ok([
            self.mixture.predict_proba_partial(rows.placed)?,
            self.logistic.predict_proba(rows.inputs)?,
            self.boosting.predict_proba(rows.inputs)?,
        ])
    }
}

impl<'s> RowPrediction<'s> {
    /// Returns the mean of the members' memberships; the last column is *unassigned*.
    #[must_use]
    pub fn memberships(&self) -> &'s [f64] {
        self.memberships
    }

    /// Returns 1 where the members agree, 0 where each is sure of something else.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        self.model.agreement(self.members, self.memberships)
    }

    /// Returns its cluster; `None` for a row that belongs nowhere or that nobody can be sure of.
    #[must_use]
    pub fn assigned(&self) -> Option<usize> {
        self.model.assigned(self.memberships, self.confidence())
    }
}

fn entropy(shares: &[f64]) -> f64 {
    -shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
}

impl HybridModel {
    /// Returns the mixture among its members.
    #[must_use]
    pub fn mixture(&self) -> &MembershipModel {
        &self.mixture
    }

    /// Returns how many columns the logistic regression and the trees read.
    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.boosting.shape().0
    }
}

crate::state_of_fields!(HybridModel { mixture, logistic, boosting, weights, sureness_min }, |read| {
    let n_classes = read.mixture.k_means().n_clusters() + 1;
    let shape = read.boosting.shape();
    require(read.logistic.shape() == shape && shape.1 == n_classes, "an ensemble")?;
    // Rounding only, or shares would not sum to 1.
    let total: f64 = read.weights.iter().sum();
    let shares = read.weights.iter().all(|weight| *weight >= 0.0) && (total - 1.0).abs() <= 2.0 * f64::EPSILON;
    require(shares && (0.0..=1.0).contains(&read.sureness_min), "the weights of an ensemble")
});
