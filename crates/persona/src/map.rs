//! The map: where customers lie beside each other, in two dimensions.
//!
//! The plane is that of the two leading principal components of the customers' places in the space in
//! which personas are told apart, so that what is near on the map is near there as far as two dimensions can
//! show it; how far that is, is said. It is linear: no gap on it that is not in the data, and whoever comes
//! later has a place on the same map.

use std::num::NonZeroUsize;

use throng_learn::{Matrix, PartKind, Projection};

use crate::columns::scaled_matrix;
use crate::discovery::attempted;
use crate::number::real_count;
use crate::{Model, PersonaError, Population};

/// Customers that the plane is laid through at most: beyond, it hardly turns.
const N_FITTED_MAX: usize = 50_000;
/// Features that are named along an axis at most, and how closely they have to go with it.
const N_NAMED_MAX: usize = 4;
const CORRELATION_MIN: f64 = 0.3;
/// Of so many customers one may lie beyond an end of the map, and is drawn at its edge.
const N_FOR_ONE_BEYOND: usize = 500;

/// A plane that customers are drawn on.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// To the right, and upwards.
    pub axes: [MapAxis; 2],
    plane: Projection,
}

/// One direction of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct MapAxis {
    /// The share it has in how customers differ, by the distances that make personas.
    pub share: f64,
    /// Where the map begins and ends; a few customers lie beyond.
    pub low: f64,
    /// See `low`.
    pub high: f64,
    /// What grows along it, the closest first.
    pub features: Vec<AlongAxis>,
}

/// How a feature goes with an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct AlongAxis {
    /// The feature's name.
    pub feature: String,
    /// For a category, which value of it.
    pub level: Option<String>,
    /// Pearson's correlation between the feature as it was prepared and the place along the axis.
    pub correlation: f64,
}

impl Map {
    /// Lays a plane through customers; `None` where there are none.
    ///
    /// # Errors
    /// As [`Model::points`].
    pub fn of(model: &Model, population: &Population) -> Result<Option<Map>, PersonaError> {
        let all = attempted("scale the features", scaled_matrix(&model.columns, &model.scaler, population))?;
        if all.n_rows() == 0 {
            return Ok(None);
        }
        // Every so many of them: they are in the order of their ids, which say nothing.
        let step = all.n_rows().div_ceil(N_FITTED_MAX);
        let scaled = all.take(&(0..all.n_rows()).step_by(step).collect::<Vec<_>>());
        let points = attempted("draw a map", model.projection.transform(&scaled))?;
        let two = NonZeroUsize::MIN.saturating_add(1);
        let (plane, shares) = attempted("draw a map", Projection::principal(&points, two))?;
        let drawn = attempted("draw a map", plane.transform(&points))?;
        let axis = |axis_idx: usize| {
            let places = if axis_idx < drawn.n_columns() { drawn.column(axis_idx) } else { vec![0.0; drawn.n_rows()] };
            let (low, high) = ends(&places);
            let share = shares.get(axis_idx).copied().unwrap_or(0.0);
            MapAxis { share, low, high, features: along(model, &scaled, &places) }
        };
        Ok(Some(Map { axes: [axis(0), axis(1)], plane }))
    }

    /// Returns where the profiles of a population lie, in their order.
    ///
    /// # Errors
    /// As [`Model::points`].
    pub fn places(&self, model: &Model, population: &Population) -> Result<Vec<[f32; 2]>, PersonaError> {
        let points = model.points(population)?;
        let drawn = attempted("draw a map", self.plane.transform(&points))?;
        Ok(drawn.rows().map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect())
    }
}

/// Returns where an axis begins and ends, all but a few places between.
fn ends(places: &[f32]) -> (f64, f64) {
    let mut sorted = places.to_vec();
    sorted.sort_by(f32::total_cmp);
    let n_beyond = sorted.len() / N_FOR_ONE_BEYOND;
    let (low, high) = (f64::from(sorted[n_beyond]), f64::from(sorted[sorted.len() - 1 - n_beyond]));
    // A map of customers who are all the same has a width all the same.
    if low < high { (low, high) } else { (low - 0.5, low + 0.5) }
}

/// Returns what grows along an axis.
fn along(model: &Model, scaled: &Matrix, places: &[f32]) -> Vec<AlongAxis> {
    let mut found: Vec<AlongAxis> = Vec::new();
    for (part_idx, part) in model.scaler.parts().iter().enumerate() {
        let column = &model.columns[part.column];
        let level = match part.kind {
            PartKind::Missing => continue,
            PartKind::Level(level) => match column.levels.get(level) {
                Some(level) => Some(level.clone()),
                None => continue,
            },
            PartKind::Value | PartKind::Whether | PartKind::Amount => None,
        };
        let correlation = correlation(&scaled.column(part_idx), places);
        if correlation.abs() < CORRELATION_MIN {
            continue;
        }
        let known = found.iter_mut().find(|along| along.feature == column.feature && along.level == level);
        match known {
            Some(along) if along.correlation.abs() < correlation.abs() => along.correlation = correlation,
            Some(_) => {}
            None => found.push(AlongAxis { feature: column.feature.clone(), level, correlation }),
        }
    }
    found.sort_by(|a, b| b.correlation.abs().total_cmp(&a.correlation.abs()));
    found.truncate(N_NAMED_MAX);
    found
}

/// Returns Pearson's correlation; 0 where one of the two does not vary.
fn correlation(first: &[f32], second: &[f32]) -> f64 {
    let mean = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>() / real_count(values.len());
    let means = (mean(first), mean(second));
    let (mut both, mut of_first, mut of_second) = (0.0, 0.0, 0.0);
    for (a, b) in first.iter().zip(second) {
        let away = (f64::from(*a) - means.0, f64::from(*b) - means.1);
        both += away.0 * away.1;
        of_first += away.0 * away.0;
        of_second += away.1 * away.1;
    }
    let scale = (of_first * of_second).sqrt();
    if scale > 0.0 { both / scale } else { 0.0 }
}
