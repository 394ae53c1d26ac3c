//! The features in which the personas differ most, side by side.

use std::cmp::Ordering;

use arrow::array::RecordBatch;
use throng_engine::{Engine, PersonaBook};
use throng_feature::FeatureDefinition;
use throng_persona::Persona;

use super::part;
use crate::report::{ComparedFeature, ComparedValue};
use crate::rows::Rows;
use crate::wording::Wording;

/// Features that are compared; the page shows about as many.
const COMPARED_MAX: usize = 14;

/// Returns the features in which the personas' middle customers stand furthest apart.
pub(super) fn read(engine: &Engine, personas: &[Persona], book: &PersonaBook) -> anyhow::Result<Vec<ComparedFeature>> {
    let rows = engine.query(
        "SELECT f.*, m.persona_id AS \"_persona\" FROM features f JOIN memberships m ON f.profile_id = m.profile_id \
         ORDER BY f.profile_id",
    )?;
    let members = Rows(&rows).words("_persona")?;
    let wording = Wording::new(&engine.home().config().features);
    let used = book.features_used.iter().filter(|used| used.left_out.is_none());
    let mut ranked: Vec<(f64, &FeatureDefinition, ComparedFeature)> = Vec::new();
    for definition in used.filter_map(|used| wording.feature(&used.name)) {
        let column = Column::read(&rows, &members, definition, personas);
        if let Some((spread, feature)) = column.and_then(|column| column.compare(definition, personas, wording)) {
            ranked.push((spread, definition, feature));
        }
    }
    // Equal spreads stay in the order of the catalogue.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<(&FeatureDefinition, ComparedFeature)> = Vec::new();
    for (_, definition, feature) in ranked {
        // The same number over another window would only repeat the row.
        let alike = |other: &FeatureDefinition| other.kind == definition.kind && other.filter == definition.filter;
        if chosen.len() < COMPARED_MAX && !chosen.iter().any(|(other, _)| alike(other)) {
            chosen.push((definition, feature));
        }
    }
    Ok(chosen.into_iter().map(|(_, feature)| feature).collect())
}

/// The known values of one feature, sorted.
struct Column {
    all: Vec<f64>,
    by_persona: Vec<Vec<f64>>,
}

impl Column {
    fn read(
        rows: &RecordBatch,
        members: &[String],
        definition: &FeatureDefinition,
        personas: &[Persona],
    ) -> Option<Self> {
        let values = Rows(rows).numbers(&definition.name)?;
        let mut column = Self { all: Vec::new(), by_persona: vec![Vec::new(); personas.len()] };
        for (value, member) in values.into_iter().zip(members) {
            let Some(value) = value.filter(|value| value.is_finite()) else { continue };
            column.all.push(value);
            if let Some(persona_idx) = personas.iter().position(|persona| persona.id.as_str() == member) {
                column.by_persona[persona_idx].push(value);
            }
        }
        column.all.sort_by(f64::total_cmp);
        for values in &mut column.by_persona {
            values.sort_by(f64::total_cmp);
        }
        Some(column)
    }

    fn compare(
        &self,
        definition: &FeatureDefinition,
        personas: &[Persona],
        wording: Wording<'_>,
    ) -> Option<(f64, ComparedFeature)> {
        let overall = middle(&self.all)?;
        let mut spread = 0.0;
        let mut values = Vec::with_capacity(personas.len());
        for (persona, own) in personas.iter().zip(&self.by_persona) {
            let own = middle(own)?;
            let percentile = place(&self.all, own);
            spread += persona.share * (percentile - 0.5).powi(2);
            values.push(ComparedValue { percentile, value: wording.value(&definition.name, own) });
        }
        let feature = ComparedFeature {
            name: wording.phrase(&definition.name),
            category: definition.category.to_string(),
            overall_value: wording.value(&definition.name, overall),
            values,
        };
        Some((spread, feature))
    }
}

/// Returns the middle of sorted values, the lower one of two.
fn middle(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

/// Returns where a value stands among sorted ones: 0 lowest, 1 highest, ties in their middle.
fn place(sorted: &[f64], value: f64) -> f64 {
    let below = sorted.partition_point(|other| other.total_cmp(&value) == Ordering::Less);
    let up_to = sorted.partition_point(|other| other.total_cmp(&value) != Ordering::Greater);
    let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    part(n(below + up_to), n(2 * sorted.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_among_ties_is_their_middle() {
        let sorted = [0.0, 0.0, 1.0, 2.0];
        for (value, expected) in [(0.0, 0.25), (1.0, 0.625), (2.0, 0.875), (-1.0, 0.0), (9.0, 1.0)] {
            assert!((place(&sorted, value) - expected).abs() < 1e-12, "{value}");
        }
        assert_eq!(middle(&sorted), Some(0.0));
        assert_eq!(middle(&[]), None);
    }
}
