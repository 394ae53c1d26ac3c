//! How much every profile belongs to every persona.
//!
//! Shares lie on a grid of 2^-32. Sums of a few such numbers are exact in `f64`, so a row sums
//! to exactly 1 in whatever order anybody adds it, here or in SQL.

use std::fmt;
use std::str::FromStr;

use throng_profile::ProfileId;

use crate::PersonaError;

/// Steps in one whole share. Finer steps would claim a precision that memberships do not have.
pub(crate) const GRID: f64 = 4_294_967_296.0;

/// The key of a persona (`p1`), or of a sub-kind, a kind within one (`p1.2`): short, readable, safe in
/// SQL and file names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonaId(String);

/// The longest persona id; ids are written in column names and narrow tables.
const PERSONA_ID_LENGTH_MAX: usize = 32;

impl PersonaId {
    /// Returns the id of the persona at a position of a fit: `p1` for 0.
    #[must_use]
    pub fn at(persona_idx: usize) -> Self {
        Self(format!("p{}", persona_idx + 1))
    }

    /// Returns the id of the sub-kind at a position within this persona: `p1.1` for 0.
    #[must_use]
    pub fn sub_kind(&self, kind_idx: usize) -> Self {
        Self(format!("{}.{}", self.0, kind_idx + 1))
    }

    /// Returns the persona that this is a sub-kind of; `None` for a persona.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_once('.').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// Returns the id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PersonaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PersonaId {
    type Err = PersonaError;

    /// Reads lower-case letters and digits, a letter first; for a sub-kind also a dot and its number.
    fn from_str(text: &str) -> Result<Self, PersonaError> {
        let (persona, kind) = text.split_once('.').map_or((text, None), |(persona, kind)| (persona, Some(kind)));
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts = persona.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        let numbered = |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_digit());
        let fits = text.len() <= PERSONA_ID_LENGTH_MAX && persona.bytes().all(lower);
        if starts && fits && kind.is_none_or(numbered) {
            return Ok(Self(text.to_owned()));
        }
        Err(PersonaError::InvalidPersonaId(text.to_owned()))
    }
}

/// One profile's shares in all personas.
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// The profile.
    pub profile: ProfileId,
    /// Its share in every persona, in the order of [`Memberships::personas`].
    pub shares: Vec<f64>,
    /// The share that belongs to none of them.
    pub unassigned: f64,
    /// Position of the persona it counts for: the largest share, or of a continuum that was cut
    /// the one whose centre is nearest, unless the unassigned
    /// share is the largest. Near the border between a wide or large persona and a narrow or small
    /// one another persona may have the larger share.
    ///
    /// Of a partial history, also `None` where nobody can be sure yet.
    pub assigned: Option<usize>,
    /// What the shares are told by.
    pub by: Teller,
}

/// What a profile's shares are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Teller {
    /// The mixture around the centroids, by all features.
    Mixture,
    /// The ensemble that was fitted to how customers looked early, for a partial history.
    Hybrid,
}

impl Teller {
    const WORDS: [(Self, &'static str); 2] = [(Self::Mixture, "mixture"), (Self::Hybrid, "hybrid")];

    /// Returns the word it is stored under.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        crate::claim::word(&Self::WORDS, self)
    }

    /// Reads a stored word.
    ///
    /// # Errors
    /// [`PersonaError::UnknownWord`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PersonaError> {
        crate::claim::meaning(&Self::WORDS, "what memberships are told by", text)
    }
}

/// The memberships of a whole population.
///
/// Every row is non-negative and sums to exactly 1; `assigned` names a persona that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct Memberships {
    personas: Vec<PersonaId>,
    rows: Vec<Membership>,
}

impl Memberships {
    /// Returns the memberships made of stored rows.
    ///
    /// # Errors
    /// [`PersonaError::InvalidMembership`] for the first row that has another number of shares,
    /// a share below 0 or above 1, a sum other than 1, or names a persona that does not exist.
    pub fn new(personas: Vec<PersonaId>, rows: Vec<Membership>) -> Result<Self, PersonaError> {
        for row in &rows {
            if let Some(problem) = problem(row, personas.len()) {
                return Err(PersonaError::InvalidMembership { profile: row.profile.to_string(), problem });
            }
        }
        Ok(Self { personas, rows })
    }

    /// Returns the personas, largest first.
    #[must_use]
    pub fn personas(&self) -> &[PersonaId] {
        &self.personas
    }

    /// Returns one row per profile, in the population's order.
    #[must_use]
    pub fn rows(&self) -> &[Membership] {
        &self.rows
    }

    /// Returns the rows themselves.
    #[must_use]
    pub fn into_rows(self) -> Vec<Membership> {
        self.rows
    }

    /// Returns how many profiles count for the persona at `persona_idx`.
    #[must_use]
    pub fn n_assigned(&self, persona_idx: usize) -> usize {
        self.rows.iter().filter(|row| row.assigned == Some(persona_idx)).count()
    }

    /// Returns how many profiles count for no persona.
    #[must_use]
    pub fn n_unassigned(&self) -> usize {
        self.rows.iter().filter(|row| row.assigned.is_none()).count()
    }

    /// Returns the persona's position among [`Memberships::personas`].
    pub(crate) fn position(&self, persona: &PersonaId) -> Result<usize, PersonaError> {
        let found = self.personas.iter().position(|id| id == persona);
        found.ok_or_else(|| PersonaError::Unknown { what: "persona", name: persona.to_string() })
    }
}

fn problem(row: &Membership, n_personas: usize) -> Option<&'static str> {
    if row.shares.len() != n_personas {
        return Some("there is not one share per persona");
    }
    if row.assigned.is_some_and(|persona_idx| persona_idx >= n_personas) {
        return Some("it counts for a persona that does not exist");
    }
    let within = |share: &f64| (0.0..=1.0).contains(share);
    if !row.shares.iter().all(within) || !within(&row.unassigned) {
        return Some("a share is not between 0 and 1");
    }
    let sum = row.shares.iter().sum::<f64>() + row.unassigned;
    #[expect(clippy::float_cmp, reason = "the invariant is exactly 1, and sums on the grid are exact")]
    let broken = sum != 1.0;
    broken.then_some("the shares do not sum to 1")
}

/// Moves the shares of a row onto the grid, summing to exactly 1.
///
/// `shares` are non-negative, sum to about 1, and the last one is the unassigned share. What
/// rounding down leaves over goes to the largest share, where it changes the least.
///
/// `counts_for` is the persona the profile counts for, unless its largest share is the unassigned one.
///
/// Returns the persona it counts for.
pub(crate) fn to_grid(shares: &mut [f64], counts_for: Option<usize>) -> Option<usize> {
    let n_personas = shares.len().saturating_sub(1);
    for share in shares.iter_mut() {
        *share = (share.clamp(0.0, 1.0) * GRID).floor();
    }
    let largest = largest_position(shares);
    let over = GRID - shares.iter().sum::<f64>();
    assert!(over.abs() < GRID * 1e-6, "membership shares must sum to about 1");
    shares[largest] += over;
    for share in shares.iter_mut() {
        *share /= GRID;
    }
    counts_for.filter(|_| largest < n_personas)
}

/// Returns the position of the largest value; of equal ones the first.
pub(crate) fn largest_position(values: &[f64]) -> usize {
    let mut largest_idx = 0;
    for (idx, value) in values.iter().enumerate() {
        if *value > values[largest_idx] {
            largest_idx = idx;
        }
    }
    largest_idx
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use throng_event::Identity;

    use super::*;

    proptest! {
        #[test]
        fn rows_sum_to_one_in_any_order(weights in proptest::collection::vec(0.0_f64..1.0, 2..14)) {
            let total: f64 = weights.iter().sum::<f64>().max(1e-9);
            let mut shares: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
            let rest = 1.0 - shares.iter().sum::<f64>();
            shares[0] = (shares[0] + rest).max(0.0);
            let mut on_grid = shares.clone();
            to_grid(&mut on_grid, None);
            let row = Membership {
                profile: ProfileId::of(&Identity::user("1")),
                unassigned: on_grid[on_grid.len() - 1],
                shares: on_grid[..on_grid.len() - 1].to_vec(),
                assigned: None,
                by: Teller::Mixture,
            };
            let mut all = on_grid;
            all.sort_by(f64::total_cmp);
            prop_assert_eq!(all.iter().sum::<f64>().to_bits(), 1.0_f64.to_bits());
            prop_assert_eq!(all.iter().rev().sum::<f64>().to_bits(), 1.0_f64.to_bits());
            prop_assert!(problem(&row, row.shares.len()).is_none());
            for (before, after) in shares.iter().zip(&row.shares) {
                prop_assert!((before - after).abs() < 1e-8);
            }
        }
    }

    #[test]
    fn nearest_persona_is_assigned_unless_most_is_unassigned() {
        let check = |shares: &[f64], nearest: Option<usize>, expected: Option<usize>| {
            assert_eq!(to_grid(&mut shares.to_vec(), nearest), expected);
        };
        check(&[0.2, 0.5, 0.3], Some(1), Some(1));
        check(&[0.6, 0.4, 0.0], Some(1), Some(1));
        check(&[0.3, 0.2, 0.5], Some(0), None);
        check(&[0.0, 0.0, 1.0], Some(0), None);
        check(&[0.5, 0.3, 0.2], None, None);
    }
}
