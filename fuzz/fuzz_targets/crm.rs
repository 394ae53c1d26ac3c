//! Deals, accounts, contacts and leads of a CRM.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throng_fuzz::check("crm", bytes));
