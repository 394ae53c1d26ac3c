//! Sessions and hits of Google Analytics 360.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("ga360", bytes));
