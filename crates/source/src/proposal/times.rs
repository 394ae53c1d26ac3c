//! Which column says when, and how its times are written.

use throng_event::Day;

use super::draft::Drafter;
use super::names::{Role, weight};
use super::profile::Profile;
use crate::Term;
use crate::table::{Clock, EXCEL_DAYS};

/// Forms of dates whose first number is the day, tried where one exceeds twelve.
const DAY_FIRST: [&str; 5] = ["%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y", "%d/%m/%y %H:%M", "%d/%m/%y"];

impl Drafter<'_> {
    /// Returns the column of times: the name decides among columns that hold times.
    pub(super) fn time(&self) -> Option<usize> {
        let numbered = |profile: &Profile| {
            [profile.n_unix, profile.n_compact_dates, profile.n_excel_days].iter().any(|n_rows| profile.mostly(*n_rows))
        };
        let timed = |profile: &&Profile| {
            let named = weight(&profile.words, Role::Time) >= 4;
            profile.filled(50) && (profile.mostly(profile.n_times) || named && numbered(profile))
        };
        let candidates = self.profiles.iter().filter(timed);
        candidates
            .max_by_key(|profile| {
                (weight(&profile.words, Role::Time), profile.n_filled, std::cmp::Reverse(profile.idx))
            })
            .map(|profile| profile.idx)
    }

    /// Returns when it happened and how that is written; the day of the import for all
    /// rows where no column says it.
    pub(super) fn take_time(&mut self, time: Option<usize>, today: Day) -> (Term, Option<String>) {
        let Some(time) = time else {
            let said = match self.called_time() {
                Some(profile) => format!(
                    "{:?} is called so, but only {} % of its values can be read as times, written in several ways; all \
                     rows get the day of the import: name the column, and rows whose time cannot be read are put aside",
                    profile.name,
                    profile.n_times * 100 / profile.n_filled.max(1)
                ),
                None => "no column says when; all rows get the day of the import: set the right one".to_owned(),
            };
            self.note("time", said);
            return (Term::Constant(today.to_string()), None);
        };
        let time_format = self.time_format(time);
        self.taken.insert(time);
        (Term::column(&self.name(time)), time_format)
    }

    /// Returns the column that is called as one of times and has some, but too many other things.
    fn called_time(&self) -> Option<&Profile> {
        let called = |profile: &&Profile| weight(&profile.words, Role::Time) >= 4 && profile.n_times > 0;
        self.profiles.iter().filter(called).max_by_key(|profile| profile.n_times)
    }

    fn time_format(&mut self, time: usize) -> Option<String> {
        let profile = &self.profiles[time];
        if weight(&profile.words, Role::Time) <= 0 {
            let said = format!("nothing in its name, only its values say that {:?} is when it happened", profile.name);
            self.note("time", said);
        }
        let profile = &self.profiles[time];
        if profile.mostly(profile.n_compact_dates) {
            return Some("%Y%m%d".to_owned());
        }
        if profile.mostly(profile.n_excel_days) {
            let said = format!("the numbers in {:?} are taken for the days of a spreadsheet", profile.name);
            self.note("time", said);
            return Some(EXCEL_DAYS.to_owned());
        }
        let slashed = self.sample.cells(time).filter(|(_, text)| text.contains('/'));
        let firsts: Vec<u32> = slashed.filter_map(|(_, text)| text.split('/').next()?.parse().ok()).collect();
        if firsts.is_empty() || firsts.iter().any(|first| *first > 31) {
            return None;
        }
        if firsts.iter().all(|first| *first <= 12) {
            let by_day = self.sample.cells(time).any(|(_, text)| {
                text.split('/').nth(1).and_then(|second| second.parse::<u32>().ok()).is_some_and(|second| second > 12)
            });
            if !by_day {
                self.note(
                    "time",
                    "dates are read with the month first; write time_format = \"%d/%m/%Y …\" if the day is".to_owned(),
                );
            }
            return None;
        }
        let fits = |format: &str| {
            let mut clock = Clock::new(Some(format), jiff::tz::TimeZone::UTC);
            self.sample.cells(time).filter(|(_, text)| clock.read(text).is_none()).count() * 100 <= profile.n_filled
        };
        DAY_FIRST.into_iter().find(|format| fits(format)).map(str::to_owned)
    }
}
