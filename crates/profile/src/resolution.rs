//! Who is who: the meaning of an identity graph's links.
//!
//! The rules of this first cut, all functions of the set of events:
//!
//! 1. An event with a user id belongs to that user.
//! 2. An anonymous id belongs to the user of the earliest event that links it. So a
//!    device shared by two people gives its anonymous events to the first of them,
//!    and never makes the two one person.
//! 3. An alias makes its previous id and its user id one person. It names a value,
//!    not a kind: it attaches the user id and the anonymous id of that value. A
//!    previous id follows its earliest alias only, for the same reason as in 2.
//! 4. Links are applied in the total order of their proofs; one that would close a
//!    circle is left out. What remains is a forest, so there is one reason, not
//!    several, why any two identities are one person.
//! 5. The canonical identity of merged user ids is the user id of the earliest of
//!    their alias links: later aliases do not rename a profile.

use std::collections::{BTreeMap, BTreeSet};

use throng_event::{Identity, IdentityKind};

use crate::{IdentityGraph, Link, LinkKind, ProfileId, Proof, usable};

/// Who is who according to one [`IdentityGraph`]; immutable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resolution {
    /// The identities of every profile that has more than one, ascending.
    profiles: Vec<(ProfileId, Vec<Identity>)>,
    /// Positions in `profiles` of the user ids that are linked.
    users: BTreeMap<String, usize>,
    /// Positions in `profiles` of the anonymous ids that are linked.
    anonymous: BTreeMap<String, usize>,
    /// The one link that attaches an identity, for those attached at all.
    parents: BTreeMap<Identity, Link>,
}

impl Resolution {
    pub(crate) fn of(graph: &IdentityGraph) -> Self {
        let mut parents = BTreeMap::new();
        let canonical = merge_users(graph, &mut parents);
        attach_devices(graph, &mut parents);
        let canonical_of = |user_id: &str| {
            let canonical_id = canonical.get(user_id).map_or(user_id, String::as_str);
            ProfileId::from_parts(IdentityKind::UserId, canonical_id)
        };
        let mut known: BTreeSet<Identity> = parents.keys().cloned().collect();
        known.extend(parents.values().map(|link| Identity::user(&link.user_id)));
        let mut members: BTreeMap<ProfileId, Vec<Identity>> = BTreeMap::new();
        for identity in known {
            let user_id = parents.get(&identity).map_or(&identity.value, |link| &link.user_id);
            members.entry(canonical_of(user_id)).or_default().push(identity);
        }
        let named: BTreeSet<&str> = [&graph.seen_together, &graph.aliased]
            .into_iter()
            .flat_map(|links| links.values().flat_map(|users| users.keys().map(String::as_str)))
            .collect();
        let mut resolution = Self { parents, ..Self::default() };
        for (profile_idx, (profile, mut identities)) in members.into_iter().enumerate() {
            for identity in &identities {
                let places = match identity.kind {
                    IdentityKind::UserId => &mut resolution.users,
                    _ => &mut resolution.anonymous,
                };
                places.insert(identity.value.clone(), profile_idx);
            }
            // An alias names a value; of its two readings only those that events use are shown.
            identities.retain(|identity| {
                let device = graph.seen_together.contains_key(&identity.value);
                match identity.kind {
                    IdentityKind::UserId => !device || named.contains(identity.value.as_str()),
                    _ => device,
                }
            });
            resolution.profiles.push((profile, identities));
        }
        resolution
    }

    /// Returns the profile an event with these ids belongs to, `None` when both are
    /// absent or stand for nobody.
    ///
    /// The answer depends on the ids alone, so callers with columns ask once for
    /// every distinct pair.
    #[must_use]
    pub fn profile(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<ProfileId> {
        let usable_user = user_id.filter(|id| usable(id)).map(|id| (IdentityKind::UserId, id));
        let usable_device = || anonymous_id.filter(|id| usable(id)).map(|id| (IdentityKind::AnonymousId, id));
        let (kind, value) = usable_user.or_else(usable_device)?;
        match self.place(kind, value) {
            Some(profile_idx) => Some(self.profiles[profile_idx].0.clone()),
            None => Some(ProfileId::from_parts(kind, value)),
        }
    }

    /// Returns all identities of a profile, ascending. A profile that has since been
    /// merged into another gives that one's.
    #[must_use]
    pub fn identities(&self, profile: &ProfileId) -> Vec<Identity> {
        let identity = profile.identity();
        match self.place(identity.kind, &identity.value) {
            Some(profile_idx) => self.profiles[profile_idx].1.clone(),
            None => vec![identity],
        }
    }

    /// Returns the profiles that have more than one identity, ascending.
    pub fn linked(&self) -> impl Iterator<Item = (&ProfileId, &[Identity])> {
        self.profiles.iter().map(|(profile, identities)| (profile, identities.as_slice()))
    }

    /// Returns the chain of links that makes two identities one person, from the
    /// first to the second: empty for an identity and itself, `None` for two people.
    #[must_use]
    pub fn why(&self, from: &Identity, to: &Identity) -> Option<Vec<&Link>> {
        let (rising, falling) = (self.ancestors(from), self.ancestors(to));
        for (n_rising, (identity, _)) in rising.iter().enumerate() {
            let Some(n_falling) = falling.iter().position(|(other, _)| other == identity) else {
                continue;
            };
            let up = rising[..n_rising].iter().filter_map(|(_, link)| *link);
            let down = falling[..n_falling].iter().rev().filter_map(|(_, link)| *link);
            return Some(up.chain(down).collect());
        }
        None
    }

    fn place(&self, kind: IdentityKind, value: &str) -> Option<usize> {
        match kind {
            IdentityKind::UserId => self.users.get(value).copied(),
            _ => self.anonymous.get(value).copied(),
        }
    }

    /// Returns an identity and all it is attached to, nearest first, each with the
    /// link that leads on.
    fn ancestors(&self, identity: &Identity) -> Vec<(Identity, Option<&Link>)> {
        let mut chain = Vec::new();
        let mut current = identity.clone();
        // Ends, for the links form a forest.
        while let Some(link) = self.parents.get(&current) {
            let parent = Identity::user(&link.user_id);
            chain.push((current, Some(link)));
            current = parent;
        }
        chain.push((current, None));
        chain
    }
}

/// Applies the alias links; returns the canonical user id of every merged one.
fn merge_users(graph: &IdentityGraph, parents: &mut BTreeMap<Identity, Link>) -> BTreeMap<String, String> {
    let mut aliases: Vec<(&Proof, &str, &str)> = Vec::with_capacity(graph.aliased.len());
    for (previous_id, users) in &graph.aliased {
        aliases.extend(earliest(users).map(|(proof, user_id)| (proof, previous_id.as_str(), user_id)));
    }
    aliases.sort_unstable();
    let mut groups = Groups::default();
    for (proof, previous_id, user_id) in aliases {
        let (previous, user) = (groups.member(previous_id), groups.member(user_id));
        if !groups.join(previous, user) {
            continue;
        }
        let from = Identity::user(previous_id);
        let link =
            Link { from: from.clone(), user_id: user_id.to_owned(), kind: LinkKind::Aliased, proof: proof.clone() };
        parents.insert(from, link);
    }
    let members = std::mem::take(&mut groups.members);
    let mut canonical_of_group: BTreeMap<usize, (&Proof, &str)> = BTreeMap::new();
    for link in parents.values() {
        let group = groups.root(members[link.user_id.as_str()]);
        let candidate = (&link.proof, link.user_id.as_str());
        canonical_of_group.entry(group).and_modify(|best| *best = candidate.min(*best)).or_insert(candidate);
    }
    let mut canonical = BTreeMap::new();
    for (user_id, member) in members {
        // A previous id whose only alias closed a circle is in a group all the same.
        if let Some((_, canonical_id)) = canonical_of_group.get(&groups.root(member)) {
            canonical.insert(user_id.to_owned(), (*canonical_id).to_owned());
        }
    }
    canonical
}

/// Attaches every anonymous id to the user of its earliest link of either kind.
fn attach_devices(graph: &IdentityGraph, parents: &mut BTreeMap<Identity, Link>) {
    let values: Vec<&String> = graph.seen_together.keys().chain(graph.aliased.keys()).collect();
    for value in values {
        let seen = graph.seen_together.get(value).and_then(earliest).map(|best| (best, LinkKind::SeenTogether));
        let aliased = graph.aliased.get(value).and_then(earliest).map(|best| (best, LinkKind::Aliased));
        let Some(((proof, user_id), kind)) = seen.into_iter().chain(aliased).min() else {
            continue;
        };
        let from = Identity::anonymous(value);
        let link = Link { from: from.clone(), user_id: user_id.to_owned(), kind, proof: proof.clone() };
        parents.insert(from, link);
    }
}

fn earliest(users: &BTreeMap<String, Proof>) -> Option<(&Proof, &str)> {
    users.iter().map(|(user_id, proof)| (proof, user_id.as_str())).min()
}

/// Disjoint groups of user ids, named by their smallest member.
#[derive(Default)]
struct Groups<'a> {
    members: BTreeMap<&'a str, usize>,
    parent: Vec<usize>,
}

impl<'a> Groups<'a> {
    fn member(&mut self, user_id: &'a str) -> usize {
        let next = self.parent.len();
        let member = *self.members.entry(user_id).or_insert(next);
        if member == next {
            self.parent.push(next);
        }
        member
    }

    /// Returns the group's name, halving the way to it for the next who asks.
    fn root(&mut self, mut member: usize) -> usize {
        while self.parent[member] != member {
            self.parent[member] = self.parent[self.parent[member]];
            member = self.parent[member];
        }
        member
    }

    /// Joins two groups; `false` when they were one already.
    fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
        a != b
    }
}

#[cfg(test)]
mod tests;
