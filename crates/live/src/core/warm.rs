//! Folds of the profiles that are active just now, kept so that their next event costs what it
//! changes and not what their history is long.
//!
//! Nothing depends on what is kept: a fold that is not here is made anew, with the same bits.

use foldhash::fast::FixedState;
use throng_event::{AsOf, Day};
use throng_feature::{FeatureMatrix, History, HistoryFold, HistoryScratch, RunningFold};

/// Profiles whose folds are kept, in each of two generations: with forty features some 25 MB in
/// all. Somebody who was not seen while so many others were has to be folded again.
const GENERATION_MAX: usize = 5_000;

/// Looked up by profile, never iterated.
#[expect(clippy::disallowed_types, reason = "the order of iteration is never seen")]
type Folds = std::collections::HashMap<u32, RunningFold, FixedState>;

/// What becomes of a fold that is not kept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is kept, for there may be more to come.
    More,
    /// It is made and gone. Journeys, which are read off all rows each time, need it so.
    AsItIs,
}

/// The folds of those who were active lately.
#[derive(Debug)]
pub(super) struct Warm {
    young: Folds,
    old: Folds,
    /// The days on which the two began.
    since: (Day, Day),
}

impl Default for Warm {
    fn default() -> Self {
        Self { young: Folds::default(), old: Folds::default(), since: (Day(i32::MIN), Day(i32::MIN)) }
    }
}

impl Warm {
    /// Returns the fold of a profile, if it is kept.
    pub(super) fn get(&mut self, profile: u32) -> Option<&mut RunningFold> {
        if !self.young.contains_key(&profile)
            && let Some(fold) = self.old.remove(&profile)
        {
            self.put(profile, fold);
        }
        self.young.get_mut(&profile)
    }

    /// Returns whether the fold of somebody who was active on a day would still be here if it had
    /// been kept then. Whoever comes more seldom would take the place of others each time for nothing.
    pub(super) fn reaches(&self, day: Day) -> bool {
        day >= self.since.1
    }

    /// Keeps a fold.
    fn put(&mut self, profile: u32, fold: RunningFold) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
            self.since = (fold.day(), self.since.0);
        }
        self.young.insert(profile, fold);
    }

    /// Appends the features of a profile as of a day to a matrix, from its fold if that is kept, and
    /// otherwise from its histories.
    pub(super) fn fold(
        &mut self,
        (fold, profile, keep): (&HistoryFold, u32, Keep),
        (histories, as_of): (&[&History], AsOf),
        (scratch, matrix): (&mut HistoryScratch, &mut FeatureMatrix),
    ) {
        if let Some(known) = self.get(profile)
            && (known.day() == as_of.day || fold.advance(known, histories, as_of, scratch))
        {
            fold.evaluate(known, scratch, matrix);
            return;
        }
        match keep {
            Keep::More => {
                let mut running = fold.start(histories, as_of, scratch);
                fold.evaluate(&mut running, scratch, matrix);
                self.put(profile, running);
            }
            Keep::AsItIs => fold.fold(histories, as_of, scratch, matrix),
        }
    }

    /// Forgets the fold of a profile.
    pub(super) fn forget(&mut self, profile: u32) {
        self.young.remove(&profile);
        self.old.remove(&profile);
    }

    /// Returns about how many bytes of memory the folds take.
    pub(super) fn memory(&self) -> usize {
        // All have the same readings; one stands for all.
        let of_one = self.young.values().next().map_or(0, RunningFold::memory);
        (self.young.len() + self.old.len()) * (of_one + size_of::<u32>())
    }
}
