//! Which links count, and in which order they are applied.
//!
//! Left out are links that someone split, links of shared identities, and all aliases of
//! a previous id but its earliest. The order is that of the proofs; of links that one
//! event proves, the more telling come first.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use throng_event::{EventKey, Identity, IdentityKind, Instant};

use super::classes::Classes;
use super::facts::{self, Facts};
use crate::graph::{Store, StoredLink, proof_of_proposal};
use crate::intern::next_number;
use crate::{Decision, IdentityRules, LinkKind, Proof, Proposal, Refusal, Verdict};

/// The links of one resolution, by number: those of the graph, then those that only
/// this resolution knows.
pub(super) struct Evidence<'a> {
    rules: &'a IdentityRules,
    store: &'a Store,
    classes: &'a Classes,
    /// What was decided about a pair, the last word only.
    verdicts: BTreeMap<(u32, u32), (Verdict, Instant)>,
    /// Whether an identity is seen with too many others to be one person's.
    pub(super) shared: Vec<bool>,
    /// Links that are none of the graph's.
    pub(super) extra: Vec<StoredLink>,
    /// What is not applied.
    pub(super) refused: Vec<(u32, Refusal)>,
    /// What may be applied.
    accepted: Vec<u32>,
}

impl<'a> Evidence<'a> {
    pub(super) fn gather(
        rules: &'a IdentityRules,
        store: &'a Store,
        classes: &'a Classes,
        decisions: &[Decision],
    ) -> Self {
        let mut verdicts = BTreeMap::new();
        for decision in decisions {
            if let Some(pair) = pair(store, &decision.a, &decision.b) {
                verdicts.insert(pair, (decision.verdict, decision.at));
            }
        }
        let shared = shared(rules, store, classes);
        let (extra, refused, accepted) = (Vec::new(), Vec::new(), Vec::new());
        let mut evidence = Self { rules, store, classes, verdicts, shared, extra, refused, accepted };
        evidence.take_seen_together();
        evidence.take_aliases();
        evidence.take_merges();
        evidence
    }

    fn link(&self, number: u32) -> &StoredLink {
        self.facts().link(number)
    }

    /// Returns the links that are not in order yet, in the order of their proofs.
    pub(super) fn in_order(&mut self) -> Vec<u32> {
        let accepted = std::mem::take(&mut self.accepted);
        self.facts().in_order(accepted)
    }

    /// Returns the proposed links that are probable enough, the most probable first.
    pub(super) fn proposed(&mut self, proposals: &[Proposal]) -> Vec<u32> {
        let Some(proposed_min) = self.rules.proposed_min else { return Vec::new() };
        let mut best: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for proposal in proposals.iter().filter(|proposal| proposal.probability >= proposed_min) {
            if let Some(pair) = pair(self.store, &proposal.a, &proposal.b) {
                let probability = best.entry(pair).or_insert(proposal.probability);
                *probability = probability.max(proposal.probability);
            }
        }
        for ((from, to), probability) in best {
            let number = self.add(from, to, LinkKind::Proposed, proof_of_proposal(probability));
            self.take(number);
        }
        self.in_order()
    }

    fn take_seen_together(&mut self) {
        for number in 0..next_number(self.store.links().len()) {
            if self.link(number).kind == LinkKind::SeenTogether {
                self.take(number);
            }
        }
    }

    /// An alias names a value, not a kind: the user id of that value, the anonymous id,
    /// or both, as far as events carry them. Either follows its earliest alias only, or
    /// two accounts made from one cookie would be one person.
    fn take_aliases(&mut self) {
        let of_graph = self.store.links();
        let mut aliases: Vec<u32> = (0..next_number(of_graph.len()))
            .filter(|number| of_graph[*number as usize].kind == LinkKind::Aliased)
            .collect();
        aliases.sort_unstable_by(|a, b| {
            let (link_a, link_b) = (self.link(*a), self.link(*b));
            link_a.from.cmp(&link_b.from).then(link_a.proof.cmp(&link_b.proof)).then_with(|| self.compare(*a, *b))
        });
        let mut followed = BTreeSet::new();
        for number in aliases {
            let alias = *self.link(number);
            let (kind, value) = Identity::of_anonymous_id(self.store.value(alias.from));
            let anonymous = self.store.find(kind, value);
            let used = self.store.first_seen(alias.from).is_some();
            let reading = anonymous.map(|anonymous| self.add(anonymous, alias.to, LinkKind::Aliased, alias.proof));
            for number in reading.into_iter().chain((used || anonymous.is_none()).then_some(number)) {
                let previous = self.link(number).from;
                if self.refusal(number).is_none() && !followed.insert(previous) {
                    self.refused.push((number, Refusal::AliasedBefore));
                } else {
                    self.take(number);
                }
            }
        }
    }

    fn take_merges(&mut self) {
        let merges: Vec<((u32, u32), Instant)> = self
            .verdicts
            .iter()
            .filter(|(_, (verdict, _))| *verdict == Verdict::Merge)
            .map(|(pair, (_, at))| (*pair, *at))
            .collect();
        for ((from, to), at) in merges {
            let number = self.add(from, to, LinkKind::Stated, Proof { occurred_at: at, key: EventKey(i64::MAX) });
            self.accepted.push(number);
        }
    }

    fn take(&mut self, number: u32) {
        match self.refusal(number) {
            Some(reason) => self.refused.push((number, reason)),
            None => self.accepted.push(number),
        }
    }

    fn refusal(&self, number: u32) -> Option<Refusal> {
        let &StoredLink { from, to, .. } = self.link(number);
        let verdict = self.verdicts.get(&(from.min(to), from.max(to)));
        if verdict.is_some_and(|(verdict, _)| *verdict == Verdict::Split) {
            Some(Refusal::Split)
        } else if self.shared[from as usize] || self.shared[to as usize] {
            Some(Refusal::Shared)
        } else {
            None
        }
    }

    fn add(&mut self, from: u32, to: u32, kind: LinkKind, proof: Proof) -> u32 {
        self.extra.push(StoredLink { from, to, kind, proof });
        facts::extra_number(self.extra.len() - 1)
    }

    /// Orders links of one proof: the more telling first, then by content.
    fn compare(&self, a: u32, b: u32) -> Ordering {
        self.facts().compare(a, b)
    }

    pub(super) fn facts(&self) -> Facts<'_> {
        let &Self { rules, store, classes, .. } = self;
        Facts { rules, store, classes, extra: &self.extra }
    }
}

fn pair(store: &Store, a: &Identity, b: &Identity) -> Option<(u32, u32)> {
    let (a, b) = (store.find(a.kind, &a.value)?, store.find(b.kind, &b.value)?);
    (a != b).then_some((a.min(b), a.max(b)))
}

/// Returns which identities are shared, see [`IdentityRules::shared_above`].
fn shared(rules: &IdentityRules, store: &Store, classes: &Classes) -> Vec<bool> {
    let facts = Facts { rules, store, classes, extra: &[] };
    let mut n_links = vec![0_u32; store.n_identities()];
    let together = || store.links().iter().filter(|link| link.kind == LinkKind::SeenTogether);
    for identity in together().flat_map(|link| [link.from, link.to]) {
        n_links[identity as usize] += 1;
    }
    // Few identities have so many links; only those are looked at closely.
    let mut seen_with: Vec<(u32, u8)> = Vec::new();
    for link in together() {
        for (identity, other) in [(link.from, link.to), (link.to, link.from)] {
            let known_person = classes.kind(identity) == IdentityKind::UserId;
            let many = n_links[identity as usize] > rules.shared_above;
            if many && !known_person && facts.counts_for_sharing(identity, other) {
                seen_with.push((identity, classes.class(other)));
            }
        }
    }
    seen_with.sort_unstable();
    let mut shared = vec![false; store.n_identities()];
    for run in seen_with.chunk_by(|a, b| a == b) {
        if u32::try_from(run.len()).is_ok_and(|n| n <= rules.shared_above) {
            continue;
        }
        shared[run[0].0 as usize] = true;
    }
    shared
}

/// Orders refused links by content.
pub(super) fn sort_refused(store: &Store, extra: &[StoredLink], refused: &mut [(u32, Refusal)]) {
    refused.sort_by_cached_key(|(number, refusal)| {
        let link = facts::link(store, extra, *number);
        let (from, to) = store.ends(link);
        (link.kind, store.text(from), store.text(to), *refusal)
    });
}
