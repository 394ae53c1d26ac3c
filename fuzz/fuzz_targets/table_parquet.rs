//! Parquet: tables, and the exports that come in it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("table_parquet", bytes));
