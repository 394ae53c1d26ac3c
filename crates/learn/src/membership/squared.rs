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
    set_differences(row, components, 0, scratch);
    dispatch!(Level::new(), _ => solve(components, row.len(), scratch));
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
        let first = column / N_LANES;
        set_differences(row, components, first, scratch);
        dispatch!(Level::new(), _ => solve_from(components, (first, &known.sums), scratch));
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
        set_differences(row, components, 0, values);
        sums.resize_with(components.len(), Vec::new);
        sums.iter_mut().for_each(Vec::clear);
        dispatch!(Level::new(), _ => solve_noting(components, row.len(), values, sums));
    }
}

/// Fills in the differences from each component's centre, from a panel on; divided by its widths where
/// they are those of columns.
fn set_differences(row: &[f32], components: &[Component], first: usize, values: &mut [Lanes]) {
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
}

/// Replaces differences by the solutions of all covariances.
#[inline(always)]
fn solve(components: &[Component], n_columns: usize, values: &mut [Lanes]) {
    let n_each = values.len() / components.len().max(1);
    for panel in 0..n_columns.div_ceil(N_LANES) {
        for (values, component) in values.chunks_exact_mut(n_each).zip(components) {
            if let Width::Full(cholesky) = &component.width {
                cholesky.half_solve_panel(panel, values);
            }
        }
    }
}

/// As [`solve`], from a panel on, with the sums up to it.
#[inline(always)]
fn solve_from(components: &[Component], (first, sums): (usize, &[Vec<Lanes>]), values: &mut [Lanes]) {
    let n_each = values.len() / components.len().max(1);
    for panel in first..n_each {
        for ((values, component), sums) in values.chunks_exact_mut(n_each).zip(components).zip(sums) {
            if let Width::Full(cholesky) = &component.width {
                // Those of a panel stand behind those of the panels before, of which each has one more.
                let known = sums[panel * (panel + 1) / 2 + first];
                cholesky.half_solve_panel_from((first, known), panel, values);
            }
        }
    }
}

/// As [`solve`], and notes the sums.
#[inline(always)]
fn solve_noting(components: &[Component], n_columns: usize, values: &mut [Lanes], sums: &mut [Vec<Lanes>]) {
    let n_each = values.len() / components.len().max(1);
    for panel in 0..n_columns.div_ceil(N_LANES) {
        for ((values, component), sums) in values.chunks_exact_mut(n_each).zip(components).zip(sums.iter_mut()) {
            if let Width::Full(cholesky) = &component.width {
                cholesky.half_solve_panel_noting(panel, values, sums);
            }
        }
    }
}

fn add_up(row: &[f32], values: &[Lanes], squared: &mut [f64]) {
    for (squared, values) in squared.iter_mut().zip(values.chunks_exact(n_panels(row))) {
        *squared = values.as_flattened()[..row.len()].iter().map(|value| value * value).sum();
    }
}
