//! Chance: one seeded stream of random numbers and the draws made from it.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, LogNormal, Normal, Poisson};

/// A stream of random draws; the same seed and stream give the same ones everywhere.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// Returns the draws of one of the independent streams of a seed.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Returns a number in 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0.random()
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Returns an index below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n)
    }

    /// Returns a whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        self.0.random_range(low..=high)
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Returns an index with a probability in proportion to its weight.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (idx, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return idx;
            }
        }
        weights.len() - 1
    }

    pub(crate) fn normal(&mut self, mean: f64, deviation: f64) -> f64 {
        Normal::new(mean, deviation).map_or(mean, |normal| normal.sample(&mut self.0))
    }

    /// Returns a positive number of this mean, its logarithm spread normally.
    pub(crate) fn positive(&mut self, mean: f64, spread: f64) -> f64 {
        let location = mean.ln() - spread * spread / 2.0;
        LogNormal::new(location, spread).map_or(mean, |distribution| distribution.sample(&mut self.0))
    }

    /// Returns a positive number of this mean; its variation falls with `shape`.
    pub(crate) fn gamma(&mut self, shape: f64, mean: f64) -> f64 {
        Gamma::new(shape, mean / shape).map_or(mean, |distribution| distribution.sample(&mut self.0))
    }

    pub(crate) fn poisson(&mut self, mean: f64) -> i64 {
        Poisson::new(mean).map_or(0, |distribution| whole(distribution.sample(&mut self.0)))
    }

    /// Returns an identifier in the form of a random UUID (version 4).
    pub(crate) fn uuid(&mut self) -> String {
        let bits = (u128::from(self.0.next_u64()) << 64) | u128::from(self.0.next_u64());
        let bits = (bits & !(0xF << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{bits:032x}");
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Returns the whole number nearest to a float.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond the range becomes its end, which no draw here reaches"
)]
pub(crate) fn whole(number: f64) -> i64 {
    number.round() as i64
}

/// Returns a small whole number as a float.
#[expect(clippy::cast_precision_loss, reason = "days, cents and counts of a simulation stay below 2^53")]
pub(crate) fn real(number: i64) -> f64 {
    number as f64
}

/// Returns a length or position as a whole number.
pub(crate) fn length(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |stream| Dice::new(7, stream).uuid();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn means_are_as_asked() {
        let mut dice = Dice::new(1, 1);
        let mut check = |draw: fn(&mut Dice) -> f64, mean: f64| {
            let sum: f64 = (0..20_000).map(|_| draw(&mut dice)).sum();
            assert!((sum / 20_000.0 / mean - 1.0).abs() < 0.05, "{} against {mean}", sum / 20_000.0);
        };
        check(|dice| dice.positive(3.0, 0.5), 3.0);
        check(|dice| dice.gamma(2.0, 5.0), 5.0);
        check(|dice| real(dice.poisson(0.7)), 0.7);
        check(|dice| real(length(dice.weighted(&[1.0, 1.0, 2.0]))), 1.25);
    }
}
