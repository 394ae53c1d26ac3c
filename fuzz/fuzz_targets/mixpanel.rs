//! The export of Mixpanel, of both clocks.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("mixpanel", bytes));
