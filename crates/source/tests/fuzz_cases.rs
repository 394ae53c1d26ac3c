//! What the fuzz targets start from and what they have found, each held to the laws.
//!
//! A file of `tests/fuzz_cases/` broke a law once; its name says which. The folders are
//! the targets of `fuzz/`, whose seeds are checked here as well.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "the helpers of tests")]

#[path = "support/laws.rs"]
mod laws;

use std::fs;
use std::path::Path;

/// Checks every file of every target's folder; returns how many there were.
fn check(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut n_files = 0;
    for target in fs::read_dir(folder).unwrap() {
        let target = target.unwrap();
        if !target.path().is_dir() {
            continue;
        }
        for file in fs::read_dir(target.path()).unwrap() {
            let path = file.unwrap().path();
            // Shown by the test's harness where a law is broken.
            println!("{}", path.display());
            laws::check(target.file_name().to_str().unwrap(), &fs::read(path).unwrap());
            n_files += 1;
        }
    }
    n_files
}

#[test]
fn the_seeds_keep_the_laws() {
    assert!(check("../../fuzz/seeds") > 0);
}

#[test]
fn what_was_found_keeps_the_laws() {
    // None was found that a law of its own does not name; the folder is there for the next.
    check("tests/fuzz_cases");
}
