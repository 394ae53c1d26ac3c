//! Mappings, written and applied.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("mapping_toml", bytes));
