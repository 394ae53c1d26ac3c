//! Seeded chance: every generator in this crate is a ChaCha8 stream made here.
//! Work that may run on several threads takes one stream per piece of work,
//! so that the answer does not depend on who runs it.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Returns the generator for piece `stream` of the work seeded by `seed`.
pub(crate) fn generator(seed: u64, stream: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derived_seed(seed, stream))
}

/// Returns a seed that differs for every `stream` (SplitMix64's finaliser; Steele et al. 2014).
pub(crate) fn derived_seed(seed: u64, stream: u64) -> u64 {
    let mut mixed = seed.wrapping_add(stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Returns `0..n_rows`, or `n_rows_max` of them drawn without replacement, in ascending order.
pub(crate) fn sampled_rows(n_rows: usize, n_rows_max: usize, seed: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n_rows).collect();
    if n_rows <= n_rows_max {
        return rows;
    }
    let mut generator = generator(seed, 0);
    for position in 0..n_rows_max {
        let other = generator.random_range(position..n_rows);
        rows.swap(position, other);
    }
    rows.truncate(n_rows_max);
    rows.sort_unstable();
    rows
}

/// Returns `n_rows` row positions drawn with replacement (one bootstrap resample).
pub(crate) fn resampled_rows(n_rows: usize, generator: &mut ChaCha8Rng) -> Vec<usize> {
    (0..n_rows).map(|_| generator.random_range(0..n_rows)).collect()
}
