//! x
pub(crate) mod check;
pub(crate) mod chunks;
pub(crate) mod columns;
