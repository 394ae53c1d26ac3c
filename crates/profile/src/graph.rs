//! The identity graph: links between identities, each with the event that proves it.
//!
//! A link is (from, user id, kind); of several events that say the same the earliest
//! in the total order is kept. The graph is a map with `min` on its values, which is
//! why the order and the grouping of events cannot matter, and why repeats change
//! nothing. What the links *mean* is decided in `resolution.rs`, at reading time.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use throng_event::{Event, EventId, EventKey, EventKind, Identity, IdentityKind, Instant};

use crate::{Link, LinkKind, Proof, Resolution, usable};

/// What an event says about identities, for callers that hold columns.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The known person, if any.
    pub user_id: Option<&'a str>,
    /// The device or cookie, if any.
    pub anonymous_id: Option<&'a str>,
    /// The earlier identity, for alias messages only.
    pub previous_id: Option<&'a str>,
    /// When it happened.
    pub occurred_at: Instant,
    /// Its place among events of that instant.
    pub key: EventKey,
    /// Its id.
    pub event_id: &'a str,
}

/// Links of one kind: the attached id → the user id → the earliest proof.
type Links = BTreeMap<String, BTreeMap<String, Proof>>;

/// Which identities were said to be one person, and by which events.
///
/// Ids that no event links need no place here: their profile follows from the id alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdentityGraph {
    /// Anonymous ids seen together with user ids.
    pub(crate) seen_together: Links,
    /// Previous ids of alias messages, whatever kind of id they are.
    pub(crate) aliased: Links,
}

impl IdentityGraph {
    /// Takes in what an event says about identities.
    pub fn update(&mut self, event: &Event) {
        let previous_id = if event.kind == EventKind::Alias { event.previous_id.as_deref() } else { None };
        let (user_id, anonymous_id) = (event.user_id.as_deref(), event.anonymous_id.as_deref());
        if user_id.is_none() || (anonymous_id.is_none() && previous_id.is_none()) {
            // Nothing to link; the key's hash is not worth computing.
            return;
        }
        let (occurred_at, key) = event.position();
        let event_id = event.id.0.as_str();
        self.observe(&Observation { user_id, anonymous_id, previous_id, occurred_at, key, event_id });
    }

    /// Takes in one observation. Values that stand for nobody never link, an alias
    /// of an id to itself says nothing, and an alias without a user id has no target.
    pub fn observe(&mut self, observation: &Observation<'_>) {
        let Some(user_id) = observation.user_id.filter(|id| usable(id)) else {
            return;
        };
        if let Some(anonymous_id) = observation.anonymous_id.filter(|id| usable(id)) {
            keep_earliest(&mut self.seen_together, (anonymous_id, user_id), observation);
        }
        if let Some(previous_id) = observation.previous_id.filter(|id| usable(id) && *id != user_id) {
            keep_earliest(&mut self.aliased, (previous_id, user_id), observation);
        }
    }

    /// Takes in everything another graph has seen; commutative and associative.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.seen_together, &other.seen_together), (&mut self.aliased, &other.aliased)] {
            for (from, users) in theirs {
                let kept = mine.entry(from.clone()).or_default();
                for (user_id, proof) in users {
                    keep_earliest_proof(kept, user_id, proof);
                }
            }
        }
    }

    /// Returns every link, ordered by kind, then by ids: the state of the graph,
    /// from which [`insert`](Self::insert) builds it again.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        let kinds = [(LinkKind::SeenTogether, &self.seen_together), (LinkKind::Aliased, &self.aliased)];
        kinds.into_iter().flat_map(|(kind, links)| {
            links.iter().flat_map(move |(from, users)| {
                users.iter().map(move |(user_id, proof)| Link {
                    // An alias names a value, not a kind; a user id is what it mostly is.
                    from: match kind {
                        LinkKind::SeenTogether => Identity::anonymous(from),
                        LinkKind::Aliased => Identity::user(from),
                    },
                    user_id: user_id.clone(),
                    kind,
                    proof: proof.clone(),
                })
            })
        })
    }

    /// Takes in one link, of [`links`](Self::links) or from a stored table.
    pub fn insert(&mut self, link: &Link) {
        let observation = Observation {
            user_id: Some(&link.user_id),
            anonymous_id: (link.kind == LinkKind::SeenTogether).then_some(link.from.value.as_str()),
            previous_id: (link.kind == LinkKind::Aliased).then_some(link.from.value.as_str()),
            occurred_at: link.proof.occurred_at,
            key: link.proof.key,
            event_id: &link.proof.event_id.0,
        };
        debug_assert!(link.kind == LinkKind::Aliased || link.from.kind == IdentityKind::AnonymousId);
        self.observe(&observation);
    }

    /// Returns how many links there are.
    #[must_use]
    pub fn n_links(&self) -> usize {
        [&self.seen_together, &self.aliased].into_iter().flat_map(BTreeMap::values).map(BTreeMap::len).sum()
    }

    /// Returns who is who according to all links.
    #[must_use]
    pub fn resolve(&self) -> Resolution {
        Resolution::of(self)
    }
}

fn keep_earliest(links: &mut Links, (from, user_id): (&str, &str), observation: &Observation<'_>) {
    // Most observations repeat a known link later: look before allocating.
    if let Some(known) = links.get(from).and_then(|users| users.get(user_id)) {
        let (at, key) = (observation.occurred_at, observation.key);
        if (known.occurred_at, known.key, known.event_id.0.as_str()) <= (at, key, observation.event_id) {
            return;
        }
    }
    let event_id = EventId(observation.event_id.to_owned());
    let proof = Proof { occurred_at: observation.occurred_at, key: observation.key, event_id };
    links.entry(from.to_owned()).or_default().insert(user_id.to_owned(), proof);
}

fn keep_earliest_proof(users: &mut BTreeMap<String, Proof>, user_id: &str, proof: &Proof) {
    match users.entry(user_id.to_owned()) {
        Entry::Vacant(vacant) => {
            vacant.insert(proof.clone());
        }
        Entry::Occupied(mut occupied) => {
            if proof < occupied.get() {
                occupied.insert(proof.clone());
            }
        }
    }
}
