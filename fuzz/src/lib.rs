//! Runs the laws of `throng-source` under the fuzzer.
//!
//! The laws themselves stand in `crates/source/tests/support/laws.rs`, where the tests
//! of what was found use them too.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, Once};

#[path = "../../crates/source/tests/support/laws.rs"]
mod laws;

static SAID: Mutex<String> = Mutex::new(String::new());
static HOOKED: Once = Once::new();

/// Checks the laws of one target on one input; a law that is broken ends the process.
///
/// The fuzzer's own hook ends it at any panic, those included that the reader of Parquet
/// catches because the decoder has them on damaged data. Ours only remembers what was said.
pub fn check(target: &str, bytes: &[u8]) {
    HOOKED.call_once(|| std::panic::set_hook(Box::new(|panic| *SAID.lock().unwrap() = panic.to_string())));
    if catch_unwind(AssertUnwindSafe(|| laws::check(target, bytes))).is_err() {
        eprintln!("{}", SAID.lock().unwrap());
        std::process::abort();
    }
}
