//! Who was where, and who is where: the members that two discoveries share, counted.

use std::collections::BTreeMap;

use throng_learn::adjusted_rand_index;
use throng_profile::ProfileId;

use crate::drift::ratio;
use crate::{Memberships, PersonaError};

/// Profiles by the persona they counted for and the one they count for now.
///
/// Both lists of personas are followed by nobody's: the last row holds the profiles that were
/// unassigned, the last column those that are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Overlap {
    /// Profiles known both times.
    common: Vec<Vec<u64>>,
    /// Profiles of each former persona that are not known any more.
    gone: Vec<u64>,
    /// Profiles of each current persona that were not known.
    newcomers: Vec<u64>,
    /// Adjusted Rand index over the profiles known both times.
    pub(crate) adjusted_rand: f64,
}

impl Overlap {
    pub(crate) fn of(former: &Memberships, current: &Memberships) -> Result<Self, PersonaError> {
        let (nobody, none) = (former.personas().len(), current.personas().len());
        let former_rows = former.rows().iter().map(|row| (&row.profile, row.assigned.unwrap_or(nobody)));
        let mut left: BTreeMap<&ProfileId, usize> = former_rows.collect();
        let mut overlap = Self {
            common: vec![vec![0; none + 1]; nobody + 1],
            gone: vec![0; nobody + 1],
            newcomers: vec![0; none + 1],
            adjusted_rand: 1.0,
        };
        let (mut former_labels, mut labels) = (Vec::new(), Vec::new());
        for row in current.rows() {
            let label = row.assigned.unwrap_or(none);
            match left.remove(&row.profile) {
                None => overlap.newcomers[label] += 1,
                Some(former_label) => {
                    overlap.common[former_label][label] += 1;
                    former_labels.push(former_label);
                    labels.push(label);
                }
            }
        }
        for former_label in left.into_values() {
            overlap.gone[former_label] += 1;
        }
        overlap.adjusted_rand = adjusted_rand_index(&former_labels, &labels)
            .map_err(|source| PersonaError::Learn { attempt: "compare two groupings", source })?;
        Ok(overlap)
    }

    pub(crate) fn n_former(&self) -> usize {
        self.gone.len() - 1
    }

    pub(crate) fn n_current(&self) -> usize {
        self.newcomers.len() - 1
    }

    /// Returns how many profiles were in a former persona and are in a current one.
    pub(crate) fn common(&self, former: usize, current: usize) -> u64 {
        self.common[former][current]
    }

    /// Returns how many members of a former persona are still known.
    pub(crate) fn n_still_known(&self, former: usize) -> u64 {
        self.common[former].iter().sum()
    }

    /// Returns how many members of a current persona were known already.
    pub(crate) fn n_known_before(&self, current: usize) -> u64 {
        self.common.iter().map(|row| row[current]).sum()
    }

    /// Returns how many profiles are known both times.
    pub(crate) fn n_comparable(&self) -> u64 {
        self.common.iter().flatten().sum()
    }

    /// Returns how many members a former persona had.
    pub(crate) fn n_former_members(&self, former: usize) -> u64 {
        self.n_still_known(former) + self.gone[former]
    }

    /// Returns how many members a current persona has.
    pub(crate) fn n_current_members(&self, current: usize) -> u64 {
        self.n_known_before(current) + self.newcomers[current]
    }

    /// Returns which share of a former persona's members, of those still known, is in a current one.
    pub(crate) fn forward(&self, former: usize, current: usize) -> f64 {
        ratio(self.common(former, current), self.n_still_known(former))
    }

    /// Returns which share of a current persona's members, of those known before, was in a former one.
    pub(crate) fn backward(&self, former: usize, current: usize) -> f64 {
        ratio(self.common(former, current), self.n_known_before(current))
    }

    /// Returns common members over the members of either, among the profiles known both times.
    pub(crate) fn jaccard(&self, former: usize, current: usize) -> f64 {
        let both = self.common(former, current);
        ratio(both, self.n_still_known(former) + self.n_known_before(current) - both)
    }

    /// Returns which share of all former members is still known.
    pub(crate) fn share_still_known(&self) -> f64 {
        let gone: u64 = self.gone.iter().sum();
        ratio(self.n_comparable(), self.n_comparable() + gone)
    }

    /// Returns which share of all profiles was known before.
    pub(crate) fn share_known_before(&self) -> f64 {
        let newcomers: u64 = self.newcomers.iter().sum();
        ratio(self.n_comparable(), self.n_comparable() + newcomers)
    }

    /// Returns the counts of where a former persona's members are: in each current persona, with
    /// nobody, and not known any more.
    pub(crate) fn destinations(&self, former: usize) -> (&[u64], u64) {
        (&self.common[former], self.gone[former])
    }

    /// Returns the counts of where a current persona's members come from: each former persona,
    /// nobody, and not known before.
    pub(crate) fn origins(&self, current: usize) -> (Vec<u64>, u64) {
        (self.common.iter().map(|row| row[current]).collect(), self.newcomers[current])
    }
}
