//! Applying links in order: a forest of the links that made two profiles one, refusing
//! those that would break a limit.
//!
//! Union-find by size (Tarjan 1975) over identities. Beside it stand the members of a
//! profile as a ring, how many of each class they are, and for every identity the link
//! by which it hangs on the profile: what joins two trees re-roots the smaller, so that
//! there is exactly one chain of links between any two members.

use std::collections::BTreeSet;

use throng_event::IdentityKind;

use super::evidence::Evidence;
use super::facts::Facts;
use crate::graph::StoredLink;
use crate::intern::{NONE, next_number};
use crate::{IdentityLimit, LinkKind, Refusal};

#[derive(Debug, Clone, Default)]
pub(crate) struct Merging {
    /// What an identity belongs to; a root belongs to itself.
    parent: Vec<u32>,
    /// Members of a root.
    size: Vec<u32>,
    /// The next member of the ring.
    next: Vec<u32>,
    /// The position in `tallies` of a root that has more than one member.
    tally: Vec<u32>,
    /// How many of which class.
    tallies: Vec<Vec<(u8, u32)>>,
    /// Positions in `tallies` that no root has any more.
    tallies_free: Vec<u32>,
    /// The link by which an identity hangs on the next one towards the root of its tree.
    pub(super) hanging: Vec<u32>,
    /// The targets of the aliases that joined user ids, in order.
    alias_targets: Vec<u32>,
}

impl Merging {
    /// Returns this many identities, each alone.
    pub(crate) fn of(n_identities: usize) -> Self {
        let (mut merging, n) = (Self::default(), n_identities);
        merging.parent.extend(0..next_number(n));
        merging.next.extend(0..next_number(n));
        merging.size = vec![1; n];
        merging.tally = vec![NONE; n];
        merging.hanging = vec![NONE; n];
        merging
    }

    /// Adds an identity, alone.
    pub(crate) fn add(&mut self) {
        let identity = next_number(self.parent.len());
        self.parent.push(identity);
        self.next.push(identity);
        self.size.push(1);
        self.tally.push(NONE);
        self.hanging.push(NONE);
    }

    /// Takes whole profiles apart, so that each of their identities is alone.
    pub(crate) fn part(&mut self, identities: &[u32]) {
        for &identity in identities {
            let place = identity as usize;
            self.parent[place] = identity;
            self.next[place] = identity;
            self.size[place] = 1;
            self.hanging[place] = NONE;
            let tallied = std::mem::replace(&mut self.tally[place], NONE);
            if tallied != NONE {
                self.tallies[tallied as usize].clear();
                self.tallies_free.push(tallied);
            }
        }
    }

    /// Applies links in the given order; what may not be goes to the refused ones.
    pub(super) fn apply(&mut self, order: &[u32], evidence: &mut Evidence<'_>) {
        let mut refused = Vec::new();
        let facts = evidence.facts();
        for &number in order {
            let link = facts.link(number);
            let (from, to) = (self.root(link.from), self.root(link.to));
            if from == to {
                continue;
            }
            if let Some(kind) = self.refusal(number, (from, to), facts) {
                refused.push((number, Refusal::Limit(kind)));
                continue;
            }
            if joins_users(link, facts) {
                self.alias_targets.push(link.to);
            }
            self.join(number, (from, to), facts);
        }
        evidence.refused.extend(refused);
    }

    /// Returns the kind of which the two profiles a link would join have too many values.
    /// Profiles are given by their roots, that of the link's `from` first.
    pub(crate) fn refusal(&self, number: u32, (from, to): (u32, u32), facts: Facts<'_>) -> Option<IdentityKind> {
        let link = facts.link(number);
        if stated(link, facts) {
            return None;
        }
        forbidden(link, facts).or_else(|| self.exceeded(from, to, facts))
    }

    /// Applies a link between two profiles; returns the root of the one they become.
    pub(crate) fn join(&mut self, number: u32, (from, to): (u32, u32), facts: Facts<'_>) -> u32 {
        let link = facts.link(number);
        let (small, smaller_end, large) = if self.size[from as usize] <= self.size[to as usize] {
            (from, link.from, to)
        } else {
            (to, link.to, from)
        };
        self.reroot(smaller_end, facts);
        self.hanging[smaller_end as usize] = number;
        self.tally(small, large, facts);
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        self.next.swap(small as usize, large as usize);
        large
    }

    /// Returns the root of an identity's profile, for those who only look.
    pub(crate) fn find(&self, identity: u32) -> u32 {
        let mut current = identity;
        while self.parent[current as usize] != current {
            current = self.parent[current as usize];
        }
        current
    }

    /// Returns the link by which an identity hangs on the next one towards the root of
    /// its tree, [`NONE`] for that root.
    pub(crate) fn hanging(&self, identity: u32) -> u32 {
        self.hanging[identity as usize]
    }

    /// Returns the root of an identity's profile.
    pub(crate) fn root(&mut self, identity: u32) -> u32 {
        let mut current = identity;
        while self.parent[current as usize] != current {
            let above = self.parent[self.parent[current as usize] as usize];
            self.parent[current as usize] = above;
            current = above;
        }
        current
    }

    /// Returns the canonical identity of every root, itself where it is alone: of the
    /// most telling kind the one seen first; of aliased user ids the target of the
    /// earliest alias, so that later aliases do not rename a profile.
    pub(super) fn canonical(&mut self, facts: Facts<'_>) -> Vec<u32> {
        let mut canonical: Vec<u32> = facts.store.numbers().collect();
        for identity in facts.store.numbers() {
            let root = self.root(identity) as usize;
            if self.size[root] == 1 {
                continue;
            }
            if facts.telling(identity) < facts.telling(canonical[root]) {
                canonical[root] = identity;
            }
        }
        for target in std::mem::take(&mut self.alias_targets).into_iter().rev() {
            let root = self.root(target) as usize;
            if facts.classes.kind(canonical[root]) == IdentityKind::UserId {
                canonical[root] = target;
            }
        }
        canonical
    }

    /// Makes an identity the root of its tree.
    pub(super) fn reroot(&mut self, identity: u32, facts: Facts<'_>) {
        let (mut current, mut via) = (identity, NONE);
        loop {
            let above = std::mem::replace(&mut self.hanging[current as usize], via);
            if above == NONE {
                return;
            }
            current = other_end(facts.link(above), current);
            via = above;
        }
    }

    /// Returns the kind of which two profiles together have too many values: more than
    /// the limit, and both of them bring some.
    fn exceeded(&self, a: u32, b: u32, facts: Facts<'_>) -> Option<IdentityKind> {
        let too_many = |class: u8, n: u32| {
            let kind = facts.classes.kind_of_class(class);
            let limit = facts.rules.limits.get(&kind)?;
            let of_class = |identity: &u32| facts.classes.class(*identity) == class;
            let crowded = || {
                let values = self.members(a).chain(self.members(b)).filter(of_class);
                crowded(values, *limit, facts)
            };
            (n > limit.values_max && crowded()).then_some(kind)
        };
        let (few, many) = if self.size[a as usize] <= self.size[b as usize] { (a, b) } else { (b, a) };
        self.counts(few, facts)
            .filter_map(|(class, n)| {
                let other = self.counts(many, facts).find(|(other, _)| *other == class)?.1;
                too_many(class, n + other)
            })
            .min()
    }

    fn counts(&self, root: u32, facts: Facts<'_>) -> impl Iterator<Item = (u8, u32)> {
        let alone = (facts.classes.class(root), 1);
        let tallied = self.tally[root as usize];
        let (one, many) = if tallied == NONE {
            (Some(alone), [].as_slice())
        } else {
            (None, self.tallies[tallied as usize].as_slice())
        };
        one.into_iter().chain(many.iter().copied())
    }

    /// Returns the members of a root.
    pub(crate) fn members(&self, root: u32) -> impl Iterator<Item = u32> {
        let next = move |identity: &u32| Some(self.next[*identity as usize]).filter(|next| *next != root);
        std::iter::successors(Some(root), next)
    }

    /// Adds the counts of one root to those of another.
    fn tally(&mut self, small: u32, large: u32, facts: Facts<'_>) {
        if self.tally[large as usize] == NONE {
            let alone = (facts.classes.class(large), 1);
            self.tally[large as usize] = if let Some(free) = self.tallies_free.pop() {
                self.tallies[free as usize].push(alone);
                free
            } else {
                self.tallies.push(vec![alone]);
                next_number(self.tallies.len() - 1)
            };
        }
        let tallied = std::mem::replace(&mut self.tally[small as usize], NONE);
        let (alone, mut many) = ([(facts.classes.class(small), 1)], Vec::new());
        if tallied != NONE {
            many = std::mem::take(&mut self.tallies[tallied as usize]);
        }
        let counts = &mut self.tallies[self.tally[large as usize] as usize];
        for (class, n) in if tallied == NONE { alone.as_slice() } else { &many } {
            match counts.iter_mut().find(|(other, _)| other == class) {
                Some((_, count)) => *count += n,
                None => counts.push((*class, *n)),
            }
        }
        if tallied != NONE {
            // The list goes back for the next root to fill.
            many.clear();
            self.tallies[tallied as usize] = many;
            self.tallies_free.push(tallied);
        }
    }
}

/// Returns what [`Merging::refusal`] does of two profiles that are given by their members.
pub(crate) fn refusal_of_members(number: u32, (from, to): (&[u32], &[u32]), facts: Facts<'_>) -> Option<IdentityKind> {
    let link = facts.link(number);
    if stated(link, facts) {
        return None;
    }
    let too_many = |class: u8| {
        let of_class = |identity: &&u32| facts.classes.class(**identity) == class;
        let n_to = to.iter().filter(of_class).count();
        let kind = facts.classes.kind_of_class(class);
        let limit = facts.rules.limits.get(&kind).filter(|_| n_to > 0)?;
        let values = || from.iter().chain(to).filter(of_class);
        (values().count() > limit.values_max as usize && crowded(values().copied(), *limit, facts)).then_some(kind)
    };
    let classes: BTreeSet<u8> = from.iter().map(|identity| facts.classes.class(*identity)).collect();
    forbidden(link, facts).or_else(|| classes.into_iter().filter_map(too_many).min())
}

/// Whether a person or a source states a link: limits bind what is inferred.
fn stated(link: &StoredLink, facts: Facts<'_>) -> bool {
    link.kind == LinkKind::Stated || joins_users(link, facts)
}

/// Whether a link is an alias between user ids, which states that they are one person.
pub(crate) fn joins_users(link: &StoredLink, facts: Facts<'_>) -> bool {
    link.kind == LinkKind::Aliased && facts.classes.kind(link.from) == IdentityKind::UserId
}

/// Returns the kind of an end of a link that may link nobody at all.
fn forbidden(link: &StoredLink, facts: Facts<'_>) -> Option<IdentityKind> {
    let none = |kind: &IdentityKind| facts.rules.limits.get(kind).is_some_and(|limit| limit.values_max == 0);
    [link.from, link.to].map(|end| facts.classes.kind(end)).into_iter().filter(none).min()
}

/// Whether more of these values than the limit allows were first seen within its period.
fn crowded(values: impl Iterator<Item = u32>, limit: IdentityLimit, facts: Facts<'_>) -> bool {
    let Some(length) = limit.period.length() else { return true };
    let first_seen = |identity| facts.store.first_seen(identity).map_or(i64::MAX, |proof| proof.occurred_at.0);
    let mut times: Vec<i64> = values.map(first_seen).collect();
    times.sort_unstable();
    let spans = limit.values_max as usize;
    times.iter().zip(times.iter().skip(spans)).any(|(first, last)| last.saturating_sub(*first) < length)
}

/// Returns the identity at the other end of a link.
pub(crate) fn other_end(link: &StoredLink, identity: u32) -> u32 {
    if link.from == identity { link.to } else { link.from }
}
