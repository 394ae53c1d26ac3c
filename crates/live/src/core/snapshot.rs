//! A core as bytes, in pieces, and back.
//!
//! Histories are most of it and are written first, a slice at a time, while the core goes on;
//! those that change meanwhile are written again, the later piece counting. All the rest is
//! copied at one moment, which is the one that the whole is of, and written from the copy.

use serde::{Deserialize, Serialize};
use throng_event::{Day, EventKey, Instant};
use throng_feature::{Compiled, History, HistoryFold};
use throng_profile::{Decision, GrowingResolution, IdentityGraph, IdentityRow, LinkKind, LinkRow, Proof};

use super::scoring::{Present, Silent, State};
use super::{Core, CoreSettings, index};
use crate::record::{StoredDecision, StoredProposal, proposals, read_stored, stored, stored_proposals};
use crate::{LiveError, Offset, Scoring};

/// What a piece holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Histories of some carriers.
    Histories,
    /// States of the profiles behind those of the piece before.
    States,
    /// Identities behind those of the piece before.
    Identities,
    /// Links behind those of the piece before.
    Links,
    /// All else.
    Rest,
}

/// Where pieces go.
pub(crate) type Destination<'s> = &'s mut dyn FnMut(Piece, &[u8]) -> Result<(), LiveError>;

/// Rows of one piece: so many are encoded beside what they come from.
const PIECE_ROWS: usize = 16_384;

/// Layout of the pieces; another one is not read.
const FORM: u32 = 2;

#[derive(Serialize, Deserialize)]
struct StoredRest {
    applied: u64,
    now: i64,
    today: i32,
    n_events: u64,
    sweep: Option<u32>,
    tick_rows: u64,
    generation: u16,
    scoring: Scoring,
    personas: Vec<String>,
    put_off: Vec<u32>,
    decisions: Vec<StoredDecision>,
    proposals: Vec<StoredProposal>,
    /// The dictionary of every field.
    texts: Vec<Vec<String>>,
    n_histories: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredState {
    /// 0 for nobody has looked, 1 for no persona, or a persona and 2.
    present: u32,
    since: i64,
    settled: i32,
    scored: i32,
    generation: u16,
    shadow: u8,
    waits: bool,
}

#[derive(Serialize, Deserialize)]
struct StoredIdentity<'a> {
    written: &'a str,
    seen: Option<(i64, i64)>,
    carries: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredLink {
    from: u32,
    to: u32,
    aliased: bool,
    proof: (i64, i64),
}

/// What a snapshot of a core needs to be of use: the same features, names of touchpoints, rules and time zone.
pub(crate) fn mark(settings: &CoreSettings) -> [u8; 32] {
    let CoreSettings { calendar, catalogue, touchpoints, shifts, rules, models: _ } = settings;
    // The texts differ wherever the settings do. That they may also differ between versions of the
    // program costs one reading of the log.
    let text = format!("{FORM} {calendar:?} {catalogue:?} {touchpoints:?} {shifts:?} {rules:?}");
    *blake3::hash(text.as_bytes()).as_bytes()
}

impl Core {
    /// Begins to note whose histories change.
    pub(crate) fn begin_snapshot(&mut self) {
        self.changed = Some(Vec::new());
    }

    /// Takes whose histories changed since it was last asked, ascending.
    pub(crate) fn take_changed(&mut self) -> Vec<u32> {
        let mut changed = self.changed.as_mut().map(std::mem::take).unwrap_or_default();
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Returns whose histories changed since that was last taken, in no order.
    pub(crate) fn changed(&self) -> &[u32] {
        self.changed.as_deref().unwrap_or_default()
    }

    /// Ends the notes.
    pub(crate) fn end_snapshot(&mut self) {
        self.changed = None;
    }

    /// Returns how many carriers there are.
    pub(crate) fn n_carriers(&self) -> u32 {
        u32::try_from(self.histories.len()).unwrap_or(u32::MAX)
    }

    /// Writes the histories of some carriers as one piece into empty bytes, until it has so many
    /// bytes; returns how many were written.
    pub(crate) fn write_histories(&self, carriers: &[u32], bytes: &mut Vec<u8>, n_bytes_max: usize) -> usize {
        for (n_written, carrier) in carriers.iter().enumerate() {
            if bytes.len() >= n_bytes_max {
                return n_written;
            }
            let history = &self.histories[index(*carrier)];
            if history.n_events() > 0 {
                bytes.extend_from_slice(&carrier.to_le_bytes());
                history.write(bytes);
            }
        }
        carriers.len()
    }

    /// Copies all but the histories, as of now.
    pub(crate) fn rest(&self) -> Rest {
        let rest = StoredRest {
            applied: self.applied.0,
            now: self.now.0,
            today: self.today.0,
            n_events: self.n_events,
            sweep: self.sweep,
            tick_rows: u64::try_from(self.tick_rows).unwrap_or(u64::MAX),
            generation: self.generation,
            scoring: self.scoring.clone(),
            personas: self.personas.iter().map(ToString::to_string).collect(),
            put_off: self.put_off.iter().copied().collect(),
            decisions: self.decisions.iter().map(StoredDecision::of).collect(),
            proposals: stored_proposals(&self.proposals),
            texts: self.fold.texts().map(<[String]>::to_vec).collect(),
            n_histories: u64::try_from(self.histories.len()).unwrap_or(u64::MAX),
        };
        Rest { states: self.states.clone(), graph: self.people.graph().clone(), rest }
    }
}

/// All of a core but its histories, as of one moment.
pub(crate) struct Rest {
    states: Vec<State>,
    /// Shared with the core until that one changes.
    graph: IdentityGraph,
    rest: StoredRest,
}

impl Rest {
    /// Returns the offset behind the last record that was applied.
    pub(crate) fn applied(&self) -> Offset {
        Offset(self.rest.applied)
    }

    /// Writes it in pieces.
    pub(crate) fn write(&self, to: Destination<'_>) -> Result<(), LiveError> {
        for states in self.states.chunks(PIECE_ROWS) {
            let states: Vec<StoredState> = states.iter().map(StoredState::of).collect();
            to(Piece::States, &stored(&states, Vec::new())?)?;
        }
        let graph = &self.graph;
        let mut identities = graph.identity_rows().map(|row| StoredIdentity {
            written: row.written,
            seen: row.first_seen.map(pair),
            carries: row.carries,
        });
        while identities.len() > 0 {
            let some: Vec<StoredIdentity<'_>> = identities.by_ref().take(PIECE_ROWS).collect();
            to(Piece::Identities, &stored(&some, Vec::new())?)?;
        }
        let mut links = graph.link_rows().map(|link| StoredLink {
            from: link.from,
            to: link.to,
            aliased: link.kind == LinkKind::Aliased,
            proof: pair(link.proof),
        });
        while links.len() > 0 {
            let some: Vec<StoredLink> = links.by_ref().take(PIECE_ROWS).collect();
            to(Piece::Links, &stored(&some, Vec::new())?)?;
        }
        to(Piece::Rest, &stored(&self.rest, Vec::new())?)
    }
}

/// The pieces of a core on their way back.
#[derive(Debug, Default)]
pub(crate) struct CoreSnapshot {
    histories: Vec<History>,
    states: Vec<State>,
    /// Encoded.
    identities: Vec<Vec<u8>>,
    links: Vec<StoredLink>,
    /// Encoded.
    rest: Vec<u8>,
}

impl CoreSnapshot {
    /// Takes the next piece.
    ///
    /// # Errors
    /// [`LiveError::Damaged`] for one that was not written here.
    pub(crate) fn take(&mut self, piece: Piece, bytes: &[u8]) -> Result<(), LiveError> {
        match piece {
            Piece::Histories => return self.take_histories(bytes).ok_or_else(|| damaged("a history that is cut off")),
            Piece::States => {
                self.states.extend(read_stored::<Vec<StoredState>>(bytes)?.iter().map(StoredState::state));
            }
            Piece::Identities => self.identities.push(bytes.to_vec()),
            Piece::Links => self.links.extend(read_stored::<Vec<StoredLink>>(bytes)?),
            Piece::Rest => self.rest = bytes.to_vec(),
        }
        Ok(())
    }

    fn take_histories(&mut self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            let carrier = index(u32::from_le_bytes(bytes.split_off(..4)?.try_into().ok()?));
            if carrier >= self.histories.len() {
                self.histories.resize_with(carrier + 1, History::default);
            }
            self.histories[carrier] = History::read(&mut bytes)?;
        }
        Some(())
    }

    /// Returns the core that all pieces together are.
    ///
    /// # Errors
    /// [`LiveError::Damaged`] when they are not those of one core.
    pub(crate) fn core(self, settings: CoreSettings) -> Result<Core, LiveError> {
        let rest: StoredRest = read_stored(&self.rest)?;
        let decisions: Option<Vec<Decision>> = rest.decisions.iter().map(StoredDecision::decision).collect();
        let decisions = decisions.ok_or_else(|| damaged("a decision about nobody"))?;
        let mut core = Core::new(settings);
        core.proposals = proposals(&rest.proposals)?;
        let graph = graph(&core.settings, &self.identities, self.links)?;
        core.people = GrowingResolution::from_graph(graph, &decisions, &core.proposals);
        core.decisions = decisions;
        core.fold = HistoryFold::with_texts(&Compiled::new(&core.settings.catalogue), &rest.texts)
            .ok_or_else(|| damaged("the texts of other features"))?;
        core.histories = self.histories;
        core.histories.resize_with(usize::try_from(rest.n_histories).unwrap_or(0), History::default);
        core.history_bytes = core.histories.iter().map(|history| history.memory() - size_of::<History>()).sum();
        core.states = self.states;
        let n_identities = core.people.graph().n_identities();
        if core.histories.len() != n_identities || core.states.len() != n_identities {
            return Err(damaged("states of other people"));
        }
        let personas = rest.personas.iter().map(|id| id.parse().map_err(|_| damaged("a persona without an id")));
        core.personas = personas.collect::<Result<_, _>>()?;
        core.score_by(&rest.scoring);
        core.generation = rest.generation;
        core.sweep = rest.sweep;
        core.tick_rows = usize::try_from(rest.tick_rows).unwrap_or(usize::MAX);
        core.put_off = rest.put_off.into();
        core.n_events = rest.n_events;
        core.applied = Offset(rest.applied);
        (core.now, core.today) = (Instant(rest.now), Day(rest.today));
        Ok(core)
    }
}

fn graph(settings: &CoreSettings, identities: &[Vec<u8>], links: Vec<StoredLink>) -> Result<IdentityGraph, LiveError> {
    let proof = |(at, key): (i64, i64)| Proof { occurred_at: Instant(at), key: EventKey(key) };
    let mut rows = Vec::new();
    for bytes in identities {
        rows.extend(read_stored::<Vec<StoredIdentity<'_>>>(bytes)?.into_iter().map(|row| IdentityRow {
            written: row.written,
            first_seen: row.seen.map(proof),
            carries: row.carries,
        }));
    }
    let links = links.into_iter().map(|link| LinkRow {
        from: link.from,
        to: link.to,
        kind: if link.aliased { LinkKind::Aliased } else { LinkKind::SeenTogether },
        proof: proof(link.proof),
    });
    let graph = IdentityGraph::from_rows(settings.rules.clone(), rows, links);
    graph.map_err(|error| LiveError::Damaged(error.to_string()))
}

fn pair(proof: Proof) -> (i64, i64) {
    (proof.occurred_at.0, proof.key.0)
}

fn damaged(what: &str) -> LiveError {
    LiveError::Damaged(what.to_owned())
}

impl StoredState {
    fn of(state: &State) -> Self {
        let present = match state.present {
            Present::Unknown => 0,
            Present::Unassigned => 1,
            Present::Persona(place) => 2 + u32::from(place),
        };
        Self {
            present,
            since: state.since.0,
            settled: state.settled.0,
            scored: state.scored.0,
            generation: state.generation,
            shadow: state.shadow.0,
            waits: state.waits,
        }
    }

    fn state(&self) -> State {
        let present = match self.present {
            0 => Present::Unknown,
            1 => Present::Unassigned,
            other => Present::Persona(u16::try_from(other - 2).unwrap_or(u16::MAX)),
        };
        State {
            present,
            since: Instant(self.since),
            settled: Day(self.settled),
            scored: Day(self.scored),
            generation: self.generation,
            shadow: Silent(self.shadow),
            waits: self.waits,
        }
    }
}
