//! The recognition of forms, and the reader it chooses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("form_recognise", bytes));
