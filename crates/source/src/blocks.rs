//! Input whose records say the same whatever stands beside them, cut into blocks that can be
//! read apart from each other.
//!
//! Cutting costs a twentieth of reading, so one thread can cut for many that read. What the
//! blocks give, put together in their order, is what [`Form::read`] gives.

use std::fmt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::ops::Range;

use crate::analytics::take_frame;
use crate::frames::{Frame, Frames, LastLine, frames_of_lines};
use crate::import::Intake;
use crate::table::{RowBlock, Rows};
use crate::{
    Form, Import, SourceError, StopReason, Taken, Tally, amplitude, decompress, ga4, mixpanel, posthog, segment,
};

/// Bytes of the records of a block, the last of which may go beyond: some seven hundred usual
/// messages, beside which handing a block to another thread costs nothing. Records that are
/// nothing but names of attributes take a hundred times their bytes when they are taken apart.
const BLOCK_BYTES: usize = 1 << 19;

/// Reads one record.
type Reader = fn(Frame<'_>, &mut Intake<'_>) -> Result<(), SourceError>;

/// Records that stand one after the other in their input.
#[derive(Default)]
pub struct Block(Content);

enum Content {
    Records(Records),
    Rows(RowBlock),
}

/// Records of JSON: lines as they stand, or values with where they are.
#[derive(Default)]
struct Records {
    bytes: Vec<u8>,
    lines: Option<LastLine>,
    values: Vec<(Range<usize>, Length)>,
    reader: Option<Reader>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Whole,
    TooLong,
}

impl Default for Content {
    fn default() -> Self {
        Self::Records(Records::default())
    }
}

impl Block {
    /// Returns about how many bytes its records have.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        match &self.0 {
            Content::Records(records) => records.bytes.len(),
            Content::Rows(rows) => rows.n_bytes(),
        }
    }

    /// Hands what its records give to a sink. Rows are numbered from the first record on.
    ///
    /// # Errors
    /// [`SourceError::Stopped`] when the sink refuses.
    pub fn read(
        &self,
        import: Import<'_>,
        sink: &mut dyn FnMut(Taken) -> Result<(), StopReason>,
    ) -> Result<Tally, SourceError> {
        let mut intake = Intake::new(import, sink);
        match &self.0 {
            Content::Records(records) => records.read(&mut intake)?,
            Content::Rows(rows) => rows.read(&mut intake)?,
        }
        Ok(intake.finish())
    }
}

impl Records {
    fn read(&self, intake: &mut Intake<'_>) -> Result<(), SourceError> {
        let Some(reader) = self.reader else { return Ok(()) };
        if let Some(last) = self.lines {
            return frames_of_lines(&self.bytes, last).try_for_each(|frame| reader(frame, intake));
        }
        self.values.iter().try_for_each(|(range, length)| {
            let bytes = &self.bytes[range.clone()];
            let frame = match length {
                Length::Whole => Frame::Whole(bytes),
                Length::TooLong => Frame::TooLong(bytes),
            };
            reader(frame, intake)
        })
    }

    fn fill(&mut self, frames: &mut Frames<impl BufRead>) -> io::Result<()> {
        self.lines = Some(LastLine::Whole);
        self.lines = frames.lines(&mut self.bytes, BLOCK_BYTES)?;
        while self.lines.is_none() && self.bytes.len() < BLOCK_BYTES {
            match frames.next()? {
                Some(frame) => self.push(&frame),
                None => break,
            }
        }
        Ok(())
    }

    fn push(&mut self, frame: &Frame<'_>) {
        let (bytes, length) = match frame {
            Frame::Whole(bytes) => (bytes, Length::Whole),
            Frame::TooLong(bytes) => (bytes, Length::TooLong),
        };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.values.push((start..self.bytes.len(), length));
    }
}

/// Input on its way to being cut into blocks.
pub struct Blocks<'a> {
    input: Input<'a>,
    /// Why the input could not be read on behind the last block.
    failed: Option<SourceError>,
}

enum Input<'a> {
    Records(Frames<Box<dyn BufRead + 'a>>, Reader),
    Rows(Box<Rows<'a>>),
}

impl<'a> Blocks<'a> {
    /// Returns the rows of a table to be cut.
    pub(crate) fn of_rows(rows: Rows<'a>) -> Self {
        Self { input: Input::Rows(Box::new(rows)), failed: None }
    }

    /// Fills a block with the next records, in place of those it has; returns whether there
    /// were any.
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read on. Records that stand before the fault
    /// come in a block first.
    pub fn fill(&mut self, block: &mut Block) -> Result<bool, SourceError> {
        let any = match (&mut self.input, &mut block.0) {
            (Input::Records(frames, reader), Content::Records(records)) => {
                records.bytes.clear();
                records.values.clear();
                records.reader = Some(*reader);
                if self.failed.is_none() {
                    self.failed = records.fill(frames).err().map(|error| SourceError::from_read(error, 0));
                }
                !records.bytes.is_empty()
            }
            (Input::Rows(rows), Content::Rows(filled)) => {
                filled.clear();
                if self.failed.is_none() {
                    self.failed = rows.fill(filled, BLOCK_BYTES).err();
                }
                filled.any()
            }
            // A block of other input, or a new one.
            (Input::Records(..), Content::Rows(_)) => {
                block.0 = Content::default();
                return self.fill(block);
            }
            (Input::Rows(_), Content::Records(_)) => {
                block.0 = Content::Rows(RowBlock::default());
                return self.fill(block);
            }
        };
        match self.failed.take_if(|_| !any) {
            Some(error) => Err(error),
            None => Ok(any),
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("n_bytes", &self.n_bytes()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Form {
    /// Returns a file of this form to be cut into blocks, `None` where it has to be read from
    /// its beginning to its end: rows that make one order, archives, columns.
    ///
    /// # Errors
    /// [`SourceError`] when the input cannot be read.
    pub fn blocks<'a>(self, mut input: impl Read + Seek + 'a) -> Result<Option<Blocks<'a>>, SourceError> {
        let failed = |error| SourceError::from_read(error, 0);
        let mut magic = Vec::new();
        input.by_ref().take(4).read_to_end(&mut magic).map_err(failed)?;
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let Some(reader) = self.reader().filter(|_| magic != b"PAR1" && magic != b"PK\x03\x04") else {
            return Ok(None);
        };
        let frames = decompress(input).and_then(Frames::new).map_err(failed)?;
        Ok(Some(Blocks { input: Input::Records(frames, reader), failed: None }))
    }

    /// Returns what reads one record, `None` where a record is not read alone.
    fn reader(self) -> Option<Reader> {
        Some(match self {
            Self::Segment => segment::take_frame,
            Self::Ga4 => |frame, intake| take_frame(frame, intake, ga4::MAKER),
            Self::Mixpanel => |frame, intake| take_frame(frame, intake, mixpanel::UTC_MAKER),
            Self::MixpanelLocal => |frame, intake| take_frame(frame, intake, mixpanel::LOCAL_MAKER),
            Self::Amplitude => |frame, intake| take_frame(frame, intake, amplitude::MAKER),
            Self::PostHog => |frame, intake| take_frame(frame, intake, posthog::MAKER),
            Self::Ga360
            | Self::Shopify
            | Self::CrmDeals
            | Self::CrmAccounts
            | Self::CrmContacts
            | Self::CrmLeads
            | Self::Tickets
            | Self::Transcripts
            | Self::Reviews
            | Self::AccessLog
            | Self::CompleteJourney
            | Self::Table => return None,
        })
    }
}

#[cfg(test)]
mod tests;
