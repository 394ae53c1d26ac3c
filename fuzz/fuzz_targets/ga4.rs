//! The export of Google Analytics 4.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("ga4", bytes));
