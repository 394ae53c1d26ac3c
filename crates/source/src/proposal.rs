//! Proposes how to read a table from the names, types and values of its columns.
//!
//! Every column gets a [`profile::Profile`]; every role (person, time, order, …)
//! takes the column whose name and values speak most for it. What was guessed
//! rather than seen is said in an [`Unsure`] beside the key it concerns.

mod draft;
mod names;
mod profile;

use std::fmt;

use crate::{Mapping, Missing, SourceError, TableSample};
use draft::Drafter;

pub(crate) use profile::decimal_mark;

/// A mapping that may be right, and what to check in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The mapping.
    pub mapping: Mapping,
    /// What was guessed, in the order of the mapping's keys.
    pub notes: Vec<Unsure>,
}

/// One thing a proposal is not sure of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsure {
    /// The key of the mapping it concerns, such as `user_id` or `table.product`.
    pub key: String,
    /// What was guessed and what speaks for it.
    pub said: String,
}

impl fmt::Display for Unsure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.said)
    }
}

impl Proposal {
    /// Returns the mapping as a TOML file whose comments say what to check.
    #[must_use]
    pub fn to_toml(&self, table: &str) -> String {
        let notes: Vec<(String, String)> =
            self.notes.iter().map(|note| (note.key.clone(), note.said.clone())).collect();
        let table: String = table.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("# Proposed from {table}. Check the lines marked \"unsure\".\n{}", self.mapping.to_toml_with(&notes))
    }
}

/// Proposes a mapping for a table.
///
/// ```
/// use throng_source::{propose_mapping, sample_table};
/// let table = "customer_id,order_date,total\n7,2024-03-01,12.50\n8,2024-03-02,3.00\n";
/// let proposal = propose_mapping(&sample_table(table.as_bytes()).unwrap()).unwrap();
/// assert_eq!(proposal.mapping.user_id.as_deref(), Some("customer_id"));
/// ```
///
/// # Errors
/// [`SourceError::Unmappable`] when no column tells people apart or none says when.
pub fn propose_mapping(sample: &TableSample) -> Result<Proposal, SourceError> {
    let drafter = Drafter::new(sample);
    let unmappable = |missing: &[Missing]| {
        let columns = sample.columns().to_vec();
        Err(SourceError::Unmappable { missing: missing.to_vec(), columns })
    };
    match (drafter.person(), drafter.time()) {
        (Some(person), Some(time)) => Ok(drafter.propose(person, time)),
        (None, Some(_)) => unmappable(&[Missing::Person]),
        (Some(_), None) => unmappable(&[Missing::Time]),
        (None, None) => unmappable(&[Missing::Person, Missing::Time]),
    }
}

#[cfg(test)]
mod tests;
