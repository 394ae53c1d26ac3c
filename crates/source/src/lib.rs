//! Every form a history comes in, turned into admitted events.
//!
//! Each reader takes bytes (never a path), an [`Import`] and a sink, and hands the
//! sink one [`Taken`] after the other: an event with what was mended in it, or a
//! row put aside with the reason. A [`Tally`] at the end accounts for every row.
//! A table is read through a [`Mapping`], which [`propose_mapping`] writes from a
//! [`TableSample`] when there is none.

mod attributes;
mod batches;
mod complete_journey;
mod decode;
mod decompress;
mod error;
mod frames;
mod head;
mod import;
mod mapping;
mod number;
mod proposal;
mod segment;
mod table;

pub use complete_journey::{CompleteJourneyTables, read_complete_journey};
pub use decompress::decompress;
pub use error::SourceError;
pub use head::Head;
pub use import::{Import, Quarantined, StopReason, Taken, Tally};
pub use mapping::{
    AmountColumn, AmountPer, AmountUnit, AnswerColumns, ColumnType, Condition, DecimalMark, EventRule, Mapping,
    PersonOf, ProductColumns, Target, Term,
};
pub use proposal::{Proposal, Unsure, propose_mapping};
pub use segment::{read_quarantined_messages, read_segment};
pub use table::{
    TableForm, TableSample, read_parquet_table, read_quarantined_rows, read_table, read_workbook_table,
    sample_parquet_table, sample_table, sample_workbook_table,
};
