//! Why there are no personas, in words and numbers a customer of ours can act on.

use crate::format::{n, share, whole};
use crate::lineage::listed;
use crate::number::{count, real_count};

/// An answer: these data hold no personas that could be relied on.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Which kind of reason it is.
    pub reason: RefusalReason,
    /// The reason and what to do, in whole sentences.
    pub text: String,
    /// The numbers it rests on, each with its name.
    pub numbers: Vec<(String, f64)>,
}

/// The kinds of reason for a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RefusalReason {
    /// There are too few customers to tell groups from chance.
    TooFewCustomers,
    /// Too few features are known and differ.
    NothingToCompare,
    /// Whatever groups are made, others come out of a resample.
    NoStructure,
    /// There are no borders between groups: customers differ by degrees.
    NoSeparateKinds,
    /// Groups come back, but one of them is too small.
    GroupsTooSmall,
}

impl RefusalReason {
    const WORDS: [(Self, &'static str); 5] = [
        (Self::TooFewCustomers, "too_few_customers"),
        (Self::NothingToCompare, "nothing_to_compare"),
        (Self::NoStructure, "no_structure"),
        (Self::NoSeparateKinds, "no_separate_kinds"),
        (Self::GroupsTooSmall, "groups_too_small"),
    ];

    /// Returns the word the reason is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`](crate::PersonaError::UnknownWord) for any other text.
    pub fn parse(text: &str) -> Result<Self, crate::PersonaError> {
        crate::claim::meaning(&Self::WORDS, "a reason for a refusal", text)
    }
}

pub(crate) fn too_few_customers(n_profiles: usize, n_needed: usize) -> Refusal {
    Refusal {
        reason: RefusalReason::TooFewCustomers,
        text: format!(
            "{} customers are too few: at least {} are needed to tell groups from chance. \
             Import a longer history or more of your sources.",
            n(count(n_profiles)),
            n(count(n_needed))
        ),
        numbers: vec![
            ("n_profiles".to_owned(), real_count(n_profiles)),
            ("n_profiles_needed".to_owned(), real_count(n_needed)),
        ],
    }
}

pub(crate) fn nothing_to_compare(n_features: usize, n_needed: usize) -> Refusal {
    let what = match n_features {
        0 => "No feature is".to_owned(),
        1 => "Only 1 feature is".to_owned(),
        _ => format!("Only {n_features} features are"),
    };
    Refusal {
        reason: RefusalReason::NothingToCompare,
        text: format!(
            "{what} known for enough customers and differs between them: at least {n_needed} are needed. \
             Add features to the catalogue, or import more kinds of events."
        ),
        numbers: vec![
            ("n_features".to_owned(), real_count(n_features)),
            ("n_features_needed".to_owned(), real_count(n_needed)),
        ],
    }
}

/// Returns the refusal the numerics' refusal means to people.
///
/// `columns` are what the rows of the matrix were of, in words.
pub(crate) fn from_learn(refusal: throng_learn::Refusal, n_profiles: usize, columns: &[String]) -> Refusal {
    match refusal {
        throng_learn::Refusal::TooFewRows { n_rows, n_rows_needed } => too_few_customers(n_rows, n_rows_needed),
        throng_learn::Refusal::TooFewDistinctRows { n_clusters } => Refusal {
            reason: RefusalReason::NothingToCompare,
            text: format!(
                "The {} customers are too much alike: not even {n_clusters} of them differ in the features that were \
                 looked at. Add features to the catalogue, or import more kinds of events.",
                n(count(n_profiles))
            ),
            numbers: vec![("n_profiles".to_owned(), real_count(n_profiles))],
        },
        throng_learn::Refusal::NoStableStructure { n_clusters, jaccard_min, adjusted_rand } => {
            no_structure(n_profiles, n_clusters, jaccard_min, adjusted_rand)
        }
        throng_learn::Refusal::NoSeparateKinds { n_kinds, border, dimensions: _ } if n_kinds > 1 => Refusal {
            reason: RefusalReason::NoSeparateKinds,
            text: format!(
                "The {} customers fall into {n_kinds} separate kinds, fewer than were asked for: no further border \
                 between groups holds.",
                n(count(n_profiles))
            ),
            numbers: vec![
                ("n_kinds".to_owned(), real_count(n_kinds)),
                ("border_depth".to_owned(), border.depth),
                ("border_p_value".to_owned(), border.p_value),
            ],
        },
        throng_learn::Refusal::NoSeparateKinds { border, dimensions, .. } => Refusal {
            reason: RefusalReason::NoSeparateKinds,
            text: format!(
                "The {} customers do not fall into separate kinds: there are no borders between groups where customers \
                 are few. {}",
                n(count(n_profiles)),
                varying(&dimensions, columns)
            ),
            numbers: vec![("border_depth".to_owned(), border.depth), ("border_p_value".to_owned(), border.p_value)],
        },
        throng_learn::Refusal::ClustersTooSmall { n_clusters, share_min, share_needed } => Refusal {
            reason: RefusalReason::GroupsTooSmall,
            text: format!(
                "{n_clusters} groups come back, but the smallest holds {} of the customers, and a persona needs {}. \
                 A few unusual customers stand apart from all others: look at them before you look for personas.",
                share(share_min),
                share(share_needed)
            ),
            numbers: vec![
                ("n_personas".to_owned(), real_count(n_clusters)),
                ("share_min".to_owned(), share_min),
                ("share_needed".to_owned(), share_needed),
            ],
        },
    }
}

/// Dimensions that are told, and features that are named for each.
const DIMENSIONS_TOLD_MAX: usize = 3;
const FEATURES_TOLD_MAX: usize = 3;
/// Correlation with a dimension from which a feature is named: a quarter of its variance.
const LOADING_TOLD_MIN: f64 = 0.5;

/// Returns along what customers vary, in a sentence: features that go together, and against each other.
fn varying(dimensions: &[throng_learn::Dimension], columns: &[String]) -> String {
    let told: Vec<String> = dimensions
        .iter()
        .take(DIMENSIONS_TOLD_MAX)
        .filter_map(|dimension| {
            let mut loadings: Vec<(&String, f64)> = columns.iter().zip(dimension.loadings.iter().copied()).collect();
            loadings.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(b.0)));
            let mut named: Vec<(&str, f64)> = Vec::new();
            for (column, loading) in loadings {
                let known = named.iter().any(|(name, _)| *name == column.as_str());
                if loading.abs() >= LOADING_TOLD_MIN && !known && named.len() < FEATURES_TOLD_MAX {
                    named.push((column, loading));
                }
            }
            let sign = named.first()?.1.signum();
            let side = |with: f64| {
                let same = named.iter().filter(|(_, loading)| loading * sign * with > 0.0);
                listed(same.map(|(name, _)| (*name).to_owned()))
            };
            let against = side(-1.0);
            let beside = if against.is_empty() { against } else { format!(" against {against}") };
            Some(format!("{}{beside} ({} of the differences)", side(1.0), share(dimension.share)))
        })
        .collect();
    match told.len() {
        0 => "No feature goes with another: each varies by itself.".to_owned(),
        _ => format!("They vary by degrees, along {}.", told.join("; ")),
    }
}

fn no_structure(n_profiles: usize, n_clusters: usize, jaccard_min: f64, adjusted_rand: f64) -> Refusal {
    Refusal {
        reason: RefusalReason::NoStructure,
        text: format!(
            "The {} customers do not fall into groups. The best try, {} groups, did not come back when customers were \
             drawn anew: the weakest group kept {} of its members, and {} are needed. \
             Any personas drawn from these data would be invented.",
            n(count(n_profiles)),
            whole(i64::try_from(n_clusters).unwrap_or(i64::MAX)),
            share(jaccard_min),
            share(throng_learn::JACCARD_STABLE)
        ),
        numbers: vec![
            ("n_personas".to_owned(), real_count(n_clusters)),
            ("jaccard_min".to_owned(), jaccard_min),
            ("adjusted_rand".to_owned(), adjusted_rand),
        ],
    }
}
