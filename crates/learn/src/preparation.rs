//! From columns as they come to a matrix in which every column has one vote in a squared distance.
//!
//! A column is taken apart into *parts*, each scaled to a spread of 1, and its vote divided among
//! them:
//!
//! | column | parts | vote |
//! |---|---|---|
//! | a number | its value, robustly scaled ([`RobustScaler`](crate::RobustScaler)) | 1 |
//! | a number with two values | its value | 2/π |
//! | a number that is 0 in more than half of what is known | *whether* it is not 0; *how much*, among those where it is not | 1/π and 1/2 |
//! | the same, with fewer than `N_AMOUNTS_MIN` others or all of them alike | *whether* | 2/π |
//! | a category | one part for each level, in proportion to its variance | 2/π in all |
//! | missing now and then, if asked for | *whether it is missing*, beside the above | 1/π |
//!
//! Why 2/π: a cut along a yes or no takes away all of its variance, where a cut through the middle of
//! a normal column takes 2/π of it. With these votes no kind of column is more tempting to cut along
//! than another, however many levels it has.
//!
//! What a part has no value for (nothing is known; how much, where there is nothing) is 0 after
//! scaling: the median, or the mean of a yes or no. It pulls in no direction and is never a raw 0.
//!
//! Parts that say the same share their votes, and everything is clipped, so no single value weighs
//! more than `clip` robust standard deviations. A part depends on its own column only, so a fitted
//! preparation can be applied row by row, and to any other rows.

use std::f64::consts::FRAC_2_PI;

use rayon::prelude::{
    IndexedParallelIterator, IntoParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut,
};

use crate::error::LearnError;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::scale::{ColumnScaling, Spread, require_scalable, rows_for_correlation, shared_votes};
use crate::state::{State, StateReader, StateWriter, invalid, require};

/// Values other than 0 below which their size says little: quartiles of fewer move by a fifth of
/// their distance when one value changes.
const N_AMOUNTS_MIN: usize = 20;
/// Share of the rows, to either side, that must differ in whether a value is missing.
const MISSING_SHARE_MIN: f64 = 0.05;
/// The least rows a thread takes at a time: below, handing them over costs more than scaling them.
const CHUNK_N_ROWS: usize = 1024;

/// What a column of the raw matrix holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// A number.
    Number,
    /// A category: its levels are 0 to `n_levels − 1`. Any other number is a level without a part; the
    /// square of its distance to the others is half of theirs to each other.
    Category {
        /// Number of levels that have a name.
        n_levels: usize,
    },
}

/// What missing values are taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// The typical value: that something is missing says nothing.
    Typical,
    /// The typical value, and a part of its own says where something is missing, if at least 5 % and
    /// at most 95 % are.
    Told,
}

/// What the caller chooses about preparation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PreparationParams {
    /// Scaled values beyond this many robust standard deviations are drawn in to it (3, say).
    pub clip: f32,
    /// What missing values are taken for.
    pub missing: Missing,
}

/// A fitted preparation: the parts that columns are taken apart into, and how each is scaled.
///
/// ```
/// use throng_learn::{ColumnKind, Matrix, Missing, PreparationParams};
///
/// // A number, and a category of two levels.
/// let raw = Matrix::new(2, vec![1.0, 0.0, 2.0, 1.0, 3.0, 1.0, 4.0, 0.0, f32::NAN, 1.0])?;
/// let params = PreparationParams { clip: 3.0, missing: Missing::Typical };
/// let preparation = params.fit(&raw, &[ColumnKind::Number, ColumnKind::Category { n_levels: 2 }])?;
/// let prepared = preparation.transform(&raw)?;
/// assert_eq!(prepared.n_columns(), 3);
/// assert_eq!(prepared.row(4)[0], 0.0);
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Preparation {
    clip: f32,
    n_columns: usize,
    parts: Vec<Part>,
    dropped: Vec<DroppedColumn>,
}

/// One column of the prepared matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Position of the column it is made from.
    pub column: usize,
    /// What it says about that column.
    pub kind: PartKind,
    /// How it is scaled and weighed; `shares_with` is the position of another part.
    pub scaling: ColumnScaling,
}

/// What a part says about its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartKind {
    /// The number itself.
    Value,
    /// Whether the number is not 0.
    Whether,
    /// The number where it is not 0.
    Amount,
    /// Whether the category has this level.
    Level(usize),
    /// Whether nothing is known.
    Missing,
}

/// A column that has no part, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DroppedColumn {
    /// Its position.
    pub column: usize,
    /// Why it says nothing.
    pub reason: DropReason,
}

/// Why a column says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// Nothing is known of it.
    Unknown,
    /// All that is known is the same.
    Constant,
}

impl PreparationParams {
    /// Fits the preparation to the columns of `matrix`, in which NaN means missing.
    ///
    /// [`LearnError::NoColumns`] if every column is dropped.
    pub fn fit(&self, matrix: &Matrix, kinds: &[ColumnKind]) -> Result<Preparation, LearnError> {
        require_scalable(matrix, self.clip)?;
        let n_columns = matrix.n_columns();
        if kinds.len() != n_columns {
            let (expected, found) = (n_columns, kinds.len());
            return Err(LearnError::ShapeMismatch { what: "the list of column kinds", expected, found });
        }
        let found: Vec<Vec<Part>> = (0..n_columns)
            .into_par_iter()
            .map(|column| {
                let raw: Vec<f64> = matrix.rows().map(|row| f64::from(row[column])).collect();
                let mut parts = match kinds[column] {
                    ColumnKind::Number => parts_of_number(&raw, column),
                    ColumnKind::Category { n_levels } => parts_of_category(&raw, column, n_levels),
                };
                if self.missing == Missing::Told {
                    parts.extend(part_of_missing(&raw, column));
                }
                parts
            })
            .collect();
        let mut dropped = Vec::new();
        for column in (0..n_columns).filter(|column| found[*column].is_empty()) {
            let known = matrix.rows().any(|row| !row[column].is_nan());
            let reason = if known { DropReason::Constant } else { DropReason::Unknown };
            dropped.push(DroppedColumn { column, reason });
        }
        if dropped.len() == n_columns {
            return Err(LearnError::NoColumns);
        }
        let parts = found.into_iter().flatten().collect();
        let mut preparation = Preparation { clip: self.clip, n_columns, parts, dropped };
        preparation.share_votes(matrix);
        Ok(preparation)
    }
}

impl Preparation {
    /// Returns the parts, in the order of the prepared matrix's columns.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Returns the columns that have no part.
    #[must_use]
    pub fn dropped(&self) -> &[DroppedColumn] {
        &self.dropped
    }

    /// Returns each raw column's vote: the sum of its parts', 0 of a dropped one.
    #[must_use]
    pub fn votes(&self) -> Vec<f64> {
        let mut votes = vec![0.0; self.n_columns];
        for part in &self.parts {
            votes[part.column] += part.vote();
        }
        votes
    }

    /// Returns the preparation with each raw column's vote multiplied by its factor.
    pub fn reweighted(mut self, factors: &[f64]) -> Result<Preparation, LearnError> {
        if factors.len() != self.n_columns {
            let (expected, found) = (self.n_columns, factors.len());
            return Err(LearnError::ShapeMismatch { what: "the list of factors", expected, found });
        }
        if let Some(&found) = factors.iter().find(|factor| !(factor.is_finite() && **factor >= 0.0)) {
            let (parameter, allowed) = ("factor", "finite and not negative");
            return Err(LearnError::InvalidParameter { parameter, found, allowed });
        }
        for part in &mut self.parts {
            part.scaling.weight *= factors[part.column].sqrt();
        }
        Ok(self)
    }

    /// Returns the prepared matrix, one column for each part; it has no missing values.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        matrix.require_columns(self.n_columns)?;
        let mut values = vec![0.0; matrix.n_rows() * self.parts.len()];
        values
            .par_chunks_mut(self.parts.len())
            .zip(matrix.values().par_chunks(self.n_columns))
            .with_min_len(CHUNK_N_ROWS)
            .for_each(|(prepared, row)| self.prepare(row, prepared));
        Matrix::new(self.parts.len(), values)
    }

    /// Returns one prepared row, the same as in a matrix.
    pub fn transform_row(&self, row: &[f32]) -> Result<Vec<f32>, LearnError> {
        let mut prepared = vec![0.0; self.parts.len()];
        self.transform_row_into(row, &mut prepared)?;
        Ok(prepared)
    }

    /// Writes one prepared row, the same as in a matrix, into `prepared`: a value for each part.
    pub fn transform_row_into(&self, row: &[f32], prepared: &mut [f32]) -> Result<(), LearnError> {
        for (expected, found) in [(self.n_columns, row.len()), (self.parts.len(), prepared.len())] {
            if expected != found {
                return Err(LearnError::ShapeMismatch { what: "the row", expected, found });
            }
        }
        self.prepare(row, prepared);
        Ok(())
    }

    fn prepare(&self, row: &[f32], prepared: &mut [f32]) {
        for (value, part) in prepared.iter_mut().zip(&self.parts) {
            let scaled = part.scaling.scale(part.kind.of(f64::from(row[part.column])), self.clip);
            *value = single(scaled * part.scaling.weight);
        }
    }

    /// Lowers the votes of parts that say the same.
    fn share_votes(&mut self, matrix: &Matrix) {
        let (clip, parts) = (self.clip, &self.parts);
        let scaled: Vec<Vec<f64>> = parts
            .into_par_iter()
            .map(|part| {
                let values = rows_for_correlation(matrix).map(|row| part.kind.of(f64::from(row[part.column])));
                values.map(|value| part.scaling.scale(value, clip)).collect()
            })
            .collect();
        let sources: Vec<usize> = parts.iter().map(|part| part.column).collect();
        for (part, shared) in self.parts.iter_mut().zip(shared_votes(&scaled, &sources)) {
            part.scaling.weight *= shared.vote.sqrt();
            part.scaling.shares_with = shared.with;
        }
    }
}

impl Part {
    /// Returns what the part counts in a squared distance.
    #[must_use]
    pub fn vote(&self) -> f64 {
        self.scaling.weight.powi(2)
    }

    /// Returns the part with a vote, unless it is constant.
    fn voting(column: usize, kind: PartKind, scaling: ColumnScaling, vote: f64) -> Option<Part> {
        if scaling.spread_kind == Spread::Constant {
            return None;
        }
        Some(Part { column, kind, scaling: ColumnScaling { weight: vote.sqrt(), ..scaling } })
    }
}

impl PartKind {
    /// Returns the part's raw value for a column's; NaN if it has none.
    fn of(self, value: f64) -> f64 {
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        match self {
            PartKind::Missing => flag(value.is_nan()),
            PartKind::Whether if !value.is_nan() => flag(value.abs() > 0.0),
            PartKind::Level(level) if !value.is_nan() => flag((value - real(level)).abs() < 0.5),
            PartKind::Amount if value.abs() > 0.0 => value,
            PartKind::Value => value,
            PartKind::Whether | PartKind::Level(_) | PartKind::Amount => f64::NAN,
        }
    }
}

fn parts_of_number(raw: &[f64], column: usize) -> Vec<Part> {
    let two_valued = |kind: PartKind, vote: f64| {
        let values = raw.iter().map(|value| kind.of(*value));
        Part::voting(column, kind, ColumnScaling::fit_two_valued(values), vote)
    };
    let robust = |kind: PartKind, vote: f64| {
        let values = raw.iter().map(|value| kind.of(*value));
        Part::voting(column, kind, ColumnScaling::fit(values), vote)
    };
    let known = || raw.iter().copied().filter(|value| !value.is_nan());
    let (low, high) = known().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if known().all(|value| value <= low || value >= high) {
        return two_valued(PartKind::Value, FRAC_2_PI).into_iter().collect();
    }
    let n_amounts = known().filter(|value| value.abs() > 0.0).count();
    if n_amounts * 2 >= known().count() {
        return robust(PartKind::Value, 1.0).into_iter().collect();
    }
    let amount = if n_amounts < N_AMOUNTS_MIN { None } else { robust(PartKind::Amount, 0.5) };
    let whether = two_valued(PartKind::Whether, if amount.is_some() { FRAC_2_PI / 2.0 } else { FRAC_2_PI });
    whether.into_iter().chain(amount).collect()
}

fn parts_of_category(raw: &[f64], column: usize, n_levels: usize) -> Vec<Part> {
    let levels = (0..n_levels).map(PartKind::Level);
    let scalings: Vec<(PartKind, ColumnScaling)> =
        levels.map(|kind| (kind, ColumnScaling::fit_two_valued(raw.iter().map(|value| kind.of(*value))))).collect();
    let variance = |scaling: &ColumnScaling| match scaling.spread_kind {
        Spread::Constant => 0.0,
        Spread::InterquartileRange | Spread::TrimmedDeviation | Spread::Deviation => scaling.spread.powi(2),
    };
    let total: f64 = scalings.iter().map(|(_, scaling)| variance(scaling)).sum();
    let voting = scalings.into_iter().filter_map(|(kind, scaling)| {
        let vote = FRAC_2_PI * variance(&scaling) / total;
        Part::voting(column, kind, scaling, vote)
    });
    voting.collect()
}

fn part_of_missing(raw: &[f64], column: usize) -> Option<Part> {
    let n_missing = raw.iter().filter(|value| value.is_nan()).count();
    let share = real(n_missing) / real(raw.len().max(1));
    if !(MISSING_SHARE_MIN..=1.0 - MISSING_SHARE_MIN).contains(&share) {
        return None;
    }
    let values = raw.iter().map(|value| PartKind::Missing.of(*value));
    Part::voting(column, PartKind::Missing, ColumnScaling::fit_two_valued(values), FRAC_2_PI / 2.0)
}

impl State for PartKind {
    fn write(&self, writer: &mut StateWriter) {
        match self {
            PartKind::Value => writer.byte(0),
            PartKind::Whether => writer.byte(1),
            PartKind::Amount => writer.byte(2),
            PartKind::Missing => writer.byte(3),
            PartKind::Level(level) => {
                writer.byte(4);
                level.write(writer);
            }
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(PartKind::Value),
            1 => Ok(PartKind::Whether),
            2 => Ok(PartKind::Amount),
            3 => Ok(PartKind::Missing),
            4 => Ok(PartKind::Level(usize::read(reader)?)),
            _ => Err(invalid("what a part says")),
        }
    }
}

crate::state_of_variants!(DropReason, "why a column was dropped", {
    0 => DropReason::Unknown,
    1 => DropReason::Constant,
});
crate::state_of_fields!(Part { column, kind, scaling });
crate::state_of_fields!(DroppedColumn { column, reason });
crate::state_of_fields!(Preparation { clip, n_columns, parts, dropped }, |read| {
    let within = |column: usize| column < read.n_columns;
    require(read.clip > 0.0 && !read.parts.is_empty(), "a preparation")?;
    require(read.parts.iter().all(|part| within(part.column)), "the column of a part")?;
    let shares_with = read.parts.iter().filter_map(|part| part.scaling.shares_with);
    require(shares_with.max().is_none_or(|part| part < read.parts.len()), "what a part shares its votes with")?;
    require(read.dropped.iter().all(|dropped| within(dropped.column)), "a column that was dropped")
});
