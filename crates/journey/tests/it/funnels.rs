//! Funnels against every possible chain of touchpoints.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use throng_event::Calendar;
use throng_journey::{
    Entries, Exclusion, FunnelOptions, Histories, ProfileSet, Reached, Repeats, State, StepOrder, Window, funnel,
    funnel_correlations, funnel_entries, funnel_profiles, instead_profiles,
};

use crate::model::{
    AnyScope, NAMES, NaiveJourney, Rows, SECOND, Steps, calendar, histories, journeys, length, median, rows, scope,
    small,
};

/// A funnel in the names of the model, as data.
#[derive(Debug, Clone)]
struct Question {
    steps: Vec<Vec<usize>>,
    order: StepOrder,
    /// Seconds, or the scope of the journey that is the window.
    window: Result<i64, AnyScope>,
    exclusions: Vec<(Vec<usize>, Option<usize>)>,
    entries: Entries,
}

fn question() -> impl Strategy<Value = Question> {
    let order = prop_oneof![Just(StepOrder::Ordered), Just(StepOrder::Strict), Just(StepOrder::Any)];
    let window = prop_oneof![(0_i64..30).prop_map(Ok), scope().prop_map(Err)];
    let exclusion = (prop::collection::vec(0_usize..4, 1..2), prop::option::of(0_usize..2));
    let exclusions = prop_oneof![Just(Vec::new()), prop::collection::vec(exclusion, 1..3)];
    let entries = prop_oneof![Just(Entries::Once), Just(Entries::Each)];
    let steps = prop::collection::vec(prop::collection::vec(0_usize..4, 1..3), 1..4);
    (steps, order, window, exclusions, entries).prop_map(|(steps, order, window, exclusions, entries)| Question {
        steps,
        order,
        window,
        exclusions,
        entries,
    })
}

impl Question {
    fn options<'a>(&self, histories: &Histories, calendar: &'a Calendar) -> FunnelOptions<'a> {
        let labels = |names: &Vec<usize>| names.iter().map(|name| histories.label(NAMES[*name]).unwrap()).collect();
        FunnelOptions {
            steps: self.steps.iter().map(labels).collect(),
            order: self.order,
            window: match self.window {
                Ok(seconds) => Window::Clock { window_us: seconds * SECOND },
                Err(scope) => Window::Journey(scope.cut(Repeats::Keep, calendar).scope),
            },
            exclusions: self
                .exclusions
                .iter()
                .map(|(names, after_step)| Exclusion { labels: labels(names), after_step: *after_step })
                .collect(),
            entries: self.entries,
        }
    }

    fn window(&self) -> i64 {
        self.window.unwrap_or(i64::MAX / SECOND)
    }

    fn scope(&self) -> AnyScope {
        self.window.err().unwrap_or(AnyScope::History)
    }

    fn fulfils(&self, step_idx: usize, name: &str) -> bool {
        self.steps[step_idx].iter().any(|other| NAMES[*other] == name)
    }

    fn ends_after(&self, step_idx: usize, name: &str) -> bool {
        let named = |names: &Vec<usize>| names.iter().any(|other| NAMES[*other] == name);
        let any = self.order == StepOrder::Any;
        // Who has taken the last step waits for nothing.
        let waits = step_idx + 1 < self.steps.len();
        self.exclusions.iter().any(|(names, after)| {
            named(names) && (after.is_none_or(|after| after == step_idx) && waits || any && self.steps.len() > 1)
        })
    }

    /// The positions of the attempt in one journey that goes furthest.
    fn furthest(&self, steps: &Steps) -> Vec<usize> {
        if self.order == StepOrder::Any {
            return self.furthest_in_any_order(steps);
        }
        let mut chains: Vec<Vec<usize>> = vec![Vec::new()];
        let mut frontier = chains.clone();
        for _ in 0..self.steps.len() {
            let longer = |chain: &Vec<usize>| self.longer(steps, chain);
            frontier = frontier.iter().flat_map(longer).collect();
            chains.extend(frontier.iter().cloned());
        }
        let times = |chain: &Vec<usize>| chain.iter().map(|idx| steps[*idx].0).collect::<Vec<_>>();
        let key = |chain: &Vec<usize>| {
            let times = times(chain);
            (usize::MAX - chain.len(), chain.last().copied(), times.first().map(|start| -start), times)
        };
        chains.into_iter().min_by_key(key).unwrap()
    }

    /// All chains that are one step longer than a chain.
    fn longer(&self, steps: &Steps, chain: &[usize]) -> Vec<Vec<usize>> {
        let (step_idx, after) = (chain.len(), chain.last().map_or(0, |last| last + 1));
        let fits = |idx: &usize| {
            let start = chain.first().unwrap_or(idx);
            let between = &steps[after..*idx];
            let excluded = step_idx > 0 && between.iter().any(|(_, name)| self.ends_after(step_idx - 1, name));
            let direct = self.order == StepOrder::Ordered || step_idx == 0 || between.is_empty();
            let in_time = steps[*idx].0 - steps[*start].0 <= self.window();
            self.fulfils(step_idx, steps[*idx].1) && !excluded && direct && in_time
        };
        (after..steps.len()).filter(fits).map(|idx| [chain, &[idx]].concat()).collect()
    }

    fn furthest_in_any_order(&self, steps: &Steps) -> Vec<usize> {
        let mut best: Vec<usize> = Vec::new();
        for end in 0..steps.len() {
            let mut chain: Vec<usize> = Vec::new();
            for step_idx in 0..self.steps.len() {
                let usable = |idx: &usize| {
                    self.fulfils(step_idx, steps[*idx].1)
                        && steps[end].0 - steps[*idx].0 <= self.window()
                        && !steps[idx + 1..=end].iter().any(|(_, name)| self.ends_after(0, name))
                };
                chain.extend((0..=end).rev().find(usable));
            }
            chain.sort_unstable();
            if chain.len() > best.len() {
                best = chain;
            }
        }
        best
    }

    /// The positions of all attempts in one journey, one after the other.
    fn each(&self, steps: &Steps) -> Vec<Vec<usize>> {
        let mut attempts = Vec::new();
        let mut from = 0;
        while from < steps.len() {
            let mut taken: BTreeSet<usize> = BTreeSet::new();
            let mut chain: Vec<usize> = Vec::new();
            let mut end = from;
            while end < steps.len() && taken.len() < self.steps.len() {
                let name = steps[end].1;
                let fits: Vec<usize> = match self.order {
                    StepOrder::Any => (0..self.steps.len())
                        .filter(|step| !taken.contains(step) && self.fulfils(*step, name))
                        .collect(),
                    StepOrder::Ordered | StepOrder::Strict => {
                        Some(taken.len()).into_iter().filter(|step| self.fulfils(*step, name)).collect()
                    }
                };
                let under_way = !chain.is_empty();
                let late = under_way && steps[end].0 - steps[chain[0]].0 > self.window();
                let over = under_way
                    && match self.order {
                        StepOrder::Any => self.ends_after(0, name),
                        StepOrder::Strict => fits.is_empty(),
                        StepOrder::Ordered => fits.is_empty() && self.ends_after(taken.len() - 1, name),
                    };
                if late || over {
                    break;
                }
                chain.extend(fits.iter().map(|_| end));
                taken.extend(fits);
                end += 1;
            }
            from = end;
            if !chain.is_empty() {
                attempts.push(chain);
            }
        }
        attempts
    }

    fn attempts(&self, rows: &Rows, calendar: &Calendar) -> Vec<NaiveAttempt> {
        let mut found: Vec<NaiveAttempt> = Vec::new();
        for journey in journeys(rows, self.scope(), Repeats::Keep, calendar) {
            match self.entries {
                Entries::Each => {
                    found.extend(self.each(&journey.steps).iter().map(|chain| self.attempt(&journey, chain)))
                }
                Entries::Once => {
                    let chain = self.furthest(&journey.steps);
                    if chain.is_empty() {
                        continue;
                    }
                    let attempt = self.attempt(&journey, &chain);
                    match found.last_mut().filter(|former| former.profile == journey.profile) {
                        Some(former) if former.seconds.len() < chain.len() => *former = attempt,
                        Some(_) => {}
                        None => found.push(attempt),
                    }
                }
            }
        }
        found
    }

    fn attempt(&self, journey: &NaiveJourney, chain: &[usize]) -> NaiveAttempt {
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let complete = chain.len() == self.steps.len();
        let start = journey.steps[first].0;
        let seen = journey.steps.iter().enumerate().filter(|(idx, (second, _))| {
            *idx >= first && if complete { *idx <= last } else { second - start <= self.window() }
        });
        NaiveAttempt {
            profile: journey.profile,
            seconds: chain.iter().map(|idx| journey.steps[*idx].0).collect(),
            next: journey.steps.get(last + 1).map(|(_, name)| *name),
            seen: seen.map(|(_, (_, name))| *name).collect(),
        }
    }
}

#[derive(Debug, Clone)]
struct NaiveAttempt {
    profile: u32,
    seconds: Vec<i64>,
    next: Option<&'static str>,
    seen: BTreeSet<&'static str>,
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { small(i64::try_from(part).unwrap()) / small(i64::try_from(whole).unwrap()) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn a_funnel_counts_the_attempts(rows in rows(), question in question()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let options = question.options(&histories, &calendar);
        let view = histories.all();
        let found = funnel(&view, &options);
        let attempts = question.attempts(&rows, &calendar);
        prop_assert_eq!(found.steps.len(), question.steps.len());
        prop_assert_eq!(length(found.n_profiles), rows.len());
        let entered = attempts.iter().map(|attempt| (attempt.profile, attempt.seconds[0] * SECOND, attempt.seconds.len()));
        let entries = funnel_entries(&view, &options);
        let entries = entries.iter().map(|entry| (entry.profile, entry.entered_at, entry.n_reached));
        prop_assert_eq!(entries.collect::<Vec<_>>(), entered.collect::<Vec<_>>());
        let n_start = attempts.len();
        let mut n_before = n_start;
        for (step_idx, step) in found.steps.iter().enumerate() {
            let reached: Vec<&NaiveAttempt> = attempts.iter().filter(|attempt| attempt.seconds.len() > step_idx).collect();
            prop_assert_eq!(length(step.n_entries), reached.len());
            let profiles: ProfileSet = reached.iter().map(|attempt| attempt.profile).collect();
            prop_assert_eq!(step.n_profiles, profiles.len());
            prop_assert_eq!(funnel_profiles(&view, &options, step_idx, Reached::AtLeast), profiles);
            prop_assert!((step.conversion_from_start - share(reached.len(), n_start)).abs() < 1e-12);
            prop_assert!((step.conversion_from_previous - share(reached.len(), n_before)).abs() < 1e-12);
            prop_assert!(step.from_start_bounds.low <= step.conversion_from_start);
            prop_assert!(step.conversion_from_start <= step.from_start_bounds.high);
            let gap = |attempt: &&NaiveAttempt| attempt.seconds[step_idx] - attempt.seconds[step_idx - 1];
            let mut gaps: Vec<i64> = reached.iter().filter(|_| step_idx > 0).map(gap).collect();
            prop_assert_eq!(step.median_seconds, median(gaps.clone()));
            gaps.sort_unstable();
            let p90 = (gaps.len() * 90).div_ceil(100).checked_sub(1).map(|rank| small(gaps[rank]));
            prop_assert_eq!(step.p90_seconds, p90);
            n_before = reached.len();
        }
    }

    #[test]
    fn who_enters_a_step_goes_on_or_does_something_instead(rows in rows(), question in question()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let options = question.options(&histories, &calendar);
        let view = histories.all();
        let found = funnel(&view, &options);
        let attempts = question.attempts(&rows, &calendar);
        for (step_idx, step) in found.steps.iter().enumerate() {
            let lost: Vec<&NaiveAttempt> = attempts.iter().filter(|attempt| attempt.seconds.len() == step_idx + 1).collect();
            let profiles: ProfileSet = lost.iter().map(|attempt| attempt.profile).collect();
            prop_assert_eq!(funnel_profiles(&view, &options, step_idx, Reached::NoFurther), profiles);
            let Some(after) = found.steps.get(step_idx + 1) else {
                prop_assert!(step.instead.is_empty());
                continue;
            };
            let n_lost: u64 = step.instead.iter().map(|instead| instead.n_entries).sum();
            prop_assert_eq!(step.n_entries, after.n_entries + n_lost);
            for instead in &step.instead {
                let next = match instead.next {
                    State::Label(label) => Some(histories.name(label)),
                    State::End => None,
                    State::Start => return Err(TestCaseError::fail("nothing goes on with the start")),
                };
                let same: Vec<&&NaiveAttempt> = lost.iter().filter(|attempt| attempt.next == next).collect();
                prop_assert_eq!(length(instead.n_entries), same.len());
                let profiles: ProfileSet = same.iter().map(|attempt| attempt.profile).collect();
                prop_assert_eq!(instead_profiles(&view, &options, step_idx, instead.next), profiles);
            }
        }
    }

    #[test]
    fn correlations_are_the_four_fields_of_a_table(rows in rows(), question in question()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let options = question.options(&histories, &calendar);
        let found = funnel_correlations(&histories.all(), &options);
        let attempts = question.attempts(&rows, &calendar);
        let mut met: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
        for name in attempts.iter().flat_map(|attempt| &attempt.seen) {
            if (0..question.steps.len()).any(|step_idx| question.fulfils(step_idx, name)) {
                continue;
            }
            let count = |seen: bool, converted: bool| {
                let same = |attempt: &&NaiveAttempt| {
                    attempt.seen.contains(name) == seen && (!converted || attempt.seconds.len() == question.steps.len())
                };
                attempts.iter().filter(same).count()
            };
            met.insert(name, [count(true, false), count(true, true), count(false, false), count(false, true)]);
        }
        prop_assert_eq!(found.len(), met.len());
        for (correlation, (name, counts)) in found.iter().zip(met) {
            prop_assert_eq!(histories.name(correlation.label), name);
            let of = [correlation.n_with, correlation.n_with_converted, correlation.n_without, correlation.n_without_converted];
            prop_assert_eq!(of.map(length), counts);
            let effect = share(counts[1], counts[0]) - share(counts[3], counts[2]);
            prop_assert!((correlation.effect - effect).abs() < 1e-12);
        }
    }

    #[test]
    fn a_longer_window_loses_nobody(rows in rows(), question in question(), more in 0_i64..20) {
        let Ok(seconds) = question.window else { return Ok(()) };
        let question = Question { entries: Entries::Once, ..question };
        let (histories, calendar) = (histories(&rows), calendar());
        let short = funnel(&histories.all(), &question.options(&histories, &calendar));
        let longer = Question { window: Ok(seconds + more), ..question };
        let long = funnel(&histories.all(), &longer.options(&histories, &calendar));
        for (short, long) in short.steps.iter().zip(&long.steps) {
            prop_assert!(short.n_profiles <= long.n_profiles);
        }
    }
}

#[test]
fn a_step_that_is_excluded_after_itself_is_taken_anew() {
    // order, then two views; a view after a view ends the first attempt and is the next.
    let rows = vec![vec![(9, 0, 2, 0, 0), (21, 0, 0, 0, 0), (21, 1, 0, 0, 0), (21, 2, 1, 0, 0)]];
    let question = Question {
        steps: vec![vec![2], vec![0], vec![1]],
        order: StepOrder::Ordered,
        window: Ok(12),
        exclusions: vec![(vec![0], Some(1))],
        entries: Entries::Once,
    };
    let (histories, calendar) = (histories(&rows), calendar());
    let found = funnel(&histories.all(), &question.options(&histories, &calendar));
    assert_eq!(found.steps.iter().map(|step| step.n_profiles).collect::<Vec<_>>(), [1, 1, 1]);
}
