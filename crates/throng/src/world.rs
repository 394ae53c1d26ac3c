//! What is read from the world outside the home: the clock, the folder we stand in,
//! the number of processors. Nothing that is computed depends on any of it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use throng_engine::CONFIG_FILE;

use crate::failure::Usage;

/// Measures how long something takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring.
    pub(crate) fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "how long a command took is for people, no result depends on it")]
        let now = Instant::now();
        Self(now)
    }

    /// Returns the seconds since.
    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Returns the threads to use: as asked for, or all there are.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// Returns the home: as named, or the nearest folder at or above this one that is a home.
///
/// # Errors
/// [`Usage`] when there is none.
pub(crate) fn find_home(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let here = std::env::current_dir()?;
    let home = here.ancestors().find(|folder| folder.join(CONFIG_FILE).is_file());
    home.map(Path::to_owned).ok_or_else(|| {
        Usage {
            what: format!("there is no Throng home at {here:?} or above"),
            hint: "make one with `throng init`, or name one with --home DIR".to_owned(),
        }
        .into()
    })
}

/// Returns the present instant: no event can have happened after it.
pub(crate) fn now() -> throng_event::Instant {
    #[expect(clippy::disallowed_methods, reason = "clocks of sources are judged by ours, once, at admission")]
    let now = std::time::SystemTime::now();
    let since_1970 = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // Microseconds overflow in the year 294,000.
    throng_event::Instant(i64::try_from(since_1970.as_micros()).unwrap_or(i64::MAX))
}
