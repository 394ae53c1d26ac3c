//! Applying links in order: a forest of the links that made two profiles one, refusing
//! those that would break a limit.
//!
//! Union-find by size (Tarjan 1975) over identities. Beside it stand the members of a
//! profile as a ring, how many of each class they are, and for every identity the link
//! by which it hangs on the profile: what joins two trees re-roots the smaller, so that
//! there is exactly one chain of links between any two members.

use throng_event::IdentityKind;

use super::classes::Classes;
use super::evidence::Evidence;
use crate::graph::{Store, StoredLink};
use crate::intern::{NONE, next_number};
use crate::{IdentityLimit, IdentityRules, LinkKind, Refusal};

pub(super) struct Merging<'a> {
    rules: &'a IdentityRules,
    store: &'a Store,
    classes: &'a Classes,
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
    /// The link by which an identity hangs on the next one towards the root of its tree.
    pub(super) hanging: Vec<u32>,
    /// The targets of the aliases that joined user ids, in order.
    alias_targets: Vec<u32>,
}

impl<'a> Merging<'a> {
    pub(super) fn new(rules: &'a IdentityRules, store: &'a Store, classes: &'a Classes) -> Self {
        let n = store.n_identities();
        Self {
            rules,
            store,
            classes,
            parent: store.numbers().collect(),
            size: vec![1; n],
            next: store.numbers().collect(),
            tally: vec![NONE; n],
            tallies: Vec::new(),
            hanging: vec![NONE; n],
            alias_targets: Vec::new(),
        }
    }

    /// Applies links in the given order; what may not be goes to the refused ones.
    pub(super) fn apply(&mut self, order: &[u32], evidence: &mut Evidence<'_>) {
        for &number in order {
            let link = *evidence.link(number);
            let (from, to) = (self.root(link.from), self.root(link.to));
            if from == to {
                continue;
            }
            // Limits bind what is inferred, not what a person or a source states.
            let joins_users = link.kind == LinkKind::Aliased && self.classes.kind(link.from) == IdentityKind::UserId;
            let stated = joins_users || link.kind == LinkKind::Stated;
            if !stated && let Some(kind) = self.forbidden(&link).or_else(|| self.exceeded(from, to)) {
                evidence.refused.push((number, Refusal::Limit(kind)));
                continue;
            }
            if joins_users {
                self.alias_targets.push(link.to);
            }
            let (small, smaller_end, large) = if self.size[from as usize] <= self.size[to as usize] {
                (from, link.from, to)
            } else {
                (to, link.to, from)
            };
            self.reroot(smaller_end, evidence);
            self.hanging[smaller_end as usize] = number;
            self.join(small, large);
        }
    }

    /// Returns the root of an identity's profile.
    pub(super) fn root(&mut self, identity: u32) -> u32 {
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
    pub(super) fn canonical(&mut self) -> Vec<u32> {
        let mut canonical: Vec<u32> = self.store.numbers().collect();
        for identity in self.store.numbers() {
            let root = self.root(identity) as usize;
            if self.size[root] == 1 {
                continue;
            }
            if self.telling(identity) < self.telling(canonical[root]) {
                canonical[root] = identity;
            }
        }
        for target in std::mem::take(&mut self.alias_targets).into_iter().rev() {
            let root = self.root(target) as usize;
            if self.classes.kind(canonical[root]) == IdentityKind::UserId {
                canonical[root] = target;
            }
        }
        canonical
    }

    /// Makes an identity the root of its tree.
    pub(super) fn reroot(&mut self, identity: u32, evidence: &Evidence<'_>) {
        let (mut current, mut via) = (identity, NONE);
        loop {
            let above = std::mem::replace(&mut self.hanging[current as usize], via);
            if above == NONE {
                return;
            }
            current = other_end(evidence.link(above), current);
            via = above;
        }
    }

    /// Orders the identities of a profile, the best name for it first.
    fn telling(&self, identity: u32) -> (usize, bool, Option<crate::Proof>, &str) {
        let first_seen = self.store.first_seen(identity);
        (self.rules.rank(self.classes.kind(identity)), first_seen.is_none(), first_seen, self.store.text(identity))
    }

    /// Returns the kind of an end of a link that may link nobody at all.
    fn forbidden(&self, link: &StoredLink) -> Option<IdentityKind> {
        let none = |kind: &IdentityKind| self.rules.limits.get(kind).is_some_and(|limit| limit.values_max == 0);
        [link.from, link.to].map(|end| self.classes.kind(end)).into_iter().filter(none).min()
    }

    /// Returns the kind of which two profiles together have too many values: more than
    /// the limit, and both of them bring some.
    fn exceeded(&self, a: u32, b: u32) -> Option<IdentityKind> {
        let too_many = |class: u8, n: u32| {
            let kind = self.classes.kind_of_class(class);
            let limit = self.rules.limits.get(&kind)?;
            (n > limit.values_max && self.crowded(a, b, class, *limit)).then_some(kind)
        };
        let (few, many) = if self.size[a as usize] <= self.size[b as usize] { (a, b) } else { (b, a) };
        self.counts(few)
            .filter_map(|(class, n)| {
                let other = self.counts(many).find(|(other, _)| *other == class)?.1;
                too_many(class, n + other)
            })
            .min()
    }

    /// Whether more values than the limit of a class were first seen within its period.
    fn crowded(&self, a: u32, b: u32, class: u8, limit: IdentityLimit) -> bool {
        let Some(length) = limit.period.length() else { return true };
        let of_class = |identity: &u32| self.classes.class(*identity) == class;
        let first_seen = |identity| self.store.first_seen(identity).map_or(i64::MAX, |proof| proof.occurred_at.0);
        let mut times: Vec<i64> = self.members(a).chain(self.members(b)).filter(of_class).map(first_seen).collect();
        times.sort_unstable();
        let spans = limit.values_max as usize;
        times.iter().zip(times.iter().skip(spans)).any(|(first, last)| last.saturating_sub(*first) < length)
    }

    fn counts(&self, root: u32) -> impl Iterator<Item = (u8, u32)> {
        let alone = (self.classes.class(root), 1);
        let tallied = self.tally[root as usize];
        let (one, many) = if tallied == NONE {
            (Some(alone), [].as_slice())
        } else {
            (None, self.tallies[tallied as usize].as_slice())
        };
        one.into_iter().chain(many.iter().copied())
    }

    fn members(&self, root: u32) -> impl Iterator<Item = u32> {
        let next = move |identity: &u32| Some(self.next[*identity as usize]).filter(|next| *next != root);
        std::iter::successors(Some(root), next)
    }

    fn join(&mut self, small: u32, large: u32) {
        let added: Vec<(u8, u32)> = match self.tally[small as usize] {
            NONE => vec![(self.classes.class(small), 1)],
            tallied => std::mem::take(&mut self.tallies[tallied as usize]),
        };
        if self.tally[large as usize] == NONE {
            self.tally[large as usize] = next_number(self.tallies.len());
            self.tallies.push(vec![(self.classes.class(large), 1)]);
        }
        let counts = &mut self.tallies[self.tally[large as usize] as usize];
        for (class, n) in added {
            match counts.iter_mut().find(|(other, _)| *other == class) {
                Some((_, count)) => *count += n,
                None => counts.push((class, n)),
            }
        }
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        self.next.swap(small as usize, large as usize);
    }
}

/// Returns the identity at the other end of a link.
pub(super) fn other_end(link: &StoredLink, identity: u32) -> u32 {
    if link.from == identity { link.to } else { link.from }
}
