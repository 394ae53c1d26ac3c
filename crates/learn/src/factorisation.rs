//! Non-negative factorisation: every row as a sum of a few non-negative components, so that a mix
//! of events reads as "so much of this habit, so much of that" (Lee and Seung 1999, 2001).
//!
//! `X ≈ W·H` in least squares, by hierarchical alternating least squares (Cichocki and Phan 2009):
//! one component at a time has a closed form, and the rows of `W` do not depend on each other. The
//! start is the non-negative double singular value decomposition (Boutsidis and Gallopoulos 2008)
//! with zeros filled by a trace of the mean, so nothing is drawn by chance. Components are scaled
//! to add up to 1: a row's loadings then add up to about the row's own total, and its memberships
//! are its loadings over their sum.
//!
//! Rows pass in fixed chunks whose sums are combined in order: the bytes of the answer do not
//! depend on the number of threads. Beside the matrix only the loadings are kept in memory.

mod start;

use rayon::prelude::{IndexedParallelIterator, ParallelIterator, ParallelSlice, ParallelSliceMut};

use crate::clustering::check::{require_not_negative, require_positive, require_rows};
use crate::clustering::chunks::{CHUNK_N_ROWS, GROUP_N_CHUNKS, add_all, map_chunks, sum_chunks};
use crate::error::LearnError;
use crate::factorisation::start::first_components;
use crate::matrix::Matrix;
use crate::number::{real, single};
use crate::state::{State, StateReader, StateWriter, require};

/// Sweeps over a row's loadings in one step of the fit: they need not be exact while the components
/// still move.
const FIT_N_SWEEPS: usize = 4;
/// Sweeps over a row's loadings against components at rest.
const TRANSFORM_N_SWEEPS_MAX: usize = 500;
/// Change of a loading, relative to the greatest of its row, at which it rests.
const LOADING_TOLERANCE: f64 = 1e-9;
/// Least value of a component while its length is about 1: one that has become 0 throughout could
/// never come back.
const TRACE: f64 = 1e-12;
/// Most columns: the start turns each pair of them, and keeps their products.
const N_COLUMNS_MAX: usize = 1024;

/// What the caller chooses about a factorisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactorisationParams {
    /// Number of components, at least 1 and at most the number of columns and of rows.
    pub n_components: usize,
    /// Number of steps after which the fit stops even if it still gains, at least 1.
    pub n_iter_max: usize,
    /// Gain of a step, relative to the error so far, below which the fit has converged (1e-5, say).
    pub tolerance: f64,
}

/// A fitted factorisation. Components are numbered from the one that accounts for most.
///
/// ```
/// use throng_learn::{FactorisationParams, Matrix};
///
/// // Two habits: the first two events, and the third.
/// let counts = Matrix::new(3, vec![2.0, 4.0, 0.0, 3.0, 6.0, 0.0, 0.0, 0.0, 5.0, 1.0, 2.0, 3.0])?;
/// let model = FactorisationParams { n_components: 2, n_iter_max: 500, tolerance: 1e-9 }.fit(&counts)?;
/// assert!((model.components().row(0)[1] - 2.0 / 3.0).abs() < 1e-3);
/// let loadings = model.transform(&Matrix::new(3, vec![3.0, 6.0, 4.0])?)?;
/// assert!((loadings.row(0)[0] - 9.0).abs() < 0.02);
/// assert!((loadings.row(0)[1] - 4.0).abs() < 0.02);
/// assert_eq!(model.labels()[2], Some(1));
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Factorisation {
    components: Matrix,
    solver: Solver,
    labels: Vec<Option<usize>>,
    error: f64,
    n_iter: usize,
}

impl FactorisationParams {
    /// Fits components to the rows of `matrix`, which are finite and not negative.
    pub fn fit(&self, matrix: &Matrix) -> Result<Factorisation, LearnError> {
        require_positive(&[("n_components", self.n_components), ("n_iter_max", self.n_iter_max)])?;
        require_not_negative("tolerance", self.tolerance)?;
        if self.n_components > matrix.n_columns() {
            return Err(LearnError::InvalidParameter {
                parameter: "n_components",
                found: real(self.n_components),
                allowed: "at most the number of columns",
            });
        }
        if matrix.n_columns() > N_COLUMNS_MAX {
            return Err(LearnError::InvalidParameter {
                parameter: "the number of columns",
                found: real(matrix.n_columns()),
                allowed: "at most 1024",
            });
        }
        require_rows("factorise", matrix, self.n_components)?;
        require_no_negative_value(matrix)?;
        if matrix.values().iter().all(|&value| value <= 0.0) {
            return Err(LearnError::InvalidParameter {
                parameter: "matrix",
                found: 0.0,
                allowed: "more than zeros throughout",
            });
        }
        let mut components = first_components(matrix, self.n_components);
        let mut loadings = vec![0.0_f32; matrix.n_rows() * self.n_components];
        let mut former = f64::INFINITY;
        let mut n_iter = 0;
        while n_iter < self.n_iter_max {
            let solver = Solver::new(&components, self.n_components);
            let sums = step(matrix, &solver, &mut loadings);
            n_iter += 1;
            let settled = former - sums.error <= self.tolerance * former && former.is_finite();
            former = sums.error;
            sums.improve(&mut components);
            if settled {
                break;
            }
        }
        Factorisation::from_components(matrix, components, self.n_components, n_iter)
    }
}

impl Factorisation {
    fn from_components(
        matrix: &Matrix,
        mut components: Vec<f64>,
        n_components: usize,
        n_iter: usize,
    ) -> Result<Factorisation, LearnError> {
        let n_columns = matrix.n_columns();
        for component in components.chunks_exact_mut(n_columns) {
            let total: f64 = component.iter().sum();
            for value in component {
                *value /= total;
            }
        }
        let unordered = Solver::new(&components, n_components);
        let totals = unordered.solve_rows(matrix, |loadings, totals: &mut Vec<f64>| totals.extend_from_slice(loadings));
        let accounted = |component: usize| totals.iter().skip(component).step_by(n_components).sum::<f64>();
        let accounted: Vec<f64> = (0..n_components).map(accounted).collect();
        let mut order: Vec<usize> = (0..n_components).collect();
        order.sort_by(|&a, &b| accounted[b].total_cmp(&accounted[a]).then(a.cmp(&b)));
        let rows = order.iter().flat_map(|&component| &components[component * n_columns..(component + 1) * n_columns]);
        // The components are what callers see, so predictions are made of those very values.
        let components = Matrix::new(n_columns, rows.map(|&value| single(value)).collect())?;
        let values: Vec<f64> = components.values().iter().map(|&value| f64::from(value)).collect();
        let mut model = Factorisation {
            solver: Solver::new(&values, n_components),
            components,
            labels: Vec::new(),
            error: 0.0,
            n_iter,
        };
        model.labels = model.predict(matrix)?;
        model.error = model.solver.error(matrix);
        Ok(model)
    }

    /// Returns the components, one row each, whose values add up to 1.
    #[must_use]
    pub fn components(&self) -> &Matrix {
        &self.components
    }

    /// Returns the number of components.
    #[must_use]
    pub fn n_components(&self) -> usize {
        self.components.n_rows()
    }

    /// Returns the component each fitted row has most of; `None` for a row that has nothing.
    #[must_use]
    pub fn labels(&self) -> &[Option<usize>] {
        &self.labels
    }

    /// Returns the sum of the squared differences between the fitted rows and what the components
    /// say of them.
    #[must_use]
    pub fn reconstruction_error(&self) -> f64 {
        self.error
    }

    /// Returns how many steps the fit took.
    #[must_use]
    pub fn n_iter(&self) -> usize {
        self.n_iter
    }

    /// Returns how much of each component each row has: `n_rows` by `n_components`.
    pub fn transform(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        self.check(matrix)?;
        let append = |loadings: &[f64], values: &mut Vec<f32>| values.extend(loadings.iter().map(|&v| single(v)));
        Matrix::new(self.n_components(), self.solver.solve_rows(matrix, append))
    }

    /// Returns the share of each component in each row, `n_rows` by `n_components`, adding up to 1;
    /// 0 throughout for a row that has nothing.
    pub fn predict_proba(&self, matrix: &Matrix) -> Result<Matrix, LearnError> {
        self.check(matrix)?;
        let append = |loadings: &[f64], values: &mut Vec<f32>| {
            let total: f64 = loadings.iter().sum();
            values.extend(loadings.iter().map(|&loading| if total > 0.0 { single(loading / total) } else { 0.0 }));
        };
        Matrix::new(self.n_components(), self.solver.solve_rows(matrix, append))
    }

    /// Returns the component each row has most of, of equals the first; `None` for a row that has
    /// nothing.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<Option<usize>>, LearnError> {
        self.check(matrix)?;
        let append = |loadings: &[f64], labels: &mut Vec<Option<usize>>| {
            let mut greatest: Option<usize> = None;
            for (component, &loading) in loadings.iter().enumerate() {
                if loading > greatest.map_or(0.0, |greatest| loadings[greatest]) {
                    greatest = Some(component);
                }
            }
            labels.push(greatest);
        };
        Ok(self.solver.solve_rows(matrix, append))
    }

    fn check(&self, matrix: &Matrix) -> Result<(), LearnError> {
        matrix.require_columns(self.components.n_columns())?;
        matrix.require_finite()?;
        require_no_negative_value(matrix)
    }
}

fn require_no_negative_value(matrix: &Matrix) -> Result<(), LearnError> {
    match matrix.values().iter().find(|&&value| value < 0.0) {
        None => Ok(()),
        Some(&value) => Err(LearnError::InvalidParameter {
            parameter: "matrix",
            found: f64::from(value),
            allowed: "without negative values",
        }),
    }
}

/// Finds the loadings of rows for given components.
#[derive(Debug, Clone, PartialEq)]
struct Solver {
    n_columns: usize,
    components: Vec<f64>,
    /// The same values, column after column: what belongs together in a row's loop lies together.
    by_column: Vec<f64>,
    /// Products of each two components.
    products: Vec<f64>,
}

impl Solver {
    fn new(components: &[f64], n_components: usize) -> Solver {
        let n_columns = components.len() / n_components;
        let rows: Vec<&[f64]> = components.chunks_exact(n_columns).collect();
        let products = rows.iter().flat_map(|a| rows.iter().map(move |b| dot(a, b))).collect();
        let by_column = (0..n_columns).flat_map(|column_idx| rows.iter().map(move |row| row[column_idx])).collect();
        Solver { n_columns, components: components.to_vec(), by_column, products }
    }

    fn n_components(&self) -> usize {
        self.components.len() / self.n_columns
    }

    /// Writes the product of the row with each component.
    fn project(&self, row: &[f32], projections: &mut [f64]) {
        projections.fill(0.0);
        for (&value, weights) in row.iter().zip(self.by_column.chunks_exact(projections.len())) {
            for (projection, weight) in projections.iter_mut().zip(weights) {
                *projection += f64::from(value) * weight;
            }
        }
    }

    /// Improves each loading in turn once, keeps up the gradients, and returns the greatest change and
    /// the greatest loading.
    fn sweep(&self, gradients: &mut [f64], loadings: &mut [f64]) -> (f64, f64) {
        let mut change = 0.0_f64;
        let mut greatest = 0.0_f64;
        for (component, products) in self.products.chunks_exact(loadings.len()).enumerate() {
            let square = products[component];
            if square <= 0.0 {
                continue;
            }
            let improved = (loadings[component] + gradients[component] / square).max(0.0);
            let difference = improved - loadings[component];
            loadings[component] = improved;
            subtract(gradients, difference, products);
            change = change.max(difference.abs());
            greatest = greatest.max(improved);
        }
        (change, greatest)
    }

    /// Solves each row by itself and collects what `append` makes of its loadings.
    fn solve_rows<Value: Send>(&self, matrix: &Matrix, append: impl Fn(&[f64], &mut Vec<Value>) + Sync) -> Vec<Value> {
        map_chunks(matrix, CHUNK_N_ROWS, |chunk, values| {
            let mut gradients = vec![0.0; self.n_components()];
            let mut loadings = vec![0.0; self.n_components()];
            for row in chunk.chunks_exact(self.n_columns) {
                self.solve(row, &mut gradients, &mut loadings);
                append(&loadings, values);
            }
        })
    }

    fn solve(&self, row: &[f32], gradients: &mut [f64], loadings: &mut [f64]) {
        // At loadings of 0 the gradients are the projections.
        self.project(row, gradients);
        loadings.fill(0.0);
        for _ in 0..TRANSFORM_N_SWEEPS_MAX {
            let (change, greatest) = self.sweep(gradients, loadings);
            if change <= LOADING_TOLERANCE * greatest {
                break;
            }
        }
    }

    fn error(&self, matrix: &Matrix) -> f64 {
        let sums = sum_chunks(matrix, 1, |_, chunk, sums| {
            let mut gradients = vec![0.0; self.n_components()];
            let mut loadings = vec![0.0; self.n_components()];
            for row in chunk.chunks_exact(self.n_columns) {
                self.solve(row, &mut gradients, &mut loadings);
                for (column_idx, &value) in row.iter().enumerate() {
                    let column = self.components.iter().skip(column_idx).step_by(self.n_columns);
                    let said: f64 = column.zip(&loadings).map(|(weight, loading)| weight * loading).sum();
                    sums[0] += (f64::from(value) - said).powi(2);
                }
            }
        });
        sums[0]
    }
}

fn dot(first: &[f64], second: &[f64]) -> f64 {
    first.iter().zip(second).map(|(a, b)| a * b).sum()
}

/// Subtracts `scale` times `others` from `values`.
fn subtract(values: &mut [f64], scale: f64, others: &[f64]) {
    for (value, other) in values.iter_mut().zip(others) {
        *value -= scale * other;
    }
}

/// What the next components are made of.
struct StepSums {
    n_columns: usize,
    /// Squared differences between the rows and what the components said of them.
    error: f64,
    /// Products of the loadings of each two components, summed over the rows.
    loading_products: Vec<f64>,
    /// Products of the loadings and the columns, summed over the rows.
    row_products: Vec<f64>,
}

/// Improves the loadings of all rows and returns the sums for the components.
fn step(matrix: &Matrix, solver: &Solver, loadings: &mut [f32]) -> StepSums {
    let n_components = solver.n_components();
    let mut total = StepSums::zero(solver);
    let rows_n_values = CHUNK_N_ROWS * solver.n_columns;
    let loadings_n_values = CHUNK_N_ROWS * n_components;
    let groups = matrix.values().chunks(GROUP_N_CHUNKS * rows_n_values);
    for (rows, loadings) in groups.zip(loadings.chunks_mut(GROUP_N_CHUNKS * loadings_n_values)) {
        let chunks = rows.par_chunks(rows_n_values).zip(loadings.par_chunks_mut(loadings_n_values));
        let sums = chunks.map(|(rows, loadings)| step_chunk(rows, solver, loadings));
        for sums in sums.collect::<Vec<StepSums>>() {
            total.error += sums.error;
            add_all(&mut total.loading_products, &sums.loading_products);
            add_all(&mut total.row_products, &sums.row_products);
        }
    }
    total
}

fn step_chunk(rows: &[f32], solver: &Solver, loadings: &mut [f32]) -> StepSums {
    let n_components = solver.n_components();
    let mut sums = StepSums::zero(solver);
    let mut projections = vec![0.0; n_components];
    let mut gradients = vec![0.0; n_components];
    let mut own = vec![0.0; n_components];
    for (row, stored) in rows.chunks_exact(solver.n_columns).zip(loadings.chunks_exact_mut(n_components)) {
        for (own, &stored) in own.iter_mut().zip(stored.iter()) {
            *own = f64::from(stored);
        }
        solver.project(row, &mut projections);
        gradients.copy_from_slice(&projections);
        for (products, &loading) in solver.products.chunks_exact(n_components).zip(&own) {
            subtract(&mut gradients, loading, products);
        }
        for _ in 0..FIT_N_SWEEPS {
            solver.sweep(&mut gradients, &mut own);
        }
        for (stored, own) in stored.iter_mut().zip(&mut own) {
            *stored = single(*own);
            *own = f64::from(*stored);
        }
        sums.add(row, &own, solver, &projections);
    }
    sums
}

impl StepSums {
    fn zero(solver: &Solver) -> StepSums {
        let n_components = solver.n_components();
        StepSums {
            n_columns: solver.n_columns,
            error: 0.0,
            loading_products: vec![0.0; n_components * n_components],
            row_products: vec![0.0; n_components * solver.n_columns],
        }
    }

    fn add(&mut self, row: &[f32], loadings: &[f64], solver: &Solver, projections: &[f64]) {
        let square: f64 = row.iter().map(|&value| f64::from(value).powi(2)).sum();
        let mut said = 0.0;
        let n_components = loadings.len();
        for (component, &loading) in loadings.iter().enumerate() {
            let products = &solver.products[component * n_components..(component + 1) * n_components];
            said += loading * (dot(products, loadings) - 2.0 * projections[component]);
            if loading <= 0.0 {
                continue;
            }
            let sums = &mut self.loading_products[component * n_components..(component + 1) * n_components];
            for (sum, other) in sums.iter_mut().zip(loadings) {
                *sum += loading * other;
            }
            let sums = &mut self.row_products[component * self.n_columns..(component + 1) * self.n_columns];
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += loading * f64::from(value);
            }
        }
        self.error += (square + said).max(0.0);
    }

    /// Improves each component in turn once.
    fn improve(&self, components: &mut [f64]) {
        let n_columns = self.n_columns;
        let n_components = components.len() / n_columns;
        for component in 0..n_components {
            let products = &self.loading_products[component * n_components..(component + 1) * n_components];
            let square = products[component];
            if square <= 0.0 {
                continue;
            }
            for column_idx in 0..n_columns {
                let column = components.iter().skip(column_idx).step_by(n_columns);
                let said: f64 = column.zip(products).map(|(weight, product)| weight * product).sum();
                let at = component * n_columns + column_idx;
                let gradient = self.row_products[at] - said;
                components[at] = (components[at] + gradient / square).max(TRACE);
            }
        }
    }
}

/// Without the labels of the fitted rows; the solver follows from the components.
impl State for Factorisation {
    fn write(&self, writer: &mut StateWriter) {
        self.components.write(writer);
        self.error.write(writer);
        self.n_iter.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let components = Matrix::read(reader)?;
        require(components.n_rows() > 0, "the components of a factorisation")?;
        let values: Vec<f64> = components.values().iter().map(|&value| f64::from(value)).collect();
        let solver = Solver::new(&values, components.n_rows());
        let (error, n_iter) = State::read(reader)?;
        Ok(Factorisation { components, solver, labels: Vec::new(), error, n_iter })
    }
}
