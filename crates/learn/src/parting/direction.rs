//! Where to look: directions along which rows may fall apart.
//!
//! A cluster can hide from every column and every principal component, so directions come from six
//! places:
//! - the columns themselves,
//! - their principal components,
//! - the components along which near neighbours are closest beside all pairs of rows: the invariant
//!   coordinates (Tyler et al. 2009) of the total and the neighbours' covariance (Art, Gnanadesikan and
//!   Kettenring 1982), which find the space of the clusters whatever their common shape and however
//!   many columns of noise there are,
//! - the components whose fourth moments are least and most like a normal column's (Cardoso 1989): a
//!   small cluster far from a large one has few pairs of rows, but great moments,
//! - the discriminants (Fisher 1936) between the clusters of k-means fits, in the columns, in the
//!   neighbours' components, and where rows are many, in columns brought to a like spread,
//! - the discriminants between the components of normal mixtures: k-means cuts across two clusters that
//!   are stretched along lines of their own, a mixture has a covariance for each. Only where rows are
//!   many enough to know it.
//!
//! The best few are then polished: split at the valley, take a discriminant of the two sides, again.
//! Where the sides may differ in shape, either side's covariance may count more in a discriminant
//! (Anderson and Bahadur 1962).

use crate::distance::PackedPoints;
use crate::eigen::eigen;
use crate::error::LearnError;
use crate::k_means::KMeansParams;
use crate::linear::{
    Factor, Square, add_product, covariance_within, dot, finish, group_means, projected, shrunk, transformed, zeros,
};
use crate::matrix::Matrix;
use crate::mixture::{Covariance, GaussianMixtureParams};
use crate::number::real;
use crate::projection::Projection;
use crate::random::{derived_seed, sampled_rows};
use crate::valley::{Valley, valley};

/// Rows whose neighbours are sought, and neighbours of each: enough pairs for a covariance.
const N_ANCHORS_MAX: usize = 400;
const N_NEAR: usize = 6;
/// Distances that are looked at together.
const N_SCANNED: usize = 64;
/// Of these, so many at a time.
const N_LANES: usize = 8;
/// Rounds of finding neighbours in the metric of the neighbours found before.
const N_NEAR_ROUNDS: usize = 4;
/// Components kept of each kind.
const N_PRINCIPAL_MAX: usize = 10;
const N_NEAR_COMPONENTS_MAX: usize = 6;
/// Numbers of clusters of the k-means fits.
const N_CLUSTERS: [usize; 5] = [2, 3, 4, 6, 8];
/// Rows from which on clusters are sought in columns of like spread too: among fewer, more directions are
/// more lucky ones, which hide the right one.
const N_ROWS_MANY_MIN: usize = 500;
/// Numbers of components of the mixtures, and steps and starts of each: a direction is polished later,
/// so it need not be at rest.
const N_COMPONENTS: [usize; 2] = [2, 3];
const MIXTURE_N_ITER_MAX: usize = 20;
const MIXTURE_N_INIT: usize = 2;
/// Rows for each number of a component's mean and covariance: with fewer, components are shaped by
/// single rows, and so many lucky directions hide the right one.
const ROWS_PER_NUMBER_MIN: usize = 10;
/// Floor of the mixtures' variances, where those of near neighbours are about 1.
const COVARIANCE_FLOOR: f64 = 1e-4;
/// Directions polished, and rounds of it.
const N_POLISHED: usize = 4;
const N_POLISH_ROUNDS: usize = 4;
/// What the first side's covariance counts in a discriminant.
const SIDE_WEIGHTS: [f64; 3] = [0.5, 0.1, 0.9];
/// Components kept of either end of the fourth moments.
const N_MOMENT_COMPONENTS: usize = 2;
/// Variance of a component below this share of the greatest is rounding.
const VARIANCE_SHARE_MIN: f64 = 1e-7;

/// A direction and the valley along it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Border {
    pub(super) direction: Vec<f64>,
    pub(super) valley: Valley,
}

impl Border {
    /// Returns on which side each row lies: 0 or 1.
    pub(super) fn sides(&self, matrix: &Matrix) -> Vec<Option<usize>> {
        let values = projected(matrix, &self.direction);
        values.into_iter().map(|value| Some(usize::from(value > self.valley.cut))).collect()
    }
}

/// Returns the border with the surest valley on the rows of `matrix`.
pub(super) fn best_border(matrix: &Matrix, n_side_min: usize, seed: u64) -> Result<Option<Border>, LearnError> {
    let directions = directions(matrix, seed)?;
    Ok(surest(matrix, &directions, n_side_min))
}

/// Returns the surest border along the given directions, the best of them polished.
pub(super) fn surest(matrix: &Matrix, directions: &[Vec<f64>], n_side_min: usize) -> Option<Border> {
    let mut found: Vec<Option<Border>> = Vec::with_capacity(directions.len());
    for (idx, direction) in directions.iter().enumerate() {
        // Where several fits agree, so do the directions they give.
        let same = directions[..idx].iter().position(|earlier| earlier == direction);
        found.push(match same {
            Some(earlier) => found[earlier].clone(),
            None => border(matrix, direction.clone(), n_side_min),
        });
    }
    let mut borders: Vec<Border> = found.into_iter().flatten().collect();
    // Of equally sure ones the earlier direction, as the sort is stable.
    borders.sort_by(|a, b| b.valley.deviance.total_cmp(&a.valley.deviance));
    borders.truncate(N_POLISHED);
    borders.dedup();
    let mut best: Option<Border> = None;
    for found in borders {
        let polished = polished(matrix, found, n_side_min);
        if best.as_ref().is_none_or(|best| polished.valley.deviance > best.valley.deviance) {
            best = Some(polished);
        }
    }
    best
}

fn border(matrix: &Matrix, direction: Vec<f64>, n_side_min: usize) -> Option<Border> {
    let valley = valley(&projected(matrix, &direction), n_side_min)?;
    Some(Border { direction, valley })
}

fn polished(matrix: &Matrix, mut best: Border, n_side_min: usize) -> Border {
    for _ in 0..N_POLISH_ROUNDS {
        let tried = side_discriminants(matrix, &best.sides(matrix));
        let borders = tried.into_iter().filter_map(|direction| border(matrix, direction, n_side_min));
        // Of equally sure ones the last; they are rare, and as good.
        let next = borders.max_by(|a, b| a.valley.deviance.total_cmp(&b.valley.deviance));
        match next {
            Some(next) if next.valley.deviance > best.valley.deviance => best = next,
            Some(_) | None => break,
        }
    }
    best
}

/// Returns the discriminant directions of two sides, for several weights of their covariances.
fn side_discriminants(matrix: &Matrix, sides: &[Option<usize>]) -> Vec<Vec<f64>> {
    let (means, _) = group_means(matrix, sides, 2);
    let between: Vec<f64> = means[1].iter().zip(&means[0]).map(|(a, b)| a - b).collect();
    let covariances: Vec<Square> = (0..2)
        .map(|side| {
            let own: Vec<Option<usize>> = sides.iter().map(|&other| (other == Some(side)).then_some(0)).collect();
            covariance_within(matrix, &own, &means[side..=side])
        })
        .collect();
    let direction = |weight: f64| {
        let mut mixed = covariances[0].clone();
        for (a, b) in mixed.iter_mut().flatten().zip(covariances[1].iter().flatten()) {
            *a = weight * *a + (1.0 - weight) * b;
        }
        Factor::new(&shrunk(mixed, matrix.n_rows())).solve(&between)
    };
    SIDE_WEIGHTS.into_iter().map(direction).collect()
}

/// Returns Fisher's discriminant direction for every pair of groups.
fn discriminants(matrix: &Matrix, groups: &[Option<usize>], n_groups: usize) -> Vec<Vec<f64>> {
    let (means, _) = group_means(matrix, groups, n_groups);
    let factor = Factor::new(&shrunk(covariance_within(matrix, groups, &means), matrix.n_rows()));
    let mut found = Vec::new();
    for (idx, first) in means.iter().enumerate() {
        for second in &means[..idx] {
            let between: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
            found.push(factor.solve(&between));
        }
    }
    found
}

fn directions(matrix: &Matrix, seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
    let n_columns = matrix.n_columns();
    let everything = vec![Some(0); matrix.n_rows()];
    let (means, _) = group_means(matrix, &everything, 1);
    let covariance = covariance_within(matrix, &everything, &means);
    let principal = eigen(&covariance);
    let mut directions: Vec<Vec<f64>> = (0..n_columns)
        .map(|column_idx| (0..n_columns).map(|idx| if idx == column_idx { 1.0 } else { 0.0 }).collect())
        .collect();
    directions.extend(principal.vectors.iter().take(N_PRINCIPAL_MAX).cloned());
    let least = VARIANCE_SHARE_MIN * principal.values.first().copied().unwrap_or(0.0);
    let sphering: Vec<Vec<f64>> = principal
        .values
        .iter()
        .zip(&principal.vectors)
        .filter(|&(&value, _)| value > least)
        .map(|(value, vector)| vector.iter().map(|entry| entry / value.sqrt()).collect())
        .collect();
    if sphering.is_empty() {
        return Ok(directions);
    }
    let near = near_components(matrix, &sphering, seed)?;
    directions.extend(near.iter().cloned());
    directions.extend(moment_components(matrix, &sphering)?);
    let mut spaces = vec![matrix.clone(), transformed(matrix, &near)?];
    if matrix.n_rows() >= N_ROWS_MANY_MIN {
        spaces.push(alike(matrix, &covariance)?);
    }
    let mut known: Vec<(Vec<usize>, Vec<Vec<f64>>)> = Vec::new();
    for (space_idx, space) in spaces.iter().enumerate() {
        for n_clusters in N_CLUSTERS {
            let stream = u64::try_from(16 * space_idx + n_clusters).unwrap_or(u64::MAX);
            let seed = derived_seed(seed, stream);
            let fit = KMeansParams { n_clusters, n_init: 2, n_iter_max: 20, tolerance: 1e-3, seed };
            // Too few different rows for so many clusters: fewer have been tried.
            let Ok(model) = fit.fit(space) else { break };
            if !known.iter().any(|(labels, _)| labels == model.labels()) {
                let groups: Vec<Option<usize>> = model.labels().iter().map(|&label| Some(label)).collect();
                known.push((model.labels().to_vec(), discriminants(matrix, &groups, n_clusters)));
            }
            let same = known.iter().find(|(labels, _)| labels == model.labels());
            directions.extend(same.iter().flat_map(|(_, found)| found.iter().cloned()));
        }
    }
    directions.extend(mixture_discriminants(matrix, &spaces[1], derived_seed(seed, 64)));
    Ok(directions)
}

/// Returns the rows with their columns brought to a like spread. Those of all rows are already, those of
/// a part are not: what told it from the other parts varies little in it, beside columns of noise.
fn alike(matrix: &Matrix, covariance: &[Vec<f64>]) -> Result<Matrix, LearnError> {
    let greatest = (0..covariance.len()).map(|idx| covariance[idx][idx]).fold(0.0, f64::max);
    let varied = (0..covariance.len()).filter(|&idx| covariance[idx][idx] > VARIANCE_SHARE_MIN * greatest);
    let scales: Vec<Vec<f64>> = varied
        .map(|own| {
            let scale = covariance[own][own].sqrt().recip();
            (0..covariance.len()).map(|idx| if idx == own { scale } else { 0.0 }).collect()
        })
        .collect();
    transformed(matrix, &scales)
}

/// Returns the discriminants between every two components of mixtures that are fitted in `space`.
fn mixture_discriminants(matrix: &Matrix, space: &Matrix, seed: u64) -> Vec<Vec<f64>> {
    let n_columns = space.n_columns();
    let n_numbers = n_columns * (n_columns + 3) / 2;
    let mut found = Vec::new();
    for n_components in N_COMPONENTS {
        if space.n_rows() < ROWS_PER_NUMBER_MIN * n_numbers * n_components {
            break;
        }
        let params = GaussianMixtureParams {
            n_components,
            covariance: Covariance::Full,
            covariance_floor: COVARIANCE_FLOOR,
            n_init: MIXTURE_N_INIT,
            n_iter_max: MIXTURE_N_ITER_MAX,
            tolerance: 1e-3,
            seed,
        };
        // Too few different rows for so many components: fewer have been tried.
        let Ok(model) = params.fit(space) else { break };
        for first in 0..n_components {
            for second in 0..first {
                let side = |&label: &usize| [first, second].iter().position(|&own| own == label);
                let sides: Vec<Option<usize>> = model.labels().iter().map(side).collect();
                found.extend(side_discriminants(matrix, &sides));
            }
        }
    }
    found
}

/// Returns the directions along which near neighbours are closest beside all rows, in the
/// neighbours' deviations.
fn near_components(matrix: &Matrix, sphering: &[Vec<f64>], seed: u64) -> Result<Vec<Vec<f64>>, LearnError> {
    let sphered = transformed(matrix, sphering)?;
    let anchors = sampled_rows(sphered.n_rows(), N_ANCHORS_MAX, seed);
    let mut space = sphered.clone();
    let mut components: Vec<Vec<f64>> = Vec::new();
    for _ in 0..N_NEAR_ROUNDS {
        let found = eigen(&near_scatter(&sphered, &space, &anchors));
        let pairs = found.values.iter().zip(&found.vectors).rev();
        components = pairs
            .map(|(value, vector)| vector.iter().map(|entry| entry / value.max(VARIANCE_SHARE_MIN).sqrt()).collect())
            .collect();
        space = transformed(&sphered, &components)?;
    }
    components.truncate(N_NEAR_COMPONENTS_MAX);
    Ok(components.iter().map(|component| unsphered(component, sphering)).collect())
}

/// Returns the directions at both ends of the sphered rows' fourth moments.
fn moment_components(matrix: &Matrix, sphering: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, LearnError> {
    let (means, _) = group_means(matrix, &vec![Some(0); matrix.n_rows()], 1);
    let centred = Projection::new(means.into_iter().next().unwrap_or_default(), sphering.to_vec()).transform(matrix)?;
    let mut moments = zeros(sphering.len());
    for row in centred.rows() {
        let row: Vec<f64> = row.iter().map(|&value| f64::from(value)).collect();
        let length = dot(&row, &row).sqrt();
        let scaled: Vec<f64> = row.iter().map(|value| value * length).collect();
        add_product(&mut moments, &scaled);
    }
    finish(&mut moments, real(matrix.n_rows()));
    let vectors = eigen(&moments).vectors;
    let last = vectors.len().saturating_sub(N_MOMENT_COMPONENTS).max(N_MOMENT_COMPONENTS.min(vectors.len()));
    let ends = vectors.iter().take(N_MOMENT_COMPONENTS).chain(&vectors[last..]);
    Ok(ends.map(|component| unsphered(component, sphering)).collect())
}

/// Returns a direction in sphered coordinates as one in columns.
fn unsphered(component: &[f64], sphering: &[Vec<f64>]) -> Vec<f64> {
    let mut direction = vec![0.0; sphering.first().map_or(0, Vec::len)];
    for (weight, vector) in component.iter().zip(sphering) {
        for (sum, entry) in direction.iter_mut().zip(vector) {
            *sum += weight * entry;
        }
    }
    direction
}

/// Returns the first `n` positions whose distance is at most the `n`th least; `n` is at most [`N_NEAR`].
fn nearest(distances: &[f32], n: usize) -> Vec<usize> {
    let mut least = [f32::INFINITY; N_NEAR];
    let least = &mut least[..n];
    let mut bound = f32::INFINITY;
    for block in distances.chunks(N_SCANNED) {
        if least_of(block) >= bound {
            continue;
        }
        for &distance in block {
            if distance < bound {
                bound = take_in(least, distance);
            }
        }
    }
    let mut near = Vec::with_capacity(n);
    for (block_idx, block) in distances.chunks(N_SCANNED).enumerate() {
        if least_of(block) <= bound {
            let idxs = (block_idx * N_SCANNED..).zip(block).filter(|(_, distance)| **distance <= bound);
            near.extend(idxs.map(|(idx, _)| idx));
        }
        if near.len() >= n {
            break;
        }
    }
    near.truncate(n);
    near
}

/// Puts a distance among the least ones, which ascend, in place of the greatest; returns the greatest then.
fn take_in(least: &mut [f32], distance: f32) -> f32 {
    let mut larger = distance;
    for own in least.iter_mut() {
        (*own, larger) = if larger < *own { (larger, *own) } else { (*own, larger) };
    }
    least.last().copied().unwrap_or(f32::INFINITY)
}

/// Returns the least of a block of distances; most blocks hold no near one, and are passed over.
fn least_of(block: &[f32]) -> f32 {
    let lesser = |least: f32, distance: f32| if distance < least { distance } else { least };
    let (lanes, rest) = block.as_chunks::<N_LANES>();
    let mut least = [f32::INFINITY; N_LANES];
    for distances in lanes {
        for (least, &distance) in least.iter_mut().zip(distances) {
            *least = lesser(*least, distance);
        }
    }
    least.iter().chain(rest).fold(f32::INFINITY, |least, &distance| lesser(least, distance))
}

/// Returns the covariance of the differences between near neighbours, halved. Neighbours are sought
/// in `space`, differences taken in `matrix`.
fn near_scatter(matrix: &Matrix, space: &Matrix, anchors: &[usize]) -> Square {
    let packed = PackedPoints::new(space);
    let mut scatter = zeros(matrix.n_columns());
    let mut squared = vec![0.0_f32; space.n_rows()];
    let mut away = vec![0.0; matrix.n_columns()];
    let n_near = N_NEAR.min(space.n_rows().saturating_sub(1));
    for &anchor in anchors {
        packed.squared_distances(space.row(anchor), &mut squared);
        squared[anchor] = f32::INFINITY;
        for other in nearest(&squared, n_near) {
            for ((away, a), b) in away.iter_mut().zip(matrix.row(anchor)).zip(matrix.row(other)) {
                *away = f64::from(*a) - f64::from(*b);
            }
            add_product(&mut scatter, &away);
        }
    }
    finish(&mut scatter, (2.0 * real(anchors.len() * n_near)).max(1.0));
    scatter
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::{N_NEAR, nearest};
    use crate::random::generator;

    #[test]
    fn nearest_are_those_that_sorting_finds() {
        let mut chance = generator(3, 0);
        for n_distances in [1, 7, 63, 64, 65, 500] {
            // Few different distances, so that many are equally near.
            let distances: Vec<f32> = (0..n_distances).map(|_| f32::from(chance.random_range(0_u8..40))).collect();
            for n in 0..=N_NEAR.min(n_distances) {
                let mut sorted = distances.clone();
                sorted.sort_by(f32::total_cmp);
                let within = |idx: &usize| n > 0 && distances[*idx] <= sorted[n - 1];
                let expected: Vec<usize> = (0..n_distances).filter(within).take(n).collect();
                assert_eq!(nearest(&distances, n), expected, "{n} of {n_distances}");
            }
        }
    }
}
