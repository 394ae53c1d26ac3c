//! The columns the batch kernel reads.

/// Marks a missing value among codes.
pub const NO_CODE: u32 = u32::MAX;
/// Marks a missing value among numbers.
pub const NO_NUMBER: i64 = i64::MIN;

/// Columns of many profiles' events.
///
/// The rows of one profile stand together and in the total order (`occurred_at`,
/// event key); its days therefore never decrease. Every event stands once.
#[derive(Debug, Clone)]
pub struct Columns<'a> {
    /// When each event happened, microseconds.
    pub occurred_at: &'a [i64],
    /// The local day of each event.
    pub day: &'a [i32],
    /// The local hour of each event, 0 to 23.
    pub hour: &'a [u8],
    /// Where the product lines of each event begin and, at the next place, end: one
    /// more than there are events. May be empty when no field is per product.
    pub line_offsets: &'a [u32],
    /// The fields, in the order of [`Compiled::fields`](crate::Compiled::fields).
    /// A field of the product lines has one place for every line, others one for every event.
    pub fields: Vec<FieldColumn<'a>>,
}

/// The values of one field.
#[derive(Debug, Clone)]
pub enum FieldColumn<'a> {
    /// Texts, as codes into a dictionary of this batch.
    Codes {
        /// The code of each value, [`NO_CODE`] where there is none.
        codes: &'a [u32],
        /// The text of each code, every text once.
        dictionary: &'a [String],
    },
    /// Numbers: minor units for money, millionths for all others;
    /// [`NO_NUMBER`] where there is none. Money in another currency than the
    /// catalogue's is none.
    Numbers {
        /// The number of each value.
        values: &'a [i64],
    },
}
