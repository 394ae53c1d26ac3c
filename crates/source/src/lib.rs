//! Every form a history comes in, turned into admitted events.
//!
//! Each reader takes bytes (never a path), an [`Import`] and a sink, and hands the
//! sink one [`Taken`] after the other: an event with what was mended in it, or a
//! row put aside with the reason. A [`Tally`] at the end accounts for every row.
//! A table is read through a [`Mapping`], which [`propose_mapping`] writes from a
//! [`TableSample`] when there is none.

mod access_log;
mod amplitude;
mod analytics;
mod attributes;
mod batches;
mod blocks;
mod call;
mod complete_journey;
mod crm;
mod decode;
mod decompress;
mod error;
mod fields;
mod form;
mod frames;
mod ga360;
mod ga4;
mod head;
mod import;
mod lines;
mod mapping;
mod mixpanel;
mod number;
mod plain_json;
mod posthog;
mod proposal;
mod reviews;
mod rows;
mod segment;
mod shopify;
#[cfg(test)]
mod shown;
mod table;
mod tickets;
mod transcripts;

pub use access_log::read_access_log;
pub use amplitude::{read_amplitude, read_amplitude_lines};
pub use blocks::{Block, Blocks};
pub use call::{AnalyticsCall, read_analytics_call};
pub use complete_journey::{CompleteJourneyTables, read_complete_journey};
pub use crm::{read_crm_accounts, read_crm_contacts, read_crm_deals, read_crm_leads};
pub use decompress::decompress;
pub use error::SourceError;
pub use form::Form;
pub use ga4::{read_ga4, read_ga4_parquet};
pub use ga360::read_ga360;
pub(crate) use head::Head;
pub use import::{Import, Quarantined, StopReason, Taken, Tally};
pub use mapping::{
    AmountColumn, AmountPer, AmountUnit, AnswerColumns, ColumnType, Condition, DecimalMark, EventRule, Mapping,
    PersonOf, ProductColumns, Target, Term,
};
pub use mixpanel::{MixpanelClock, read_mixpanel};
pub use posthog::{read_posthog, read_posthog_parquet};
pub use proposal::{Proposal, Unsure, propose_mapping};
pub use reviews::read_reviews;
pub use segment::{SegmentCall, read_segment, read_segment_call, write_segment};
pub use shopify::read_shopify_orders;
pub use table::{
    TableForm, TableSample, read_parquet_table, read_quarantined_rows, read_table, read_workbook_table,
    sample_parquet_table, sample_table, sample_workbook_table, table_blocks,
};
pub use tickets::read_tickets;
pub use transcripts::read_transcripts;
