//! Which persona is which former one, and what became of the others.
//!
//! The transitions are those of MONIC (Spiliopoulou, Ntoutsi, Theodoridis and Schult 2006): a
//! cluster survives, splits, is absorbed, disappears, or emerges, by the overlap of members. Two
//! things are added. Overlap is asked for both ways, so that the answer does not depend on the
//! direction of time. And where members cannot say — people leave, come, or move on as customers
//! of a shop do — the place of the centroid does, by the best one-to-one assignment.

use throng_learn::assign;

use super::{Basis, LineageParams};
use crate::PersonaError;
use crate::drift::ratio;
use crate::lineage::overlap::Overlap;

/// What became of every former persona, and where every current one comes from, by position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// For each former persona, the current one that carries on its id.
    pub(crate) heirs: Vec<Option<(usize, Basis)>>,
    /// Former personas with the current ones they split into, the heir among them.
    pub(crate) splits: Vec<(usize, Vec<usize>)>,
    /// Former personas, the ancestor of the heir among them, with the current one they merged into.
    pub(crate) merges: Vec<(Vec<usize>, usize)>,
    /// Current personas that came from nowhere.
    pub(crate) born: Vec<usize>,
    /// Former personas that are nowhere.
    pub(crate) died: Vec<usize>,
}

/// What a verdict rests on: common members, and distances of centroids in units of the former
/// persona's distance to its nearest neighbour (one row per former persona).
pub(crate) struct Grounds<'a> {
    pub(crate) overlap: &'a Overlap,
    pub(crate) distances: &'a [Vec<Option<f64>>],
    pub(crate) params: LineageParams,
}

impl Grounds<'_> {
    pub(crate) fn verdict(&self) -> Result<Verdict, PersonaError> {
        let (n_former, n_current) = (self.overlap.n_former(), self.overlap.n_current());
        let parts: Vec<Vec<usize>> = (0..n_former)
            .map(|former| (0..n_current).filter(|current| self.part(former, *current)).collect())
            .collect();
        let sources: Vec<Vec<usize>> = (0..n_current)
            .map(|current| {
                let source = |former: &usize| self.source(*former, current) || self.part(*former, current);
                (0..n_former).filter(source).collect()
            })
            .collect();
        let carries_on = |former: usize, current: usize| {
            let (forward, backward) = (self.overlap.forward(former, current), self.overlap.backward(former, current));
            let undivided = parts[former].len() < 2 || forward >= self.params.heir_min;
            let unmixed = sources[current].len() < 2 || backward >= self.params.heir_min;
            self.survives(former, current) && undivided && unmixed
        };
        let heir = |former: usize| (0..n_current).find(|current| carries_on(former, *current));
        let mut heirs: Vec<Option<(usize, Basis)>> =
            (0..n_former).map(|former| heir(former).map(|current| (current, Basis::Members))).collect();
        self.match_places(&mut heirs)?;
        Ok(self.told(heirs, &parts, &sources))
    }

    /// Whether most of the members that are known both times are in both personas, either way.
    fn survives(&self, former: usize, current: usize) -> bool {
        let survival_min = self.params.survival_min;
        let forward = self.overlap.forward(former, current);
        let backward = self.overlap.backward(former, current);
        let enough = self.overlap.n_still_known(former).min(self.overlap.n_known_before(current))
            >= self.params.n_comparable_min;
        // At one half each two former personas could claim one heir; more than half is one only.
        enough && forward > survival_min && backward > survival_min
    }

    /// Whether the current persona is made of members of the former one, and of enough of them.
    fn part(&self, former: usize, current: usize) -> bool {
        let common = self.overlap.common(former, current);
        let mostly = self.overlap.backward(former, current) > self.params.survival_min;
        let counts = self.overlap.forward(former, current) >= self.params.part_min
            || ratio(common, self.overlap.n_current_members(current)) > self.params.survival_min;
        mostly && counts && self.current_comparable(current)
    }

    /// Whether most of the former persona's members went into the current one, and are enough of it.
    fn source(&self, former: usize, current: usize) -> bool {
        let common = self.overlap.common(former, current);
        let mostly = self.overlap.forward(former, current) > self.params.survival_min;
        let counts = self.overlap.backward(former, current) >= self.params.part_min
            || ratio(common, self.overlap.n_former_members(former)) > self.params.survival_min;
        mostly && counts && self.former_comparable(former)
    }

    /// Whether enough members were known before for the persona to be judged by them: in number, and
    /// beside the share of all profiles. One made of newcomers is not judged by its few others.
    fn current_comparable(&self, current: usize) -> bool {
        let n_known = self.overlap.n_known_before(current);
        let share = ratio(n_known, self.overlap.n_current_members(current));
        n_known >= self.params.n_comparable_min && share >= 0.5 * self.overlap.share_known_before()
    }

    /// Whether enough members are still known for the persona to be judged by them.
    fn former_comparable(&self, former: usize) -> bool {
        let n_known = self.overlap.n_still_known(former);
        let share = ratio(n_known, self.overlap.n_former_members(former));
        n_known >= self.params.n_comparable_min && share >= 0.5 * self.overlap.share_still_known()
    }

    /// Matches what members left open by the places of the centroids: the one-to-one assignment
    /// that is nearest in all, of pairs that are near enough.
    fn match_places(&self, heirs: &mut [Option<(usize, Basis)>]) -> Result<(), PersonaError> {
        let taken: Vec<usize> = heirs.iter().flatten().map(|(current, _)| *current).collect();
        let open: Vec<usize> = (0..heirs.len()).filter(|former| heirs[*former].is_none()).collect();
        let free: Vec<usize> = (0..self.overlap.n_current()).filter(|current| !taken.contains(current)).collect();
        let closeness = |former: usize, current: usize| {
            let limit = if self.former_comparable(former) && self.current_comparable(current) {
                self.params.same_place_max
            } else {
                self.params.near_place_max
            };
            self.distances[former][current].map_or(0.0, |distance| (1.0 - distance / limit).max(0.0))
        };
        let weights: Vec<Vec<f64>> =
            open.iter().map(|former| free.iter().map(|current| closeness(*former, *current)).collect()).collect();
        let matching = assign(&weights).map_err(|source| PersonaError::Learn { attempt: "match personas", source })?;
        for (open_idx, free_idx) in matching.into_iter().enumerate() {
            if let Some(free_idx) = free_idx.filter(|free_idx| weights[open_idx][*free_idx] > 0.0) {
                heirs[open[open_idx]] = Some((free[free_idx], Basis::Centroids));
            }
        }
        Ok(())
    }

    /// Returns what is told of the former personas and the current ones. A part that carries on
    /// another persona, and a source that is carried on elsewhere, belong there.
    fn told(&self, heirs: Vec<Option<(usize, Basis)>>, parts: &[Vec<usize>], sources: &[Vec<usize>]) -> Verdict {
        let ancestor = |current: usize| heirs.iter().position(|heir| heir.is_some_and(|(heir, _)| heir == current));
        let heir_of = |former: usize| heirs[former].map(|(current, _)| current);
        let mut splits = Vec::new();
        for (former, parts) in parts.iter().enumerate() {
            let counted = |current: usize| self.overlap.forward(former, current) >= self.params.part_min;
            let heir = heir_of(former).filter(|heir| counted(*heir));
            let own = |current: &usize| match ancestor(*current) {
                Some(ancestor) => ancestor == former && heir == Some(*current),
                None => true,
            };
            let mut into: Vec<usize> = parts.iter().copied().filter(own).collect();
            into.extend(heir.filter(|heir| !parts.contains(heir)));
            into.sort_unstable();
            if into.len() >= 2 {
                splits.push((former, into));
            }
        }
        let mut merges = Vec::new();
        for (current, sources) in sources.iter().enumerate() {
            let counted = |former: usize| self.overlap.backward(former, current) >= self.params.part_min;
            let ancestor = ancestor(current).filter(|ancestor| counted(*ancestor));
            let own = |former: &usize| heir_of(*former).is_none_or(|heir| heir == current && ancestor == Some(*former));
            let mut from: Vec<usize> = sources.iter().copied().filter(own).collect();
            from.extend(ancestor.filter(|ancestor| !sources.contains(ancestor)));
            from.sort_unstable();
            if from.len() >= 2 {
                merges.push((from, current));
            }
        }
        let in_split = |current: &usize| splits.iter().any(|(_, into)| into.contains(current));
        let merged = |current: &usize| merges.iter().any(|(_, into)| into == current);
        let born = (0..self.overlap.n_current())
            .filter(|current| ancestor(*current).is_none() && !in_split(current) && !merged(current))
            .collect();
        let split = |former: &usize| splits.iter().any(|(from, _)| from == former);
        let absorbed = |former: &usize| merges.iter().any(|(from, _)| from.contains(former));
        let died =
            (0..heirs.len()).filter(|former| heirs[*former].is_none() && !split(former) && !absorbed(former)).collect();
        Verdict { heirs, splits, merges, born, died }
    }
}
