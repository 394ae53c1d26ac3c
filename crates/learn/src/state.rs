//! Fitted models as bytes, and back to the same bits.
//!
//! As accumulators have a state, so have models: every part writes its fields one after another, whole
//! numbers as little-endian base-128 varints, floats as the bits they are. A decimal text would need a
//! reader that rounds correctly for every float, and a model that moved by one bit would tell some
//! customers otherwise than it did. The same model has one encoding. What is only of the rows that a
//! model was fitted to, such as their labels, is left out: it tells nothing of other rows, and grows
//! with them.
//!
//! Reading trusts nothing: what is not exactly such a state is an error, every float is finite, every
//! position lies within what it points into, and lengths that must agree do. So a model that was read
//! cannot panic.

use crate::error::LearnError;

/// A part of a fitted model that can be written to bytes and read back.
///
/// ```
/// use throng_learn::{Matrix, State, StateReader, StateWriter};
///
/// let matrix = Matrix::new(2, vec![0.1, f32::MIN_POSITIVE])?;
/// let mut writer = StateWriter::default();
/// matrix.write(&mut writer);
/// let bytes = writer.into_bytes();
/// let mut reader = StateReader::new(&bytes);
/// assert_eq!(Matrix::read(&mut reader)?, matrix);
/// reader.finish()?;
/// # Ok::<(), throng_learn::LearnError>(())
/// ```
pub trait State: Sized {
    /// Appends the part to the bytes.
    fn write(&self, writer: &mut StateWriter);

    /// Reads the part from where the reader stands.
    ///
    /// # Errors
    /// [`LearnError::InvalidState`] for anything that `write` would not have written.
    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError>;
}

/// Bytes that a state is appended to.
#[derive(Debug, Default)]
pub struct StateWriter {
    bytes: Vec<u8>,
}

/// Bytes that a state is read from.
#[derive(Debug)]
pub struct StateReader<'b> {
    bytes: &'b [u8],
}

impl StateWriter {
    /// Returns what was written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Appends one byte, such as the number of a variant.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Appends items without their number, which the reader must know.
    pub fn items<Item: State>(&mut self, items: &[Item]) {
        for item in items {
            item.write(self);
        }
    }

    fn unsigned(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.bytes.push(low_bits(number));
    }
}

fn low_bits(number: u64) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

impl<'b> StateReader<'b> {
    /// Returns a reader at the first of the bytes.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// [`LearnError::InvalidState`] at the end.
    pub fn byte(&mut self) -> Result<u8, LearnError> {
        Ok(self.take(1)?[0])
    }

    /// Reads so many items.
    ///
    /// # Errors
    /// [`LearnError::InvalidState`] when one of them is none.
    pub fn items<Item: State>(&mut self, n_items: usize) -> Result<Vec<Item>, LearnError> {
        // Every item takes a byte at least, so a damaged number cannot ask for more memory than that.
        require(n_items <= self.bytes.len(), "a number of items")?;
        let mut items = Vec::new();
        for _ in 0..n_items {
            items.push(Item::read(self)?);
        }
        Ok(items)
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// [`LearnError::InvalidState`] when bytes are left.
    pub fn finish(self) -> Result<(), LearnError> {
        require(self.bytes.is_empty(), "what follows its end")
    }

    fn take(&mut self, n_bytes: usize) -> Result<&'b [u8], LearnError> {
        let (taken, rest) = self.bytes.split_at_checked(n_bytes).ok_or(invalid("its end"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], LearnError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn unsigned(&mut self) -> Result<u64, LearnError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // A last group of 0 would be a second encoding of the same number.
            let shortest = byte != 0 || shift == 0;
            require((bits << shift) >> shift == bits && shortest, "a whole number")?;
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(invalid("a whole number"))
    }
}

/// Returns the error of a state in which `what` is not what it may be.
pub(crate) fn invalid(what: &'static str) -> LearnError {
    LearnError::InvalidState { what }
}

/// Returns an error about `what` unless the condition holds.
#[expect(clippy::fn_params_excessive_bools, reason = "an assertion that answers: the condition is its subject")]
pub(crate) fn require(holds: bool, what: &'static str) -> Result<(), LearnError> {
    if holds { Ok(()) } else { Err(invalid(what)) }
}

impl State for u64 {
    fn write(&self, writer: &mut StateWriter) {
        writer.unsigned(*self);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        reader.unsigned()
    }
}

impl State for u32 {
    fn write(&self, writer: &mut StateWriter) {
        writer.unsigned(u64::from(*self));
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        u32::try_from(reader.unsigned()?).map_err(|_| invalid("a whole number"))
    }
}

impl State for u8 {
    fn write(&self, writer: &mut StateWriter) {
        writer.byte(*self);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        reader.byte()
    }
}

impl State for usize {
    fn write(&self, writer: &mut StateWriter) {
        // No machine that this runs on has wider ones.
        writer.unsigned(u64::try_from(*self).unwrap_or(u64::MAX));
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        usize::try_from(reader.unsigned()?).map_err(|_| invalid("a whole number"))
    }
}

impl State for bool {
    fn write(&self, writer: &mut StateWriter) {
        writer.byte(u8::from(*self));
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        match reader.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(invalid("a yes or no")),
        }
    }
}

/// Finite numbers only: a fitted model has no others.
impl State for f64 {
    fn write(&self, writer: &mut StateWriter) {
        writer.bytes.extend(self.to_le_bytes());
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let number = f64::from_le_bytes(reader.array()?);
        require(number.is_finite(), "a number")?;
        Ok(number)
    }
}

/// Finite numbers only: a fitted model has no others.
impl State for f32 {
    fn write(&self, writer: &mut StateWriter) {
        writer.bytes.extend(self.to_le_bytes());
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let number = f32::from_le_bytes(reader.array()?);
        require(number.is_finite(), "a number")?;
        Ok(number)
    }
}

impl State for String {
    fn write(&self, writer: &mut StateWriter) {
        self.len().write(writer);
        writer.bytes.extend(self.as_bytes());
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let n_bytes = usize::read(reader)?;
        let text = str::from_utf8(reader.take(n_bytes)?).map_err(|_| invalid("a text"))?;
        Ok(text.to_owned())
    }
}

impl<Item: State> State for Vec<Item> {
    fn write(&self, writer: &mut StateWriter) {
        self.len().write(writer);
        writer.items(self);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let n_items = usize::read(reader)?;
        reader.items(n_items)
    }
}

impl<Inner: State> State for Option<Inner> {
    fn write(&self, writer: &mut StateWriter) {
        self.is_some().write(writer);
        if let Some(inner) = self {
            inner.write(writer);
        }
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        if bool::read(reader)? { Inner::read(reader).map(Some) } else { Ok(None) }
    }
}

impl<Inner: State> State for Box<Inner> {
    fn write(&self, writer: &mut StateWriter) {
        self.as_ref().write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        Inner::read(reader).map(Box::new)
    }
}

impl<First: State, Second: State> State for (First, Second) {
    fn write(&self, writer: &mut StateWriter) {
        self.0.write(writer);
        self.1.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        Ok((First::read(reader)?, Second::read(reader)?))
    }
}

impl<Item: State, const N: usize> State for [Item; N] {
    fn write(&self, writer: &mut StateWriter) {
        writer.items(self);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        <[Item; N]>::try_from(reader.items(N)?).map_err(|_| invalid("a number of items"))
    }
}

/// Gives a struct its state: its fields in the order they are named, all of them. What was read must
/// pass the check, a function of the struct that tells what is wrong with it.
#[macro_export]
macro_rules! state_of_fields {
    ($type:ty { $($field:ident),+ $(,)? }) => {
        $crate::state_of_fields!($type { $($field),+ }, |_: &$type| Ok(()));
    };
    ($type:ty { $($field:ident),+ $(,)? }, $check:expr) => {
        impl $crate::State for $type {
            fn write(&self, writer: &mut $crate::StateWriter) {
                $($crate::State::write(&self.$field, writer);)+
            }

            fn read(reader: &mut $crate::StateReader<'_>) -> Result<Self, $crate::LearnError> {
                let read = Self { $($field: $crate::State::read(reader)?),+ };
                let check: fn(&Self) -> Result<(), $crate::LearnError> = $check;
                check(&read)?;
                Ok(read)
            }
        }
    };
}

/// Gives an enum of plain variants its state: a byte each, which never changes its meaning.
#[macro_export]
macro_rules! state_of_variants {
    ($type:ty, $what:literal, { $($number:literal => $variant:path),+ $(,)? }) => {
        impl $crate::State for $type {
            fn write(&self, writer: &mut $crate::StateWriter) {
                writer.byte(match self {
                    $($variant => $number),+
                });
            }

            fn read(reader: &mut $crate::StateReader<'_>) -> Result<Self, $crate::LearnError> {
                match reader.byte()? {
                    $($number => Ok($variant),)+
                    _ => Err($crate::LearnError::InvalidState { what: $what }),
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::{State, StateReader, StateWriter};
    use crate::error::LearnError;

    fn bytes_of(value: &impl State) -> Vec<u8> {
        let mut writer = StateWriter::default();
        value.write(&mut writer);
        writer.into_bytes()
    }

    fn read<T: State>(bytes: &[u8]) -> Result<T, LearnError> {
        let mut reader = StateReader::new(bytes);
        let value = T::read(&mut reader)?;
        reader.finish()?;
        Ok(value)
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(numbers in proptest::collection::vec(any::<u64>(), 0..9), text in ".{0,9}") {
            let finite: Vec<f64> =
                numbers.iter().map(|bits| f64::from_bits(*bits)).filter(|number| number.is_finite()).collect();
            let bits: Vec<u64> = read::<Vec<f64>>(&bytes_of(&finite)).unwrap().iter().map(|n| n.to_bits()).collect();
            prop_assert_eq!(bits, finite.iter().map(|number| number.to_bits()).collect::<Vec<_>>());
            let whole = (numbers.clone(), Some((text, [numbers.is_empty(), true])));
            prop_assert_eq!(read::<(Vec<u64>, Option<(String, [bool; 2])>)>(&bytes_of(&whole)).unwrap(), whole);
        }

        #[test]
        fn what_is_read_is_written_the_same(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = read::<(Vec<Option<f32>>, (String, Vec<u64>))>(&bytes) {
                prop_assert_eq!(bytes_of(&value), bytes);
            }
        }

        #[test]
        fn cut_states_are_refused(numbers in proptest::collection::vec(any::<u64>(), 1..9), cut in any::<usize>()) {
            let bytes = bytes_of(&numbers);
            prop_assert!(read::<Vec<u64>>(&bytes[..cut % bytes.len()]).is_err());
        }
    }

    #[test]
    fn what_no_model_has_is_refused() {
        assert!(read::<f64>(&f64::NAN.to_le_bytes()).is_err());
        assert!(read::<f32>(&f32::INFINITY.to_le_bytes()).is_err());
        assert!(read::<bool>(&[2]).is_err());
        assert!(read::<u32>(&bytes_of(&(u64::from(u32::MAX) + 1))).is_err());
        assert!(read::<String>(&[1, 0xff]).is_err());
        // A length of many items without the items asks for no memory.
        assert!(read::<Vec<Option<u64>>>(&bytes_of(&u64::MAX)).is_err());
        assert!(read::<u64>(&[0x80, 0]).is_err());
        assert!(read::<u64>(&[0, 0]).is_err());
    }
}
