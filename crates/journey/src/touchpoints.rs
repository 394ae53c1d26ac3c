//! Touchpoints as columns, and how they are cut into journeys.

use std::ops::Range;

use throng_profile::sessions;

/// What a caller can have asked for that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JourneyError {
    /// A step that names no label.
    #[error("cannot find the touchpoint {name:?}; the most similar are {similar:?}")]
    UnknownLabel {
        /// What was asked for.
        name: String,
        /// Labels that share its first word or letters, at most five, by name.
        similar: Vec<String>,
    },
}

/// How far one journey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each session is a journey; a gap of more microseconds than this parts sessions.
    Session {
        /// The longest gap inside a session.
        gap_us: i64,
    },
    /// The whole history of a profile is one journey.
    History,
}

/// What becomes of a touchpoint that follows its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// It counts again.
    Keep,
    /// It is taken as one with the first of its run.
    Collapse,
}

/// The touchpoints of many profiles, one profile's together and in total order.
#[derive(Debug, Clone)]
pub struct Touchpoints<'a> {
    /// Where each profile's touchpoints begin, and at last where they all end.
    offsets: &'a [usize],
    occurred_at: &'a [i64],
    label: &'a [u32],
    names: &'a [String],
    /// The place of each label in the order of names.
    rank: Vec<u32>,
    /// The label at each place.
    by_rank: Vec<u32>,
}

impl<'a> Touchpoints<'a> {
    /// Returns the view of columns the caller has sorted: profile `i` owns the rows
    /// `offsets[i]..offsets[i + 1]`, `label` holds positions in `names`.
    ///
    /// # Panics
    /// When the columns do not fit each other, which is a mistake of the caller's.
    #[must_use]
    pub fn new(offsets: &'a [usize], occurred_at: &'a [i64], label: &'a [u32], names: &'a [String]) -> Self {
        assert_eq!(occurred_at.len(), label.len(), "every touchpoint has a time and a label");
        assert_eq!(offsets.first(), Some(&0), "the first profile begins at 0");
        assert_eq!(offsets.last(), Some(&label.len()), "the last profile ends with the columns");
        assert!(offsets.is_sorted(), "profiles follow each other");
        let n_names = u32::try_from(names.len()).unwrap_or(u32::MAX);
        assert!(label.iter().all(|code| *code < n_names), "every label has a name");
        let mut by_rank: Vec<u32> = (0..n_names).collect();
        by_rank.sort_by_key(|code| (&names[position(*code)], *code));
        let mut rank = vec![0; names.len()];
        for (place, code) in (0..n_names).zip(&by_rank) {
            rank[position(*code)] = place;
        }
        Self { offsets, occurred_at, label, names, rank, by_rank }
    }

    /// Returns how many profiles there are, those without touchpoints included.
    #[must_use]
    pub fn n_profiles(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns how many touchpoints there are.
    #[must_use]
    pub fn n_touchpoints(&self) -> usize {
        self.label.len()
    }

    /// Returns how many labels there are.
    #[must_use]
    pub fn n_labels(&self) -> usize {
        self.names.len()
    }

    /// Returns the name of a label.
    #[must_use]
    pub fn name(&self, label: u32) -> &'a str {
        &self.names[position(label)]
    }

    /// Returns the label of a name, ignoring case when no name is exactly so.
    ///
    /// # Errors
    /// [`JourneyError::UnknownLabel`] when there is none.
    pub fn label(&self, name: &str) -> Result<u32, JourneyError> {
        let exact = self.by_rank.iter().find(|code| self.name(**code) == name);
        let alike = || self.by_rank.iter().find(|code| self.name(**code).eq_ignore_ascii_case(name));
        if let Some(code) = exact.or_else(alike) {
            return Ok(*code);
        }
        let words = |text: &str| text.to_lowercase().split([' ', '_', '-']).map(str::to_owned).collect::<Vec<_>>();
        let wanted = words(name);
        let shares_word = |other: &str| words(other).iter().any(|word| wanted.contains(word));
        let similar = self.by_rank.iter().map(|code| self.name(*code)).filter(|other| shares_word(other));
        Err(JourneyError::UnknownLabel {
            name: name.to_owned(),
            similar: similar.take(SIMILAR_MAX).map(str::to_owned).collect(),
        })
    }

    pub(crate) fn profile(&self, profile_idx: usize) -> (&'a [i64], &'a [u32]) {
        let rows = self.offsets[profile_idx]..self.offsets[profile_idx + 1];
        (&self.occurred_at[rows.clone()], &self.label[rows])
    }

    pub(crate) fn rank(&self, label: u32) -> u32 {
        self.rank[position(label)]
    }

    pub(crate) fn by_rank(&self, place: u32) -> u32 {
        self.by_rank[position(place)]
    }

    /// Returns all journeys, in the order of profiles and time, each step as the rank
    /// of its label, so that comparing steps compares names.
    pub(crate) fn journeys(&self, scope: Scope, repeats: Repeats) -> Journeys {
        let mut journeys = Journeys::default();
        for profile_idx in 0..self.n_profiles() {
            let (times, labels) = self.profile(profile_idx);
            for rows in cut(times, scope) {
                let steps = labels[rows.clone()].iter().map(|label| self.rank(*label));
                journeys.push(profile_idx, steps.zip(times[rows].iter().copied()), repeats);
            }
        }
        journeys
    }
}

/// How many similar names an error shows; more would bury them.
const SIMILAR_MAX: usize = 5;

/// Steps of all journeys in one column, and which belong to which.
#[derive(Default)]
pub(crate) struct Journeys {
    /// Ranks of labels.
    pub(crate) steps: Vec<u32>,
    pub(crate) occurred_at: Vec<i64>,
    /// The profile and the steps of each journey; never empty ranges.
    pub(crate) ranges: Vec<(usize, Range<usize>)>,
}

impl Journeys {
    fn push(&mut self, profile_idx: usize, steps: impl Iterator<Item = (u32, i64)>, repeats: Repeats) {
        let first_step = self.steps.len();
        for (step, occurred_at) in steps {
            let repeated = self.steps[first_step..].last() == Some(&step);
            if repeats == Repeats::Keep || !repeated {
                self.steps.push(step);
                self.occurred_at.push(occurred_at);
            }
        }
        self.ranges.push((profile_idx, first_step..self.steps.len()));
    }
}

fn cut(times: &[i64], scope: Scope) -> Vec<Range<usize>> {
    match scope {
        Scope::Session { gap_us } => sessions(times, gap_us),
        // A gap no two instants can have.
        Scope::History => sessions(times, i64::MAX),
    }
}

/// Returns a code as an index.
pub(crate) fn position(code: u32) -> usize {
    // usize has at least 32 bits wherever this runs.
    usize::try_from(code).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Result<u32, &[&str]>) {
        let names = ["Order Completed", "Product Viewed", "order cancelled"].map(str::to_owned);
        let touchpoints = Touchpoints::new(&[0], &[], &[], &names);
        let found = touchpoints.label(name).map_err(|JourneyError::UnknownLabel { similar, .. }| similar);
        assert_eq!(found, expected.map_err(|names| names.iter().map(|&name| name.to_owned()).collect()));
    }

    #[test]
    fn a_label_is_found_by_name_and_an_unknown_one_gets_its_like() {
        check("Product Viewed", Ok(1));
        check("product viewed", Ok(1));
        check("Order Refunded", Err(&["Order Completed", "order cancelled"]));
        check("Xyz", Err(&[]));
    }
}
