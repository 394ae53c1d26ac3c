//! What the fuzz targets start from, held to the laws they hold every input to.
//!
//! The folders of `fuzz/seeds/` are the targets of `fuzz/`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers of tests")]

#[path = "support/laws.rs"]
mod laws;

use std::fs;
use std::path::Path;

#[test]
fn the_seeds_keep_the_laws() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    let mut n_files = 0;
    for target in fs::read_dir(folder).unwrap() {
        let target = target.unwrap();
        for file in fs::read_dir(target.path()).unwrap() {
            let path = file.unwrap().path();
            // Shown by the test's harness where a law is broken.
            println!("{}", path.display());
            laws::check(target.file_name().to_str().unwrap(), &fs::read(path).unwrap());
            n_files += 1;
        }
    }
    assert!(n_files > 0);
}
