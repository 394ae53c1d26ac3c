//! Putting a link in its place among those that were applied before.
//!
//! Links are applied in the order of their proofs, so a link that comes late may undo
//! what was applied. But a link weighs with the profiles of its ends alone. Hence:
//!
//! - A link later than all that were applied to or refused at the two profiles is the
//!   last that they meet: it is applied to them as they are. Later links do not touch
//!   them, or they would not be the later ones.
//! - A link within a profile whose ends earlier links have joined says nothing new.
//! - One that is refused in its place, by what its ends were then, changes nothing.
//! - For any other the profiles of its ends are taken apart, and all their links applied
//!   again in order. Those that lead out were refused before. As long as they still are,
//!   by what the profiles beyond were then, nothing changes there; one that is not any
//!   more brings in the profile it leads to, and all starts again.
//!
//! What an identity was joined with at a time is what the earlier links of the forest
//! join. Shared identities tie nobody, so mostly all this is about one person.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::{GrowingResolution, Mark, Move, Standing};
use crate::graph::StoredLink;
use crate::intern::NONE;
use crate::resolution::merging::{joins_users, other_end, refusal_of_members};

/// Identities that are resolved again: whole profiles.
#[derive(Default)]
struct Region {
    identities: Vec<u32>,
    /// The carriers among them, with their profiles before.
    carriers: Vec<(u32, Option<u32>)>,
}

/// How often a region grows by a profile that a link now reaches, before it grows by all
/// that links reach: mostly once or not at all, and each time it is resolved anew.
const ENLARGEMENTS_MAX: usize = 8;

impl GrowingResolution {
    /// Puts a link that is new, or has an earlier proof, in its place among the others.
    pub(super) fn place(&mut self, number: u32) {
        let facts = self.evidence.facts(&self.graph);
        let link = *facts.link(number);
        let resolved = [link.from, link.to].into_iter().any(|end| self.marks[end as usize] == Mark::Resolved);
        if resolved || !self.evidence.counts(&self.graph, number) {
            return;
        }
        let (from, to) = (self.merging.root(link.from), self.merging.root(link.to));
        let comes_last = [from, to].into_iter().all(|root| self.comes_after(number, root));
        if from == to && (comes_last || self.joined_before(number)) {
            return;
        }
        if !comes_last {
            self.insert(number, &link);
            return;
        }
        if let Some(standing) = self.weigh(number, (from, to)) {
            let both_carry = [from, to].into_iter().all(|root| self.standings[root as usize].n_carriers > 0);
            self.n_profiles -= usize::from(both_carry);
            let canonical = self.canonical(standing);
            self.rename(from, canonical);
            self.rename(to, canonical);
            self.join(number, (from, to), standing);
        }
    }

    /// Puts in a link that is not the last its ends meet.
    fn insert(&mut self, number: u32, link: &StoredLink) {
        let ends = [link.from, link.to];
        let applied = ends.into_iter().any(|end| self.merging.hanging(end) == number);
        // The last that a profile met has moved: which is the last now?
        let last = ends.into_iter().any(|end| self.standings[self.merging.root(end) as usize].last == number);
        if applied || last || !self.refused_in_place(number, link) {
            self.resolve_again([link.from, link.to]);
            return;
        }
        // Refused in its place it changes nothing.
        self.refuse(number, link);
    }

    /// Whether a link is refused by what its ends were when it came.
    fn refused_in_place(&self, number: u32, link: &StoredLink) -> bool {
        let ends = (self.members_before(link.from, number), self.members_before(link.to, number));
        refusal_of_members(number, (&ends.0, &ends.1), self.evidence.facts(&self.graph)).is_some()
    }

    /// Takes the profiles of these identities apart and applies all their links again in
    /// order, with further profiles as far as links now reach them.
    pub(super) fn resolve_again(&mut self, identities: impl IntoIterator<Item = u32>) {
        let mut region = Region::default();
        identities.into_iter().for_each(|identity| self.enlarge(&mut region, identity));
        let mut n_enlargements = 0;
        while let Some(beyond) = self.apply_again(&region) {
            self.enlarge(&mut region, beyond);
            n_enlargements += 1;
            if n_enlargements == ENLARGEMENTS_MAX {
                self.enlarge_by_all(&mut region);
            }
        }
        for identity in &region.identities {
            let standing = self.standings[*identity as usize];
            let profile = self.merging.root(*identity) == *identity && standing.n_carriers > 0;
            self.n_profiles += usize::from(profile);
            self.marks[*identity as usize] = Mark::Resolved;
        }
        for (carrier, from) in region.carriers {
            let root = self.merging.root(carrier);
            let to = self.canonical(self.standings[root as usize]);
            if from != Some(to) {
                self.moves.push(Move { carrier, from, to });
            }
        }
        self.resolved.extend(region.identities);
    }

    /// Adds the profile of an identity, as it was before, to a region.
    fn enlarge(&mut self, region: &mut Region, identity: u32) {
        if self.marks[identity as usize] == Mark::Resolving {
            return;
        }
        let store = self.graph.store();
        let profile = self.profile(identity);
        self.n_profiles -= usize::from(profile.is_some());
        let start = region.identities.len();
        region.identities.extend(self.merging.members(identity));
        for member in &region.identities[start..] {
            self.marks[*member as usize] = Mark::Resolving;
            if store.carries(*member) {
                region.carriers.push((*member, profile));
            }
        }
    }

    /// Adds all profiles that links tie to a region, however far.
    fn enlarge_by_all(&mut self, region: &mut Region) {
        let mut position = 0;
        while let Some(identity) = region.identities.get(position).copied() {
            position += 1;
            let (mut others, facts) = (Vec::new(), self.evidence.facts(&self.graph));
            self.evidence.for_each_link(&self.graph, identity, |number| {
                others.push(other_end(facts.link(number), identity));
            });
            others.into_iter().for_each(|other| self.enlarge(region, other));
        }
    }

    /// Applies the links of a region again; returns an identity beyond it that one of them
    /// joins now, for which the region is too small.
    fn apply_again(&mut self, region: &Region) -> Option<u32> {
        for &identity in &region.identities {
            let n_carriers = u32::from(self.graph.store().carries(identity));
            self.standings[identity as usize] = Standing { last: NONE, best: identity, alias: NONE, n_carriers };
        }
        self.merging.part(&region.identities);
        for number in self.links_of(region) {
            let link = *self.evidence.facts(&self.graph).link(number);
            let beyond = [link.from, link.to].into_iter().find(|end| self.marks[*end as usize] != Mark::Resolving);
            if let Some(beyond) = beyond {
                let inside = self.merging.root(other_end(&link, beyond));
                let inside: Vec<u32> = self.merging.members(inside).collect();
                let outside = self.members_before(beyond, number);
                let ends = if beyond == link.to { (&*inside, &*outside) } else { (&*outside, &*inside) };
                if refusal_of_members(number, ends, self.evidence.facts(&self.graph)).is_none() {
                    return Some(beyond);
                }
                self.refuse(number, &link);
                continue;
            }
            let ends = (self.merging.root(link.from), self.merging.root(link.to));
            if ends.0 != ends.1
                && let Some(standing) = self.weigh(number, ends)
            {
                self.join(number, ends, standing);
            }
        }
        None
    }

    /// Returns the links with an end in a region, each once, in order.
    fn links_of(&self, region: &Region) -> Vec<u32> {
        let facts = self.evidence.facts(&self.graph);
        let mut links = Vec::new();
        for &identity in &region.identities {
            self.evidence.for_each_link(&self.graph, identity, |number| {
                let from = facts.link(number).from;
                if from == identity || self.marks[from as usize] != Mark::Resolving {
                    links.push(number);
                }
            });
        }
        facts.in_order(links)
    }

    /// Returns the identities that links before this one have joined with an identity.
    fn members_before(&self, identity: u32, number: u32) -> Vec<u32> {
        let facts = self.evidence.facts(&self.graph);
        // How far up a member gets by links before this one: those who meet are joined.
        let mut tops: BTreeMap<u32, u32> = BTreeMap::new();
        let mut top = |member: u32| {
            let (mut way, mut current) = (Vec::new(), member);
            let top = loop {
                if let Some(top) = tops.get(&current) {
                    break *top;
                }
                way.push(current);
                let above = self.merging.hanging(current);
                if above == NONE || facts.order(above, number) != Ordering::Less {
                    break current;
                }
                current = other_end(facts.link(above), current);
            };
            tops.extend(way.into_iter().map(|passed| (passed, top)));
            top
        };
        let meeting = top(identity);
        self.merging.members(identity).filter(|member| top(*member) == meeting).collect()
    }

    fn comes_after(&self, number: u32, root: u32) -> bool {
        let last = self.standings[root as usize].last;
        last == NONE || self.evidence.facts(&self.graph).order(last, number) == Ordering::Less
    }

    /// Notes at the profiles of its ends that a link is refused.
    fn refuse(&mut self, number: u32, link: &StoredLink) {
        for end in [link.from, link.to] {
            let root = self.merging.root(end);
            if self.comes_after(number, root) {
                self.standings[root as usize].last = number;
            }
        }
    }

    /// Returns what two profiles, given by their roots, are as one; none where the link
    /// between them is refused.
    fn weigh(&mut self, number: u32, (from, to): (u32, u32)) -> Option<Standing> {
        let facts = self.evidence.facts(&self.graph);
        let link = *facts.link(number);
        let (a, b) = (self.standings[from as usize], self.standings[to as usize]);
        if self.merging.refusal(number, (from, to), facts).is_some() {
            self.refuse(number, &link);
            return None;
        }
        let new = if joins_users(&link, facts) { number } else { NONE };
        let aliases = [a.alias, b.alias, new].into_iter().filter(|alias| *alias != NONE);
        Some(Standing {
            last: number,
            best: if facts.telling(a.best) <= facts.telling(b.best) { a.best } else { b.best },
            alias: aliases.min_by(|a, b| facts.order(*a, *b)).unwrap_or(NONE),
            n_carriers: a.n_carriers + b.n_carriers,
        })
    }

    fn join(&mut self, number: u32, (from, to): (u32, u32), standing: Standing) {
        let root = self.merging.join(number, (from, to), self.evidence.facts(&self.graph));
        self.standings[root as usize] = standing;
    }

    /// Notes that all carriers of a root are of a profile of this name now.
    pub(super) fn rename(&mut self, root: u32, canonical: u32) {
        let from = self.canonical(self.standings[root as usize]);
        if from == canonical {
            return;
        }
        let store = self.graph.store();
        let carriers = self.merging.members(root).filter(|member| store.carries(*member));
        self.moves.extend(carriers.map(|carrier| Move { carrier, from: Some(from), to: canonical }));
    }

    /// Whether links before this one have joined its ends.
    fn joined_before(&self, number: u32) -> bool {
        let facts = self.evidence.facts(&self.graph);
        let link = facts.link(number);
        let chain = self.chain(link.from, link.to);
        chain.is_some_and(|chain| chain.into_iter().all(|one| facts.order(one, number) == Ordering::Less))
    }

    /// Returns the links between two identities of one profile, `None` for two people.
    pub(super) fn chain(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        let (mut rising, mut falling) = (self.ancestors(from), self.ancestors(to));
        if rising.last()?.0 != falling.last()?.0 {
            return None;
        }
        // From where they meet up to the root both are the same.
        let same = rising.iter().rev().zip(falling.iter().rev()).take_while(|(a, b)| a.0 == b.0).count();
        rising.truncate(rising.len() - same);
        falling.truncate(falling.len() - same);
        Some(rising.into_iter().chain(falling.into_iter().rev()).map(|(_, link)| link).collect())
    }

    /// Returns an identity and all it hangs on, nearest first, each with the link that
    /// leads on.
    fn ancestors(&self, identity: u32) -> Vec<(u32, u32)> {
        let facts = self.evidence.facts(&self.graph);
        let mut chain = Vec::new();
        let mut current = identity;
        // Ends, for the links form a forest.
        loop {
            let number = self.merging.hanging(current);
            chain.push((current, number));
            if number == NONE {
                return chain;
            }
            current = other_end(facts.link(number), current);
        }
    }
}
