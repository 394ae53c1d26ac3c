//! Rows of numbers with a known truth: clusters of several shapes, and data without any.
//!
//! Every clustered family is a mixture whose densities are known, so that the partition nobody can
//! beat (Bayes: each row to the component of the greatest density there, weighted by share) comes
//! with it. Centres are drawn at random and spread until the two nearest are as many deviations
//! apart as the family asks, along the line that joins them.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Poisson, StandardNormal};

/// Rows of numbers and where they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantedRows {
    /// Values per row.
    pub n_columns: usize,
    /// All values, row after row.
    pub values: Vec<f32>,
    /// The cluster each row was drawn from; `None` for an outlier, and where there are no clusters.
    pub labels: Vec<Option<usize>>,
    /// The cluster of the greatest posterior probability for each row.
    pub bayes_labels: Vec<Option<usize>>,
}

/// A kind of data to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowFamily {
    /// Four round normal clusters in 8 columns.
    Round,
    /// Three normal clusters in 6 columns, five times as long as wide, all along the same line.
    StretchedAlike,
    /// The same, each along a line of its own.
    StretchedEach,
    /// Three round clusters in 6 columns, their sizes as 50 to 10 to 1.
    Unequal,
    /// Three round clusters in 4 columns, beside 8 wide columns that share two factors.
    CorrelatedNoise,
    /// Four round clusters in 6 columns, and 5 % of the rows scattered around them.
    Outliers,
    /// Three round clusters in 4 columns, beside 30 columns of noise.
    NoiseColumns,
    /// Correlated normal columns.
    Gaussian,
    /// Independent uniform columns.
    Uniform,
    /// Columns that follow one hidden gradient, straight and bent.
    Gradient,
    /// Correlated columns whose logarithms are normal.
    HeavyTailed,
    /// Correlated small counts, many of them zero.
    Counts,
}

impl RowFamily {
    /// The families with clusters.
    pub const CLUSTERED: [Self; 7] = [
        Self::Round,
        Self::StretchedAlike,
        Self::StretchedEach,
        Self::Unequal,
        Self::CorrelatedNoise,
        Self::Outliers,
        Self::NoiseColumns,
    ];
    /// The families without.
    pub const STRUCTURELESS: [Self; 5] =
        [Self::Gaussian, Self::Uniform, Self::Gradient, Self::HeavyTailed, Self::Counts];

    /// Returns the number of clusters in the family, 0 where there are none.
    #[must_use]
    pub fn n_clusters(self) -> usize {
        self.mixture().map_or(0, |mixture| mixture.shares.len())
    }

    /// Draws rows; the same number and seed give the same ones.
    #[must_use]
    pub fn draw(self, n_rows: usize, seed: u64) -> PlantedRows {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        match self.mixture() {
            Some(mixture) => mixture.draw(n_rows, &mut chance),
            None => self.draw_structureless(n_rows, &mut chance),
        }
    }

    fn mixture(self) -> Option<Mixture> {
        let round = Mixture {
            shares: &[0.25, 0.25, 0.25, 0.25],
            n_columns: 8,
            separation: 6.0,
            stretch: 1.0,
            lines: Lines::Shared,
            n_noise: 0,
            n_factors: 0,
            outlier_share: 0.0,
        };
        let three = Mixture { shares: &[0.4, 0.35, 0.25], n_columns: 6, ..round };
        match self {
            Self::Round => Some(round),
            Self::StretchedAlike => Some(Mixture { stretch: 5.0, ..three }),
            Self::StretchedEach => Some(Mixture { stretch: 5.0, lines: Lines::Own, ..three }),
            Self::Unequal => {
                Some(Mixture { shares: &[50.0 / 61.0, 10.0 / 61.0, 1.0 / 61.0], separation: 8.0, ..three })
            }
            Self::CorrelatedNoise => Some(Mixture { n_columns: 4, n_noise: 8, n_factors: 2, ..three }),
            Self::Outliers => Some(Mixture { n_columns: 6, outlier_share: 0.05, ..round }),
            Self::NoiseColumns => Some(Mixture { n_columns: 4, n_noise: 30, ..three }),
            Self::Gaussian | Self::Uniform | Self::Gradient | Self::HeavyTailed | Self::Counts => None,
        }
    }

    fn draw_structureless(self, n_rows: usize, chance: &mut Chance) -> PlantedRows {
        const LOADINGS: [f64; 8] = [0.9, 0.8, 0.7, 0.5, 0.3, 0.0, -0.4, -0.7];
        let mut values = Vec::with_capacity(n_rows * LOADINGS.len());
        for _ in 0..n_rows {
            let (common, place) = (chance.normal(), chance.unit());
            for (column_idx, loading) in LOADINGS.into_iter().enumerate() {
                let own = chance.normal();
                let mixed = loading * common + (1.0 - loading * loading).sqrt() * own;
                let bend = [place, place * place, place.sqrt(), 1.0 - place][column_idx % 4];
                values.push(match self {
                    Self::Uniform => chance.unit(),
                    Self::Gradient => bend + 0.05 * own,
                    Self::HeavyTailed => (1.2 * mixed).exp(),
                    Self::Counts => chance.poisson((0.8 * mixed - 0.3).exp()),
                    Self::Gaussian
                    | Self::Round
                    | Self::StretchedAlike
                    | Self::StretchedEach
                    | Self::Unequal
                    | Self::CorrelatedNoise
                    | Self::Outliers
                    | Self::NoiseColumns => mixed,
                });
            }
        }
        PlantedRows {
            n_columns: LOADINGS.len(),
            values: values.into_iter().map(single).collect(),
            labels: vec![None; n_rows],
            bayes_labels: vec![None; n_rows],
        }
    }
}

/// Where the clusters of a mixture are longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    Shared,
    Own,
}

/// Half the edge of the box outliers lie in, as a multiple of the farthest centre's coordinate.
const OUTLIER_SPREAD: f64 = 3.0;

/// Normal clusters of deviation 1, `stretch` along one line, beside columns of noise.
#[derive(Debug, Clone, Copy)]
struct Mixture {
    shares: &'static [f64],
    /// Columns the clusters differ in.
    n_columns: usize,
    /// Least distance of two centres, in deviations.
    separation: f64,
    stretch: f64,
    lines: Lines,
    /// Columns of noise beside them.
    n_noise: usize,
    /// Factors the noise shares; without any it is independent.
    n_factors: usize,
    outlier_share: f64,
}

/// One component of a mixture.
struct Component {
    log_share: f64,
    centre: Vec<f64>,
    /// Unit vector along which it is stretched.
    line: Vec<f64>,
}

impl Mixture {
    fn draw(&self, n_rows: usize, chance: &mut Chance) -> PlantedRows {
        let components = self.components(chance);
        let loadings: Vec<Vec<f64>> =
            (0..self.n_noise).map(|_| (0..self.n_factors).map(|_| 2.0 * chance.normal()).collect()).collect();
        let extent = components.iter().flat_map(|component| &component.centre).fold(1.0_f64, |far, x| far.max(x.abs()));
        let half_edge = OUTLIER_SPREAD * extent;
        let n_columns = self.n_columns + self.n_noise;
        let mut rows = PlantedRows {
            n_columns,
            values: Vec::with_capacity(n_rows * n_columns),
            labels: Vec::with_capacity(n_rows),
            bayes_labels: Vec::with_capacity(n_rows),
        };
        for _ in 0..n_rows {
            let label = (!chance.happens(self.outlier_share)).then(|| chance.weighted(self.shares));
            let row: Vec<f64> = match label {
                Some(label) => self.member(&components[label], chance),
                None => (0..self.n_columns).map(|_| half_edge * (2.0 * chance.unit() - 1.0)).collect(),
            };
            rows.labels.push(label);
            rows.bayes_labels.push(self.most_probable(&row, &components, half_edge));
            rows.values.extend(row.into_iter().map(single));
            let factors: Vec<f64> = (0..self.n_factors).map(|_| chance.normal()).collect();
            for loading in &loadings {
                rows.values.push(single(dot(loading, &factors) + chance.normal()));
            }
        }
        rows
    }

    fn components(&self, chance: &mut Chance) -> Vec<Component> {
        let shared = chance.direction(self.n_columns);
        let mut components: Vec<Component> = self
            .shares
            .iter()
            .map(|share| Component {
                log_share: share.ln(),
                centre: (0..self.n_columns).map(|_| chance.normal()).collect(),
                line: if self.lines == Lines::Shared { shared.clone() } else { chance.direction(self.n_columns) },
            })
            .collect();
        let mut least = f64::INFINITY;
        for (idx, first) in components.iter().enumerate() {
            for second in &components[..idx] {
                least = least.min(self.squared_distance(&first.centre, second));
                least = least.min(self.squared_distance(&second.centre, first));
            }
        }
        for component in &mut components {
            for coordinate in &mut component.centre {
                *coordinate *= self.separation / least.sqrt();
            }
        }
        components
    }

    fn member(&self, component: &Component, chance: &mut Chance) -> Vec<f64> {
        let own: Vec<f64> = (0..self.n_columns).map(|_| chance.normal()).collect();
        let along = (self.stretch - 1.0) * dot(&own, &component.line);
        let parts = component.centre.iter().zip(&own).zip(&component.line);
        parts.map(|((centre, own), line)| centre + own + along * line).collect()
    }

    /// Returns the squared distance from a component's centre, in its own deviations (Mahalanobis).
    fn squared_distance(&self, row: &[f64], component: &Component) -> f64 {
        let away: Vec<f64> = row.iter().zip(&component.centre).map(|(x, centre)| x - centre).collect();
        let along = dot(&away, &component.line);
        dot(&away, &away) - (1.0 - self.stretch.powi(-2)) * along * along
    }

    fn most_probable(&self, row: &[f64], components: &[Component], half_edge: f64) -> Option<usize> {
        let dimension = real(self.n_columns);
        let log_normal = -0.5 * dimension * std::f64::consts::TAU.ln() - self.stretch.ln();
        // An outlier is as likely anywhere in the box.
        let mut best = (self.outlier_share.ln() - dimension * (2.0 * half_edge).ln(), None);
        for (label, component) in components.iter().enumerate() {
            let squared = self.squared_distance(row, component);
            let log_density = (1.0 - self.outlier_share).ln() + component.log_share + log_normal - 0.5 * squared;
            if log_density > best.0 {
                best = (log_density, Some(label));
            }
        }
        best.1
    }
}

/// The draws a family is made of.
struct Chance(ChaCha8Rng);

impl Chance {
    fn normal(&mut self) -> f64 {
        self.0.sample(StandardNormal)
    }

    fn unit(&mut self) -> f64 {
        self.0.random()
    }

    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.unit() < share
    }

    fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(0.0, |poisson| self.0.sample(poisson))
    }

    fn weighted(&mut self, shares: &[f64]) -> usize {
        let mut left = self.unit() * shares.iter().sum::<f64>();
        let chosen = shares.iter().position(|share| {
            left -= share;
            left < 0.0
        });
        chosen.unwrap_or(shares.len() - 1)
    }

    fn direction(&mut self, n_columns: usize) -> Vec<f64> {
        let drawn: Vec<f64> = (0..n_columns).map(|_| self.normal()).collect();
        let length = dot(&drawn, &drawn).sqrt();
        drawn.into_iter().map(|value| value / length).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[expect(clippy::cast_precision_loss, reason = "numbers of columns are small")]
fn real(number: usize) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a draw is rounded to what a matrix holds")]
fn single(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::RowFamily;

    #[test]
    fn best_partition_agrees_with_the_truth_nearly_everywhere() {
        for family in RowFamily::CLUSTERED {
            let rows = family.draw(2000, 5);
            assert_eq!(rows.values.len(), 2000 * rows.n_columns);
            let n_same = rows.labels.iter().zip(&rows.bayes_labels).filter(|(truth, best)| truth == best).count();
            assert!(n_same >= 1970, "{family:?}: {n_same}");
            let n_found = rows.labels.iter().flatten().max().map_or(0, |label| label + 1);
            assert_eq!(n_found, family.n_clusters(), "{family:?}");
        }
    }

    #[test]
    fn structureless_rows_are_of_no_cluster_and_repeat() {
        for family in RowFamily::STRUCTURELESS {
            let rows = family.draw(50, 3);
            assert_eq!(rows, family.draw(50, 3));
            assert!(rows.labels.iter().all(Option::is_none));
            assert!(rows.values.iter().all(|value| value.is_finite()));
        }
    }
}
