//! The identity graph: links between identities, each with the earliest event that
//! proves it.
//!
//! An event belongs to its *carrier*: the user id, or what stands in the place of the
//! anonymous id. It links the carrier with every other id it names, and an alias links
//! the previous id. Of several events that say the same the earliest in the total order
//! is kept, so the graph is a map with `min` on its values: the order and the grouping
//! of events cannot matter, and repeats change nothing. What the links *mean* is decided
//! in `resolution.rs`, at reading time.

mod rows;

use std::sync::Arc;

use throng_event::{Event, EventKey, EventKind, Identity, IdentityKind, Instant};

pub use self::rows::{IdentityRow, LinkRow, RowError};
use crate::intern::{Interner, Table, hash, next_number};
use crate::{Decision, IdentityRules, Link, LinkKind, Proof, Proposal, Resolution};

/// What an event says about identities, for callers that hold columns.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// The known person, if any.
    pub user_id: Option<&'a str>,
    /// The device or cookie, or the written external id in its place, if any.
    pub anonymous_id: Option<&'a str>,
    /// The earlier identity, for alias messages only.
    pub previous_id: Option<&'a str>,
    /// When it happened.
    pub occurred_at: Instant,
    /// Its place among events of that instant.
    pub key: EventKey,
}

impl<'a> Observation<'a> {
    /// Returns what an event says, but for the other ids it names.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self::keyed(event, event.id.key())
    }

    /// As [`of`](Self::of), for an event whose key is known: to find it is to hash its id.
    #[must_use]
    pub fn keyed(event: &'a Event, key: EventKey) -> Self {
        Self {
            user_id: event.user_id.as_deref(),
            anonymous_id: event.anonymous_id.as_deref(),
            previous_id: event.previous_id.as_deref().filter(|_| event.kind == EventKind::Alias),
            occurred_at: event.occurred_at,
            key,
        }
    }
}

/// Which identities were said to be one person, and by which events; and every
/// identity that carries events, so that a [`Resolution`] knows all profiles.
///
/// Two graphs are equal when they say the same, in whatever order they learnt it.
///
/// ```
/// use throng_event::{EventKey, Identity, IdentityKind, Instant};
/// use throng_profile::{IdentityGraph, IdentityRules, Observation};
/// let mut graph = IdentityGraph::new(IdentityRules::standard());
/// let login = Observation {
///     user_id: Some("42"),
///     anonymous_id: Some("cookie"),
///     previous_id: None,
///     occurred_at: Instant(0),
///     key: EventKey(0),
/// };
/// graph.observe(&login, [(IdentityKind::Email, "ann@example.com")]);
/// let resolution = graph.resolve(&[], &[]);
/// let number = resolution.number(None, Some("cookie")).unwrap();
/// assert_eq!(resolution.profile_id(number).as_str(), "u:42");
/// let chain = resolution.why(&Identity::anonymous("cookie"), &Identity::parse("e:ann@example.com").unwrap());
/// assert_eq!(chain.unwrap().len(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct IdentityGraph {
    rules: Arc<IdentityRules>,
    /// Shared with the resolutions made of it, for it is the bulk of the memory.
    store: Arc<Store>,
}

/// The identities and links of a graph, by number.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    /// Written, with their prefix; each with the earliest event that names it, [`NEVER`]
    /// for user ids that only an alias names: whether they are, other events must say.
    identities: Interner<Proof>,
    /// Whether an event belongs to the identity.
    carries: Vec<bool>,
    links: Vec<StoredLink>,
    table: Table,
}

/// What an event says that was not known before.
#[derive(Debug, Clone, Copy)]
pub(crate) enum News {
    /// An identity is new, or seen earlier than was known.
    Seen(u32),
    /// An identity carries its first event.
    Carrier(u32),
    /// A link is new, or proven earlier than was known.
    Link(u32),
}

/// Stands where no event does, after all of them.
pub(crate) const NEVER: Proof = Proof { occurred_at: Instant(i64::MAX), key: EventKey(i64::MAX) };

/// Returns what stands for the proof of a link so probable, 0 to 1: behind all events, the most probable
/// first.
pub(crate) fn proof_of_proposal(probability: f64) -> Proof {
    // The bits of numbers from 0 on are in the order of the numbers.
    let bits = i64::try_from(probability.max(0.0).to_bits()).unwrap_or(i64::MAX);
    Proof { key: EventKey(i64::MAX - bits), ..NEVER }
}

/// A link between two identities by number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StoredLink {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: LinkKind,
    pub(crate) proof: Proof,
}

impl IdentityGraph {
    /// Returns an empty graph that goes by these rules.
    #[must_use]
    pub fn new(rules: IdentityRules) -> Self {
        Self { rules: Arc::new(rules), store: Arc::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the rules it goes by.
    #[must_use]
    pub fn rules(&self) -> &IdentityRules {
        &self.rules
    }

    /// Takes in what an event says about identities.
    pub fn update(&mut self, event: &Event) {
        self.observe(&Observation::of(event), event.external_ids.iter().map(|id| (id.kind, id.value.as_str())));
    }

    /// Takes in one observation with the other ids the event names
    /// ([`Identity::parts`] reads written ones). Values that stand for nobody never
    /// link, an alias of an id to itself says nothing, and an alias without a user id
    /// has no target.
    pub fn observe<'a>(
        &mut self,
        observation: &Observation<'a>,
        external_ids: impl IntoIterator<Item = (IdentityKind, &'a str)>,
    ) {
        self.take_in(observation, external_ids, |_| ());
    }

    /// Takes in one observation, tells what it says that was not known, each identity
    /// before what is said of it, and returns the carrier.
    pub(crate) fn take_in<'a>(
        &mut self,
        observation: &Observation<'a>,
        external_ids: impl IntoIterator<Item = (IdentityKind, &'a str)>,
        mut tell: impl FnMut(News),
    ) -> Option<u32> {
        let (kind, value) = self.rules.carrier(observation.user_id, observation.anonymous_id)?;
        let proof = Proof { occurred_at: observation.occurred_at, key: observation.key };
        let store = Arc::make_mut(&mut self.store);
        let carrier = store.name(kind, value, proof, &mut tell);
        if !std::mem::replace(&mut store.carries[carrier as usize], true) {
            tell(News::Carrier(carrier));
        }
        let known_person = kind == IdentityKind::UserId;
        let beside = observation.anonymous_id.filter(|_| known_person).map(Identity::of_anonymous_id);
        for (other_kind, other) in beside.into_iter().chain(external_ids) {
            if !self.rules.blocked.contains(other) {
                let other = store.name(other_kind, other, proof, &mut tell);
                store.keep_earliest((carrier, other), LinkKind::SeenTogether, proof, &mut tell);
            }
        }
        let previous = observation.previous_id.filter(|id| known_person && *id != value);
        if let Some(previous) = previous.filter(|id| !self.rules.blocked.contains(id)) {
            // It names a value, not a kind; which kind, the resolution finds.
            let previous = store.name(IdentityKind::UserId, previous, NEVER, &mut tell);
            store.keep_earliest((previous, carrier), LinkKind::Aliased, proof, &mut tell);
        }
        Some(carrier)
    }

    /// Takes in everything another graph of the same rules has seen; commutative and
    /// associative.
    pub fn merge(&mut self, other: &Self) {
        assert!(self.rules == other.rules, "graphs of different rules are not merged");
        let (mine, theirs) = (Arc::make_mut(&mut self.store), &other.store);
        let named: Vec<u32> = theirs
            .identities
            .numbers()
            .map(|identity| {
                // Prefixes have two bytes.
                let parts = theirs.text(identity).split_at(2);
                let number = mine.name_parts(parts, *theirs.identities.known(identity), |_| ());
                mine.carries[number as usize] |= theirs.carries(identity);
                number
            })
            .collect();
        for link in &theirs.links {
            let ends = (named[link.from as usize], named[link.to as usize]);
            mine.keep_earliest(ends, link.kind, link.proof, |_| ());
        }
    }

    /// Returns every link, ascending. With [`carriers`](Self::carriers) they are the
    /// state of the graph, from which [`insert`](Self::insert) and
    /// [`insert_carrier`](Self::insert_carrier) build it again.
    pub fn links(&self) -> impl Iterator<Item = Link> {
        let mut links: Vec<&StoredLink> = self.store.links.iter().collect();
        links.sort_unstable_by(|a, b| self.store.compare(a, b).then_with(|| a.proof.cmp(&b.proof)));
        links.into_iter().map(|link| self.store.link(link))
    }

    /// Returns every identity that carries events, ascending as written, with the
    /// earliest event that names it.
    pub fn carriers(&self) -> impl Iterator<Item = (Identity, Proof)> {
        let store = &self.store;
        let mut carriers: Vec<u32> = store.identities.numbers().filter(|identity| store.carries(*identity)).collect();
        carriers.sort_unstable_by_key(|identity| store.text(*identity));
        carriers.into_iter().filter_map(|identity| Some((store.identity(identity), store.first_seen(identity)?)))
    }

    /// Takes in one link of [`links`](Self::links), or of a stored table. What no event
    /// says is no part of the graph and left out.
    pub fn insert(&mut self, link: &Link) {
        let Some(proof) = link.proof else { return };
        let store = Arc::make_mut(&mut self.store);
        let to = store.name(link.to.kind, &link.to.value, proof, |_| ());
        let seen = if link.kind == LinkKind::Aliased { NEVER } else { proof };
        let from = store.name(link.from.kind, &link.from.value, seen, |_| ());
        store.keep_earliest((from, to), link.kind, proof, |_| ());
    }

    /// Takes in one identity of [`carriers`](Self::carriers).
    pub fn insert_carrier(&mut self, identity: &Identity, first_seen: Proof) {
        let store = Arc::make_mut(&mut self.store);
        let number = store.name(identity.kind, &identity.value, first_seen, |_| ());
        store.carries[number as usize] = true;
    }

    /// Returns how many links there are.
    #[must_use]
    pub fn n_links(&self) -> usize {
        self.store.links.len()
    }

    /// Returns how many identities there are.
    #[must_use]
    pub fn n_identities(&self) -> usize {
        self.store.identities.len()
    }

    /// Returns who is who according to all links, to what was decided and to what a
    /// linker proposes. The two share the identities; a graph that is changed while its
    /// resolution lives copies them once.
    #[must_use]
    pub fn resolve(&self, decisions: &[Decision], proposals: &[Proposal]) -> Resolution {
        Resolution::of(&self.rules, &self.store, decisions, proposals)
    }
}

impl PartialEq for IdentityGraph {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
            && self.n_links() == other.n_links()
            && self.links().eq(other.links())
            && self.carriers().eq(other.carriers())
    }
}

impl Store {
    /// Returns the number of an identity that this event names, [`NEVER`] for one that
    /// only an alias names.
    fn name(&mut self, kind: IdentityKind, value: &str, proof: Proof, tell: impl FnMut(News)) -> u32 {
        self.name_parts((kind.prefix(), value), proof, tell)
    }

    fn name_parts(&mut self, (prefix, value): (&str, &str), proof: Proof, mut tell: impl FnMut(News)) -> u32 {
        let number = self.identities.intern(prefix, value, proof);
        let first_seen = self.identities.known_mut(number);
        let earlier = proof < *first_seen;
        *first_seen = proof.min(*first_seen);
        if earlier || number as usize == self.carries.len() {
            tell(News::Seen(number));
        }
        self.carries.resize(self.identities.len(), false);
        number
    }

    /// Keeps a link, or its earlier proof. What is seen together has no direction.
    fn keep_earliest(&mut self, (from, to): (u32, u32), kind: LinkKind, proof: Proof, mut tell: impl FnMut(News)) {
        if from == to {
            return;
        }
        let (from, to) = if kind == LinkKind::Aliased { (from, to) } else { (from.max(to), from.min(to)) };
        let hash = hash(&(from, to, kind == LinkKind::Aliased));
        let same = |position: u32| {
            let link = &self.links[position as usize];
            (link.from, link.to, link.kind) == (from, to, kind)
        };
        match self.table.find(hash, same) {
            Some(position) => {
                let known = &mut self.links[position as usize].proof;
                if proof < *known {
                    *known = proof;
                    tell(News::Link(position));
                }
            }
            None => {
                let number = next_number(self.links.len());
                self.table.insert(hash, number);
                self.links.push(StoredLink { from, to, kind, proof });
                tell(News::Link(number));
            }
        }
    }

    pub(crate) fn n_identities(&self) -> usize {
        self.identities.len()
    }

    pub(crate) fn numbers(&self) -> std::ops::Range<u32> {
        self.identities.numbers()
    }

    pub(crate) fn find(&self, kind: IdentityKind, value: &str) -> Option<u32> {
        self.identities.find(kind.prefix(), value)
    }

    pub(crate) fn text(&self, identity: u32) -> &str {
        self.identities.text(identity)
    }

    pub(crate) fn kind(&self, identity: u32) -> IdentityKind {
        Identity::parts(self.text(identity)).map_or(IdentityKind::AnonymousId, |(kind, _)| kind)
    }

    pub(crate) fn value(&self, identity: u32) -> &str {
        self.text(identity).split_at(2).1
    }

    pub(crate) fn identity(&self, identity: u32) -> Identity {
        Identity::new(self.kind(identity), self.value(identity))
    }

    /// Returns the earliest event that names an identity, `None` for one that only an
    /// alias names.
    pub(crate) fn first_seen(&self, identity: u32) -> Option<Proof> {
        Some(*self.identities.known(identity)).filter(|proof| *proof != NEVER)
    }

    pub(crate) fn carries(&self, identity: u32) -> bool {
        self.carries[identity as usize]
    }

    pub(crate) fn links(&self) -> &[StoredLink] {
        &self.links
    }

    /// Orders links by their content: kind, then ids.
    pub(crate) fn compare(&self, a: &StoredLink, b: &StoredLink) -> std::cmp::Ordering {
        let ((a_from, a_to), (b_from, b_to)) = (self.ends(a), self.ends(b));
        a.kind
            .cmp(&b.kind)
            .then_with(|| self.text(a_from).cmp(self.text(b_from)))
            .then_with(|| self.text(a_to).cmp(self.text(b_to)))
    }

    /// Returns the ends of a link, by content where it has no direction.
    pub(crate) fn ends(&self, link: &StoredLink) -> (u32, u32) {
        let key = |identity: u32| (self.kind(identity), self.text(identity));
        let turned = link.kind != LinkKind::Aliased && key(link.from) < key(link.to);
        if turned { (link.to, link.from) } else { (link.from, link.to) }
    }

    pub(crate) fn link(&self, link: &StoredLink) -> Link {
        let (from, to) = self.ends(link);
        let proof = matches!(link.kind, LinkKind::SeenTogether | LinkKind::Aliased).then_some(link.proof);
        Link { from: self.identity(from), to: self.identity(to), kind: link.kind, proof }
    }
}
