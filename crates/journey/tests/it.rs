//! Paths, transitions and funnels against brute force on random touchpoints, and the
//! laws by which their counts add up.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use throng_journey::{PathOptions, Paths, Repeats, Scope, State, Touchpoints, funnel, paths, transitions};

/// The touchpoints of each profile: (second, label), ascending in time.
type Profiles = Vec<Vec<(i64, u32)>>;

/// Names whose order is not the order of their codes.
const NAMES: [&str; 4] = ["view", "add", "order", "browse"];

/// How many sessions took a path, and which profiles.
type Takers = (u64, BTreeSet<usize>);

/// The columns a [`Touchpoints`] borrows.
struct Columns {
    offsets: Vec<usize>,
    occurred_at: Vec<i64>,
    label: Vec<u32>,
    names: Vec<String>,
}

impl Columns {
    fn new(profiles: &Profiles) -> Self {
        let mut columns = Self {
            offsets: vec![0],
            occurred_at: Vec::new(),
            label: Vec::new(),
            names: NAMES.map(str::to_owned).to_vec(),
        };
        for touchpoints in profiles {
            for (second, label) in touchpoints {
                columns.occurred_at.push(second * 1_000_000);
                columns.label.push(*label);
            }
            columns.offsets.push(columns.label.len());
        }
        columns
    }

    fn view(&self) -> Touchpoints<'_> {
        Touchpoints::new(&self.offsets, &self.occurred_at, &self.label, &self.names)
    }
}

fn profiles() -> impl Strategy<Value = Profiles> {
    let touchpoints = prop::collection::vec((0_i64..40, 0_u32..4), 0..12).prop_map(|mut touchpoints| {
        touchpoints.sort_by_key(|(second, _)| *second);
        touchpoints
    });
    prop::collection::vec(touchpoints, 0..8)
}

fn scope() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::History), (0_i64..12).prop_map(|seconds| Scope::Session { gap_us: seconds * 1_000_000 })]
}

fn repeats() -> impl Strategy<Value = Repeats> {
    prop_oneof![Just(Repeats::Keep), Just(Repeats::Collapse)]
}

/// The journeys of all profiles, cut the slow way: (profile, [(second, name)]).
fn journeys(profiles: &Profiles, scope: Scope, repeats: Repeats) -> Vec<(usize, Vec<(i64, &'static str)>)> {
    let mut journeys: Vec<(usize, Vec<(i64, &'static str)>)> = Vec::new();
    for (profile_idx, touchpoints) in profiles.iter().enumerate() {
        let mut before: Option<(i64, u32)> = None;
        for &(second, label) in touchpoints {
            let parted = before.is_none_or(|(before, _)| match scope {
                Scope::History => false,
                Scope::Session { gap_us } => (second - before) * 1_000_000 > gap_us,
            });
            let repeated = !parted && before.is_some_and(|(_, last)| last == label) && repeats == Repeats::Collapse;
            let name = NAMES[usize::try_from(label).unwrap_or_default()];
            match journeys.last_mut() {
                Some((_, steps)) if !parted && !repeated => steps.push((second, name)),
                _ if parted => journeys.push((profile_idx, vec![(second, name)])),
                _ => {}
            }
            before = Some((second, label));
        }
    }
    journeys
}

fn median(mut seconds: Vec<i64>) -> Option<f64> {
    seconds.sort_unstable();
    let (low, high) = (seconds.get(seconds.len().saturating_sub(1) / 2)?, seconds.get(seconds.len() / 2)?);
    Some(f64::from(i32::try_from(low + high).unwrap_or_default()) / 2.0)
}

fn check_paths(found: &Paths, view: &Touchpoints<'_>, expected: &[(usize, Vec<(i64, &str)>)], options: &PathOptions) {
    let mut counts: BTreeMap<(Vec<&str>, bool), Takers> = BTreeMap::new();
    for (profile_idx, steps) in expected {
        let names = steps.iter().map(|(_, name)| *name).take(options.steps_max).collect();
        let (n_sessions, profiles) = counts.entry((names, steps.len() > options.steps_max)).or_default();
        *n_sessions += 1;
        profiles.insert(*profile_idx);
    }
    let mut ranked: Vec<_> = counts.into_iter().map(|(path, (n, profiles))| (n, profiles.len(), path)).collect();
    ranked.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(&b.2)));
    let shown: Vec<_> = found
        .paths
        .iter()
        .map(|path| {
            let names = path.labels.iter().map(|label| view.name(*label)).collect::<Vec<_>>();
            (path.n_sessions, usize::try_from(path.n_profiles).unwrap_or_default(), (names, path.continues))
        })
        .collect();
    let n_listed = options.top.min(ranked.len());
    assert_eq!(shown, ranked[..n_listed]);
    assert_eq!(usize::try_from(found.remainder.n_paths), Ok(ranked.len() - n_listed));
    let listed: u64 = found.paths.iter().map(|path| path.n_sessions).sum();
    assert_eq!(listed + found.remainder.n_sessions, found.n_sessions);
    assert_eq!(usize::try_from(found.n_sessions), Ok(expected.len()));
    let shares: f64 = found.paths.iter().map(|path| path.share).sum::<f64>() + found.remainder.share;
    assert!(found.n_sessions == 0 || (shares - 1.0).abs() < 1e-9);
}

/// Every way to fulfil the steps in order within the window, as times; the funnel's
/// chain is the longest, of these the first to end, the last to start, each step early.
fn naive_chain(touchpoints: &[(i64, u32)], steps: &[Vec<u32>], window: i64) -> Vec<i64> {
    let mut complete: Vec<Vec<usize>> = vec![Vec::new()];
    let mut frontier = complete.clone();
    for labels in steps {
        let mut longer = Vec::new();
        for chain in &frontier {
            let first_idx = chain.last().map_or(0, |last| last + 1);
            for idx in first_idx..touchpoints.len() {
                let start = chain.first().map_or(touchpoints[idx].0, |start| touchpoints[*start].0);
                if labels.contains(&touchpoints[idx].1) && touchpoints[idx].0 - start <= window {
                    longer.push([chain.as_slice(), &[idx]].concat());
                }
            }
        }
        complete.extend(longer.iter().cloned());
        frontier = longer;
    }
    let times = |chain: &Vec<usize>| chain.iter().map(|idx| touchpoints[*idx].0).collect::<Vec<_>>();
    let key = |chain: &&Vec<usize>| {
        let times = times(chain);
        (usize::MAX - times.len(), chain.last().copied(), times.first().map(|start| -start), times)
    };
    complete.iter().min_by_key(key).map(times).unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn paths_are_the_counted_journeys(
        profiles in profiles(), scope in scope(), repeats in repeats(), steps_max in 1_usize..5, top in 0_usize..6,
    ) {
        let columns = Columns::new(&profiles);
        let options = PathOptions { scope, repeats, steps_max, top };
        let found = paths(&columns.view(), &options);
        check_paths(&found, &columns.view(), &journeys(&profiles, scope, repeats), &options);
        let n_profiles = profiles.iter().filter(|touchpoints| !touchpoints.is_empty()).count();
        prop_assert_eq!(usize::try_from(found.n_profiles), Ok(n_profiles));
    }

    #[test]
    fn transitions_are_the_counted_pairs(profiles in profiles(), scope in scope(), repeats in repeats()) {
        let columns = Columns::new(&profiles);
        let view = columns.view();
        let matrix = transitions(&view, scope, repeats);
        let mut counts: BTreeMap<(String, String), Vec<Option<i64>>> = BTreeMap::new();
        for (_, steps) in journeys(&profiles, scope, repeats) {
            let name = |idx: usize| steps.get(idx).map_or("(end)", |(_, name)| name).to_owned();
            counts.entry(("(start)".to_owned(), name(0))).or_default().push(None);
            for idx in 0..steps.len() {
                let gap = steps.get(idx + 1).map(|(after, _)| after - steps[idx].0);
                counts.entry((name(idx), name(idx + 1))).or_default().push(gap);
            }
        }
        let name = |state: State| match state {
            State::Start => "(start)".to_owned(),
            State::Label(label) => view.name(label).to_owned(),
            State::End => "(end)".to_owned(),
        };
        prop_assert_eq!(matrix.transitions.len(), counts.len());
        for transition in &matrix.transitions {
            let gaps = &counts[&(name(transition.from), name(transition.to))];
            prop_assert_eq!(usize::try_from(transition.n_transitions), Ok(gaps.len()));
            prop_assert_eq!(transition.median_seconds, median(gaps.iter().copied().flatten().collect()));
        }
    }

    #[test]
    fn what_comes_to_a_touchpoint_leaves_it(profiles in profiles(), scope in scope(), repeats in repeats()) {
        let columns = Columns::new(&profiles);
        let matrix = transitions(&columns.view(), scope, repeats);
        let into = |state: State| matrix.transitions.iter().filter(|t| t.to == state).map(|t| t.n_transitions).sum::<u64>();
        let out = |state: State| matrix.out_of(state).map(|t| t.n_transitions).sum::<u64>();
        prop_assert_eq!(out(State::Start), matrix.n_sessions);
        prop_assert_eq!(into(State::End), matrix.n_sessions);
        let mut n_visits = 0;
        for visits in &matrix.visits {
            prop_assert_eq!(into(State::Label(visits.label)), visits.n_visits);
            prop_assert_eq!(out(State::Label(visits.label)), visits.n_visits);
            let shares: f64 = matrix.out_of(State::Label(visits.label)).map(|t| t.share_out).sum();
            prop_assert!((shares - 1.0).abs() < 1e-9);
            n_visits += visits.n_visits;
        }
        if repeats == Repeats::Keep {
            prop_assert_eq!(usize::try_from(n_visits), Ok(columns.label.len()));
        }
    }

    #[test]
    fn a_funnel_counts_the_longest_prefixes(
        profiles in profiles(),
        steps in prop::collection::vec(prop::collection::vec(0_u32..4, 1..3), 1..4),
        window in 0_i64..30,
    ) {
        let columns = Columns::new(&profiles);
        let found = funnel(&columns.view(), &steps, window * 1_000_000);
        let chains: Vec<Vec<i64>> = profiles.iter().map(|profile| naive_chain(profile, &steps, window)).collect();
        let n_start = chains.iter().filter(|chain| !chain.is_empty()).count();
        let mut n_before = n_start;
        for (step_idx, step) in found.steps.iter().enumerate() {
            let reached: Vec<&Vec<i64>> = chains.iter().filter(|chain| chain.len() > step_idx).collect();
            prop_assert_eq!(usize::try_from(step.n_profiles), Ok(reached.len()));
            prop_assert!(reached.len() <= n_before);
            let share = |whole: usize| if whole == 0 { 0.0 } else { small(reached.len()) / small(whole) };
            prop_assert!((step.conversion_from_start - share(n_start)).abs() < 1e-12);
            prop_assert!((step.conversion_from_previous - share(n_before)).abs() < 1e-12);
            let gaps = reached.iter().filter(|_| step_idx > 0).map(|chain| chain[step_idx] - chain[step_idx - 1]);
            prop_assert_eq!(step.median_seconds, median(gaps.collect()));
            n_before = reached.len();
        }
        prop_assert_eq!(found.steps.len(), steps.len());
        prop_assert_eq!(usize::try_from(found.n_profiles), Ok(profiles.len()));
    }

    #[test]
    fn the_codes_of_labels_do_not_matter(profiles in profiles(), scope in scope(), repeats in repeats()) {
        let columns = Columns::new(&profiles);
        let mut other = Columns::new(&profiles);
        other.names.reverse();
        other.label.iter_mut().for_each(|label| *label = 3 - *label);
        let options = PathOptions { scope, repeats, steps_max: 3, top: 5 };
        let named = |columns: &Columns| {
            let view = columns.view();
            let paths = paths(&view, &options);
            let named = |labels: &[u32]| labels.iter().map(|label| view.name(*label).to_owned()).collect::<Vec<_>>();
            let listed: Vec<_> = paths.paths.iter().map(|path| (named(&path.labels), path.n_sessions)).collect();
            let matrix = transitions(&view, scope, repeats);
            let name = |state: State| match state {
                State::Label(label) => view.name(label).to_owned(),
                State::Start | State::End => format!("{state:?}"),
            };
            let steps: Vec<_> = matrix.transitions.iter().map(|t| (name(t.from), name(t.to), t.n_transitions)).collect();
            (listed, steps)
        };
        prop_assert_eq!(named(&columns), named(&other));
    }
}

fn small(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or_default())
}

#[test]
fn a_funnel_starts_again_when_the_window_has_passed() {
    // The first view is too long ago when the order comes; the second is not.
    let columns = Columns::new(&vec![vec![(0, 0), (50, 0), (55, 1), (58, 2)]]);
    let found = funnel(&columns.view(), &[vec![0], vec![1], vec![2]], 10_000_000);
    assert_eq!(found.steps.iter().map(|step| step.n_profiles).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(found.steps[1].median_seconds, Some(5.0));
}

#[test]
fn one_touchpoint_serves_one_step() {
    let columns = Columns::new(&vec![vec![(0, 0)], vec![(0, 0), (1, 0)]]);
    let found = funnel(&columns.view(), &[vec![0], vec![0]], 10_000_000);
    assert_eq!(found.steps.iter().map(|step| step.n_profiles).collect::<Vec<_>>(), [2, 1]);
}

#[test]
fn no_steps_and_no_profiles_give_empty_answers() {
    let columns = Columns::new(&Vec::new());
    assert!(funnel(&columns.view(), &[], 1).steps.is_empty());
    let matrix = transitions(&columns.view(), Scope::History, Repeats::Keep);
    assert_eq!((matrix.n_sessions, matrix.transitions.len()), (0, 0));
}
