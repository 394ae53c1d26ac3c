//! Flows, circles and typical journeys against brute force.

use std::collections::BTreeMap;

use proptest::prelude::*;
use throng_journey::{
    Circle, FlowOptions, Histories, Node, Occurrence, Place, ProfileSet, circle_profiles, circles, flow,
    flow_edge_profiles, flow_node_profiles, typical_journey,
};

use crate::model::{calendar, histories, journeys, length, median, repeats, rows, scope, small};

/// A journey as the columns of a flow, the place of the anchor being 0.
fn track(names: &[&'static str], anchor: usize, n_before: i32, n_after: i32) -> Vec<(i32, &'static str)> {
    let anchor = i32::try_from(anchor).unwrap();
    let mut track = Vec::new();
    for column in -n_before..=n_after {
        let place = anchor + column;
        if place == -1 {
            track.push((column, "(start)"));
        } else if usize::try_from(place) == Ok(names.len()) {
            track.push((column, "(end)"));
        } else if let Some(name) = usize::try_from(place).ok().and_then(|place| names.get(place)) {
            track.push((column, *name));
        }
    }
    track
}

fn place_name(histories: &Histories, place: Place) -> &str {
    match place {
        Place::Start => "(start)",
        Place::Label(label) => histories.name(label),
        Place::Other => "(other)",
        Place::End => "(end)",
    }
}

/// Puts "(other)" in the place of every touchpoint that is not among the most frequent.
fn put_together(tracks: &mut [(u32, Vec<(i32, &'static str)>)], top: usize) {
    let mut counts: BTreeMap<i32, BTreeMap<&str, usize>> = BTreeMap::new();
    for (column, name) in tracks.iter().flat_map(|(_, track)| track) {
        if !name.starts_with('(') {
            *counts.entry(*column).or_default().entry(name).or_default() += 1;
        }
    }
    for (column, name) in tracks.iter_mut().flat_map(|(_, track)| track) {
        let Some(counts) = counts.get(column).filter(|_| !name.starts_with('(')) else { continue };
        let before =
            |(other, n_times): (&&str, &usize)| (usize::MAX - n_times, *other) < (usize::MAX - counts[name], *name);
        if counts.iter().filter(|other| before(*other)).count() >= top {
            *name = "(other)";
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn flows_are_the_counted_columns_and_every_node_passes_on_what_it_gets(
        rows in rows(), scope in scope(), repeats in repeats(), anchored: bool, first: bool,
        n_before in 0_i32..3, n_after in 0_i32..3, top in 0_usize..4,
    ) {
        let (histories, calendar) = (histories(&rows), calendar());
        let anchor = if anchored { vec![histories.label("add").unwrap()] } else { Vec::new() };
        let options = FlowOptions {
            cut: scope.cut(repeats, &calendar),
            anchor: &anchor,
            occurrence: if first { Occurrence::First } else { Occurrence::Last },
            n_before: usize::try_from(n_before).unwrap(),
            n_after: usize::try_from(n_after).unwrap(),
            top,
        };
        let view = histories.all();
        let found = flow(&view, &options);
        let mut tracks: Vec<(u32, Vec<(i32, &str)>)> = Vec::new();
        let mut n_without = 0;
        for journey in journeys(&rows, scope, repeats, &calendar) {
            let names: Vec<&str> = journey.steps.iter().map(|(_, name)| *name).collect();
            let is_anchor = |name: &&str| !anchored || *name == "add";
            let place = if first { names.iter().position(is_anchor) } else { names.iter().rposition(is_anchor) };
            match place {
                Some(place) => tracks.push((journey.profile, track(&names, place, n_before, n_after))),
                None => n_without += 1,
            }
        }
        put_together(&mut tracks, top);
        prop_assert_eq!((length(found.n_sessions), found.n_without), (tracks.len(), n_without));
        let named = |node: Node| (node.column, place_name(&histories, node.place));
        let mut n_nodes = 0;
        for node in &found.nodes {
            let passing: Vec<u32> =
                tracks.iter().filter(|(_, track)| track.contains(&named(node.at))).map(|(profile, _)| *profile).collect();
            prop_assert_eq!(length(node.n_sessions), passing.len());
            let profiles: ProfileSet = passing.into_iter().collect();
            prop_assert_eq!(node.n_profiles, profiles.len());
            prop_assert_eq!(flow_node_profiles(&view, &options, node.at), profiles);
            let sum = |side: fn(&(Node, Node)) -> Node| {
                found.edges.iter().filter(|edge| side(&edge.at) == node.at).map(|edge| edge.n_sessions).sum::<u64>()
            };
            if node.at.column < n_after && node.at.place != Place::End {
                prop_assert_eq!(sum(|edge| edge.0), node.n_sessions);
            }
            if node.at.column > -n_before && node.at.place != Place::Start {
                prop_assert_eq!(sum(|edge| edge.1), node.n_sessions);
            }
            n_nodes += length(node.n_sessions);
        }
        prop_assert_eq!(n_nodes, tracks.iter().map(|(_, track)| track.len()).sum::<usize>());
        for edge in &found.edges {
            let (from, to) = (named(edge.at.0), named(edge.at.1));
            let goes = |track: &[(i32, &str)]| track.windows(2).any(|pair| pair == [from, to]);
            let going: Vec<u32> = tracks.iter().filter(|(_, track)| goes(track)).map(|(profile, _)| *profile).collect();
            prop_assert_eq!(length(edge.n_sessions), going.len());
            let profiles: ProfileSet = going.into_iter().collect();
            prop_assert_eq!(edge.n_profiles, profiles.len());
            prop_assert_eq!(flow_edge_profiles(&view, &options, edge.at.0, edge.at.1), profiles);
        }
    }

    #[test]
    fn circles_are_the_returns(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let cut = scope.cut(repeats, &calendar);
        let found = circles(&histories.all(), cut);
        let label = |name: &str| histories.label(name).unwrap();
        let mut expected: BTreeMap<Circle, Vec<(usize, u32, i64)>> = BTreeMap::new();
        for (session, journey) in journeys(&rows, scope, repeats, &calendar).into_iter().enumerate() {
            let steps = &journey.steps;
            for (from, to) in (0..steps.len()).flat_map(|from| (from + 2..steps.len()).map(move |to| (from, to))) {
                let between = &steps[from + 1..to];
                if steps[from].1 != steps[to].1 || between.iter().any(|(_, name)| *name == steps[from].1) {
                    continue;
                }
                let time = (session, journey.profile, steps[to].0 - steps[from].0);
                expected.entry(Circle::Loop(label(steps[from].1))).or_default().push(time);
                if let [(_, other)] = between {
                    expected.entry(Circle::BackAndForth(label(steps[from].1), label(other))).or_default().push(time);
                }
            }
        }
        prop_assert_eq!(found.loops.len() + found.back_and_forths.len(), expected.len());
        prop_assert!(found.loops.is_sorted_by_key(|count| (u64::MAX - count.n_times, count.circle)));
        for count in found.loops.iter().chain(&found.back_and_forths) {
            let times = &expected[&count.circle];
            prop_assert_eq!(length(count.n_times), times.len());
            let mut sessions: Vec<usize> = times.iter().map(|(session, _, _)| *session).collect();
            sessions.dedup();
            prop_assert_eq!(length(count.n_sessions), sessions.len());
            prop_assert_eq!(count.median_seconds, median(times.iter().map(|(_, _, seconds)| *seconds).collect()));
            let profiles: ProfileSet = times.iter().map(|(_, profile, _)| *profile).collect();
            prop_assert_eq!(count.n_profiles, profiles.len());
            prop_assert_eq!(circle_profiles(&histories.all(), cut, count.circle), profiles);
        }
    }

    #[test]
    fn no_journey_is_nearer_to_all_than_the_typical_one(rows in rows(), scope in scope(), repeats in repeats()) {
        let (histories, calendar) = (histories(&rows), calendar());
        let found = typical_journey(&histories.all(), scope.cut(repeats, &calendar));
        let all: Vec<Vec<&str>> = journeys(&rows, scope, repeats, &calendar)
            .into_iter()
            .map(|journey| journey.steps.into_iter().map(|(_, name)| name).collect())
            .collect();
        let Some(found) = found else {
            prop_assert!(all.is_empty());
            return Ok(());
        };
        let mean = |journey: &[&str]| {
            let sum: usize = all.iter().map(|other| edit_distance(journey, other)).sum();
            small(i64::try_from(sum).unwrap()) / small(i64::try_from(all.len()).unwrap())
        };
        let least = all.iter().map(|journey| mean(journey)).fold(f64::INFINITY, f64::min);
        let names: Vec<&str> = found.labels.iter().map(|label| histories.name(*label)).collect();
        prop_assert!(all.contains(&names));
        prop_assert!((mean(&names) - least).abs() < 1e-9);
        prop_assert!((found.distance_mean - least).abs() < 1e-9);
        prop_assert_eq!((length(found.n_sessions), length(found.n_compared)), (all.len(), all.len()));
    }
}

/// The edit distance by the whole table.
fn edit_distance(left: &[&str], right: &[&str]) -> usize {
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (idx, own) in left.iter().enumerate() {
        let mut row = vec![idx + 1];
        for (other_idx, other) in right.iter().enumerate() {
            let exchange = rows[idx][other_idx] + usize::from(own != other);
            row.push(exchange.min(rows[idx][other_idx + 1] + 1).min(row[other_idx] + 1));
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}
