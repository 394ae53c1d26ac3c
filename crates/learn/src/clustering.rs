//! x
pub(crate) mod check;
pub(crate) mod columns;
