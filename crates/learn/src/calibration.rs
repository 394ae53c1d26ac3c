//! Whether a probability means what it says: of the rows given 65 %, about 65 % should turn out so.
//!
//! The bins of a reliability diagram (Murphy and Winkler 1977), each with the interval of what was
//! observed, and the expected calibration error over them (Naeini, Cooper and Hauskrecht 2015). The
//! error is at least as large as chance makes it: with few rows per bin even a perfect probability
//! shows some.

use crate::error::LearnError;
use crate::membership::{Memberships, greatest};
use crate::number::{position, real};
use crate::statistics::{Confidence, Interval, Proportion};

/// What the caller chooses about a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationParams {
    /// Number of equally wide bins from 0 to 1, 1 to 100 (10, say).
    pub n_bins: usize,
    /// Confidence of the intervals.
    pub confidence: Confidence,
}

/// A reliability diagram as numbers.
///
/// ```
/// use throng_learn::{CalibrationParams, Confidence};
///
/// let params = CalibrationParams { n_bins: 10, confidence: Confidence::new(0.95)? };
/// let calibration = params.evaluate(&[0.8; 5], &[true, true, true, true, false])?;
/// assert!(calibration.expected_error < 1e-12);
/// assert_eq!(calibration.bins.len(), 1);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The bins that hold rows, the lowest first.
    pub bins: Vec<CalibrationBin>,
    /// The mean over the rows of how far their bin's prediction lies from what was observed.
    pub expected_error: f64,
    /// The greatest such distance in a bin.
    pub greatest_error: f64,
    /// The mean squared distance of probability and outcome (Brier 1950).
    pub brier: f64,
    /// Number of rows.
    pub n_rows: usize,
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// Lowest probability of the bin.
    pub low: f64,
    /// Highest probability; only the last bin's own.
    pub high: f64,
    /// Mean probability of its rows.
    pub predicted: f64,
    /// Share of its rows that turned out so, with Wilson's interval.
    pub observed: Interval,
    /// Number of rows.
    pub n_rows: usize,
}

/// Most bins; more could not be drawn.
const N_BINS_MAX: usize = 100;

impl CalibrationParams {
    /// Returns how probabilities compare with what happened.
    pub fn evaluate(&self, probabilities: &[f64], outcomes: &[bool]) -> Result<Calibration, LearnError> {
        self.check(probabilities, outcomes)?;
        let mut sums = vec![(0.0, 0_usize, 0_usize); self.n_bins];
        let mut brier = 0.0;
        for (&probability, &outcome) in probabilities.iter().zip(outcomes) {
            let sum = &mut sums[position(probability * real(self.n_bins), self.n_bins - 1)];
            sum.0 += probability;
            sum.1 += usize::from(outcome);
            sum.2 += 1;
            brier += (probability - f64::from(u8::from(outcome))).powi(2);
        }
        let mut bins = Vec::new();
        let (mut expected_error, mut greatest_error) = (0.0, 0.0_f64);
        for (bin_idx, (predicted, n_true, n_rows)) in sums.into_iter().enumerate().filter(|(_, sum)| sum.2 > 0) {
            let observed = Proportion::new(n_true, n_rows)?.interval(self.confidence);
            let predicted = predicted / real(n_rows);
            let error = (predicted - observed.estimate).abs();
            expected_error += error * real(n_rows) / real(outcomes.len());
            greatest_error = greatest_error.max(error);
            let width = 1.0 / real(self.n_bins);
            let (low, high) = (real(bin_idx) * width, real(bin_idx + 1) * width);
            bins.push(CalibrationBin { low, high, predicted, observed, n_rows });
        }
        let n_rows = outcomes.len();
        Ok(Calibration { bins, expected_error, greatest_error, brier: brier / real(n_rows), n_rows })
    }

    /// Returns how the largest membership of each row compares with where the row belongs:
    /// `truth[row]` is a position among the clusters, or `None` for a row that belongs to none.
    pub fn evaluate_largest(
        &self,
        memberships: &Memberships,
        truth: &[Option<usize>],
    ) -> Result<Calibration, LearnError> {
        require_truth(memberships, truth)?;
        let unassigned = memberships.n_columns() - 1;
        let largest: Vec<usize> = memberships.rows().map(greatest).collect();
        let probabilities: Vec<f64> = memberships.rows().zip(&largest).map(|(row, &column)| row[column]).collect();
        let outcomes: Vec<bool> =
            largest.iter().zip(truth).map(|(&column, truth)| column == truth.unwrap_or(unassigned)).collect();
        self.evaluate(&probabilities, &outcomes)
    }

    /// Returns how the membership in one cluster compares with whether the row belongs there.
    pub fn evaluate_cluster(
        &self,
        memberships: &Memberships,
        truth: &[Option<usize>],
        cluster: usize,
    ) -> Result<Calibration, LearnError> {
        require_truth(memberships, truth)?;
        if cluster + 1 >= memberships.n_columns() {
            let (expected, found) = (memberships.n_columns() - 1, cluster + 1);
            return Err(LearnError::ShapeMismatch { what: "the list of clusters", expected, found });
        }
        let probabilities: Vec<f64> = memberships.rows().map(|row| row[cluster]).collect();
        let outcomes: Vec<bool> = truth.iter().map(|truth| *truth == Some(cluster)).collect();
        self.evaluate(&probabilities, &outcomes)
    }

    fn check(&self, probabilities: &[f64], outcomes: &[bool]) -> Result<(), LearnError> {
        if !(1..=N_BINS_MAX).contains(&self.n_bins) {
            let found = real(self.n_bins);
            return Err(LearnError::InvalidParameter { parameter: "n_bins", found, allowed: "1 to 100" });
        }
        if probabilities.len() != outcomes.len() {
            let (expected, found) = (probabilities.len(), outcomes.len());
            return Err(LearnError::ShapeMismatch { what: "the list of outcomes", expected, found });
        }
        if outcomes.is_empty() {
            let (n_rows, n_rows_needed) = (0, 1);
            return Err(LearnError::TooFewRows { attempt: "judge probabilities", n_rows, n_rows_needed });
        }
        match probabilities.iter().find(|probability| !(0.0..=1.0).contains(*probability)) {
            None => Ok(()),
            Some(&found) => Err(LearnError::InvalidParameter { parameter: "probability", found, allowed: "0 to 1" }),
        }
    }
}

fn require_truth(memberships: &Memberships, truth: &[Option<usize>]) -> Result<(), LearnError> {
    if truth.len() == memberships.n_rows() {
        return Ok(());
    }
    let (expected, found) = (memberships.n_rows(), truth.len());
    Err(LearnError::ShapeMismatch { what: "the list of where rows belong", expected, found })
}

#[cfg(test)]
mod tests {
    use super::{Calibration, CalibrationParams};
    use crate::membership::Memberships;
    use crate::statistics::Confidence;

    fn params(n_bins: usize) -> CalibrationParams {
        CalibrationParams { n_bins, confidence: Confidence::new(0.95).unwrap() }
    }

    fn evaluate(probabilities: &[f64], outcomes: &[bool]) -> Calibration {
        params(10).evaluate(probabilities, outcomes).unwrap()
    }

    #[test]
    fn error_is_weighed_by_the_rows_of_each_bin() {
        // Two rows at 0.2 of which one came: 0.3 off. Two at 0.9 that both came: 0.1 off.
        let found = evaluate(&[0.2, 0.9, 0.2, 0.9], &[true, true, false, true]);
        assert!((found.expected_error - 0.2).abs() < 1e-12);
        assert!((found.greatest_error - 0.3).abs() < 1e-12);
        assert!((found.brier - (0.64 + 0.04 + 0.01 + 0.01) / 4.0).abs() < 1e-12);
        let sizes: Vec<usize> = found.bins.iter().map(|bin| bin.n_rows).collect();
        assert_eq!(sizes, [2, 2]);
        assert!(found.bins[0].observed.low < 0.5 && 0.5 < found.bins[0].observed.high);
    }

    #[test]
    fn ends_belong_to_the_first_and_the_last_bin() {
        let found = evaluate(&[0.0, 1.0], &[false, true]);
        assert!(found.expected_error < 1e-12);
        assert!((found.bins[0].low, found.bins[1].high) == (0.0, 1.0));
    }

    #[test]
    fn row_of_no_cluster_is_right_where_it_is_unassigned() {
        let memberships = Memberships::from_values(3, vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
        let found = params(10).evaluate_largest(&memberships, &[Some(0), None, Some(0)]).unwrap();
        assert!((found.expected_error - 1.0 / 3.0).abs() < 1e-12);
        let cluster = |cluster| params(10).evaluate_cluster(&memberships, &[Some(0), None, Some(0)], cluster);
        assert!((cluster(0).unwrap().expected_error - 1.0 / 3.0).abs() < 1e-12);
        assert!(cluster(2).is_err());
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(params(0).evaluate(&[0.5], &[true]).is_err());
        assert!(params(101).evaluate(&[0.5], &[true]).is_err());
        for (probabilities, outcomes) in
            [(&[0.5][..], &[][..]), (&[], &[]), (&[1.1], &[true]), (&[-0.1], &[true]), (&[f64::NAN], &[true])]
        {
            assert!(params(10).evaluate(probabilities, outcomes).is_err());
        }
        let memberships = Memberships::from_values(2, vec![1.0, 0.0]);
        assert!(params(10).evaluate_largest(&memberships, &[]).is_err());
    }
}
