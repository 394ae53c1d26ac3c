//! Parting rows at valleys: the groups that are separate kinds, if there are any.
//!
//! Two groups are separate when there is a direction along which fewer rows lie between them than in
//! the middle of either (see `valley.rs`). The rows are parted in two at the surest such valley, each
//! part again, until no part holds one: minimum-density hyperplanes (Pavlidis, Hofmeyr and Tasoulis
//! 2016), sought in more directions and tested.
//!
//! The test is honest about the search. The rows of a part are halved at random; a direction and a
//! valley are sought on either half and counted on the other, so that no amount of searching makes a
//! valley where there is none. Then the same search and test is run on references with the part's
//! columns and correlations but without groups (`reference.rs`): a lumpy column, of small counts say,
//! has valleys of its own, and they are no news.

mod direction;

use rand::seq::SliceRandom;
use rayon::prelude::{IntoParallelIterator, ParallelIterator};

use crate::error::LearnError;
use crate::linear::projected;
use crate::matrix::Matrix;
use crate::number::real;
use crate::parting::direction::{Border, best_border, surest};
use crate::random::{derived_seed, generator, sampled_rows};
use crate::reference::Reference;
use crate::valley::Counts;

/// Size of the test of a valley on unseen rows.
pub(crate) const VALLEY_P_MAX: f64 = 0.05;
/// Fewest rows of a side, however small the share asked for: fewer could not pass the test.
const N_SIDE_MIN: usize = 10;
/// Rows below which a border is sought on most of them at a time, in turn; above, half are enough.
const N_ROWS_HALVED_MIN: usize = 3000;
const N_FOLDS_SMALL: usize = 4;

/// What the caller chooses about parting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PartingParams {
    pub(crate) n_groups_max: usize,
    /// Least share of all rows in a group.
    pub(crate) share_min: f64,
    /// Number of references a valley is held against; 0 for rows whose number of groups is known
    /// already, as that of resamples: the surest borders are drawn then, whether or not they would pass
    /// among fewer rows.
    pub(crate) n_references: usize,
    pub(crate) n_rows_reference_max: usize,
    pub(crate) seed: u64,
}

/// The test of a border between two groups.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BorderTest {
    /// Density at the border as a share of that in the middle of the sparser group, counted on rows
    /// that the border was not sought on.
    pub depth: f64,
    /// How probable so few rows at the border are if it were half as dense.
    pub p_value: f64,
    /// Share of the references, the rows counted among them, with a border at least half as sure (in
    /// logarithms of the p-value); `None` where it was
    /// not asked, as the test on unseen rows has the answer: no border, or a part of the rows whose
    /// columns do not repeat values.
    pub p_value_reference: Option<f64>,
}

impl BorderTest {
    fn passes(&self) -> bool {
        self.p_value <= VALLEY_P_MAX && self.p_value_reference.is_none_or(|p_value| p_value <= VALLEY_P_MAX)
    }

    pub(crate) const NONE: BorderTest = BorderTest { depth: 1.0, p_value: 1.0, p_value_reference: None };
}

/// Rows parted into groups.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parting {
    pub(crate) labels: Vec<usize>,
    pub(crate) n_groups: usize,
    /// The tests of the borders between them in the order they were drawn.
    pub(crate) borders: Vec<BorderTest>,
    /// The surest border that was not drawn.
    pub(crate) next: BorderTest,
}

/// A part of the rows, and what is known of the border through it.
struct Part {
    row_idxs: Vec<usize>,
    /// Directions along which there may be a border to be drawn; none where there is none.
    directions: Vec<Vec<f64>>,
    test: BorderTest,
}

impl PartingParams {
    /// Parts the rows of `matrix`, whose columns are of like spread and which has no far outliers.
    pub(crate) fn fit(&self, matrix: &Matrix) -> Result<Parting, LearnError> {
        let n_side_min = self.n_side_min(matrix.n_rows());
        let mut stream = 0;
        let mut examine = |row_idxs: Vec<usize>, scope: Scope| {
            stream += 1;
            self.examine(matrix, row_idxs, (n_side_min, scope), derived_seed(self.seed, stream))
        };
        let mut parts = vec![examine((0..matrix.n_rows()).collect(), Scope::Everything)?];
        let mut borders = Vec::new();
        while parts.len() < self.n_groups_max {
            let Some(at) = surest_part(&parts) else { break };
            let part = parts.swap_remove(at);
            let rows = matrix.take(&part.row_idxs);
            let Some(border) = surest(&rows, &part.directions, n_side_min) else {
                parts.push(Part { directions: Vec::new(), ..part });
                continue;
            };
            borders.push(part.test);
            let enough = self.is_known() && parts.len() + 2 == self.n_groups_max;
            for row_idxs in sides(&border, &rows, &part.row_idxs) {
                parts.push(if enough {
                    Part { row_idxs, directions: Vec::new(), test: BorderTest::NONE }
                } else {
                    examine(row_idxs, Scope::Part)?
                });
            }
        }
        let mut labels = vec![0; matrix.n_rows()];
        for (label, part) in parts.iter().enumerate() {
            for &row_idx in &part.row_idxs {
                labels[row_idx] = label;
            }
        }
        let tests = parts.iter().map(|part| part.test);
        let next = tests.min_by(|a, b| a.p_value.total_cmp(&b.p_value)).unwrap_or(BorderTest::NONE);
        Ok(Parting { labels, n_groups: parts.len(), borders, next })
    }

    /// Whether the number of groups is known already.
    fn is_known(&self) -> bool {
        self.n_references == 0
    }

    fn n_side_min(&self, n_rows: usize) -> usize {
        crate::number::position((self.share_min * real(n_rows)).ceil(), n_rows).max(N_SIDE_MIN)
    }

    fn examine(
        &self,
        matrix: &Matrix,
        row_idxs: Vec<usize>,
        (n_side_min, scope): (usize, Scope),
        seed: u64,
    ) -> Result<Part, LearnError> {
        let none = |row_idxs, test| Ok(Part { row_idxs, directions: Vec::new(), test });
        if row_idxs.len() < 2 * n_side_min {
            return none(row_idxs, BorderTest::NONE);
        }
        let rows = matrix.take(&row_idxs);
        let n_folds = if rows.n_rows() < N_ROWS_HALVED_MIN && !self.is_known() { N_FOLDS_SMALL } else { 2 };
        let (counts, directions) = cross_counts(&rows, n_folds, n_side_min, seed)?;
        let mut test = BorderTest { depth: counts.depth(), p_value: counts.p_value(), p_value_reference: None };
        if self.is_known() {
            return Ok(Part { row_idxs, directions, test });
        }
        if test.p_value <= VALLEY_P_MAX && (scope == Scope::Everything || has_repeats(&rows)) {
            test.p_value_reference = Some(self.p_value_reference(&rows, n_side_min, seed)?);
        }
        if test.passes() { Ok(Part { row_idxs, directions, test }) } else { none(row_idxs, test) }
    }

    /// Returns the share of references with a valley as sure as that of as many of the rows.
    fn p_value_reference(&self, rows: &Matrix, n_side_min: usize, seed: u64) -> Result<f64, LearnError> {
        let taken = sampled_rows(rows.n_rows(), self.n_rows_reference_max, derived_seed(seed, 5));
        let sample = rows.take(&taken);
        let share = real(sample.n_rows()) / real(rows.n_rows());
        let n_side = crate::number::position(share * real(n_side_min), sample.n_rows()).max(N_SIDE_MIN);
        let own = cross_counts(&sample, 2, n_side, derived_seed(seed, 6))?.0.p_value();
        let reference = Reference::fit(&sample, derived_seed(seed, 7))?;
        let mut n_as_sure = 1;
        for idx in 0..self.n_references {
            let stream = u64::try_from(idx).unwrap_or(u64::MAX);
            let drawn = reference.draw(&mut generator(derived_seed(seed, 8), stream))?;
            let found = cross_counts(&drawn, 2, n_side, derived_seed(seed, 100 + stream))?.0.p_value();
            // Half as sure counts already: in lumpy columns all are sure, and the surest of twenty is chance.
            n_as_sure += usize::from(found <= own.sqrt());
            // Certain already: more references can only add to the count.
            if real(n_as_sure) > VALLEY_P_MAX * real(self.n_references + 1) {
                break;
            }
        }
        Ok(real(n_as_sure) / real(self.n_references + 1))
    }
}

/// Whether all rows are examined or a part of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Everything,
    Part,
}

/// Returns the rows on either side of a border.
fn sides(border: &Border, rows: &Matrix, row_idxs: &[usize]) -> [Vec<usize>; 2] {
    let sides = border.sides(rows);
    [0, 1].map(|wanted| {
        let pairs = row_idxs.iter().zip(&sides);
        pairs.filter(|(_, side)| **side == Some(wanted)).map(|(&row_idx, _)| row_idx).collect()
    })
}

fn surest_part(parts: &[Part]) -> Option<usize> {
    let mut best: Option<usize> = None;
    for (idx, part) in parts.iter().enumerate() {
        if !part.directions.is_empty() && best.is_none_or(|best| part.test.p_value < parts[best].test.p_value) {
            best = Some(idx);
        }
    }
    best
}

/// Returns what is counted on each fold in the valley found on the others, together, and the
/// directions.
fn cross_counts(
    rows: &Matrix,
    n_folds: usize,
    n_side_min: usize,
    seed: u64,
) -> Result<(Counts, Vec<Vec<f64>>), LearnError> {
    let n_rows = rows.n_rows();
    let mut order: Vec<usize> = (0..n_rows).collect();
    order.shuffle(&mut generator(seed, 1));
    let n_side_seen = (n_side_min * (n_folds - 1) / n_folds).max(1);
    let examined = |fold: usize| -> Result<Option<(Counts, Vec<f64>)>, LearnError> {
        let unseen = fold * n_rows / n_folds..(fold + 1) * n_rows / n_folds;
        let seen: Vec<usize> = order[..unseen.start].iter().chain(&order[unseen.end..]).copied().collect();
        let stream = u64::try_from(2 + fold).unwrap_or(u64::MAX);
        let border = best_border(&rows.take(&seen), n_side_seen, derived_seed(seed, stream))?;
        Ok(border.map(|border| {
            let values = projected(&rows.take(&order[unseen]), &border.direction);
            (border.valley.counts(&values), border.direction)
        }))
    };
    // Put together in the order of the folds, whichever thread is done first.
    let folds: Vec<Option<(Counts, Vec<f64>)>> =
        (0..n_folds).into_par_iter().map(examined).collect::<Result<_, LearnError>>()?;
    let mut total = Counts::default();
    let mut directions = Vec::new();
    for (counts, direction) in folds.into_iter().flatten() {
        total = total.add(counts);
        directions.push(direction);
    }
    Ok((total, directions))
}

/// Whether some column repeats values, as counts do.
fn has_repeats(rows: &Matrix) -> bool {
    (0..rows.n_columns()).any(|column_idx| {
        let mut column = rows.column(column_idx);
        column.sort_by(f32::total_cmp);
        let n_same = column.windows(2).filter(|pair| pair[0].total_cmp(&pair[1]).is_eq()).count();
        // Half of a column's values being another's too is no accident of rounding.
        2 * n_same > column.len()
    })
}
