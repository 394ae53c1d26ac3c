//! Profiles that follow every event: the durable log and what is kept in memory of it.
//!
//! An event that was acknowledged is on disk. Everything else, who is who, features,
//! memberships, shifts, is a function of the log and is made again from it: a record of the
//! log is an event, or the passing of time, and the [`Core`] applies one after the other.
//! [`Live`] is the handle that sources write to and readers ask.
//!
//! Nothing here reads a clock: when an event was received and what time it is are said by
//! the caller, so a log that is read again gives the same profiles and the same shifts.

mod checkpoint;
mod codec;
mod core;
mod error;
mod hysteresis;
mod index;
mod live;
mod log;
mod model;
mod record;
mod seen;
mod shift_form;
mod unexplained;
mod view;

pub use core::{Core, CoreSettings};
pub use error::LiveError;
pub use hysteresis::ShiftRules;
pub use live::{Decided, Live, LiveSettings, Receipt, Submission};
pub use log::{LakeNote, Log};
pub use model::LiveModel;
pub use record::{Entry, Offset, Prepared, Record, Refused, Scoring};
pub use unexplained::UnexplainedShift;
pub use view::{
    Because, Cause, EventOrder, EventQuery, Opening, ProfileView, ScoringComparison, Shift, ShiftFilter, ShiftId,
    Standing, Status,
};
