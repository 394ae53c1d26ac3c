//! Which links count, while identities, links and decisions keep coming: at every moment
//! those that `resolution/evidence.rs` finds in all of them at once.
//!
//! Links of what is seen together hang in a list on each of their ends (an adjacency
//! list within the links, Knuth, TAOCP 1, 2.2.5). The links of an alias or a decision
//! are few and stand apart, and only those that count: so what is shared by many has no
//! list that would have to be walked.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use throng_event::{EventKey, Identity, IdentityKind, Instant};

use super::classes::GrowingClasses;
use crate::graph::{IdentityGraph, Store, StoredLink, proof_of_proposal};
use crate::intern::NONE;
use crate::resolution::facts::{Facts, extra_number, extra_position};
use crate::resolution::merging::other_end;
use crate::{Decision, LinkKind, Proof, Proposal, Verdict};

#[derive(Debug, Clone)]
pub(super) struct GrowingEvidence {
    classes: GrowingClasses,
    /// Links that are none of the graph's: readings of aliases, merges by decision.
    extra: Vec<StoredLink>,
    /// The first link of the list of an identity.
    heads: Vec<u32>,
    /// The next links in the lists of a link's ends, `from` first.
    nexts: Vec<[u32; 2]>,
    /// With how many an identity was seen that may make it a shared one.
    n_telling: Vec<u32>,
    shared: Vec<bool>,
    /// What was decided about a pair, the last word only.
    verdicts: BTreeMap<(u32, u32), (Verdict, Instant)>,
    /// Decisions that wait for an identity, by how it is written.
    waiting: BTreeMap<String, Vec<Decision>>,
    /// How probable the proposed links are that are probable enough, by their ends, the lesser first.
    proposals: BTreeMap<(Identity, Identity), f64>,
    /// Proposals that wait for an identity, by how it is written.
    proposals_waiting: BTreeMap<String, Vec<(Identity, Identity)>>,
    /// The proposed links of an identity, whether they count or not.
    proposed: BTreeMap<u32, Vec<u32>>,
    /// The aliases of a previous id, as the graph has them.
    aliases: BTreeMap<u32, Vec<u32>>,
    /// The reading of an alias as one of an anonymous id.
    readings: BTreeMap<u32, u32>,
    /// The alias that a previous id follows.
    followed: BTreeMap<u32, u32>,
    /// The aliases and decided merges of an identity that count.
    stated: BTreeMap<u32, Vec<u32>>,
    /// Links that count and did not before, or not as early.
    pub(super) gained: Vec<u32>,
    /// Identities of which a link no longer counts, or whose weight with others changed.
    pub(super) shaken: Vec<u32>,
}

impl GrowingEvidence {
    pub(super) fn new() -> Self {
        Self {
            classes: GrowingClasses::new(),
            extra: Vec::new(),
            heads: Vec::new(),
            nexts: Vec::new(),
            n_telling: Vec::new(),
            shared: Vec::new(),
            verdicts: BTreeMap::new(),
            waiting: BTreeMap::new(),
            proposals: BTreeMap::new(),
            proposals_waiting: BTreeMap::new(),
            proposed: BTreeMap::new(),
            aliases: BTreeMap::new(),
            readings: BTreeMap::new(),
            followed: BTreeMap::new(),
            stated: BTreeMap::new(),
            gained: Vec::new(),
            shaken: Vec::new(),
        }
    }

    pub(super) fn facts<'a>(&'a self, graph: &'a IdentityGraph) -> Facts<'a> {
        Facts { rules: graph.rules(), store: graph.store(), classes: self.classes.known(), extra: &self.extra }
    }

    /// Adds the next identity of the graph.
    pub(super) fn add(&mut self, graph: &IdentityGraph, identity: u32) {
        self.heads.push(NONE);
        self.n_telling.push(0);
        self.shared.push(false);
        let changed = self.classes.add(graph.store(), identity);
        self.weigh_again(graph, changed);
    }

    /// Takes in what waited for a new identity; it and those it came with are added.
    pub(super) fn meet(&mut self, graph: &IdentityGraph, identity: u32) {
        if let Some(previous) = self.alias_source(graph.store(), identity) {
            self.follow_again(graph, previous);
            self.follow_again(graph, identity);
        }
        if !self.waiting.is_empty() {
            let decisions = self.waiting.remove(graph.store().text(identity));
            decisions.into_iter().flatten().for_each(|decision| self.decide(graph, &decision));
        }
        if !self.proposals_waiting.is_empty() {
            let pairs = self.proposals_waiting.remove(graph.store().text(identity));
            pairs.into_iter().flatten().for_each(|pair| self.take_proposal(graph, pair));
        }
    }

    /// Takes in that an identity was seen, or seen earlier.
    pub(super) fn see(&mut self, graph: &IdentityGraph, identity: u32) {
        // A user id that only aliases named is now one that events carry.
        if self.aliases.contains_key(&identity) && !self.followed.contains_key(&identity) {
            self.follow_again(graph, identity);
        }
    }

    /// Takes in a link of the graph, new or with an earlier proof.
    pub(super) fn take(&mut self, graph: &IdentityGraph, number: u32) {
        let link = graph.store().links()[number as usize];
        let new = number as usize == self.nexts.len();
        if new {
            self.nexts.push([NONE; 2]);
        }
        if link.kind == LinkKind::Aliased {
            if new {
                self.aliases.entry(link.from).or_default().push(number);
            }
            self.take_alias(graph, number);
            return;
        }
        if new {
            self.hang(graph, number);
        }
        if self.counts(graph, number) {
            self.gained.push(number);
        }
    }

    /// Takes in a decision; one about an identity that is not known waits for it.
    pub(super) fn decide(&mut self, graph: &IdentityGraph, decision: &Decision) {
        let (a, b) = (&decision.a, &decision.b);
        if a == b {
            return;
        }
        let find = |identity: &Identity| graph.store().find(identity.kind, &identity.value);
        let (Some(number_a), Some(number_b)) = (find(a), find(b)) else {
            // Of two that are missing always the same one, so that the order of decisions
            // about a pair is kept.
            let missing = [a, b].into_iter().filter(|identity| find(identity).is_none()).min();
            let written = missing.map(Identity::to_string).unwrap_or_default();
            self.waiting.entry(written).or_default().push(decision.clone());
            return;
        };
        let pair = (number_a.min(number_b), number_a.max(number_b));
        let verdict = (decision.verdict, decision.at);
        let before = self.verdicts.insert(pair, verdict);
        if before == Some(verdict) {
            return;
        }
        if let Some((Verdict::Merge, _)) = before {
            let facts = self.facts(graph);
            let merge = |number: &u32| {
                let link = facts.link(*number);
                link.kind == LinkKind::Stated && (link.from, link.to) == pair
            };
            let former = self.stated.get(&pair.0).and_then(|links| links.iter().copied().find(merge));
            former.into_iter().for_each(|number| self.detach(graph, number));
        }
        if before.is_some_and(|(verdict, _)| verdict == Verdict::Split) || decision.verdict == Verdict::Split {
            self.shaken.extend([pair.0, pair.1]);
            self.follow_again(graph, pair.0);
            self.follow_again(graph, pair.1);
        }
        if decision.verdict == Verdict::Merge {
            let proof = Proof { occurred_at: decision.at, key: EventKey(i64::MAX) };
            let number = self.add_extra(StoredLink { from: pair.0, to: pair.1, kind: LinkKind::Stated, proof });
            self.attach(graph, number);
        }
    }

    /// Takes in what is proposed from now on, in place of what was.
    pub(super) fn propose(&mut self, graph: &IdentityGraph, proposals: &[Proposal]) {
        let Some(proposed_min) = graph.rules().proposed_min else { return };
        let mut probable: BTreeMap<(Identity, Identity), f64> = BTreeMap::new();
        for Proposal { a, b, probability } in proposals {
            if *probability >= proposed_min && a != b {
                let pair = (a.min(b).clone(), a.max(b).clone());
                let best = probable.entry(pair).or_insert(*probability);
                *best = best.max(*probability);
            }
        }
        let former = std::mem::replace(&mut self.proposals, probable);
        for (pair, probability) in &former {
            if self.proposals.get(pair) != Some(probability) {
                self.withdraw(graph, pair);
            }
        }
        let new = self.proposals.iter().filter(|(pair, probability)| former.get(pair) != Some(probability));
        let new: Vec<(Identity, Identity)> = new.map(|(pair, _)| pair.clone()).collect();
        new.into_iter().for_each(|pair| self.take_proposal(graph, pair));
    }

    /// Takes in the proposal about a pair, if there is one; about an identity that is not known it waits
    /// for it.
    fn take_proposal(&mut self, graph: &IdentityGraph, pair: (Identity, Identity)) {
        let Some(probability) = self.proposals.get(&pair) else { return };
        let proof = proof_of_proposal(*probability);
        let find = |identity: &Identity| graph.store().find(identity.kind, &identity.value);
        let (Some(a), Some(b)) = (find(&pair.0), find(&pair.1)) else {
            let missing = if find(&pair.0).is_none() { &pair.0 } else { &pair.1 };
            self.proposals_waiting.entry(missing.to_string()).or_default().push(pair);
            return;
        };
        if self.proposed_between(graph, a, b).is_some() {
            return;
        }
        let number = self.add_extra(StoredLink { from: a.min(b), to: a.max(b), kind: LinkKind::Proposed, proof });
        for end in [a, b] {
            self.proposed.entry(end).or_default().push(number);
        }
        if self.counts(graph, number) {
            self.gained.push(number);
        }
    }

    /// Takes out the proposed link of a pair.
    fn withdraw(&mut self, graph: &IdentityGraph, (a, b): &(Identity, Identity)) {
        let find = |identity: &Identity| graph.store().find(identity.kind, &identity.value);
        let (Some(a), Some(b)) = (find(a), find(b)) else { return };
        let Some(number) = self.proposed_between(graph, a, b) else { return };
        for end in [a, b] {
            self.proposed.entry(end).or_default().retain(|other| *other != number);
        }
        self.shaken.extend([a, b]);
    }

    fn proposed_between(&self, graph: &IdentityGraph, a: u32, b: u32) -> Option<u32> {
        let facts = self.facts(graph);
        let mut links = self.proposed.get(&a).into_iter().flatten().copied();
        links.find(|number| other_end(facts.link(*number), a) == b)
    }

    /// Whether a link counts.
    pub(super) fn counts(&self, graph: &IdentityGraph, number: u32) -> bool {
        let link = self.facts(graph).link(number);
        match link.kind {
            LinkKind::SeenTogether | LinkKind::Proposed => !self.refuses(link),
            LinkKind::Aliased => self.followed.get(&link.from) == Some(&number),
            // One that no longer counts is never met again.
            LinkKind::Stated => true,
        }
    }

    /// Calls with every link of an identity that counts.
    pub(super) fn for_each_link(&self, graph: &IdentityGraph, identity: u32, mut call: impl FnMut(u32)) {
        if !self.shared[identity as usize] {
            let proposed = self.proposed.get(&identity).into_iter().flatten().copied();
            let links = self.seen_together(graph.store(), identity).chain(proposed);
            links.filter(|number| self.counts(graph, *number)).for_each(&mut call);
        }
        self.stated.get(&identity).into_iter().flatten().copied().for_each(call);
    }

    /// Returns all links of an identity with what it was seen together.
    fn seen_together<'a>(&'a self, store: &'a Store, identity: u32) -> impl Iterator<Item = u32> + 'a {
        let known = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(known(self.heads[identity as usize]), move |number| {
            let [of_from, of_to] = self.nexts[*number as usize];
            known(if store.links()[*number as usize].from == identity { of_from } else { of_to })
        })
    }

    /// Hangs a new link on its ends.
    fn hang(&mut self, graph: &IdentityGraph, number: u32) {
        let StoredLink { from, to, .. } = graph.store().links()[number as usize];
        for (side, identity) in [from, to].into_iter().enumerate() {
            let head = std::mem::replace(&mut self.heads[identity as usize], number);
            self.nexts[number as usize][side] = head;
        }
        for (identity, other) in [(from, to), (to, from)] {
            let place = identity as usize;
            // Once shared an identity remains so, until classes change.
            if self.shared[place] || !self.facts(graph).counts_for_sharing(identity, other) {
                continue;
            }
            self.n_telling[place] += 1;
            // Walking the list is bounded: this many of each class, and it is shared.
            if self.n_telling[place] > graph.rules().shared_above {
                self.weigh(graph, identity);
            }
        }
    }

    /// Finds out again whether an identity is shared, see
    /// [`IdentityRules::shared_above`](crate::IdentityRules::shared_above).
    fn weigh(&mut self, graph: &IdentityGraph, identity: u32) {
        let facts = self.facts(graph);
        if facts.classes.kind(identity) == IdentityKind::UserId {
            return;
        }
        let mut n_of_class = [0_u32; 1 << u8::BITS];
        for number in self.seen_together(facts.store, identity) {
            let other = other_end(facts.link(number), identity);
            if facts.counts_for_sharing(identity, other) {
                n_of_class[usize::from(facts.classes.class(other))] += 1;
            }
        }
        let shared = n_of_class.iter().any(|n| *n > facts.rules.shared_above);
        self.n_telling[identity as usize] = n_of_class.iter().sum();
        if std::mem::replace(&mut self.shared[identity as usize], shared) == shared {
            return;
        }
        let mut shaken = std::mem::take(&mut self.shaken);
        let (facts, proposed) = (self.facts(graph), self.proposed.get(&identity).into_iter().flatten().copied());
        let links = self.seen_together(graph.store(), identity).chain(proposed);
        shaken.extend(links.map(|number| other_end(facts.link(number), identity)));
        shaken.push(identity);
        self.shaken = shaken;
        if self.alias_source(graph.store(), identity).is_some() {
            self.follow_again(graph, identity);
        }
    }

    /// Takes in that identities are now of another class, by which they and what they
    /// were seen with may be shared or not, and limits count.
    fn weigh_again(&mut self, graph: &IdentityGraph, changed: Vec<u32>) {
        let mut touched = Vec::new();
        for identity in &changed {
            let links = self.seen_together(graph.store(), *identity);
            touched.extend(links.map(|number| other_end(&graph.store().links()[number as usize], *identity)));
        }
        self.shaken.extend_from_slice(&changed);
        touched.extend(changed);
        touched.sort_unstable();
        touched.dedup();
        touched.into_iter().for_each(|identity| self.weigh(graph, identity));
    }

    /// Takes in an alias, new or with an earlier proof, in its readings; see
    /// `take_aliases` of `resolution/evidence.rs`.
    fn take_alias(&mut self, graph: &IdentityGraph, number: u32) {
        let alias = graph.store().links()[number as usize];
        let anonymous = anonymous(graph.store(), alias.from);
        if let Some(anonymous) = anonymous {
            let reading = self.reading(graph, number, anonymous);
            self.extra[extra_position(reading)].proof = alias.proof;
            self.offer(graph, reading);
        }
        if anonymous.is_none() || graph.store().first_seen(alias.from).is_some() {
            self.offer(graph, number);
        }
    }

    /// Lets a previous id follow an alias, if that is its earliest.
    fn offer(&mut self, graph: &IdentityGraph, number: u32) {
        let facts = self.facts(graph);
        let link = *facts.link(number);
        if self.refuses(&link) {
            return;
        }
        match self.followed.get(&link.from) {
            Some(former) if *former == number => self.gained.push(number),
            Some(former) if facts.order(*former, number) == Ordering::Less => {}
            Some(_) | None => self.follow(graph, link.from, Some(number)),
        }
    }

    /// Finds out again which alias a previous id follows.
    fn follow_again(&mut self, graph: &IdentityGraph, previous: u32) {
        let store = graph.store();
        let readings: Vec<u32> = if store.kind(previous) == IdentityKind::UserId {
            let used = store.first_seen(previous).is_some() || anonymous(store, previous).is_none();
            self.aliases.get(&previous).filter(|_| used).cloned().unwrap_or_default()
        } else {
            let aliases = self.alias_source(store, previous).and_then(|source| self.aliases.get(&source).cloned());
            aliases.into_iter().flatten().map(|number| self.reading(graph, number, previous)).collect()
        };
        let facts = self.facts(graph);
        let candidates = readings.into_iter().filter(|number| !self.refuses(facts.link(*number)));
        let earliest = candidates.min_by(|a, b| facts.order(*a, *b));
        self.follow(graph, previous, earliest);
    }

    fn follow(&mut self, graph: &IdentityGraph, previous: u32, alias: Option<u32>) {
        let former = match alias {
            Some(alias) => self.followed.insert(previous, alias),
            None => self.followed.remove(&previous),
        };
        if former != alias {
            former.into_iter().for_each(|number| self.detach(graph, number));
            alias.into_iter().for_each(|number| self.attach(graph, number));
        }
    }

    /// Returns the link that reads an alias as one of this anonymous id.
    fn reading(&mut self, graph: &IdentityGraph, number: u32, anonymous: u32) -> u32 {
        if let Some(reading) = self.readings.get(&number) {
            return *reading;
        }
        let alias = graph.store().links()[number as usize];
        let reading = self.add_extra(StoredLink { from: anonymous, ..alias });
        self.readings.insert(number, reading);
        reading
    }

    /// Returns the user id whose aliases may also be read as aliases of this identity.
    fn alias_source(&self, store: &Store, identity: u32) -> Option<u32> {
        if self.aliases.is_empty() {
            return None;
        }
        let value = if store.kind(identity) == IdentityKind::AnonymousId {
            store.value(identity)
        } else {
            store.text(identity)
        };
        let source = store.find(IdentityKind::UserId, value).filter(|source| self.aliases.contains_key(source))?;
        (anonymous(store, source) == Some(identity)).then_some(source)
    }

    fn refuses(&self, link: &StoredLink) -> bool {
        let pair = (link.from.min(link.to), link.from.max(link.to));
        self.shared[link.from as usize]
            || self.shared[link.to as usize]
            || self.verdicts.get(&pair).is_some_and(|(verdict, _)| *verdict == Verdict::Split)
    }

    fn add_extra(&mut self, link: StoredLink) -> u32 {
        self.extra.push(link);
        extra_number(self.extra.len() - 1)
    }

    fn attach(&mut self, graph: &IdentityGraph, number: u32) {
        let StoredLink { from, to, .. } = *self.facts(graph).link(number);
        for identity in [from, to] {
            self.stated.entry(identity).or_default().push(number);
        }
        self.gained.push(number);
    }

    fn detach(&mut self, graph: &IdentityGraph, number: u32) {
        let StoredLink { from, to, .. } = *self.facts(graph).link(number);
        for identity in [from, to] {
            if let Some(links) = self.stated.get_mut(&identity) {
                links.retain(|other| *other != number);
            }
        }
        self.shaken.extend([from, to]);
    }
}

/// Returns the anonymous id, or what stands in its place, of the value of a user id.
fn anonymous(store: &Store, user: u32) -> Option<u32> {
    let (kind, value) = Identity::of_anonymous_id(store.value(user));
    store.find(kind, value)
}
