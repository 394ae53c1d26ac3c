//! A block of rows, centred and turned so that one column of all its rows lies side by side: what
//! the loops of both covariance shapes run over, small enough for the nearest cache.

use crate::mixture::exponential::exponential;

/// Rows of a block. With 64 columns a block fills 32 KiB.
pub(super) const BLOCK_N_ROWS: usize = 128;
/// Sums kept side by side, so that additions do not wait for one another.
const N_LANES: usize = 8;
/// Rows whose densities are multiplied before one logarithm is taken of the product. Each is
/// between 1 and the number of components, so sixteen stay within `f64` for any number of them.
const LOGARITHM_N_ROWS: usize = 16;
/// Bound of a squared distance, so that rows infinitely far from all components still compare.
const SQUARED_DISTANCE_MAX: f32 = 1e30;

/// One value for each row of a block.
pub(super) type Lane = [f32; BLOCK_N_ROWS];

/// A block of rows and what each component makes of them.
#[derive(Debug, Clone)]
pub(super) struct Block {
    n_rows: usize,
    /// Column by column; rows beyond `n_rows` are 0.
    pub(super) columns: Vec<Lane>,
    /// Component by component: first log densities, then responsibilities.
    pub(super) shares: Vec<Lane>,
    /// The greatest log density of each row.
    greatest: Lane,
    /// The sum of densities of each row, relative to the greatest.
    totals: Lane,
}

impl Block {
    pub(super) fn new(n_columns: usize, n_components: usize) -> Block {
        Block {
            n_rows: 0,
            columns: vec![[0.0; BLOCK_N_ROWS]; n_columns],
            shares: vec![[0.0; BLOCK_N_ROWS]; n_components],
            greatest: [0.0; BLOCK_N_ROWS],
            totals: [0.0; BLOCK_N_ROWS],
        }
    }

    /// Reads up to `BLOCK_N_ROWS` rows, less the centre.
    pub(super) fn read(&mut self, values: &[f32], centre: &[f32]) {
        let n_columns = self.columns.len();
        self.n_rows = values.len() / n_columns;
        debug_assert!(self.n_rows <= BLOCK_N_ROWS);
        if self.n_rows < BLOCK_N_ROWS {
            self.columns.fill([0.0; BLOCK_N_ROWS]);
        }
        for (row_idx, row) in values.chunks_exact(n_columns).enumerate() {
            for ((column, &value), &middle) in self.columns.iter_mut().zip(row).zip(centre) {
                column[row_idx] = value - middle;
            }
        }
    }

    /// Turns the squared distances of one component into its log densities.
    pub(super) fn write_log_densities(&mut self, component: usize, squared: &Lane, log_scale: f32) {
        for (share, &distance) in self.shares[component].iter_mut().zip(squared) {
            *share = log_scale - 0.5 * distance.min(SQUARED_DISTANCE_MAX);
        }
    }

    /// Turns log densities into responsibilities.
    pub(super) fn normalise(&mut self) {
        self.greatest = [f32::NEG_INFINITY; BLOCK_N_ROWS];
        for share in &self.shares {
            for (greatest, &log_density) in self.greatest.iter_mut().zip(share) {
                *greatest = greatest.max(log_density);
            }
        }
        self.totals = [0.0; BLOCK_N_ROWS];
        for share in &mut self.shares {
            let parts = share.iter_mut().zip(&self.greatest).zip(&mut self.totals);
            for ((share, &greatest), total) in parts {
                *share = exponential(*share - greatest);
                *total += *share;
            }
        }
        let mut inverse = [0.0_f32; BLOCK_N_ROWS];
        for (row_idx, (inverse, &total)) in inverse.iter_mut().zip(&self.totals).enumerate() {
            // Rows that are not there belong to nobody.
            *inverse = if row_idx < self.n_rows { 1.0 / total } else { 0.0 };
        }
        for share in &mut self.shares {
            for (share, &inverse) in share.iter_mut().zip(&inverse) {
                *share *= inverse;
            }
        }
    }

    /// Returns the sum of the rows' log densities under the whole mixture, after `normalise`.
    pub(super) fn log_likelihood(&self) -> f64 {
        let greatest: f64 = self.greatest[..self.n_rows].iter().map(|&value| f64::from(value)).sum();
        let products = self.totals[..self.n_rows].chunks(LOGARITHM_N_ROWS);
        let logarithms = products.map(|totals| totals.iter().map(|&total| f64::from(total)).product::<f64>().ln());
        greatest + logarithms.sum::<f64>()
    }

    /// Appends the log density of each row under the whole mixture, after `normalise`.
    pub(super) fn append_log_likelihoods(&self, target: &mut Vec<f64>) {
        for (&greatest, &total) in self.greatest.iter().zip(&self.totals).take(self.n_rows) {
            target.push(f64::from(greatest) + f64::from(total).ln());
        }
    }

    /// Appends the component with the greatest share of each row; of equals the first.
    pub(super) fn append_likeliest(&self, target: &mut Vec<usize>) {
        for row_idx in 0..self.n_rows {
            let mut likeliest = 0;
            for (component, share) in self.shares.iter().enumerate().skip(1) {
                if share[row_idx] > self.shares[likeliest][row_idx] {
                    likeliest = component;
                }
            }
            target.push(likeliest);
        }
    }

    /// Appends the share of each component in each row.
    pub(super) fn append_shares(&self, target: &mut Vec<f64>) {
        for row_idx in 0..self.n_rows {
            target.extend(self.shares.iter().map(|share| f64::from(share[row_idx])));
        }
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }
}

/// Returns the sum of a block's values.
pub(super) fn sum(values: &Lane) -> f64 {
    let mut lanes = [0.0_f32; N_LANES];
    for values in values.chunks_exact(N_LANES) {
        for (lane, &value) in lanes.iter_mut().zip(values) {
            *lane += value;
        }
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}

/// Returns the sum of the products of two blocks' values.
pub(super) fn product_sum(first: &Lane, second: &Lane) -> f64 {
    let mut lanes = [0.0_f32; N_LANES];
    for (first, second) in first.chunks_exact(N_LANES).zip(second.chunks_exact(N_LANES)) {
        for lane in 0..N_LANES {
            lanes[lane] += first[lane] * second[lane];
        }
    }
    lanes.iter().map(|&lane| f64::from(lane)).sum()
}

/// Returns the weighted sums of the distances of `values` from `mean` and of their squares.
#[inline]
pub(super) fn weighted_moments(weights: &Lane, values: &Lane, mean: f32) -> (f64, f64) {
    let mut first = [0.0_f32; N_LANES];
    let mut second = [0.0_f32; N_LANES];
    for (weights, values) in weights.chunks_exact(N_LANES).zip(values.chunks_exact(N_LANES)) {
        for lane in 0..N_LANES {
            let distance = values[lane] - mean;
            let weighted = weights[lane] * distance;
            first[lane] += weighted;
            second[lane] += weighted * distance;
        }
    }
    (folded(first), folded(second))
}

fn folded(lanes: [f32; N_LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    f64::from(a + e) + f64::from(b + f) + f64::from(c + g) + f64::from(d + h)
}
