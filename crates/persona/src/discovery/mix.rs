//! Features as a factorisation takes them: not negative, and each a share of a usual greatest value,
//! so that a row is a sum of habits and no unit outweighs another.

use throng_learn::{LearnError, Matrix, Preparation, state_of_fields};

use crate::columns::raw_matrix;
use crate::lineage::listed;
use crate::number::{floor, real_count, single};
use crate::{ModelColumn, PersonaError, Population};

/// The quantile of the values above 0 that counts as a whole; what is beyond counts no more, or a few
/// great spenders would be a habit.
const WHOLE_QUANTILE: f64 = 0.95;
/// Features that are named where some are below 0.
const NAMED_MAX: usize = 3;

/// How features become shares.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mix {
    scales: Vec<Scale>,
}

#[derive(Debug, Clone, PartialEq)]
struct Scale {
    /// The value that counts as a whole.
    whole: f64,
    /// What counts where nothing is known.
    typical: f64,
    /// Root of the feature's vote, the greatest value in the matrix.
    weight: f64,
}

impl Mix {
    /// Returns how the features of a population become shares.
    ///
    /// # Errors
    /// [`PersonaError::Method`] when a feature is below 0 for somebody.
    pub(super) fn of(
        columns: &[ModelColumn],
        scaler: &Preparation,
        population: &Population,
    ) -> Result<Self, PersonaError> {
        let raw = raw_matrix(columns, population)
            .map_err(|source| PersonaError::Learn { attempt: "read the features", source })?;
        let (mut scales, mut negative) = (Vec::new(), Vec::new());
        for (column_idx, (column, vote)) in columns.iter().zip(scaler.votes()).enumerate() {
            let mut known: Vec<f32> = raw.column(column_idx).into_iter().filter(|value| !value.is_nan()).collect();
            known.sort_by(f32::total_cmp);
            if column.levels.is_empty() && known.first().is_some_and(|least| *least < 0.0) {
                negative.push(population.feature(&column.feature)?.definition.phrase.clone());
            }
            let above = &known[known.partition_point(|value| *value <= 0.0)..];
            let whole = if column.levels.is_empty() { quantile(above, WHOLE_QUANTILE) } else { 1.0 };
            scales.push(Scale { whole, typical: quantile(&known, 0.5), weight: vote.sqrt() });
        }
        if negative.is_empty() {
            return Ok(Self { scales });
        }
        let n_negative = negative.len();
        let more = if n_negative > NAMED_MAX { format!(" ({n_negative} in all)") } else { String::new() };
        let names = listed(negative.into_iter().take(NAMED_MAX));
        let reason = format!(
            "it takes customers for sums of habits, but there are values below 0: {names}{more}; leave them out of the \
             catalogue, or choose another method"
        );
        Err(PersonaError::Method { method: "factorisation", reason })
    }

    /// Returns features, `raw` being as they come, as shares: one column for a number, one for each level of a
    /// category.
    pub(super) fn matrix(&self, columns: &[ModelColumn], raw: &Matrix) -> Result<Matrix, LearnError> {
        let mut shares: Vec<Vec<f32>> = Vec::new();
        for (column_idx, (column, scale)) in columns.iter().zip(&self.scales).enumerate() {
            let values = raw.column(column_idx).into_iter().map(f64::from);
            if column.levels.is_empty() {
                shares.push(values.map(|value| scale.share(value)).collect());
                continue;
            }
            let values: Vec<f64> = values.collect();
            for level in 0..column.levels.len() {
                let has = |value: &f64| (value - real_count(level)).abs() < 0.5;
                shares.push(values.iter().map(|value| if has(value) { single(scale.weight) } else { 0.0 }).collect());
            }
        }
        Matrix::from_columns(&shares)
    }
}

impl Scale {
    fn share(&self, value: f64) -> f32 {
        let value = if value.is_nan() { self.typical } else { value };
        // A later population may have values below 0; nobody has less than nothing of a habit.
        single(if self.whole > 0.0 { (value / self.whole).clamp(0.0, 1.0) * self.weight } else { 0.0 })
    }
}

/// Returns the quantile of sorted values, 0 of none.
fn quantile(sorted: &[f32], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let position = usize::try_from(floor(share * real_count(last))).unwrap_or(0);
    sorted.get(position).map_or(0.0, |value| f64::from(*value))
}

state_of_fields!(Scale { whole, typical, weight });
state_of_fields!(Mix { scales });

impl Mix {
    /// Returns how many columns its matrix has; `None` when it is of other columns.
    pub(super) fn n_columns(&self, columns: &[ModelColumn]) -> Option<usize> {
        let own = |column: &ModelColumn| column.levels.len().max(1);
        (self.scales.len() == columns.len()).then(|| columns.iter().map(own).sum())
    }
}
