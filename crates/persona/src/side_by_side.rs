//! Two groups of customers side by side: two personas, or one as it was on one day and as it is on
//! another. Everything that is known of customers is measured in both, not only what claims are made of.

use std::cmp::Ordering;

use crate::evidence::Groups;
use crate::format::{calm, clause, share};
use crate::population::joined;
use crate::statement::{readable, value_text};
use crate::telling::{FALSE_DISCOVERY_RATE, Subjects};
use crate::{Evidence, Measure, PersonaError, PersonaId, Population};

/// One thing that was measured in two groups.
#[derive(Debug, Clone, PartialEq)]
pub struct SideBySide {
    /// What was measured.
    pub measure: Measure,
    /// What it is, in words: the phrase of a feature or the name of a trait, and the value it is a share of.
    pub what: String,
    /// The value in each group, in its unit.
    pub values: [String; 2],
    /// What it rests on; the rest is the second group. Its query is empty where the groups are of different
    /// days, for tables hold one.
    pub evidence: Evidence,
    /// Probability of such a difference between two random groups, adjusted for everything that was measured
    /// (Benjamini and Hochberg 1995).
    pub p_value: f64,
    /// Whether the difference is sure and not small, by the same tests as those of claims.
    pub apart: bool,
}

/// Returns everything that can be measured in two groups of customers, the greatest effect first; of equal
/// effects in the order of the measures. What too few customers have is left out.
///
/// Each group is a persona and its customers, as they were known at the end of a day. Customers who are in
/// both, on different days, are counted in each, so that intervals are rather too wide than too narrow.
///
/// # Errors
/// [`PersonaError::Unknown`] when the groups do not have the same features.
pub fn side_by_side(groups: [(&PersonaId, &Population); 2]) -> Result<Vec<SideBySide>, PersonaError> {
    let [(first, of_first), (second, of_second)] = groups;
    let population = joined(of_first, of_second)?;
    let both = Groups::in_a_row(&population, (first, second), of_first.profiles.len());
    let subjects = Subjects::new(&population);
    let one_table = first != second && of_first.as_of.day == of_second.as_of.day;
    let mut rows = Vec::new();
    for (difference, p_value) in subjects.tested(&[both])?.into_iter().flatten() {
        let apart = p_value <= FALSE_DISCOVERY_RATE && subjects.telling(&difference);
        let definition = subjects.definition(&difference);
        let said = [difference.evidence.persona_value, difference.evidence.rest_value];
        let (what, values) = match (definition, difference.measure.value()) {
            (Some(definition), None) => (clause(&definition.phrase), said.map(|value| value_text(definition, value))),
            (Some(definition), Some(value)) => {
                (format!("{}: {}", clause(&definition.phrase), calm(value)), said.map(share))
            }
            (None, value) => {
                let name = readable(difference.measure.subject().unwrap_or(""));
                (format!("{name}: {}", calm(value.unwrap_or(""))), said.map(share))
            }
        };
        let mut evidence = difference.evidence;
        if !one_table {
            evidence.query.clear();
        }
        rows.push(SideBySide { measure: difference.measure, what, values, evidence, p_value, apart });
    }
    rows.sort_by(by_effect);
    Ok(rows)
}

fn by_effect(a: &SideBySide, b: &SideBySide) -> Ordering {
    let size = |row: &SideBySide| row.evidence.effect.value.abs();
    size(b).total_cmp(&size(a)).then_with(|| a.measure.cmp(&b.measure))
}
