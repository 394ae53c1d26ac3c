//! Exact sums of `f32` values: the same bits whatever the order, the blocks or the threads.
//!
//! A finite `f32` is a whole number of 24 bits times a power of two. A sum is kept as a number in
//! base 2^16 whose digits are 64-bit counters (a small superaccumulator; Neal 2015): adding a value
//! adds its whole number, shifted within a digit, to one counter. Nothing is rounded until the sum
//! is read, so `merge` is associative and commutative exactly, and what was added can be taken away.

use crate::error::LearnError;
use crate::number::{digit_real, index};

/// Digits of a sum: 16 for the 254 exponents of finite values, 2 more for the carries of up to 2^40 rows.
const N_DIGITS: usize = 18;
/// Bits of a digit once carries are taken; `f32` exponents fall into digits of so many.
const DIGIT_BITS: u32 = 16;
/// Rows after which carries are taken: a row adds less than 2^39 to a counter of 63 bits.
const N_PENDING_MAX: u64 = 1 << 23;
/// The exponent of the lowest bit of the lowest digit: `f32` counts exponents from -150.
const EXPONENT_MIN: i32 = -150;

/// A table of exact sums: for each group (a cluster, say) one sum per column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExactSums {
    n_columns: usize,
    /// Group after group; inside it digit after digit, lowest first; inside it one per column.
    digits: Vec<i64>,
    /// Bound of every counter but the highest, in units of 2^39.
    n_pending: u64,
}

impl ExactSums {
    /// Returns sums of nothing.
    pub(super) fn zero(n_groups: usize, n_columns: usize) -> ExactSums {
        ExactSums { n_columns, digits: vec![0; n_groups * N_DIGITS * n_columns], n_pending: 0 }
    }

    /// Adds a row of finite values to the sums of a group.
    #[inline(always)]
    pub(super) fn add(&mut self, group: usize, row: &[f32]) {
        self.accumulate(group, row, 0);
    }

    /// Takes a row of finite values away from the sums of a group.
    #[inline(always)]
    pub(super) fn subtract(&mut self, group: usize, row: &[f32]) {
        self.accumulate(group, row, 1 << 31);
    }

    #[inline(always)]
    fn accumulate(&mut self, group: usize, row: &[f32], sign: u32) {
        if self.n_pending >= N_PENDING_MAX {
            self.carry();
        }
        self.n_pending += 1;
        let n_columns = self.n_columns;
        let start = group * N_DIGITS * n_columns;
        let digits = &mut self.digits[start..start + N_DIGITS * n_columns];
        for (column_idx, value) in row.iter().enumerate() {
            let bits = value.to_bits() ^ sign;
            let exponent = (bits >> 23) & 0xff;
            // Subnormal values have the least exponent and no leading bit.
            let leading = u32::from(exponent != 0);
            let whole = i64::from((bits & 0x007f_ffff) | (leading << 23));
            let exponent = exponent + (1 - leading);
            let shifted = whole << (exponent % DIGIT_BITS);
            // 0 or -1: negates without a branch.
            let negative = -i64::from(bits >> 31);
            digits[index(exponent / DIGIT_BITS) * n_columns + column_idx] += (shifted ^ negative) - negative;
        }
    }

    /// Adds the sums of another table of the same shape.
    pub(super) fn merge(&mut self, other: &ExactSums) {
        assert_eq!(self.digits.len(), other.digits.len());
        if self.n_pending + other.n_pending > N_PENDING_MAX {
            self.carry();
        }
        for (digit, part) in self.digits.iter_mut().zip(&other.digits) {
            *digit += part;
        }
        self.n_pending += other.n_pending;
    }

    /// Brings every digit but the highest of each sum to `0..2^16`: the one form of each sum.
    pub(super) fn carry(&mut self) {
        for group in self.digits.chunks_exact_mut(N_DIGITS * self.n_columns) {
            for column_idx in 0..self.n_columns {
                let mut carry = 0;
                for digit_idx in 0..N_DIGITS - 1 {
                    let digit = &mut group[digit_idx * self.n_columns + column_idx];
                    let whole = *digit + carry;
                    carry = whole >> DIGIT_BITS;
                    *digit = whole - (carry << DIGIT_BITS);
                }
                group[(N_DIGITS - 1) * self.n_columns + column_idx] += carry;
            }
        }
        self.n_pending = 1;
    }

    /// Returns the sums of a group, each rounded once, towards zero.
    pub(super) fn group(&self, group: usize) -> Vec<f64> {
        let start = group * N_DIGITS * self.n_columns;
        let own = self.digits[start..start + N_DIGITS * self.n_columns].to_vec();
        let mut own = ExactSums { n_columns: self.n_columns, digits: own, n_pending: self.n_pending };
        own.carry();
        (0..self.n_columns).map(|column_idx| own.value(column_idx)).collect()
    }

    /// Returns the first group's sum of a column, carries taken.
    fn value(&self, column_idx: usize) -> f64 {
        let mut digits = [0_i64; N_DIGITS];
        for (digit_idx, digit) in digits.iter_mut().enumerate() {
            *digit = self.digits[digit_idx * self.n_columns + column_idx];
        }
        let negative = digits[N_DIGITS - 1] < 0;
        if negative {
            // The digits of the magnitude, so that no two terms below cancel.
            let mut table = ExactSums { n_columns: 1, digits: digits.map(|digit| -digit).to_vec(), n_pending: 1 };
            table.carry();
            digits.copy_from_slice(&table.digits);
        }
        // The highest digit that is not 0 and the five below it hold more than 64 bits.
        let Some(highest) = digits.iter().rposition(|&digit| digit != 0) else { return 0.0 };
        let lowest = highest.saturating_sub(5);
        let mut whole = 0_i128;
        for &digit in digits[lowest..=highest].iter().rev() {
            whole = (whole << DIGIT_BITS) + i128::from(digit);
        }
        let magnitude = digit_real(whole, EXPONENT_MIN, lowest * index(DIGIT_BITS));
        if negative { -magnitude } else { magnitude }
    }

    /// Appends the sums' one form to `bytes`.
    pub(super) fn append_state(&self, bytes: &mut Vec<u8>) {
        let mut carried = self.clone();
        carried.carry();
        bytes.extend(carried.digits.iter().flat_map(|digit| digit.to_le_bytes()));
    }

    /// Returns how many bytes the state of a table takes.
    pub(super) fn state_n_bytes(n_groups: usize, n_columns: usize) -> usize {
        n_groups * N_DIGITS * n_columns * size_of::<i64>()
    }

    /// Reads sums of `n_columns` back from their state.
    pub(super) fn from_state(n_columns: usize, bytes: &[u8]) -> Result<ExactSums, LearnError> {
        let (words, _) = bytes.as_chunks::<8>();
        let digits: Vec<i64> = words.iter().map(|&word| i64::from_le_bytes(word)).collect();
        for (digit_idx, &digit) in digits.iter().enumerate() {
            let highest = digit_idx / n_columns % N_DIGITS == N_DIGITS - 1;
            // Beyond 2^62 the next carry could overflow; 2^40 rows stay far below.
            let allowed = if highest { -(1 << 62)..1 << 62 } else { 0..1 << DIGIT_BITS };
            if !allowed.contains(&digit) {
                return Err(LearnError::InvalidState { what: "a digit of a sum" });
            }
        }
        Ok(ExactSums { n_columns, digits, n_pending: 1 })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::ExactSums;

    fn sum(values: &[f32]) -> ExactSums {
        let mut sums = ExactSums::zero(1, 1);
        for value in values {
            sums.add(0, std::slice::from_ref(value));
        }
        sums
    }

    #[test]
    fn sums_worked_by_hand_are_exact() {
        let check = |values: &[f32], expected: f64| {
            assert_eq!(sum(values).group(0)[0].to_bits(), expected.to_bits(), "{values:?}");
        };
        check(&[], 0.0);
        check(&[1.0, 2.5, -0.25], 3.25);
        check(&[1e30, 1.0, -1e30], 1.0);
        check(&[f32::MAX, f32::MAX, 1.0, -f32::MAX, -f32::MAX], 1.0);
        check(&[f32::MAX; 3], 3.0 * f64::from(f32::MAX));
        check(&[f32::MIN_POSITIVE / 4.0, -f32::MIN_POSITIVE], -0.75 * f64::from(f32::MIN_POSITIVE));
        check(&[f32::from_bits(1); 3], 3.0 * f64::from(f32::from_bits(1)));
        check(&[-1.0, -2.0, 0.0, -0.0], -3.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn order_cut_and_removal_leave_the_same_state(
            bits in proptest::collection::vec(any::<u32>(), 1..60),
            cut in 0..60_usize,
            removed in proptest::collection::vec(any::<u32>(), 0..10),
        ) {
            let finite = |bits: Vec<u32>| -> Vec<f32> {
                bits.into_iter().map(f32::from_bits).filter(|value| value.is_finite()).collect()
            };
            let (values, removed) = (finite(bits), finite(removed));
            let state = |sums: &ExactSums| {
                let mut bytes = Vec::new();
                sums.append_state(&mut bytes);
                bytes
            };
            let expected = state(&sum(&values));
            let mut reversed = values.clone();
            reversed.reverse();
            let (first, second) = reversed.split_at(cut.min(values.len()));
            let mut merged = sum(second);
            for value in &removed {
                merged.subtract(0, std::slice::from_ref(value));
            }
            merged.merge(&sum(first));
            merged.merge(&sum(&removed));
            prop_assert_eq!(&state(&merged), &expected);
            let read = ExactSums::from_state(1, &expected).unwrap();
            prop_assert_eq!(state(&read), expected);
        }

        #[test]
        fn sum_of_like_magnitudes_is_that_of_doubles(values in proptest::collection::vec(-4.0_f32..4.0, 1..200)) {
            let expected: f64 = values.iter().map(|&value| f64::from(value)).sum();
            prop_assert!((sum(&values).group(0)[0] - expected).abs() <= 1e-12);
        }
    }
}
