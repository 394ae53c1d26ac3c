//! What is known when links are weighed: the rules of the home, the identities, what
//! limits count together, and the links by number.

use std::cmp::Ordering;

use super::classes::Classes;
use crate::graph::{Store, StoredLink};
use crate::intern::next_number;
use crate::{IdentityRules, Proof};

/// Marks the numbers of links that are none of the graph's, so that both lists can grow.
const EXTRA: u32 = 1 << 31;

/// What is known when links are weighed.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) rules: &'a IdentityRules,
    pub(crate) store: &'a Store,
    pub(crate) classes: &'a Classes,
    /// Links that are none of the graph's: readings of aliases, merges by decision,
    /// proposals.
    pub(crate) extra: &'a [StoredLink],
}

impl<'a> Facts<'a> {
    /// Returns the link of a number, of the graph or beyond.
    pub(crate) fn link(self, number: u32) -> &'a StoredLink {
        link(self.store, self.extra, number)
    }

    /// Orders links as they are applied: by their proofs, then as [`compare`](Self::compare) does.
    pub(crate) fn order(self, a: u32, b: u32) -> Ordering {
        self.link(a).proof.cmp(&self.link(b).proof).then_with(|| self.compare(a, b))
    }

    /// Returns links in the order in which they are applied.
    pub(crate) fn in_order(self, links: Vec<u32>) -> Vec<u32> {
        // The proofs stand beside the numbers, for a sort that jumps about in the links is slow.
        let mut order: Vec<(Proof, u32)> = links.into_iter().map(|number| (self.link(number).proof, number)).collect();
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.compare(a.1, b.1)));
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Orders links of one proof: the more telling first, then by content.
    pub(crate) fn compare(self, a: u32, b: u32) -> Ordering {
        let (link_a, link_b) = (self.link(a), self.link(b));
        let rank = |link: &StoredLink| self.rank(link.from).max(self.rank(link.to));
        rank(link_a).cmp(&rank(link_b)).then_with(|| self.store.compare(link_a, link_b))
    }

    /// Orders the identities of a profile, the best name for it first.
    pub(crate) fn telling(self, identity: u32) -> (usize, bool, Option<Proof>, &'a str) {
        let first_seen = self.store.first_seen(identity);
        (self.rank(identity), first_seen.is_none(), first_seen, self.store.text(identity))
    }

    /// Whether being seen with another identity counts towards an identity's being
    /// shared, see [`IdentityRules::shared_above`].
    pub(crate) fn counts_for_sharing(self, identity: u32, other: u32) -> bool {
        self.rank(other) < self.rank(identity) || self.classes.class(other) == self.classes.class(identity)
    }

    fn rank(self, identity: u32) -> usize {
        self.rules.rank(self.classes.kind(identity))
    }
}

/// Returns the link of a number, of the graph or beyond.
pub(super) fn link<'a>(store: &'a Store, extra: &'a [StoredLink], number: u32) -> &'a StoredLink {
    if number & EXTRA == 0 { &store.links()[number as usize] } else { &extra[(number ^ EXTRA) as usize] }
}

/// Returns the number of the link at a position beyond the graph's.
pub(crate) fn extra_number(position: usize) -> u32 {
    let number = next_number(position);
    assert!(number < EXTRA - 1, "more than 2^31 links beyond the graph's");
    number | EXTRA
}

/// Returns the position of a link beyond the graph's.
pub(crate) fn extra_position(number: u32) -> usize {
    assert!(number & EXTRA != 0, "link {number} is the graph's");
    (number ^ EXTRA) as usize
}
