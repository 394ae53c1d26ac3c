//! Tables of text and JSON, through a proposed and a full mapping.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("table_text", bytes));
