//! Squared distances of one row from the centres of all components, in their widths.
//!
//! Covariances are solved panel by panel of rows, all components in turn: within one, each value waits
//! for the one before. A row that differs from another in a few columns is solved from the first of them
//! on, with the sums that are known up to it; sums are taken in one order, so the bits are the same.

use fearless_simd::{Level, dispatch};

use crate::membership::cholesky::{Lanes, N_LANES};
use crate::membership::mixture::{Component, Width};

/// What was computed of one row, for others that differ from it in a few columns.
#[derive(Debug, Clone, Default)]
pub(super) struct SolvedRow {
    pub(super) row: Vec<f32>,
    /// For each component its panels of differences from the centre, in widths.
    values: Vec<Lanes>,
    /// For each covariance, for each panel of rows, the sums before each panel of columns.
    sums: Vec<Vec<Lanes>>,
}

/// Returns the number of panels that a row takes; a row of nothing has one, too, which is not looked at.
fn n_panels(row: &[f32]) -> usize {
    row.len().div_ceil(N_LANES).max(1)
}

/// Writes the squared distances. `scratch` is space of any length.
pub(super) fn squared_of_all(row: &[f32], components: &[Component], scratch: &mut Vec<Lanes>, squared: &mut [f64]) {
    scratch.clear();
    scratch.resize(components.len() * n_panels(row), [0.0; N_LANES]);
    solve(row, components, (0, &[]), scratch);
    add_up(row, scratch, squared);
}

/// Writes the same of a row of as many columns as that which was solved.
pub(super) fn squared_beside(
    row: &[f32],
    components: &[Component],
    known: &SolvedRow,
    (scratch, squared): (&mut Vec<Lanes>, &mut [f64]),
) {
    scratch.clear();
    scratch.extend_from_slice(&known.values);
    let differs = |(value, known): (&f32, &f32)| value.to_bits() != known.to_bits();
    if let Some(column) = row.iter().zip(&known.row).position(differs) {
        solve(row, components, (column / N_LANES, &known.sums), scratch);
    }
    add_up(row, scratch, squared);
}

impl SolvedRow {
    /// Computes what others need of a row.
    pub(super) fn fill(&mut self, row: &[f32], components: &[Component]) {
        let Self { row: own, values, sums } = self;
        own.clear();
        own.extend_from_slice(row);
        values.clear();
        values.resize(components.len() * n_panels(row), [0.0; N_LANES]);
        solve(row, components, (0, &[]), values);
        sums.resize_with(components.len(), Vec::new);
        for ((component, values), sums) in components.iter().zip(values.chunks_exact(n_panels(row))).zip(sums) {
            sums.clear();
            if let Width::Full(cholesky) = &component.width {
                cholesky.append_sums(values, sums);
            }
        }
    }
}

/// Replaces the values of each component from a panel on, for which the sums up to it are known.
fn solve(row: &[f32], components: &[Component], (first, sums): (usize, &[Vec<Lanes>]), values: &mut [Lanes]) {
    let changed = first * N_LANES..row.len();
    for (values, component) in values.chunks_exact_mut(n_panels(row)).zip(components) {
        let values = &mut values.as_flattened_mut()[changed.clone()];
        let centre = &component.centre[changed.clone()];
        for ((difference, value), centre) in values.iter_mut().zip(&row[changed.clone()]).zip(centre) {
            *difference = f64::from(*value) - centre;
        }
        if let Width::Columns(inverses) = &component.width {
            let inverses = &inverses[changed.clone()];
            values.iter_mut().zip(inverses).for_each(|(difference, inverse)| *difference *= inverse);
        }
    }
    if !row.is_empty() {
        dispatch!(Level::new(), _ => half_solve_all(n_panels(row), components, (first, sums), values));
    }
}

#[inline(always)]
fn half_solve_all(
    n_panels: usize,
    components: &[Component],
    (first, sums): (usize, &[Vec<Lanes>]),
    values: &mut [Lanes],
) {
    for panel in first..n_panels {
        for (component_idx, (values, component)) in values.chunks_exact_mut(n_panels).zip(components).enumerate() {
            let Width::Full(cholesky) = &component.width else { continue };
            match sums.get(component_idx) {
                // Those of a panel stand behind those of the panels before, of which each has one more.
                Some(sums) => {
                    let known = sums[panel * (panel + 1) / 2 + first];
                    cholesky.half_solve_panel_from((first, known), panel, values);
                }
                None => cholesky.half_solve_panel(panel, values),
            }
        }
    }
}

fn add_up(row: &[f32], values: &[Lanes], squared: &mut [f64]) {
    for (squared, values) in squared.iter_mut().zip(values.chunks_exact(n_panels(row))) {
        *squared = values.as_flattened()[..row.len()].iter().map(|value| value * value).sum();
    }
}
