//! Valleys: whether the values of one projection fall into two heaps with a dip between them.
//!
//! A valley is sought on some rows (a smoothed histogram's lowest points between peaks) and tested on
//! others. The test counts rows in three windows of one width, on both peaks and in the valley, all
//! placed without sight of the rows they count. If the density had one peak, the valley's window
//! would be expected to hold at least as many rows as the lesser peak's; so given the rows in both,
//! those in the valley are at least binomial with chance 1/2. The test here asks more, that the valley
//! be clearly less than [`DEPTH_MAX`] times as dense as the lesser peak: a dent is not a border.

use statrs::function::beta::beta_reg;

use crate::number::{position, real};

/// Density in a valley, as a share of the lesser peak's, that is still called a valley. Two normal
/// heaps of the same size reach it when 2.9 deviations apart; the best border between them then
/// misplaces 7 % of the rows.
pub(crate) const DEPTH_MAX: f64 = 0.5;
/// Bins of the histogram; the narrowest smoothing is a few bins wide.
const N_BINS: usize = 400;
/// Widths of the smoothing, as shares of the usual one for a single normal heap (Silverman 1986),
/// which is too wide for several.
const WIDTHS: [f64; 3] = [1.0, 0.5, 0.25];
/// Half the width of the windows, as a share of the distance from the valley to the nearer peak.
const WINDOW_SHARE: f64 = 1.0 / 3.0;

/// A valley on a line of values, and the windows it is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Valley {
    /// Where it is lowest.
    pub(crate) cut: f64,
    left_peak: f64,
    right_peak: f64,
    half_width: f64,
    /// How surely it is a valley, on the values it was sought on: the deviance of its counts.
    pub(crate) deviance: f64,
}

/// Rows seen in a valley and on its lesser peak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) n_valley: usize,
    pub(crate) n_peak: usize,
}

impl Counts {
    pub(crate) fn add(self, other: Counts) -> Counts {
        Counts { n_valley: self.n_valley + other.n_valley, n_peak: self.n_peak + other.n_peak }
    }

    /// Returns the density in the valley as a share of the lesser peak's, at most 1.
    pub(crate) fn depth(self) -> f64 {
        if self.n_peak == 0 { 1.0 } else { (real(self.n_valley) / real(self.n_peak)).min(1.0) }
    }

    /// Returns how probable so few rows in the valley are, if it were [`DEPTH_MAX`] as dense as the
    /// peak (exact binomial tail).
    pub(crate) fn p_value(self) -> f64 {
        if self.n_peak == 0 {
            return 1.0;
        }
        let chance_peak = 1.0 / (1.0 + DEPTH_MAX);
        beta_reg(real(self.n_peak), real(self.n_valley + 1), chance_peak)
    }

    /// Returns twice the log likelihood ratio against a valley of [`DEPTH_MAX`]; 0 when it is no deeper.
    fn deviance(self) -> f64 {
        let n_both = real(self.n_valley + self.n_peak);
        let share = real(self.n_valley) / n_both.max(1.0);
        let bound = DEPTH_MAX / (1.0 + DEPTH_MAX);
        if n_both <= 0.0 || share >= bound {
            return 0.0;
        }
        let term = |found: f64, expected: f64| if found > 0.0 { found * (found / expected).ln() } else { 0.0 };
        2.0 * n_both * (term(share, bound) + term(1.0 - share, 1.0 - bound))
    }
}

impl Valley {
    /// Returns the counts of other values in the windows.
    pub(crate) fn counts(&self, values: &[f64]) -> Counts {
        let within = |centre: f64| values.iter().filter(|&&value| (value - centre).abs() <= self.half_width).count();
        Counts { n_valley: within(self.cut), n_peak: within(self.left_peak).min(within(self.right_peak)) }
    }
}

/// Returns the surest valley with at least `n_side_min` values on each side, if there is any.
pub(crate) fn valley(values: &[f64], n_side_min: usize) -> Option<Valley> {
    let n_values = values.len();
    let (least, greatest) = range(values);
    let span = greatest - least;
    if n_values < 2 * n_side_min.max(1) || span <= 0.0 || !span.is_finite() {
        return None;
    }
    let bin_of = |value: f64| position((value - least) / span * real(N_BINS), N_BINS - 1);
    let mut counts = vec![0_usize; N_BINS];
    for &value in values {
        counts[bin_of(value)] += 1;
    }
    let mut below = vec![0_usize; N_BINS + 1];
    for (bin, count) in counts.iter().enumerate() {
        below[bin + 1] = below[bin] + count;
    }
    let usual = usual_width(values) / span * real(N_BINS);
    let mut best: Option<(Counts, [usize; 4], f64)> = None;
    for share in WIDTHS {
        let density = smoothed(&counts, (share * usual).max(1.0));
        for (left, low, right) in lows(&density) {
            if below[low] < n_side_min || n_values - below[low] < n_side_min {
                continue;
            }
            let half = position(WINDOW_SHARE * real((low - left).min(right - low)), N_BINS);
            let count = |centre: usize| below[(centre + half + 1).min(N_BINS)] - below[centre.saturating_sub(half)];
            let found = Counts { n_valley: count(low), n_peak: count(left).min(count(right)) };
            let deviance = found.deviance();
            if deviance > best.as_ref().map_or(0.0, |best| best.2) {
                best = Some((found, [left, low, right, half], deviance));
            }
        }
    }
    let (_, [left, low, right, half], deviance) = best?;
    let width = span / real(N_BINS);
    let centre = |bin: usize| least + (real(bin) + 0.5) * width;
    Some(Valley {
        cut: centre(low),
        left_peak: centre(left),
        right_peak: centre(right),
        half_width: (real(half) + 0.5) * width,
        deviance,
    })
}

fn range(values: &[f64]) -> (f64, f64) {
    let mut range = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in values {
        range = (range.0.min(value), range.1.max(value));
    }
    range
}

/// Returns Silverman's width of smoothing for one heap.
fn usual_width(values: &[f64]) -> f64 {
    let n_values = real(values.len());
    let mean = values.iter().sum::<f64>() / n_values;
    let square: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    0.9 * (square / n_values).sqrt() * n_values.powf(-0.2)
}

/// Returns the histogram smoothed by three passes of a running sum, which is close to a normal
/// kernel of deviation `width` bins (times a constant). Whole numbers: at most those of the rows times
/// the cube of [`N_BINS`].
fn smoothed(counts: &[usize], width: f64) -> Vec<u64> {
    // Three boxes of half-width r have a variance of r(r + 1).
    let half = position((0.25 + width * width).sqrt() - 0.5, counts.len() / 4).max(1);
    let mut density: Vec<u64> = counts.iter().map(|&count| u64::try_from(count).unwrap_or(u64::MAX)).collect();
    // What lies below a bin, with as many bins of nothing before the first and after the last as a box
    // reaches beyond them.
    let mut below = vec![0; density.len() + 2 * half + 1];
    for _ in 0..3 {
        let mut sum = 0;
        let (inner, beyond) = below[half + 1..].split_at_mut(density.len());
        for (below, value) in inner.iter_mut().zip(&density) {
            sum += value;
            *below = sum;
        }
        beyond.fill(sum);
        let ends = &below[2 * half + 1..];
        for ((value, end), start) in density.iter_mut().zip(ends).zip(&below) {
            *value = end - start;
        }
    }
    density
}

/// Returns the low points between peaks: the highest bin to the left, the low bin (the middle of
/// equally low ones), the highest bin to the right.
fn lows(density: &[u64]) -> Vec<(usize, usize, usize)> {
    let n_bins = density.len();
    let mut highest_right = vec![n_bins - 1; n_bins];
    let (mut highest, mut highest_at) = (0, n_bins - 1);
    for (bin, &value) in density.iter().enumerate().rev() {
        if value >= highest {
            (highest, highest_at) = (value, bin);
        }
        highest_right[bin] = highest_at;
    }
    let mut lows = Vec::new();
    let mut highest_left = 0;
    let mut start = 0;
    while start < n_bins {
        let value = density[start];
        let same = density[start..].iter().take_while(|&&other| other == value).count();
        let end = start + same;
        let falls = start > 0 && density[start - 1] > value;
        if falls && end < n_bins && density[end] > value {
            lows.push((highest_left, usize::midpoint(start, end - 1), highest_right[end]));
        }
        if value > density[highest_left] {
            highest_left = start;
        }
        start = end;
    }
    lows
}

#[cfg(test)]
mod tests {
    use super::{Counts, lows, valley};

    /// Returns evenly spread quantiles of a triangle around `centre`.
    fn heap(centre: f64, n: u32) -> Vec<f64> {
        let place = |idx: u32| (f64::from(idx) + 0.5) / f64::from(n) * 2.0 - 1.0;
        (0..n).map(|idx| centre + place(idx).signum() * (1.0 - (1.0 - place(idx).abs()).sqrt())).collect()
    }

    #[test]
    fn valley_between_two_heaps_is_found_and_one_heap_has_none() {
        let mut values = heap(0.0, 300);
        assert_eq!(valley(&values, 5), None);
        values.extend(heap(3.0, 60));
        let found = valley(&values, 5).unwrap();
        assert!((1.0..2.0).contains(&found.cut), "{found:?}");
        let counts = found.counts(&values);
        assert_eq!(counts.n_valley, 0);
        assert!(counts.p_value() < 0.001);
        assert_eq!(valley(&values, 61), None, "the lesser heap is too small");
    }

    #[test]
    fn tail_of_the_test_is_that_of_the_binomial() {
        // Chance 1/3 in the valley: of three rows none there, (2/3)³.
        let counts = Counts { n_valley: 0, n_peak: 3 };
        assert!((counts.p_value() - 8.0 / 27.0).abs() < 1e-12);
        // At most one of three: (2/3)³ + 3 · 1/3 · (2/3)².
        let counts = Counts { n_valley: 1, n_peak: 2 };
        assert!((counts.p_value() - 20.0 / 27.0).abs() < 1e-12);
    }

    #[test]
    fn middle_of_a_flat_low_is_taken() {
        assert_eq!(lows(&[1, 3, 0, 0, 0, 2, 1]), vec![(1, 3, 5)]);
        assert_eq!(lows(&[1, 2, 3, 1]), vec![]);
    }
}
