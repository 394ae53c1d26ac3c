//! How far memberships can be relied on, as the report tells it.

use throng_engine::Engine;
use throng_persona::{COMPLETE_HISTORY_DAYS, Diagram, DiagramBin, Verdict};

use crate::format::{count, share};
use crate::report::{ReliabilityBin, ReliabilityDiagram};

/// Returns the diagrams: of customers with a complete history, and of new ones by what they are told by.
pub(super) fn diagrams(engine: &Engine) -> anyhow::Result<Vec<ReliabilityDiagram>> {
    let Some(reliability) = engine.reliability()? else { return Ok(Vec::new()) };
    let days = COMPLETE_HISTORY_DAYS;
    let n_days_ago = reliability.n_days_ago.first().copied().unwrap_or(0);
    let early = match reliability.verdict {
        Verdict::Hybrid { .. } => &reliability.early_hybrid,
        Verdict::TooFew { .. } | Verdict::Mixture { .. } => &reliability.early_mixture,
    };
    let mut diagrams = Vec::new();
    if let Some(diagram) = &reliability.today {
        let of = format!("Customers known for {days} days or more, by a mixture that was not fitted to them");
        diagrams.push(told(of, String::new(), diagram));
    }
    if let Some(diagram) = &reliability.complete {
        let of = format!("The same kind of customers, {n_days_ago} days before they were held against today");
        let why = "Customers move on: what is missing here is not all misjudged, some of it has changed.".to_owned();
        diagrams.push(told(of, why, diagram));
    }
    if let Some(diagram) = early {
        let of = format!("Customers known for less than {days} days: what was said when they were new");
        diagrams.push(told(of, reliability.verdict.sentence(), diagram));
    }
    Ok(diagrams)
}

fn told(of: String, verdict: String, diagram: &Diagram) -> ReliabilityDiagram {
    ReliabilityDiagram {
        of,
        summary: format!(
            "Off by {} on average, over {} customers who took no part in the fit. The largest share named the right \
             persona for {}; naming the most frequent one every time would have been right for {}.",
            share(diagram.expected_error),
            count(diagram.n_profiles),
            share(diagram.accuracy.estimate),
            share(diagram.accuracy_of_largest)
        ),
        verdict,
        bins: diagram.bins.iter().map(|drawn| bin(drawn, diagram.n_profiles)).collect(),
    }
}

fn bin(bin: &DiagramBin, n_profiles: u64) -> ReliabilityBin {
    ReliabilityBin {
        said: bin.said,
        observed: bin.observed.estimate,
        low: bin.observed.low,
        high: bin.observed.high,
        n_customers: bin.n_profiles,
        share_of_customers: super::part(bin.n_profiles, n_profiles),
    }
}
