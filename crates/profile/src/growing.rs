//! Who is who while events keep coming: after each of them what
//! [`IdentityGraph::resolve`] says of all so far, at the cost of what it changes.
//!
//! A graph that takes in every observation tells what it says that was not known, mostly
//! nothing. `evidence.rs` finds which links count now and did not before, `placing.rs`
//! puts them in their places among the others.
//!
//! A law compares both ways event by event (`resolution/tests/growing.rs`).

mod classes;
mod evidence;
mod placing;

use throng_event::{Event, EventKey, Identity, IdentityKind};

use self::evidence::GrowingEvidence;
use crate::graph::News;
use crate::intern::{NONE, next_number};
use crate::resolution::merging::Merging;
use crate::{Decision, IdentityGraph, IdentityRules, Link, Observation, ProfileId, Proof, Proposal};

/// Who is who according to the events and decisions so far.
///
/// Identities have numbers that never change: their place in the graph. A profile is
/// known by the number of its canonical identity, which may become another.
///
/// ```
/// use throng_event::{EventKey, Identity, Instant};
/// use throng_profile::{GrowingResolution, IdentityRules, Move, Observation};
/// let mut resolution = GrowingResolution::new(IdentityRules::standard());
/// let visit = Observation {
///     user_id: None,
///     anonymous_id: Some("cookie"),
///     previous_id: None,
///     occurred_at: Instant(0),
///     key: EventKey(0),
/// };
/// let changes = resolution.observe(&visit, []);
/// let cookie = changes.carrier.unwrap();
/// assert_eq!(changes.moves, [Move { carrier: cookie, from: None, to: cookie }]);
///
/// let login = Observation { user_id: Some("42"), occurred_at: Instant(1), ..visit };
/// let changes = resolution.observe(&login, []);
/// let user = changes.carrier.unwrap();
/// assert!(changes.moves.contains(&Move { carrier: cookie, from: Some(cookie), to: user }));
/// assert_eq!(resolution.profile(cookie), Some(user));
/// assert_eq!(resolution.profile_id(user).as_str(), "u:42");
/// assert!(resolution.observe(&login, []).moves.is_empty());
/// ```
#[derive(Debug, Clone)]
pub struct GrowingResolution {
    graph: IdentityGraph,
    evidence: GrowingEvidence,
    merging: Merging,
    /// What is known of the profile of a root.
    standings: Vec<Standing>,
    n_profiles: usize,
    /// What the event at hand told; kept for its memory, as the two below.
    news: Vec<News>,
    moves: Vec<Move>,
    /// The identities that the event at hand had resolved again, and what is with each.
    resolved: Vec<u32>,
    marks: Vec<Mark>,
}

/// What is with an identity while an event is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    /// It is being resolved again.
    Resolving,
    /// It was, with all its links.
    Resolved,
}

/// What an event or a decision changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changes<'a> {
    /// The number of the identity the event belongs to; none for a decision, and for an
    /// event whose ids stand for nobody.
    pub carrier: Option<u32>,
    /// The carriers whose profile is another now, ascending, each once.
    pub moves: &'a [Move],
}

/// A carrier that is now of another profile. A new one is of none before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Move {
    /// The number of the identity that carries events.
    pub carrier: u32,
    /// The canonical identity of the profile it was of.
    pub from: Option<u32>,
    /// The canonical identity of the profile it is of.
    pub to: u32,
}

impl Changes<'_> {
    /// Returns the profiles whose set of carriers changed, those that ended
    /// ([`GrowingResolution::is_profile`] says no) among them, ascending.
    #[must_use]
    pub fn profiles(&self) -> Vec<u32> {
        let mut profiles: Vec<u32> = self.moves.iter().flat_map(|one| one.from.into_iter().chain([one.to])).collect();
        profiles.sort_unstable();
        profiles.dedup();
        profiles
    }
}

/// What is known of a profile beside its members.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// The last in order of the links that were applied to it or refused at it.
    last: u32,
    /// Its most telling identity.
    best: u32,
    /// The earliest alias that joined user ids of it.
    alias: u32,
    n_carriers: u32,
}

impl GrowingResolution {
    /// Returns the resolution of nothing, which goes by these rules.
    #[must_use]
    pub fn new(rules: IdentityRules) -> Self {
        Self::of_none(IdentityGraph::new(rules))
    }

    /// Returns the resolution of what a graph has seen, of what was decided and what is
    /// proposed, to go on from there. Identities keep the numbers they have in the graph.
    #[must_use]
    pub fn from_graph(graph: IdentityGraph, decisions: &[Decision], proposals: &[Proposal]) -> Self {
        let mut resolution = Self::of_none(graph);
        let identities = resolution.graph.store().numbers();
        identities.clone().for_each(|identity| resolution.add(identity));
        for link in 0..next_number(resolution.graph.n_links()) {
            resolution.evidence.take(&resolution.graph, link);
        }
        for decision in decisions {
            resolution.evidence.decide(&resolution.graph, decision);
        }
        resolution.evidence.propose(&resolution.graph, proposals);
        resolution.evidence.shaken.clear();
        resolution.evidence.gained.clear();
        resolution.resolve_again(identities);
        // A long list of all identities, of which the next events need nothing.
        resolution.resolved = Vec::new();
        resolution.marks.fill(Mark::None);
        resolution.moves = Vec::new();
        resolution
    }

    fn of_none(graph: IdentityGraph) -> Self {
        Self {
            graph,
            evidence: GrowingEvidence::new(),
            merging: Merging::of(0),
            standings: Vec::new(),
            n_profiles: 0,
            news: Vec::new(),
            moves: Vec::new(),
            resolved: Vec::new(),
            marks: Vec::new(),
        }
    }

    /// Returns the graph of all it has seen: with decisions and proposals its whole state, see
    /// [`from_graph`](Self::from_graph).
    #[must_use]
    pub fn graph(&self) -> &IdentityGraph {
        &self.graph
    }

    /// Takes in an event; returns whose it is and what it changed.
    pub fn update(&mut self, event: &Event) -> Changes<'_> {
        self.update_keyed(event, event.id.key())
    }

    /// As [`update`](Self::update), for an event whose key is known: to find it is to hash its id.
    pub fn update_keyed(&mut self, event: &Event, key: EventKey) -> Changes<'_> {
        let external_ids = event.external_ids.iter().map(|id| (id.kind, id.value.as_str()));
        self.observe(&Observation::keyed(event, key), external_ids)
    }

    /// Takes in one observation with the other ids the event names, as
    /// [`IdentityGraph::observe`] does; returns whose it is and what it changed.
    pub fn observe<'a>(
        &mut self,
        observation: &Observation<'a>,
        external_ids: impl IntoIterator<Item = (IdentityKind, &'a str)>,
    ) -> Changes<'_> {
        self.moves.clear();
        let mut all_news = std::mem::take(&mut self.news);
        let carrier = self.graph.take_in(observation, external_ids, |news| all_news.push(news));
        if !all_news.is_empty() {
            // What is said of one identity may concern another that came with it.
            let known = next_number(self.standings.len());
            (known..next_number(self.graph.n_identities())).for_each(|identity| self.add(identity));
            all_news.drain(..).for_each(|news| self.take(news, known));
            self.settle();
        }
        self.news = all_news;
        Changes { carrier, moves: &self.moves }
    }

    /// Takes in the next decision of the list; returns what it changed. One about an
    /// identity that no event names waits until one does.
    pub fn decide(&mut self, decision: &Decision) -> Changes<'_> {
        self.moves.clear();
        self.evidence.decide(&self.graph, decision);
        self.settle();
        Changes { carrier: None, moves: &self.moves }
    }

    /// Takes in the links that are proposed from now on, in place of those that were; returns
    /// what that changed. Those less probable than the rules ask for are left out; one about an
    /// identity that no event names waits until one does.
    pub fn propose(&mut self, proposals: &[Proposal]) -> Changes<'_> {
        self.moves.clear();
        self.evidence.propose(&self.graph, proposals);
        self.settle();
        Changes { carrier: None, moves: &self.moves }
    }

    /// Returns how many profiles there are.
    #[must_use]
    pub fn n_profiles(&self) -> usize {
        self.n_profiles
    }

    /// Returns the number of the identity an event with these ids belongs to, `None` when
    /// both are absent or stand for nobody, or no event so far named it.
    #[must_use]
    pub fn carrier(&self, user_id: Option<&str>, anonymous_id: Option<&str>) -> Option<u32> {
        let (kind, value) = self.graph.rules().carrier(user_id, anonymous_id)?;
        self.graph.store().find(kind, value)
    }

    /// Returns the number of an identity.
    #[must_use]
    pub fn number_of(&self, identity: &Identity) -> Option<u32> {
        self.graph.store().find(identity.kind, &identity.value)
    }

    /// Returns the identity of a number.
    ///
    /// # Panics
    /// When there is no identity of that number, as all that take one.
    #[must_use]
    pub fn identity(&self, number: u32) -> Identity {
        self.graph.store().identity(number)
    }

    /// Returns the profile of an identity as the number of its canonical identity,
    /// `None` where no event belongs to it.
    #[must_use]
    pub fn profile(&self, identity: u32) -> Option<u32> {
        let standing = self.standings[self.merging.find(identity) as usize];
        (standing.n_carriers > 0).then(|| self.canonical(standing))
    }

    /// Whether an identity is the canonical one of a profile.
    #[must_use]
    pub fn is_profile(&self, identity: u32) -> bool {
        self.profile(identity) == Some(identity)
    }

    /// Returns the id of the profile whose canonical identity has this number.
    #[must_use]
    pub fn profile_id(&self, profile: u32) -> ProfileId {
        ProfileId::written(self.written_id(profile))
    }

    /// Returns the id of the profile whose canonical identity has this number, as it is
    /// written.
    #[must_use]
    pub fn written_id(&self, profile: u32) -> &str {
        self.graph.store().text(profile)
    }

    /// Returns every profile, ascending by number.
    pub fn profiles(&self) -> impl Iterator<Item = u32> {
        self.graph.store().numbers().filter(|identity| self.is_profile(*identity))
    }

    /// Returns the numbers of all identities of the profile that an identity is of, in no
    /// order that means anything.
    pub fn members(&self, identity: u32) -> impl Iterator<Item = u32> {
        self.merging.members(identity)
    }

    /// Returns those of the [`members`](Self::members) that events belong to.
    pub fn carriers(&self, identity: u32) -> impl Iterator<Item = u32> {
        self.members(identity).filter(|member| self.graph.store().carries(*member))
    }

    /// Returns all identities of the profile that an identity is of, ascending by kind
    /// and value, each with the earliest event that names it: none where only an alias
    /// does.
    #[must_use]
    pub fn identities(&self, identity: u32) -> Vec<(Identity, Option<Proof>)> {
        let store = self.graph.store();
        let mut identities: Vec<(Identity, Option<Proof>)> =
            self.members(identity).map(|member| (store.identity(member), store.first_seen(member))).collect();
        identities.sort_unstable();
        identities
    }

    /// Returns the chain of links that makes two identities one person, from the first
    /// to the second: empty for an identity and itself, `None` for two people.
    #[must_use]
    pub fn why(&self, from: u32, to: u32) -> Option<Vec<Link>> {
        let facts = self.evidence.facts(&self.graph);
        let chain = self.chain(from, to)?;
        Some(chain.into_iter().map(|number| facts.store.link(facts.link(number))).collect())
    }

    /// Takes in one piece of news; identities from `known` on are new.
    fn take(&mut self, news: News, known: u32) {
        match news {
            News::Seen(identity) if identity >= known => self.evidence.meet(&self.graph, identity),
            News::Seen(identity) => self.see(identity),
            News::Carrier(identity) => {
                let standing = &mut self.standings[self.merging.root(identity) as usize];
                standing.n_carriers += 1;
                self.n_profiles += usize::from(standing.n_carriers == 1);
                let standing = *standing;
                self.moves.push(Move { carrier: identity, from: None, to: self.canonical(standing) });
            }
            News::Link(number) => self.evidence.take(&self.graph, number),
        }
    }

    fn add(&mut self, identity: u32) {
        self.merging.add();
        self.standings.push(Standing { last: NONE, best: identity, alias: NONE, n_carriers: 0 });
        self.marks.push(Mark::None);
        self.evidence.add(&self.graph, identity);
    }

    /// Takes in that an identity was seen earlier than was known.
    fn see(&mut self, identity: u32) {
        self.evidence.see(&self.graph, identity);
        let root = self.merging.root(identity);
        let (before, facts) = (self.standings[root as usize], self.evidence.facts(&self.graph));
        let limit = facts.rules.limits.get(&facts.classes.kind(identity));
        if before.last != NONE && limit.is_some_and(|limit| limit.period.length().is_some()) {
            self.evidence.shaken.push(identity);
            return;
        }
        if facts.telling(identity) < facts.telling(before.best) {
            let standing = Standing { best: identity, ..before };
            self.rename(root, self.canonical(standing));
            self.standings[root as usize] = standing;
        }
    }

    /// Resolves what the news changed.
    fn settle(&mut self) {
        let mut shaken = std::mem::take(&mut self.evidence.shaken);
        if !shaken.is_empty() {
            self.resolve_again(shaken.drain(..));
        }
        self.evidence.shaken = shaken;
        let mut gained = std::mem::take(&mut self.evidence.gained);
        let facts = self.evidence.facts(&self.graph);
        gained.sort_unstable_by(|a, b| facts.order(*a, *b));
        gained.dedup();
        for number in gained.drain(..) {
            self.place(number);
        }
        self.evidence.gained = gained;
        for identity in self.resolved.drain(..) {
            self.marks[identity as usize] = Mark::None;
        }
        // Of several steps of one carrier the first and the last count. One that is new is
        // of no profile before, whatever became of the identity meanwhile.
        self.moves.sort_by_key(|one| one.carrier);
        self.moves.dedup_by(|later, first| {
            let same = later.carrier == first.carrier;
            if same {
                *first = Move { from: first.from.filter(|_| later.from.is_some()), ..*later };
            }
            same
        });
        self.moves.retain(|one| one.from != Some(one.to));
    }

    fn canonical(&self, standing: Standing) -> u32 {
        let facts = self.evidence.facts(&self.graph);
        if standing.alias != NONE && facts.classes.kind(standing.best) == IdentityKind::UserId {
            facts.link(standing.alias).to
        } else {
            standing.best
        }
    }
}
