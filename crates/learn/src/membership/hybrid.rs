//! Memberships of rows of which little is known yet, by several models that check each other.
//!
//! Three members give their memberships: the mixture with the missing columns summed out, a
//! logistic regression and boosted trees. The latter two learn the memberships that complete rows
//! have from copies of them with values taken away, so what they answer for a partial row is the
//! mean membership of the complete rows it could become. The answer is the mean of the members
//! (a linear pool; Stone 1961), the confidence how little they diverge.

use rand::Rng;

use crate::boosting::{BoostingModel, BoostingParams};
use crate::error::LearnError;
use crate::logistic::{LogisticModel, LogisticParams};
use crate::matrix::Matrix;
use crate::membership::{MembershipModel, Memberships, fill_rest, greatest};
use crate::number::real;
use crate::random::{generator, sampled_rows};

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
    sureness_min: f64,
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

const N_MEMBERS: usize = 3;

impl HybridParams {
    /// Fits the ensemble to complete rows, such as `model` was fitted to.
    pub fn fit(&self, model: &MembershipModel, matrix: &Matrix) -> Result<HybridModel, LearnError> {
        if self.n_rows_max == 0 {
            return Err(LearnError::InvalidParameter { parameter: "n_rows_max", found: 0.0, allowed: "at least 1" });
        }
        if !(0.0..=1.0).contains(&self.sureness_min) {
            let found = self.sureness_min;
            return Err(LearnError::InvalidParameter { parameter: "sureness_min", found, allowed: "0 to 1" });
        }
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
            sureness_min: self.sureness_min,
        })
    }
}

impl HybridModel {
    /// Returns what the members together say of each row; missing values are welcome.
    pub fn predict(&self, matrix: &Matrix) -> Result<HybridPrediction, LearnError> {
        let members: [Memberships; N_MEMBERS] = [
            self.mixture.predict_proba_partial(matrix)?,
            self.logistic.predict_proba(matrix)?,
            self.boosting.predict_proba(matrix)?,
        ];
        let n_columns = members[0].n_columns();
        let mut values = Vec::with_capacity(matrix.n_rows() * n_columns);
        let mut confidence = Vec::with_capacity(matrix.n_rows());
        let mut assigned = Vec::with_capacity(matrix.n_rows());
        for row_idx in 0..matrix.n_rows() {
            let rows = members.each_ref().map(|member| member.row(row_idx));
            let mut pooled: Vec<f64> = (0..n_columns)
                .map(|column| rows.iter().map(|row| row[column]).sum::<f64>() / real(N_MEMBERS))
                .collect();
            fill_rest(&mut pooled);
            // The Jensen–Shannon divergence, of which log n is the most.
            let divergence = entropy(&pooled) - rows.iter().map(|row| entropy(row)).sum::<f64>() / real(N_MEMBERS);
            let agreement = (1.0 - divergence / real(N_MEMBERS).ln()).clamp(0.0, 1.0);
            let largest = greatest(&pooled);
            let sure = largest + 1 < n_columns && pooled[largest] * agreement >= self.sureness_min;
            assigned.push(sure.then_some(largest));
            confidence.push(agreement);
            values.append(&mut pooled);
        }
        Ok(HybridPrediction { memberships: Memberships::from_values(n_columns, values), confidence, assigned })
    }
}

fn entropy(shares: &[f64]) -> f64 {
    -shares.iter().filter(|share| **share > 0.0).map(|share| share * share.ln()).sum::<f64>()
}
