//! The settings of one import, what it hands on, and the account it keeps.

use std::collections::BTreeMap;

use throng_event::{
    Admission, Calendar, Currency, Draft, Event, Identity, Limits, PRODUCTS_MAX, Problem, ProblemKind, Value, admit,
};

use crate::SourceError;

/// The settings of one import.
#[derive(Debug, Clone, Copy)]
pub struct Import<'a> {
    /// The name of the source and the span of plausible times.
    pub limits: &'a Limits,
    /// The time zone of times that carry none.
    pub calendar: &'a Calendar,
    /// The currency of amounts that name none; without it such amounts are noted and left out.
    pub currency: Option<Currency>,
}

/// A row or message that became no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Which record of the input, from 1.
    pub row: u64,
    /// The record: of a table a JSON object from column to text (`null` where empty),
    /// of messages the line as it was.
    ///
    /// A record that could not be taken apart is a JSON list of its cells, and one
    /// that is longer than 64 KiB is a JSON text of its beginning. Neither is read
    /// as a row again, for the meaning of its cells is unknown.
    pub raw: String,
    /// The reason.
    pub problem: Problem,
    /// What else was wrong.
    pub further: Vec<Problem>,
}

/// One outcome of reading, in the order of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// An admitted event.
    Event {
        /// The event.
        event: Box<Event>,
        /// What was mended on the way.
        problems: Vec<Problem>,
        /// How many rows it was made from.
        n_rows: u64,
    },
    /// A row put aside.
    Quarantined(Quarantined),
}

/// What a sink answers when it cannot go on.
pub type StopReason = Box<dyn std::error::Error + Send + Sync>;

/// The account of one import: every row read is in an event or in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    /// Records of the input.
    pub rows_read: u64,
    /// Records that are part of an event.
    pub rows_in_events: u64,
    /// Records put aside.
    pub rows_quarantined: u64,
    /// Events handed to the sink.
    pub events: u64,
    /// Records put aside, by reason.
    pub quarantined: BTreeMap<ProblemKind, u64>,
    /// What was mended in events, by kind.
    pub mended: BTreeMap<ProblemKind, u64>,
}

impl Tally {
    /// Adds the account of what was read behind.
    pub fn add(&mut self, other: &Self) {
        self.rows_read += other.rows_read;
        self.rows_in_events += other.rows_in_events;
        self.rows_quarantined += other.rows_quarantined;
        self.events += other.events;
        for (sums, counts) in [(&mut self.quarantined, &other.quarantined), (&mut self.mended, &other.mended)] {
            for (kind, n) in counts {
                *sums.entry(*kind).or_default() += n;
            }
        }
    }
}

/// Bytes of a raw record that are kept.
pub(crate) const RAW_BYTES_MAX: usize = 65_536;

/// Bytes that the drafts of one record may take together. A conversation of ten thousand
/// turns needs a third; a record of megabytes that each of its parts would repeat needs
/// more than there is.
const DRAFTS_BYTES_MAX: usize = 32 << 20;

/// Admits drafts, hands the outcome to the sink and keeps the account.
pub(crate) struct Intake<'a> {
    pub(crate) import: Import<'a>,
    sink: &'a mut dyn FnMut(Taken) -> Result<(), StopReason>,
    tally: Tally,
}

impl<'a> Intake<'a> {
    pub(crate) fn new(import: Import<'a>, sink: &'a mut dyn FnMut(Taken) -> Result<(), StopReason>) -> Self {
        Self { import, sink, tally: Tally::default() }
    }

    /// Counts one more record and returns its number.
    pub(crate) fn next_row(&mut self) -> u64 {
        self.tally.rows_read += 1;
        self.tally.rows_read
    }

    pub(crate) fn rows(&self) -> u64 {
        self.tally.rows_read
    }

    /// Admits the draft of one record, or puts the record aside.
    pub(crate) fn take(
        &mut self,
        row: u64,
        draft: Draft,
        mended: Vec<Problem>,
        raw: impl FnOnce() -> String,
    ) -> Result<(), SourceError> {
        match admit(draft, self.import.limits) {
            Admission::Admitted(event, problems) => self.hand_on(event, [mended, problems].concat(), 1),
            Admission::Rejected(problems) => self.put_aside(row, problems, raw()),
        }
    }

    /// Admits the drafts one record makes: a deal that was opened and won is two events.
    ///
    /// The record counts once. It is put aside, with the first reason, only when none of
    /// its drafts is admitted; what is wrong with single ones is noted on its first event.
    pub(crate) fn take_all(
        &mut self,
        row: u64,
        drafts: Vec<Draft>,
        mended: Vec<Problem>,
        raw: impl FnOnce() -> String,
    ) -> Result<(), SourceError> {
        let (mut admitted, mut rejected) = (Vec::new(), Vec::new());
        for draft in drafts {
            match admit(draft, self.import.limits) {
                Admission::Admitted(event, problems) => admitted.push((event, problems)),
                Admission::Rejected(problems) => rejected.extend(problems),
            }
        }
        if admitted.is_empty() {
            if rejected.is_empty() {
                rejected.push(Problem::new(ProblemKind::MissingName, "the record says nothing that happened"));
            }
            return self.put_aside(row, rejected, raw());
        }
        let mut further = [mended, rejected].concat();
        let mut n_rows = 1;
        for (event, mut problems) in admitted {
            problems.append(&mut further);
            self.hand_on(event, problems, std::mem::take(&mut n_rows))?;
        }
        Ok(())
    }

    /// Hands on an event made from several records.
    pub(crate) fn hand_on(
        &mut self,
        event: Box<Event>,
        problems: Vec<Problem>,
        n_rows: u64,
    ) -> Result<(), SourceError> {
        self.tally.events += 1;
        self.tally.rows_in_events += n_rows;
        for problem in &problems {
            *self.tally.mended.entry(problem.kind).or_default() += 1;
        }
        self.send(Taken::Event { event, problems, n_rows })
    }

    /// Puts one record aside; the first problem is the reason.
    pub(crate) fn put_aside(&mut self, row: u64, mut problems: Vec<Problem>, raw: String) -> Result<(), SourceError> {
        assert!(!problems.is_empty(), "a record is put aside for a reason");
        let problem = problems.remove(0);
        self.tally.rows_quarantined += 1;
        *self.tally.quarantined.entry(problem.kind).or_default() += 1;
        self.send(Taken::Quarantined(Quarantined { row, raw, problem, further: problems }))
    }

    pub(crate) fn read_error(&self, error: std::io::Error) -> SourceError {
        SourceError::from_read(error, self.tally.rows_read)
    }

    /// Closes the account.
    pub(crate) fn finish(self) -> Tally {
        let tally = self.tally;
        assert_eq!(tally.rows_read, tally.rows_in_events + tally.rows_quarantined, "every row is accounted for");
        tally
    }

    fn send(&mut self, taken: Taken) -> Result<(), SourceError> {
        (self.sink)(taken).map_err(|source| SourceError::Stopped { rows: self.tally.rows_read, source })
    }
}

/// Says what is wrong with so many products, before each of them takes its place in memory.
pub(crate) fn check_products(n_products: usize) -> Result<(), Problem> {
    if n_products <= PRODUCTS_MAX {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::TooLarge, &format!("{n_products} product lines")))
}

/// Says what is wrong where so many drafts of one record are more than it may make, each
/// with what they have in common.
pub(crate) fn check_drafts(common: &Draft, n_drafts: usize) -> Result<(), Problem> {
    let attributes = [&common.context, &common.properties, &common.traits];
    let of_value = |value: &Value| match value {
        Value::Text(text) => text.len(),
        Value::Json(text) => text.len(),
        Value::Bool(_) | Value::Number(_) | Value::Instant(_) => 0,
    };
    let of_attributes = attributes
        .into_iter()
        .flatten()
        .map(|(name, value)| size_of::<(String, Value)>() + name.len() + of_value(value));
    let ids = [&common.id, &common.user_id, &common.anonymous_id, &common.group_id, &common.text];
    let of_ids = ids.into_iter().flatten().map(String::len);
    let of_external_ids = common.external_ids.iter().map(|id| size_of::<Identity>() + id.value.len());
    let n_bytes = of_attributes.chain(of_ids).chain(of_external_ids).sum::<usize>() + common.content.len();
    let n_together = n_drafts.saturating_mul(n_bytes + size_of::<Draft>() + size_of::<Event>());
    if n_together <= DRAFTS_BYTES_MAX {
        return Ok(());
    }
    let said = format!("{n_drafts} parts with {n_bytes} bytes in common");
    Err(Problem::new(ProblemKind::TooLarge, &said))
}

/// Returns a raw line as text, cut to what is kept.
pub(crate) fn raw_text(bytes: &[u8]) -> String {
    // Every byte becomes at most one replacement character of three bytes.
    let mut text = String::from_utf8_lossy(&bytes[..bytes.len().min(RAW_BYTES_MAX)]).into_owned();
    text.truncate(text.floor_char_boundary(RAW_BYTES_MAX));
    text
}

#[cfg(test)]
mod tests {
    use super::raw_text;

    #[test]
    fn raw_text_is_bounded_and_valid() {
        assert_eq!(raw_text(&[0xff; 100_000]).len(), 65_535);
        assert_eq!(raw_text("é".as_bytes()), "é");
    }
}
