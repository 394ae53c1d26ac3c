//! Seeded chance without a state: a draw is a hash of the seed and of what is drawn, so it depends
//! neither on the order things are looked at in nor on how many there are.

use crate::number::count;

/// Returns a number that looks random: the hash of the seed, of what it is for, and of the item.
pub(crate) fn hashed(seed: u64, stream: u64, item: &[u8]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(&stream.to_le_bytes()).update(item);
    let mut first = [0; 8];
    hasher.finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// Returns `n_taken` positions of `0..n_items` drawn without replacement, in ascending order; all of
/// them where there are no more.
pub(crate) fn drawn(n_items: usize, n_taken: usize, (seed, stream): (u64, u64)) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..n_items).collect();
    if n_taken < n_items {
        positions.sort_by_cached_key(|position| (hashed(seed, stream, &count(*position).to_le_bytes()), *position));
        positions.truncate(n_taken);
        positions.sort_unstable();
    }
    positions
}

#[cfg(test)]
mod tests {
    use super::drawn;

    #[test]
    fn draw_is_ascending_and_another_for_each_stream() {
        let first = drawn(1000, 300, (7, 0));
        assert_eq!(first.len(), 300);
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(first, drawn(1000, 300, (7, 0)));
        assert_ne!(first, drawn(1000, 300, (7, 1)));
        assert_eq!(drawn(3, 5, (7, 0)), [0, 1, 2]);
    }
}
