//! What tests of a whole home start from.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use tempfile::TempDir;
use throng_event::Instant;

use crate::import::{ImportEffect, ImportForm, ImportRequest};
use crate::{Engine, Home};

/// Numbers that look random (`SplitMix64`; Steele et al. 2014).
pub(crate) fn chance(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// Returns a home with this configuration that nothing was imported into.
pub(crate) fn home(config: &str, n_threads: usize) -> (TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::create(folder.path(), config).unwrap();
    let engine = Engine::new(home, NonZeroUsize::new(n_threads).unwrap()).unwrap();
    (folder, engine)
}

/// Imports Segment messages, one a line, of the source `shop`.
pub(crate) fn import(engine: &mut Engine, messages: &str) {
    let path: PathBuf = engine.home().root().join("shop.ndjson");
    std::fs::write(&path, messages).unwrap();
    let import = ImportRequest {
        path,
        form: ImportForm::Known(throng_source::Form::Segment),
        source: "shop".to_owned(),
        currency: None,
        latest: Instant(20_000 * Instant::DAY),
        effect: ImportEffect::Write,
    };
    engine.import(&import, &mut |_| {}).unwrap();
}
