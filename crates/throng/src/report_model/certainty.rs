//! How the personas were found and how well they hold, in words.

use throng_engine::{BookOutcome, PersonaBook};
use throng_learn::JACCARD_MIN;
use throng_persona::{Candidate, Method, Separation};

use crate::report::{self, CertaintySection, ReliabilityDiagram, UsedFeature};
use crate::wording::Wording;

/// Returns the section on how sure we are.
pub(super) fn section(
    book: &PersonaBook,
    wording: Wording<'_>,
    reliability: Vec<ReliabilityDiagram>,
) -> CertaintySection {
    let chosen = book.candidates.iter().find(|candidate| candidate.chosen);
    let used: Vec<UsedFeature> = book
        .features_used
        .iter()
        .filter(|used| used.left_out.is_none())
        .map(|used| UsedFeature {
            name: wording.phrase(&used.name),
            category: wording.feature(&used.name).map_or_else(String::new, |feature| feature.category.to_string()),
            transform: used.transform.clone().unwrap_or_default(),
            weight: used.vote,
        })
        .collect();
    CertaintySection {
        verdict: verdict(book, chosen),
        separation: [book.separation.map(Separation::sentence), book.foretold.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" "),
        gradual: book.separation == Some(Separation::Gradual),
        method: format!(
            "Groups of customers by {} features, each made comparable. {} Seed {}.",
            used.len(),
            match (book.separation, book.method) {
                (
                    Some(_),
                    Method::KMeans | Method::Mixture | Method::Ward | Method::Hdbscan | Method::Factorisation,
                ) => {
                    format!(
                        "Customers were divided {}, as was asked for; each group comes back when they are drawn anew \
                         and divided in the same way.",
                        book.method.phrase()
                    )
                }
                (Some(Separation::Gradual), Method::Auto) => {
                    "There are no borders between groups, so the continuum was cut where k-means cuts it alike each \
                     time customers are drawn anew."
                        .to_owned()
                }
                (Some(Separation::Distinct), Method::Auto) | (None, _) => {
                    "The number of personas is that of the groups with borders between them that come back when \
                     customers are drawn anew."
                        .to_owned()
                }
            },
            book.seed
        ),
        candidates: book.candidates.iter().map(candidate).collect(),
        n_personas_chosen: chosen.and_then(|chosen| u64::try_from(chosen.n_personas).ok()),
        features: used,
        reliability,
    }
}

fn verdict(book: &PersonaBook, chosen: Option<&Candidate>) -> String {
    match (&book.outcome, chosen) {
        (BookOutcome::Found(_), Some(chosen)) if book.candidates.len() > 1 => format!(
            "Of the {} numbers of personas that were tried, {} tells customers apart best among those that come back \
             when customers are drawn anew.",
            book.candidates.len(),
            chosen.n_personas
        ),
        (BookOutcome::Found(personas), _) => format!("{} personas, the number that was asked for.", personas.len()),
        (BookOutcome::Refused(_), _) => "No number of personas held, so none are shown.".to_owned(),
    }
}

fn candidate(candidate: &Candidate) -> report::Candidate {
    let note = if candidate.chosen {
        "chosen"
    } else if candidate.stability_min < JACCARD_MIN {
        "one of its groups does not come back"
    } else if candidate.silhouette_reference.is_some_and(|reference| reference >= candidate.silhouette) {
        "no further apart than without groups"
    } else {
        "holds too, tells customers apart less well"
    };
    report::Candidate {
        n_personas: u64::try_from(candidate.n_personas).unwrap_or(u64::MAX),
        silhouette: candidate.silhouette,
        stability: candidate.stability_min,
        note: note.to_owned(),
    }
}
