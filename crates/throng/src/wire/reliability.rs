//! The document of `personas reliability`.

use serde::Serialize;
use throng_persona::{Diagram, DiagramBin, Reliability, Verdict};

/// How far memberships can be relied on; null where there is nothing to look back on.
#[derive(Debug, Serialize)]
pub(crate) struct ReliabilityDocument {
    /// How many days before customers were looked at, the latest look first.
    n_days_ago: Vec<u32>,
    /// Customers with a complete history, by a mixture that was not fitted to them, today.
    today: Option<DiagramDocument>,
    /// The same, of the latest look.
    complete: Option<DiagramDocument>,
    /// Held-out customers when they were new, by the mixture.
    early_mixture: Option<DiagramDocument>,
    /// The same, by the ensemble.
    early_hybrid: Option<DiagramDocument>,
    /// What partial histories are told by: `mixture` or `hybrid`.
    partial_by: &'static str,
    /// Why, in words.
    verdict: String,
}

#[derive(Debug, Serialize)]
struct DiagramDocument {
    n_customers: u64,
    expected_error: f64,
    log_loss: f64,
    /// Estimate, and the interval at 95 %.
    accuracy: [f64; 3],
    accuracy_of_largest: f64,
    n_sure: u64,
    accuracy_of_sure: f64,
    bins: Vec<BinDocument>,
    agreement: Vec<BinDocument>,
}

#[derive(Debug, Serialize)]
struct BinDocument {
    low: f64,
    high: f64,
    said: f64,
    /// Estimate, and the interval at 95 %.
    observed: [f64; 3],
    n_customers: u64,
}

impl ReliabilityDocument {
    /// Returns the document of a reliability.
    pub(crate) fn of(reliability: &Reliability) -> Self {
        Self {
            n_days_ago: reliability.n_days_ago.clone(),
            today: reliability.today.as_ref().map(diagram),
            complete: reliability.complete.as_ref().map(diagram),
            early_mixture: reliability.early_mixture.as_ref().map(diagram),
            early_hybrid: reliability.early_hybrid.as_ref().map(diagram),
            partial_by: match reliability.verdict {
                Verdict::Hybrid { .. } => "hybrid",
                Verdict::TooFew { .. } | Verdict::Mixture { .. } => "mixture",
            },
            verdict: reliability.verdict.sentence(),
        }
    }
}

fn diagram(diagram: &Diagram) -> DiagramDocument {
    DiagramDocument {
        n_customers: diagram.n_profiles,
        expected_error: diagram.expected_error,
        log_loss: diagram.log_loss,
        accuracy: [diagram.accuracy.estimate, diagram.accuracy.low, diagram.accuracy.high],
        accuracy_of_largest: diagram.accuracy_of_largest,
        n_sure: diagram.n_sure,
        accuracy_of_sure: diagram.accuracy_of_sure,
        bins: diagram.bins.iter().map(bin).collect(),
        agreement: diagram.agreement.iter().map(bin).collect(),
    }
}

fn bin(bin: &DiagramBin) -> BinDocument {
    let observed = [bin.observed.estimate, bin.observed.low, bin.observed.high];
    BinDocument { low: bin.low, high: bin.high, said: bin.said, observed, n_customers: bin.n_profiles }
}
