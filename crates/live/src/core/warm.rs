//! Folds of the profiles that are active just now, kept so that their next event costs what it
//! changes and not what their history is long.
//!
//! Nothing depends on what is kept: a fold that is not here is made anew, with the same bits.

use foldhash::fast::FixedState;
use throng_event::{AsOf, Day};
use throng_feature::{FeatureMatrix, History, HistoryFold, HistoryScratch, RunningFold};

use super::Histories;

/// Folds take at most so much memory, or half of what histories take where that is more: the longer
/// those are, the more it costs to fold one anew. With forty features a fold is a good kilobyte, so
/// there is room for some 200,000 who come and go.
const ROOM_MIN: usize = 256 << 20;

/// Looked up by profile, never iterated.
#[expect(clippy::disallowed_types, reason = "the order of iteration is never seen")]
type Folds = std::collections::HashMap<u32, Box<RunningFold>, FixedState>;

/// What becomes of a fold that is not kept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is kept, for there may be more to come.
    More,
    /// It is made and gone. Journeys, which are read off all rows each time, need it so.
    AsItIs,
}

/// The folds of those who were active lately, in two generations: whoever was not seen while the
/// younger filled half of the room is forgotten.
#[derive(Debug)]
pub(super) struct Warm {
    young: Folds,
    old: Folds,
    /// About how many bytes the two take.
    bytes: (usize, usize),
    /// The days on which they began.
    since: (Day, Day),
    /// Bytes that both may take.
    room: usize,
}

impl Default for Warm {
    fn default() -> Self {
        let since = (Day(i32::MIN), Day(i32::MIN));
        Self { young: Folds::default(), old: Folds::default(), bytes: (0, 0), since, room: ROOM_MIN }
    }
}

impl Warm {
    /// Returns the fold of a profile, if it is kept.
    pub(super) fn get(&mut self, profile: u32) -> Option<&mut RunningFold> {
        if !self.young.contains_key(&profile)
            && let Some(fold) = self.old.remove(&profile)
        {
            self.bytes.1 = self.bytes.1.saturating_sub(taken(&fold));
            self.put(profile, fold);
        }
        self.young.get_mut(&profile).map(Box::as_mut)
    }

    /// Takes the event that was added last into the fold of its profile, if that is kept. One that would
    /// take more rows than so many is forgotten.
    pub(super) fn take_in<'h>(
        &mut self,
        (fold, profile, n_rows_max): (&HistoryFold, u32, usize),
        histories: impl FnOnce() -> Histories<'h>,
        scratch: &mut HistoryScratch,
    ) {
        let Some(known) = self.get(profile) else { return };
        if fold.extend(known, scratch) {
            return;
        }
        let before = taken(known);
        let mended = fold.mend(known, (&histories(), n_rows_max), scratch);
        let after = taken(known);
        self.bytes.0 = (self.bytes.0 + after).saturating_sub(before);
        if !mended {
            self.forget(profile);
        }
    }

    /// Gives folds the room that is due where histories take so much memory.
    pub(super) fn make_room(&mut self, history_bytes: usize) {
        self.room = ROOM_MIN.max(history_bytes / 2);
    }

    /// Returns whether the fold of somebody who was active on a day would still be here if it had
    /// been kept then. Whoever comes more seldom would take the place of others each time for nothing.
    pub(super) fn reaches(&self, day: Day) -> bool {
        day >= self.since.1
    }

    /// Keeps a fold.
    fn put(&mut self, profile: u32, fold: Box<RunningFold>) {
        if self.bytes.0 >= self.room / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = (0, self.bytes.0);
            self.since = (fold.day(), self.since.0);
        }
        self.bytes.0 += taken(&fold);
        let before = self.young.insert(profile, fold);
        self.bytes.0 = self.bytes.0.saturating_sub(before.map_or(0, |fold| taken(&fold)));
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
                let mut running = Box::new(fold.start(histories, as_of, scratch));
                fold.evaluate(&mut running, scratch, matrix);
                self.put(profile, running);
            }
            Keep::AsItIs => fold.fold(histories, as_of, scratch, matrix),
        }
    }

    /// Forgets the fold of a profile.
    pub(super) fn forget(&mut self, profile: u32) {
        for (folds, bytes) in [(&mut self.young, &mut self.bytes.0), (&mut self.old, &mut self.bytes.1)] {
            let forgotten = folds.remove(&profile);
            *bytes = bytes.saturating_sub(forgotten.map_or(0, |fold| taken(&fold)));
        }
    }

    /// Returns about how many bytes of memory the folds take.
    pub(super) fn memory(&self) -> usize {
        self.bytes.0 + self.bytes.1
    }
}

/// Returns about how many bytes a fold takes with its place in the table, of which some are empty. It
/// grows a little with time, so a sum of these may not come down to 0.
fn taken(fold: &RunningFold) -> usize {
    fold.memory() + 2 * size_of::<(u32, Box<RunningFold>)>()
}

#[cfg(test)]
mod tests {
    use std::iter::repeat_with;

    use throng_event::Calendar;
    use throng_feature::{Catalogue, Compiled, FeatureDefinition, FeatureKind, Filter, SignalCategory, Window};

    use super::*;

    #[test]
    fn folds_keep_to_their_room_and_whoever_was_forgotten_is_folded_anew() {
        let definition = |(name, window): (&str, Window)| FeatureDefinition {
            name: name.to_owned(),
            kind: FeatureKind::Count,
            filter: Filter::behaviour(),
            window,
            half_life_days: None,
            description: String::new(),
            phrase: name.to_owned(),
            unit: "-".to_owned(),
            category: SignalCategory::Behavioural,
        };
        let definitions = [("all", Window::All), ("week", Window::days(7))].map(definition);
        let compiled = Compiled::new(&Catalogue::new(definitions.into(), None).unwrap());
        let (mut fold, calendar) = (HistoryFold::new(&compiled), Calendar::utc());
        let mut histories: Vec<History> = repeat_with(History::default).take(300).collect();
        let events = throng_testkit::random_events(1, 900);
        let today = events.iter().map(|event| calendar.local(event.occurred_at).0).max().unwrap();
        for (event, history) in events.iter().zip((0..300).cycle()) {
            fold.add(&mut histories[history], (event, None), &calendar);
        }
        let (mut scratch, as_of) = (HistoryScratch::default(), calendar.as_of(today));
        let mut warm = Warm { room: 40_000, ..Warm::default() };
        let mut once = |profile: u32, keep: Keep| {
            let mut matrix = FeatureMatrix::new(&compiled);
            let history = &histories[usize::try_from(profile).unwrap()];
            warm.fold((&fold, profile, keep), (&[history], as_of), (&mut scratch, &mut matrix));
            let known = warm.young.len() + warm.old.len();
            (format!("{:?}", matrix.columns()), warm.memory(), known)
        };
        let mut n_most = 0;
        // Each of a few often, and everybody now and then.
        for profile in (0..300).flat_map(|profile| [profile % 7, profile]) {
            let (values, memory, n_known) = once(profile, Keep::More);
            assert!(memory < 43_000, "{memory} bytes");
            n_most = n_most.max(n_known);
            let mut anew = FeatureMatrix::new(&compiled);
            let history = &histories[usize::try_from(profile).unwrap()];
            fold.fold(&[history], as_of, &mut HistoryScratch::default(), &mut anew);
            assert_eq!(values, format!("{:?}", anew.columns()));
        }
        assert!((10..300).contains(&n_most), "{n_most} folds");
        (0..300).for_each(|profile| warm.forget(profile));
        assert_eq!(warm.memory(), 0);
    }
}
