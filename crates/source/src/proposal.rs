//! Proposes how to read a table from the names, types and values of its columns.
//!
//! Every column gets a [`profile::Profile`]; every role (person, time, order, …)
//! takes the column whose name and values speak most for it. What was guessed
//! rather than seen is said in an [`Unsure`] beside the key it concerns.

mod amounts;
mod draft;
mod names;
mod profile;
mod times;

use std::fmt;

use throng_event::Day;

use crate::{Mapping, SourceError, TableSample};
use draft::Drafter;

pub(crate) use names::snake_case;
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
/// Where no column names people, every row is taken for a person of its own; where none
/// says when, `today` is when all of it happened. Both are noted as unsure.
///
/// ```
/// use throng_source::{propose_mapping, sample_table};
/// let table = "customer_id,order_date,total\n7,2024-03-01,12.50\n8,2024-03-02,3.00\n";
/// let today = throng_event::Day::parse("2024-12-31").unwrap();
/// let proposal = propose_mapping(&sample_table(table.as_bytes()).unwrap(), today).unwrap();
/// assert_eq!(proposal.mapping.user_id.as_deref(), Some("customer_id"));
/// ```
///
/// # Errors
/// [`SourceError::Unmappable`] when there are no rows to judge by, or when they are
/// products that nobody did anything with.
pub fn propose_mapping(sample: &TableSample, today: Day) -> Result<Proposal, SourceError> {
    let unmappable =
        |reason: &str| Err(SourceError::Unmappable { reason: reason.to_owned(), columns: sample.columns().to_vec() });
    if sample.n_rows() == 0 {
        return match &sample.unreadable {
            Some(problem) => unmappable(&format!("none of its records is a row; the first is {problem}")),
            None => unmappable("the table has no rows to judge by"),
        };
    }
    if (0..sample.columns().len()).all(|column| sample.cells(column).next().is_none()) {
        return unmappable("none of its rows says anything");
    }
    let drafter = Drafter::new(sample, today);
    if drafter.lists_products() {
        return unmappable(
            "the table is a list of products, one a row, and says of nobody what they did; \
             import the table of orders or visits that names these products",
        );
    }
    Ok(drafter.propose())
}

#[cfg(test)]
mod tests;
