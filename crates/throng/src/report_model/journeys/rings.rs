//! How journeys begin, ring by ring, for a sunburst: the tree of their first touchpoints.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use throng_journey::{Cut, PathOptions, View, paths};

use super::name;
use crate::report::{JourneyRings, RingArc};

/// Rings: more of them are too thin to be read on a phone.
const N_RINGS: usize = 3;

/// The share of all journeys from which on an arc is told apart from others.
const SHARE_MIN: f64 = 0.02;

/// Ways that are looked at in a ring; rarer ones are far below [`SHARE_MIN`].
const WAYS_MAX: usize = 2_000;

/// Touchpoints that have numbers; arcs of others count among the others.
const N_TOUCHPOINTS_MAX: usize = 12;

/// How many go a way.
#[derive(Debug, Clone, Copy, Default)]
struct Goers {
    n_journeys: u64,
    /// Those of them whose journey ends there.
    n_stopped: u64,
}

/// Returns how the journeys of a view begin, so many altogether.
pub(super) fn read(view: &View<'_>, cut: Cut<'_>, n_journeys: u64) -> JourneyRings {
    let found: Vec<BTreeMap<Vec<u32>, Goers>> = (1..=N_RINGS).map(|n_steps| ways(view, cut, n_steps)).collect();
    let mut rings = Rings { found, n_journeys, labels: Vec::new(), arcs: Vec::new() };
    rings.spread(view, &[], (0, n_journeys));
    // Ring by ring, each from the top clockwise.
    rings.arcs.sort_by_key(|arc| (arc.ring, arc.n_before));
    let touchpoints = rings.labels.iter().map(|label| name(view, *label)).collect();
    JourneyRings { n_journeys, touchpoints, arcs: rings.arcs }
}

/// Returns those who go each way of so many steps.
fn ways(view: &View<'_>, cut: Cut<'_>, n_steps: usize) -> BTreeMap<Vec<u32>, Goers> {
    let found = paths(view, &PathOptions { cut, steps_max: n_steps, top: WAYS_MAX, goal: &[] });
    let mut ways: BTreeMap<Vec<u32>, Goers> = BTreeMap::new();
    for path in found.paths.into_iter().filter(|path| path.labels.len() == n_steps) {
        let goers = ways.entry(path.labels).or_default();
        goers.n_journeys += path.n_sessions;
        goers.n_stopped += if path.continues { 0 } else { path.n_sessions };
    }
    ways
}

struct Rings {
    /// Who goes each way, by its number of steps.
    found: Vec<BTreeMap<Vec<u32>, Goers>>,
    n_journeys: u64,
    /// Touchpoints by their number.
    labels: Vec<u32>,
    arcs: Vec<RingArc>,
}

impl Rings {
    /// Lays out who goes on from a way: so many journeys that begin after so many others.
    fn spread(&mut self, view: &View<'_>, way: &[u32], (mut n_before, n_going): (u64, u64)) {
        let Some(ways) = self.found.get(way.len()) else { return };
        let mut nexts: Vec<(Vec<u32>, Goers)> =
            ways.iter().filter(|(next, _)| next.starts_with(way)).map(|(next, goers)| (next.clone(), *goers)).collect();
        // By labels already, and the sort is stable.
        nexts.sort_by_key(|(_, goers)| Reverse(goers.n_journeys));
        let mut n_left = n_going;
        for (next, goers) in nexts {
            let Some(touchpoint) = self.number(&next, goers) else { continue };
            let steps = next.iter().map(|label| name(view, *label)).collect();
            let Goers { n_journeys, n_stopped } = goers;
            self.arcs.push(RingArc { ring: way.len(), touchpoint: Some(touchpoint), n_before, n_journeys, steps });
            self.spread(view, &next, (n_before, n_journeys - n_stopped));
            n_before += n_journeys;
            n_left -= n_journeys;
        }
        if n_left > 0 {
            let names = way.iter().map(|label| name(view, *label));
            let steps = names.chain(["other".to_owned()]).collect();
            self.arcs.push(RingArc { ring: way.len(), touchpoint: None, n_before, n_journeys: n_left, steps });
        }
    }

    /// Returns the number of the touchpoint at the end of a way, if enough go it to be told apart.
    fn number(&mut self, way: &[u32], goers: Goers) -> Option<usize> {
        #[expect(clippy::cast_precision_loss, reason = "a share for a picture")]
        let share = goers.n_journeys as f64 / self.n_journeys as f64;
        let label = way.last().copied().filter(|_| share >= SHARE_MIN)?;
        self.labels.iter().position(|known| *known == label).or_else(|| {
            (self.labels.len() < N_TOUCHPOINTS_MAX).then(|| {
                self.labels.push(label);
                self.labels.len() - 1
            })
        })
    }
}
