//! Who is who: the meaning of an identity graph's links.
//!
//! All rules are functions of the set of events, the rules of the home and the list of
//! decisions:
//!
//! 1. An event belongs to its carrier's profile: the user id's, or that of what stands
//!    in the place of the anonymous id. Other ids only link.
//! 2. Links are applied in the total order of their proofs; of one event's links the
//!    more telling come first. One that would close a circle says nothing new. What is
//!    applied is a forest: there is one reason, not several, why two identities are one
//!    person.
//! 3. A link that would give a profile more values of a kind than its limit is refused.
//!    So a device two people use belongs to the first of them, and never makes the two
//!    one person. Stated links (an alias of a user id, a merge by decision) are bound by
//!    no limit.
//! 4. A shared identity ([`IdentityRules::shared_above`]) links nobody.
//! 5. A previous id follows its earliest alias only.
//! 6. Proposed links come last, the most probable first, within all limits.
//! 7. The canonical identity is of the most telling kind the one seen first; of aliased
//!    user ids the target of the earliest alias.

pub(crate) mod classes;
mod evidence;
pub(crate) mod facts;
pub(crate) mod merging;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use throng_event::{Identity, IdentityKind};

use self::classes::Classes;
use self::evidence::{Evidence, sort_refused};
use self::merging::{Merging, other_end};
use crate::graph::{Store, StoredLink};
use crate::intern::{NONE, next_number};
use crate::{Decision, IdentityRules, Link, ProfileId, Proposal, Refusal, RefusedLink};

/// Who is who according to one [`IdentityGraph`](crate::IdentityGraph); immutable.
///
/// Profiles are all those that events belong to, numbered from 0 in the order of their
/// ids.
#[derive(Debug, Clone)]
pub struct Resolution {
    rules: Arc<IdentityRules>,
    store: Arc<Store>,
    /// Links that are none of the graph's.
    extra: Vec<StoredLink>,
    /// The number of an identity's profile, [`NONE`] where no event belongs to it.
    numbers: Vec<u32>,
    /// The canonical identity of every profile, ascending as written.
    canonical: Vec<u32>,
    /// The identities of all profiles, one after the other, ascending in each.
    members: Vec<u32>,
    /// Where the members of a profile begin; one more than there are profiles.
    starts: Vec<usize>,
    /// The link by which an identity hangs on its canonical one.
    hanging: Vec<u32>,
    refused: Vec<(u32, Refusal)>,
    /// Ascending as written.
    shared: Vec<u32>,
}

impl Resolution {
    pub(crate) fn of(
        rules: &Arc<IdentityRules>,
        store: &Arc<Store>,
        decisions: &[Decision],
        proposals: &[Proposal],
    ) -> Self {
        let classes = Classes::of(store);
        let mut evidence = Evidence::gather(rules, store, &classes, decisions);
        let mut merging = Merging::of(store.n_identities());
        let order = evidence.in_order();
        merging.apply(&order, &mut evidence);
        drop(order);
        let proposed = evidence.proposed(proposals);
        merging.apply(&proposed, &mut evidence);

        let facts = evidence.facts();
        let of_root = merging.canonical(facts);
        let mut carries = vec![false; store.n_identities()];
        for identity in store.numbers() {
            let canonical = of_root[merging.root(identity) as usize];
            carries[canonical as usize] |= store.carries(identity);
            if identity == canonical {
                merging.reroot(identity, facts);
            }
        }
        let canonical = sorted_as_written(store, |identity| carries[identity as usize]);
        let mut numbers = vec![NONE; store.n_identities()];
        for (number, identity) in (0..).zip(&canonical) {
            numbers[*identity as usize] = number;
        }
        for identity in store.numbers() {
            numbers[identity as usize] = numbers[of_root[merging.root(identity) as usize] as usize];
        }
        let (members, starts) = members(store, &classes, &numbers, canonical.len());
        let hanging = merging.hanging;
        let Evidence { extra, mut refused, shared, .. } = evidence;
        sort_refused(store, &extra, &mut refused);
        let shared = sorted_as_written(store, |identity| shared[identity as usize]);
        let (rules, store) = (Arc::clone(rules), Arc::clone(store));
        Self { rules, store, extra, numbers, canonical, members, starts, hanging, refused, shared }
    }

    /// Returns how many profiles there are.
    #[must_use]
    pub fn n_profiles(&self) -> usize {
        self.canonical.len()
    }

    /// Returns the number of the profile an event with these ids belongs to, `None` when
    /// both are absent or stand for nobody, or no event of the graph carried them.
    ///
    /// The answer depends on the ids alone; it needs two look-ups and no memory.
    #[must_use]
    pub fn number(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<u32> {
        let (kind, value) = self.rules.carrier(user_id, anonymous_id)?;
        self.number_of_parts(kind, value)
    }

    /// Returns the number of the profile that has an identity.
    #[must_use]
    pub fn number_of(&self, identity: &Identity) -> Option<u32> {
        self.number_of_parts(identity.kind, &identity.value)
    }

    pub(crate) fn number_of_written(&self, text: &str) -> Option<u32> {
        let (kind, value) = Identity::parts(text)?;
        self.number_of_parts(kind, value)
    }

    fn number_of_parts(&self, kind: IdentityKind, value: &str) -> Option<u32> {
        let identity = self.store.find(kind, value)?;
        Some(self.numbers[identity as usize]).filter(|number| *number != NONE)
    }

    /// Returns the id of a profile by its number.
    ///
    /// # Panics
    /// When there is no profile of that number.
    #[must_use]
    pub fn profile_id(&self, number: u32) -> ProfileId {
        ProfileId::written(self.store.text(self.canonical[number as usize]))
    }

    /// Returns the id of a profile by its number, as it is written.
    ///
    /// # Panics
    /// When there is no profile of that number.
    #[must_use]
    pub fn written_id(&self, number: u32) -> &str {
        self.store.text(self.canonical[number as usize])
    }

    /// Returns the id of every profile, by number and so ascending.
    pub fn profile_ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.canonical.iter().map(|identity| self.store.text(*identity))
    }

    /// Returns the profile an event with these ids belongs to, `None` when both are
    /// absent or stand for nobody.
    #[must_use]
    pub fn profile(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<ProfileId> {
        let (kind, value) = self.rules.carrier(user_id, anonymous_id)?;
        let number = self.number_of_parts(kind, value);
        Some(number.map_or_else(|| ProfileId::from_parts(kind, value), |number| self.profile_id(number)))
    }

    /// Returns all identities of a profile, ascending by kind and value.
    ///
    /// # Panics
    /// When there is no profile of that number.
    pub fn identities(&self, number: u32) -> impl ExactSizeIterator<Item = Identity> {
        self.members(number).iter().map(|identity| self.store.identity(*identity))
    }

    /// Returns the profiles that have more than one identity, by number.
    pub fn linked(&self) -> impl Iterator<Item = u32> {
        (0..next_number(self.canonical.len())).filter(|number| self.members(*number).len() > 1)
    }

    /// Returns the link by which an identity hangs on its profile: the last of the chain
    /// from the canonical identity. `None` for the canonical identity itself.
    #[must_use]
    pub fn link_of(&self, identity: &Identity) -> Option<Link> {
        let number = self.hanging[self.store.find(identity.kind, &identity.value)? as usize];
        (number != NONE).then(|| self.store.link(self.stored(number)))
    }

    /// Returns the chain of links that makes two identities one person, from the
    /// first to the second: empty for an identity and itself, `None` for two people.
    #[must_use]
    pub fn why(&self, from: &Identity, to: &Identity) -> Option<Vec<Link>> {
        if from == to {
            return Some(Vec::new());
        }
        let find = |identity: &Identity| self.store.find(identity.kind, &identity.value);
        let (rising, falling) = (self.ancestors(find(from)?), self.ancestors(find(to)?));
        // The roots agree for one person; from there down they part once.
        let same = rising.iter().rev().zip(falling.iter().rev()).take_while(|(a, b)| a.0 == b.0).count();
        if same == 0 {
            return None;
        }
        let up = &rising[..rising.len() - same];
        let down = falling[..falling.len() - same].iter().rev();
        Some(up.iter().chain(down).map(|(_, number)| self.store.link(self.stored(*number))).collect())
    }

    /// Returns the links that are not applied, ascending, each with its reason.
    pub fn refused(&self) -> impl ExactSizeIterator<Item = RefusedLink> {
        self.refused
            .iter()
            .map(|(number, reason)| RefusedLink { link: self.store.link(self.stored(*number)), reason: *reason })
    }

    /// Returns the identities that are shared by many, ascending as written.
    pub fn shared(&self) -> impl ExactSizeIterator<Item = Identity> {
        self.shared.iter().map(|identity| self.store.identity(*identity))
    }

    fn members(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.members[self.starts[number]..self.starts[number + 1]]
    }

    fn stored(&self, number: u32) -> &StoredLink {
        facts::link(&self.store, &self.extra, number)
    }

    /// Returns an identity and all it hangs on, nearest first, each with the link that
    /// leads on.
    fn ancestors(&self, identity: u32) -> Vec<(u32, u32)> {
        let mut chain = Vec::new();
        let mut current = identity;
        // Ends, for the links form a forest.
        loop {
            let number = self.hanging[current as usize];
            chain.push((current, number));
            if number == NONE {
                return chain;
            }
            current = other_end(self.stored(number), current);
        }
    }

    fn applied(&self, number: u32) -> impl Iterator<Item = Option<Link>> {
        let hanging = self.members(number).iter().map(|identity| self.hanging[*identity as usize]);
        hanging.map(|link| (link != NONE).then(|| self.store.link(self.stored(link))))
    }
}

/// Equal are resolutions that say the same of all profiles: ids, identities, links and
/// refusals.
impl PartialEq for Resolution {
    fn eq(&self, other: &Self) -> bool {
        let profiles = || 0..next_number(self.canonical.len());
        self.rules == other.rules
            && self.profile_ids().eq(other.profile_ids())
            && profiles().all(|number| self.identities(number).eq(other.identities(number)))
            && profiles().all(|number| self.applied(number).eq(other.applied(number)))
            && self.refused().eq(other.refused())
            && self.shared().eq(other.shared())
    }
}

/// Returns the wanted identities, ascending as written.
fn sorted_as_written(store: &Store, wanted: impl Fn(u32) -> bool) -> Vec<u32> {
    // The head of each text stands beside its number: most comparisons end there.
    let head = |identity: u32| {
        let mut head = [0; 16];
        head.iter_mut().zip(store.text(identity).bytes()).for_each(|(place, byte)| *place = byte);
        (head, identity)
    };
    let mut order: Vec<([u8; 16], u32)> = store.numbers().filter(|identity| wanted(*identity)).map(head).collect();
    order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| store.text(a.1).cmp(store.text(b.1))));
    order.into_iter().map(|(_, identity)| identity).collect()
}

/// Returns the members of every profile and where each begins.
fn members(store: &Store, classes: &Classes, numbers: &[u32], n_profiles: usize) -> (Vec<u32>, Vec<usize>) {
    let mut starts = vec![0_usize; n_profiles + 1];
    let known = || numbers.iter().filter(|number| **number != NONE);
    for number in known() {
        starts[*number as usize + 1] += 1;
    }
    for number in 0..n_profiles {
        starts[number + 1] += starts[number];
    }
    let mut free = starts.clone();
    let mut members = vec![NONE; known().count()];
    for identity in store.numbers() {
        let number = numbers[identity as usize];
        if number != NONE {
            let place = &mut free[number as usize];
            members[*place] = identity;
            *place += 1;
        }
    }
    for profile in starts.windows(2) {
        members[profile[0]..profile[1]]
            .sort_unstable_by(|a, b| (classes.kind(*a), store.text(*a)).cmp(&(classes.kind(*b), store.text(*b))));
    }
    (members, starts)
}
