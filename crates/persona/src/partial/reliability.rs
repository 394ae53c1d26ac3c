//! What memberships said, beside what came of it (Murphy and Winkler 1977).

use throng_learn::{
    Calibration, CalibrationParams, Confidence, Interval, LearnError, Proportion, State, StateReader, StateWriter,
    mean_difference, state_of_fields,
};

use super::{COMPLETE_HISTORY_DAYS, attempted};
use crate::PersonaError;
use crate::format::{n, share};
use crate::number::{count, real_count};

/// How reliable memberships are.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// How many days ago customers were looked at, the latest look first.
    pub n_days_ago: Vec<u32>,
    /// Of held-out customers whose history is complete: what a mixture that was fitted to all others
    /// says today.
    pub today: Option<Diagram>,
    /// Of held-out customers whose history was complete at the latest look: what a mixture that was
    /// fitted to all others said then.
    pub complete: Option<Diagram>,
    /// Of held-out customers whose history was short when they were looked at: what the mixture said.
    pub early_mixture: Option<Diagram>,
    /// What the ensemble said of the same.
    pub early_hybrid: Option<Diagram>,
    /// What memberships of partial histories are told by.
    pub verdict: Verdict,
}

/// What memberships of partial histories are told by, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// By the mixture: too few customers were seen early to fit an ensemble, or to judge it.
    TooFew {
        /// Customers it would have been fitted to.
        n_fitted: usize,
        /// Customers it would have been judged on.
        n_judged: usize,
    },
    /// By the mixture: the ensemble is not better on held-out customers, or not by enough to matter.
    Mixture {
        /// How much less its mean log loss is, with its interval at 95 %.
        gain: Interval,
    },
    /// By the ensemble, which is better.
    Hybrid {
        /// How much less its mean log loss is, with its interval at 95 %.
        gain: Interval,
        /// How much the mixture, the logistic regression and the boosted trees count.
        weights: [f64; 3],
    },
}

/// A reliability diagram of the persona with the largest share, "unassigned" being one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagram {
    /// Bins of what was said, the lowest first.
    pub bins: Vec<DiagramBin>,
    /// Mean distance of what was said and what came, over all customers.
    pub expected_error: f64,
    /// Mean log loss of the shares.
    pub log_loss: f64,
    /// How often the persona with the largest share was the one.
    pub accuracy: Interval,
    /// How often it would have been had the most frequent one been said of everybody.
    pub accuracy_of_largest: f64,
    /// Of how many customers it was said with enough certainty to count for the persona.
    pub n_sure: u64,
    /// How often it was the one for those.
    pub accuracy_of_sure: f64,
    /// Bins of how much the models agree, beside how often they were right; none for one model.
    pub agreement: Vec<DiagramBin>,
    /// Customers judged.
    pub n_profiles: u64,
}

/// A bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiagramBin {
    /// Least probability of the bin.
    pub low: f64,
    /// Greatest probability.
    pub high: f64,
    /// Mean of what was said.
    pub said: f64,
    /// How often it came so, with its interval at 95 %.
    pub observed: Interval,
    /// Customers in the bin.
    pub n_profiles: u64,
}

/// What was said of one customer.
#[derive(Clone)]
pub(super) struct Said {
    /// Shares in all clusters, the unassigned one last.
    pub(super) shares: Vec<f64>,
    /// The column of the largest.
    pub(super) column: usize,
    /// How much the models agree.
    pub(super) agreement: Option<f64>,
    /// Whether it counts for a persona.
    pub(super) sure: bool,
}

/// Least gain in mean log loss that is worth a second model: by one in a hundred, what was to come is said
/// to be more likely.
const GAIN_MIN: f64 = 0.01;
/// Bins of a diagram, and the confidence of its intervals.
const N_BINS: usize = 10;
const CONFIDENCE: f64 = 0.95;
/// The least probability that is taken for what happened: log loss has no bound, and one customer who
/// was said to be elsewhere for sure would outweigh all others.
const PROBABILITY_MIN: f64 = 1e-3;

impl Said {
    fn truth(&self, label: Option<usize>) -> usize {
        label.unwrap_or(self.shares.len() - 1)
    }

    pub(super) fn loss(&self, label: Option<usize>) -> f64 {
        -self.shares[self.truth(label)].max(PROBABILITY_MIN).ln()
    }
}

/// Returns how much less the log loss of `second` is on average, with its interval.
pub(super) fn gain(first: &[Said], second: &[Said], truth: &[Option<usize>]) -> Result<Interval, PersonaError> {
    let pairs = first.iter().zip(second).zip(truth);
    let gains: Vec<f64> = pairs.map(|((first, second), label)| first.loss(*label) - second.loss(*label)).collect();
    // Against a difference of 0 for everybody: the pairs are the same customers.
    let none = vec![0.0; gains.len()];
    attempted(confidence().and_then(|confidence| mean_difference(&gains, &none, confidence)))
}

/// Returns how what was said compares with what came.
pub(super) fn judged(said: &[Said], truth: &[Option<usize>]) -> Result<Diagram, PersonaError> {
    let right: Vec<bool> = said.iter().zip(truth).map(|(said, label)| said.column == said.truth(*label)).collect();
    let shares: Vec<f64> = said.iter().map(|said| said.shares[said.column]).collect();
    let calibration = evaluated(&shares, &right)?;
    let (agreements, agreed): (Vec<f64>, Vec<bool>) =
        said.iter().zip(&right).filter_map(|(said, right)| said.agreement.map(|agreement| (agreement, *right))).unzip();
    let agreement = if agreements.is_empty() { Vec::new() } else { bins(&evaluated(&agreements, &agreed)?) };
    let n_columns = said.first().map_or(1, |said| said.shares.len());
    let frequent = (0..n_columns)
        .map(|column| said.iter().zip(truth).filter(|(said, label)| said.truth(**label) == column).count());
    let sure: Vec<bool> = said.iter().zip(&right).filter(|(said, _)| said.sure).map(|(_, right)| *right).collect();
    let n_right = |right: &[bool]| right.iter().filter(|right| **right).count();
    let accuracy = attempted(Proportion::new(n_right(&right), right.len()))?.interval(attempted(confidence())?);
    let losses = said.iter().zip(truth).map(|(said, label)| said.loss(*label));
    let n_profiles = real_count(said.len());
    Ok(Diagram {
        bins: bins(&calibration),
        expected_error: calibration.expected_error,
        log_loss: losses.sum::<f64>() / n_profiles,
        accuracy,
        accuracy_of_largest: real_count(frequent.max().unwrap_or(0)) / n_profiles,
        n_sure: count(sure.len()),
        accuracy_of_sure: if sure.is_empty() { 0.0 } else { real_count(n_right(&sure)) / real_count(sure.len()) },
        agreement,
        n_profiles: count(said.len()),
    })
}

state_of_fields!(DiagramBin { low, high, said, observed, n_profiles });
state_of_fields!(Diagram {
    bins,
    expected_error,
    log_loss,
    accuracy,
    accuracy_of_largest,
    n_sure,
    accuracy_of_sure,
    agreement,
    n_profiles,
});
state_of_fields!(Reliability { n_days_ago, today, complete, early_mixture, early_hybrid, verdict });

impl State for Verdict {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            Self::TooFew { n_fitted, n_judged } => {
                writer.byte(0);
                writer.items(&[*n_fitted, *n_judged]);
            }
            Self::Mixture { gain } => {
                writer.byte(1);
                gain.write(writer);
            }
            Self::Hybrid { gain, weights } => {
                writer.byte(2);
                gain.write(writer);
                weights.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(Self::TooFew { n_fitted: State::read(reader)?, n_judged: State::read(reader)? }),
            1 => Ok(Self::Mixture { gain: State::read(reader)? }),
            2 => Ok(Self::Hybrid { gain: State::read(reader)?, weights: State::read(reader)? }),
            _ => Err(LearnError::InvalidState { what: "the verdict on partial histories" }),
        }
    }
}

fn confidence() -> Result<Confidence, LearnError> {
    Confidence::new(CONFIDENCE)
}

fn evaluated(probabilities: &[f64], outcomes: &[bool]) -> Result<Calibration, PersonaError> {
    let params = CalibrationParams { n_bins: N_BINS, confidence: attempted(confidence())? };
    attempted(params.evaluate(probabilities, outcomes))
}

fn bins(calibration: &Calibration) -> Vec<DiagramBin> {
    let bins = calibration.bins.iter().map(|bin| DiagramBin {
        low: bin.low,
        high: bin.high,
        said: bin.predicted,
        observed: bin.observed,
        n_profiles: count(bin.n_rows),
    });
    bins.collect()
}

impl Verdict {
    /// Returns the ensemble only where it is better by more than chance, and by enough to matter.
    pub(super) fn of(gain: Interval, weights: [f64; 3]) -> Self {
        if gain.low > GAIN_MIN { Self::Hybrid { gain, weights } } else { Self::Mixture { gain } }
    }

    /// Returns it in words.
    #[must_use]
    pub fn sentence(&self) -> String {
        let days = COMPLETE_HISTORY_DAYS;
        match self {
            Self::TooFew { n_fitted, n_judged } => format!(
                "Customers with less than {days} days of history are told by the mixture: only {} were seen early to \
                 learn from, and {} to check on.",
                n(count(*n_fitted)),
                n(count(*n_judged))
            ),
            Self::Mixture { gain } => format!(
                "Customers with less than {days} days of history are told by the mixture: an ensemble that learnt how \
                 customers looked early is not better by enough on held-out ones (log loss {:.3} less; {:.3} to {:.3}).",
                gain.estimate, gain.low, gain.high
            ),
            Self::Hybrid { gain, weights: [mixture, logistic, trees] } => format!(
                "Customers with less than {days} days of history are told by an ensemble that learnt how customers \
                 looked early (mixture {}, logistic regression {}, boosted trees {}): on held-out ones its log loss is \
                 {:.3} less than the mixture's ({:.3} to {:.3}).",
                share(*mixture),
                share(*logistic),
                share(*trees),
                gain.estimate,
                gain.low,
                gain.high
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, Verdict, gain, judged};

    fn said(shares: [f64; 3]) -> Said {
        let column = crate::membership::largest_position(&shares);
        Said { shares: shares.to_vec(), column, agreement: None, sure: shares[column] > 0.5 }
    }

    /// Customers who turn out of the first cluster, the second, or none, in turn.
    fn truth(n_profiles: usize) -> Vec<Option<usize>> {
        (0..n_profiles).map(|idx| [Some(0), Some(1), None][idx % 3]).collect()
    }

    fn knowing(share: f64, n_profiles: usize) -> Vec<Said> {
        let shares = |idx: usize| {
            let mut shares = [(1.0 - share) / 2.0; 3];
            shares[idx % 3] = share;
            shares
        };
        (0..n_profiles).map(|idx| said(shares(idx))).collect()
    }

    #[test]
    fn ensemble_is_used_only_where_it_is_better() {
        let verdict = |mixture: f64, hybrid: f64| {
            let gain = gain(&knowing(mixture, 90), &knowing(hybrid, 90), &truth(90)).unwrap();
            Verdict::of(gain, [0.2, 0.3, 0.5])
        };
        assert!(matches!(verdict(0.5, 0.8), Verdict::Hybrid { .. }));
        for (mixture, hybrid) in [(0.8, 0.5), (0.6, 0.6)] {
            let verdict = verdict(mixture, hybrid);
            assert!(matches!(verdict, Verdict::Mixture { .. }), "{verdict:?}");
            assert!(verdict.sentence().contains("not better"));
        }
    }

    #[test]
    fn diagram_counts_none_as_a_place_to_belong() {
        let diagram = judged(&knowing(0.8, 30), &truth(30)).unwrap();
        assert!((diagram.accuracy.estimate - 1.0).abs() < 1e-12);
        assert!((diagram.accuracy_of_largest - 1.0 / 3.0).abs() < 1e-12);
        assert!((diagram.expected_error - 0.2).abs() < 1e-9);
        assert!((diagram.log_loss + 0.8_f64.ln()).abs() < 1e-9);
        assert_eq!((diagram.n_profiles, diagram.n_sure, diagram.bins.len()), (30, 30, 1));
    }

    #[test]
    fn one_who_was_surely_elsewhere_does_not_outweigh_all() {
        let diagram = judged(&[said([1.0, 0.0, 0.0])], &[Some(1)]).unwrap();
        assert!(diagram.log_loss.is_finite() && diagram.log_loss > 5.0);
    }
}
