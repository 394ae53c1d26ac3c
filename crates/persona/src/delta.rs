//! Cliff's delta with an interval that holds near its ends, where personas mostly are.
//!
//! The interval is that of Feng and Cliff (2004, "Monte Carlo evaluation of ordinal d with improved
//! confidence interval"): asymmetric, within −1 and 1, from the unbiased variance of Cliff (1993).
//! A percentile bootstrap says the same where there is overlap (the tests compare them), needs a
//! seed and hundreds of sorts, and closes to a point where the groups do not overlap at all.

use crate::compare::CRITICAL_Z;
use crate::number::real_count;
use crate::{Effect, EffectKind};

/// Returns how much more often a value of `persona` exceeds one of `rest` than the reverse, with
/// its 95 % interval. Both groups have values. Takes O(n log n).
pub(crate) fn cliffs_delta(persona: &[f64], rest: &[f64]) -> Effect {
    let sorted = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted
    };
    let (persona, rest) = (sorted(persona), sorted(rest));
    let above = Dominance::of(&persona, &rest);
    let below = Dominance::of(&rest, &persona);
    let (n, m) = (real_count(persona.len()), real_count(rest.len()));
    let pairs = n * m;
    let delta = above.sum / pairs;
    let (low, high) = interval(delta, variance(&above, &below, n, m), n.min(m));
    Effect { kind: EffectKind::CliffsDelta, value: delta, low: low.min(delta), high: high.max(delta) }
}

/// How often the values of one sorted group exceed those of another, less the reverse.
struct Dominance {
    /// Sum over the values; exact, for it is made of whole numbers.
    sum: f64,
    /// Sum of the squares over the values.
    squares: f64,
    /// Pairs of equal values.
    n_tied: f64,
}

impl Dominance {
    fn of(first: &[f64], second: &[f64]) -> Self {
        let (mut n_less, mut n_not_greater) = (0, 0);
        let mut dominance = Self { sum: 0.0, squares: 0.0, n_tied: 0.0 };
        for value in first {
            while n_less < second.len() && second[n_less] < *value {
                n_less += 1;
            }
            while n_not_greater < second.len() && second[n_not_greater] <= *value {
                n_not_greater += 1;
            }
            let difference = real_count(n_less) - real_count(second.len() - n_not_greater);
            dominance.sum += difference;
            dominance.squares += difference * difference;
            dominance.n_tied += real_count(n_not_greater - n_less);
        }
        dominance
    }
}

/// Returns the unbiased variance of delta (Cliff 1993), not below the least that it can be.
fn variance(above: &Dominance, below: &Dominance, n: f64, m: f64) -> f64 {
    let pairs = n * m;
    let delta = above.sum / pairs;
    if n < 2.0 || m < 2.0 {
        return 1.0;
    }
    // m² Σ (dᵢ − δ)², where dᵢ is the mean over the m of the other group; and the other way round.
    let of_rows = above.squares - n * (m * delta).powi(2);
    let of_columns = below.squares - m * (n * delta).powi(2);
    let of_pairs = pairs - above.n_tied - pairs * delta * delta;
    let unbiased = (of_rows + of_columns - of_pairs) / (pairs * (n - 1.0) * (m - 1.0));
    unbiased.max((1.0 - delta * delta) / (pairs - 1.0))
}

fn interval(delta: f64, variance: f64, n_less: f64) -> (f64, f64) {
    let squared_z = CRITICAL_Z * CRITICAL_Z;
    if delta.abs() >= 1.0 {
        // No overlap has been seen, which so few values cannot rule out.
        let facing = (n_less - squared_z) / (n_less + squared_z);
        return if delta > 0.0 { (facing, 1.0) } else { (-1.0, -facing) };
    }
    let spread = squared_z * variance;
    let room = 1.0 - delta * delta;
    let half_width = (spread * (room * room + spread)).sqrt();
    let (centre, scale) = (delta * room, room + spread);
    (((centre - half_width) / scale).max(-1.0), ((centre + half_width) / scale).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from 0 up to 1.
    fn stream(mut state: u64) -> impl FnMut() -> f64 {
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
        }
    }

    #[test]
    fn the_value_is_that_of_the_definition() {
        let mut draw = stream(1);
        for _ in 0..50 {
            let persona: Vec<f64> = (0..9).map(|_| (draw() * 6.0).floor()).collect();
            let rest: Vec<f64> = (0..14).map(|_| (draw() * 7.0).floor()).collect();
            let effect = cliffs_delta(&persona, &rest);
            assert_eq!(effect.value.to_bits(), throng_learn::cliffs_delta(&persona, &rest).unwrap().to_bits());
            assert!(effect.low <= effect.value && effect.value <= effect.high, "{effect:?}");
            assert!(-1.0 <= effect.low && effect.high <= 1.0, "{effect:?}");
        }
    }

    #[test]
    fn the_variance_is_that_of_all_pairs() {
        let (persona, rest) = ([1.0, 4.0, 4.0, 9.0], [0.0, 4.0, 2.0]);
        let sign = |x: f64, y: f64| {
            if x > y {
                1.0
            } else if x < y {
                -1.0
            } else {
                0.0
            }
        };
        let (n, m) = (4.0, 3.0);
        let all: f64 = persona.iter().flat_map(|x| rest.iter().map(move |y| sign(*x, *y))).sum();
        let delta = all / (n * m);
        let row = |x: f64| rest.iter().map(|y| sign(x, *y)).sum::<f64>() / m;
        let column = |y: f64| persona.iter().map(|x| sign(*x, y)).sum::<f64>() / n;
        let rows: f64 = persona.iter().map(|x| (row(*x) - delta).powi(2)).sum();
        let columns: f64 = rest.iter().map(|y| (column(*y) - delta).powi(2)).sum();
        let pairs: f64 = persona.iter().flat_map(|x| rest.iter().map(move |y| (sign(*x, *y) - delta).powi(2))).sum();
        let expected = (m * m * rows + n * n * columns - pairs) / (n * m * (n - 1.0) * (m - 1.0));
        let sort = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted
        };
        let (above, below) =
            (Dominance::of(&sort(&persona), &sort(&rest)), Dominance::of(&sort(&rest), &sort(&persona)));
        assert!((variance(&above, &below, n, m) - expected).abs() < 1e-12);
    }

    #[test]
    fn the_interval_is_that_of_a_bootstrap() {
        let mut draw = stream(2);
        // Skewed like money; the groups overlap.
        let persona: Vec<f64> = (0..150).map(|_| (2.0 * draw()).exp() + 0.5).collect();
        let rest: Vec<f64> = (0..250).map(|_| (2.0 * draw()).exp()).collect();
        let effect = cliffs_delta(&persona, &rest);
        let mut resampled = |values: &[f64]| -> Vec<f64> {
            let n = real_count(values.len());
            (0..values.len()).map(|_| values[usize::try_from(crate::number::floor(draw() * n)).unwrap()]).collect()
        };
        let mut deltas: Vec<f64> =
            (0..1_000).map(|_| cliffs_delta(&resampled(&persona), &resampled(&rest)).value).collect();
        deltas.sort_by(f64::total_cmp);
        assert!((effect.low - deltas[24]).abs() < 0.02, "{effect:?}, bootstrap {} {}", deltas[24], deltas[974]);
        assert!((effect.high - deltas[974]).abs() < 0.02, "{effect:?}, bootstrap {} {}", deltas[24], deltas[974]);
    }

    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        // Uniform on [0, 1] against uniform on [0.3, 1.3]: delta is −(1 − 0.7²).
        let (truth, mut draw) = (-0.51, stream(3));
        let covers = |_: usize| {
            let persona: Vec<f64> = (0..40).map(|_| draw()).collect();
            let rest: Vec<f64> = (0..60).map(|_| draw() + 0.3).collect();
            let effect = cliffs_delta(&persona, &rest);
            effect.low <= truth && truth <= effect.high
        };
        let n_covered = (0..1_000).map(covers).filter(|covered| *covered).count();
        assert!((930..=975).contains(&n_covered), "{n_covered} of 1,000");
    }

    #[test]
    fn groups_that_do_not_overlap_leave_room_for_what_was_not_seen() {
        let check = |n: usize, low: f64| {
            let effect = cliffs_delta(&vec![2.0; n], &vec![1.0; 500]);
            assert!((effect.low - low).abs() < 0.005, "{effect:?}");
            assert_eq!((effect.value.to_bits(), effect.high.to_bits()), (1.0_f64.to_bits(), 1.0_f64.to_bits()));
        };
        check(20, 0.678);
        check(500, 0.985);
    }
}
