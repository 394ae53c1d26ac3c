//! Exact sums of `f32` values: the same bits whatever the order, the blocks or the threads.
//!
//! A finite `f32` is a whole number of 24 bits times a power of two. A sum is kept as a number in
//! base 2^16 whose digits are 64-bit counters (a small superaccumulator; Neal 2015): adding a value
//! adds its whole number, shifted within a digit, to one counter. Nothing is rounded until the sum
//! is read, so `merge` is associative and commutative exactly, and what was added can be taken away.
//!
//! Rows whose values all lie in a window of magnitudes take a shorter way: there a value is a whole
//! number of one fixed quantum, and the sum of some thousand of them fits one counter. The window
//! only decides how fast a row is added, never what the sum is.

use crate::error::LearnError;
use crate::number::{digit_real, index};

/// Digits of a sum: 16 for the 254 exponents of finite values, 3 more for the carries of up to 2^40 rows.
const N_DIGITS: usize = 19;
/// Bits of a digit once carries are taken; `f32` exponents fall into digits of so many.
const DIGIT_BITS: u32 = 16;
/// Rows after which carries are taken: a row adds less than 2^39 to a counter of 63 bits.
const N_PENDING_MAX: u64 = 1 << 23;
/// The exponent of the lowest bit of the lowest digit: `f32` counts exponents from -150.
const EXPONENT_MIN: i32 = -150;

/// Digits over which a number of up to 68 bits is spread.
const N_PARTS: usize = 5;
/// Whole numbers below this, 2^50, take the short way.
const SHORT_WHOLE_MAX: f64 = 1_125_899_906_842_624.0;
/// Rows on the short way after which its counters are emptied: together they stay below 2^62.
const N_SHORT_MAX: u32 = 1 << 12;
/// 1.5 times 2^52: added to a whole number below 2^51, it brings that number into the lowest bits of the `f64`.
const WHOLE_TO_BITS: f64 = 6_755_399_441_055_744.0;
/// Exponents that the window extends beyond the magnitude that was announced.
const WINDOW_MARGIN: i32 = 4;

/// A table of exact sums: for each group (a cluster, say) one sum per column.
#[derive(Debug, Clone)]
pub(super) struct ExactSums {
    n_columns: usize,
    /// Group after group; inside it digit after digit, lowest first; inside it one per column.
    digits: Vec<i64>,
    /// Bound of every counter but the highest, in units of 2^39.
    n_pending: u64,
    short: ShortWay,
}

/// Exact sums of up to 4096 `f64`, none of them negative, by exponent: to the 48th bit of each.
/// What is below 2^-103 counts as nothing, and what exceeds the greatest `f32` as that.
#[derive(Debug)]
pub(super) struct RealSums {
    wholes: Vec<u64>,
}

/// Exponents of `f64` up to that of the greatest `f32`.
const N_EXPONENTS: usize = 1023 + 128;
/// Bits cut off a number of 53, so that 4096 of them fit a counter.
const CUT_BITS: u32 = 5;
/// The exponent, as `f64` keeps it, of the numbers whose last bit kept is the lowest bit of a sum:
/// `EXPONENT_MIN` above the 1023 and 52 that it is counted from, less the bits cut off.
const EXPONENT_REAL_MIN: usize = 1023 + 52 - 5 - 150;

impl RealSums {
    pub(super) fn zero() -> RealSums {
        RealSums { wholes: vec![0; N_EXPONENTS] }
    }

    #[inline(always)]
    pub(super) fn add(&mut self, value: f64) {
        let bits = value.min(f64::from(f32::MAX)).to_bits();
        let whole = (bits & ((1 << 52) - 1)) | (1 << 52);
        let exponent = usize::try_from(bits >> 52).unwrap_or(0) % N_EXPONENTS;
        // 0 has no leading bit, but is too low to count whatever it adds.
        self.wholes[exponent] += whole >> CUT_BITS;
    }
}

/// Whole numbers of a quantum that are not among the digits yet.
#[derive(Debug, Clone)]
struct ShortWay {
    /// Group after group, one per column.
    counters: Vec<i64>,
    /// Exponent of the quantum, and its reciprocal.
    exponent: i32,
    scale: f64,
    n_rows: u32,
}

impl ShortWay {
    /// Adds the counters of a group, one per column, to its digits. Parts of 16 bits and what is left
    /// above them are less than what a row may add.
    fn add_to(&self, digits: &mut [i64], counters: &[i64]) {
        let position = (self.exponent - EXPONENT_MIN).unsigned_abs();
        for (column_idx, &counter) in counters.iter().enumerate() {
            add_spread(&mut digits[column_idx..], counters.len(), i128::from(counter), position);
        }
    }
}

/// Tables are equal when their sums are.
impl PartialEq for ExactSums {
    fn eq(&self, other: &ExactSums) -> bool {
        let carried = |sums: &ExactSums| {
            let mut sums = sums.clone();
            sums.carry();
            sums.digits
        };
        carried(self) == carried(other)
    }
}

impl Eq for ExactSums {}

impl ExactSums {
    /// Returns sums of nothing, for values whose magnitudes are mostly below or not far above
    /// `magnitude` (which changes only the speed).
    pub(super) fn zero(n_groups: usize, n_columns: usize, magnitude: f32) -> ExactSums {
        // The exponent as `f32` keeps it, 150 above that of the lowest bit.
        let exponent = ((magnitude.abs().to_bits() >> 23) & 0xff).cast_signed() - 127;
        let exponent = (exponent + WINDOW_MARGIN - 49).max(EXPONENT_MIN);
        let counters = vec![0; n_groups * n_columns];
        ExactSums {
            n_columns,
            digits: vec![0; n_groups * N_DIGITS * n_columns],
            n_pending: 0,
            short: ShortWay { counters, exponent, scale: 2.0_f64.powi(-exponent), n_rows: 0 },
        }
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
        if self.short.n_rows >= N_SHORT_MAX {
            self.empty_short_way();
        }
        self.short.n_rows += 1;
        let start = group * self.n_columns;
        let counters = &mut self.short.counters[start..start + self.n_columns];
        let scale = if sign == 0 { self.short.scale } else { -self.short.scale };
        if !add_whole(counters, row, scale) {
            // Takes the row off again: on this way nothing is lost but time.
            for (counter, &value) in counters.iter_mut().zip(row) {
                *counter = counter.wrapping_sub(Whole::of(value, scale).bits);
            }
            self.accumulate_digits(group, row, sign);
        }
    }

    #[cold]
    fn empty_short_way(&mut self) {
        self.short.n_rows = 0;
        if self.n_pending + 1 > N_PENDING_MAX {
            self.take_carries();
        }
        self.n_pending += 1;
        let groups = self.digits.chunks_exact_mut(N_DIGITS * self.n_columns);
        for (digits, counters) in groups.zip(self.short.counters.chunks_exact(self.n_columns)) {
            self.short.add_to(digits, counters);
        }
        self.short.counters.fill(0);
    }

    /// Adds numbers that are not negative to the first sum of the first group.
    pub(super) fn add_reals(&mut self, reals: &RealSums) {
        for (position, &whole) in (0..).zip(&reals.wholes[EXPONENT_REAL_MIN..]) {
            if whole == 0 {
                continue;
            }
            if self.n_pending >= N_PENDING_MAX {
                self.take_carries();
            }
            self.n_pending += 1;
            add_spread(&mut self.digits, self.n_columns, i128::from(whole), position);
        }
    }

    #[cold]
    #[inline(never)]
    fn accumulate_digits(&mut self, group: usize, row: &[f32], sign: u32) {
        if self.n_pending >= N_PENDING_MAX {
            self.take_carries();
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
    pub(super) fn merge(&mut self, mut other: ExactSums) {
        assert_eq!(self.digits.len(), other.digits.len());
        other.empty_short_way();
        if self.n_pending + other.n_pending > N_PENDING_MAX {
            self.take_carries();
            other.take_carries();
        }
        for (digit, part) in self.digits.iter_mut().zip(&other.digits) {
            *digit += part;
        }
        self.n_pending += other.n_pending;
    }

    /// Brings every digit but the highest of each sum to `0..2^16`: the one form of each sum.
    fn carry(&mut self) {
        self.empty_short_way();
        self.take_carries();
    }

    fn take_carries(&mut self) {
        self.digits.chunks_exact_mut(N_DIGITS * self.n_columns).for_each(|group| take_carries(group, self.n_columns));
        self.n_pending = 1;
    }

    /// Returns the sums of a group, each rounded once, towards zero.
    pub(super) fn group(&self, group: usize) -> Vec<f64> {
        let (n_columns, n_digits) = (self.n_columns, N_DIGITS * self.n_columns);
        let mut own = self.digits[group * n_digits..(group + 1) * n_digits].to_vec();
        // A counter that is nearly full still has room for what one row may add.
        self.short.add_to(&mut own, &self.short.counters[group * n_columns..(group + 1) * n_columns]);
        take_carries(&mut own, n_columns);
        let column = |column_idx| std::array::from_fn(|digit_idx| own[digit_idx * n_columns + column_idx]);
        (0..n_columns).map(|column_idx| real_of(column(column_idx))).collect()
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

    /// Takes over the sums whose state is `bytes`, of a table of the same shape.
    pub(super) fn read_state(&mut self, bytes: &[u8]) -> Result<(), LearnError> {
        let (words, _) = bytes.as_chunks::<8>();
        self.digits = words.iter().map(|&word| i64::from_le_bytes(word)).collect();
        self.n_pending = 1;
        for (digit_idx, &digit) in self.digits.iter().enumerate() {
            let highest = digit_idx / self.n_columns % N_DIGITS == N_DIGITS - 1;
            // Beyond 2^62 the next carry could overflow; 2^40 rows stay far below.
            let allowed = if highest { -(1 << 62)..1 << 62 } else { 0..1 << DIGIT_BITS };
            if !allowed.contains(&digit) {
                return Err(LearnError::InvalidState { what: "a digit of a sum" });
            }
        }
        Ok(())
    }
}

/// A value in quanta.
struct Whole {
    /// The number of them, rounded.
    bits: i64,
    /// Whether nothing was rounded and the number is small enough.
    fits: bool,
}

impl Whole {
    #[inline(always)]
    fn of(value: f32, scale: f64) -> Whole {
        let scaled = f64::from(value) * scale;
        let shifted = scaled + WHOLE_TO_BITS;
        #[expect(clippy::float_cmp, reason = "equal exactly when nothing was rounded")]
        let rounded = shifted - WHOLE_TO_BITS != scaled;
        Whole {
            bits: shifted.to_bits().wrapping_sub(WHOLE_TO_BITS.to_bits()).cast_signed(),
            fits: !rounded & (scaled.abs() < SHORT_WHOLE_MAX),
        }
    }
}

/// Adds each value's quanta to its counter, and returns whether all of them fit.
#[inline(always)]
fn add_whole(counters: &mut [i64], row: &[f32], scale: f64) -> bool {
    let mut fits = true;
    for (counter, &value) in counters.iter_mut().zip(row) {
        let whole = Whole::of(value, scale);
        *counter = counter.wrapping_add(whole.bits);
        fits &= whole.fits;
    }
    fits
}

/// Adds `whole`, below 2^68 and counted from bit `position` of the lowest digit, to a sum, the
/// digits of which are `n_columns` apart. No digit changes by more than 2^20.
#[inline(always)]
fn add_spread(digits: &mut [i64], n_columns: usize, whole: i128, position: u32) {
    let (first, shift) = (index(position / DIGIT_BITS), position % DIGIT_BITS);
    let mut left = whole << shift;
    for part_idx in 0..N_PARTS {
        let part = if part_idx + 1 < N_PARTS { left & 0xffff } else { left };
        left >>= DIGIT_BITS;
        #[expect(clippy::cast_possible_truncation, reason = "16 bits, of the last part at most 20")]
        let part = part as i64;
        digits[(first + part_idx) * n_columns] += part;
    }
}

/// Brings every digit but the highest of each sum of a group to `0..2^16`.
fn take_carries(group: &mut [i64], n_columns: usize) {
    for column_idx in 0..n_columns {
        let mut carry = 0;
        for digit_idx in 0..N_DIGITS - 1 {
            let digit = &mut group[digit_idx * n_columns + column_idx];
            let whole = *digit + carry;
            carry = whole >> DIGIT_BITS;
            *digit = whole - (carry << DIGIT_BITS);
        }
        group[(N_DIGITS - 1) * n_columns + column_idx] += carry;
    }
}

/// Returns the number whose digits these are, carries taken.
fn real_of(mut digits: [i64; N_DIGITS]) -> f64 {
    let negative = digits[N_DIGITS - 1] < 0;
    if negative {
        // The digits of the magnitude, so that no two terms below cancel.
        let mut carry = 0;
        for digit in &mut digits {
            let whole = carry - *digit;
            carry = whole >> DIGIT_BITS;
            *digit = whole - (carry << DIGIT_BITS);
        }
        digits[N_DIGITS - 1] += carry << DIGIT_BITS;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    use super::ExactSums;

    fn sum(values: &[f32]) -> ExactSums {
        let mut sums = ExactSums::zero(1, 1, 1.0);
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
            merged.merge(sum(first));
            merged.merge(sum(&removed));
            prop_assert_eq!(&state(&merged), &expected);
            let mut read = ExactSums::zero(1, 1, 1.0);
            read.read_state(&expected).unwrap();
            prop_assert_eq!(state(&read), expected);
        }

        #[test]
        fn sum_of_like_magnitudes_is_that_of_doubles(values in proptest::collection::vec(-4.0_f32..4.0, 1..200)) {
            let expected: f64 = values.iter().map(|&value| f64::from(value)).sum();
            prop_assert!((sum(&values).group(0)[0] - expected).abs() <= 1e-12);
        }
    }
}
