//! Messages of the Segment Spec.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("segment", bytes));
